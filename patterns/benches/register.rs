//! Registers beside a mutex in shared memory and beside plain memory, all between processes: `cargo bench --bench register`.

use mailbox::{Config, Deadline, Region};
use mailbox_patterns::register::{Gossip, Owner, Register, Remote, Replica, Replicated};
use measure::{Partner, Shared, Times, pin};
use raw_sync::locks::{LockImpl, LockInit, Mutex};
use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: u32 = 20_000;
const RUNS: usize = 9;
const VALUE: Register<u64> = Register::new("value");
const REPLICAS: u32 = 3;

/// The processor of the process that is measured, and that of all others.
const SIDES: [usize; 2] = [0, 1];

/// Reads, and writes.
type Both = [Times; 2];

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(SIDES[0]);
    println!("a read and a write of 8 B, {RUNS} runs of {ROUNDS}, in turn: median over the runs, ns");
    println!("{:<52}{:>10}{:>10}{:>11}{:>10}", "", "read p50", "p99", "write p50", "p99");
    let rows: [(&str, &dyn Fn() -> Outcome<Both>); 9] = [
        ("plain memory, alone", &|| memory(false)),
        ("plain memory that another process writes", &|| memory(true)),
        ("mutex in shared memory, alone", &|| mutex(false)),
        ("mutex in shared memory that another takes always", &|| mutex(true)),
        ("owned register", &owned),
        ("the same, write by compare-and-swap", &swapped),
        ("replicated, 3 replicas in turn in one process", &|| replicated(true)),
        ("replicated, 3 processes on one processor", &|| replicated(false)),
        ("spread by gossip", &gossip),
    ];
    let mut all = [const { vec![] }; 9];
    for _ in 0..RUNS {
        for (runs, (_, run)) in all.iter_mut().zip(rows) {
            runs.push(run()?);
        }
    }
    for (runs, (what, _)) in all.iter().zip(rows) {
        let figures = [(0, 0.5), (0, 0.99), (1, 0.5), (1, 0.99)]
            .map(|(kind, part)| median(runs.iter().map(|both| nanoseconds(&both[kind], part)).collect()));
        let [read, read_most, write, write_most] = figures;
        println!("{what:<52}{read:>10.0}{read_most:>10.0}{write:>11.0}{write_most:>10.0}");
    }
    println!("What takes less than 2 µs is timed 16 together, and counts as the mean of these.");
    contended()
}

fn nanoseconds(times: &Times, part: f64) -> f64 {
    times.quantile(part).as_secs_f64() * 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A process on the other processor that goes on until it is killed.
fn other(mut step: impl FnMut() -> Outcome<()>) -> Outcome<Partner> {
    Ok(Partner::start(SIDES[1], || {
        loop {
            step().unwrap_or_else(|error| panic!("the other side: {error}"));
        }
    })?)
}

fn memory(is_shared: bool) -> Outcome<Both> {
    let memory = Shared::new(4096)?;
    let word = &memory.words()[0];
    let _partner = is_shared
        .then(|| {
            other(|| {
                word.store(black_box(1), Relaxed);
                Ok(())
            })
        })
        .transpose()?;
    // It has begun.
    while is_shared && word.load(Relaxed) == 0 {}
    let read = Times::of(ROUNDS, || {
        black_box(word.load(Relaxed));
        Ok::<_, Infallible>(())
    })?;
    let write = Times::of(ROUNDS, || {
        word.store(black_box(7), Relaxed);
        Ok::<_, Infallible>(())
    })?;
    Ok([read, write])
}

/// A mutex of POSIX threads, for several processes. Another process takes it again and again, as soon as it has let it go, and counts.
fn with_mutex<T>(is_shared: bool, work: impl FnOnce(&dyn LockImpl) -> Outcome<T>) -> Outcome<T> {
    let memory = Shared::new(8192)?;
    let start = memory.start().as_ptr();
    // SAFETY: a page for the lock, and one for the value; both outlive it.
    #[expect(unsafe_code, reason = "a mutex in shared memory")]
    let lock = unsafe { Mutex::new(start, start.add(4096)) }.map_err(|error| error.to_string())?.0;
    let lock: &dyn LockImpl = &*lock;
    let _partner = is_shared.then(|| other(|| under(lock, |value| *value += black_box(1)))).transpose()?;
    while is_shared && count(lock)? == 0 {}
    work(lock)
}

/// How often the other process has taken it.
fn count(lock: &dyn LockImpl) -> Outcome<u64> {
    let mut count = 0;
    under(lock, |value| count = *value)?;
    Ok(count)
}

/// Such a mutex is not fair: the process that has it takes it again while the other one is still being woken. The mean of 16 hides that.
/// So these are timed one by one, the clock included, and it is told how often each process has had it.
fn contended() -> Outcome<()> {
    let run = || {
        with_mutex(true, |lock| {
            let (mut times, before) = (Times::default(), count(lock)?);
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                under(lock, |value| _ = black_box(*value))?;
                times.add(begun.elapsed());
            }
            let share = (count(lock)? - before) as f64 / f64::from(ROUNDS);
            Ok([0.5, 0.9, 0.99, 0.999]
                .map(|part| nanoseconds(&times, part))
                .into_iter()
                .chain([share])
                .collect())
        })
    };
    let runs: Vec<Vec<f64>> = (0..RUNS).map(|_| run()).collect::<Outcome<_>>()?;
    let [half, most, nearly, all, share] =
        core::array::from_fn(|at| median(runs.iter().map(|run| run[at]).collect()));
    println!(
        "That mutex, reads one by one: p50 {half:.0}, p90 {most:.0}, p99 {nearly:.0}, p99.9 {all:.0} ns."
    );
    println!("For each time that this process took it, the other one did {share:.1} times.");
    Ok(())
}

fn mutex(is_shared: bool) -> Outcome<Both> {
    with_mutex(is_shared, time_mutex)
}

fn time_mutex(lock: &dyn LockImpl) -> Outcome<Both> {
    let read = Times::of(ROUNDS, || {
        under(lock, |value| {
            black_box(*value);
        })
    })?;
    let write = Times::of(ROUNDS, || under(lock, |value| *value = black_box(7)))?;
    Ok([read, write])
}

/// Does something with the value while the lock is held.
fn under(lock: &dyn LockImpl, work: impl FnOnce(&mut u64)) -> Outcome<()> {
    let guard = lock.lock().map_err(|error| error.to_string())?;
    // SAFETY: it is of its own page, and who has the lock alone uses it.
    #[expect(unsafe_code, reason = "what the mutex keeps")]
    work(unsafe { &mut *guard.cast::<u64>() });
    Ok(())
}

/// Of one client, while the owner serves in another process.
fn owned() -> Outcome<Both> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let _partner = owner(&region)?;
    let me = region.join(1)?;
    let mut remote = Remote::new(&me, &VALUE, 0)?;
    let read = Times::of(ROUNDS, || remote.read().map(|value| _ = black_box(value)))?;
    let write = Times::of(ROUNDS, || remote.write(&black_box(7)))?;
    Ok([read, write])
}

fn swapped() -> Outcome<Both> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let _partner = owner(&region)?;
    let me = region.join(1)?;
    let mut remote = Remote::new(&me, &VALUE, 0)?;
    let read = Times::of(ROUNDS, || remote.read().map(|value| _ = black_box(value)))?;
    let mut now = 0;
    let swap = Times::of(ROUNDS, || -> Outcome<()> {
        remote.compare_and_swap(&black_box(now), &(now + 1))?.map_err(|_| "nobody else writes")?;
        now += 1;
        Ok(())
    })?;
    Ok([read, swap])
}

fn owner(region: &Region) -> Outcome<Partner> {
    let mut owner = None;
    other(move || {
        let owner = match &mut owner {
            Some(owner) => owner,
            none => none.insert(Owner::new(region.join(0)?, &VALUE, 0)?),
        };
        owner.serve(Deadline::Never)?;
        Ok(())
    })
}

fn replicated(is_one_process: bool) -> Outcome<Both> {
    let region = Region::create_unnamed(Config::ranks(REPLICAS + 1))?;
    let join = |rank| -> Outcome<_> { Ok(Replica::join(region.join(rank)?, &VALUE, 0..REPLICAS, 0)?) };
    let mut partners = vec![];
    let groups: Vec<Vec<u32>> = if is_one_process {
        vec![(0..REPLICAS).collect()]
    } else {
        (0..REPLICAS).map(|rank| vec![rank]).collect()
    };
    for ranks in groups {
        let mut replicas = vec![];
        partners.push(other(move || {
            if replicas.is_empty() {
                replicas = ranks.iter().map(|rank| join(*rank)).collect::<Outcome<_>>()?;
            }
            let deadline = if is_one_process { Deadline::Now } else { Deadline::Never };
            for replica in &mut replicas {
                match replica.serve(deadline) {
                    Err(error) if !error.is_timeout() => return Err(error.into()),
                    _ => {}
                }
            }
            Ok(())
        })?);
    }
    let me = region.join(REPLICAS)?;
    let mut value = Replicated::new(&me, &VALUE, 0..REPLICAS)?;
    let rounds = if is_one_process { ROUNDS } else { ROUNDS / 10 };
    let read = Times::of(rounds, || value.read().map(|value| _ = black_box(value)))?;
    let write = Times::of(rounds, || value.write(&black_box(7)))?;
    Ok([read, write])
}

/// Reads and writes of the copy alone.
fn gossip() -> Outcome<Both> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let mut member = Gossip::join(region.join(0)?, &VALUE, 0..2, 0)?;
    let read = Times::of(ROUNDS, || {
        black_box(member.get());
        Ok::<_, Infallible>(())
    })?;
    let write = Times::of(ROUNDS, || member.write(black_box(7)))?;
    Ok([read, write])
}
