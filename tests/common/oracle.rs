//! What receives by tag must find, as a naive list of all messages knows it.

use super::dice::Dice;
use super::pattern;
use mailbox::{Endpoint, Mail, RecvError, RecvFrom, Source};

pub const SENDERS: usize = 3;
pub const TAGS: [u32; 7] = [0, 1, 2, 3, 4, 0x8000_0000, u32::MAX];
/// More than a receiver keeps tables of.
pub const MASKS: [u32; 12] = [u32::MAX, u32::MAX, u32::MAX, 1, 2, 3, 4, 5, 6, 7, 0x8000_0001, u32::MAX - 1];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Whole,
    /// Its sender no longer waits for it.
    Sync,
    Announced,
    Call,
    /// A call that no later mail waits for.
    OnLine,
}

/// A message, in the order of its sender.
#[derive(Debug)]
pub struct Sent {
    pub number: u64,
    pub tag: u32,
    pub kind: Kind,
    pub len: usize,
    pub seq: u64,
    /// How often it was handed out and not acknowledged.
    pub handed: u32,
    /// The number of its sender's life.
    pub life: u32,
    pub is_held: bool,
    pub is_over: bool,
    /// Whether it may never come: its sender gave it up.
    pub is_maybe: bool,
}

impl Sent {
    pub fn is_there(&self) -> bool {
        !self.is_held && !self.is_over
    }

    pub fn bytes(number: u64, len: usize) -> Vec<u8> {
        let mut bytes = pattern(len, number as usize);
        bytes[..8].copy_from_slice(&number.to_ne_bytes());
        bytes
    }
}

/// What a receive takes.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub from: Option<u32>,
    /// A tag and a mask; or all, calls too.
    pub label: Option<(u32, u32)>,
}

impl Wish {
    pub const ANYTHING: Self = Self { from: None, label: None };

    pub fn roll(dice: &mut Dice) -> Self {
        let from = (dice.below(2) == 0).then(|| dice.below(SENDERS as u64) as u32);
        Self { from, label: (dice.below(4) > 0).then(|| (one_of(dice, &TAGS), one_of(dice, &MASKS))) }
    }

    pub fn of(self, me: &Endpoint) -> RecvFrom<'_> {
        let from = me.from(self.from.map_or(Source::Anyone, Source::Rank));
        self.label.map_or(from, |(tag, mask)| from.tag_masked(tag, mask))
    }

    pub fn takes(self, sent: &Sent) -> bool {
        let is_call = matches!(sent.kind, Kind::Call | Kind::OnLine);
        self.label.is_none_or(|(tag, mask)| !is_call && (tag ^ sent.tag) & mask == 0)
    }

    pub fn ranks(self) -> impl Iterator<Item = usize> {
        (0..SENDERS).filter(move |rank| self.from.is_none_or(|from| from as usize == *rank))
    }
}

pub fn one_of<T: Copy>(dice: &mut Dice, all: &[T]) -> T {
    all[dice.below(all.len() as u64) as usize]
}

/// What is known of all messages.
#[derive(Default)]
pub struct Oracle {
    pub sent: [Vec<Sent>; SENDERS],
    pub next: u64,
    /// The number of each sender's next message.
    pub seqs: [u64; SENDERS],
    /// Lives of each sender that have ended.
    pub ends: [u32; SENDERS],
    pub is_there: [bool; SENDERS],
    /// Whether what was handed out to a former receiver is there.
    pub is_later: bool,
}

impl Oracle {
    /// What a receive must take first of this rank.
    pub fn first(&self, wish: Wish, rank: usize) -> Option<&Sent> {
        self.sent[rank]
            .iter()
            .find(|sent| sent.is_there() && !sent.is_maybe && sent.kind != Kind::OnLine && wish.takes(sent))
    }

    /// Whether a receive that waits for nobody must find something: nothing of its kind that is announced comes before it.
    pub fn must_find(&self, wish: Wish) -> bool {
        let is_due = |sent: &&Sent| sent.is_there() && sent.kind != Kind::OnLine && wish.takes(sent);
        let may_wait = |sent: &Sent| sent.is_maybe || sent.kind == Kind::Announced;
        wish.ranks().any(|rank| self.sent[rank].iter().find(is_due).is_some_and(|sent| !may_wait(sent)))
    }

    pub fn can_come(&self, wish: Wish) -> bool {
        wish.ranks().any(|rank| self.first(wish, rank).is_some())
    }

    /// This came, by a receive of that kind: it is the one that had to.
    pub fn took(&mut self, wish: Wish, rank: u32, number: u64) -> &mut Sent {
        assert!(wish.from.is_none_or(|from| from == rank), "{wish:?} {rank}");
        let all = &mut self.sent[rank as usize];
        let at = all.iter().position(|sent| sent.number == number);
        let at = at.unwrap_or_else(|| panic!("{wish:?}: {number} was not sent, or is over"));
        assert!(all[at].is_there() && wish.takes(&all[at]), "{wish:?}: {:?}", all[at]);
        for before in &mut all[..at] {
            let waits = before.kind != Kind::OnLine && before.is_there() && wish.takes(before);
            assert!(!waits || before.is_maybe, "{wish:?}: {number} before {before:?}");
            // It was dropped.
            before.is_over |= waits;
        }
        &mut all[at]
    }

    pub fn check(&mut self, wish: Wish, mail: &Mail<'_>) {
        let number = mail.read_number();
        let is_later = self.is_later;
        let sent = self.took(wish, mail.from(), number);
        assert!(mail.to_vec() == Sent::bytes(number, sent.len), "{sent:?}: {} bytes", mail.len());
        let is_on_line = sent.kind == Kind::OnLine;
        assert!(is_on_line || mail.seq() == sent.seq, "{sent:?} is {}", mail.seq());
        let is_call = is_on_line || sent.kind == Kind::Call;
        assert_eq!((mail.tag(), mail.is_call()), (sent.tag, is_call), "{sent:?}");
        let count = mail.redelivered();
        assert!(count == sent.handed || is_later && count.min(1) >= sent.handed.min(1), "{sent:?}: {count}");
        sent.is_held = true;
    }

    /// An error may be told.
    pub fn check_error(&mut self, wish: Wish, error: RecvError) {
        let rank = match error {
            RecvError::Timeout => return,
            RecvError::Gone { rank, .. } => {
                assert!(self.ends[rank as usize] > 0, "{rank} goes on");
                assert!(wish.from.is_none() || !self.is_there[rank as usize], "{rank} goes on");
                rank
            }
            RecvError::Held(rank) => {
                assert!(self.sent[rank as usize].iter().any(|sent| sent.is_held), "nothing is held");
                rank
            }
            RecvError::Crowded { rank, unread } => {
                assert!(unread > 0);
                rank
            }
            error => panic!("{wish:?}: {error}"),
        };
        let first = self.first(wish, rank as usize);
        assert!(first.is_none_or(|sent| sent.kind == Kind::Announced), "{wish:?}: {error}, {first:?}");
    }

    /// The end of a life may be told as an event; the next one may have sent something.
    pub fn check_end(&self, rank: u32, epoch: u64) {
        let first = self.first(Wish::ANYTHING, rank as usize);
        let may_be = first.is_none_or(|sent| sent.kind == Kind::Announced || u64::from(sent.life) >= epoch);
        assert!(may_be && u64::from(self.ends[rank as usize]) >= epoch, "{rank} {epoch}: {first:?}");
    }

    pub fn sent_mut(&mut self, rank: u32, number: u64) -> &mut Sent {
        let sent = self.sent[rank as usize].iter_mut().find(|sent| sent.number == number);
        sent.expect("it was sent")
    }

    /// A mail is done with.
    pub fn over(&mut self, rank: u32, number: u64) {
        let sent = self.sent_mut(rank, number);
        (sent.is_held, sent.is_over) = (false, true);
        let all = &mut self.sent[rank as usize];
        let done = all.iter().take_while(|sent| sent.is_over).count();
        all.drain(..done);
    }

    /// A mail was put back.
    pub fn again(&mut self, rank: u32, number: u64) {
        let sent = self.sent_mut(rank, number);
        (sent.is_held, sent.handed) = (false, sent.handed + 1);
    }

    /// A successor of the receiver gets what was not acknowledged, and what comes after that.
    pub fn succeed(&mut self) {
        self.is_later = true;
        for all in &mut self.sent {
            let is_left = |sent: &Sent| !sent.is_over && sent.kind != Kind::OnLine;
            let may = all.iter().position(is_left).unwrap_or(all.len());
            let must = all.iter().position(|sent| {
                is_left(sent) && !sent.is_maybe && matches!(sent.kind, Kind::Whole | Kind::Sync)
            });
            let must = must.unwrap_or(all.len());
            for (at, sent) in all.iter_mut().enumerate().filter(|(_, sent)| sent.is_over) {
                sent.is_over = at < may;
                sent.is_maybe |= at < must;
                sent.handed += 1;
            }
            // What was for the receiver before keeps its place until a receive comes upon it.
            all.retain(|sent| !sent.is_over && sent.kind != Kind::OnLine);
            all.iter_mut().for_each(|sent| {
                sent.is_maybe |= !matches!(sent.kind, Kind::Whole | Kind::Sync);
            });
        }
    }
}

pub trait Numbered {
    fn read_number(&self) -> u64;
}

impl Numbered for Mail<'_> {
    fn read_number(&self) -> u64 {
        let mut bytes = [0; 8];
        assert_eq!(self.read_at(0, &mut bytes), 8);
        u64::from_ne_bytes(bytes)
    }
}
