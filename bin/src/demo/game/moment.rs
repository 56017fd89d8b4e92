//! What physics says and render draws.

use super::keys::Keys;
use super::world::World;
use bytemuck::{Pod, Zeroable};

/// A world, and the keys with which its last step was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Moment {
    pub world: World,
    pub keys: Keys,
}

impl Moment {
    /// The one before any step.
    pub fn first() -> Self {
        Self { world: World::new(), keys: Keys::zeroed() }
    }

    /// The next one, if these keys are pressed.
    pub fn next(mut self, keys: Keys) -> Self {
        self.world.step(keys.direction);
        Self { keys, ..self }
    }
}
