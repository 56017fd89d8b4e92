//! What an observer sees of a region without joining it.

use crate::abi::{ConsumerLine, Geometry, ProducerLine};
use crate::os::{self, File};
use crate::rank::{self, Life, Source, Status};
use crate::segment::{Copies, MailboxCopy, Record};
use core::mem::offset_of;
use std::collections::BTreeMap;

/// The result of [`Region::inspect`](crate::Region::inspect). Ranks go on while it is made, so its parts may be from
/// different moments. A counter that only grows is never smaller than in an earlier inspection. All of it is for
/// people: ranks write these words themselves, and nothing relies on them.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(2).cells(16))?;
/// # let me = region.join(0)?;
/// # for _ in 0..15 { me.send(1, b"unread")?; }
/// let seen = region.inspect();
/// println!("{} of {} bytes are in use", seen.memory, seen.size);
/// # let mut full = vec![];
/// for mailbox in seen.mailboxes.iter().filter(|mailbox| mailbox.unread > u64::from(seen.cells) / 2) {
///     println!("rank {} is behind with the mail of rank {}", mailbox.to, mailbox.from);
/// #     full.push((mailbox.from, mailbox.to));
/// }
/// # assert_eq!(full, [(0, 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The application's protocol.
    pub protocol: u64,
    /// Cells of a mailbox.
    pub cells: u32,
    /// Bytes of payloads longer than 48 bytes that may be under way in a mailbox.
    pub arena: u64,
    /// Bytes of each rank's area for loans.
    pub loans: u64,
    /// How many groups there can be of which one rank is a member.
    pub groups: u32,
    /// How many topics there can be.
    pub topics: u32,
    /// Bytes of the longest value of a topic.
    pub value: u64,
    /// Bytes of the payloads that the stream of a topic keeps.
    pub stream: u64,
    /// The longest message, in bytes.
    pub max_message: u64,
    /// Bytes of the whole region. Most of them are never touched.
    pub size: u64,
    /// Bytes of memory, or of the disk, in use.
    pub memory: u64,
    /// Every rank.
    pub ranks: Vec<RankReport>,
    /// Every mailbox that was ever used, ordered by receiver, then by sender.
    pub mailboxes: Vec<MailboxReport>,
}

/// What is known of a rank.
///
/// ```
/// # use mailbox::{Config, JoinOptions, Region, Source, Status};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # JoinOptions::new().label("printer").join(&region)?.abandon();
/// # let mut printed = vec![];
/// for rank in region.inspect().ranks {
///     let state = match (rank.status, rank.receiver_awaits) {
///         (Status::Live, None) => "is at work".to_string(),
///         (Status::Live, Some(Source::Rank(other))) => format!("sleeps until rank {other} sends"),
///         (Status::Live, Some(_)) => "sleeps until there is mail".to_string(),
///         (Status::Dead, _) => format!("has died; it was process {}", rank.pid),
///         (Status::Left | Status::NeverJoined, _) => "is not there".to_string(),
///     };
///     println!("rank {} {:?} {state}", rank.rank, rank.label);
/// #     printed.push((rank.label, state));
/// }
/// # let died = format!("has died; it was process {}", std::process::id());
/// # assert_eq!(printed, [("printer".to_string(), died), (String::new(), "is not there".to_string())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankReport {
    /// The rank.
    pub rank: u32,
    /// Whether a process holds it.
    pub status: Status,
    /// How many times it was joined.
    pub epoch: u64,
    /// Process id of its last holder, in that process' PID namespace.
    pub pid: u32,
    /// The label that its last holder joined with; empty if it had none.
    pub label: String,
    /// The sender whose mail its receiver sleeps for; `None` if it is awake.
    pub receiver_awaits: Option<Source>,
    /// The receiver in whose mailbox its sender sleeps until there is room; `None` if it is awake.
    pub sender_awaits: Option<Source>,
    /// How many times its receivers fell asleep because there was no mail, over all holders.
    pub sleeps: u64,
}

/// What is known of a mailbox. The counters continue over all holders of both ranks; a holder that died may have left
/// one of them too small. A sender counts bytes when it writes them, even if a batch still holds them back, and the
/// bytes of an announced message when it announces it.
///
/// ```
/// # use mailbox::{Config, Region};
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let me = region.join(0)?;
/// # me.to(1).tag(7).send(b"an order")?;
/// # for _ in 0..2 { me.to(2).tag(8).send(b"a price")?; }
/// let mailboxes = region.inspect().mailboxes;
/// let longest = mailboxes.iter().max_by_key(|mailbox| mailbox.unread).expect("one was used");
/// println!("from rank {} to rank {}: {} unread", longest.from, longest.to, longest.unread);
/// for (tag, count) in &longest.tags {
///     println!("  {count} with tag {tag}");
/// }
/// # assert_eq!((longest.to, longest.unread, longest.messages, longest.bytes), (2, 2, 2, 14));
/// # assert_eq!(longest.tags.iter().collect::<Vec<_>>(), [(&8, &2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxReport {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// Messages that were ever sent or announced. Messages that a batch holds back do not count yet.
    pub messages: u64,
    /// Payload bytes that were ever written.
    pub bytes: u64,
    /// Messages that are not acknowledged; at most [`Inspection::cells`].
    pub unread: u64,
    /// How many of them have each [tag](crate::Message::tag), by tag, as far as they could be read. Calls have none.
    pub tags: BTreeMap<u32, u64>,
    /// How many times the sender found it full.
    pub full: u64,
    /// How many times the sender fell asleep: until there was room, or until an announced message was received.
    pub sleeps: u64,
    /// How many times a message woke the receiver.
    pub mail_wakes: u64,
    /// How many times an acknowledgement woke the sender.
    pub credit_wakes: u64,
    /// Announced messages that the receiver dropped: the sender gave them up or ended, or a former holder of the
    /// receiving rank had begun to receive them.
    pub drops: u64,
}

impl Inspection {
    /// Reads the region of this geometry in `file`. What cannot be read is left out, or zero.
    pub(crate) fn of(file: &File, geometry: &Geometry) -> Self {
        let copies = Copies::new(file, geometry);
        let ranks = 0..geometry.ranks;
        let record = |rank| copies.record(rank).unwrap_or(Record::empty());
        let mailboxes = ranks.clone().flat_map(|to| {
            let (copies, receiver) = (&copies, record(to));
            let opened = ranks.clone().filter(move |from| receiver.is_opened(*from));
            opened.filter_map(move |from| MailboxReport::of(copies, from, to))
        });
        let mailboxes = mailboxes.collect();
        // Read after the mailboxes, so the sender of each of them is seen to have joined.
        let ranks = ranks.clone().map(|rank| RankReport::of(file, &copies, rank, &record(rank))).collect();
        Self {
            protocol: geometry.protocol,
            cells: geometry.cells,
            arena: geometry.arena,
            loans: geometry.loans,
            groups: geometry.groups,
            topics: geometry.topics,
            value: geometry.value,
            stream: geometry.stream,
            max_message: geometry.max_message,
            size: geometry.size(),
            memory: os::facts(file).map_or(0, |facts| facts.allocated),
            mailboxes,
            ranks,
        }
    }
}

impl RankReport {
    fn of(file: &File, copies: &Copies<'_>, rank: u32, record: &Record) -> Self {
        let life = Life::from_word(record.life());
        let again = || copies.life(rank).map_or(life, Life::from_word);
        let status = rank::status(file, rank, life, again);
        let awaited = record.awaited().map(Source::from_word);
        let [receiver_awaits, sender_awaits] = awaited.map(|whom| whom.filter(|_| status == Status::Live));
        Self {
            rank,
            status,
            epoch: life.epoch(),
            pid: record.pid() as u32,
            label: String::from_utf8_lossy(record.label()).into_owned(),
            receiver_awaits,
            sender_awaits,
            sleeps: record.sleeps(),
        }
    }
}

impl MailboxReport {
    /// `None` if it was never used or cannot be read.
    fn of(copies: &Copies<'_>, from: u32, to: u32) -> Option<Self> {
        let MailboxCopy { lines, messages, bytes, unread, tags } = copies.mailbox(from, to).ok()??;
        let sender = |offset| lines.sender(offset);
        Some(Self {
            from,
            to,
            messages,
            bytes,
            unread,
            tags,
            full: sender(offset_of!(ProducerLine, full)),
            sleeps: sender(offset_of!(ProducerLine, sleeps)),
            mail_wakes: sender(offset_of!(ProducerLine, wakes)),
            credit_wakes: lines.receiver(offset_of!(ConsumerLine, wakes)),
            drops: lines.receiver(offset_of!(ConsumerLine, drops)),
        })
    }
}
