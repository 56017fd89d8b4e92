//! The tuning constants of waiting: how often to look, how long to pause, when to ask the kernel.
//!
//! Below this layer are those of a stream's reader (`ring/consumer/row.rs`), of the bells' order (`rank/bell/order.rs`) and of
//! sleeps that nobody ends (`os/pause.rs`). Others are of one algorithm and lie with it: which senders a receive looks at
//! (`receive/fair.rs`), when the bytes of a started send are copied (`send/started/begin.rs`), how often a look at what changes
//! meanwhile is repeated.
//!
//! Two costs decide most of them. A look at a line that a peer writes takes that line away from the peer, about 100
//! ns. A sleep and a wake-up cost about 50 µs.

use core::time::Duration;

/// Pauses for about the time of `times` loads. The thread is not descheduled.
#[inline(always)]
pub fn pause(times: u32) {
    (0..times).for_each(|_| core::hint::spin_loop());
}

/// Offers this processor to other threads.
pub fn let_others_run() {
    std::thread::yield_now();
}

/// Sleeps in a way that no peer can interrupt.
pub fn doze(time: Duration) {
    std::thread::sleep(time);
}

// --- Looks before a wait -------------------------------------------------------------------------------------------

/// Looks before a wait is prepared, with a pause between them: often the message is already on its way.
pub const SOON: u32 = 128;
/// The most time for these looks, on processors whose pauses are long. Shorter waits skip them.
pub const MOMENT: Duration = Duration::from_micros(10);
/// Pauses of a caller between its request and its first look. By then the server has read the line; an earlier look
/// would take it away before the answer is written.
pub const CALL_PAUSES: u32 = 2;

// --- Polls ---------------------------------------------------------------------------------------------------------

/// How long an adaptive wait polls before it sleeps: about the cost of a sleep and a wake-up.
pub const PATIENCE: Duration = Duration::from_micros(50);
/// Looks between two readings of the clock, and between two looks that check more.
pub const LOOKS: u32 = 16;
/// Readings of the clock before the processor is offered for the first time, so that an answer that is on its way is
/// not delayed.
pub const GREEDY: u32 = 16;
/// A yield that takes longer than this has let another thread run. Then sleeping costs less than taking turns.
pub const LONG_YIELD: Duration = Duration::from_micros(10);
/// Waits between two counts of the awake ranks; a count looks at each rank.
pub const WAITS_PER_COUNT: u32 = 16;
/// How long the number of processors and the lives that the system reported stay valid; asking for the number takes
/// about 50 µs.
pub const VALID: Duration = Duration::from_secs(1);
/// How many ranks that seem awake are checked with the kernel in one count; each check is a system call.
pub const CROWD_QUERIES: usize = 64;

/// How many times a process offers its processor before it sleeps while it waits for many peers, or with many for one. With 16
/// processes on 2 processors, one turn of all takes about 10 µs, and to wake all of them 100 µs.
pub const TURNS: u32 = 64;
/// The same in an operation of all members. When each combines 64 KiB of 15 others, 64 turns end before the other processor's members
/// are done; then all sleep, each wake-up makes the next round late, and the operation takes twice as long.
pub const TURNS_OF_ALL: u32 = 256;
/// Looks of a rank that shares its processor, once all that it waits for run elsewhere: about the time of two yields. A yield
/// would help none of them, and this rank would be late.
pub const BESIDE_WAITERS: u32 = 64;

// --- Sleep ---------------------------------------------------------------------------------------------------------

/// A waiting half asks the kernel which peers live when this much time has passed since its last question. It is also
/// the longest sleep.
pub const NAP: Duration = Duration::from_millis(75);
/// The least time between two checks whether the region still has its name; less than a nap.
pub const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// After this many calls that found nothing, the next one checks whether a peer died; that is a system call.
pub const TRIES_PER_QUERY: u32 = 64;
/// How many ranks above its own a rank watches. With each question, it asks about them, too.
pub const WATCHED: usize = 2;
/// How many ranks one look of a receive from anyone asks the kernel about, in rotation; also how many of those that
/// peers report as dead.
pub const QUERIES: usize = 8;
/// With more ranks than this, a receive from anyone leaves most questions to the ranks that watch. It asks in
/// rotation only once in [`ROUND`].
pub const FEW_RANKS: u32 = 64;
/// The least time between two such questions.
pub const ROUND: Duration = Duration::from_secs(1);

// --- What nobody rings for -----------------------------------------------------------------------------------------

/// The pause before the next try to get what another process has: a lock, a name, a rank.
pub const RETRY: Duration = Duration::from_millis(1);
/// How long joining waits for a process that has said that it left and still holds the rank: far less than a
/// millisecond, unless it is stopped.
pub const LEAVE_PATIENCE: Duration = Duration::from_millis(500);
/// How long joining waits for a process that holds every rank, or looks for a label: it removes the region, as
/// fast, or is the last to leave a file and waits for the disk.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(5);
/// How long [`Region::create_or_open`](crate::Region::create_or_open) tries to do either.
pub const CREATE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a removal waits for another process that removes or closes the region.
pub const REMOVE_PATIENCE: Duration = Duration::from_secs(5);
/// How long one tries for the lock of topics.
pub const TOPIC_PATIENCE: Duration = Duration::from_secs(1);
/// The first pause between two looks whether a rank was joined. Each is twice as long as the one before.
pub const FIRST_GLANCE: Duration = Duration::from_micros(50);
/// The longest of these pauses.
pub const LAST_GLANCE: Duration = Duration::from_millis(10);
/// How often a topic's value is looked at, with a pause between the looks, before its writer is said to be too fast.
pub const VALUE_LOOKS: u32 = 64;

// --- Room ----------------------------------------------------------------------------------------------------------

/// Polls of a full mailbox that wait for a quarter of it; later polls accept any room.
pub const PATIENT_POLLS: u32 = 64;
/// Pauses before each of these polls. A poll takes the line of `head` away from the receiver, which writes it with
/// each message.
pub const POLL_PAUSES: u32 = 64;

// --- Turns of senders ----------------------------------------------------------------------------------------------

/// The most mails of one sender that a receive from anyone takes while another sender's mail waits. Also the most
/// parts (of 64 KiB) of announced messages that a call takes in if it does not wait.
pub const BURST: u64 = 32;
/// The most where no other sender had mail when the turn before this one ended, and that one was quick. A look at all others
/// costs as much as a dozen mails.
pub const LONG_TURN: u64 = 256;
/// A quick turn takes less: one tick of a coarse clock.
pub const QUICK_TURN: Duration = Duration::from_millis(5);

// --- Memory --------------------------------------------------------------------------------------------------------

/// How long a mailbox or a message is left alone when there is no memory for it.
pub const RESPITE: Duration = Duration::from_millis(10);
