//! Tell and ask: actors of this crate beside those of `ractor` in one process; between processes beside a pair of UNIX sockets and a bare
//! call of a mailbox; and as ranks grow. `cargo bench --bench actor`.

use mailbox::{CallError, Config, Deadline, Region};
use mailbox_patterns::actor::{Address, AskError, Context, Limits, Next, Reply, System, TellError};
use mailbox_patterns::codec::Postcard;
use mailbox_patterns::protocol;
use measure::{Partner, Times, pin, unpin};
use postcard_schema::Schema;
use ractor::{ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

type Outcome<T> = Result<T, Box<dyn Error>>;

const RUNS: usize = 5;
const ASKS: u32 = 20_000;
const TELLS: u64 = 400_000;
const GUARD: Duration = Duration::from_secs(60);
/// Messages of a socket: as long as those of an actor of another rank are in their mailbox.
const BYTES: usize = 40;

#[derive(Clone, Copy, Serialize, Deserialize, Schema)]
enum Work {
    Add(u64),
    Get(Reply<Sum>),
    Over,
}

protocol! { Work as "Work" in Postcard }

#[derive(Clone, Copy, Serialize, Deserialize, Schema)]
struct Sum(u64);

protocol! { Sum as "Sum" in Postcard }

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(()); // `cargo test` only wants to see that it builds.
    }
    pin(0);
    println!(
        "an ask and its answer, one at a time, {RUNS} runs of {ASKS} in turn: medians of p50 and p99, ns"
    );
    let asks: [(&str, &dyn Fn() -> Outcome<Times>); 6] = [
        ("one process", &ask_here),
        ("ractor, one process, one thread", &|| ractor_ask(&one_thread()?)),
        ("ractor, one process, two threads", &|| ractor_ask(&two_threads()?)),
        ("two processes", &ask_there),
        ("bare call of a mailbox, two processes", &bare_call),
        ("pair of UNIX sockets, two processes", &socket_ask),
    ];
    let mut all = [const { vec![] }; 6];
    for _ in 0..RUNS {
        for (times, (_, run)) in all.iter_mut().zip(asks) {
            times.push(run()?);
        }
    }
    for (times, (what, _)) in all.iter().zip(asks) {
        let [half, most] = [0.5, 0.99].map(|part| {
            median(times.iter().map(|times: &Times| times.quantile(part).as_secs_f64() * 1e9).collect())
        });
        println!("{what:<44}{half:>10.0}{most:>10.0}");
    }
    println!("\ntells to one actor, {RUNS} runs of {TELLS} in turn: median, million a second");
    let tells: [(&str, &dyn Fn() -> Outcome<f64>); 8] = [
        ("one process", &tell_here),
        ("ractor, one process, one thread", &|| ractor_tell(&one_thread()?)),
        ("ractor, one process, two threads", &|| ractor_tell(&two_threads()?)),
        ("two processes", &|| tell_there(2)),
        ("three processes, two of them tell", &|| tell_there(3)),
        ("four processes, three of them tell", &|| tell_there(4)),
        ("pair of UNIX sockets, two processes", &socket_tell),
        ("100 000 actors of one process, in turn", &tell_many),
    ];
    let mut all = vec![vec![]; tells.len()];
    for _ in 0..RUNS {
        for (rates, (_, run)) in all.iter_mut().zip(tells) {
            rates.push(run()?);
        }
    }
    for (rates, (what, _)) in all.into_iter().zip(tells) {
        println!("{what:<44}{:>10.2}", median(rates));
    }
    println!(
        "\nasks of one actor, one at a time in each other process, {RUNS} runs: median, million a second"
    );
    for ranks in [2, 3, 4] {
        let rates: Result<Vec<_>, _> = (0..RUNS).map(|_| asks_there(ranks)).collect();
        println!("{:<44}{:>10.3}", format!("{ranks} processes"), median(rates?));
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn system(region: &Region, rank: u32) -> Outcome<System> {
    Ok(System::new(region.join(rank)?, Limits::default()))
}

fn spawn(system: &mut System) -> Outcome<Address<Work>> {
    let mut sum = 0_u64;
    Ok(system.spawn(move |work, cx: &mut Context<'_, Work>| {
        match black_box(work) {
            Work::Add(number) => sum = sum.wrapping_add(number),
            Work::Get(reply) => _ = cx.reply(reply, Sum(sum)),
            Work::Over => return Next::Stop,
        }
        Next::Same
    })?)
}

fn ask(system: &mut System, actor: Address<Work>) -> Result<(), AskError> {
    black_box(system.ask(actor, GUARD, Work::Get)?.0);
    Ok(())
}

/// Tells numbers. When there is no room it runs the actors.
fn tell(system: &mut System, actor: Address<Work>, count: u64) -> Outcome<()> {
    for number in 0..count {
        loop {
            match system.tell(actor, black_box(Work::Add(number))) {
                Ok(()) => break,
                Err(TellError::Full(_) | TellError::RankFull { .. }) => {
                    system.turn(Duration::from_millis(1))?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn rate(count: u64, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64() / 1e6
}

fn ask_here() -> Outcome<Times> {
    let mut system = system(&Region::create_unnamed(Config::ranks(2))?, 0)?;
    let actor = spawn(&mut system)?;
    Ok(Times::of(ASKS, || ask(&mut system, actor))?)
}

fn tell_here() -> Outcome<f64> {
    let mut system = system(&Region::create_unnamed(Config::ranks(2))?, 0)?;
    let actor = spawn(&mut system)?;
    let start = Instant::now();
    tell(&mut system, actor, TELLS)?;
    while ask(&mut system, actor).is_err() {}
    Ok(rate(TELLS, start))
}

fn tell_many() -> Outcome<f64> {
    let mut system = system(&Region::create_unnamed(Config::ranks(2))?, 0)?;
    let actors: Vec<_> = (0..100_000).map(|_| spawn(&mut system)).collect::<Result<_, _>>()?;
    system.run_for(Duration::from_millis(50))?;
    let start = Instant::now();
    for round in 0..4 {
        for actor in &actors {
            system.tell(*actor, black_box(Work::Add(round)))?;
        }
        system.turn(Deadline::Now)?;
    }
    ask(&mut system, actors[99_999])?;
    Ok(rate(400_000, start))
}

/// Runs what each of the other ranks does, beside an actor in this process. How long it took after all had joined.
fn beside(ranks: u32, work: impl Fn(&mut System, Address<Work>) -> Outcome<()>) -> Outcome<Duration> {
    let region = Region::create_unnamed(Config::ranks(ranks))?;
    let mut system = system(&region, 0)?;
    let (mut sum, over) = (0_u64, Rc::new(Cell::new(0)));
    let count = Rc::clone(&over);
    let actor = system.spawn(move |work, cx: &mut Context<'_, Work>| {
        match black_box(work) {
            Work::Add(number) => sum = sum.wrapping_add(number),
            Work::Get(reply) => _ = cx.reply(reply, Sum(sum)),
            Work::Over => count.set(count.get() + 1),
        }
        Next::Same
    })?;
    let mut partners = vec![];
    for rank in 1..ranks {
        partners.push(Partner::start(rank as usize % 2, || {
            let run = || {
                let mut system = self::system(&region, rank)?;
                (0..ranks).try_for_each(|rank| region.wait_for(rank, GUARD).map(drop))?;
                work(&mut system, actor)?;
                // The other ranks are not kept from theirs.
                while system.tell(actor, Work::Over).is_err() {
                    system.turn(Duration::from_millis(1))?;
                }
                Ok(system.run_for(Duration::from_millis(1))?)
            };
            run().unwrap_or_else(|error: Box<dyn Error>| panic!("rank {rank}: {error}"));
        })?);
    }
    (1..ranks).try_for_each(|rank| region.wait_for(rank, GUARD).map(drop))?;
    let start = Instant::now();
    while over.get() < ranks - 1 {
        system.turn(Duration::from_millis(1))?;
    }
    let time = start.elapsed();
    partners.into_iter().try_for_each(Partner::finish)?;
    Ok(time)
}

/// The actor is in the other process, and does nothing else.
fn served<T>(work: impl FnOnce(&mut System, Address<Work>) -> Outcome<T>) -> Outcome<T> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let _partner = Partner::start(1, || {
        let run = || {
            let mut system = self::system(&region, 1)?;
            let actor = spawn(&mut system)?;
            system.register("sum", actor.id(), GUARD)?;
            Ok(system.run_until(Deadline::Never, |_| false)?)
        };
        run().unwrap_or_else(|error: Box<dyn Error>| panic!("the actor: {error}"));
    })?;
    region.wait_for(1, GUARD)?;
    let mut system = system(&region, 0)?;
    let actor = loop {
        if let Ok(actor) = system.find("sum", GUARD) {
            break actor;
        }
    };
    work(&mut system, actor)
}

fn ask_there() -> Outcome<Times> {
    served(|system, actor| Ok(Times::of(ASKS, || ask(system, actor))?))
}

fn tell_there(ranks: u32) -> Outcome<f64> {
    if ranks == 2 {
        return served(|system, actor| {
            let start = Instant::now();
            tell(system, actor, TELLS)?;
            while ask(system, actor).is_err() {}
            Ok(rate(TELLS, start))
        });
    }
    let each = TELLS / u64::from(ranks - 1);
    let time = beside(ranks, |system, actor| tell(system, actor, each))?;
    Ok((each * u64::from(ranks - 1)) as f64 / time.as_secs_f64() / 1e6)
}

fn asks_there(ranks: u32) -> Outcome<f64> {
    let each = 50_000;
    let time = beside(ranks, |system, actor| Ok((0..each).try_for_each(|_| ask(system, actor))?))?;
    Ok(f64::from(each * (ranks - 1)) / time.as_secs_f64() / 1e6)
}

fn bare_call() -> Outcome<Times> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let partner = Partner::start(1, || {
        let run = || -> Outcome<()> {
            let me = region.join(1)?;
            for _ in 0..Times::calls(ASKS) {
                let call = me.recv()?;
                let number: u64 = call.value()?;
                call.reply(&black_box(number).to_ne_bytes())?;
            }
            Ok(())
        };
        run().unwrap_or_else(|error| panic!("the server: {error}"));
    })?;
    region.wait_for(1, GUARD)?;
    let me = region.join(0)?;
    let times = Times::of(ASKS, || {
        black_box(me.call(1, &black_box(7_u64).to_ne_bytes())?);
        Ok::<_, CallError>(())
    })?;
    partner.finish()?;
    Ok(times)
}

fn socket_ask() -> Outcome<Times> {
    let (mut near, mut far) = UnixStream::pair()?;
    let partner = Partner::start(1, || {
        let mut run = || -> Outcome<()> {
            let mut bytes = [0; BYTES];
            for _ in 0..Times::calls(ASKS) {
                far.read_exact(&mut bytes)?;
                far.write_all(black_box(&bytes))?;
            }
            Ok(())
        };
        run().unwrap_or_else(|error| panic!("the server: {error}"));
    })?;
    let mut bytes = [7; BYTES];
    let times = Times::of(ASKS, || {
        near.write_all(black_box(&bytes))?;
        near.read_exact(&mut bytes)
    })?;
    partner.finish()?;
    Ok(times)
}

fn socket_tell() -> Outcome<f64> {
    let (mut near, mut far) = UnixStream::pair()?;
    let partner = Partner::start(1, || {
        let mut run = || -> Outcome<()> {
            let mut bytes = [0; BYTES];
            for _ in 0..TELLS {
                far.read_exact(&mut bytes)?;
                black_box(&bytes);
            }
            Ok(far.write_all(&bytes)?)
        };
        run().unwrap_or_else(|error| panic!("the receiver: {error}"));
    })?;
    let start = Instant::now();
    let mut bytes = [7; BYTES];
    for _ in 0..TELLS {
        near.write_all(black_box(&bytes))?;
    }
    near.read_exact(&mut bytes)?;
    let rate = rate(TELLS, start);
    partner.finish()?;
    Ok(rate)
}

enum RactorWork {
    Add(u64),
    Get(RpcReplyPort<u64>),
}

struct RactorSum;

impl ractor::Actor for RactorSum {
    type Msg = RactorWork;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<RactorWork>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<RactorWork>,
        work: RactorWork,
        sum: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match black_box(work) {
            RactorWork::Add(number) => *sum = sum.wrapping_add(number),
            RactorWork::Get(reply) => reply.send(*sum)?,
        }
        Ok(())
    }
}

fn one_thread() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

fn two_threads() -> Outcome<Runtime> {
    unpin();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    pin(0);
    Ok(runtime)
}

async fn ractor_get(actor: &ActorRef<RactorWork>) -> Outcome<()> {
    let answer = actor.call(RactorWork::Get, Some(GUARD)).await?;
    black_box(answer.success_or("no answer")?);
    Ok(())
}

fn ractor_ask(runtime: &Runtime) -> Outcome<Times> {
    runtime.block_on(async {
        let (actor, handle) = ractor::Actor::spawn(None, RactorSum, ()).await?;
        let mut times = Times::default();
        for round in 0..ASKS + ASKS / 10 {
            let start = Instant::now();
            ractor_get(&actor).await?;
            if round >= ASKS / 10 {
                times.add(start.elapsed());
            }
        }
        actor.stop(None);
        handle.await?;
        Ok(times)
    })
}

fn ractor_tell(runtime: &Runtime) -> Outcome<f64> {
    runtime.block_on(async {
        let (actor, handle) = ractor::Actor::spawn(None, RactorSum, ()).await?;
        let start = Instant::now();
        for number in 0..TELLS {
            actor.cast(black_box(RactorWork::Add(number)))?;
        }
        ractor_get(&actor).await?;
        let rate = rate(TELLS, start);
        actor.stop(None);
        handle.await?;
        Ok(rate)
    })
}
