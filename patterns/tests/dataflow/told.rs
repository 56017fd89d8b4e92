//! Graphs that are refused, drawn, counted, or fail.

use super::*;

#[test]
fn a_graph_that_cannot_run_is_refused() {
    let graph = Graph::new();
    assert_eq!(graph.check(), Err(GraphError::Empty));
    let (later, stream) = graph.later::<u64>("loop");
    assert_eq!(graph.check(), Err(GraphError::Unconnected { operator: "loop".into(), streams: 0 }));
    let source = graph.source("numbers", |from| (from..9).map(|number| (number, number)));
    let both = source.union("both", &stream);
    let next = both.map("next", |number| number + 1);
    _ = next.to_file("out", "nowhere", Durability::Process, |number| format!("{number}"));
    later.connect(&next.filter("small", |number| *number < 5));
    let names = ["loop", "both", "next", "small"].map(String::from);
    assert_eq!(graph.check(), Err(GraphError::Cycle { operators: names.to_vec() }));
    let region = Region::create_unnamed(Config::ranks(1)).expect("memory");
    let error = graph.run(&region.join(0).expect("free"), &Options::new("nowhere")).expect_err("a cycle");
    assert!(matches!(error, RunError::Graph(GraphError::Cycle { .. })), "{error}");

    let source = |graph: &Graph, name: &str| graph.source(name, |_| [(0, 0_u64)].into_iter());
    let graph = Graph::new();
    source(&graph, "a").union("both", &source(&Graph::new(), "b"));
    assert_eq!(graph.check(), Err(GraphError::Foreign { operator: "both".into() }));
    let graph = Graph::new();
    _ = (source(&graph, "a"), source(&graph, "a"));
    assert_eq!(graph.check(), Err(GraphError::Name { operator: "a".into() }));
    let graph = Graph::new();
    _ = source(&graph, "a").on([]);
    assert_eq!(graph.check(), Err(GraphError::Nowhere { operator: "a".into() }));
    let graph = Graph::new();
    let keyed = source(&graph, "a").key_by("key", |number| (number, number));
    _ = keyed.window(Window::Count(0)).fold("none", 0, |_, _| {});
    assert_eq!(graph.check(), Err(GraphError::Window { operator: "none".into() }));
}

#[test]
fn ranks_that_built_another_graph_are_told() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
    let build = |name: &str| {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..9).map(|number| (number, number)));
        _ = source.map(name, |number| number).on([1]).to_file(
            "out",
            out_of(&folder),
            Durability::Process,
            |_| String::new(),
        );
        graph
    };
    let outcomes = thread::scope(|scope| {
        let threads = [(0, "one"), (1, "other")].map(|(rank, name)| {
            let (me, build, options) = (region.join(rank).expect("free"), &build, options(&folder));
            scope.spawn(move || build(name).run(&me, &options))
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    for outcome in outcomes {
        let error = outcome.expect_err("another graph");
        assert!(matches!(error, RunError::Differs { rank: 1, coordinator: 0 }), "{error}");
    }
    let error = build("one").run(&region.join(2).expect("free"), &options(&folder)).expect_err("no part");
    assert!(matches!(error, RunError::NoPart { rank: 2 }), "{error}");
    // Nobody comes.
    let options = options(&folder).patience(Duration::from_millis(200));
    let missing = build("one").run(&region.join(0).expect("free"), &options).expect_err("alone");
    assert!(matches!(missing, RunError::Missing { rank: 1 }), "{missing}");
    let missing = build("one").run(&region.join(1).expect("free"), &options).expect_err("alone");
    assert!(matches!(missing, RunError::Missing { rank: 0 }), "{missing}");
}

#[test]
fn a_drawing_has_a_box_for_each_rank() {
    let graph = Graph::new();
    let source = graph.source("the \"numbers\"", |from| (from..9).map(|number| (number, number)));
    let keyed = source.key_by("key", |number| (number, number)).parts(2).window(Window::Time(5));
    _ = keyed.fold("sum", 0, |sum, number| *sum += number).on([1, 2]);
    let expected = r#"digraph {
    rankdir=LR;
    node [shape=box];
    subgraph cluster_0 {
        label="rank 0";
        o0_0 [label="the \"numbers\"\nsource"];
        o1_0 [label="key\nkey by"];
    }
    subgraph cluster_1 {
        label="rank 1";
        o2_0 [label="sum 0\nfold Time(5)"];
    }
    subgraph cluster_2 {
        label="rank 2";
        o2_1 [label="sum 1\nfold Time(5)"];
    }
    o0_0 -> o1_0;
    o1_0 -> o2_0;
    o1_0 -> o2_1;
}
"#;
    assert_eq!(graph.dot().expect("sound"), expected);
}

#[test]
fn rates_are_shown_while_it_runs() {
    let folder = Folder::new();
    let shown = Mutex::new(Vec::<Rates>::new());
    let shown: &'static Mutex<Vec<Rates>> = Box::leak(Box::new(shown));
    let build = || {
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..3000).map(|number| (number, number)));
        let slow = source.map("slow", |number| {
            thread::sleep(Duration::from_micros(20));
            number
        });
        _ = slow.to_file("out", out_of(&folder), Durability::Process, |number| format!("{number}\n"));
        graph
    };
    let options = |_| {
        options(&folder).channel(16).show_rates(Duration::from_millis(10), |rates| {
            shown.lock().expect("no panic").push(rates.clone());
        })
    };
    let report = run_on(&[0], options, build).remove(0).expect("no error");
    let shown = shown.lock().expect("no panic");
    let records: Vec<u64> = shown.iter().map(|rates| rates.operators[1].records).collect();
    assert!(records.len() > 2 && records.is_sorted(), "{records:?}");
    assert!(shown.iter().any(|rates| rates.operators[1].per_second > 0.0));
    assert!(shown[0].to_string().contains("rank 0: slow: "), "{}", shown[0]);
    assert_eq!(report.rates.operators.iter().map(|rate| rate.records).collect::<Vec<_>>(), [3000; 3]);
}

#[test]
fn an_operator_that_panics_ends_the_run_of_all_ranks() {
    let folder = Folder::new();
    let tries: &'static Mutex<u32> = Box::leak(Box::new(Mutex::new(0)));
    // There is none before: with a new checkpoint the retries begin again.
    let options = |_| options(&folder).checkpoint_every(100).retries(2);
    let outcomes = through(&folder, options, |number| {
        if number == 55 {
            *tries.lock().expect("no panic") += 1;
            panic!("number {number} is not to my taste");
        }
        number
    });
    for outcome in outcomes {
        match outcome {
            Err(RunError::Operator { rank: 1, operator, reason }) => {
                assert_eq!(operator, "mapped");
                assert_eq!(reason, "panicked: number 55 is not to my taste");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(*tries.lock().expect("no panic"), 3);
}

#[test]
fn an_operator_that_panics_now_and_then_changes_nothing() {
    let folder = Folder::new();
    let bad: &'static Mutex<Vec<u64>> = Box::leak(Box::new(Mutex::new(vec![3, 19, 20, 21, 50, 99])));
    let options = |_| options(&folder).checkpoint_every(10).retries(6).channel(8);
    let outcomes = through(&folder, options, |number| {
        let mut bad = bad.lock().expect("no panic while it is locked");
        if let Some(at) = bad.iter().position(|bad| *bad == number) {
            bad.remove(at);
            drop(bad);
            panic!("for once");
        }
        number
    });
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no error")).collect();
    assert!(outcomes.iter().all(|report| report.went_back == 6 && report.checkpoint > 0), "{outcomes:?}");
    assert!(outcomes.iter().flat_map(|report| &report.rates.operators).all(|rate| rate.records == 100));
    assert_eq!(written(&folder), numbers());
}

#[test]
fn a_sink_that_cannot_write_is_told() {
    let folder = Folder::new();
    fs::create_dir(out_of(&folder)).expect("a new name");
    let outcomes = through(&folder, |_| options(&folder).retries(0), |number| number);
    for outcome in outcomes {
        let error = outcome.expect_err("it is a folder");
        assert!(
            matches!(&error, RunError::Operator { rank: 2, operator, .. } if operator == "out"),
            "{error}"
        );
    }
}
