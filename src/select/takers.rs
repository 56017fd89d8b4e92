//! Which arms take a mail.

use super::table::Table;
use crate::abi::{Filter, MAX_RANKS};
use crate::rank::Source;
use crate::receive::Wanted;
use core::cell::Cell as Private;
use std::rc::Rc;

/// The arms of an endpoint that receive, by what they take.
#[derive(Default)]
pub struct Takers {
    /// One for each way to tell mails apart. Most have one.
    views: Vec<Rc<View>>,
    /// How often one of several was found.
    count: Private<u64>,
}

/// Arms that look at the same of a mail: at the same bits of its mark.
#[derive(Clone)]
struct View {
    mask: u64,
    arms: Table<Alike>,
}

/// Arms that take the same.
#[derive(Clone, Default)]
struct Alike {
    first: Taker,
    #[expect(clippy::box_collection, reason = "there is seldom more than one")]
    rest: Option<Box<Vec<Taker>>>,
}

#[derive(Clone, Default)]
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
            self.views.push(View { mask, arms: Table::default() }.into());
            self.views.len() - 1
        });
        let arms = &mut Rc::make_mut(&mut self.views[at]).arms;
        let is_known = arms.get(mark).is_some();
        let alike = arms.get_or_default(mark);
        let taker = Taker { arm, found: 0.into() };
        if is_known {
            alike.rest.get_or_insert_default().push(taker)
        } else {
            alike.first = taker
        };
    }

    /// The arms, for mail from this rank, if all look at the same of a mail. As they are now.
    pub fn of_sender(&self, from: u32) -> Option<OfSender> {
        let [view] = &self.views[..] else { return None };
        let (label_mask, sender) = (view.mask & Filter::LABEL, mark(from, 0) & view.mask);
        Some(OfSender { view: view.clone(), label_mask, sender })
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

/// Arms that receive, for mail of one sender.
pub struct OfSender {
    view: Rc<View>,
    /// Which bits of a label it looks at,
    label_mask: u64,
    /// and what it looks for beside them: the sender, if it looks at that.
    sender: u64,
}

impl OfSender {
    /// The arm that takes the message with this envelope, if one look shows that no other does. `None` says nothing.
    #[inline(always)]
    pub fn find_alone(&self, envelope: u64) -> Option<usize> {
        let alike = self.view.arms.get_first(envelope & self.label_mask | self.sender)?;
        alike.rest.is_none().then_some(alike.first.arm)
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
            assert!(takers.of_sender(from).is_none(), "there may be others");
        }
        assert_eq!(Takers::default().find(0, Filter::label_of(word(1))), None);
    }

    #[test]
    fn one_look_finds_an_arm_that_alone_takes_a_mail() {
        let of = |source, tag| Wanted { filter: Filter::new(0, tag, u32::MAX), ..Source::into(source) };
        for source in [Source::Anyone, Source::Rank(9)] {
            let mut takers = Takers::default();
            (0..).zip([3, 4, 5, 5]).for_each(|(arm, tag)| takers.add(of(source, tag), arm));
            let [nine, eight] = [9, 8].map(|from| takers.of_sender(from).expect("there is one view"));
            // Also an arm that is added later, and is not known there.
            takers.add(of(source, 6), 4);
            for (tag, arm) in [(3, Some(0)), (4, Some(1)), (5, None), (6, None)] {
                let envelope =
                    Envelope { tag, context: 0, epoch: 63, kind: Kind::Whole, place: Location::Inline(48) };
                assert_eq!(nine.find_alone(envelope.pack()), arm, "{tag}");
                let is_for_all = source == Source::Anyone;
                assert_eq!(eight.find_alone(envelope.pack()), arm.filter(|_| is_for_all), "{tag}");
            }
        }
    }
}
