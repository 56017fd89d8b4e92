//! A mailbox that an endpoint reads from.

use crate::cell::{INLINE, Kind};
use crate::error::RecvError;
use crate::layout::Rank;
use crate::member::Member;
use crate::memory::{self, Shared};
use crate::ring::{Consumer, Letter, count};
use crate::train::{Piece, Train};
use core::cell::{Cell as Private, Ref, RefCell};

/// The largest buffer that an endpoint keeps to assemble the next message in: fresh memory costs more than
/// copying does.
const SPARE: usize = 64 << 20;

/// One sender's mailbox to this endpoint, and what of it is under way.
pub(crate) struct Incoming {
    pub from: u32,
    /// The sender's record.
    pub record: Shared<Rank>,
    pub consumer: Consumer,
    /// The longest message, in bytes, that may be taken from the arena without ado: none that has any, until the arena is
    /// seen to have memory.
    pub limit: Private<usize>,
    /// The sender's last epoch whose end was told.
    pub told: Private<u64>,
    /// Whether nothing can be taken: what is there makes no sense, or a new start is asked for.
    corrupt: Private<bool>,
    /// Whether its sender slept for want of room and was woken, and has sent nothing that was seen since.
    woken: Private<bool>,
    /// Whether new whole messages are all there is to it: not corrupt, no train, nothing returned.
    plain: Private<bool>,
    /// The message that arrives in fragments.
    train: RefCell<Option<Train>>,
    /// Whether fragments without a beginning are being dropped.
    stray: Private<bool>,
    /// Whether a receive from anyone has said that it is held up.
    pub told_held: Private<bool>,
    /// What mails that are not whole messages in the mailbox stand for.
    kept: RefCell<Vec<Kept>>,
}

struct Kept {
    letter: Letter,
    content: Content,
}

enum Content {
    /// An assembled message; whether it was left unread.
    Message { bytes: Vec<u8>, is_returned: bool },
    /// A piece that is still in the mailbox.
    Piece(Piece),
}

impl Incoming {
    pub fn new(from: u32, record: Shared<Rank>, consumer: Consumer, told: u64) -> Self {
        Self {
            from,
            record,
            limit: 0.into(),
            told: told.into(),
            corrupt: consumer.is_asking().into(),
            woken: false.into(),
            plain: (!consumer.is_asking()).into(),
            consumer,
            train: RefCell::default(),
            stray: false.into(),
            told_held: false.into(),
            kept: RefCell::default(),
        }
    }

    /// Whether there is mail, fragments, or news of corruption. A mailbox that was once found corrupt is
    /// silent: others go on.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        !self.corrupt.get() && (self.consumer.is_ready() || !self.plain.get() && self.returned().is_some())
    }

    /// Where it is not ready: whether its sender was woken to send more; said once.
    pub fn is_overdue(&self) -> bool {
        self.woken.take()
    }

    pub fn is_corrupt(&self) -> bool {
        self.corrupt.get() && !self.consumer.is_asking()
    }

    /// Gives up all that is in the mailbox, and asks the sender for a new start. No mail of it is held any more.
    pub fn reset(&mut self, member: &Member) {
        *self = Self::new(self.from, self.record.clone(), self.consumer.ask_anew(), self.told.get());
        self.ring(member);
    }

    /// Takes the new start that was asked for, if the sender has given one.
    pub fn begin_anew(&self, member: &Member) {
        if self.consumer.begin_anew() {
            self.corrupt.set(false);
            self.plain.set(true);
            // It may wait for room, of which there is none until now.
            self.ring(member);
        }
    }

    /// Where it is not ready: whether that is so because mails of it are held, by this endpoint, and its sender
    /// can send no more before they are acknowledged.
    pub fn is_held_up(&self) -> bool {
        let train = self.train.borrow();
        // Its end is sent when all before it is acknowledged.
        let is_waiting = |train: &Train| train.bytes.is_some() && self.consumer.holds_before(train.first);
        let is_held_up = train.as_ref().is_some_and(is_waiting) || self.consumer.is_full();
        if !is_held_up {
            self.told_held.set(false);
        }
        is_held_up
    }

    /// Lets `take_new` of its consumer take so many messages.
    pub fn ease(&self, member: &Member, count: u64) {
        let is_easy = self.plain.get() && member.limit >= INLINE;
        self.consumer.ease(if is_easy { count } else { 0 });
    }

    /// The mail that `is_ready` saw; `None` if it was a fragment that completes nothing. `in_pieces`: a
    /// train that begins now is passed on as it comes.
    #[inline(never)]
    pub fn take(&self, member: &Member, in_pieces: bool) -> Result<Option<Letter>, RecvError> {
        self.woken.set(false);
        let taken = self.take_any(member, in_pieces);
        if self.is_corrupt() {
            self.drop_train();
        }
        self.plain.set(!self.is_corrupt() && self.train.borrow().is_none() && self.returned().is_none());
        if !self.plain.get() {
            self.consumer.ease(0);
        }
        taken
    }

    fn take_any(&self, member: &Member, in_pieces: bool) -> Result<Option<Letter>, RecvError> {
        if let Some(letter) = self.take_returned() {
            return Ok(Some(letter));
        }
        let letter = match self.consumer.take() {
            // No endpoint sends more than the region carries.
            Ok(Some(letter)) if letter.len <= member.limit => letter,
            // `Ok(None)`: a stamp that was there is gone.
            _ => return Err(self.corrupted()),
        };
        if !letter.is_in_cell() && self.limit.get() == 0 {
            // An honest sender has reserved the arena before. Who touches one without memory gets SIGBUS.
            let completed = member.region.segment.complete_arena(self.from, member.rank());
            completed.map_err(|_| self.corrupted())?;
            self.limit.set(member.limit);
        }
        let kind = letter.envelope().kind;
        match kind {
            Kind::Whole => self.end_train(&letter).map(|()| Some(letter)),
            Kind::First => self.end_train(&letter).and_then(|()| self.begin(member, &letter, in_pieces)),
            Kind::More | Kind::Last => self.go_on(member, letter, kind == Kind::Last),
            Kind::Cut => {
                self.pass(member, letter.seq);
                if self.drop_train() { Err(RecvError::Cut(self.from)) } else { Ok(None) }
            }
        }
    }

    /// From now on there is more to it than new whole messages.
    fn complicate(&self) {
        self.plain.set(false);
        self.consumer.ease(0);
    }

    #[cold]
    pub fn corrupted(&self) -> RecvError {
        self.corrupt.set(true);
        self.complicate();
        RecvError::Corrupt(self.from)
    }

    /// Whether the sender may wait for a new start to be taken that nobody asked for; said once.
    pub fn check(&self) -> Result<(), RecvError> {
        if !self.corrupt.get() && self.consumer.is_belied() { Err(self.corrupted()) } else { Ok(()) }
    }

    /// A message follows: what is under way never ends. Whoever takes it in pieces is told first.
    /// A mail from before it that had been left ends nothing.
    fn end_train(&self, next: &Letter) -> Result<(), RecvError> {
        let is_older = |train: &Train| (next.seq.wrapping_sub(train.first) as i64) < 0;
        if self.train.borrow().as_ref().is_some_and(is_older) {
            return Ok(());
        }
        self.stray.set(false);
        if self.drop_train() {
            self.consumer.put_back(next.seq);
            return Err(RecvError::Cut(self.from));
        }
        Ok(())
    }

    /// Drops what is under way, which is counted; whether pieces of it were taken.
    pub fn drop_train(&self) -> bool {
        self.stray.set(false);
        let Some(train) = self.train.take() else { return false };
        count(&self.consumer.line().drops, 1);
        train.is_known()
    }

    fn begin(&self, member: &Member, letter: &Letter, in_pieces: bool) -> Result<Option<Letter>, RecvError> {
        let mut total = [0; 8];
        if letter.len != total.len() {
            return Err(self.corrupted());
        }
        memory::load(self.consumer.words(letter), &mut total);
        let total = u64::from_ne_bytes(total);
        if total > member.limit as u64 {
            return Err(self.corrupted());
        }
        let bytes = (!in_pieces).then(|| {
            let mut bytes = member.spare.take();
            bytes.clear();
            bytes
        });
        self.train.replace(Some(Train::new(letter.seq, total, bytes)));
        self.pass(member, letter.seq);
        Ok(None)
    }

    fn go_on(&self, member: &Member, letter: Letter, is_last: bool) -> Result<Option<Letter>, RecvError> {
        if self.piece(letter.seq).is_some() {
            return Ok(Some(letter)); // It was left unread.
        }
        let mut slot = self.train.borrow_mut();
        let Some(train) = slot.as_mut() else {
            // The predecessor of this receiver, or of its sender, had the beginning.
            if !self.stray.replace(!is_last) {
                count(&self.consumer.line().drops, 1);
            }
            self.pass(member, letter.seq);
            return Ok(None);
        };
        let Some(piece) = train.advance(letter.len, is_last) else { return Err(self.corrupted()) };
        if let Some(bytes) = &mut train.bytes {
            memory::append(self.consumer.words(&letter), letter.len, bytes);
            self.pass(member, letter.seq);
        }
        let content = match &mut train.bytes {
            None => Content::Piece(piece),
            Some(_) if !is_last => return Ok(None),
            Some(bytes) => Content::Message { bytes: core::mem::take(bytes), is_returned: false },
        };
        let letter = match &content {
            Content::Piece(_) => letter,
            Content::Message { bytes, .. } => letter.assembled(bytes.len()),
        };
        self.kept.borrow_mut().push(Kept { letter, content });
        if is_last {
            *slot = None;
        }
        Ok(Some(letter))
    }

    /// The oldest assembled message that was left unread, unless a mail before it was left, too.
    fn returned(&self) -> Option<usize> {
        let kept = self.kept.borrow();
        let (at, seq) = kept
            .iter()
            .enumerate()
            .filter(|(_, kept)| matches!(kept.content, Content::Message { is_returned: true, .. }))
            .map(|(at, kept)| (at, kept.letter.seq))
            .min_by_key(|(_, seq)| *seq)?;
        let is_next = |unread: u64| (unread.wrapping_sub(seq) as i64) > 0;
        self.consumer.next_unread().is_none_or(is_next).then_some(at)
    }

    fn take_returned(&self) -> Option<Letter> {
        if self.plain.get() {
            return None;
        }
        let at = self.returned()?;
        let mut kept = self.kept.borrow_mut();
        let Kept { letter, content: Content::Message { is_returned, .. } } = &mut kept[at] else {
            return None;
        };
        *is_returned = false;
        Some(*letter)
    }

    /// The bytes of an assembled letter.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        Ref::map(self.kept.borrow(), |kept| {
            let message = kept.iter().find_map(|kept| match &kept.content {
                Content::Message { bytes, .. } if kept.letter.seq == seq => Some(bytes.as_slice()),
                _ => None,
            });
            message.unwrap_or_default()
        })
    }

    /// Where in its message the piece with this number lies.
    pub fn piece(&self, seq: u64) -> Option<Piece> {
        self.kept.borrow().iter().find_map(|kept| match kept.content {
            Content::Piece(piece) if kept.letter.seq == seq => Some(piece),
            _ => None,
        })
    }

    /// Copies what begins at `offset` of a letter's payload to `buffer`, which is not longer than that.
    #[inline(always)]
    pub fn copy(&self, letter: &Letter, offset: usize, buffer: &mut [u8]) {
        if letter.is_in_cell() && offset == 0 {
            self.consumer.copy_small(letter, buffer);
        } else {
            self.copy_beyond(*letter, offset, buffer);
        }
    }

    // Takes the letter, not a reference to it, as `mail::finish` does.
    #[inline(never)]
    fn copy_beyond(&self, letter: Letter, offset: usize, buffer: &mut [u8]) {
        if letter.is_assembled() {
            buffer.copy_from_slice(&self.message(letter.seq)[offset..offset + buffer.len()]);
        } else if offset == 0 {
            memory::load(self.consumer.words(&letter), buffer);
        } else {
            memory::load_at(self.consumer.words(&letter), offset, buffer);
        }
    }

    /// Tells the sender what is acknowledged.
    #[inline(always)]
    pub fn tell_head(&self, member: &Member) {
        self.consumer.publish_head();
        self.ring(member);
    }

    /// Gives back the room of message `seq`.
    pub fn acknowledge(&self, member: &Member, seq: u64) {
        self.consumer.acknowledge(seq);
        self.ring(member);
    }

    /// Gives back the room of fragment `seq` at once, whatever the batch: its sender waits for that.
    fn pass(&self, member: &Member, seq: u64) {
        self.acknowledge(member, seq);
        self.settle(member);
    }

    /// Tells the sender of what a batch acknowledged.
    pub fn settle(&self, member: &Member) {
        if self.consumer.unsettled() > 0 {
            self.consumer.settle();
            self.ring(member);
        }
    }

    #[inline(always)]
    fn ring(&self, member: &Member) {
        if !member.is_credit_heard(&self.record) {
            self.ring_aloud(member);
        }
    }

    #[cold]
    fn ring_aloud(&self, member: &Member) {
        if member.ring_credit(&self.record) {
            count(&self.consumer.line().wakes, 1);
            self.woken.set(true);
        }
    }

    /// Done with a mail that is not a whole message in the mailbox; the bytes, if it was assembled.
    pub fn finish(&self, member: &Member, letter: &Letter) -> Vec<u8> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().position(|kept| kept.letter.seq == letter.seq);
        match at.map(|at| kept.swap_remove(at).content) {
            Some(Content::Message { bytes, .. }) => bytes,
            _ => {
                self.pass(member, letter.seq);
                Vec::new()
            }
        }
    }

    /// Leaves a taken mail unread.
    pub fn put_back(&self, letter: &Letter) {
        if !letter.is_assembled() {
            return self.consumer.put_back(letter.seq);
        }
        for kept in self.kept.borrow_mut().iter_mut().filter(|kept| kept.letter.seq == letter.seq) {
            if let Content::Message { is_returned, .. } = &mut kept.content {
                *is_returned = true;
                self.complicate();
            }
        }
    }
}

/// Keeps the buffer of a message that was read for the next one.
pub(crate) fn recycle(member: &Member, bytes: Vec<u8>) {
    let mut spare = member.spare.borrow_mut();
    if bytes.capacity() <= SPARE && bytes.capacity() > spare.capacity() {
        *spare = bytes;
    }
}
