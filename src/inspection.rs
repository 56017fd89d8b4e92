//! What is seen by whoever looks into a region without a part in it.

use crate::cell::{BLOCK, position};
use crate::layout::{ConsumerLine, Geometry, Lines, ProducerLine};
use crate::registry::{Registry, Status};
use crate::ring;
use crate::segment::Segment;
use crate::source::Source;
use crate::sync::Ordering::Relaxed;
use core::mem::offset_of;

/// Bytes of the lines that both ends write.
const LINES: usize = offset_of!(Lines, call);

/// What [`Region::inspect`](crate::Region::inspect) saw. Ranks go on meanwhile, so parts of it may be of different
/// moments. It is for people: ranks write these words themselves, and nothing relies on them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The application's protocol.
    pub protocol: u64,
    /// Cells of a mailbox.
    pub cells: u32,
    /// Bytes of a mailbox's arena.
    pub arena: u64,
    /// The longest message, in bytes.
    pub max_message: u64,
    /// Bytes of the whole region, most of them never touched.
    pub size: u64,
    /// Bytes of memory, or of the disk, in use.
    pub memory: u64,
    /// Every rank.
    pub ranks: Vec<RankReport>,
    /// Every mailbox that was ever used: those to rank 0 first, each by sender.
    pub mailboxes: Vec<MailboxReport>,
}

/// What is known of a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankReport {
    /// The rank.
    pub rank: u32,
    /// Whether somebody holds it.
    pub status: Status,
    /// How often it was joined.
    pub epoch: u64,
    /// Process id of its last holder, in that process' PID namespace.
    pub pid: u32,
    /// The label that its last holder joined with; empty if with none.
    pub label: String,
    /// Whose mail its receiver sleeps for; `None`: it is awake.
    pub receiver_awaits: Option<Source>,
    /// In whose mailbox its sender sleeps for room; `None`: it is awake.
    pub sender_awaits: Option<Source>,
    /// Times that its receivers fell asleep for want of mail, over all holders.
    pub sleeps: u64,
}

/// What is known of a mailbox. Its counters go on over all holders of both ranks; one that died may have left one
/// of them short. A sender counts bytes as it writes them, those included that a batch holds back or of which
/// it gives the end up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxReport {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// Messages that ever were sent, each in fragments as one once its end is there; what a batch holds back is
    /// not among them.
    pub messages: u64,
    /// Payload bytes that ever were written.
    pub bytes: u64,
    /// Messages that are not acknowledged, each fragment of one counted; at most [`Inspection::cells`].
    pub unread: u64,
    /// Times that the sender found it full.
    pub full: u64,
    /// Times that the sender fell asleep for want of room, or until a message in fragments was taken.
    pub sleeps: u64,
    /// Times that a message woke the receiver.
    pub mail_wakes: u64,
    /// Times that an acknowledgement woke the sender.
    pub credit_wakes: u64,
    /// Messages in fragments that the receiver dropped, for their end never came or their beginning was lost
    /// with a former holder of its rank.
    pub drops: u64,
}

impl RankReport {
    pub(crate) fn of(registry: &Registry, rank: u32) -> Self {
        let (status, life) = registry.status(rank);
        let activity = &registry.rank(rank).activity;
        let awaited = activity.awaited.each_ref().map(|word| Source::from_word(word.load(Relaxed)));
        let [receiver_awaits, sender_awaits] = awaited.map(|whom| whom.filter(|_| status == Status::Live));
        Self {
            rank,
            status,
            epoch: life.epoch(),
            pid: registry.pid(rank),
            label: String::from_utf8_lossy(&registry.label(rank)).into_owned(),
            receiver_awaits,
            sender_awaits,
            sleeps: activity.sleeps.load(Relaxed),
        }
    }
}

impl MailboxReport {
    /// What copies of its words say, for it need not have memory; `None` if it was never used or cannot be read.
    pub(crate) fn of(segment: &Segment, from: u32, to: u32) -> Option<Self> {
        let mut lines = [0; LINES];
        segment.copy(from, to, 0, &mut lines).ok()?;
        let receiver = |offset| word(&lines, offset_of!(Lines, consumer) + offset);
        let sender = |offset| word(&lines, offset_of!(Lines, producer) + offset);
        let head = receiver(offset_of!(ConsumerLine, head));
        let unread = ring::depth(head, cells(segment, from, to, head).map(|[stamp, ..]| stamp));
        let sent = head.wrapping_add(unread);
        let counted = sender(offset_of!(ProducerLine, counted));
        let since = cells(segment, from, to, counted).map(|[_, envelope, _, len, ..]| [envelope, len]);
        let bytes = sender(offset_of!(ProducerLine, bytes));
        if unread == 0 && lines.iter().all(|byte| *byte == 0) {
            return None;
        }
        Some(Self {
            from,
            to,
            messages: sent.saturating_sub(sender(offset_of!(ProducerLine, fragments))),
            bytes: ring::bytes(bytes, counted..sent, segment.geometry().cells, since),
            unread,
            full: sender(offset_of!(ProducerLine, full)),
            sleeps: sender(offset_of!(ProducerLine, sleeps)),
            mail_wakes: sender(offset_of!(ProducerLine, wakes)),
            credit_wakes: receiver(offset_of!(ConsumerLine, wakes)),
            drops: receiver(offset_of!(ConsumerLine, drops)),
        })
    }
}

/// Whether mail from `from` to `to` waits, as far as copies of the words say.
pub(crate) fn has_unread(segment: &Segment, from: u32, to: u32) -> bool {
    let mut head = [0; 8];
    let offset = offset_of!(Lines, consumer) + offset_of!(ConsumerLine, head);
    let head = segment.copy(from, to, offset as u64, &mut head).map(|()| u64::from_ne_bytes(head));
    head.is_ok_and(|head| {
        let first = cells(segment, from, to, head).take(1);
        ring::depth(head, first.map(|[stamp, ..]| stamp)) > 0
    })
}

/// The cells of a mailbox from that of message `first` on, a lap of them, as far as they can be read.
fn cells(segment: &Segment, from: u32, to: u32, first: u64) -> impl Iterator<Item = [u64; 8]> {
    let count = u64::from(segment.geometry().cells);
    let mut bytes = vec![0; 64 * BLOCK.min(count) as usize];
    let mut read = None;
    (0..count).map_while(move |ahead| {
        let at = position(first.wrapping_add(ahead), count);
        let block = at / BLOCK;
        if read.replace(block) != Some(block) {
            segment.copy(from, to, Geometry::CELLS + 64 * BLOCK * block, &mut bytes).ok()?;
        }
        let cell = 64 * (at % BLOCK) as usize;
        Some(core::array::from_fn(|index| word(&bytes, cell + 8 * index)))
    })
}

fn word(bytes: &[u8], offset: usize) -> u64 {
    bytes[offset..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
}
