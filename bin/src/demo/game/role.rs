//! Who plays which part of the game.

use clap::ValueEnum;
use serde::Serialize;

/// The rank of the process that started the others.
pub const HOST: u32 = 3;
pub const RANKS: u32 = 4;

/// One of the three processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Input,
    Physics,
    Render,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Input, Role::Physics, Role::Render];

    /// Its name.
    pub fn name(self) -> &'static str {
        ["input", "physics", "render"][self as usize]
    }

    /// Its rank.
    pub fn rank(self) -> u32 {
        self as u32
    }

    /// The topic whose latest value it publishes.
    pub fn topic(self) -> &'static str {
        ["keys", "world", "frames"][self as usize]
    }
}
