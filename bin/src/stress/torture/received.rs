//! What a single receive gives in a torture.

use super::book::Count;
use super::collector::Collector;
use super::verb::{Fetch, Verb};
use crate::common::failure::Failure;
use mailbox::{Mail, RecvError, Source};
use rand::RngExt;
use std::sync::atomic::Ordering::{Relaxed, Release};

impl Collector<'_> {
    /// The next mail, or none.
    pub(super) fn one<'m>(
        &mut self,
        fetch: &'m impl Fetch,
        is_holding: bool,
    ) -> Result<Option<Mail<'m>>, Failure> {
        let (verb, source) = self.verb(is_holding);
        let whom = if let Source::Rank(rank) = source { rank.into() } else { u64::from(u32::MAX) };
        self.call.store(whom << 32, Relaxed);
        let is_anyone = source == Source::Anyone;
        // A look at what is next tells no ends.
        let may_tell = is_anyone && !matches!(verb, Verb::Peek);
        let look = (may_tell && self.random.random_ratio(1, 4)).then(|| self.obituary.look());
        let kind = match verb {
            Verb::Wait => (0, 0),
            _ => (self.random.random_range(0..4), self.random.random_range(0..4)),
        };
        self.was_by_tag = kind.1 != 0;
        let result = fetch.fetch(verb, source, kind);
        self.beat.fetch_add(1, Release);
        self.lines.iter_mut().for_each(|line| line.reader.look());
        match (&result, look) {
            (Err(RecvError::Gone { rank, died }), look) if is_anyone => {
                self.obituary.hear(*rank, !died, look.as_ref());
            }
            (Ok(None), Some(look)) => self.obituary.miss(&look),
            _ => {}
        }
        // A receive by tag takes no calls.
        if let (Ok(None), Verb::Try, (_, 0)) = (&result, verb, kind) {
            for (from, line) in (0..).zip(&mut self.lines) {
                if is_anyone || source == Source::Rank(from) {
                    self.server.miss(self.obituary.region(), from, &mut line.calls);
                }
            }
        }
        match result {
            Ok(mail) => {
                match verb {
                    Verb::Start(_) => self.book.count(self.rank, Count::Started, mail.iter().len() as u64),
                    Verb::Peek => self.book.count(self.rank, Count::Peeked, mail.iter().len() as u64),
                    _ => {}
                }
                Ok(mail)
            }
            Err(error) => self.fail(error).map(|()| None),
        }
    }
}
