//! The plant: a pendulum that stands on its pivot, and falls unless it is pushed all the time.

use bytemuck::{Pod, Zeroable};
use std::f64::consts::FRAC_PI_2;

/// Gravity by length, in 1/s²: half a metre.
const GRAVITY: f64 = 9.81 / 0.5;
/// What the controller makes of angle and speed.
const STIFFNESS: f64 = 60.0;
const DAMPING: f64 = 12.0;
/// The speed that a kick gives it, in radians a second.
const KICK: f64 = 0.5;
/// No step of the simulation is longer, in seconds.
const STEP: f64 = 0.001;

/// Where it is, in radians from upright, and how fast it moves.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct State {
    pub angle: f64,
    pub speed: f64,
}

/// The pendulum, and what pushes it.
#[derive(Default)]
pub struct Pendulum {
    angle: f64,
    speed: f64,
    push: f64,
}

impl State {
    /// The push that brings it back: what the controller computes.
    pub fn push(&self) -> f64 {
        -STIFFNESS * self.angle - DAMPING * self.speed
    }
}

impl Pendulum {
    pub fn state(&self) -> State {
        State { angle: self.angle, speed: self.speed }
    }

    /// Pushes like this from now on.
    pub fn push(&mut self, push: f64) {
        self.push = push;
    }

    /// Disturbs it.
    pub fn kick(&mut self) {
        self.speed += KICK;
    }

    /// Lets so many seconds pass. Whether it fell: then it is put upright again.
    pub fn pass(&mut self, seconds: f64) -> bool {
        let steps = (seconds / STEP).ceil().max(1.0);
        let step = seconds / steps;
        for _ in 0..steps as u64 {
            self.speed += (GRAVITY * self.angle.sin() + self.push) * step;
            self.angle += self.speed * step;
            if self.angle.abs() > FRAC_PI_2 {
                *self = Self::default();
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seconds after a kick, with a command each so many milliseconds.
    fn kicked(period: u64) -> (bool, f64) {
        let mut pendulum = Pendulum::default();
        pendulum.kick();
        let mut fell = false;
        for millisecond in 0..2000 {
            if millisecond % period == 0 {
                pendulum.push(pendulum.state().push());
            }
            fell |= pendulum.pass(0.001);
        }
        (fell, pendulum.state().angle.abs())
    }

    #[test]
    fn it_stands_if_it_is_pushed_in_time_and_falls_if_not() {
        let (fell, angle) = kicked(1);
        assert!(!fell && angle < 1e-4, "{angle}");
        assert!(kicked(400).0, "commands that come so seldom cannot hold it");
        let mut pendulum = Pendulum::default();
        pendulum.kick();
        assert!((0..2000).any(|_| pendulum.pass(0.001)), "nor can none");
    }
}
