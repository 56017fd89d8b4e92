//! A receiver that handles what comes: at most once, at least once, or exactly once.

use super::{DeadLetter, DeadLetters, DeliveryError, Done, Id, Ledger, Letter, Retry, Verdict, id};
use core::fmt;
use mailbox::{Deadline, Endpoint, Mail, RecvError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How many messages have one commit at most.
const BATCH: usize = 64;
/// How many messages wait at most to be tried again.
const PARKED: usize = 32;

/// A receiver of mail from anyone.
///
/// A handler gets a [`Letter`]. If it returns an error, which is a reason in words, the message is tried again later: [`Retry`]. Other
/// messages are handled meanwhile, so those of one sender are out of order then. While 32 wait to be tried again, no new one is taken. A message that has failed for the last time
/// goes to the [`DeadLetters`], with the reason. So does one whose receivers have died so many times, and at least twice, while they
/// had it. (The mailbox counts a message that nobody had received as received once in some cases, so there may be one attempt less.)
///
/// When the consumer is dropped, what waits to be tried again is unread again. So is what was not handled after an error.
///
/// Mail that is longer than [`Region::eager_limit`](mailbox::Region::eager_limit) is delivered at most once, whatever is promised here.
pub struct Consumer<'a> {
    me: &'a Endpoint,
    retry: Retry,
    dead: DeadLetters,
    tag: Option<(u32, u32)>,
    is_numbered: bool,
    parked: Vec<Parked<'a>>,
}

/// A message that failed, and waits.
struct Parked<'a> {
    mail: Mail<'a>,
    failed: u32,
    due: Instant,
}

impl fmt::Debug for Consumer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("rank", &self.me.rank())
            .field("parked", &self.parked.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Consumer<'a> {
    /// A consumer of this endpoint's mail.
    pub fn new(me: &'a Endpoint, retry: Retry, dead: DeadLetters) -> Self {
        Self { me, retry, dead, tag: None, is_numbered: false, parked: vec![] }
    }

    /// Takes only mail whose tag is this one in the bits of the mask, as [`RecvFrom::tag_masked`](mailbox::RecvFrom::tag_masked).
    #[must_use]
    pub fn tag_masked(mut self, tag: u32, mask: u32) -> Self {
        self.tag = Some((tag, mask));
        self
    }

    /// The mail comes from outboxes, also for a promise that does not need their numbers: handlers get what is behind these.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.is_numbered = true;
        self
    }

    /// How many messages have failed and wait to be tried again.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Receives one message, acknowledges it, and then has it handled. If the process dies in between, the message is lost. It
    /// is never handled twice, unless its sender sends it twice: an outbox does, so it is for plain sends. If its handler fails, it
    /// is set aside at once: nobody knows how far the handler came. If the box does not take it, it is lost.
    ///
    /// Waits until there is a message, or until the deadline; then nothing was done.
    pub fn at_most_once(
        &mut self,
        deadline: impl Into<Deadline>,
        handle: impl FnOnce(&Letter) -> Result<(), String>,
    ) -> Result<Done, DeliveryError> {
        let Some((mail, _)) = self.next(deadline.into())? else { return Ok(Done::default()) };
        let id = Id::of(&mail).filter(|_| self.is_numbered);
        let name = name(&mail, self.me.rank(), id);
        // Nobody has handled it before, even if it was received.
        let letter = letter(&mail, id.is_some(), 1);
        mail.ack();
        let Err(reason) = handle(&letter) else { return Ok(Done { handled: 1, ..Done::default() }) };
        self.dead.add(&name, &self.dead_letter(letter, id, reason))?;
        Ok(Done { dead: 1, ..Done::default() })
    }

    /// Receives one message, has it handled, and acknowledges it then. If the process dies in between, the rank's next holder gets it
    /// again, marked: [`Letter::redelivered`].
    ///
    /// Waits until there is a message, or until the deadline; then nothing was done.
    pub fn at_least_once(
        &mut self,
        deadline: impl Into<Deadline>,
        handle: impl FnOnce(&Letter) -> Result<(), String>,
    ) -> Result<Done, DeliveryError> {
        let Some((mail, failed)) = self.next(deadline.into())? else { return Ok(Done::default()) };
        let id = Id::of(&mail).filter(|_| self.is_numbered);
        let letter = letter(&mail, id.is_some(), failed + 1);
        let outcome = if self.is_deadly(&mail) { Err(deadly(&mail)) } else { handle(&letter) };
        match outcome {
            Ok(()) => {
                mail.ack();
                Ok(Done { handled: 1, ..Done::default() })
            }
            Err(_) if self.is_to_be_tried(&letter) => {
                self.park(mail, failed + 1);
                Ok(Done { failed: 1, ..Done::default() })
            }
            Err(reason) => {
                self.bury(mail, letter, id, reason)?.ack();
                Ok(Done { dead: 1, ..Done::default() })
            }
        }
    }

    /// Receives messages of outboxes, has those handled that were not handled before, commits their effects to the ledger, and
    /// acknowledges them then. `handle` returns the effect as bytes. Wherever the process dies, each message has its effect in the
    /// ledger once: before the commit it comes again and the ledger does not have it; after the commit it comes again and the ledger
    /// knows it.
    ///
    /// Waits until there is a message, or until the deadline; then nothing was done. Takes up to 64 messages that are there, with one
    /// commit for all. One that may have been received before is handled alone, so that the count of those that died with it is right.
    ///
    /// What cannot be handled once is set aside: a message without numbers, or with [`Verdict::Unknown`] or [`Verdict::TooFar`].
    ///
    /// After [`DeliveryError::Journal`] end the process, and start from the file again.
    pub fn exactly_once(
        &mut self,
        ledger: &mut Ledger,
        deadline: impl Into<Deadline>,
        mut handle: impl FnMut(&Letter) -> Result<Vec<u8>, String>,
    ) -> Result<Done, DeliveryError> {
        let (mut batch, mut done) = (vec![], Done::default());
        let filled = self.fill(ledger, deadline.into(), &mut handle, &mut batch, &mut done);
        if let Err(error) = commit(ledger, &mut batch) {
            // Dropping them would acknowledge them.
            batch.into_iter().for_each(Mail::requeue);
            return Err(error);
        }
        filled.map(|()| done)
    }

    /// Has messages handled, which are to be committed and acknowledged.
    fn fill(
        &mut self,
        ledger: &mut Ledger,
        deadline: Deadline,
        handle: &mut dyn FnMut(&Letter) -> Result<Vec<u8>, String>,
        batch: &mut Vec<Mail<'a>>,
        done: &mut Done,
    ) -> Result<(), DeliveryError> {
        let mut deadline = deadline;
        while batch.len() < BATCH {
            let Some((mail, failed)) = self.next(deadline)? else { return Ok(()) };
            deadline = Deadline::Now;
            let is_suspect = mail.redelivered() > 0 || failed > 0;
            if is_suspect && let Err(error) = commit(ledger, batch) {
                mail.requeue();
                return Err(error);
            }
            batch.extend(self.handle_once(ledger, mail, failed, handle, done)?);
            if is_suspect {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has one message handled, if it is new. The mail, if it is to be acknowledged after the commit.
    fn handle_once(
        &mut self,
        ledger: &mut Ledger,
        mail: Mail<'a>,
        failed: u32,
        handle: &mut dyn FnMut(&Letter) -> Result<Vec<u8>, String>,
        done: &mut Done,
    ) -> Result<Option<Mail<'a>>, DeliveryError> {
        let id = Id::of(&mail);
        let letter = letter(&mail, id.is_some(), failed + 1);
        let Some(id) = id else {
            done.dead += 1;
            return self.bury(mail, letter, None, "it has no numbers of an outbox".into()).map(Some);
        };
        let reason = match ledger.judge(id) {
            Verdict::Repeated => {
                done.repeated += 1;
                return Ok(Some(mail));
            }
            Verdict::New if self.is_deadly(&mail) => deadly(&mail),
            // A receiver has set it aside, and died before its ledger had that.
            Verdict::New
                if mail.redelivered() > 0 && self.dead.has(&name(&mail, self.me.rank(), Some(id))) =>
            {
                done.dead += 1;
                return kept(mail, ledger.set_aside(id)).map(Some);
            }
            Verdict::New => match handle(&letter) {
                Ok(effect) => {
                    done.handled += 1;
                    return kept(mail, ledger.record(id, &effect)).map(Some);
                }
                Err(_) if self.is_to_be_tried(&letter) => {
                    done.failed += 1;
                    self.park(mail, failed + 1);
                    return Ok(None);
                }
                Err(reason) => reason,
            },
            verdict => {
                done.dead += 1;
                return self.bury(mail, letter, Some(id), told(verdict).into()).map(Some);
            }
        };
        done.dead += 1;
        let mail = self.bury(mail, letter, Some(id), reason)?;
        kept(mail, ledger.set_aside(id)).map(Some)
    }

    /// The next message that is to be handled, and how often it has failed here. `None` at the deadline.
    fn next(&mut self, deadline: Deadline) -> Result<Option<(Mail<'a>, u32)>, DeliveryError> {
        loop {
            let first = (0..self.parked.len()).min_by_key(|at| self.parked[*at].due);
            let Some(first) = first else {
                match self.take(deadline)? {
                    Some(mail) => return Ok(Some((mail, 0))),
                    None if deadline.has_passed(Instant::now) => return Ok(None),
                    None => continue,
                }
            };
            let (now, due) = (Instant::now(), self.parked[first].due);
            if due <= now {
                let Parked { mail, failed, .. } = self.parked.swap_remove(first);
                return Ok(Some((mail, failed)));
            }
            let until = match deadline {
                Deadline::At(time) => Deadline::At(time.min(due)),
                Deadline::Never => Deadline::At(due),
                Deadline::Now => Deadline::Now,
            };
            if self.parked.len() < PARKED {
                if let Some(mail) = self.take(until)? {
                    return Ok(Some((mail, 0)));
                }
            } else if let Deadline::At(time) = until {
                thread::sleep(time.saturating_duration_since(now));
            }
            if deadline.has_passed(Instant::now) {
                return Ok(None);
            }
        }
    }

    /// The next mail; `None` at the deadline, or if a receive has told what does not matter here.
    fn take(&self, deadline: Deadline) -> Result<Option<Mail<'a>>, DeliveryError> {
        let from = self.me.from_any().within(deadline);
        let from = self.tag.map_or(from, |(tag, mask)| from.tag_masked(tag, mask));
        match from.recv() {
            Ok(mail) => Ok(Some(mail)),
            // Each is told once, and the others go on.
            Err(
                RecvError::Timeout | RecvError::Gone { .. } | RecvError::Held(_) | RecvError::Crowded { .. },
            ) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether so many died with this message that nobody is to try it again.
    fn is_deadly(&self, mail: &Mail<'_>) -> bool {
        // One that was never received may be counted as received once.
        mail.redelivered() >= self.retry.attempts().max(2)
    }

    /// Whether there is another attempt after this one.
    fn is_to_be_tried(&self, letter: &Letter) -> bool {
        letter.attempt < self.retry.attempts()
    }

    fn park(&mut self, mail: Mail<'a>, failed: u32) {
        let due = Instant::now().checked_add(self.retry.delay(failed));
        // Beyond the range of the clock: some time after all others.
        let due = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(1 << 20));
        self.parked.push(Parked { mail, failed, due });
    }

    /// Sets the message aside. It is to be acknowledged then.
    fn bury(
        &self,
        mail: Mail<'a>,
        letter: Letter,
        id: Option<Id>,
        reason: String,
    ) -> Result<Mail<'a>, DeliveryError> {
        let name = name(&mail, self.me.rank(), id);
        kept(mail, self.dead.add(&name, &self.dead_letter(letter, id, reason)))
    }

    fn dead_letter(&self, letter: Letter, id: Option<Id>, reason: String) -> DeadLetter {
        DeadLetter {
            from: letter.from,
            to: self.me.rank(),
            tag: letter.tag,
            attempts: letter.attempt,
            numbers: id.map(|id| (id.life, id.number)),
            when: SystemTime::now(),
            reason,
            body: letter.body,
        }
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        // Dropping a mail would acknowledge it.
        self.parked.drain(..).for_each(|parked| parked.mail.requeue());
    }
}

/// Commits, and acknowledges.
fn commit(ledger: &mut Ledger, batch: &mut Vec<Mail<'_>>) -> Result<(), DeliveryError> {
    ledger.commit()?;
    batch.drain(..).for_each(Mail::ack);
    Ok(())
}

/// The mail, if this was done with it. Otherwise it is unread again.
fn kept<'a, T, E: Into<DeliveryError>>(
    mail: Mail<'a>,
    done: Result<T, E>,
) -> Result<Mail<'a>, DeliveryError> {
    match done {
        Ok(_) => Ok(mail),
        Err(error) => {
            mail.requeue();
            Err(error.into())
        }
    }
}

fn letter(mail: &Mail<'_>, is_numbered: bool, attempt: u32) -> Letter {
    let redelivered = mail.redelivered();
    let mut body = vec![0; mail.len() - if is_numbered { id::LEN } else { 0 }];
    mail.read_at(mail.len() - body.len(), &mut body);
    let attempt = attempt.saturating_add(redelivered);
    Letter { from: mail.from(), tag: mail.tag(), redelivered, attempt, body }
}

/// The name of its letter, if it is set aside: the same each time it comes.
fn name(mail: &Mail<'_>, to: u32, id: Option<Id>) -> String {
    match id {
        Some(id) => format!("{}-{to}-{:x}-{}", id.sender, id.life, id.number),
        None => format!("{}-{to}-e{}-{}", mail.from(), mail.epoch(), mail.seq()),
    }
}

fn deadly(mail: &Mail<'_>) -> String {
    format!("its receivers have ended {} times before they acknowledged it", mail.redelivered())
}

/// Why it is not handled.
fn told(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::TooFar => "too many before it are missing",
        _ => "it is older than what is remembered, so it may have been handled",
    }
}
