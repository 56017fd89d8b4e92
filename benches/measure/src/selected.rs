//! What it costs to be told which of many things is there.

use crate::conversation::{ask, create};
use crate::times::Times;
use mailbox::{Config, Deadline, Endpoint, Mail, Region, Select, Wait};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// So many messages are there at a time, each with a tag of its own.
const TAGS: u32 = 64;

/// How messages that are there are received.
#[derive(Clone, Copy)]
pub enum Taking {
    /// From anyone, whatever tag they have.
    Anything,
    /// From anyone by a tag that is known.
    Tagged,
    /// By a tag that a select says, with so many arms, one for each tag or for several.
    Selected(u32),
}

/// Nanoseconds for a small message that is there, received in the thread that has sent it.
pub fn taken(taking: Taking, rounds: u32) -> Result<f64, Box<dyn Error>> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let (me, other) = (region.join(0)?, region.join(1)?);
    let mut select = Select::new();
    add_arms(&mut select, &me, taking);
    let mut time = Duration::ZERO;
    for round in 0..rounds {
        for at in 0..TAGS {
            other.to(0).tag(tag(round, at)).try_send(&[1; 8])?;
        }
        let start = Instant::now();
        for at in 0..TAGS {
            receive(&me, taking, &mut select, tag(round, at))?;
        }
        time += start.elapsed();
    }
    Ok(time.as_secs_f64() * 1e9 / f64::from(rounds) / f64::from(TAGS))
}

/// Round trips of 8 bytes to a process that waits for each message in this way.
pub fn answered(taking: Taking, rounds: u32, wait: Wait) -> Result<Times, Box<dyn Error>> {
    let (mut buffer, mut at) = ([1; 8], 0);
    let answer = |me: &Endpoint| answer(me, taking, Times::calls(rounds));
    ask(&create(Config::ranks(2))?, rounds, wait, answer, |me| {
        me.to(1).tag(tag(at / TAGS, at % TAGS)).send(black_box(&buffer))?;
        at += 1;
        me.recv()?.copy_to(black_box(&mut buffer));
        Ok(())
    })
}

/// Waits for so many messages, each in turn, and sends each back.
fn answer(me: &Endpoint, taking: Taking, messages: u32) -> Result<(), Box<dyn Error>> {
    let mut select = Select::new();
    add_arms(&mut select, me, taking);
    let mut buffer = [0; 8];
    for at in 0..messages {
        let mail = match taking {
            Taking::Anything => me.recv()?,
            Taking::Tagged => me.from_any().tag(tag(at / TAGS, at % TAGS)).recv()?,
            Taking::Selected(arms) => {
                let arm = select.wait(Deadline::Never)?;
                told(me, arm, arms)?.ok_or("nothing is there")?
            }
        };
        mail.copy_to(black_box(&mut buffer));
        drop(mail);
        me.send(0, black_box(&buffer))?;
    }
    Ok(())
}

/// One arm for each tag, or for several.
fn add_arms<'a>(select: &mut Select<'a>, me: &'a Endpoint, taking: Taking) {
    let arms = if let Taking::Selected(arms) = taking { arms } else { 0 };
    (0..arms).for_each(|tag| _ = select.recv(me.from_any().tag_masked(tag, arms - 1)));
}

/// What this of so many arms has told.
#[inline(always)]
fn told(me: &Endpoint, arm: usize, arms: u32) -> Result<Option<Mail<'_>>, Box<dyn Error>> {
    Ok(me.from_any().tag_masked(arm as u32, arms - 1).try_recv()?)
}

/// Not in the order of the arms, and in another one each round.
fn tag(round: u32, at: u32) -> u32 {
    (at * 37 + round * 11) % TAGS
}

#[inline(always)]
fn receive(me: &Endpoint, taking: Taking, select: &mut Select<'_>, tag: u32) -> Result<(), Box<dyn Error>> {
    let mail = match taking {
        Taking::Anything => me.try_recv()?,
        Taking::Tagged => me.from_any().tag(tag).try_recv()?,
        Taking::Selected(arms) => {
            let arm = select.try_wait()?.ok_or("nothing is told")?;
            told(me, arm, arms)?
        }
    };
    let mut buffer = [0; 8];
    mail.ok_or("nothing is there")?.copy_to(black_box(&mut buffer));
    Ok(())
}
