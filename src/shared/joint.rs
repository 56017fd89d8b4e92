//! What the threads of a shared endpoint use, each while it has the lock.

use crate::abi::{INLINE, MAIL, ROOM};
use crate::call::PausedCall;
use crate::endpoint::Endpoint;
use crate::half::{Interrupter, Member};
use crate::rank::{Bell, Polling, Seen, Source, Wait, fall_asleep};
use crate::receive::{Inbox, Incoming, Wanted};
use crate::ring::Descriptor;
use crate::send::{Outbox, Outgoing};
use crate::wait::{Common, Waiter};
use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::time::Instant;

/// An endpoint, and the mails that its threads have taken.
pub struct Joint {
    pub endpoint: Endpoint,
    taken: RefCell<Vec<Taken>>,
}

/// A mail that a thread took, and that is not done with.
struct Taken {
    from: u32,
    seq: u64,
    by: Thread,
    /// Whether its thread was told that it keeps its sender from sending.
    is_told: bool,
}

/// A thread of this process. No later one has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread(u64);

impl Thread {
    pub fn this() -> Self {
        static THREADS: AtomicU64 = AtomicU64::new(0);
        thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Relaxed));
        Self(NUMBER.with(|number| *number))
    }
}

/// The most bytes of a mail that are copied when it is taken. Each move of the mail moves them, too.
pub const SHORT: usize = 32;

/// A thread that takes a mail.
pub struct Taker {
    pub thread: Thread,
    /// The bytes of what it took, if they are no more: copied under the lock, and read without it.
    pub bytes: [u8; SHORT],
}

impl Taker {
    pub fn this() -> Self {
        Self { thread: Thread::this(), bytes: [0; SHORT] }
    }
}

/// What a thread waits for.
pub struct Want {
    pub what: What,
    /// What ends its wait.
    pub interrupter: Interrupter,
    pub thread: Thread,
}

/// What it is.
#[derive(Clone, Copy)]
pub enum What {
    /// Mail.
    Mail(Wanted),
    /// Mail from anyone, or who comes and goes; or that it was told more than so many times that nobody is left.
    Event(Option<u64>),
    /// Room for a message of so many bytes to this rank.
    Room(u32, usize),
    /// Room for a message to this rank, or progress with one that was announced to it; and mail.
    Exchange(u32, Wanted),
    /// That one more message may be under way to this rank that it answers (a call, one that it acknowledges to its sender, an
    /// announced one), and room for so many bytes of it.
    Asking(u32, usize),
    /// That this rank has acknowledged such a message, or has all of an announced one.
    Answered(u32),
    /// The answer to this call.
    Answer(PausedCall),
    /// Room for an answer.
    Replying,
    /// Room for a loan.
    Lending,
}

impl What {
    /// Which mail it takes, if it does.
    fn mail(&self) -> Option<Wanted> {
        match *self {
            What::Mail(wanted) | What::Exchange(_, wanted) => Some(wanted),
            What::Event(_) => Some(Wanted::ANYTHING),
            _ => None,
        }
    }

    /// To which rank it sends, if it does.
    fn receiver(&self) -> Option<u32> {
        match *self {
            What::Room(to, _) | What::Asking(to, _) | What::Answered(to) | What::Exchange(to, _) => Some(to),
            _ => None,
        }
    }
}

impl Joint {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, taken: RefCell::default() }
    }

    /// Says whether several threads use it from now on.
    pub fn share(&self, is_shared: bool) {
        self.sending().0.share(is_shared);
        self.receiving().0.share(is_shared);
    }

    pub fn sending(&self) -> (&Member, &Outbox) {
        self.endpoint.halves().0.parts()
    }

    pub fn receiving(&self) -> (&Member, &Inbox) {
        self.endpoint.halves().1.parts()
    }

    /// Announced messages whose bytes the endpoint has go on.
    pub fn tend(&self) {
        let (member, outbox) = self.sending();
        outbox.tend(member);
    }

    /// The mailbox that a mail was taken from.
    pub fn mailbox(&self, from: u32) -> Option<&Incoming> {
        self.receiving().1.opened(from)
    }

    /// Notes that this thread has a mail, and gives it the bytes if they are few.
    #[inline(always)]
    pub fn note_taken(&self, peer: &Incoming, mail: &Descriptor, by: &mut Taker) {
        let note = Taken { from: peer.from, seq: mail.seq, by: by.thread, is_told: false };
        self.taken.borrow_mut().push(note);
        if let Some(bytes) = by.bytes.get_mut(..mail.len) {
            peer.copy(mail, 0, bytes);
        }
    }

    /// Notes that a mail is done with.
    #[inline(always)]
    pub fn note_done(&self, from: u32, seq: u64) {
        let mut taken = self.taken.borrow_mut();
        if let Some(at) = taken.iter().rposition(|taken| taken.seq == seq && taken.from == from) {
            taken.swap_remove(at);
        }
    }

    /// The sender that can send no more before a mail is done with that this thread took, if it waits for mail of that one;
    /// of anyone it is told once for each mail. What other threads took is no reason to end a wait: they go on.
    pub fn held_up(&self, wanted: Wanted, thread: Thread, tell: bool) -> Option<u32> {
        let (member, _) = self.receiving();
        let mut taken = self.taken.borrow_mut();
        let is_meant = |taken: &Taken| match wanted.source {
            Source::Anyone => !taken.is_told,
            Source::Rank(rank) => taken.from == rank,
        };
        let is_in_the_way = |taken: &Taken| {
            self.mailbox(taken.from)
                .is_some_and(|peer| peer.held_up(member, wanted.filter) == Some(taken.seq))
        };
        let held = taken.iter_mut().filter(|taken| taken.by == thread && is_meant(taken));
        let held = held.into_iter().find(|taken| is_in_the_way(taken))?;
        held.is_told |= tell;
        Some(held.from)
    }

    fn has(&self, what: &What) -> bool {
        let (member, outbox) = self.sending();
        match *what {
            What::Mail(wanted) => {
                let (member, inbox) = self.receiving();
                inbox.has_news(member, wanted)
            }
            What::Event(since) => {
                let (member, inbox) = self.receiving();
                inbox.has_event(member, since)
            }
            What::Answer(call) => {
                call.may_have_come(&self.endpoint) || member.end_of(call.to(), false).is_some()
            }
            What::Room(to, _) => {
                let has_room = |peer: &Outgoing| {
                    // Not what was last seen of it, which another thread may have done. Or nobody tells the receiver any
                    // more that it is waited for.
                    let starving = peer.producer.starving();
                    starving.is_none_or(|(oldest, _)| peer.producer.acknowledged() != Ok(oldest))
                };
                outbox.opened(to).is_none_or(has_room) || member.end_of(to, false).is_some()
            }
            What::Exchange(..) | What::Asking(..) | What::Answered(_) | What::Replying | What::Lending => {
                true
            }
        }
    }
}

impl Common for Joint {
    type Want = Want;

    fn bits(want: &Want) -> u32 {
        match want.what {
            What::Mail(_) | What::Event(_) | What::Answer(_) | What::Replying => MAIL,
            What::Room(..) | What::Answered(_) | What::Lending => ROOM,
            What::Exchange(..) | What::Asking(..) => MAIL | ROOM,
        }
    }

    fn hears_of_ends(want: &Want) -> bool {
        want.what.mail().is_some_and(Wanted::is_from_anyone)
    }

    fn is_alike(one: &Want, other: &Want) -> bool {
        match (&one.what, &other.what) {
            (What::Mail(one), What::Mail(other)) => one == other,
            (What::Event(one), What::Event(other)) => one == other,
            // Those that take more than a cell may have to wait for more than a cell.
            (What::Room(one, a), What::Room(other, b)) | (What::Asking(one, a), What::Asking(other, b)) => {
                one == other && *a.max(b) <= INLINE
            }
            // Each waits for its own.
            _ => false,
        }
    }

    fn has_news(&self, want: &Want, is_first: bool) -> bool {
        let is_held_up = || {
            let wanted = want.what.mail();
            wanted.is_some_and(|wanted| self.held_up(wanted, want.thread, false).is_some())
        };
        want.interrupter.is_set() || is_first && self.has(&want.what) || is_held_up()
    }

    fn fall_asleep(&self, want: &Want, bits: u32, now: Instant) -> Seen {
        let (receiver, sender) = (self.receiving().0, self.sending().0);
        // Those that were rung, or are new.
        let is_to_set = |bit, member: &Member| {
            bits & bit != 0 && Bell::of(&member.record().bells, bit).unrung().is_none()
        };
        let mail = is_to_set(MAIL, receiver).then_some(receiver);
        let room = is_to_set(ROOM, sender).then_some(sender);
        if let (Some(wanted), Some(_)) = (want.what.mail(), mail) {
            receiver.fall_asleep_for_mail(wanted.source);
        }
        if let (Some(to), Some(_)) = (want.what.receiver(), room) {
            sender.announce(Source::Rank(to));
        }
        fall_asleep(mail.into_iter().chain(room).flat_map(Waiter::sleeps), now)
    }

    fn wake_up(&self, bits: u32) {
        for (bit, member) in [(MAIL, self.receiving().0), (ROOM, self.sending().0)] {
            if bits & bit != 0 && member.check().is_ok() {
                Bell::of(&member.record().bells, bit).wake_up();
                member.end_wait();
            }
        }
    }

    fn until_question(&self) -> Duration {
        self.receiving().0.until_question()
    }

    fn is_question_due(&self) -> bool {
        self.receiving().0.is_question_due()
    }

    fn watch(&self) {
        self.receiving().0.watch();
    }

    fn how(&self) -> Wait {
        self.receiving().0.how()
    }

    fn polling(&self) -> Polling {
        self.receiving().0.polling()
    }

    fn begin_polling(&self) -> Polling {
        self.receiving().0.begin_polling()
    }

    fn review_order(&self) {
        self.receiving().0.review_order();
        self.sending().0.review_order();
    }
}

#[cfg(test)]
mod tests {
    use super::super::OwnedMail;
    use crate::config::Config;
    use crate::region::Region;

    #[test]
    fn a_mail_that_is_done_with_is_not_noted_any_more() {
        let region = Region::create_unnamed(Config::ranks(2)).expect("a region");
        let (other, me) = (region.join(1).expect("free"), region.join(0).expect("free").into_shared());
        let noted = || me.handle.with(|joint| joint.taken.borrow().len()).expect("it has its rank");
        let ways: [fn(OwnedMail); 4] =
            [drop, OwnedMail::requeue, |mail| drop(mail.into_vec()), |call| call.reply(b"!").expect("room")];
        for (at, way) in ways.into_iter().enumerate() {
            let call = (at == 3).then(|| other.to(0).start_call(b"?").expect("room"));
            // One that was requeued comes again.
            if call.is_none() && at != 2 {
                other.send(0, b"mail").expect("room");
            }
            let mail = me.recv().expect("mail");
            assert_eq!(noted(), 1, "way {at}");
            way(mail);
            assert_eq!(noted(), 0, "way {at}");
        }
    }
}
