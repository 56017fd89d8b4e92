//! What the jobs are about, in either model: items in a buffer, and a ball in a game.

use bytemuck::{Pod, Zeroable};
use std::hint::black_box;

/// What goes through the buffer: a number, five times changed.
pub type Item = [u64; 6];

/// The number of the item that ends all.
pub const END: u64 = u64::MAX;

/// Rows and columns of a frame.
const SIZE: [usize; 2] = [12, 32];
/// Positions go to this in each direction.
const FAR: [i32; 2] = [12_000, 32_000];

/// The keys of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Keys {
    /// When they were looked at, in nanoseconds of the machine's clock.
    pub time: u64,
    /// Of the frame, from 0 on.
    pub number: u64,
    /// Where the paddle is pushed.
    pub push: i32,
    /// Whether no more come.
    pub is_last: u32,
}

/// The world after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct World {
    /// Those of the keys.
    pub time: u64,
    pub number: u64,
    ball: [i32; 2],
    speed: [i32; 2],
    paddle: i32,
    pub is_last: u32,
}

/// What all frames add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Film(u64);

/// The item of a number.
pub fn item(number: u64) -> Item {
    black_box([0, 1, 2, 3, 4, 5].map(|word| number.wrapping_add(word)))
}

/// Whether it is the item of this number.
pub fn is_item(item: &Item, number: u64) -> bool {
    *black_box(item) == self::item(number)
}

impl Keys {
    /// Those of a frame. The script is the same each time.
    pub fn of(number: u64, time: u64, is_last: bool) -> Self {
        let push = if (number / 64).is_multiple_of(2) { 90 } else { -70 };
        Self { time, number, push, is_last: is_last.into() }
    }
}

impl World {
    pub fn new() -> Self {
        Self { time: 0, number: 0, ball: [100; 2], speed: [130, 210], paddle: 0, is_last: 0 }
    }

    /// One step on.
    pub fn step(&self, keys: &Keys) -> Self {
        let &Self { mut ball, mut speed, paddle, .. } = self;
        for axis in 0..2 {
            let next = ball[axis] + speed[axis];
            if !(0..FAR[axis]).contains(&next) {
                speed[axis] = -speed[axis];
            }
            ball[axis] = next.clamp(0, FAR[axis] - 1);
        }
        let paddle = (paddle + keys.push).clamp(0, FAR[1] - 1);
        Self { time: keys.time, number: keys.number, ball, speed, paddle, is_last: keys.is_last }
    }
}

impl Film {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Draws the world, and adds the frame: FNV-1a (Fowler, Noll and Vo, 1991).
    pub fn add(&mut self, world: &World) {
        let mut frame = [[b' '; SIZE[1]]; SIZE[0]];
        let [row, column] = [0, 1].map(|axis| (world.ball[axis] / 1000) as usize);
        frame[SIZE[0] - 1][(world.paddle / 1000) as usize] = b'=';
        frame[row][column] = b'o';
        for byte in black_box(frame).as_flattened() {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub fn sum(self) -> u64 {
        self.0
    }

    /// What so many frames must add up to.
    pub fn expected(frames: u64) -> u64 {
        let (mut film, mut world) = (Self::new(), World::new());
        for number in 0..frames {
            world = world.step(&Keys::of(number, 0, false));
            film.add(&world);
        }
        film.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_stays_in_the_frame_and_each_frame_counts() {
        let mut seen = std::collections::BTreeSet::new();
        let (mut film, mut world) = (Film::new(), World::new());
        for number in 0..10_000 {
            world = world.step(&Keys::of(number, 7, false));
            film.add(&world);
            assert!(seen.insert(film.sum()), "{number}");
            if number.is_multiple_of(999) {
                assert_eq!(film.sum(), Film::expected(number + 1));
            }
        }
    }

    #[test]
    fn an_item_is_that_of_one_number() {
        assert!(is_item(&item(7), 7) && !is_item(&item(7), 8));
        let mut torn = item(7);
        torn[5] = item(6)[5];
        assert!(!is_item(&torn, 7));
    }
}
