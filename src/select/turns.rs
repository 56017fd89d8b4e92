//! Whose turn it is.

use crate::sync::{Mutant, mutated};

/// Where the next look begins, so that each of several has its turn.
pub struct Turns {
    next: usize,
}

impl Turns {
    /// The first look begins there, or so many times around from there.
    pub fn from(next: usize) -> Self {
        Self { next }
    }

    /// The first of `count` for which this is so, from the one after the last that was found. All others come before that one
    /// is found again. If none is found, all were looked at.
    pub fn find<E>(
        &mut self,
        count: usize,
        is_so: impl FnMut(usize) -> Result<bool, E>,
    ) -> Result<Option<usize>, E> {
        let first = self.next % count.max(1);
        self.find_first((first..count).chain(0..first), is_so)
    }

    /// The next look begins there.
    #[cfg(not(loom))]
    pub fn go_on_at(&mut self, next: usize) {
        self.next = next;
    }

    /// The same of these, which ascend, where the others are known not to be so.
    pub fn find_of<E>(
        &mut self,
        these: &[usize],
        is_so: impl FnMut(usize) -> Result<bool, E>,
    ) -> Result<Option<usize>, E> {
        let first = these.partition_point(|at| *at < self.next);
        self.find_first(these[first..].iter().chain(&these[..first]).copied(), is_so)
    }

    fn find_first<E>(
        &mut self,
        all: impl Iterator<Item = usize>,
        mut is_so: impl FnMut(usize) -> Result<bool, E>,
    ) -> Result<Option<usize>, E> {
        for at in all {
            let is_left_out = mutated(Mutant::Narrow) && at > 0;
            if !is_left_out && is_so(at)? {
                self.next = at + 1;
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn() {
        let mut turns = Turns::from(7);
        let mut find = |ready: &[bool]| turns.find(ready.len(), |at| Ok::<_, ()>(ready[at])).unwrap();
        assert_eq!([(); 5].map(|()| find(&[true; 4])), [3, 0, 1, 2, 3].map(Some));
        assert_eq!([(); 4].map(|()| find(&[true, false, true])), [2, 0, 2, 0].map(Some));
        assert_eq!((find(&[false; 9]), find(&[])), (None, None));
        assert_eq!(find(&[true; 4]), Some(1), "looks in vain are nobody's turn");
        let mut find_of = |these: &[usize]| turns.find_of(these, |_| Ok::<_, ()>(true)).unwrap();
        assert_eq!([(); 4].map(|()| find_of(&[1, 2, 7])), [2, 7, 1, 2].map(Some));
        assert_eq!((find_of(&[]), find_of(&[0])), (None, Some(0)));
    }
}
