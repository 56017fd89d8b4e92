//! How a send is started.
//!
//! The caller has its bytes back when that returns, so what was not sent by then is kept here. A long message goes through the
//! ring while its receiver takes it, and is not copied before.

use super::{Entry, State, place_of};
use crate::abi::Label;
use crate::error::SendError;
use crate::half::Member;
use crate::send::{Outbox, Outgoing};
use crate::wait::pace;

/// So many bytes of a message are copied at a time while its receiver takes none.
const COPIED: usize = 32 << 10;
/// So many looks, with a pause before each, take about as long.
const LOOKS: u32 = 128;
/// A receiver that takes less than this at a time, in the mean, is not waited for to the end.
const TAKEN: usize = 2 << 10;

impl Outbox {
    /// Starts to send this message. Its number.
    pub fn start(&self, member: &Member, to: u32, label: Label, is_sync: bool, bytes: Vec<u8>) -> u64 {
        self.start_any(member, to, label, is_sync, (bytes.len(), bytes))
    }

    /// The same for a message that the caller has, which need not be kept longer than this takes.
    pub fn start_lent(&self, member: &Member, to: u32, label: Label, is_sync: bool, bytes: &[u8]) -> u64 {
        if bytes.len() <= member.whole {
            return self.start(member, to, label, is_sync, self.copied(bytes));
        }
        let id = self.start_any(member, to, label, is_sync, (bytes.len(), Vec::new()));
        let all = self.started.all.borrow();
        let state = place_of(&all, id).map(|at| all[at].state);
        drop(all);
        match (state, self.peers.get(to)) {
            (Some(State::Sent { seq, .. }), Some(peer)) => self.send_or_copy(member, peer, seq, bytes),
            (Some(State::Waits), _) => {
                let mut all = self.started.all.borrow_mut();
                if let Some(entry) = all.back_mut() {
                    entry.bytes = self.copied(bytes);
                }
            }
            _ => {}
        }
        id
    }

    /// A send failed when it was started. Its number.
    pub fn start_failed(&self, to: u32, error: SendError) -> u64 {
        let (label, bytes, state) = (Label::NONE, Vec::new(), State::Over(Err(error)));
        self.enter_new(|id| Entry { id, to, label, is_sync: false, len: 0, bytes, state })
    }

    fn enter_new(&self, entry: impl FnOnce(u64) -> Entry) -> u64 {
        let id = self.started.next.get();
        self.started.next.set(id + 1);
        self.started.all.borrow_mut().push_back(entry(id));
        id
    }

    fn start_any(
        &self,
        member: &Member,
        to: u32,
        label: Label,
        is_sync: bool,
        (len, bytes): (usize, Vec<u8>),
    ) -> u64 {
        let is_behind = self.has_waiting(to);
        let id = self.enter_new(|id| Entry { id, to, label, is_sync, len, bytes, state: State::Waits });
        self.started.under_way.set(self.started.under_way.get() + 1);
        if is_behind {
            return id;
        }
        if let Some(peer) = self.peers.get(to) {
            // Nothing is written without asking from now on.
            peer.producer.revoke();
        }
        // With this one only: of many that are announced each would look at all before it.
        self.go_on_with_last(member);
        id
    }

    /// Sends these bytes of the announced message `seq` as its receiver takes them, after what was announced before. Those that
    /// it does not take are copied, from the end. It is waited for no longer than it would take to copy as much, only as long as it
    /// takes something, and a bounded number of times.
    fn send_or_copy(&self, member: &Member, peer: &Outgoing, seq: u64, bytes: &[u8]) {
        let serve = || {
            pace::pause(1);
            member.check().is_ok() && peer.transfers.serve(member, peer, Some((seq, bytes.into())))
        };
        let (mut copy, mut sent, mut end) = (Vec::new(), 0, bytes.len());
        let (mut turns, mut is_taken) = (bytes.len() / TAKEN, false);
        while sent < end {
            let looks = if is_taken { LOOKS } else { 1 };
            is_taken = turns > 0 && (0..looks).any(|_| serve());
            if is_taken {
                turns -= 1;
                sent = peer.transfers.sent(seq);
                continue;
            }
            if copy.is_empty() {
                copy = self.spare.take_full(bytes.len());
            }
            let part = end.saturating_sub(COPIED).max(sent)..end;
            copy[part.clone()].copy_from_slice(&bytes[part.clone()]);
            end = part.start;
        }
        peer.transfers.own(seq, copy);
    }

    /// These bytes, in memory that messages left which are over.
    pub fn copied(&self, bytes: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.take(bytes.len()).unwrap_or_default();
        copy.extend_from_slice(bytes);
        copy
    }
}
