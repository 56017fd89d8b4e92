//! A pool of three workers. One is killed while it has a job: the master is told, and another worker gets the job.

use mailbox::{Config, Endpoint, Event, Region};
use std::{collections::BTreeMap, env, error::Error, process, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    if let Ok(region) = Region::from_env() {
        return work(&region.join_any()?);
    }
    let region = Region::create_unnamed(Config::ranks(4))?;
    let me = region.join(0)?;
    let mut worker = process::Command::new(env::current_exe()?);
    region.hand_to(&mut worker)?;
    let mut workers = [worker.spawn()?, worker.spawn()?, worker.spawn()?];
    (1..4).try_for_each(|rank| region.wait_for(rank, Duration::from_secs(10)).map(drop))?;
    let (mut idle, mut jobs) = (vec![], (1..=1000).collect::<Vec<u64>>());
    let (mut given, mut sum) = (BTreeMap::new(), 0);
    while !jobs.is_empty() || !given.is_empty() {
        match me.next_event()? {
            Event::Joined { rank, .. } => idle.push(rank),
            Event::Mail(result) => {
                sum += result.value::<u64>()?;
                given.remove(&result.from());
                idle.push(result.from());
            }
            Event::Left { rank, .. } | Event::Died { rank, .. } => {
                println!("worker {rank} is gone, and another gets its job");
                idle.retain(|worker| *worker != rank);
                jobs.extend(given.remove(&rank));
            }
            Event::Alone => return Err("all workers have ended".into()),
            _ => {}
        }
        while let (Some(rank), Some(job)) = (idle.last(), jobs.last()) {
            me.send(*rank, &job.to_ne_bytes())?;
            given.extend(idle.pop().zip(jobs.pop()));
        }
        if given.len() == workers.len() {
            workers[0].kill()?; // with SIGKILL, whatever it is doing
        }
    }
    drop(me); // which ends the workers
    println!("all squares: {sum}");
    Ok(workers.iter_mut().try_for_each(|worker| worker.wait().map(drop))?)
}

fn work(me: &Endpoint) -> Result<(), Box<dyn Error>> {
    while let Ok(job) = me.from(0).recv() {
        me.send(0, &job.value::<u64>()?.pow(2).to_ne_bytes())?;
    }
    Ok(())
}
