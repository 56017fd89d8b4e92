//! The ranks that keep a register together.

use super::stamp::Stamp;
use super::wire::{self, Head};
use super::{Register, RegisterError};
use bytemuck::Pod;
use mailbox::Endpoint;

/// The most members.
const MOST: usize = 64;

/// These ranks, if they can be the members.
pub fn check<T: Pod>(
    me: &Endpoint,
    register: &Register<T>,
    members: impl IntoIterator<Item = u32>,
) -> Result<Vec<u32>, RegisterError> {
    let members: Vec<_> = members.into_iter().take(MOST + 1).collect();
    let ranks = me.region().ranks();
    let is_good = |(at, rank): (usize, &u32)| *rank < ranks && !members[..at].contains(rank);
    if members.is_empty() || members.len() > MOST || !members.iter().enumerate().all(is_good) {
        return Err(RegisterError::BadMembers { register: register.name().into(), members });
    }
    Ok(members)
}

/// As `check`, and this endpoint becomes one of them, which keeps the register. Also gives their hash.
pub fn join<T: Pod>(
    me: &Endpoint,
    register: &Register<T>,
    members: impl IntoIterator<Item = u32>,
) -> Result<(Vec<u32>, u64), RegisterError> {
    register.check_len(me, 1, size_of::<Head>() + size_of::<Stamp>())?;
    let members = check(me, register, members)?;
    if !members.contains(&me.rank()) {
        return Err(RegisterError::NotAMember { register: register.name().into(), rank: me.rank() });
    }
    // What is announced is nonsense. It takes no memory.
    me.set_by_hand(true);
    let context = wire::hash_of_members(&members);
    Ok((members, context))
}
