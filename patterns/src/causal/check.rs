//! Finds out whether recorded histories are in causal order.

use super::{History, Id, Step};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What is wrong with histories. `history` is the place of one among those that were given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// A message was delivered before one that caused it, or that one was never delivered.
    #[error("history {history}: {effect} was delivered before {cause}, which is a cause of it")]
    Early {
        /// Whose.
        history: usize,
        /// What was delivered.
        effect: Id,
        /// What was not.
        cause: Id,
    },
    /// A message was delivered twice, or to its sender.
    #[error("history {history}: {message} was delivered twice")]
    Twice {
        /// Whose.
        history: usize,
        /// The message.
        message: Id,
    },
    /// A message was delivered that was sent before this member has joined.
    #[error("history {history}: {message} is from before its start")]
    BeforeStart {
        /// Whose.
        history: usize,
        /// The message.
        message: Id,
    },
    /// A message was delivered that nobody has sent, or which its sender sent after it was given an effect of it.
    #[error("history {history}: {message} was delivered, and nobody can have sent it before")]
    NeverSent {
        /// Whose.
        history: usize,
        /// The message.
        message: Id,
    },
    /// A message was sent as another rank, twice, or with a number that is not larger than the one before.
    #[error("history {history}: {message} cannot have been sent there")]
    Misnumbered {
        /// Whose.
        history: usize,
        /// The message.
        message: Id,
    },
    /// A message was delivered to one member, and never to another one that should have it.
    #[error("history {history}: {message} was not delivered, and {other} has it")]
    Lost {
        /// Whose.
        history: usize,
        /// The message.
        message: Id,
        /// The history that has it.
        other: usize,
    },
}

/// All messages that a rank has sent, in order, of all its lives.
type Sends = BTreeMap<u32, Vec<u64>>;

/// For each rank, how many of its messages are known: the smallest number that is not.
type Past = BTreeMap<u32, u64>;

/// Whether each message was delivered after all that caused it: an error that names the first two which were not.
///
/// The message *m* causes *n* if the sender of *n* had sent *m*, or was given it, before it sent *n*; or if *m* causes a message that causes
/// *n* (L. Lamport, *Time, Clocks, and the Ordering of Events in a Distributed System*, 1978). The check believes no clock: it follows what
/// was sent and delivered. It wants a history of each member that has sent something. One that may be killed notes what it sends before it
/// sends that; if nobody has its last message, that one is removed from its history.
///
/// What was sent before a member started, and what it has left out, may be missing. It does not ask that everything was
/// delivered: see [`agree`].
///
/// Cost: for each message a look at each rank, and memory for a count of each rank.
///
/// ```
/// # use mailbox_patterns::causal::{check, Clock, History, Id, Step, Violation};
/// let id = |rank| Id { rank, number: 0 };
/// let history = |rank, steps: &[Step]| History { rank, start: Clock::new(0..3), steps: steps.to_vec() };
/// let (question, answer) = (id(0), id(1));
/// let asks = history(0, &[Step::Sent(question), Step::Delivered(answer)]);
/// let answers = history(1, &[Step::Delivered(question), Step::Sent(answer)]);
/// let listens = history(2, &[Step::Delivered(question), Step::Delivered(answer)]);
/// assert_eq!(check(&[asks.clone(), answers.clone(), listens]), Ok(()));
///
/// // Each link is in order, and yet:
/// let puzzled = history(2, &[Step::Delivered(answer), Step::Delivered(question)]);
/// let early = Violation::Early { history: 2, effect: answer, cause: question };
/// assert_eq!(check(&[asks, answers, puzzled]), Err(early));
/// ```
pub fn check(histories: &[History]) -> Result<(), Violation> {
    let sends = find_sends(histories)?;
    let mut pasts = BTreeMap::new();
    let mut readers: Vec<_> = histories.iter().map(Reader::new).collect();
    // Each history goes on as far as it is known what caused the messages in it.
    loop {
        let mut has_moved = false;
        for (history, reader) in readers.iter_mut().enumerate() {
            while reader.step(history, &sends, &mut pasts)? {
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
    let waits = readers.iter().enumerate().filter_map(|(history, reader)| match reader.next() {
        Some(Step::Delivered(message)) => Some((history, message)),
        _ => None,
    });
    // Others may only wait for the one that has such a message.
    let is_sent = |message: &Id| sends.get(&message.rank).is_some_and(|all| all.contains(&message.number));
    let stuck = waits.min_by_key(|(_, message)| is_sent(message));
    stuck.map_or(Ok(()), |(history, message)| Err(Violation::NeverSent { history, message }))
}

/// What each rank has sent.
fn find_sends(histories: &[History]) -> Result<Sends, Violation> {
    let mut sends = Sends::new();
    for (history, of) in histories.iter().enumerate() {
        let mut last = None;
        for step in &of.steps {
            let Step::Sent(message) = *step else { continue };
            if message.rank != of.rank || last.is_some_and(|last| last >= message.number) {
                return Err(Violation::Misnumbered { history, message });
            }
            last = Some(message.number);
            sends.entry(of.rank).or_default().push(message.number);
        }
    }
    for (rank, numbers) in &mut sends {
        numbers.sort_unstable();
        if let Some(pair) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = Id { rank: *rank, number: pair[0] };
            let has_it = |history: &History| history.steps.contains(&Step::Sent(message));
            let history = histories.iter().rposition(has_it).unwrap_or_default();
            return Err(Violation::Misnumbered { history, message });
        }
    }
    Ok(sends)
}

/// Goes through a history.
struct Reader<'h> {
    history: &'h History,
    at: usize,
    /// What caused what it sends next.
    past: Past,
    seen: BTreeSet<Id>,
    /// For each rank, how many of its sends were delivered, or need not be, without a gap.
    complete: BTreeMap<u32, usize>,
    /// From which number on a rank is left out.
    left_out: BTreeMap<u32, u64>,
    /// Parts of what a rank has sent that were left out before.
    exempt: Vec<(u32, core::ops::Range<u64>)>,
}

impl<'h> Reader<'h> {
    fn new(history: &'h History) -> Self {
        Self {
            history,
            at: 0,
            past: Past::new(),
            seen: BTreeSet::new(),
            complete: BTreeMap::new(),
            left_out: BTreeMap::new(),
            exempt: vec![],
        }
    }

    fn next(&self) -> Option<Step> {
        self.history.steps.get(self.at).copied()
    }

    /// Goes on by a step. Whether it could.
    fn step(
        &mut self,
        history: usize,
        sends: &Sends,
        pasts: &mut BTreeMap<Id, Past>,
    ) -> Result<bool, Violation> {
        let Some(step) = self.next() else { return Ok(false) };
        match step {
            Step::Sent(message) => {
                pasts.insert(message, self.past.clone());
                self.know(message);
            }
            Step::LeftOut(Id { rank, number }) => {
                self.left_out.entry(rank).or_insert(number);
            }
            Step::Delivered(message) => {
                if self.history.start.knows(message) {
                    return Err(Violation::BeforeStart { history, message });
                }
                if self.seen.contains(&message) {
                    return Err(Violation::Twice { history, message });
                }
                let Some(past) = pasts.get(&message) else { return Ok(false) };
                if let Some(from) = self.left_out.remove(&message.rank) {
                    self.exempt.push((message.rank, from..message.number));
                }
                if let Some(cause) = past.iter().find_map(|(rank, count)| self.find_gap(*rank, *count, sends))
                {
                    return Err(Violation::Early { history, effect: message, cause });
                }
                for (rank, count) in past {
                    let known = self.past.entry(*rank).or_default();
                    *known = (*known).max(*count);
                }
                self.know(message);
            }
        }
        self.at += 1;
        Ok(true)
    }

    fn know(&mut self, message: Id) {
        self.seen.insert(message);
        let known = self.past.entry(message.rank).or_default();
        *known = (*known).max(message.number.saturating_add(1));
    }

    /// The first message of a rank, with a number below `count`, that should be here and is not.
    fn find_gap(&mut self, rank: u32, count: u64, sends: &Sends) -> Option<Id> {
        let numbers = sends.get(&rank)?;
        let mut at = self.complete.get(&rank).copied().unwrap_or_default();
        let gap = loop {
            let id = Id { rank, number: *numbers.get(at).filter(|number| **number < count)? };
            if !self.is_done_with(id) {
                break id;
            }
            at += 1;
            self.complete.insert(rank, at);
        };
        Some(gap)
    }

    /// Whether it has this message, or need not have it.
    fn is_done_with(&self, id: Id) -> bool {
        self.seen.contains(&id)
            || self.history.start.knows(id)
            || self.left_out.get(&id.rank).is_some_and(|from| id.number >= *from)
            || self.exempt.iter().any(|(rank, numbers)| *rank == id.rank && numbers.contains(&id.number))
    }
}

/// Whether these members, which have all stayed to the end, were given the same messages: an error that names one that was given to
/// one of them, or sent by it, and not to another one that had started before.
///
/// ```
/// # use mailbox_patterns::causal::{agree, Clock, History, Id, Step, Violation};
/// let message = Id { rank: 2, number: 4 };
/// let history = |rank, steps: &[Step]| History { rank, start: Clock::new(0..3), steps: steps.to_vec() };
/// let (has, lacks) = (history(0, &[Step::Delivered(message)]), history(1, &[]));
/// assert_eq!(agree(&[has.clone(), has.clone()]), Ok(()));
/// assert_eq!(agree(&[has, lacks]), Err(Violation::Lost { history: 1, message, other: 0 }));
/// ```
pub fn agree(histories: &[History]) -> Result<(), Violation> {
    let all: BTreeMap<Id, usize> = histories.iter().enumerate().rev().flat_map(found_in).collect();
    for (history, of) in histories.iter().enumerate() {
        let mut reader = Reader::new(of);
        for step in &of.steps {
            match *step {
                Step::Sent(message) => reader.know(message),
                Step::LeftOut(Id { rank, number }) => _ = reader.left_out.entry(rank).or_insert(number),
                Step::Delivered(message) => {
                    if let Some(from) = reader.left_out.remove(&message.rank) {
                        reader.exempt.push((message.rank, from..message.number));
                    }
                    reader.know(message);
                }
            }
        }
        if let Some((message, other)) = all.iter().find(|(message, _)| !reader.is_done_with(**message)) {
            return Err(Violation::Lost { history, message: *message, other: *other });
        }
    }
    Ok(())
}

/// The messages of a history, and its place.
fn found_in((place, history): (usize, &History)) -> impl Iterator<Item = (Id, usize)> {
    history.steps.iter().filter_map(move |step| match step {
        Step::Sent(id) | Step::Delivered(id) => Some((*id, place)),
        Step::LeftOut(_) => None,
    })
}
