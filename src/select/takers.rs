//! Which arms take a mail.

use super::table::Table;
use crate::abi::{Filter, MAX_RANKS};
use crate::rank::Source;
use crate::receive::Wanted;
use core::cell::Cell as Private;

/// The arms of an endpoint that receive, by what they take.
#[derive(Default)]
pub struct Takers {
    /// One for each way to tell mails apart. Most have one.
    views: Vec<View>,
    /// How often one of several was found.
    count: Private<u64>,
}

/// Arms that look at the same of a mail: at the same bits of its mark.
struct View {
    mask: u64,
    arms: Table<Alike>,
}

/// Arms that take the same.
#[derive(Default)]
struct Alike {
    first: Taker,
    #[expect(clippy::box_collection, reason = "there is seldom more than one")]
    rest: Option<Box<Vec<Taker>>>,
}

#[derive(Default)]
struct Taker {
    arm: usize,
    /// The count when it was found last.
    found: Private<u64>,
}

impl Alike {
    fn all(&self) -> impl Iterator<Item = &Taker> {
        core::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }
}

/// A mail's label and sender in one word.
#[inline(always)]
fn mark(from: u32, label: u64) -> u64 {
    label | u64::from(from) << SENDER_SHIFT
}

/// Where the sender stands: in bits that no label has.
const SENDER_SHIFT: u32 = Filter::SPARE.trailing_zeros();
const _: () = assert!((MAX_RANKS as u64) << SENDER_SHIFT < Filter::SPARE);

impl Takers {
    pub fn add(&mut self, wanted: Wanted, arm: usize) {
        let (mask, label) = (wanted.filter.label_mask(), wanted.filter.key());
        let (mask, mark) = match wanted.source {
            Source::Anyone => (mask, label),
            Source::Rank(rank) if rank < MAX_RANKS => (mask | Filter::SPARE, mark(rank, label)),
            // No mail comes from there.
            Source::Rank(_) => return,
        };
        let known = self.views.iter().position(|view| view.mask == mask);
        let at = known.unwrap_or_else(|| {
            self.views.push(View { mask, arms: Table::default() });
            self.views.len() - 1
        });
        let is_known = self.views[at].arms.get(mark).is_some();
        let alike = self.views[at].arms.get_or_default(mark);
        let taker = Taker { arm, found: 0.into() };
        if is_known {
            alike.rest.get_or_insert_default().push(taker)
        } else {
            alike.first = taker
        };
    }

    /// The arm that takes mail with this label from this rank, if one look shows that no other does. `None` says nothing.
    #[inline(always)]
    pub fn find_alone(&self, from: u32, label: u64) -> Option<usize> {
        let [View { mask, arms }] = &self.views[..] else { return None };
        let alike = arms.get_first(mark(from, label) & mask)?;
        alike.rest.is_none().then_some(alike.first.arm)
    }

    /// The arm that takes mail with this label from this rank; of several, the one that was found least lately.
    pub fn find(&self, from: u32, label: u64) -> Option<usize> {
        let mark = mark(from, label);
        let alike = self.views.iter().filter_map(|view| view.arms.get(mark & view.mask));
        let best = alike.flat_map(Alike::all).min_by_key(|one| one.found.get())?;
        self.count.set(self.count.get() + 1);
        best.found.set(self.count.get());
        Some(best.arm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Envelope, Kind, Location};

    #[test]
    fn all_that_take_a_mail_are_found_in_turn() {
        let of = |source: Source, tag, mask| Wanted { filter: Filter::new(0, tag, mask), ..source.into() };
        let wanted = [
            of(Source::Anyone, 1, u32::MAX),
            of(Source::Rank(7), 1, u32::MAX),
            of(Source::Anyone, 0, 0),
            of(Source::Rank(8), 0, 0),
            of(Source::Anyone, 1, 1),
            of(Source::Anyone, 1, u32::MAX),
            of(Source::Rank(7), 2, 3),
        ];
        let mut takers = Takers::default();
        (0..).zip(wanted).for_each(|(arm, wanted)| takers.add(wanted, arm));
        let word = |tag| {
            Envelope { tag, context: 0, epoch: 1, kind: Kind::Whole, place: Location::Inline(3) }.pack()
        };
        for (from, tag) in [(7, 1), (8, 1), (7, 3), (7, 6), (8, 2), (9, 5), (9, 4)] {
            let takes = |arm: &usize| wanted[*arm].is_from(from) && wanted[*arm].filter.takes(word(tag));
            let expected: Vec<usize> = (0..wanted.len()).filter(takes).collect();
            let mut found: Vec<usize> = expected
                .iter()
                .map(|_| takers.find(from, Filter::label_of(word(tag))).expect("one"))
                .collect();
            found.sort();
            assert_eq!(found, expected, "{from}, {tag}");
            assert_eq!(takers.find_alone(from, Filter::label_of(word(tag))), None, "there may be others");
        }
        assert_eq!(Takers::default().find(0, Filter::label_of(word(1))), None);
    }

    #[test]
    fn one_look_finds_an_arm_that_alone_takes_a_mail() {
        let mut takers = Takers::default();
        let of = |tag| Wanted { filter: Filter::new(0, tag, u32::MAX), ..Source::Anyone.into() };
        (0..).zip([3, 4, 5, 5]).for_each(|(arm, tag)| takers.add(of(tag), arm));
        let label = |tag| Filter::label_of(u64::from(tag) << 32);
        for (tag, arm) in [(3u32, Some(0)), (4, Some(1)), (5, None), (6, None)] {
            assert_eq!(takers.find_alone(9, label(tag)), arm, "{tag}");
        }
    }
}
