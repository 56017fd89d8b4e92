//! Who publishes what in which round. Pure functions.

use crate::abi::{LINE, PART, PARTS};
use core::ops::Range;

/// Bytes that one member publishes in one round, if it is for all: a quarter of what would fit keeps the parts in the nearer
/// caches. Half of this takes longer, since then each line is written again before it has left them.
const PIECE: usize = 64 << 10;
/// The least that a broadcast to one other member divides, so that this one reads while the root writes.
const SMALL_PIECE: usize = 16 << 10;
/// An all-reduce whose members read fewer bytes than this from each other is short: another round would cost more.
const SHORT: usize = 24 << 10;

/// An operation of all members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Barrier,
    Broadcast,
    Gather,
    Scatter,
    AllGather,
    AllToAll,
    Reduce,
    AllReduce,
    Scan,
    ExclusiveScan,
    ReduceScatter,
}

/// An operation, as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    kind: Kind,
    /// The member that the operation is from or for, where there is one.
    root: u32,
    /// How many members there are, and which this one is.
    size: u32,
    me: u32,
    /// Bytes that a member has for all others, or for each other; the most of them, if their lengths differ.
    len: usize,
    /// If they do: where the parts of the input and of the output lie.
    varied: Option<Box<Varied>>,
    /// Bytes of a value.
    element: usize,
    /// Bytes of that which go in one round.
    piece: usize,
}

/// Parts of different lengths, one for each member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Varied {
    /// The parts that this member has for others: one for all, or one for each.
    pub input: Parts,
    /// The parts that it gets.
    pub output: Parts,
}

/// Where parts lie that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Where each begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Parts {
    /// Parts of these lengths, in bytes.
    pub fn of(lens: impl Iterator<Item = usize>) -> Self {
        let mut end = 0;
        let ends = lens.map(|len| {
            end += len;
            end
        });
        Self { bounds: core::iter::once(0).chain(ends).collect() }
    }

    /// The bytes of a part, as far as it has those of this range.
    fn clip(&self, part: usize, range: &Range<usize>) -> Range<usize> {
        let bounds = self.bounds.get(part).zip(self.bounds.get(part + 1));
        let (start, end) = bounds.map_or((0, 0), |(start, end)| (*start, *end));
        (start + range.start).min(end)..(start + range.end).min(end)
    }
}

/// Bytes that a member takes from what another has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// Bytes that the other has published.
    pub published: usize,
    /// Where they begin there.
    pub offset: usize,
    /// Where they belong: in the output. If they are combined, the part of the output that the result is for.
    pub to: Range<usize>,
    /// The same part of this member's own input.
    pub own: Range<usize>,
}

impl Plan {
    /// The plan of member `me` of `size` for an operation on `len` bytes, which consist of elements of so many bytes.
    pub fn new(kind: Kind, root: u32, (me, size): (u32, u32), len: usize, element: usize) -> Self {
        let most = match kind {
            // One for each member, each at a whole word.
            Kind::Scatter | Kind::AllToAll | Kind::ReduceScatter => {
                PIECE.min(PART as usize / size as usize / 8 * 8)
            }
            Kind::Broadcast if size == 2 => len.div_ceil(PARTS as usize).clamp(SMALL_PIECE, PIECE),
            _ => PIECE,
        };
        let element = element.max(1);
        // What is combined goes in whole elements, and everything else in whole words, or long elements would not fit.
        let step = match kind {
            Kind::Reduce | Kind::AllReduce | Kind::Scan | Kind::ExclusiveScan | Kind::ReduceScatter => {
                element
            }
            _ => 8,
        };
        let piece = (most / step * step).max(step);
        Self { kind, root, size, me, len, varied: None, element, piece }
    }

    /// The same with parts of different lengths, the longest of which has the length of this plan. For operations that gather,
    /// scatter, or exchange.
    pub fn varied(self, varied: Varied) -> Self {
        Self { varied: Some(Box::new(varied)), ..self }
    }

    /// Whether pieces of this plan fit the window.
    pub fn fits(&self) -> bool {
        self.in_one_round(self.piece) <= PART as usize
    }

    /// Bytes that a member publishes in a round in which the piece has so many.
    fn in_one_round(&self, piece: usize) -> usize {
        match self.kind {
            Kind::Scatter | Kind::AllToAll | Kind::ReduceScatter => {
                self.size as usize * piece.next_multiple_of(8)
            }
            _ => piece,
        }
    }

    /// The word by which members see that they do the same.
    #[inline(always)]
    pub fn word(&self) -> u64 {
        (self.kind as u64 + 1) << 32 | (self.root as u64) << 48 | self.element as u64
    }

    /// The member that the operation is from or for; 0 if it has none.
    pub fn root(&self) -> u32 {
        self.root
    }

    /// Bytes that the operation is about, as members tell each other.
    #[inline(always)]
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    #[inline(always)]
    fn pieces(&self) -> u64 {
        self.len.div_ceil(self.piece).max(1) as u64
    }

    /// How many rounds there are: at least one.
    #[inline(always)]
    pub fn rounds(&self) -> u64 {
        self.pieces() * if self.is_shared_out() { 2 } else { 1 }
    }

    /// Whether each member combines only its share of a piece, and a second round tells the others.
    #[inline(always)]
    fn is_shared_out(&self) -> bool {
        self.kind == Kind::AllReduce && self.size > 2 && self.len * (self.size as usize - 1) >= SHORT
    }

    /// Whether takes are combined in this round.
    #[inline(always)]
    pub fn folds(&self, round: u64) -> bool {
        match self.kind {
            Kind::Reduce => self.me == self.root,
            Kind::AllReduce => !(self.is_shared_out() && round % 2 == 1),
            Kind::Scan | Kind::ExclusiveScan | Kind::ReduceScatter => true,
            _ => false,
        }
    }

    /// Whether members publish in this round what they have combined in the one before: their shares of the result.
    #[inline(always)]
    fn publishes_shares(&self, round: u64) -> bool {
        self.is_shared_out() && round % 2 == 1
    }

    /// The bytes that belong to this round.
    #[inline(always)]
    fn range(&self, round: u64) -> Range<usize> {
        let piece = if self.is_shared_out() { round / 2 } else { round };
        let start = (piece as usize * self.piece).min(self.len);
        start..(start + self.piece).min(self.len)
    }

    /// The share of a member in a piece with these bytes.
    #[inline(always)]
    fn share(&self, of: &Range<usize>, member: u32) -> Range<usize> {
        let step = self.element * (8 >> self.element.trailing_zeros().min(3));
        let share = of.len().div_ceil(self.size as usize).next_multiple_of(step);
        let start = of.start + member as usize * share;
        // What is empty begins at a word, too.
        if start < of.end { start..(start + share).min(of.end) } else { of.start..of.start }
    }

    /// The part of the output for what this round combines.
    #[inline(always)]
    pub fn result(&self, round: u64) -> Range<usize> {
        let range = self.range(round);
        match &self.varied {
            Some(varied) => varied.output.clip(0, &range),
            None if self.is_shared_out() => self.share(&range, self.me),
            None => range,
        }
    }

    /// The bytes of this round in the part of the input that is for this member, or for all.
    #[inline(always)]
    fn input(&self, part: u32, range: &Range<usize>) -> Range<usize> {
        match &self.varied {
            Some(varied) => varied.input.clip(part as usize, range),
            None => part as usize * self.len + range.start..part as usize * self.len + range.end,
        }
    }

    /// The bytes of this round in the part of the output that comes from this member.
    #[inline(always)]
    fn output(&self, part: u32, range: &Range<usize>) -> Range<usize> {
        match &self.varied {
            Some(varied) => varied.output.clip(part as usize, range),
            None => part as usize * self.len + range.start..part as usize * self.len + range.end,
        }
    }

    /// What this member publishes in this round; `None` if nothing.
    #[inline(always)]
    pub fn publishes(&self, round: u64) -> Option<Published<'_>> {
        let is_root = self.me == self.root;
        let range = self.range(round);
        let of_all = |range: Range<usize>| Published {
            plan: self,
            len: self.input(0, &range).len(),
            range,
            parts: 1,
            stride: 0,
        };
        match self.kind {
            Kind::Barrier => Some(of_all(0..0)),
            Kind::Broadcast => is_root.then(|| of_all(range)),
            Kind::Gather | Kind::Reduce => (!is_root).then(|| of_all(range)),
            Kind::AllGather | Kind::Scan | Kind::ExclusiveScan => Some(of_all(range)),
            Kind::AllReduce if self.publishes_shares(round) => Some(of_all(self.share(&range, self.me))),
            Kind::AllReduce => Some(of_all(range)),
            Kind::Scatter if !is_root => None,
            Kind::Scatter | Kind::AllToAll | Kind::ReduceScatter => {
                let stride = range.len().next_multiple_of(8);
                let len = self.size as usize * stride;
                Some(Published { plan: self, len, range, parts: self.size, stride })
            }
        }
    }

    /// What this member takes in this round from another, or from itself; `None` if nothing.
    #[inline(always)]
    pub fn takes(&self, round: u64, from: u32) -> Option<Take> {
        let is_root = self.me == self.root;
        let range = self.range(round);
        let whole =
            |to: Range<usize>| Take { published: to.len(), offset: 0, to, own: self.input(0, &range) };
        match self.kind {
            Kind::Barrier => Some(whole(0..0)),
            Kind::Broadcast => (from == self.root && !is_root).then(|| whole(range.clone())),
            Kind::Gather => is_root.then(|| whole(self.output(from, &range))),
            Kind::AllGather => Some(whole(self.output(from, &range))),
            Kind::Reduce => is_root.then(|| whole(range.clone())),
            Kind::Scan => (from <= self.me).then(|| whole(range.clone())),
            Kind::ExclusiveScan => (from < self.me).then(|| whole(range.clone())),
            Kind::AllReduce if self.publishes_shares(round) => {
                let share = self.share(&range, from);
                Some(Take { published: share.len(), offset: 0, own: share.clone(), to: share })
            }
            Kind::AllReduce if self.is_shared_out() => {
                let share = self.share(&range, self.me);
                let offset = share.start - range.start;
                Some(Take { published: range.len(), offset, own: share.clone(), to: share })
            }
            Kind::AllReduce => Some(whole(range.clone())),
            Kind::Scatter if from != self.root => None,
            Kind::Scatter | Kind::AllToAll | Kind::ReduceScatter => {
                let stride = range.len().next_multiple_of(8);
                Some(Take {
                    published: self.size as usize * stride,
                    offset: self.me as usize * stride,
                    to: match self.kind {
                        Kind::AllToAll => self.output(from, &range),
                        _ => self.output(0, &range),
                    },
                    own: self.input(self.me, &range),
                })
            }
        }
    }
}

/// What a member publishes in a round: parts of its input, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published<'a> {
    plan: &'a Plan,
    /// Bytes in all.
    pub len: usize,
    /// The bytes of this round, in each part.
    range: Range<usize>,
    /// How many parts there are.
    parts: u32,
    /// Bytes that a part takes of what is published.
    stride: usize,
}

impl Published<'_> {
    /// The parts: where each begins in what is published, and which bytes of the input it has.
    pub fn parts(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        (0..self.parts).map(|part| (part as usize * self.stride, self.plan.input(part, &self.range)))
    }

    /// Whether it lies in a line, and not in the window.
    pub fn is_short(&self) -> bool {
        self.len <= LINE
    }
}

#[cfg(test)]
mod tests;
