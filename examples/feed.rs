//! A feed: subscribers may be there before the publisher, which has rank 0.

use mailbox::{Config, JoinOptions, Region};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = std::env::args().nth(1) {
        return subscribe(&name);
    }
    let name = format!("feed-{}", std::process::id());
    let region = Region::create(&name, Config::ranks(4))?;
    let start = || Command::new(std::env::current_exe()?).arg(&name).spawn();
    let mut subscribers = [start()?, start()?, start()?];
    for rank in 1..4 {
        region.wait_for(rank, PATIENCE)?;
    }
    let me = region.join(0)?;
    for tick in 0..100u64 {
        (1..4).try_for_each(|rank| me.to(rank).within(PATIENCE).send(&tick.to_ne_bytes()))?;
    }
    subscribers.iter_mut().try_for_each(|subscriber| subscriber.wait().map(drop))?;
    drop(me);
    Ok(region.remove()?)
}

fn subscribe(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::open(name)?;
    let me = JoinOptions::new().ranks(1..).join(&region)?;
    region.wait_for(0, PATIENCE)?; // or the end of yesterday's publisher would be told
    for tick in 0..100u64 {
        assert_eq!(me.from(0).within(PATIENCE).recv()?.value::<u64>()?, tick);
    }
    println!("100 ticks");
    Ok(())
}
