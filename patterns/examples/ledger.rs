//! Orders, and their cancellations, at a third process: no cancellation comes before its order, though they come from different ones.

use mailbox::{Config, Region};
use mailbox_patterns::causal::{CausalError, Event, Group, Member, Message};
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::process::Command;

/// 0 takes orders, 1 cancels some of them, 2 keeps the books.
const SHOP: Group = Group::new("shop", 0..3);
const ORDERS: u32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        let me = Region::from_env()?.join(rank.parse()?)?;
        let mut member = Member::join(&me, &SHOP)?;
        wait_for_others(&mut member)?;
        match me.rank() {
            0 => (0..ORDERS).try_for_each(|order| member.broadcast(&order.to_ne_bytes()).map(drop))?,
            1 => cancel(&mut member)?,
            _ => keep_books(&mut member)?,
        }
        return Ok(());
    }
    let region = Region::create_unnamed(Config::ranks(3))?;
    let start = |rank: u32| {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        Ok::<_, Box<dyn Error>>(command.spawn()?)
    };
    let all = (0..3).map(start).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().try_for_each(|mut one| one.wait().map(drop))?)
}

/// From then on all are told what this one sends.
fn wait_for_others(member: &mut Member<'_>) -> Result<(), CausalError> {
    let mut others = 0;
    while others < 2 {
        others += u32::from(matches!(member.next_event()?, Event::Joined { .. }));
    }
    Ok(())
}

fn next(member: &mut Member<'_>) -> Result<Message, CausalError> {
    loop {
        if let Event::Message(message) = member.next_event()? {
            return Ok(message);
        }
    }
}

fn cancel(member: &mut Member<'_>) -> Result<(), CausalError> {
    for _ in 0..ORDERS {
        let order = next(member)?;
        member.broadcast(order.bytes())?; // the same number: this one is off
    }
    Ok(())
}

fn keep_books(member: &mut Member<'_>) -> Result<(), CausalError> {
    let (mut open, mut cancelled, mut early) = (BTreeSet::new(), 0, 0);
    while cancelled < ORDERS {
        let message = next(member)?;
        match (message.id().rank, message.into_bytes()) {
            (0, order) => _ = open.insert(order),
            (_, order) if open.remove(&order) => cancelled += 1,
            _ => early += 1, // cancelled before it was ordered
        }
    }
    println!("{cancelled} of {ORDERS} orders cancelled, {early} of them too early, {} open", open.len());
    Ok(())
}
