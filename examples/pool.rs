//! A pool of three workers. One dies at its first job: the master is told, and another gets the job.

use mailbox::{Config, Endpoint, RecvError, Region};
use std::{collections::BTreeMap, env, error::Error, process};

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(region) = Region::from_env() {
        return work(&region.join_any()?);
    }
    let region = Region::create_unnamed(Config::ranks(4))?;
    let me = region.join(0)?;
    let mut worker = process::Command::new(env::current_exe()?);
    region.hand_to(&mut worker)?;
    let mut workers = [worker.spawn()?, worker.spawn()?, worker.spawn()?];
    let (mut idle, mut jobs) = (vec![1, 2, 3], (1..=1000).collect::<Vec<u64>>());
    let (mut given, mut sum) = (BTreeMap::new(), 0);
    while !jobs.is_empty() || !given.is_empty() {
        let count = idle.len().min(jobs.len());
        for (rank, job) in idle.drain(..count).zip(jobs.drain(..count)) {
            me.send(rank, &job.to_ne_bytes())?;
            given.insert(rank, job);
        }
        match me.recv().map(|result| (result.from(), result.value::<u64>())) {
            Ok((rank, square)) => {
                sum += square?;
                given.remove(&rank);
                idle.push(rank);
            }
            Err(RecvError::Gone { rank, died: true }) => jobs.extend(given.remove(&rank)),
            Err(error) => return Err(error.into()),
        }
    }
    drop(me); // which ends the workers
    println!("all squares: {sum}");
    Ok(workers.iter_mut().try_for_each(|worker| worker.wait().map(drop))?)
}

fn work(me: &Endpoint) -> Result<(), Box<dyn Error>> {
    while let Ok(job) = me.from(0).recv() {
        let square = job.value::<u64>()?.pow(2);
        (me.rank() == 2).then(|| process::exit(1));
        me.send(0, &square.to_ne_bytes())?;
    }
    Ok(())
}
