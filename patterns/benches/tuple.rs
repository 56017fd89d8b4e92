//! Operations of a tuple space whose shard is another process, beside a map under a lock in one process, and beside a server behind a
//! socket: `cargo bench --bench tuple`.

use mailbox::{Config, Region};
use mailbox_patterns::tuple::{Limits, Shard, Space, TupleError, any};
use measure::{Partner, Times, pin};
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: u32 = 20_000;
const RUNS: usize = 9;
/// Tuples with the same key that a template does not take.
const OTHERS: u64 = 1000;

/// Each side has a processor.
const SIDES: [usize; 2] = [0, 1];

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    let (value, number) = (black_box(0.5), black_box(7_u64));
    let lease = Duration::from_secs(60);
    let rows: [(&str, &dyn Fn() -> Outcome<Times>); 9] = [
        ("space: out, take", &|| {
            space(
                |_| Ok(()),
                |space| {
                    space.out(("n", number, value))?;
                    black_box(space.take(("n", any::<u64>(), any::<f64>()))?);
                    Ok(())
                },
            )
        }),
        ("space: out", &|| space(|_| Ok(()), |space| space.out(("n", number, value)))),
        ("space: out, take, 1 KiB", &|| {
            let long = vec![1_u8; 1024];
            space(
                |_| Ok(()),
                |space| {
                    space.out(("n", black_box(&*long)))?;
                    black_box(space.take(("n", any::<Vec<u8>>()))?);
                    Ok(())
                },
            )
        }),
        ("space: rd", &|| {
            space(
                |space| space.out(("n", number, value)),
                |space| {
                    black_box(space.rd(("n", any::<u64>(), any::<f64>()))?);
                    Ok(())
                },
            )
        }),
        ("space: rd, behind 1000 others", &|| {
            let others = |space: &Space<'_>| (0..OTHERS).try_for_each(|n| space.out(("n", n, true)));
            space(
                |space| others(space).and_then(|()| space.out(("n", number, value))),
                |space| {
                    black_box(space.rd(("n", any::<u64>(), any::<f64>()))?);
                    Ok(())
                },
            )
        }),
        ("space: lease, replace", &|| {
            space(
                |space| space.out(("n", number, value)),
                |space| {
                    let lent = space.lease(("n", any::<u64>(), any::<f64>()), lease)?;
                    black_box(lent.tuple());
                    lent.replace(("n", number, value))
                },
            )
        }),
        ("lock and map: out, take", &|| locked(false)),
        ("the same, and another thread", &|| locked(true)),
        ("socket server: out, take", &behind_socket),
    ];
    println!(
        "{RUNS} runs of {ROUNDS}, in turn: median over the runs of p50 and p99, ns; times a second, thousands"
    );
    let mut all = [const { vec![] }; 9];
    for _ in 0..RUNS {
        for (times, (_, run)) in all.iter_mut().zip(&rows) {
            times.push(run()?);
        }
    }
    for (times, (what, _)) in all.iter().zip(&rows) {
        let [half, most] = [0.5, 0.99]
            .map(|part| median(times.iter().map(|times| times.quantile(part).as_nanos() as f64).collect()));
        println!("{what:<32}{half:>9.0}{most:>9.0}{:>9.0}", 1e6 / half);
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A shard in another process.
fn space(
    prepare: impl FnOnce(&Space<'_>) -> Result<(), TupleError>,
    step: impl Fn(&Space<'_>) -> Result<(), TupleError>,
) -> Outcome<Times> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let shard = Partner::start(SIDES[1], || {
        let me = region.join(0).expect("free");
        let mut shard = Shard::begin(&me, 0..1, Limits::default()).expect("one of them");
        shard.serve_until_alone().expect("it works");
    })?;
    let me = region.join(1)?;
    let space = Space::begin(&me, 0..1)?;
    prepare(&space)?;
    let times = Times::of(ROUNDS, || step(&space))?;
    drop(space);
    drop(me);
    shard.finish()?;
    Ok(times)
}

type Map = HashMap<String, VecDeque<(u64, f64)>>;

/// What one process would use. With `is_shared` another thread does the same with another key.
fn locked(is_shared: bool) -> Outcome<Times> {
    let (map, changed) = (Mutex::new(Map::new()), Condvar::new());
    let step = |key: &str| {
        let entry = black_box((7, 0.5));
        map.lock().expect("no panic").entry(key.into()).or_default().push_back(entry);
        changed.notify_all();
        let mut locked = map.lock().expect("no panic");
        loop {
            if let Some(taken) = locked.get_mut(key).and_then(VecDeque::pop_front) {
                black_box(taken);
                break Ok::<_, Box<dyn Error>>(());
            }
            locked = changed.wait(locked).expect("no panic");
        }
    };
    let is_over = Mutex::new(false);
    thread::scope(|scope| {
        if is_shared {
            scope.spawn(|| {
                pin(SIDES[1]);
                while !*is_over.lock().expect("no panic") {
                    (0..100).for_each(|_| step("m").expect("no error"));
                }
            });
        }
        let times = Times::of(ROUNDS, || step("n"));
        *is_over.lock().expect("no panic") = true;
        times
    })
}

/// A process with such a map, and a socket to it. It knows neither templates nor deaths.
fn behind_socket() -> Outcome<Times> {
    let (mut here, mut there) = UnixStream::pair()?;
    let server = Partner::start(SIDES[1], || {
        let mut map = HashMap::<u64, VecDeque<u64>>::new();
        let mut request = [0; 24];
        for _ in 0..2 * Times::calls(ROUNDS) {
            there.read_exact(&mut request).expect("a request");
            let [what, key, value] =
                [0, 8, 16].map(|at| u64::from_ne_bytes(request[at..at + 8].try_into().expect("8 bytes")));
            let queue = map.entry(key).or_default();
            let answer = if what == 0 {
                queue.push_back(value);
                0
            } else {
                queue.pop_front().unwrap_or(u64::MAX)
            };
            there.write_all(&answer.to_ne_bytes()).expect("room");
        }
    })?;
    let mut ask = |what: u64| {
        let request = [what, black_box(7), black_box(9)].map(u64::to_ne_bytes).concat();
        here.write_all(&request)?;
        let mut answer = [0; 8];
        here.read_exact(&mut answer)?;
        black_box(answer);
        Ok::<_, Box<dyn Error>>(())
    };
    let times = Times::of(ROUNDS, || ask(0).and_then(|()| ask(1)))?;
    server.finish()?;
    Ok(times)
}
