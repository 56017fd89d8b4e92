//! The mail that passes in a region, as an observer without a rank sees it.

use crate::abi::Kind;
use crate::error::OpenError;
use crate::segment::{Followed, Follower, MessageCopy, Opened};
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// How often it is looked whether there are new mailboxes, and whether the region is still there.
const LOOK: Duration = Duration::from_millis(5);

/// Shows the mail that passes between the ranks of a region: what [`View::tap`](crate::View::tap) returns.
///
/// It has no rank, and reads the region's file only; so it changes nothing, takes no memory there, and makes nobody wait. In
/// turn, nobody waits for it: if it is not called often enough, or mail is acknowledged faster than it can copy it, it misses
/// some, and says how much. What it shows is whole, and in order for each pair of ranks. It sees:
///
/// - in each mailbox first what is not acknowledged, then what comes;
/// - payloads of up to 48 bytes also just after they were acknowledged (on x86-64), longer ones before that;
/// - of announced messages, that they were announced; of [calls](crate::Call), those that go through the mailbox.
///
/// ```
/// # use mailbox::{Config, Region, Tapped};
/// # let name = format!("doc-tap-{}", std::process::id());
/// # let region = Region::create(name.as_str(), Config::ranks(2))?;
/// # let me = region.join(0)?;
/// # me.send(1, b"hello")?;
/// let mut tap = Region::look(name.as_str())?.tap();
/// while let Some(seen) = tap.try_next()? {
///     match seen {
///         Tapped::Mail(mail) => println!("{} to {}: {:?}", mail.from, mail.to, mail.bytes),
///         Tapped::Missed { from, to, count, .. } => println!("{from} to {to}: missed {count}"),
///         _ => {}
///     }
/// }
/// # drop(me);
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tap {
    opened: Arc<Opened>,
    from: Option<u32>,
    to: Option<u32>,
    limit: usize,
    /// The mailboxes that were opened, each with its sender and receiver.
    known: BTreeSet<(u32, u32)>,
    followers: Vec<Follower>,
    /// Which of them is next.
    turn: usize,
    found: VecDeque<Tapped>,
    /// When it was last looked for new mailboxes.
    looked: Option<Instant>,
}

/// What a [`Tap`] has seen. Numbers count the messages of a sender to a receiver, from 0 on.
///
/// ```
/// # use mailbox::{Config, Region, Tapped};
/// # let name = format!("doc-tapped-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let me = region.join(0)?;
/// # for _ in 0..3 { me.send(1, b"hello")?; }
/// # let mut tap = Region::look(&name)?.tap();
/// // How much of the mail was seen.
/// let (mut seen, mut missed) = (0, 0);
/// while let Some(tapped) = tap.try_next()? {
///     match tapped {
///         Tapped::Mail(_) => seen += 1,
///         Tapped::Missed { count, .. } => missed += count,
///         Tapped::Corrupt { from, .. } => println!("rank {from} breaks the rules"),
///         _ => {}
///     }
/// }
/// assert_eq!((seen, missed), (3, 0));
/// # drop(me);
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tapped {
    /// A message.
    Mail(TappedMail),
    /// So many messages were not seen: they were acknowledged, or given up, too early.
    Missed {
        /// The sender.
        from: u32,
        /// The receiver.
        to: u32,
        /// The number of the first of them.
        first: u64,
        /// How many.
        count: u64,
    },
    /// What lies where this message should be is none. Only a program that breaks the rules writes such a thing.
    Corrupt {
        /// The sender.
        from: u32,
        /// The receiver.
        to: u32,
        /// The message's number.
        number: u64,
    },
}

/// A copy of a message.
///
/// ```
/// # use mailbox::{Config, Region, Tapped};
/// # let name = format!("doc-tapped-mail-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let me = region.join(0)?;
/// # me.to(1).tag(7).send(b"a long order")?;
/// // The first 6 bytes of each.
/// let mut tap = Region::look(&name)?.tap().limit(6);
/// while let Some(Tapped::Mail(mail)) = tap.try_next()? {
///     let more = if mail.len > mail.bytes.len() as u64 { "…" } else { "" };
///     println!("{} of {}, tag {}: {}{more}", mail.number, mail.from, mail.tag, mail.bytes.escape_ascii());
/// #     assert_eq!((mail.number, mail.tag, mail.len, &*mail.bytes), (0, 7, 12, &b"a long"[..]));
/// }
/// # drop(me);
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TappedMail {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// Its number.
    pub number: u64,
    /// Its tag; 0 for a call.
    pub tag: u32,
    /// The number of the communicator that it belongs to; 0 for mail of none, and for a call.
    pub context: u16,
    /// How it goes.
    pub kind: TappedKind,
    /// Bytes of its payload.
    pub len: u64,
    /// The payload, or as much of it as [`Tap::limit`] allows; empty for an announced message.
    pub bytes: Vec<u8>,
}

/// How a message goes.
///
/// ```
/// # use mailbox::{Config, Region, Tapped, TappedKind};
/// # let name = format!("doc-tapped-kind-{}", std::process::id());
/// # let region = Region::create(&name, Config::ranks(2))?;
/// # let (me, _server) = (region.join(0)?, region.join(1)?);
/// # let call = me.to(1).start_call(&[b'?'; 100])?;
/// # let mut tap = Region::look(&name)?.tap();
/// # let mut kinds = vec![];
/// while let Some(Tapped::Mail(mail)) = tap.try_next()? {
///     match mail.kind {
///         TappedKind::Whole => println!("{} bytes", mail.bytes.len()),
///         TappedKind::Announced => println!("{} bytes will go another way", mail.len),
///         TappedKind::Call => println!("rank {} asks rank {}", mail.from, mail.to),
///         _ => {}
///     }
/// #     kinds.push(mail.kind);
/// }
/// # assert_eq!(kinds, [TappedKind::Call]);
/// # drop(call);
/// # drop((me, _server));
/// # region.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TappedKind {
    /// As a whole, through the mailbox.
    Whole,
    /// It was announced, and its bytes go another way.
    Announced,
    /// It is a call, which wants an answer.
    Call,
}

impl Tap {
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        Self {
            opened,
            from: None,
            to: None,
            limit: 1 << 20,
            known: BTreeSet::new(),
            followers: vec![],
            turn: 0,
            found: VecDeque::new(),
            looked: None,
        }
    }

    /// Shows only what this rank sends.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Tapped};
    /// # let name = format!("doc-tap-from-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(3))?;
    /// # let [zero, one, two] = [0, 1, 2].map(|rank| region.join(rank).unwrap());
    /// zero.send(2, b"from 0 to 2")?;
    /// one.send(2, b"from 1 to 2")?;
    /// one.send(0, b"from 1 to 0")?;
    /// let mut tap = Region::look(&name)?.tap().from(1).to(2);
    /// let Some(Tapped::Mail(mail)) = tap.try_next()? else { panic!("a mail") };
    /// assert_eq!((mail.from, mail.to, &*mail.bytes), (1, 2, &b"from 1 to 2"[..]));
    /// assert_eq!(tap.try_next()?, None);
    /// # drop((zero, one, two));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from(mut self, rank: u32) -> Self {
        self.from = Some(rank);
        self
    }

    /// Shows only what is sent to this rank. [`Tap::from`] has an example.
    pub fn to(mut self, rank: u32) -> Self {
        self.to = Some(rank);
        self
    }

    /// Copies at most so many bytes of each payload; 1 MiB if nothing is said. Up to 64 messages are copied at once, until they
    /// have 1 MiB.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Tapped};
    /// # let name = format!("doc-tap-limit-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// me.send(1, b"a long order")?;
    /// let mut tap = Region::look(&name)?.tap().limit(6);
    /// let Some(Tapped::Mail(mail)) = tap.try_next()? else { panic!("a mail") };
    /// assert_eq!((mail.len, &*mail.bytes), (12, &b"a long"[..]));
    /// # drop(me);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// What was seen next; `None` if there is nothing now. Never waits. A caller that waits for more looks again after a while: a
    /// mailbox keeps a small message for as long as half its cells are filled again.
    ///
    /// [`OpenError::NotFound`] if the region was removed, [`Mismatch::Length`](crate::Mismatch::Length) if somebody made it
    /// shorter.
    ///
    /// Cost: some system calls for each mailbox in use, and two to three for each message.
    ///
    /// ```
    /// # use mailbox::{Config, OpenError, Region, Tapped};
    /// # let name = format!("doc-tap-next-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let mut tap = Region::look(&name)?.tap();
    /// me.send(1, b"one")?;
    /// me.send(1, b"two")?;
    /// for bytes in [b"one", b"two"] {
    ///     let Some(Tapped::Mail(mail)) = tap.try_next()? else { panic!("a mail") };
    ///     assert_eq!(mail.bytes, bytes);
    /// }
    /// assert_eq!(tap.try_next()?, None, "nothing more now");
    /// drop(me);
    /// region.remove()?;
    /// # std::thread::sleep(std::time::Duration::from_millis(10)); // it looks for the region now and then
    /// assert_eq!(tap.try_next(), Err(OpenError::NotFound(name.as_str().into())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_next(&mut self) -> Result<Option<Tapped>, OpenError> {
        let followed = self.found.pop_front().map_or_else(|| self.look(), |seen| Ok(Some(seen)));
        followed.map_err(|error| self.opened.why(error))
    }

    /// Looks at each mailbox once, until something is seen.
    fn look(&mut self) -> io::Result<Option<Tapped>> {
        self.find_mailboxes()?;
        let opened = self.opened.clone();
        let copies = opened.copies();
        for _ in 0..self.followers.len() {
            self.turn = (self.turn + 1) % self.followers.len();
            let follower = &mut self.followers[self.turn];
            let mut followed = VecDeque::new();
            follower.follow(&copies, self.limit, &mut followed)?;
            let (from, to) = follower.ends();
            self.found.extend(followed.into_iter().map(|followed| Tapped::of(from, to, followed)));
            if let Some(seen) = self.found.pop_front() {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    /// Looks for mailboxes that were opened since, and whether the region is still there, now and then.
    fn find_mailboxes(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return Ok(());
        }
        self.opened.check_bound()?;
        let (copies, ranks) = (self.opened.copies(), self.opened.geometry.ranks);
        let is_new = self.looked.is_some();
        for to in (0..ranks).filter(|rank| self.to.is_none_or(|to| to == *rank)) {
            let record = copies.record(to)?;
            let is_wanted =
                |from: &u32| self.from.is_none_or(|wanted| wanted == *from) && record.is_opened(*from);
            for from in (0..ranks).filter(is_wanted) {
                if self.known.insert((from, to)) {
                    self.followers.push(Follower::begin(&copies, from, to, is_new)?);
                }
            }
        }
        self.looked = Some(now);
        Ok(())
    }
}

impl Tapped {
    fn of(from: u32, to: u32, followed: Followed) -> Self {
        match followed {
            Followed::Message(copy) => Self::Mail(TappedMail::of(from, to, copy)),
            Followed::Missed { first, count } => Self::Missed { from, to, first, count },
            Followed::Corrupt { seq } => Self::Corrupt { from, to, number: seq },
        }
    }
}

impl TappedMail {
    fn of(from: u32, to: u32, copy: MessageCopy) -> Self {
        let MessageCopy { seq, envelope, len, bytes } = copy;
        let kind = match envelope.kind {
            Kind::Announced => TappedKind::Announced,
            Kind::Call => TappedKind::Call,
            _ => TappedKind::Whole,
        };
        // A call has another number in their place.
        let (tag, context) = if kind == TappedKind::Call { (0, 0) } else { (envelope.tag, envelope.context) };
        Self { from, to, number: seq, tag, context, kind, len, bytes }
    }
}
