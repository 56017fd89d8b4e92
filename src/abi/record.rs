//! What everybody knows of a rank.

use super::{OPENED_WORDS, Padded};
use crate::sync::{AtomicU32, AtomicU64};

/// Bytes of a label.
pub const LABEL: usize = 48;
/// How many slots a rank can tell of where it could not begin with a group: more than there are.
pub const DECLINED: usize = 64;
/// What everybody knows of a rank. The rank's holder writes it, except for the bells and `opened`.
#[repr(C)]
pub struct Rank {
    /// The holder of the rank.
    pub identity: Padded<Identity>,
    /// What its holder sleeps on.
    pub bells: Padded<Bells>,
    /// Bit `from % 64` of word `from / 64`: the pages of the mailbox from `from` to this rank are reserved, except
    /// for its arena. Senders set bits; nobody clears them.
    pub opened: Padded<[AtomicU64; OPENED_WORDS]>,
    /// What the holder does, and on which processors.
    pub activity: Padded<Activity>,
    /// By slot: the number of the last group with which the rank could not begin there, for want of memory, after all its members
    /// had agreed. They look here for what a slot without memory cannot tell.
    pub declined: Padded<[AtomicU64; DECLINED]>,
}

/// What a rank's holder does, and on which processors. Written by the holder, for people and as hints to peers.
#[repr(C)]
pub struct Activity {
    /// What the receiver and the sender (in this order) wait for while they sleep: 0 nothing, 1 anyone, `2 + rank`
    /// that rank. For people.
    pub awaited: [AtomicU64; 2],
    /// How many times a receiver of this rank fell asleep because there was no mail.
    pub sleeps: AtomicU64,
    /// The processors on which the receiver and the sender (in this order) may run: see `wait::crowd`. 0 means any. A
    /// peer that finds the holder dead writes it, too.
    pub processors: [AtomicU64; 2],
}

/// A rank's life and name; written by the holder of the rank's lock.
#[repr(C)]
pub struct Identity {
    /// `epoch << 1 | joined`: how many times the rank was claimed, and whether its holder has not left yet.
    pub life: AtomicU64,
    /// The holder's process id in its own PID namespace. For display only; never trusted.
    pub pid: AtomicU64,
    /// The label, padded with NULs.
    pub label: [AtomicU64; LABEL / 8],
    /// On platforms without file locks: the process id of the holder of the rank's lock, or 0.
    pub lock: AtomicU64,
    /// The value of `life` when the rank was last claimed. It says how the previous life ended.
    pub former: AtomicU64,
    /// The value of `life` when a peer last found the holder dead; written by that peer. A hint: others ask the
    /// kernel, too.
    pub found_dead: AtomicU64,
}

/// The bit of a bell's mode that asks ringers to check whether the receiver asks for a reset. The bit outlives its
/// rank's holder, because the request does, too.
pub const RESET: u32 = 8;

/// The bit of a rank's bell that is set while its receiver sleeps until there is mail.
pub const MAIL: u32 = 1;
/// The bit of a rank's bell that is set while its sender sleeps until there is room.
pub const ROOM: u32 = 2;
/// The bit of a rank's bell that several threads of it have for themselves: set while the one that sleeps for all has seen
/// what the others sleep for. Peers leave it as it is.
pub const LED: u32 = 8;

/// What a rank sleeps on.
#[repr(C)]
pub struct Bells {
    /// The bell: one bit for each thing that a thread of the rank sleeps for, [`MAIL`] and [`ROOM`]. The sleeper sets
    /// its bit. The sleeper, a ringer, or a process that claims the rank clears it. Nobody stores to the whole word.
    /// [`LED`] is a bit of it, too.
    pub word: AtomicU32,
    /// What a ringer must do beyond reading the bell, for mail and for room: see `rank::bell`. Written by the half
    /// that sleeps.
    pub modes: [AtomicU32; 2],
    /// The events that a rank sleeps on if it has chosen events, for mail and for room. Only the platform knows what
    /// is in them.
    pub events: [AtomicU32; 2],
}

#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Rank, bells) == 128 && offset_of!(Rank, opened) == 256);
    assert!(offset_of!(Rank, activity) == 384 && offset_of!(Rank, declined) == 512);
    assert!(size_of::<Rank>() == 1024 && super::MAX_GROUPS as usize <= DECLINED);
    assert!(offset_of!(Identity, label) == 16 && size_of::<Identity>() <= 128);
    assert!(size_of::<Bells>() == 20 && offset_of!(Bells, events) == 12);
};
