//! A master and workers that meet in a tuple space. The first worker dies in the middle of its first task, which goes to another.

use mailbox::{Config, Region};
use mailbox_patterns::tuple::{Limits, Shard, Space, TupleError, any};
use std::env;
use std::error::Error;
use std::process::{Child, Command, exit};
use std::time::Duration;

const SHARDS: u32 = 2;
const WORKERS: u32 = 3;
const TASKS: u64 = 40;
const LENGTH: u64 = 5_000;
const MASTER: u32 = SHARDS + WORKERS;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        let me = Region::from_env()?.join(rank.parse()?)?;
        if me.rank() < SHARDS {
            return Ok(Shard::begin(&me, 0..SHARDS, Limits::default())?.serve_until_alone()?);
        }
        return Ok(work(&Space::begin(&me, 0..SHARDS)?, me.rank() == SHARDS)?);
    }
    let region = Region::create_unnamed(Config::ranks(MASTER + 1))?;
    let me = region.join(MASTER)?;
    let start = |rank: u32| -> Result<Child, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        Ok(command.spawn()?)
    };
    let mut others = (0..SHARDS).map(start).collect::<Result<Vec<_>, _>>()?;
    let space = Space::begin(&me, 0..SHARDS)?;
    // The key of a task is its number: so the tasks are spread over the shards.
    (1..=TASKS).try_for_each(|task| space.out((task, "count")))?;
    println!("the first worker has died: {}", !start(SHARDS)?.wait()?.success());
    for rank in SHARDS + 1..MASTER {
        others.push(start(rank)?);
    }
    let (mut primes, mut again) = (0, 0);
    for task in 1..=TASKS {
        let counted = space.take((task, "counted", any::<u64>(), any::<bool>()))?;
        let (_, _, count, came_back): (u64, String, u64, bool) = counted.read()?;
        primes += count;
        again += u32::from(came_back);
    }
    println!("{primes} primes below {}, {again} of {TASKS} tasks was begun again", TASKS * LENGTH);
    (SHARDS + 1..MASTER).try_for_each(|_| space.out((0_u64, "count")))?; // no more tasks
    drop(space);
    drop(me);
    others.iter_mut().try_for_each(|other| other.wait().map(drop))?;
    Ok(())
}

fn work(space: &Space<'_>, dies: bool) -> Result<(), TupleError> {
    loop {
        let task = space.lease((any::<u64>(), "count"), Duration::from_secs(60))?;
        let (number, _): (u64, String) = task.tuple().clone().read()?;
        match number {
            0 => return task.done(),
            _ if dies => exit(1), // the lease ends with the process
            _ => {}
        }
        let is_prime = |n: &u64| *n > 1 && (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
        let count = ((number - 1) * LENGTH..number * LENGTH).filter(is_prime).count() as u64;
        let came_back = task.tuple().returns() > 0;
        task.replace((number, "counted", count, came_back))?;
    }
}
