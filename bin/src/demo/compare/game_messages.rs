//! The game loop with messages: input sends the keys to physics, and physics sends the world to render.

use super::outcome::Outcome;
use super::rules::{Keys, World};
use mailbox::Endpoint;

/// The ranks.
pub const INPUT: u32 = 0;
pub const PHYSICS: u32 = 1;
pub const RENDER: u32 = 2;
pub const RANKS: u32 = 3;

pub fn tell_keys(me: &Endpoint, keys: &Keys) -> Outcome<()> {
    Ok(me.to(PHYSICS).send_value(keys)?)
}

pub fn hear_keys(me: &Endpoint) -> Outcome<Keys> {
    Ok(me.from(INPUT).recv_value()?)
}

pub fn tell_world(me: &Endpoint, world: &World) -> Outcome<()> {
    Ok(me.to(RENDER).send_value(world)?)
}

pub fn hear_world(me: &Endpoint) -> Outcome<World> {
    Ok(me.from(PHYSICS).recv_value()?)
}
