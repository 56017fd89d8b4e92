//! What it costs that threads share one endpoint.

use crate::conversation::{PATIENCE, Pair, answer_all, create};
use crate::process::{self, Partner};
use crate::stream::Stream;
use crate::times::Times;
use mailbox::{Config, Endpoint, RecvError, Region, Shared, Wait};
use std::error::Error;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

const BYTES: usize = 8;
/// Threads that call, in one process, and threads that answer, in another.
const THREADS: u32 = 8;

/// What the threads that answer have.
#[derive(Clone, Copy)]
pub enum Crew {
    /// An endpoint each.
    Endpoints,
    /// One endpoint that they share.
    Shared,
}

/// Round trips of 8 bytes of one thread that has a shared endpoint, to a process that has a plain one.
pub fn shared_round_trip(rounds: u32, wait: Wait) -> Result<Times, Box<dyn Error>> {
    let name = create(Config::ranks(2))?;
    let pair = Pair::of(&name, wait)?;
    let partner = Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        answer_all(&me, BYTES, Times::calls(rounds)).expect("the partner lives");
    })?;
    let me = pair.join(0)?.into_shared();
    let mut buffer = [1; BYTES];
    let times = Times::of(rounds, || {
        me.send(1, black_box(&buffer))?;
        me.recv()?.copy_to(black_box(&mut buffer));
        Ok::<_, Box<dyn Error>>(())
    })?;
    drop(me);
    partner.finish()?;
    Ok(times)
}

/// Calls of 8 bytes, so many from each of 8 threads: each calls an endpoint of its own, or all call one that 8 threads share.
pub fn served(crew: Crew, calls: u64, wait: Wait) -> Result<Stream, Box<dyn Error>> {
    let name = create(Config::ranks(2 * THREADS))?;
    let region = Region::open(&*name)?;
    let partner = Partner::start(1, || {
        process::unpin();
        serve(crew, |rank| join(&name, rank, wait).expect("a free rank"));
    })?;
    let servers = match crew {
        Crew::Endpoints => 0..THREADS,
        Crew::Shared => 0..1,
    };
    servers.clone().try_for_each(|server| region.wait_for(server, PATIENCE).map(drop))?;
    process::unpin();
    let callers =
        (THREADS..2 * THREADS).map(|rank| join(&name, rank, wait)).collect::<Result<Vec<_>, _>>()?;
    let gate = Barrier::new(callers.len() + 1);
    let time = thread::scope(|scope| {
        for (me, server) in callers.into_iter().zip(servers.cycle()) {
            let gate = &gate;
            scope.spawn(move || {
                gate.wait();
                let mut buffer = [1; BYTES];
                for _ in 0..calls {
                    let reply = me.call(server, black_box(&buffer)).expect("the server lives");
                    black_box(&mut buffer).copy_from_slice(&reply);
                }
                gate.wait();
            });
        }
        gate.wait();
        let start = Instant::now();
        gate.wait();
        start.elapsed()
    });
    process::pin(0);
    // It would answer for ever.
    drop(partner);
    Ok(Stream { messages: calls * u64::from(THREADS), bytes: BYTES, time })
}

fn join(region: &str, rank: u32, wait: Wait) -> Result<Endpoint, Box<dyn Error>> {
    let endpoint = Region::open(region)?.join(rank)?;
    endpoint.set_wait(wait);
    Ok(endpoint)
}

/// Answers in 8 threads until this process is killed.
fn serve(crew: Crew, join: impl Fn(u32) -> Endpoint) {
    let threads: Vec<_> = match crew {
        Crew::Endpoints => (0..THREADS)
            .map(|rank| {
                let me = join(rank);
                thread::spawn(move || {
                    answer_calls(|buffer| {
                        let call = me.recv()?;
                        call.copy_to(buffer);
                        let _ = call.reply(buffer);
                        Ok(())
                    })
                })
            })
            .collect(),
        Crew::Shared => {
            let me = join(0).into_shared();
            let answer = |me: Shared| {
                move || {
                    answer_calls(|buffer| {
                        let call = me.recv()?;
                        call.copy_to(buffer);
                        let _ = call.reply(buffer);
                        Ok(())
                    })
                }
            };
            (0..THREADS).map(|_| thread::spawn(answer(me.clone()))).collect()
        }
    };
    threads.into_iter().for_each(|thread| _ = thread.join());
}

/// Answers one call after the other, until there is nobody left.
fn answer_calls(mut answer: impl FnMut(&mut [u8; BYTES]) -> Result<(), RecvError>) {
    let mut buffer = [0; BYTES];
    while answer(black_box(&mut buffer)).is_ok() {}
}
