//! Words that are counted: by a graph on 1, 2 and 3 ranks, each a process, beside a loop of one thread, and beside `timely` with 1 and 2 threads:
//! `cargo bench --bench dataflow`.

use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{Graph, Options};
use mailbox_patterns::delivery::Durability;
use measure::{Partner, pin, unpin};
use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::vec::{Map, ToStream};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TEXT: &str = include_str!("../../README.md");
/// How many times the text is read.
const TIMES: usize = 400;
const RUNS: usize = 5;

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    let folder = Folder::new()?;
    let words = (TEXT.split_whitespace().count() * TIMES) as f64;
    let rows: [(&str, &dyn Fn() -> Outcome<()>); 8] = [
        ("a loop, one thread", &|| {
            pin(0);
            looped();
            Ok(())
        }),
        ("graph, 1 rank", &|| graph(&folder.0, 1, 0)),
        ("graph, 2 ranks", &|| graph(&folder.0, 2, 0)),
        ("graph, 3 ranks", &|| graph(&folder.0, 3, 0)),
        ("graph, 1 rank, checkpoints", &|| graph(&folder.0, 1, 10_000)),
        ("graph, 2 ranks, checkpoints", &|| graph(&folder.0, 2, 10_000)),
        ("timely, 1 thread", &|| with_timely(1)),
        ("timely, 2 threads", &|| with_timely(2)),
    ];
    println!("{words} words, {RUNS} runs in turn: median, the least and the most, million words a second");
    let mut all = [const { vec![] }; 8];
    for _ in 0..RUNS {
        for (rates, (_, run)) in all.iter_mut().zip(&rows) {
            let begin = Instant::now();
            run()?;
            rates.push(words / begin.elapsed().as_secs_f64() / 1e6);
        }
    }
    for (mut rates, (what, _)) in all.into_iter().zip(&rows) {
        rates.sort_by(f64::total_cmp);
        let [least, half, most] = [0, RUNS / 2, RUNS - 1].map(|at| rates[at]);
        println!("{what:<32}{half:>8.2}{least:>8.2}{most:>8.2}");
    }
    Ok(())
}

/// A folder on the disk, not in memory.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dataflow-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lines that part `part` of `parts` reads.
fn lines(part: usize, parts: usize) -> impl Iterator<Item = String> {
    let lines = (0..TIMES).flat_map(|_| black_box(TEXT).lines());
    lines.skip(part).step_by(parts).map(String::from)
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(String::from).collect()
}

fn looped() {
    let mut counts = HashMap::<String, u64>::new();
    for line in lines(0, 1) {
        words(&line).into_iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    }
    black_box(counts);
}

/// Each rank reads a part of the lines, and counts a part of the words.
fn graph(folder: &Path, ranks: u32, every: u64) -> Outcome<()> {
    let run = |region: &Region, rank: u32| -> Outcome<()> {
        let graph = Graph::new();
        let lines = graph.sources("lines", ranks as usize, 0, move |part, from| {
            lines(part, ranks as usize).enumerate().skip(from as usize).map(|(at, line)| (at as u64, line))
        });
        let words = lines.on(0..ranks).flat_map("words", |line| words(&line));
        let keyed = words.key_by("word", |word| (word, ())).parts(ranks as usize);
        let counts = keyed.fold("count", 0_u64, |count, ()| *count += 1).on(0..ranks);
        let text = |(word, count): &(String, u64)| format!("{word} {count}\n");
        _ = counts.to_file("out", folder.join("out"), Durability::Process, text).on([0]);
        let options = Options::new(folder.join("checkpoints")).checkpoint_every(every);
        black_box(graph.run(&region.join(rank)?, &options)?);
        Ok(())
    };
    let region = Region::create_unnamed(Config::ranks(ranks))?;
    let start = |rank: u32| Partner::start(rank as usize, || run(&region, rank).expect("no error"));
    let others: Vec<_> = (1..ranks).map(start).collect::<Result<_, _>>()?;
    pin(0);
    run(&region, 0)?;
    others.into_iter().try_for_each(Partner::finish)?;
    Ok(fs::remove_dir_all(folder.join("checkpoints"))?)
}

fn with_timely(threads: usize) -> Outcome<()> {
    unpin();
    let guards = timely::execute(timely::Config::process(threads), |worker| {
        let (part, parts) = (worker.index(), worker.peers());
        let hash = |word: &String| {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            hasher.finish()
        };
        worker.dataflow::<u64, _, _>(|scope| {
            let words = lines(part, parts).to_stream(scope).flat_map(|line: String| words(&line));
            words.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
                Exchange::new(hash),
                "count",
                |_, _| {
                    let mut counts = HashMap::<String, u64>::new();
                    move |input, _| {
                        input.for_each_stamp(|_, data| {
                            for batch in data {
                                batch.drain(..).for_each(|word| *counts.entry(word).or_insert(0) += 1);
                            }
                        });
                        black_box(&counts);
                    }
                },
            );
        });
    });
    for outcome in guards?.join() {
        outcome?;
    }
    Ok(())
}
