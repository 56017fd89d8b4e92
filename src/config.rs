//! What a region is made of.
//!
//! A [`Config`] is written down once, by the process that creates the region. From its sizes follows what lies where
//! ([`crate::abi`] computes that). All others read the sizes from the region's header, check them, and keep a copy. So nothing is
//! configured when a region is opened. The default of one size may depend on others: with many ranks, mailboxes are smaller.
//!
//! Nothing here touches memory. Setters take any number; [`Config::check`] says what is wrong, and is called when the region is created.

use crate::abi::{CELL, CHUNK, Geometry};
use crate::error::ConfigError;

/// When the memory of mailboxes is taken from the system.
///
/// ```
/// # use mailbox::{Config, CreateError, Region, Reserve, System};
/// // No send is to fail later for want of memory.
/// let config = Config::ranks(2).cells(64).arena(4096).loans(0).stream(4096).reserve(Reserve::AtCreation);
/// match Region::create_unnamed(config) {
///     Ok(region) => println!("{} bytes are taken", region.inspect().memory),
///     Err(CreateError::System(System::NoSpace)) => println!("there is too little memory for all of it"),
///     Err(error) => return Err(error.into()),
/// }
/// # let memory = |config| Region::create_unnamed(config).map(|region| region.inspect().memory);
/// # assert!(memory(config)? > memory(config.reserve(Reserve::AtFirstUse))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reserve {
    /// At first use. A mailbox takes its memory when the first message goes through it. Each part of its arena takes
    /// memory when the first payload is placed there. If there is none, or the memory cgroup does not allow it, the
    /// send returns [`Broken::NoSpace`](crate::Broken::NoSpace). These few messages take longer than others.
    #[default]
    AtFirstUse,
    /// When the region is created; [`System::NoSpace`](crate::System::NoSpace) if there is too little. (What operations of all
    /// members of a group need for longer data is still taken when it is first used.)
    AtCreation,
}

/// The sizes of a region; start with [`Config::ranks`].
///
/// ```
/// use mailbox::Config;
/// let config = Config::ranks(4).cells(256).arena(1 << 20);
/// assert_eq!(config.check(), Ok(()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub(crate) geometry: Geometry,
    pub(crate) mode: u32,
    pub(crate) group: Option<u32>,
    pub(crate) reserve: Reserve,
}

impl Config {
    /// A region of `ranks` participants, 1 to 1024. Arenas have 2 MiB for each mailbox. A mailbox has 4096 cells in a
    /// region of up to 9 ranks, 2048 up to 13, and 1024 above.
    ///
    /// The rank table takes 1 KiB of memory for each rank from the start. Each of the `ranks` x `ranks` mailboxes
    /// takes memory when it is first used: 272 KiB (144 or 80 KiB with fewer cells) while no message is longer than
    /// 48 bytes. Longer messages take what is under way at once, and so do longer answers: 8 to 20 KiB for a mailbox
    /// with messages of up to 1 KiB that do not stream, otherwise up to nine chunks of 256 KiB, and 1 to 3 MiB more
    /// for messages longer than a chunk. Where memory is scarce, as in a container whose `/dev/shm` has 64 MiB, a
    /// smaller [`arena`](Config::arena) and fewer [`cells`](Config::cells) leave room for more mailboxes.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(3))?;
    /// assert_eq!(region.ranks(), 3);
    /// assert_eq!((region.inspect().cells, region.inspect().arena), (4096, 2 << 20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn ranks(ranks: u32) -> Self {
        Self {
            geometry: Geometry {
                protocol: 0,
                ranks,
                cells: cells_of(ranks),
                arena: 2 << 20,
                max_message: 1 << 30,
                loans: loans_of(ranks),
                groups: 32,
                topics: 64,
                value: 4096,
                stream: 4 << 20,
            },
            mode: 0o600,
            group: None,
            reserve: Reserve::AtFirstUse,
        }
    }

    /// How many messages fit a mailbox: a power of two from 2 to 2^30. The default is 4096, or 2048 or 1024 if the
    /// cells of all mailboxes would take more than 24 MiB. Each cell takes 64 bytes.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(2).cells(16))?;
    /// let me = region.join(0)?;
    /// let sent = (0..).take_while(|_| me.try_send(1, b"a message").is_ok()).count();
    /// assert_eq!(sent, 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn cells(mut self, cells: u32) -> Self {
        self.geometry.cells = cells;
        self
    }

    /// How many bytes of payloads longer than 48 bytes may be under way in a mailbox, and as many of answers to
    /// calls: a multiple of 128, up to 2^40. The default is 2 MiB. Memory is taken as it is needed. A message longer
    /// than half of it is announced, and travels through a ring of 256 KiB. Arenas that fit in the second-level
    /// caches of both processors are several times slower than larger ones.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(2).arena(64 << 10))?;
    /// assert_eq!(region.eager_limit(), 32 << 10, "longer messages are announced");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn arena(mut self, bytes: u64) -> Self {
        self.geometry.arena = bytes;
        self
    }

    /// The longest message in bytes; the default is 1 GiB. A receiver takes private memory for messages longer than
    /// half the arena: up to this much for all senders together, or its [budget](crate::RecvHalf::set_budget).
    ///
    /// ```
    /// # use mailbox::{Config, Region, SendError};
    /// let region = Region::create_unnamed(Config::ranks(2).max_message(1000))?;
    /// let me = region.join(0)?;
    /// assert_eq!(me.send(1, &[0; 1001]), Err(SendError::TooLarge { len: 1001, limit: 1000 }));
    /// me.send(1, &[0; 1000])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn max_message(mut self, bytes: u64) -> Self {
        self.geometry.max_message = bytes;
        self
    }

    /// Bytes of each rank's area for [loans](crate::Endpoint::loan), which is also the longest loan: a multiple of
    /// 256 KiB, up to 2^40; 0 for no loans. The default is 64 MiB; with more than 64 ranks, 4 GiB divided by the
    /// number of ranks. Memory is taken as it is needed: about as much as was on loan at once, and 2 MiB in time even
    /// if that is less.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(2).loans(1 << 20))?;
    /// let me = region.join(0)?;
    /// assert!(me.loan((1 << 20) + 1).is_err());
    /// assert_eq!(me.loan(1 << 20)?.len(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn loans(mut self, bytes: u64) -> Self {
        self.geometry.loans = bytes;
        self
    }

    /// How many [communicators](crate::Comm) there can be at a time of which one rank is a member, up to 62; the default is 32.
    /// Memory is taken as it is needed: for each that was ever there 0.9 KiB for each rank of the region, and up to 1 MiB for
    /// each rank that has sent longer data to all. The region becomes longer by 1 MiB for each rank and each of them: a region in a
    /// file that is to be copied without holes is shorter with fewer.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// let region = Region::create_unnamed(Config::ranks(2).groups(4).topics(8).value(256).stream(1 << 20))?;
    /// let seen = region.inspect();
    /// assert_eq!((seen.groups, seen.topics, seen.value, seen.stream), (4, 8, 256, 1 << 20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn groups(mut self, groups: u32) -> Self {
        self.geometry.groups = groups;
        self
    }

    /// How many [topics](crate::Topic) there can be, up to 1024; the default is 64. Each takes 640 bytes. A name is never free
    /// again, so names with a process number or a time in them use all of them up. [`Config::groups`] has an example.
    pub const fn topics(mut self, topics: u32) -> Self {
        self.geometry.topics = topics;
        self
    }

    /// The longest value of a [topic](crate::Topic) in bytes: a multiple of 64, up to 1 GiB. The default is 4 KiB. A topic takes
    /// memory for four of its longest values when it is first used. [`Config::groups`] has an example.
    pub const fn value(mut self, bytes: u64) -> Self {
        self.geometry.value = bytes;
        self
    }

    /// Bytes of the payloads that the [stream](crate::Publisher) of a topic keeps for its readers, those of up to 48 bytes not
    /// counted: a multiple of 4 KiB, up to 4 GiB. The default is 4 MiB. The longest message of a stream has half of it. A topic that
    /// is published as a stream takes memory for its last 1024 messages (64 KiB, and 128 bytes for each rank), and for its payloads
    /// as they are written. The region becomes longer by as much for each topic. [`Config::groups`] has an example.
    pub const fn stream(mut self, bytes: u64) -> Self {
        self.geometry.stream = bytes;
        self
    }

    /// Permission bits of the region; the umask does not change them. The default is `0o600`. The owner must be
    /// allowed to read and write. Other users need both as well, and
    /// [`OpenOptions::owner`](crate::OpenOptions::owner).
    ///
    /// ```
    /// # use mailbox::Config;
    /// # let staff = 50;
    /// // All members of a group may take part.
    /// let config = Config::ranks(4).mode(0o660).group(staff);
    /// ```
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// The group of the region, by its number. Unprivileged processes may choose among their own groups; any other
    /// one returns [`CreateError::Denied`](crate::CreateError::Denied). It matters only with a [`mode`](Config::mode)
    /// that lets the group read and write, such as `0o660`. [`Config::mode`] has an example.
    pub const fn group(mut self, gid: u32) -> Self {
        self.group = Some(gid);
        self
    }

    /// When the memory of mailboxes is taken from the system; the default is [`Reserve::AtFirstUse`]. [`Reserve`] has an example.
    pub const fn reserve(mut self, reserve: Reserve) -> Self {
        self.reserve = reserve;
        self
    }

    /// A number that keeps programs with different protocols apart; the default is 0.
    ///
    /// ```
    /// # use mailbox::{Config, Mismatch, OpenError, OpenOptions, Region};
    /// # let name = format!("doc-protocol-{}", std::process::id());
    /// let region = Region::create(&name, Config::ranks(2).protocol(3))?;
    /// assert!(OpenOptions::new().protocol(3).open(&name).is_ok());
    /// assert_eq!(Region::open(&name).err(), Some(OpenError::Mismatch(Mismatch::Protocol { protocol: 3 })));
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn protocol(mut self, protocol: u64) -> Self {
        self.geometry.protocol = protocol;
        self
    }

    /// Whether this describes a region; if not, the first thing that is wrong.
    /// [`Region::create`](crate::Region::create) checks it, too. Touches no memory.
    ///
    /// ```
    /// use mailbox::{Config, ConfigError};
    /// assert_eq!(Config::ranks(2).cells(64).check(), Ok(()));
    /// assert_eq!(Config::ranks(2).cells(100).check(), Err(ConfigError::Cells(100)), "no power of two");
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.mode & !0o777 != 0 || self.mode & 0o600 != 0o600 {
            return Err(ConfigError::Mode(self.mode));
        }
        self.geometry.check()
    }
}

/// The default number of cells of a mailbox.
const fn cells_of(ranks: u32) -> u32 {
    const MOST: u64 = (24 << 20) / (4096 * CELL as u64);
    let pairs = ranks as u64 * ranks as u64;
    if pairs <= MOST {
        4096
    } else if pairs <= 2 * MOST {
        2048
    } else {
        1024
    }
}

/// The default number of bytes of each rank's area for loans.
const fn loans_of(ranks: u32) -> u64 {
    const ALL: u64 = 4 << 30;
    const MOST: u64 = 64 << 20;
    // Zero ranks are rejected later; here they must only not divide by zero.
    let part = ALL / if ranks == 0 { 1 } else { ranks as u64 };
    if part > MOST { MOST } else { part / CHUNK * CHUNK }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_ranks_have_smaller_areas_for_loans() {
        let loans = [1, 64, 65, 1024].map(|ranks| Config::ranks(ranks).geometry.loans);
        assert_eq!(loans, [64 << 20, 64 << 20, 252 << 18, 4 << 20], "as said");
        assert_eq!(Config::ranks(1024).check(), Ok(()));
        for bytes in [1, CHUNK - 1, CHUNK + 4096, u64::MAX, 1 << 41] {
            assert_eq!(Config::ranks(2).loans(bytes).check(), Err(ConfigError::Loans(bytes)));
        }
        assert_eq!(Config::ranks(2).loans(0).check(), Ok(()));
    }

    #[test]
    fn many_ranks_have_smaller_mailboxes() {
        let cells = [1, 9, 10, 13, 14, 1024].map(|ranks| Config::ranks(ranks).geometry.cells);
        assert_eq!(cells, [4096, 4096, 2048, 2048, 1024, 1024]);
        let small = [9, 13, 14].map(|ranks| Config::ranks(ranks).geometry.small() >> 10);
        assert_eq!(small, [272, 144, 80], "as said");
    }

    #[test]
    fn bad_sizes_are_told_apart() {
        let check = |config: Config| config.check();
        assert_eq!(check(Config::ranks(0)), Err(ConfigError::Ranks(0)));
        assert_eq!(check(Config::ranks(1025)), Err(ConfigError::Ranks(1025)));
        assert_eq!(check(Config::ranks(1024)), Ok(()));
        for cells in [0, 1, 3, 100, u32::MAX] {
            assert_eq!(check(Config::ranks(2).cells(cells)), Err(ConfigError::Cells(cells)));
        }
        for arena in [0, 64, 129, u64::MAX, 1 << 41] {
            assert_eq!(check(Config::ranks(2).arena(arena)), Err(ConfigError::Arena(arena)));
        }
        for mode in [0, 0o400, 0o4600] {
            assert_eq!(check(Config::ranks(2).mode(mode)), Err(ConfigError::Mode(mode)));
        }
        let large = Config::ranks(1024).cells(1 << 30).arena(1 << 40);
        assert_eq!(check(large), Err(ConfigError::TooLarge { size: large.geometry.size(), ranks: 3 }));
    }
}
