//! What comes from other ranks.

use super::address::{ActorId, Place};
use super::asks::Outcome;
use super::wire::{Packet, Refusal};
use super::{AskError, System, SystemError, TellError};
use core::mem;
use mailbox::{Broken, Deadline, Event, Mail, RecvError};
use std::rc::Rc;
use std::thread;
use std::time::Instant;

/// Longer mails are of no system.
const LONGEST: usize = 64 << 20;
/// A buffer that has grown beyond this is given back.
const KEPT: usize = 64 << 10;

impl System {
    /// Takes what has come, but not all of much. Waits for the first.
    pub(super) fn receive(&mut self, until: Deadline) -> Result<(), SystemError> {
        let me = Rc::clone(&self.me);
        let mut until = until;
        // As many as one actor handles in a turn: other ranks alone never fill its mailbox.
        for _ in 0..self.limits.turn {
            match me.next_event_within(until) {
                Ok(Event::Mail(mail)) => self.take_mail(mail),
                Ok(Event::Joined { rank, epoch }) => {
                    // What was known of lives before it is over, also if their ends were not told.
                    self.end_rank(rank, (epoch as u32).saturating_sub(1));
                    self.peers.joined(rank, epoch as u32);
                }
                Ok(Event::Left { rank, epoch } | Event::Died { rank, epoch }) => {
                    self.end_rank(rank, epoch as u32);
                }
                Ok(_) => {}
                Err(RecvError::Timeout) => return Ok(()),
                // Others go on.
                Err(
                    RecvError::Gone { .. }
                    | RecvError::Held(_)
                    | RecvError::Crowded { .. }
                    | RecvError::Broken(Broken::Corrupt(_) | Broken::NoMemory { .. } | Broken::Reset(_)),
                ) => self.garbage += 1,
                // Mail that no memory is left for comes later.
                Err(RecvError::Broken(Broken::NoSpace(_) | Broken::Os { .. })) => {}
                // There is no other rank.
                Err(RecvError::Broken(Broken::Oneself)) if until != Deadline::Never => {
                    if let Deadline::At(time) = until {
                        thread::sleep(time.saturating_duration_since(Instant::now()));
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            until = Deadline::Now;
        }
        Ok(())
    }

    fn take_mail(&mut self, mail: Mail<'_>) {
        if mail.is_call() || mail.announced().is_some() || mail.len() > LONGEST {
            self.garbage += 1;
            return;
        }
        let (from, life, tag) = (mail.from(), mail.epoch() as u32, mail.tag());
        let mut bytes = mem::take(&mut self.buffer);
        bytes.resize(mail.len(), 0);
        mail.copy_to(&mut bytes);
        // It is handled at most once.
        mail.ack();
        match Packet::read(tag, &bytes) {
            None => self.garbage += 1,
            Some((to, packet)) if to == self.life => self.take_packet((from, life), packet),
            // It was for an earlier life of this rank.
            Some((_, Packet::Tell { to, .. })) => self.refuse_other_life((from, life), to, 0),
            Some((_, Packet::Ask { to, number, .. })) => self.refuse_other_life((from, life), to, number),
            Some(_) => {}
        }
        // It was sent before its sender's end, which was told together with the beginning of the next life.
        if self.peers.is_before(from, life) {
            self.end_rank(from, life);
        }
        if bytes.capacity() <= KEPT {
            self.buffer = bytes;
        }
    }

    fn refuse_other_life(&mut self, (from, life): (u32, u32), to: Place, number: u64) {
        let refused = Packet::Refused { to, number, why: Refusal::OtherLife };
        self.peers.mention(&self.me, from, life, &refused);
    }

    fn take_packet(&mut self, from: (u32, u32), packet: Packet<'_>) {
        let (rank, life) = from;
        let actor = |place| ActorId { rank, life, place };
        match packet {
            Packet::Tell { to, body } => self.take_message(from, to, 0, body),
            Packet::Ask { number: 0, .. } => self.garbage += 1,
            Packet::Ask { to, number, body } => self.take_message(from, to, number, body),
            // Not only the one that was asked may answer: it may have handed the question on.
            Packet::Answer { number, body } => {
                if !self.asks.is_spawn(number)
                    && let Some(then) = self.asks.close(number)
                {
                    then(self, Outcome::Bytes(body));
                }
            }
            Packet::Refused { to, number, why } => self.take_refusal(actor(to), number, why),
            Packet::Watch { target, number } => self.take_watch(from, target, number),
            Packet::Unwatch { target, number } => self.take_unwatch(from, target, number),
            Packet::Down { number, reason } => {
                let place = Place { slot: 0, generation: 0 };
                self.take_down(actor(place), number, reason);
            }
            Packet::Link { to, from } => _ = self.take_link(actor(from), to),
            Packet::Unlink { to, from } => self.take_unlink(actor(from), to),
            Packet::Exit { to, from, reason } => self.take_exit(to, actor(from), reason),
            Packet::Stop { target } => {
                let target = ActorId { rank: self.rank(), life: self.life, place: target };
                self.stop(target);
            }
            Packet::Spawn { number, parent, kind, start } => {
                self.take_spawn(from, (number, parent), kind, start);
            }
            Packet::Spawned { number, actor: place } => {
                self.take_spawned(number, actor(place), Outcome::Spawned(actor(place)));
            }
            Packet::NotSpawned { number, why } => {
                let place = Place { slot: 0, generation: 0 };
                self.take_spawned(number, actor(place), Outcome::NotSpawned(why));
            }
            Packet::Claim { number, name } => self.take_claim(from, number, name),
            Packet::Find { number, name } => self.take_find(from, number, name),
            Packet::Vote { number, yes, actor } => self.take_vote(from, number, yes, actor),
        }
    }

    /// The process that held this rank up to this life has ended.
    fn end_rank(&mut self, rank: u32, life: u32) {
        self.peers.ended(rank, life);
        for number in self.asks.of_rank(rank, life) {
            self.fail_ask(number, AskError::Tell(TellError::RankGone { rank }));
        }
        self.end_watches(rank, life);
        self.end_votes(rank, life);
    }
}
