//! The state of the keys.

use bytemuck::{Pod, Zeroable};

/// A key of the game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Left,
    Stop,
    Right,
}

/// Where the paddle is to go. A terminal does not say when a key is released, so a direction holds until the next press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Keys {
    /// How many keys were pressed so far.
    pub presses: u64,
    /// When the last one was, in nanoseconds of the machine's clock.
    pub time: u64,
    /// To the left: -1, to the right: 1.
    pub direction: i64,
}

impl Keys {
    /// A key is pressed now.
    pub fn press(&mut self, key: Key, now: u64) {
        // Whatever was there before this process: a number that cannot be is no reason to end.
        *self = Self { presses: self.presses.wrapping_add(1), time: now, direction: key as i64 - 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_counts_and_gives_the_direction() {
        let mut keys = Keys::zeroed();
        for (count, key, direction) in [(1, Key::Left, -1), (2, Key::Right, 1), (3, Key::Stop, 0)] {
            keys.press(key, 70 + count);
            assert_eq!(keys, Keys { presses: count, time: 70 + count, direction });
        }
    }
}
