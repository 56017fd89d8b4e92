//! Several messages sent by one call.
//!
//! They are held back as by a batch. Between two of them the caller's code runs. It may send to the same rank, and a send changes the
//! tail and the budgets. So each message reads these again.

use super::{Outbox, Outgoing};
use crate::abi::{INLINE, Label};
use crate::half::Member;

/// A batch of what is sent, without the rest of an endpoint's.
struct Holding<'a> {
    member: &'a Member,
    outbox: &'a Outbox,
}

impl<'a> Holding<'a> {
    #[inline(always)]
    fn begin(member: &'a Member, outbox: &'a Outbox) -> Self {
        member.begin_batch();
        Self { member, outbox }
    }
}

impl Drop for Holding<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.member.end_batch() {
            self.outbox.flush(self.member);
        }
    }
}

impl Outbox {
    /// Sends `messages` to `peer`, as a batch. Those that need more than a cell for which there is room, `post` sends; an error of it
    /// ends this. `sent` counts those that were sent. Between two of them the caller's code runs, which may send, too.
    #[inline(always)]
    pub fn send_each<M: AsRef<[u8]>, E>(
        &self,
        member: &Member,
        peer: &Outgoing,
        label: Label,
        messages: impl Iterator<Item = M>,
        sent: &mut usize,
        post: impl Fn(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let _holding = Holding::begin(member, self);
        let writer = peer.producer.writer(label);
        for message in messages {
            let bytes = message.as_ref();
            // The caller's code may have taken long, or have forked the process.
            let is_held = member.check().is_ok()
                && match <&[u8; 8]>::try_from(bytes) {
                    // A word, which is common, costs one comparison.
                    Ok(word) => writer.push(word, true),
                    Err(_) => bytes.len() <= INLINE && writer.push(bytes, true),
                };
            if !is_held && !self.hold_any(member, peer, label, bytes) {
                post(bytes)?;
            }
            *sent += 1;
        }
        Ok(())
    }

    /// Holds back a longer message, or the first one for that peer, if nothing else needs to be done. `false` means nothing.
    #[cold]
    #[inline(never)]
    fn hold_any(&self, member: &Member, peer: &Outgoing, label: Label, bytes: &[u8]) -> bool {
        if bytes.len() > INLINE {
            return self.send_longer(member, peer.to, label, bytes);
        }
        let is_held = member.check().is_ok() && peer.producer.begin_to_hold(bytes, label);
        if is_held {
            self.held.borrow_mut().push(peer.to);
            if peer.producer.holds_back_many() {
                self.flush(member);
            }
            self.grant(member, peer);
        }
        is_held
    }
}
