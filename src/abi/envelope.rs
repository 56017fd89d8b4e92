//! The words of a cell, packed and unpacked. Pure functions.
//!
//! ```text
//!  word 0       word 1                                              words 2..8
//! ┌────────────┬──────────────────────────────────────────────────┬──────────────────────────────┐
//! │ stamp      │ tag:32 │ context:16 │ epoch:6 │ kind:4 │ len:6  │ up to 48 bytes of payload, or │
//! │ = seq + 1  │                                                  │ arena offset · length         │
//! └────────────┴──────────────────────────────────────────────────┴──────────────────────────────┘
//! ```
//! `len` is the payload's length if the payload lies in the cell. 63 means that it lies in the arena, 62 that it is a
//! loan; the offset of a loan counts from the beginning of the sender's area for loans. `epoch` is the sender's epoch
//! modulo 64, which tells its last 64 lives apart. The cells of a call, its answer and its acknowledgement have a
//! number of 48 bits in place of tag and context: see [`Envelope::number`].
//!
//! ```text
//!  kind             payload                                     of a message
//!  whole            all of it, in the cell or in the arena      up to half the arena
//!                   the same, a loan                            up to the sender's area for loans
//!  announced        whether it is over, and its length, in      above that, or that is announced: its bytes go
//!                   two words in the cell                       through the transfer ring once they are wanted
//!  sync             all of it, as whole                         whose sender waits until it is acknowledged
//!
//!  call             in the cell or in the arena                 of a call: a request,
//!  answer, refusal  the same, in a return lane                  what its server says,
//!  dropped          none, in a return lane                      or that it says nothing; of an announced
//!                                                               message, that it is not wanted
//!  ack              none, in a return lane                      of one that is announced or sync: its
//!                                                               receiver has it, or acknowledged it
//! ```
//! The call line has calls and answers, too: see `ring::call_line`. If an answer there has the length 63, its payload
//! lies in the return lane.

use super::Label;

/// Bytes of a cell.
pub const CELL: usize = 64;
/// Payload bytes that fit a cell beside its stamp and its envelope.
pub const INLINE: usize = CELL - 16;
/// Payload bytes of an announcement.
pub const ANNOUNCEMENT: usize = 16;

/// The value of `len` if the payload lies in the arena.
const IN_ARENA: u64 = LEN_MASK;
/// The value of `len` if the payload is a loan.
const IN_LOAN: u64 = LEN_MASK - 1;

const LEN_MASK: u64 = 63;
const KIND_SHIFT: u32 = 6;
pub(super) const EPOCH_SHIFT: u32 = 10;
pub(super) const CONTEXT_SHIFT: u32 = 16;
/// Where the tag begins.
pub const TAG_SHIFT: u32 = 32;
/// Bits of a number that stands in place of tag and context.
pub const NUMBER_BITS: u32 = 48;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
const EPOCH_MASK: u64 = 63;
const KIND_MASK: u64 = 15;

/// What a cell holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A message.
    Whole = 0,
    /// The announcement of a message, in [`ANNOUNCEMENT`] bytes: a word that is not 0 once the sender has given the
    /// message up or is done with it, and its length in bytes.
    Announced = 1,
    /// A message like [`Kind::Whole`]. Its sender waits until it is acknowledged.
    Sync = 2,
    /// A request that wants an answer.
    Call = 3,
    /// The answer to a call.
    Answer = 4,
    /// The server's refusal of a call.
    Refusal = 5,
    /// The server will not answer, or the receiver does not want the announced message; no bytes.
    Dropped = 6,
    /// The message was acknowledged, or the announced one received; no bytes.
    Ack = 7,
}

/// Where a message's payload lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// In the cell itself: this many bytes, at most [`INLINE`].
    Inline(usize),
    /// In the arena; words 2 and 3 of the cell say where.
    Arena,
    /// In the sender's area for loans; words 2 and 3 of the cell say where. Only for [`Kind::Whole`].
    Loan,
}

/// Identifies the call that an answer is for, or the message that an acknowledgement is for.
///
/// It is the low bits of a sequence number or of a stamp: enough to tell apart all that may be under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallId(u64);

impl CallId {
    /// For the call, or the message, with sequence number `seq`.
    pub const fn of_message(seq: u64) -> Self {
        Self(seq << 1 & NUMBER_MASK)
    }

    /// For the call that has this stamp on the call line.
    pub const fn of_line(stamp: u64) -> Self {
        Self((stamp << 1 | 1) & NUMBER_MASK)
    }

    /// For the call that an answer with this envelope belongs to.
    pub const fn of_answer(envelope: &Envelope) -> Self {
        Self(envelope.number())
    }

    /// The first number, from `first` on, of a call or a message with this name. `None` for a call on the call line.
    #[inline(always)]
    pub const fn message_from(self, first: u64) -> Option<u64> {
        if self.0 & 1 == 1 {
            return None;
        }
        Some(first.wrapping_add((self.0 >> 1).wrapping_sub(first) & NUMBER_MASK >> 1))
    }

    /// The number that stands for it.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Word 1 of a cell: everything about a message except its payload.
///
/// [`super::Filter`] says by tag and context which messages a receive takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The application's tag: see [`Label`].
    pub tag: u32,
    /// Which conversation the message belongs to.
    pub context: u16,
    /// The sender's epoch modulo 64.
    pub epoch: u8,
    /// What the cell holds.
    pub kind: Kind,
    /// Where the payload lies.
    pub place: Location,
}

// Every length that fits the cell can be told from the arena and from a loan.
const _: () = assert!((INLINE as u64) < IN_LOAN);

impl Envelope {
    /// The envelope of a cell that concerns a call, or of a message whose label has this number. The low bits of `number` take the place of tag and context.
    pub const fn numbered(number: u64, epoch: u8, kind: Kind, place: Location) -> Self {
        Self { tag: number as u32, context: (number >> 32) as u16, epoch, kind, place }
    }

    /// Its label's bits in the word of an envelope.
    #[inline(always)]
    pub const fn label_bits(label: Label) -> u64 {
        (label.tag as u64) << TAG_SHIFT | (label.context as u64) << CONTEXT_SHIFT
    }

    /// The label, of a message that concerns no call.
    pub const fn label(&self) -> Label {
        Label { tag: self.tag, context: self.context }
    }

    /// The number in place of tag and context. In a request it is the epoch of the server's life that shall answer.
    /// On the call line it is the sequence number of the mail that comes after the call. In a return lane it is the
    /// [`CallId`].
    pub const fn number(&self) -> u64 {
        self.label().number()
    }

    /// This, if it is that of a call through the mailbox to the life with this epoch.
    pub const fn of_call_to(self, epoch: u64) -> Option<Self> {
        let is_for_it = (self.number() ^ epoch) & NUMBER_MASK == 0;
        if matches!(self.kind, Kind::Call) && is_for_it { Some(self) } else { None }
    }

    /// The word that stands for this envelope.
    #[inline(always)]
    pub const fn pack(self) -> u64 {
        let len = match self.place {
            Location::Inline(len) => len as u64,
            Location::Arena => IN_ARENA,
            Location::Loan => IN_LOAN,
        };
        Self::label_bits(self.label())
            | (self.epoch as u64 & EPOCH_MASK) << EPOCH_SHIFT
            | (self.kind as u64) << KIND_SHIFT
            | len
    }

    /// Whether `word` stands for a whole message that is a loan.
    #[inline(always)]
    pub const fn is_loan(word: u64) -> bool {
        // Kind and length at once: `Whole` is zero.
        word & ((1 << EPOCH_SHIFT) - 1) == IN_LOAN
    }

    /// The word of an announced message with the same label, if `word` stands for a whole message; otherwise the same.
    pub const fn without_wait(word: u64) -> u64 {
        if !Self::is_whole(word) {
            return word;
        }
        // No announced message is a loan.
        let word = if Self::is_loan(word) { word | IN_ARENA } else { word };
        word | (Kind::Announced as u64) << KIND_SHIFT
    }

    /// The length of the payload in its cell, if `word` stands for something of this kind that lies there.
    #[inline(always)]
    pub const fn len_in_cell(word: u64, kind: Kind) -> Option<usize> {
        let len = word & LEN_MASK;
        let is_it = word >> KIND_SHIFT & KIND_MASK == kind as u64 && len <= INLINE as u64;
        if is_it { Some(len as usize) } else { None }
    }

    /// The same, for what concerns a call and has this number, of which the low bits count.
    #[inline(always)]
    pub const fn len_of_numbered(word: u64, kind: Kind, number: u64) -> Option<usize> {
        let wanted = Self::numbered(number, 0, kind, Location::Inline(0)).pack();
        let len = word & LEN_MASK;
        let is_it = (word ^ wanted) & !(LEN_MASK | EPOCH_MASK << EPOCH_SHIFT) == 0;
        if is_it && len <= INLINE as u64 { Some(len as usize) } else { None }
    }

    /// The number of a word that concerns a call.
    #[inline(always)]
    pub const fn number_of(word: u64) -> u64 {
        Label { tag: (word >> TAG_SHIFT) as u32, context: (word >> CONTEXT_SHIFT) as u16 }.number()
    }

    /// The word without its label, or number.
    #[inline(always)]
    pub const fn without_label(word: u64) -> u64 {
        word & ((1 << CONTEXT_SHIFT) - 1)
    }

    /// The epoch of the sender, modulo 64, of a cell with this word.
    #[inline(always)]
    pub const fn epoch_of(word: u64) -> u8 {
        (word >> EPOCH_SHIFT & EPOCH_MASK) as u8
    }

    /// Whether `word` stands for a call.
    #[inline(always)]
    pub const fn is_call(word: u64) -> bool {
        (word >> KIND_SHIFT) & KIND_MASK == Kind::Call as u64
    }

    /// Whether `word` stands for a whole message.
    #[inline(always)]
    pub const fn is_whole(word: u64) -> bool {
        word & (KIND_MASK << KIND_SHIFT) == 0
    }

    /// The envelope that `word` stands for; `None` if no producer writes such a word.
    #[inline(always)]
    pub const fn unpack(word: u64) -> Option<Self> {
        let len = word & LEN_MASK;
        let place = if len == IN_ARENA {
            Location::Arena
        } else if Self::is_loan(word) {
            Location::Loan
        } else if len <= INLINE as u64 {
            Location::Inline(len as usize)
        } else {
            return None;
        };
        let kind = match (word >> KIND_SHIFT) & KIND_MASK {
            0 => Kind::Whole,
            1 => Kind::Announced,
            2 => Kind::Sync,
            3 => Kind::Call,
            4 => Kind::Answer,
            5 => Kind::Refusal,
            6 => Kind::Dropped,
            7 => Kind::Ack,
            _ => return None,
        };
        Some(Self {
            tag: (word >> TAG_SHIFT) as u32,
            context: (word >> CONTEXT_SHIFT) as u16,
            epoch: Self::epoch_of(word),
            kind,
            place,
        })
    }
}

/// The latest epoch, not after `now`, whose low six bits are `bits`.
pub const fn epoch_of(bits: u8, now: u64) -> u64 {
    now.wrapping_sub(now.wrapping_sub(bits as u64) & EPOCH_MASK)
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;

    #[test]
    fn envelopes_survive_packing() {
        for place in (0..=INLINE).map(Location::Inline).chain([Location::Arena]) {
            for kind in
                (0..16).filter_map(|kind| Envelope::unpack(kind << KIND_SHIFT)).map(|envelope| envelope.kind)
            {
                for epoch in [0, 1, 63] {
                    let envelope = Envelope { tag: u32::MAX, context: 0xABCD, epoch, kind, place };
                    assert_eq!(Envelope::unpack(envelope.pack()), Some(envelope));
                    assert_eq!(Envelope::is_whole(envelope.pack()), kind == Kind::Whole);
                    assert_eq!(Envelope::is_call(envelope.pack()), kind == Kind::Call);
                    let small = match (kind, place) {
                        (Kind::Whole, Location::Inline(len)) => Some(len),
                        _ => None,
                    };
                    assert_eq!(Filter::new(0xABCD, 0, 0).small(envelope.pack()), small);
                    assert!(!Envelope::is_loan(envelope.pack()));
                }
            }
        }
    }

    #[test]
    fn an_answer_in_its_cell_is_known_by_its_call() {
        let id = CallId::of_message(u64::MAX);
        for place in (0..=INLINE).map(Location::Inline).chain([Location::Arena]) {
            for kind in [Kind::Whole, Kind::Call, Kind::Answer, Kind::Refusal, Kind::Dropped, Kind::Ack] {
                let word = Envelope::numbered(id.number(), 63, kind, place).pack();
                let len = match (kind, place) {
                    (Kind::Answer, Location::Inline(len)) => Some(len),
                    _ => None,
                };
                let of = |id: CallId| Envelope::len_of_numbered(word, Kind::Answer, id.number());
                assert_eq!((of(id), of(CallId::of_line(0))), (len, None), "{kind:?} {place:?}");
                assert_eq!(Envelope::len_in_cell(word, Kind::Answer), len);
                assert_eq!(Envelope::number_of(word), id.number());
                let bare = Envelope::numbered(0, 63, kind, place).pack();
                assert_eq!(Envelope::without_label(word), bare);
            }
        }
    }

    #[test]
    fn a_message_is_found_by_its_name() {
        for first in [0, 1, 1 << 47, u64::MAX - 1] {
            for ahead in [0, 1, 63, (1 << 47) - 1] {
                let seq = first.wrapping_add(ahead);
                assert_eq!(CallId::of_message(seq).message_from(first), Some(seq));
            }
        }
        assert_eq!(CallId::of_line(7).message_from(0), None);
    }

    #[test]
    fn only_a_whole_message_is_a_loan() {
        let (epoch, kind, place) = (63, Kind::Whole, Location::Loan);
        let envelope = Envelope { tag: u32::MAX, context: 0xABCD, epoch, kind, place };
        let word = envelope.pack();
        assert_eq!((Envelope::unpack(word), Filter::new(0xABCD, 0, 0).small(word)), (Some(envelope), None));
        assert!(Envelope::is_loan(word) && Envelope::is_whole(word));
        for kind in 1..16 {
            let word = word | kind << KIND_SHIFT;
            assert_eq!((Envelope::unpack(word), Envelope::is_loan(word)), (None, false));
        }
    }

    #[test]
    fn words_no_producer_writes_are_refused() {
        assert_eq!(Envelope::unpack(49), None, "a length that does not fit the cell");
        assert_eq!(Envelope::unpack(8 << KIND_SHIFT), None, "a kind that nobody writes");
        assert_eq!((Filter::ANY.small(49), Filter::ANY.small(1 << KIND_SHIFT)), (None, None));
    }

    #[test]
    fn a_label_lies_where_a_call_has_its_number() {
        let (epoch, kind, place) = (63, Kind::Sync, Location::Arena);
        for (tag, context) in [(0, 0), (u32::MAX, 0), (0, u16::MAX), (0x1234_5678, 0x9ABC)] {
            let label = Label { tag, context };
            let envelope = Envelope { tag, context, epoch, kind, place };
            assert_eq!((envelope.label(), envelope.number()), (label, label.number()));
            assert_eq!(Envelope::numbered(label.number(), epoch, kind, place), envelope);
            let unlabelled = Envelope::numbered(Label::NONE.number(), epoch, kind, place);
            assert_eq!(unlabelled.pack() | Envelope::label_bits(label), envelope.pack());
        }
    }

    #[test]
    fn a_number_keeps_its_low_bits() {
        for number in [0, 1, NUMBER_MASK, u64::MAX, 0x1234_5678_9ABC_DEF0] {
            let envelope = Envelope::numbered(number, 3, Kind::Call, Location::Arena);
            let unpacked = Envelope::unpack(envelope.pack()).expect("an envelope");
            assert_eq!((unpacked, unpacked.number()), (envelope, number & NUMBER_MASK));
            let id = CallId::of_message(number);
            assert_ne!(id, CallId::of_line(number));
            assert_ne!(id, CallId::of_message(number.wrapping_add(1)));
            let answer = Envelope::numbered(id.number(), 0, Kind::Answer, Location::Arena);
            assert_eq!(CallId::of_answer(&answer), id);
        }
    }

    #[test]
    fn an_epoch_is_found_by_its_low_bits() {
        for now in [1, 63, 64, 65, 1000] {
            for back in 0..64.min(now) {
                let epoch = now - back;
                assert_eq!(epoch_of((epoch % 64) as u8, now), epoch);
            }
        }
    }
}
