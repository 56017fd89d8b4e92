//! What render counts.

use super::moment::Moment;
use bytemuck::{Pod, Zeroable};
use serde::Serialize;

/// Frames, and what they showed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Pod, Zeroable, Serialize)]
#[repr(C)]
pub struct Tally {
    pub frames: u64,
    /// Frames that showed a new world, the one of the frame before, and none.
    pub frames_new: u64,
    pub frames_old: u64,
    pub frames_empty: u64,
    /// Worlds that no frame showed, because a newer one was there.
    pub worlds_never_shown: u64,
    /// Presses that a frame showed, and that none did, because another key was pressed before.
    pub presses_shown: u64,
    pub presses_never_shown: u64,
    /// How many steps the last world had that was shown, and how many presses.
    pub last_world: u64,
    pub last_press: u64,
}

impl Tally {
    /// A frame shows this. Whether it is the first to show that press.
    pub fn count(&mut self, moment: Option<&Moment>) -> bool {
        self.frames += 1;
        let Some(Moment { world, keys }) = moment else {
            self.frames_empty += 1;
            return false;
        };
        if world.steps > self.last_world {
            self.frames_new += 1;
            self.worlds_never_shown += world.steps - self.last_world - 1;
            self.last_world = world.steps;
        } else {
            self.frames_old += 1;
        }
        let is_press = keys.presses > self.last_press;
        if is_press {
            self.presses_shown += 1;
            self.presses_never_shown += keys.presses - self.last_press - 1;
            self.last_press = keys.presses;
        }
        is_press
    }

    /// Whether the counts can be of the same frames.
    pub fn adds_up(&self) -> bool {
        let sum = |counts: &[u64]| counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        sum(&[self.frames_new, self.frames_old, self.frames_empty]) == Some(self.frames)
            && sum(&[self.frames_new, self.worlds_never_shown]) == Some(self.last_world)
            && sum(&[self.presses_shown, self.presses_never_shown]) == Some(self.last_press)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_worlds_and_presses_add_up() {
        let mut tally = Tally::default();
        assert!(!tally.count(None));
        let mut moment = Moment::first();
        let frames = [(1, 0, false), (1, 0, false), (2, 1, true), (7, 1, false), (8, 4, true), (8, 4, false)];
        for (steps, presses, is_press) in frames {
            moment.world.steps = steps;
            moment.keys.presses = presses;
            assert_eq!(tally.count(Some(&moment)), is_press);
            assert!(tally.adds_up());
        }
        let counted = Tally {
            frames: 7,
            frames_new: 4,
            frames_old: 2,
            frames_empty: 1,
            worlds_never_shown: 4,
            presses_shown: 2,
            presses_never_shown: 2,
            last_world: 8,
            last_press: 4,
        };
        assert_eq!(tally, counted);
        let wrong = [
            Tally { frames: 8, ..counted },
            Tally { frames_old: u64::MAX, ..counted },
            Tally { last_world: 9, ..counted },
            Tally { presses_never_shown: 1, ..counted },
        ];
        assert!(wrong.iter().all(|tally| !tally.adds_up()));
    }
}
