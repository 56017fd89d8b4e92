//! The pace of all that waits for a peer, in one place: how often it looks, how long it pauses, when it asks the kernel.
//!
//! Two figures decide most of them. A look at a line that a peer writes takes that line away from it, some 100 ns. A
//! sleep and a wake-up cost some 50 µs.

use core::time::Duration;

/// Lets the processor rest for about as long as so many loads take. This thread stays where it is.
#[inline(always)]
pub fn pause(times: u32) {
    (0..times).for_each(|_| core::hint::spin_loop());
}

/// Offers this processor to the others that want it.
pub fn let_others_run() {
    std::thread::yield_now();
}

/// Sleeps, where no peer could wake this thread.
pub fn doze(time: Duration) {
    std::thread::sleep(time);
}

// --- Looks before a wait -------------------------------------------------------------------------------------------

/// Looks before a wait is prepared, a pause apart: what is waited for is on its way.
pub const SOON: u32 = 128;
/// What these looks take at most, on processors whose pauses are long. A wait that is shorter leaves them out.
pub const MOMENT: Duration = Duration::from_micros(10);
/// Pauses of a caller between its request and its first look: the server has read the line by then, and a look would take
/// it away before the answer is written.
pub const CALL_PAUSES: u32 = 2;

// --- Polls ---------------------------------------------------------------------------------------------------------

/// How long an adaptive wait polls before it sleeps: about what a sleep and a wake-up cost together.
pub const PATIENCE: Duration = Duration::from_micros(50);
/// Looks between two readings of the clock, and between two that look for more.
pub const LOOKS: u32 = 16;
/// Readings of the clock before the processor is offered for the first time: a reply that is on its way is taken as it
/// comes.
pub const GREEDY: u32 = 16;
/// A yield that takes longer has let another thread run. Then sleeping costs less than taking turns.
pub const LONG_YIELD: Duration = Duration::from_micros(10);
/// Waits from one count of the ranks that are awake to the next: a count looks at each rank.
pub const WAITS_PER_COUNT: u32 = 16;
/// How long the number of processors and the lives that the system told hold: to ask for the number takes some 50 µs.
pub const VALID: Duration = Duration::from_secs(1);
/// Ranks that seem awake whose lives one count asks for: each is a system call.
pub const CROWD_QUERIES: usize = 64;

// --- Sleep ---------------------------------------------------------------------------------------------------------

/// How long after a question to the kernel who lives a half that waits asks the next one, whatever it did meanwhile; the
/// longest that it sleeps in between.
pub const NAP: Duration = Duration::from_millis(75);
/// What lies at least between two looks whether the region still bears its name: less than a nap.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Calls that find nothing until the next one looks whether a peer died: that look is a system call.
pub const TRIES_PER_QUERY: u32 = 64;
/// Ranks above its own that a rank watches: with each question it asks about them, too.
pub const WATCHED: usize = 2;
/// Ranks about which one look asks the kernel for a receive from anyone, in rotation; and of those that peers say are
/// dead.
pub const QUERIES: usize = 8;
/// In a region of more ranks, such a receive leaves most of the asking to those that watch: it asks in rotation only once
/// in [`ROUND`].
pub const FEW_RANKS: u32 = 64;
/// What lies at least between two such questions there.
pub const ROUND: Duration = Duration::from_secs(1);

// --- Room ----------------------------------------------------------------------------------------------------------

/// Polls of a full mailbox that insist on a quarter of it; the next take any room.
pub const PATIENT_POLLS: u32 = 64;
/// Pauses before each of these polls: a poll takes the line of `head` away from a receiver that writes it with each
/// message.
pub const POLL_PAUSES: u32 = 64;

// --- Turns of senders ----------------------------------------------------------------------------------------------

/// The most mails of one sender that a receive from anyone takes while another sender's wait; also the most parts,
/// of 64 KiB each, of announced messages that a call takes in which does not wait.
pub const BURST: u64 = 32;

// --- Memory --------------------------------------------------------------------------------------------------------

/// How long a mailbox, or a message, for which memory is lacking is left alone.
pub const RESPITE: Duration = Duration::from_millis(10);
