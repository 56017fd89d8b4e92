//! Ends a wait from outside.

use crate::abi::Rank;
use crate::error::SendError;
use crate::memory::Shared;
use crate::os;
use crate::rank::{Life, disturb};
use crate::wait::Interrupted;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Ends a wait of the endpoint or half that it was made by. May be used by any thread or signal handler.
///
/// When an endpoint splits, its earlier interrupters belong to the receiving half. An interrupter may outlive the
/// endpoint; then it has no effect.
///
/// ```
/// # use mailbox::{Config, RecvError, Region};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let me = region.join(0)?;
/// let interrupter = me.interrupter();
/// let console = std::thread::spawn(move || {
///     // … the user says that it is enough, and then:
///     interrupter.interrupt();
/// });
/// match me.recv() {
///     Err(RecvError::Interrupted) => println!("the end"),
///     received => println!("{} bytes", received?.len()),
/// }
/// # console.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Interrupter {
    pub(super) flag: Arc<AtomicBool>,
    pub(super) record: Shared<Rank>,
    pub(super) life: Life,
    pub(super) process: u32,
}

impl Interrupter {
    /// One for those who look at another flag, and sleep on the same bell.
    pub(crate) fn for_another(&self) -> Self {
        Self { flag: Arc::default(), ..self.clone() }
    }

    /// Tells, once, that it asked to stop waiting.
    pub(crate) fn take(&self) -> bool {
        self.is_set() && self.flag.swap(false, Ordering::Acquire)
    }

    /// Whether it asks to stop waiting.
    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Makes one waiting call return [`SendError::Interrupted`] or
    /// [`RecvError::Interrupted`](crate::RecvError::Interrupted): the present one, or, if none waits, the next one
    /// that would. Several interrupts before that count as one. What was there before, such as mail, comes first.
    ///
    /// Never waits; async-signal-safe. Cost: a full fence, and a system call if the endpoint sleeps.
    ///
    /// ```
    /// # use mailbox::{Config, RecvError, Region};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// me.interrupter().interrupt();
    /// other.send(0, b"hello")?;
    /// assert_eq!(me.recv()?.to_vec(), b"hello", "what is there comes first");
    /// assert_eq!(me.recv().err(), Some(RecvError::Interrupted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interrupt(&self) {
        self.flag.store(true, Ordering::Release);
        let is_forked = os::process_word().load(Ordering::Relaxed) != self.process;
        if is_forked || self.life.check(&self.record).is_err() {
            return; // The bell is another's.
        }
        disturb(&self.record.bells);
    }
}

/// What a send, or an answer, says that was interrupted.
impl From<Interrupted> for SendError {
    fn from(_: Interrupted) -> Self {
        SendError::Interrupted
    }
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").field("set", &self.flag.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}
