//! The sieve of Eratosthenes as a network of processes: each keeps a prime, and passes on what that does not divide.

use mailbox::{Config, Region};
use mailbox_patterns::csp::{Channel, ChannelError, Process};
use std::env;
use std::error::Error;
use std::process::Command;

const FILTERS: u32 = 20;
const NUMBERS: Channel<u32> = Channel::buffered("numbers", 64);
const PRIME: Channel<u32> = Channel::buffered("prime", 1);

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        return filter(&Region::from_env()?, rank.parse()?);
    }
    let region = Region::create_unnamed(Config::ranks(FILTERS + 1).topics(128))?;
    let me = region.join(0)?;
    let mut filters = vec![];
    for rank in 1..=FILTERS {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        filters.push(command.spawn()?);
    }
    let process = Process::begin(&me, 0..FILTERS + 1)?;
    let mut primes = vec![];
    for rank in 1..=FILTERS {
        primes.push(process.input(&PRIME.at(rank))?);
    }
    // Until the last one has its prime and ends. Then each ends the one before it.
    let mut numbers = process.output(&NUMBERS.at(1))?;
    let end = (2..).map(|number| numbers.send(&number)).find_map(Result::err);
    assert!(end.is_some_and(|end| end.is_poisoned()));
    let primes = primes.iter_mut().map(|prime| prime.recv()).collect::<Result<Vec<_>, _>>()?;
    println!("{primes:?}");
    filters.iter_mut().try_for_each(|filter| filter.wait().map(drop))?;
    Ok(())
}

fn filter(region: &Region, rank: u32) -> Result<(), Box<dyn Error>> {
    let me = region.join(rank)?;
    let process = Process::begin(&me, 0..FILTERS + 1)?;
    let mut from = process.input(&NUMBERS.at(rank))?;
    let prime = from.recv()?;
    process.output(&PRIME.at(rank))?.send(&prime)?;
    if rank == FILTERS {
        return Ok(());
    }
    let mut to = process.output(&NUMBERS.at(rank + 1))?;
    let mut pass = |number: u32| if number.is_multiple_of(prime) { Ok(()) } else { to.send(&number) };
    loop {
        match from.recv().and_then(&mut pass) {
            Err(ChannelError::Poisoned { .. }) => return Ok(()),
            result => result?,
        }
    }
}
