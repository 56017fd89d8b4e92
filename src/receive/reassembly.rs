//! What mails that are not whole messages in the mailbox stand for. Nothing here is shared.

use crate::half::Piece;
use crate::ring::Descriptor;
use core::cell::{Ref, RefCell};

/// The assembled messages, and the pieces of messages, of one sender whose mails are not dropped.
#[derive(Default)]
pub struct Reassembly(RefCell<Vec<Entry>>);

struct Entry {
    descriptor: Descriptor,
    content: Content,
}

pub enum Content {
    /// An assembled message; whether it was left unread.
    Message { bytes: Vec<u8>, is_returned: bool },
    /// A piece that is still in the mailbox.
    Piece(Piece),
}

impl Reassembly {
    /// Keeps what the descriptor stands for.
    pub fn add(&self, descriptor: Descriptor, content: Content) {
        self.0.borrow_mut().push(Entry { descriptor, content });
    }

    /// The oldest assembled message that was left unread.
    pub fn returned(&self) -> Option<Descriptor> {
        let kept = self.0.borrow();
        let is_returned =
            |entry: &&Entry| matches!(entry.content, Content::Message { is_returned: true, .. });
        kept.iter().filter(is_returned).map(|entry| entry.descriptor).min_by_key(|descriptor| descriptor.seq)
    }

    /// Says that this assembled message, or its mail, is left unread, or not; whether it is there.
    pub fn set_returned(&self, seq: u64, now: bool) -> bool {
        let mut kept = self.0.borrow_mut();
        kept.iter_mut().filter(|entry| entry.descriptor.seq == seq).any(|entry| match &mut entry.content {
            Content::Message { is_returned, .. } => {
                *is_returned = now;
                true
            }
            Content::Piece(_) => false,
        })
    }

    /// How many bytes the assembled messages have.
    pub fn memory(&self) -> u64 {
        let len = |entry: &Entry| match &entry.content {
            Content::Message { bytes, .. } => bytes.len() as u64,
            Content::Piece(_) => 0,
        };
        self.0.borrow().iter().map(len).sum()
    }

    /// The bytes of an assembled message.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |kept| {
            let message = kept.iter().find_map(|entry| match &entry.content {
                Content::Message { bytes, .. } if entry.descriptor.seq == seq => Some(bytes.as_slice()),
                _ => None,
            });
            message.unwrap_or_default()
        })
    }

    /// Where in its message the piece with this number lies.
    pub fn piece(&self, seq: u64) -> Option<Piece> {
        self.0.borrow().iter().find_map(|entry| match entry.content {
            Content::Piece(piece) if entry.descriptor.seq == seq => Some(piece),
            _ => None,
        })
    }

    /// Keeps that no longer.
    pub fn take(&self, seq: u64) -> Option<Content> {
        let mut kept = self.0.borrow_mut();
        let at = kept.iter().position(|entry| entry.descriptor.seq == seq)?;
        Some(kept.swap_remove(at).content)
    }
}
