//! The kinds of sensors, and who has which rank.

use super::reading::{position, speed};
use clap::ValueEnum;
use mailbox::Policy;
use std::time::Duration;

pub const FUSER: u32 = 0;
pub const CONTROLLER: u32 = 1;
pub const RANKS: u32 = 5;
/// The topic of the latest estimate.
pub const ESTIMATE: &str = "estimate";

/// A kind of sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Camera,
    Lidar,
    Inertial,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Camera, Kind::Lidar, Kind::Inertial];

    /// Its name, and that of its topic.
    pub fn name(self) -> &'static str {
        ["camera", "lidar", "inertial"][self as usize]
    }

    /// Its rank.
    pub fn rank(self) -> u32 {
        CONTROLLER + 1 + self as u32
    }

    /// How often it measures.
    pub fn period(self) -> Duration {
        Duration::from_secs(1) / [30, 10, 400][self as usize]
    }

    /// Bytes of a message.
    pub fn len(self) -> usize {
        [1 << 20, 256 << 10, 64][self as usize]
    }

    /// The same, for people.
    pub fn size(self) -> &'static str {
        ["1 MiB", "256 KiB", "64 B"][self as usize]
    }

    /// What the fuser wants of it. An old picture is of no use, and no camera should wait for who looks at its pictures. How far the
    /// body has come is the sum of all speeds, so none of them may be missed.
    pub fn policy(self) -> Policy {
        match self {
            Kind::Camera | Kind::Lidar => Policy::skip(),
            Kind::Inertial => Policy::every(),
        }
    }

    /// What it measures at a time.
    pub fn value(self, time: u64) -> f64 {
        match self {
            Kind::Camera | Kind::Lidar => position(time),
            Kind::Inertial => speed(time),
        }
    }
}
