//! A pipeline: a source, two stages and a sink. Each keeps its builders, as others keep persistent requests, and has two receives
//! and a send under way while it works. Threads are ranks here; processes do the same.

use mailbox::{Config, Endpoint, Region, RequestError};
use std::thread;

const BLOCKS: u64 = 1000;
const LEN: usize = 8192;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(4))?;
    let (source, sink) = (region.join(0)?, region.join(3)?);
    let stages = [region.join(1)?, region.join(2)?];
    let stages = stages.map(|me| thread::spawn(move || serve(&me)));
    let source = thread::spawn(move || {
        let block = |number| vec![number; LEN].into_iter().flat_map(u64::to_ne_bytes).collect::<Vec<_>>();
        (1..=BLOCKS).try_for_each(|number| source.send(1, &block(number)))
    });
    let (mut blocks, mut sum) = (0, 0);
    while let Ok(mail) = sink.from(2).recv() {
        (blocks, sum) = (blocks + 1, sum + words(&mail.to_vec()).sum::<u64>());
    }
    source.join().expect("a thread that ends")?;
    stages.into_iter().try_for_each(|stage| stage.join().expect("a thread that ends"))?;
    println!("{blocks} blocks, {sum} in all");
    Ok(())
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("8 bytes")))
}

/// Adds one to each number, until the stage before this one has ended.
fn serve(me: &Endpoint) -> Result<(), RequestError> {
    let (from, to) = (me.from(me.rank() - 1), me.to(me.rank() + 1)); // start them as often as you like
    let (mut first, mut second, mut sent) = (from.start(), from.start(), None);
    loop {
        let block = match first.wait() {
            Ok(mail) => mail.expect("a receive gives a mail").to_vec(), // the next one comes meanwhile
            Err(error) if error.is_gone() => break,
            Err(error) => return Err(error),
        };
        (first, second) = (second, from.start());
        let next: Vec<u8> = words(&block).flat_map(|number| (number + 1).to_ne_bytes()).collect();
        if let Some(before) = sent.replace(to.start(next)) {
            before.wait()?;
        }
    }
    sent.map_or(Ok(()), |last| last.wait().map(drop))
}
