//! Batches: many messages are published with one store, and acknowledged with one.

use mailbox::{Config, Region};
use std::thread;

const COUNT: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let (from, to) = (region.join(0)?, region.join(1)?);
    let sender = thread::spawn(move || {
        let _batch = from.batch(); // ends with this thread; what it holds back goes a quarter mailbox at a time
        (0..COUNT).try_for_each(|number| from.send(1, &number.to_ne_bytes()))
    });

    let batch = to.batch();
    let mut sum = 0;
    for _ in 0..COUNT {
        sum += to.recv()?.value::<u64>()?;
    }
    drop(batch); // the sender is told of what is acknowledged and not yet told
    sender.join().expect("a sender that ends")?;
    println!("{COUNT} numbers, {sum} in all");
    Ok(())
}
