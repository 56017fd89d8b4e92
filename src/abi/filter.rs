//! Which messages a receive takes.

use super::{CONTEXT_SHIFT, EPOCH_SHIFT, Envelope, INLINE, Kind, TAG_SHIFT};

/// Says by tag and context whether an envelope's word is of a message that a receive takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The bits of context and tag that the word must have,
    wanted: u64,
    /// among these: always all of the context.
    mask: u64,
}

const CONTEXT: u64 = (u16::MAX as u64) << CONTEXT_SHIFT;
const KIND_AND_LEN: u64 = (1 << EPOCH_SHIFT) - 1;
/// What stands for the label of a call. No message has it, because the bits of kind and length are not part of a label.
const CALL: u64 = 1;

impl Filter {
    /// Takes every message without a context, and calls.
    pub const ANY: Self = Self::new(0, 0, 0);
    /// The bits of an envelope that are its label: context and tag.
    pub const LABEL: u64 = u64::MAX << CONTEXT_SHIFT;
    /// Bits that no label has.
    pub const SPARE: u64 = !Self::LABEL & !CALL;

    /// Takes what has this context, and a tag that has the same bits as `tag` where `mask` has ones. No calls, unless it is
    /// the same as [`Filter::ANY`].
    pub const fn new(context: u16, tag: u32, mask: u32) -> Self {
        let wanted = (context as u64) << CONTEXT_SHIFT | ((tag & mask) as u64) << TAG_SHIFT;
        Self { wanted, mask: CONTEXT | (mask as u64) << TAG_SHIFT }
    }

    /// The same for messages of this tag only.
    pub const fn with_tag(self, tag: u32, mask: u32) -> Self {
        Self::new((self.wanted >> CONTEXT_SHIFT) as u16, tag, mask)
    }

    /// Takes all that either of these takes, and what has the bits that both want. `None` if they are of two contexts.
    pub fn cover(one: Self, other: Self) -> Option<Self> {
        let mask = one.mask & other.mask & !(one.wanted ^ other.wanted);
        (mask & CONTEXT == CONTEXT).then_some(Self { wanted: one.wanted & mask, mask })
    }

    /// Whether it takes calls, which have no tag.
    #[inline(always)]
    pub const fn takes_calls(self) -> bool {
        self.mask == CONTEXT && self.wanted == 0
    }

    /// Whether it takes the message or the call with this envelope.
    pub const fn takes(self, envelope: u64) -> bool {
        self.key_of(envelope) == self.wanted
    }

    /// What filters tell mails apart by, of the message or the call with this envelope: its tag and its context, or that it is
    /// a call. The bits of [`SPARE`](Filter::SPARE) are zero.
    #[inline(always)]
    pub const fn label_of(envelope: u64) -> u64 {
        if Envelope::is_call(envelope) { CALL } else { envelope & Self::LABEL }
    }

    /// The bits of it that this one looks at.
    pub const fn label_mask(self) -> u64 {
        // A receive of every tag takes a call with the messages that have no context.
        if self.mask == CONTEXT { self.mask } else { self.mask | CALL }
    }

    /// Whether it looks at these bits of a label.
    pub const fn has_label_mask(self, mask: u64) -> bool {
        self.mask == mask & !CALL
    }

    /// Whether it takes mail with this label.
    pub const fn takes_label(self, label: u64) -> bool {
        label & self.label_mask() == self.wanted
    }

    /// What all messages have in common that filters with this one's mask tell apart by one value. [`Filter::key`] is the
    /// value that this one takes.
    pub const fn key_of(self, envelope: u64) -> u64 {
        Self::label_of(envelope) & self.label_mask()
    }

    /// The value of [`Filter::key_of`] of what it takes.
    pub const fn key(self) -> u64 {
        self.wanted
    }

    /// The context that it takes.
    pub const fn context(self) -> u16 {
        (self.wanted >> CONTEXT_SHIFT) as u16
    }

    /// The payload's length if `envelope` is that of a whole message in its cell that this takes. One comparison.
    #[inline(always)]
    pub const fn small(self, envelope: u64) -> Option<usize> {
        // `Whole` is zero, and so is what is as wanted.
        let rest = (envelope ^ self.wanted) & (self.mask | KIND_AND_LEN);
        if rest <= INLINE as u64 { Some(rest as usize) } else { None }
    }

    /// Whether `envelope` is that of a whole message in its cell.
    #[inline(always)]
    pub const fn is_small(envelope: u64) -> bool {
        envelope & KIND_AND_LEN <= INLINE as u64
    }

    /// Whether `envelope` is that of a whole message that this takes.
    #[inline(always)]
    pub const fn takes_whole(self, envelope: u64) -> bool {
        Envelope::is_whole(envelope) && (envelope ^ self.wanted) & self.mask == 0
    }
}

// A context that no call's word could be taken for.
const _: () = assert!(Kind::Whole as u64 == 0 && CALL & (CONTEXT | (u32::MAX as u64) << TAG_SHIFT) == 0);

#[cfg(test)]
mod tests {
    use super::super::Location;
    use super::*;

    fn word(context: u16, tag: u32, kind: Kind, place: Location) -> u64 {
        Envelope { tag, context, epoch: 63, kind, place }.pack()
    }

    #[test]
    fn a_filter_takes_its_context_and_the_tags_of_its_mask() {
        let of = |context, tag| word(context, tag, Kind::Whole, Location::Inline(3));
        for (filter, taken, left) in [
            (Filter::ANY, vec![(0, 0), (0, 7), (0, u32::MAX)], vec![(1, 0), (u16::MAX, 7)]),
            (Filter::new(0, 7, u32::MAX), vec![(0, 7)], vec![(0, 0), (0, 6), (1, 7)]),
            (Filter::new(3, 0x100, 0xff00), vec![(3, 0x100), (3, 0x1ff)], vec![(3, 0x200), (0, 0x100)]),
            (Filter::new(9, 1, 0).with_tag(4, u32::MAX), vec![(9, 4)], vec![(9, 1), (0, 4)]),
            (Filter::new(0, u32::MAX, 1 << 31), vec![(0, 1 << 31)], vec![(0, i32::MAX as u32)]),
        ] {
            for (context, tag) in taken {
                let word = of(context, tag);
                assert!(filter.takes(word) && filter.takes_whole(word), "{filter:?} {context} {tag}");
                assert_eq!((filter.small(word), filter.key_of(word)), (Some(3), filter.key()));
            }
            for (context, tag) in left {
                let word = of(context, tag);
                assert!(!filter.takes(word) && !filter.takes_whole(word), "{filter:?} {context} {tag}");
                assert_eq!(filter.small(word), None);
            }
        }
    }

    #[test]
    fn a_cover_takes_what_either_takes() {
        let of = |tag, mask| Filter::new(0, tag, mask);
        let all =
            [Filter::ANY, of(7, u32::MAX), of(6, u32::MAX), of(0x100, 0xff00), of(0x1ff, 0xff0f), of(8, 12)];
        let words: Vec<u64> = (0..0x300).map(|tag| word(0, tag, Kind::Whole, Location::Inline(3))).collect();
        let call = Envelope::numbered(9, 1, Kind::Call, Location::Inline(0)).pack();
        for one in all {
            for other in all {
                let cover = Filter::cover(one, other).expect("they have one context");
                for word in words.iter().copied().chain([call]) {
                    let is_taken = one.takes(word) || other.takes(word);
                    assert!(cover.takes(word) || !is_taken, "{one:?}, {other:?}");
                }
            }
        }
        let tight = Filter::cover(of(6, u32::MAX), of(7, u32::MAX)).expect("they have one context");
        assert!(!tight.takes(words[5]) && !tight.takes(words[8]) && !tight.takes_calls());
        assert_eq!(Filter::cover(Filter::ANY, Filter::new(1, 0, 0)), None);
    }

    #[test]
    fn only_a_whole_message_in_its_cell_is_small() {
        for (kind, place, small) in [
            (Kind::Whole, Location::Inline(INLINE), Some(INLINE)),
            (Kind::Whole, Location::Arena, None),
            (Kind::Whole, Location::Loan, None),
            (Kind::Sync, Location::Inline(1), None),
            (Kind::Announced, Location::Inline(16), None),
        ] {
            for filter in [Filter::ANY, Filter::new(0, 5, u32::MAX)] {
                let word = word(0, 5, kind, place);
                assert_eq!((filter.small(word), filter.takes(word)), (small, true), "{kind:?} {place:?}");
                assert_eq!(Filter::is_small(word), small.is_some(), "{kind:?} {place:?}");
                assert!(
                    filter.takes_label(Filter::label_of(word)) && Filter::label_of(word) & Filter::SPARE == 0
                );
            }
        }
    }

    #[test]
    fn calls_are_taken_with_all_tags_and_without_a_context_only() {
        // What stands in place of tag and context is a number.
        for number in [0, 7 << 16, u64::MAX >> 16] {
            let call = Envelope::numbered(number, 1, Kind::Call, Location::Inline(0)).pack();
            assert!(Filter::ANY.takes(call));
            for filter in [Filter::new(0, 0, u32::MAX), Filter::new(7, 0, 0), Filter::new(0, 0, 1)] {
                assert!(!filter.takes(call) && filter.small(call).is_none() && !filter.takes_calls());
            }
        }
    }
}
