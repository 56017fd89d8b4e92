//! Tells a receiver that a sender waits for it; otherwise the receiver may see no reason to go on.
//!
//! What it names is a message: the sender cannot go on until that one is acknowledged. For room, it is the oldest
//! message that the sender saw when it found no room at all (a look that asks for a quarter of the mailbox proves
//! nothing), in the mailbox or in the area for loans; for a synchronous message, it is the message itself. The receiver
//! compares it with its own private head.
//! Once that message is acknowledged, the word says nothing, whether or not the sender has run since. So there is no
//! clock in it, and no false alarm.
//!
//! A sender that waits for a credit can go on when *any* of the messages that have one is answered. It says so with a bit,
//! and names the last of them. The receiver counts the messages of that life, up to the named one, that it has not
//! acknowledged. If they are as many as there are credits, the word holds. If they are fewer, one has its answer, because an
//! honest receiver answers before it acknowledges. The count looks at no more cells than there are.
//!
//! A receiver that holds that very message, with nothing else of that sender to take, returns `Held`. It first asks
//! the kernel whether the sender lives, because the word outlives the sender. A caller that waits for an answer
//! returns `Held`, too, if its server waits for it and has no other thread that would answer. Garbage in the word
//! causes at worst a wrong `Held`, or a missing one.

use super::Member;
use crate::abi::{Rank, Starved};
use crate::ring::Producer;
use core::cell::Cell as Private;

/// What a waiting sender told the receiver of a lane: which message must be acknowledged before the sender can go on
/// (I10). Taken back on drop.
///
/// Several threads that share the sending half may wait for the same lane. The lane has one word: what one of them told
/// replaces what another did, and when one takes it back, another tells its own again at its next look.
#[derive(Default)]
pub struct Starving<'a> {
    /// Whether a thread waits. A call that does not wait is never starved.
    waits: Private<bool>,
    /// Whether that thread receives meanwhile.
    receives: bool,
    told: Private<Option<Told<'a>>>,
}

#[derive(Clone, Copy)]
struct Told<'a> {
    member: &'a Member,
    producer: &'a Producer,
    seq: u64,
    is_any: bool,
}

impl<'a> Starving<'a> {
    /// Of a thread that waits for mail, too, and so goes on otherwise.
    pub fn of_receiver() -> Self {
        Self { waits: false.into(), receives: true, told: None.into() }
    }

    /// The thread begins to wait.
    pub fn begin(&self) {
        self.waits.set(true);
    }

    /// If a thread waits: tells the receiver, once, that the half of `member` can go on only when message `seq` of
    /// `producer` is acknowledged. `receiver` is the receiver's record.
    ///
    /// The word is stored before the ring, as with any message. So a receiver that is asleep is woken, and one that
    /// falls asleep later sees the word when it looks once more (`rank::bell`). If this process stops between the two
    /// steps, nobody is woken; the receiver then looks when its nap ends.
    pub fn tell(&self, member: &'a Member, receiver: &Rank, producer: &'a Producer, seq: u64) {
        self.say(receiver, Told { member, producer, seq, is_any: false });
    }

    /// As `tell`, where it goes on when any of its messages is answered that have a credit, of which `last` is the last.
    pub fn tell_any(&self, member: &'a Member, receiver: &Rank, producer: &'a Producer, last: u64) {
        self.say(receiver, Told { member, producer, seq: last, is_any: true });
    }

    fn say(&self, receiver: &Rank, told: Told<'a>) {
        let Told { member, producer, seq, is_any } = told;
        let is_told = producer.starving() == Some((seq, is_any));
        if !self.waits.get() || is_told || member.check().is_err() {
            return;
        }
        self.told.set(Some(told));
        let is_alone = !self.receives && member.finds_alone();
        producer.starve(Starved { seq, is_any, epoch: member.epoch(), is_alone });
        member.ring_mail(receiver);
    }

    /// The thread goes on waiting without this: what was told holds, and is another's to take back.
    pub fn pause(&self) {
        self.told.set(None);
    }
}

/// Takes back what the receiver of a lane was told, if it was told something.
pub fn end_starving(member: &Member, producer: &Producer) {
    if producer.starving().is_some() && member.check().is_ok() {
        producer.end_starving();
    }
}

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        if let Some(Told { member, producer, .. }) = self.told.get() {
            end_starving(member, producer);
        }
    }
}
