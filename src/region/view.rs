//! A region as an observer sees it: read through its file, with nothing mapped, locked or written.

use super::inspect::Inspection;
use super::tap::Tap;
use crate::error::OpenError;
use crate::rank::{self, Life, Status};
use crate::segment::Opened;
use std::sync::Arc;

/// A region that was opened for looking at it: see [`Region::look`](crate::Region::look). It may be kept, and looked
/// at again.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) opened: Arc<Opened>,
}

impl View {
    pub(crate) fn new(opened: Opened) -> Self {
        Self { opened: Arc::new(opened) }
    }

    /// Looks at everything; see [`Region::inspect`](crate::Region::inspect).
    ///
    /// ```
    /// # use mailbox::{Config, Region, Status};
    /// # let name = format!("doc-view-inspect-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// me.send(1, b"hello")?;
    /// let view = Region::look(&name)?;
    /// view.check_boot()?; // it is of this boot, so its mail can still be received
    /// assert_eq!((view.ranks(), view.eager_limit()), (2, region.eager_limit()));
    /// assert_eq!(view.status(0), Some((Status::Live, 1)));
    /// assert_eq!((view.status(1), view.status(2)), (Some((Status::NeverJoined, 0)), None));
    /// assert_eq!(view.unread(), 1);
    /// let seen = view.inspect();
    /// assert_eq!((seen.mailboxes[0].from, seen.mailboxes[0].to, seen.mailboxes[0].unread), (0, 1, 1));
    /// # drop(me);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect(&self) -> Inspection {
        Inspection::of(&self.opened.file, &self.opened.geometry)
    }

    /// Begins to show the mail that passes between the ranks. Costs nothing before [`Tap::try_next`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, Tapped};
    /// # let name = format!("doc-view-tap-{}", std::process::id());
    /// # let region = Region::create(&name, Config::ranks(2))?;
    /// # let me = region.join(0)?;
    /// let view = Region::look(&name)?;
    /// let mut tap = view.tap();
    /// assert_eq!(tap.try_next()?, None);
    /// me.send(1, b"hello")?;
    /// // Another one shows the same.
    /// for tap in [&mut tap, &mut view.tap()] {
    ///     # std::thread::sleep(std::time::Duration::from_millis(10)); // it looks for new mailboxes now and then
    ///     let Some(Tapped::Mail(mail)) = tap.try_next()? else { panic!("a mail") };
    ///     assert_eq!(mail.bytes, b"hello");
    /// }
    /// # drop(me);
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tap(&self) -> Tap {
        Tap::new(self.opened.clone())
    }

    /// How many ranks the region has. [`View::inspect`] has an example.
    pub fn ranks(&self) -> u32 {
        self.opened.geometry.ranks
    }

    /// The longest message that lies in its mailbox as a whole, in bytes; see
    /// [`Region::eager_limit`](crate::Region::eager_limit). [`View::inspect`] has an example.
    pub fn eager_limit(&self) -> u64 {
        self.opened.geometry.whole()
    }

    /// Whether a process holds `rank`, and the rank's epoch; see [`Region::status`](crate::Region::status).
    /// [`View::inspect`] has an example.
    pub fn status(&self, rank: u32) -> Option<(Status, u64)> {
        if rank >= self.ranks() {
            return None;
        }
        let copies = self.opened.copies();
        let look = || copies.life(rank).map(Life::from_word);
        let life = look().ok()?;
        let status = rank::status(&self.opened.file, rank, life, || look().unwrap_or(life));
        Some((status, life.epoch()))
    }

    /// Messages in all mailboxes that are not acknowledged. What cannot be read is left out. [`View::inspect`] has an example.
    pub fn unread(&self) -> u64 {
        self.opened.copies().unread().unwrap_or(0)
    }

    /// The user that the region belongs to, by number.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use std::os::unix::fs::MetadataExt;
    /// # let file = std::env::temp_dir().join(format!("doc-owner-{}", std::process::id()));
    /// let region = Region::create(&file, Config::ranks(2))?;
    /// assert_eq!(Region::look(&file)?.owner(), std::fs::metadata(&file)?.uid());
    /// # region.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn owner(&self) -> u32 {
        self.opened.owner
    }

    /// Whether the region may be used in this boot of the machine. If not, opening it returns
    /// [`Mismatch::Incompatible`](crate::Mismatch::Incompatible), or [`System::Missing`](crate::System::Missing) if the boot cannot be found out.
    /// [`View::inspect`] has an example.
    pub fn check_boot(&self) -> Result<(), OpenError> {
        self.opened.check_boot()
    }
}
