//! A mailbox that an endpoint reads from.

mod bar;
mod fragments;

use bar::Bar;

use super::expected::Answers;
use super::reassembly::{Content, Kept};
use crate::abi::{INLINE, Kind, Rank, Ticket};
use crate::error::RecvError;
use crate::half::{Member, Piece, Train};
use crate::memory::{self, Shared};
use crate::os;
use crate::rank::Life;
use crate::ring::{Answerer, Consumer, Corrupt, Letter, count};
use crate::sync::{AtomicU64, Edge, acquire};
use crate::wait::pace::{RESPITE, STARVED};
use core::cell::{Cell as Private, Ref, RefCell};
use std::io;
use std::time::Instant;

/// One sender's mailbox to this endpoint, and what of it is under way.
pub struct Incoming {
    pub from: u32,
    /// The sender's record.
    pub record: Shared<Rank>,
    pub consumer: Consumer,
    /// Where its calls come.
    answerer: Answerer,
    /// The longest message, in bytes, that may be taken from the arena without ado: none that has any, until the arena is
    /// seen to have memory.
    pub limit: Private<usize>,
    /// Whether nothing can be taken: what is there makes no sense, a new start is asked for, or memory is lacking.
    silent: Private<bool>,
    /// Which memory is lacking for the next message.
    bar: Private<Bar>,
    /// The message for which memory was lacking: nothing behind it is taken before it.
    lacking: Private<Option<u64>>,
    /// Whether a receive from anyone has said that memory is lacking.
    pub told_bar: Private<bool>,
    /// What a call came upon that bars the mailbox, for the next receive to tell: after the mail before it.
    untold: Private<Option<RecvError>>,
    /// Whether its sender slept for want of room and was woken, and has sent nothing that was seen since.
    woken: Private<bool>,
    /// Whether new whole messages are all there is to it: not corrupt, no train, nothing returned.
    plain: Private<bool>,
    /// The message that arrives in fragments.
    train: RefCell<Option<Train>>,
    /// Whether fragments without a beginning are being dropped.
    stray: Private<bool>,
    /// What is to be taken again, after it was told that it cuts a message off.
    cutting: Private<Option<u64>>,
    /// Whether a receive from anyone has said that it is held up.
    pub told_held: Private<bool>,
    /// Since when its sender was seen to wait for room while mails are held here, and which ones these were: from the
    /// first number up to the second.
    starved: Private<Option<(Instant, u64, u64)>>,
    /// The stamp of the call on the line that was last put back; 0: none was.
    requeued_call: Private<u64>,
    /// What mails that are not whole messages in the mailbox stand for.
    kept: Kept,
}

impl Incoming {
    pub fn new(from: u32, record: Shared<Rank>, consumer: Consumer, answerer: Answerer) -> Self {
        Self {
            from,
            record,
            limit: 0.into(),
            silent: consumer.is_asking().into(),
            bar: Bar::Nothing.into(),
            lacking: None.into(),
            told_bar: false.into(),
            untold: None.into(),
            woken: false.into(),
            plain: (!consumer.is_asking()).into(),
            consumer,
            answerer,
            train: RefCell::default(),
            stray: false.into(),
            cutting: None.into(),
            told_held: false.into(),
            starved: None.into(),
            requeued_call: 0.into(),
            kept: Kept::default(),
        }
    }

    /// Whether there is mail, fragments, a call, or news of corruption. A mailbox that was once found corrupt is
    /// silent, but for calls: others go on.
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        self.has_mail() || self.has_call()
    }

    /// As `is_ready`, but for calls.
    #[inline(always)]
    pub fn has_mail(&self) -> bool {
        if self.silent.get() {
            return self.untold.get().is_some();
        }
        self.consumer.is_ready() || !self.plain.get() && self.returned().is_some()
    }

    /// The call on the call line, if there is one.
    #[inline(always)]
    pub fn take_call(&self) -> Option<Letter> {
        let letter = self.answerer.take(|| self.next())?;
        // It is one of its sender's turn.
        self.consumer.shorten();
        Some(letter.marked(letter.seq == self.requeued_call.get()))
    }

    /// The number of the next message to be received, also where memory is lacking for it: one that was left, or read
    /// ahead, or the next never taken.
    #[inline(always)]
    fn next(&self) -> Option<u64> {
        let unread = || self.consumer.next_unread().unwrap_or_else(|| self.consumer.next());
        let returned = || (!self.plain.get()).then(|| self.returned()).flatten();
        let is_to_come = !self.silent.get() || self.untold.get().is_some() || self.is_barred();
        is_to_come.then(|| returned().map_or_else(unread, |letter| letter.seq))
    }

    /// Where it is not ready: whether its sender was woken to send more; said once.
    pub fn take_woken(&self) -> bool {
        self.woken.take()
    }

    /// The sender's present life, or its last.
    pub fn life(&self) -> Life {
        Life::from_word(self.record.identity.life.load(acquire(Edge::Life)))
    }

    /// Whether a call is to be received next.
    #[inline(always)]
    pub fn has_call(&self) -> bool {
        self.answerer.is_ready(|| self.next())
    }

    pub fn is_corrupt(&self) -> bool {
        self.silent.get() && !self.consumer.is_asking() && !self.is_barred()
    }

    /// Gives up all that is in the mailbox, and asks the sender for a new start. No mail of it is held any more.
    pub fn reset(&mut self, member: &Member) {
        let train = self.train.take().map_or(0, |train| train.memory());
        member.budget.give_back(self.kept.memory() + train);
        let (record, answerer) = (self.record.clone(), self.answerer.clone());
        // A call on the line is not in the mailbox, and comes again.
        let requeued_call = self.requeued_call.take();
        *self = Self::new(self.from, record, self.consumer.ask_anew(), answerer);
        self.requeued_call.set(requeued_call);
        self.ring(member);
    }

    /// Takes the new start that was asked for, if the sender has given one.
    pub fn begin_anew(&self, member: &Member) {
        if self.consumer.begin_anew() {
            self.silent.set(false);
            self.plain.set(true);
            // It may wait for room, of which there is none until now.
            self.ring(member);
        }
    }

    /// Where it is not ready: whether that is so because this endpoint holds mails of it, and its sender can send no more
    /// before they are acknowledged. Remembers since when, and that it is to be told again where it is not so.
    pub fn note_held_up(&self, member: &Member) -> bool {
        let is_full = self.consumer.is_full() && self.may_send(member);
        let is_held = is_full || self.note_starved(member);
        let is_held_up = is_held && !self.is_barred();
        if !is_held_up {
            self.told_held.set(false);
        }
        is_held_up
    }

    /// Whether the sender has said for a while that it waits for room, and mails that are held or unread take some. They
    /// need not fill the cells: they may keep the arena full, or the end of a message in fragments waits for them. The
    /// sender's word may lie; then this is wrong, and no more. Remembers since when.
    pub fn note_starved(&self, member: &Member) -> bool {
        let held = self.consumer.head()..self.consumer.next();
        if held.start == held.end || !member.is_awaited_by(&self.record) {
            self.starved.set(None);
            return false;
        }
        match self.starved.get() {
            Some((since, start, end)) if held == (start..end) => {
                // The word outlives a sender that was killed.
                since.elapsed() >= STARVED && self.may_send(member)
            }
            _ => {
                self.starved.set(Some((Instant::now(), held.start, held.end)));
                false
            }
        }
    }

    /// Whether its sender has not ended; asks the kernel.
    fn may_send(&self, member: &Member) -> bool {
        member.end_of(self.from, true).is_none()
    }

    /// Lets `take_new` of its consumer take so many messages without asking.
    pub fn grant(&self, member: &Member, count: u64) {
        let is_easy = self.plain.get() && member.limit >= INLINE;
        self.consumer.grant(if is_easy { count } else { 0 });
    }

    /// The mail that `is_ready` saw; `None` if it was a fragment that completes nothing. `in_pieces`: a
    /// train that begins now is passed on as it comes.
    #[inline(never)]
    pub fn take(
        &self,
        member: &Member,
        in_pieces: bool,
        answers: &Answers,
    ) -> Result<Option<Letter>, RecvError> {
        self.woken.set(false);
        if !self.has_older()
            && let Some(error) = self.untold.take()
        {
            return Err(error);
        }
        let taken = match self.take_returned() {
            Some(letter) => Ok(Some(letter)),
            None => self.sort(member, self.consumer.take(), in_pieces, answers),
        };
        if taken.is_ok() {
            self.told_bar.set(false);
        }
        self.plain.set(!self.silent.get() && self.train.borrow().is_none() && self.returned().is_none());
        if !self.plain.get() {
            self.consumer.grant(0);
        }
        taken
    }

    /// Takes in what is in the mailbox and was never taken, answers among it, and leaves the mail unread. Whether an answer
    /// cannot come before mail is received.
    pub fn seek(&self, member: &Member, answers: &Answers, in_pieces: bool) -> bool {
        // More is not there at once, unless the sender goes on meanwhile.
        for _ in 0..self.consumer.cells() {
            let lacking = self.lacking.get();
            if self.silent.get() || lacking.is_none() && !self.consumer.is_new() {
                break;
            }
            // A message that is to be received in pieces is not put together.
            let is_first = || lacking.is_some() || self.consumer.next_kind() == Some(Kind::First);
            if self.is_to_be_received() || in_pieces && is_first() {
                return true;
            }
            let taken = match lacking {
                Some(seq) => self.consumer.take_again(seq),
                None => self.consumer.take_unseen(),
            };
            match self.sort(member, taken, in_pieces, answers) {
                Ok(letter) => {
                    self.told_bar.set(false);
                    if let Some(letter) = letter {
                        self.put_back(&letter);
                    }
                }
                Err(error) => self.untold.set(Some(error)),
            }
            // It may be mail that is not plain.
            self.complicate();
        }
        self.note_held_up(member) || self.is_to_be_received() || self.is_barred()
    }

    /// What a message that was taken is.
    fn sort(
        &self,
        member: &Member,
        taken: Result<Option<Letter>, Corrupt>,
        in_pieces: bool,
        answers: &Answers,
    ) -> Result<Option<Letter>, RecvError> {
        let letter = match taken {
            // No endpoint sends more than the region carries.
            Ok(Some(letter)) if letter.len <= member.limit => letter,
            // `Ok(None)`: a stamp that was there is gone.
            _ => return Err(self.corrupted(member)),
        };
        self.cutting.set(self.cutting.get().filter(|cutting| *cutting != letter.seq));
        self.lacking.set(self.lacking.get().filter(|lacking| *lacking != letter.seq));
        if !letter.is_in_cell() && self.limit.get() == 0 {
            // An honest sender has reserved the arena before. Who touches one without memory gets SIGBUS.
            let completed = member.region.segment.complete_arena(self.from, member.rank());
            if let Err(error) = completed {
                let bar = Bar::Space(Instant::now() + RESPITE);
                return Err(self.bar(&letter, bar, no_pages(self.from, &error)));
            }
            self.limit.set(member.limit);
        }
        let kind = letter.envelope().kind;
        match kind {
            Kind::Whole => self.end_train(member, &letter).map(|()| Some(letter)),
            Kind::First => {
                self.end_train(member, &letter).and_then(|()| self.begin(member, &letter, in_pieces))
            }
            Kind::More | Kind::Last => self.go_on(member, letter, kind == Kind::Last),
            Kind::Cut => {
                self.pass(member, letter.seq);
                if self.drop_train(member) { Err(RecvError::Cut(self.from)) } else { Ok(None) }
            }
            Kind::Call => {
                self.end_train(member, &letter)?;
                match self.consumer.ticket(&letter) {
                    Some(Ticket::For(epoch)) if epoch == member.epoch() => Ok(Some(letter)),
                    // A predecessor may have begun to answer it.
                    Some(Ticket::For(_)) => {
                        self.pass(member, letter.seq);
                        Ok(None)
                    }
                    _ => Err(self.corrupted(member)),
                }
            }
            Kind::Answer | Kind::Refusal => {
                self.end_train(member, &letter)?;
                let Some(ticket) = self.consumer.ticket(&letter) else { return Err(self.corrupted(member)) };
                answers.fill(self.from, ticket, kind, |bytes| {
                    memory::append(self.consumer.words(&letter), letter.len, bytes);
                });
                self.pass(member, letter.seq);
                Ok(None)
            }
            Kind::Dropped | Kind::Elsewhere => Err(self.corrupted(member)),
        }
    }

    /// Answers a call that was taken: on its line, where it was asked.
    #[inline(always)]
    pub fn answer(&self, member: &Member, stamp: u64, kind: Kind, bytes: &[u8]) {
        self.answerer.answer(stamp, kind, bytes);
        if !member.is_mail_heard(&self.record) {
            member.ring_mail(&self.record);
        }
    }

    /// Done with a call that is not answered: that tells its asker.
    pub fn drop_call(&self, member: &Member, letter: &Letter) {
        if letter.is_on_line() {
            self.answer(member, letter.seq, Kind::Dropped, &[]);
        } else {
            self.pass(member, letter.seq);
        }
    }

    /// From now on there is more to it than new whole messages.
    fn complicate(&self) {
        self.plain.set(false);
        self.consumer.grant(0);
    }

    /// Nothing more is taken from the mailbox: it makes no sense.
    #[cold]
    fn corrupted(&self, member: &Member) -> RecvError {
        self.silent.set(true);
        self.bar.set(Bar::Nothing);
        self.untold.set(None);
        self.complicate();
        self.drop_train(member);
        RecvError::Corrupt(self.from)
    }

    /// Says, once, that a peer overwrote what this receiver says of new starts, or that a message under way never ends. In
    /// the first case its sender may wait for one to be taken that nobody asked for, or not know of the one that is asked
    /// for.
    pub fn check(&self, member: &Member) -> Result<(), RecvError> {
        if !self.is_corrupt() && self.consumer.is_belied() {
            self.consumer.withdraw();
            return Err(self.corrupted(member));
        }
        self.check_train(member)
    }

    /// The oldest assembled message that was left unread, unless a mail before it was left, too.
    fn returned(&self) -> Option<Letter> {
        let letter = self.kept.returned()?;
        let is_next = |unread: u64| (unread.wrapping_sub(letter.seq) as i64) > 0;
        self.consumer.next_unread().is_none_or(is_next).then_some(letter)
    }

    /// Whether mail is unread that was sent before the message for which memory is lacking, or before what makes no sense.
    fn has_older(&self) -> bool {
        let is_older = |seq| Some(seq) != self.lacking.get();
        self.returned().is_some() || self.consumer.next_unread().is_some_and(is_older)
    }

    fn take_returned(&self) -> Option<Letter> {
        if self.plain.get() {
            return None;
        }
        let letter = self.returned()?;
        self.kept.set_returned(letter.seq, false);
        Some(letter.marked(self.consumer.is_handed(letter.seq)))
    }

    /// The bytes of an assembled letter.
    pub fn message(&self, seq: u64) -> Ref<'_, [u8]> {
        self.kept.message(seq)
    }

    /// Where in its message the piece with this number lies.
    pub fn piece(&self, seq: u64) -> Option<Piece> {
        self.kept.piece(seq)
    }

    /// The payload words of a letter that is not assembled.
    pub fn words(&self, letter: &Letter) -> &[AtomicU64] {
        if letter.is_on_line() { self.answerer.words() } else { self.consumer.words(letter) }
    }

    /// Copies what begins at `offset` of a letter's payload to `buffer`, which is not longer than that.
    #[inline(always)]
    pub fn copy(&self, letter: &Letter, offset: usize, buffer: &mut [u8]) {
        if let (Some(index), 0) = (letter.cell(), offset) {
            self.consumer.copy_small(index, buffer);
        } else if letter.is_on_line() && offset == 0 {
            memory::load_small(self.answerer.words(), buffer);
        } else {
            self.copy_beyond(*letter, offset, buffer);
        }
    }

    // Takes the letter, not a reference to it, as `mail::finish` does.
    #[inline(never)]
    fn copy_beyond(&self, letter: Letter, offset: usize, buffer: &mut [u8]) {
        if letter.is_on_line() {
            memory::load_at(self.answerer.words(), offset, buffer);
        } else if letter.is_assembled() {
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

    /// Done with a message of a drain; tells the sender of it, and of those before it, unless a batch holds that back.
    pub fn finish_block(&self, member: &Member, letter: &Letter) {
        if self.consumer.retire(letter) || !member.is_in_batch() {
            self.settle(member);
        }
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
        match self.kept.take(letter.seq) {
            Some(Content::Message { bytes, .. }) => {
                member.budget.give_back(bytes.len() as u64);
                bytes
            }
            _ => {
                self.pass(member, letter.seq);
                Vec::new()
            }
        }
    }

    /// Leaves a mail unread that was handed out.
    #[cold]
    pub fn requeue(&self, letter: &Letter) {
        if letter.is_on_line() {
            self.requeued_call.set(letter.seq);
        } else {
            self.consumer.note_handed(letter.seq);
            // It comes before the message for which memory is lacking.
            self.lift_bar(true, true);
        }
        self.put_back(letter);
    }

    /// Leaves a letter that was taken unread.
    pub fn put_back(&self, letter: &Letter) {
        if letter.is_on_line() {
            return self.answerer.put_back();
        }
        if !letter.is_assembled() {
            return self.consumer.put_back(letter.seq);
        }
        if self.kept.set_returned(letter.seq, true) {
            self.complicate();
        }
    }
}

/// Why pages of the mailbox from `rank` are lacking.
pub fn no_pages(rank: u32, error: &io::Error) -> RecvError {
    if os::is_out_of_space(error) {
        return RecvError::NoSpace(rank);
    }
    RecvError::Os { rank, code: os::error_number(error) }
}
