//! The three sides of the loop, and where each runs.

use clap::ValueEnum;

/// A side of the loop. Its rank is its place here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Sensor,
    Controller,
    Actuator,
}

/// The topic of the plant's state.
pub const PLANT: &str = "plant";

/// The priority of the sensor. Kernel threads that serve devices have 50.
const HIGHEST: i32 = 30;

impl Role {
    pub const ALL: [Self; 3] = [Self::Sensor, Self::Controller, Self::Actuator];

    pub fn name(self) -> &'static str {
        ["sensor", "controller", "actuator"][self as usize]
    }

    pub fn rank(self) -> u32 {
        self as u32
    }

    /// Which of so many processors it runs on, and whether no other side does. Of two, the controller has one: what it waits for
    /// comes from the other, and the two sides there take turns by the clock.
    pub fn seat(self, processors: usize) -> (usize, bool) {
        match processors {
            0 | 1 => (0, false),
            2 if self == Self::Controller => (1, true),
            2 => (0, false),
            _ => (self as usize, true),
        }
    }

    /// Its real-time priority: sides that share a processor run in the order in which a value passes through them.
    pub fn priority(self) -> i32 {
        HIGHEST - self as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spins_shares_its_processor_with_nobody() {
        for processors in 1..6 {
            let seats = Role::ALL.map(|role| role.seat(processors));
            for (at, (processor, is_alone)) in seats.iter().enumerate() {
                assert!(*processor < processors);
                let others = seats.iter().enumerate().filter(|(other, _)| *other != at);
                let shares = others.filter(|(_, (other, _))| other == processor).count();
                assert_eq!(*is_alone, shares == 0, "{at} of {processors}");
            }
        }
    }

    #[test]
    fn what_comes_first_has_the_higher_priority() {
        let priorities = Role::ALL.map(Role::priority);
        assert!(priorities.is_sorted_by(|one, other| one > other), "{priorities:?}");
        assert!(priorities.iter().all(|priority| (1..50).contains(priority)), "{priorities:?}");
    }
}
