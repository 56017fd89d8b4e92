//! The dining philosophers: each is a process, and so is each fork. Those who all take the left fork first starve, and are told.

use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::csp::{Alt, Channel, ChannelError, Process};
use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

const COUNT: u32 = 5;
/// A fork's two neighbours offer to take it, then to put it back. An offer is over when the fork accepts it.
const HAND: Channel<()> = Channel::rendezvous("hand");

fn main() -> Result<(), Box<dyn Error>> {
    if let [_, rank, manner] = &*env::args().collect::<Vec<_>>() {
        let me = Region::from_env()?.join(rank.parse()?)?;
        let done = if me.rank() < COUNT { dine(&me, manner == "polite") } else { serve(&me) };
        match done {
            Err(ChannelError::Deadlock(deadlock)) => println!("{} of them starve", deadlock.waits.len() / 2),
            Err(ChannelError::Poisoned { .. }) => {} // another one was told
            done => done?,
        }
        return Ok(());
    }
    for manner in ["polite", "greedy"] {
        println!("{manner} philosophers:");
        let region = Region::create_unnamed(Config::ranks(2 * COUNT).topics(64))?;
        let start = |rank: u32| -> Result<Child, Box<dyn Error>> {
            let mut command = Command::new(env::current_exe()?);
            region.hand_to(command.args([&rank.to_string(), manner]))?;
            Ok(command.spawn()?)
        };
        let all = (0..2 * COUNT).map(start).collect::<Result<Vec<_>, _>>()?;
        all.into_iter().try_for_each(|mut one| one.wait().map(drop))?;
    }
    Ok(())
}

fn dine(me: &Endpoint, is_polite: bool) -> Result<(), ChannelError> {
    let (rank, process) = (me.rank(), Process::begin(me, 0..2 * COUNT)?);
    let mut left = process.output(&HAND.at(2 * rank))?;
    let mut right = process.output(&HAND.at(2 * ((rank + 1) % COUNT) + 1))?;
    // If one of them begins at the other side, they cannot all wait in a circle.
    let (first, second) =
        if is_polite && rank == 0 { (&mut right, &mut left) } else { (&mut left, &mut right) };
    for _ in 0..10 {
        first.send(&())?;
        sleep(Duration::from_millis(if is_polite { 1 } else { 200 })); // so that all have their first one
        second.send(&())?;
        [&mut *first, &mut *second].into_iter().try_for_each(|fork| fork.send(&()))?; // it has eaten
    }
    if is_polite {
        println!("a philosopher has eaten 10 times");
    }
    Ok(())
}

fn serve(me: &Endpoint) -> Result<(), ChannelError> {
    let (fork, process) = (me.rank() - COUNT, Process::begin(me, 0..2 * COUNT)?);
    let mut hands = [process.input(&HAND.at(2 * fork))?, process.input(&HAND.at(2 * fork + 1))?];
    let mut alt = Alt::new();
    hands.iter().for_each(|hand| _ = alt.input(hand));
    loop {
        match alt.wait() {
            Err(ChannelError::Empty) => return Ok(()), // both have left the table
            Err(error) => return Err(error),
            Ok(hand) => match hands[hand].recv().and_then(|()| hands[hand].recv()) {
                Err(ChannelError::Poisoned { .. }) => alt.guard(hand, false),
                given_back => given_back?,
            },
        }
    }
}
