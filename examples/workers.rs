//! A master and three workers, told apart by tags. One worker dies at its first job: the master is told which, and another gets
//! the job. Each worker's end is told by its rank, so nobody waits for one that is gone.

use mailbox::{Comm, Config, RecvError, Region};
use std::{collections::BTreeMap, env, error::Error, process};

const JOB: u32 = 1;
const STOP: u32 = 2;
const RESULT: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(region) = Region::from_env() {
        return work(&Comm::world(&region.join_any()?)?);
    }
    let region = Region::create_unnamed(Config::ranks(4))?;
    let me = region.join(0)?;
    let mut worker = process::Command::new(env::current_exe()?);
    region.hand_to(&mut worker)?;
    let mut workers = [worker.spawn()?, worker.spawn()?, worker.spawn()?];
    let comm = Comm::world(&me)?;
    let (mut idle, mut jobs) = ((1..comm.size()).collect::<Vec<_>>(), (1..=1000).collect::<Vec<u64>>());
    let (mut given, mut sum, mut left) = (BTreeMap::new(), 0, workers.len());
    while left > 0 {
        while let (Some(worker), Some(job)) = (idle.last(), jobs.last()) {
            comm.to(*worker)?.tag(JOB).send_value(job)?;
            given.extend(idle.pop().zip(jobs.pop()));
        }
        if given.is_empty() {
            idle.drain(..)
                .try_for_each(|worker| Ok::<_, Box<dyn Error>>(comm.to(worker)?.tag(STOP).send(b"")?))?;
        }
        match comm.from_any().tag(RESULT).recv() {
            Ok(result) => {
                sum += result.value::<u64>()?;
                given.remove(&result.from());
                idle.push(result.from());
            }
            Err(RecvError::Gone { rank, died }) => {
                println!("worker {rank} has {}", if died { "died" } else { "stopped" });
                jobs.extend(given.remove(&rank));
                left -= 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("all squares: {sum}, {} jobs left", jobs.len());
    Ok(workers.iter_mut().try_for_each(|worker| worker.wait().map(drop))?)
}

fn work(comm: &Comm) -> Result<(), Box<dyn Error>> {
    loop {
        let order = comm.from(0)?.recv()?; // of any tag
        if order.tag() == STOP {
            return Ok(());
        }
        (comm.rank() == 2).then(|| process::exit(1));
        comm.to(0)?.tag(RESULT).send_value(&order.value::<u64>()?.pow(2))?;
    }
}
