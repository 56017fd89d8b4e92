//! The promise that a program makes when it wants `raw_sync`'s events.

/// A program's promise that its use of [`Wait::Event`](crate::Wait::Event) is sound.
///
/// An event is two bytes in the region. `raw_sync` takes both by `&mut` and reads one of them without atomics, no
/// matter what else uses them. This library cannot make that sound. Only the program knows which processes use the
/// bytes. So no safe code makes this value:
///
/// ```compile_fail,E0133
/// let trusted = mailbox::TrustedEvents::new();
/// ```
///
/// Unsafe code does:
///
/// ```
/// # use mailbox::{Config, Region, TrustedEvents, Wait};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let me = region.join(0)?;
/// // SAFETY: the region has no name, is given to nobody, and has this one endpoint.
/// let trusted = unsafe { TrustedEvents::new() };
/// me.set_wait(Wait::Event(trusted));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrustedEvents(());

impl TrustedEvents {
    /// Vouches for every region in which this value is used.
    ///
    /// # Safety
    /// From the moment at which an endpoint, or one of its halves, chooses [`Wait::Event`](crate::Wait::Event) in a
    /// region, until the region no longer exists:
    ///
    /// - all processes that may write to the region write there only through this library;
    /// - in each process, only one thread at a time has endpoints or halves in this region that have chosen events.
    #[expect(unsafe_code, reason = "the caller answers for who is at the events")]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}
