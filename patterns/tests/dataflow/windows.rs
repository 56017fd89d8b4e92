//! Windows by time and by count.

use super::*;

#[test]
fn windows_close_with_the_watermark_and_late_records_are_counted() {
    let folder = Folder::new();
    let times: Vec<u64> = (0..64).map(|number| if number == 40 { 3 } else { number }).collect();
    let build = || {
        let graph = Graph::new();
        let times = times.clone();
        let source = graph.source("times", move |from| {
            times.clone().into_iter().map(|time| (time, 1_u64)).skip(from as usize)
        });
        let windows = source.key_by("one", |one| ((), one)).window(Window::Time(10));
        _ = windows.fold("sum", 0, |sum, one| *sum += one).to_file(
            "out",
            out_of(&folder),
            Durability::Process,
            |w| format!("{}:{} ", w.1, w.2),
        );
        graph
    };
    let reports = run_on(&[0], |_| options(&folder), build);
    let report = reports[0].as_ref().expect("no error");
    assert_eq!(written(&folder), "0:10 10:10 20:10 30:10 40:9 50:10 60:4 ");
    let sum = report.rates.operators.iter().find(|rate| rate.operator == "sum").expect("it is there");
    assert_eq!((sum.records, sum.late), (64, 1));
}

/// The watermark of two inputs is the lesser one, until that input ends.
#[test]
fn a_window_waits_for_the_slower_of_two_sources() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = |name: &str, step: u64, count: u64| {
            graph.source(name, move |from| (from..count).map(move |number| (number * step, step)))
        };
        let both = source("fast", 10, 128).union("both", &source("slow", 1, 100).on([1]));
        let windows = both.key_by("step", |step| (step, 1_u64)).parts(1).window(Window::Time(320));
        let sums = windows.fold("count", 0, |count, one| *count += one);
        _ = sums.to_file("out", out_of(&folder), Durability::Process, |(step, start, count)| {
            format!("{step} from {start}: {count}\n")
        });
        graph
    };
    let reports = run_on(&[0, 1], |_| options(&folder), build);
    let late = reports.iter().flat_map(|report| &report.as_ref().expect("no error").rates.operators);
    assert_eq!(late.map(|rate| rate.late).sum::<u64>(), 0);
    // Each window has all: those of the slower one are all in the first.
    let expected =
        ["1 from 0: 100", "10 from 0: 32", "10 from 320: 32", "10 from 640: 32", "10 from 960: 32"];
    assert_eq!(written(&folder).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn windows_by_count_give_what_is_left_at_the_end() {
    let folder = Folder::new();
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..11).map(|number| (number, number)));
        let windows = source.key_by("parity", |number| (number % 2, number)).window(Window::Count(2));
        _ = windows.fold("list", vec![], |list, number| list.push(number)).to_file(
            "out",
            out_of(&folder),
            Durability::Process,
            |window| format!("{window:?}\n"),
        );
        graph
    };
    run_on(&[0], |_| options(&folder), build).remove(0).expect("no error");
    let expected = [
        "(0, 0, [0, 2])",
        "(1, 0, [1, 3])",
        "(0, 1, [4, 6])",
        "(1, 1, [5, 7])",
        "(0, 2, [8, 10])",
        "(1, 2, [9])",
    ];
    assert_eq!(written(&folder).lines().collect::<Vec<_>>(), expected);
}
