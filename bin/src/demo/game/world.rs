//! The world: a ball that bounces off four walls, and a paddle at the lower one. Numbers are whole, so the same steps lead to the
//! same world everywhere.

use bytemuck::{Pod, Zeroable};

/// Of the length of a character.
pub const UNIT: i64 = 1024;
/// Characters of the field.
pub const COLUMNS: usize = 60;
pub const ROWS: usize = 16;
/// How long the paddle is.
pub const PADDLE: i64 = 9 * UNIT;
/// The largest place of the ball, to the right and down.
const END: [i64; 2] = [COLUMNS as i64 * UNIT - 1, ROWS as i64 * UNIT - 1];
/// Where the ball is at first, and how far it goes in a step.
const START: [i64; 2] = [7 * UNIT, 3 * UNIT];
const SPEED: [i64; 2] = [263, 149];
/// How far the paddle goes in a step.
const STRIDE: i64 = 257;
/// The largest place of the paddle's left end.
const RIGHT: i64 = END[0] + 1 - PADDLE;

/// The world after so many steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct World {
    pub steps: u64,
    /// How often the ball came down on the paddle, and beside it.
    pub hits: u64,
    pub misses: u64,
    /// Where it is, to the right and down.
    pub ball: [i64; 2],
    speed: [i64; 2],
    /// Where its left end is.
    pub paddle: i64,
}

impl World {
    /// The one before any step.
    pub fn new() -> Self {
        Self { steps: 0, hits: 0, misses: 0, ball: START, speed: SPEED, paddle: RIGHT / 2 }
    }

    /// One step; the paddle goes to the right if the direction is positive, and to the left if it is negative.
    pub fn step(&mut self, direction: i64) {
        self.steps += 1;
        self.paddle = (self.paddle + STRIDE * direction.signum()).clamp(0, RIGHT);
        self.advance(0);
        if self.advance(1) {
            let is_hit = (self.paddle..self.paddle + PADDLE).contains(&self.ball[0]);
            *(if is_hit { &mut self.hits } else { &mut self.misses }) += 1;
        }
    }

    /// Moves the ball along one axis; whether it bounced off the wall at the end.
    fn advance(&mut self, axis: usize) -> bool {
        let (ball, speed) = (&mut self.ball[axis], &mut self.speed[axis]);
        *ball += *speed;
        let has_passed = *ball > END[axis];
        if has_passed {
            *ball = 2 * END[axis] - *ball;
        } else if *ball < 0 {
            *ball = -*ball;
        } else {
            return false;
        }
        *speed = -*speed;
        has_passed
    }

    /// Whether so many steps lead to such a world. The ball goes its way whatever the paddle does, so where it is after any number
    /// of steps can be said without one of them.
    pub fn is_so(&self) -> bool {
        let [right, down] = [0, 1].map(|axis| after(self.steps, axis));
        let bounces = self.hits.checked_add(self.misses).map(u128::from);
        self.ball == [right.ball, down.ball]
            && self.speed == [right.speed, down.speed]
            && bounces == Some(down.bounces)
            && (0..=RIGHT).contains(&self.paddle)
            && self.steps < u64::MAX
    }
}

/// The ball on one axis.
struct Flight {
    ball: i64,
    speed: i64,
    /// Off the wall at the end.
    bounces: u128,
}

/// The ball on one axis after so many steps: as if it flew straight on through rooms that are mirrors of each other.
fn after(steps: u64, axis: usize) -> Flight {
    let [end, speed, start] = [END, SPEED, START].map(|pair| pair[axis] as u128);
    let way = start + speed * u128::from(steps);
    let there = way % (2 * end);
    Flight {
        ball: there.min(2 * end - there) as i64,
        speed: if (1..=end).contains(&there) { SPEED[axis] } else { -SPEED[axis] },
        bounces: (way + end - 1) / (2 * end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any directions.
    fn directions(seed: u64) -> impl Iterator<Item = i64> {
        (1..).map(move |step: u64| (step / 40 * seed % 3) as i64 - 1)
    }

    fn world(steps: usize, seed: u64) -> World {
        let mut world = World::new();
        directions(seed).take(steps).for_each(|direction| world.step(direction));
        world
    }

    #[test]
    fn each_step_leads_where_its_number_says() {
        let mut world = World::new();
        assert!(world.is_so());
        for direction in directions(7).take(300_000) {
            world.step(direction);
            assert!(world.is_so(), "{world:?}");
        }
        assert!(world.hits > 100 && world.misses > 100, "{world:?}");
    }

    #[test]
    fn a_step_that_is_lost_or_done_twice_is_seen() {
        let world = world(12_345, 7);
        for steps in [0, 1, 12_344, 12_346, u64::MAX] {
            assert!(!World { steps, ..world }.is_so());
        }
        let mut twice = world;
        twice.step(1);
        assert!(!World { steps: world.steps, ..twice }.is_so());
    }

    #[test]
    fn whatever_is_changed_is_seen() {
        let world = world(1000, 7);
        let changed = [
            World { hits: world.hits + 1, ..world },
            World { misses: u64::MAX, hits: 1, ..world },
            World { ball: [world.ball[0] + 1, world.ball[1]], ..world },
            World { ball: [world.ball[0], i64::MAX], ..world },
            World { speed: [-world.speed[0], world.speed[1]], ..world },
            World { speed: [world.speed[0], i64::MIN], ..world },
            World { paddle: -1, ..world },
            World { paddle: RIGHT + 1, ..world },
        ];
        assert!(changed.iter().all(|world| !world.is_so()));
    }

    #[test]
    fn the_same_directions_lead_to_the_same_world() {
        assert_eq!(world(5000, 7), world(5000, 7));
        assert_ne!(world(5000, 7).paddle, world(5000, 5).paddle);
        assert_eq!(world(5000, 7).ball, world(5000, 5).ball, "it goes its way");
    }

    #[test]
    fn the_paddle_stays_in_the_field() {
        let mut world = World::new();
        for (direction, end) in [(-1, 0), (i64::MAX, RIGHT), (i64::MIN, 0)] {
            (0..1000).for_each(|_| world.step(direction));
            assert_eq!(world.paddle, end);
        }
    }
}
