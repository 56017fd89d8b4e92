//! What a program says that wants `raw_sync`'s events.

/// The word of a program that its use of [`Wait::Event`](crate::Wait::Event) is sound.
///
/// An event is two bytes in the region. `raw_sync` takes both by `&mut` and reads one of them without atomics,
/// no matter what else uses them. This library cannot make that sound: only the program knows who is. So no safe code
/// makes this value:
///
/// ```compile_fail,E0133
/// let trusted = mailbox::TrustedEvents::new();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrustedEvents(());

impl TrustedEvents {
    /// Vouches for each region in which this value is used.
    ///
    /// # Safety
    /// From the moment on at which an endpoint, or half of one, chooses [`Wait::Event`](crate::Wait::Event) in a
    /// region, and as long as the region exists:
    ///
    /// - all processes that may write to the region write there through this library alone;
    /// - in each process at most one thread at a time has endpoints or halves in this region that have chosen events.
    #[expect(unsafe_code, reason = "the caller answers for who is at the events")]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}
