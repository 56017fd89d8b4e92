//! What comes from one rank in a torture.

use super::ledger::{Ledger, Reader};
use super::parcel::Parcels;
use super::server::Again;
use mailbox::Piece;

/// Messages from one rank.
pub struct Line<'a> {
    pub ledger: Ledger<'a>,
    pub reader: Reader<'a>,
    pub parcels: Parcels,
    /// What has come of a message in pieces.
    pieces: Vec<u8>,
    /// Whether its sender has ended since: it may be this one, which never ends, or the one before.
    is_doubtful: bool,
    /// The places of mails that were given back before anything was made of them.
    pub untouched: Vec<u64>,
    /// The calls that were in hand in a panic and have not come again.
    pub calls: Vec<Again>,
    /// Whether such a call may take room in the mailbox.
    pub is_blocked: bool,
    pub has_ended: bool,
}

/// What comes of a piece.
pub enum Put {
    /// The message is whole.
    Whole,
    /// More follows.
    Part,
    /// It does not begin where the one before it ended.
    Gap,
}

impl<'a> Line<'a> {
    /// Messages that are written down in this ledger.
    pub fn new(ledger: Ledger<'a>, parcels: Parcels) -> Self {
        Self {
            ledger,
            reader: Reader::new(ledger),
            parcels,
            pieces: vec![],
            is_doubtful: false,
            untouched: vec![],
            calls: vec![],
            is_blocked: false,
            has_ended: false,
        }
    }

    /// Its sender has ended.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// The message in pieces ends here.
    pub fn cut(&mut self) {
        self.pieces.clear();
    }

    /// Puts a piece, which is in `bytes`, behind those before it; with the last, `bytes` is the whole message.
    pub fn put(&mut self, piece: Piece, bytes: &mut Vec<u8>) -> Put {
        if std::mem::take(&mut self.is_doubtful) && piece.offset == 0 {
            self.pieces.clear();
        }
        if piece.offset != self.pieces.len() as u64 {
            self.pieces.clear();
            return Put::Gap;
        }
        self.pieces.append(bytes);
        if !piece.is_last {
            return Put::Part;
        }
        std::mem::swap(bytes, &mut self.pieces);
        self.pieces.clear();
        Put::Whole
    }
}
