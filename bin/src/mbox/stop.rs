//! What ends a command before its work is done.

use crate::common::failure::Failure;
use crate::common::signals::{self, Heard};
use mailbox::Interrupter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGPIPE;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A signal that asks the process to end, or that nobody reads any more what it writes. Clones are of the same.
#[derive(Clone)]
pub struct Stop(Arc<State>);

struct State {
    /// The signal that the process is to end by; 0: none.
    signal: AtomicI32,
    interrupter: Mutex<Option<Interrupter>>,
    heard: Mutex<Option<Heard>>,
    /// At its end once there is a signal: for those who wait for a descriptor.
    ends: PipeReader,
    open: Mutex<Option<PipeWriter>>,
}

impl Stop {
    /// From now on signals do not end this process, but its waits, once it has [started](Stop::start).
    pub fn on_signals() -> Result<Self, Failure> {
        let heard = signals::hear().map_err(Failure::of_signals)?;
        let (ends, open) = io::pipe().map_err(Failure::of_signals)?;
        Ok(Self(Arc::new(State {
            signal: AtomicI32::new(0),
            interrupter: Mutex::new(None),
            heard: Mutex::new(Some(heard)),
            ends,
            open: Mutex::new(Some(open)),
        })))
    }

    /// Ends waits from now on, those of an endpoint, too, if there is one; what was heard before counts. Only now, because
    /// it takes a thread: a process that has one waits some milliseconds when it opens its first region.
    pub fn start(&self, interrupter: impl Into<Option<Interrupter>>) -> Result<(), Failure> {
        *lock(&self.0.interrupter) = interrupter.into();
        let Some(heard) = lock(&self.0.heard).take() else { return Ok(()) };
        let stop = self.clone();
        heard.act(move |signal| stop.set(signal)).map_err(Failure::of_signals)
    }

    /// Stops when nobody reads `output` any more.
    pub fn watch(&self, output: OwnedFd) -> Result<(), Failure> {
        let stop = self.clone();
        let watch = move || {
            // No condition is asked for: errors and a hang-up are always told.
            if stop.poll(output.as_fd(), PollFlags::empty()).is_ok_and(|seen| !seen.is_empty()) {
                stop.set(SIGPIPE);
            }
        };
        thread::Builder::new().spawn(watch).map_err(Failure::of_signals)?;
        Ok(())
    }

    /// The signal that the process is to end by.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Fails if the process is to end.
    pub fn check(&self) -> Result<(), Failure> {
        self.signal().map_or(Ok(()), |signal| Err(Failure::by(signal)))
    }

    /// Waits so long, or until this process is to end.
    pub fn pause(&self, time: Duration) {
        let time = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        let _ = poll(&mut [PollFd::new(&self.0.ends, PollFlags::empty())], Some(&time));
    }

    /// Waits until `descriptor` is ready for what is asked, or this process is to end.
    pub fn wait_for(&self, descriptor: BorrowedFd, what: PollFlags) -> io::Result<()> {
        self.poll(descriptor, what)?;
        if self.check().is_err() { Err(io::Error::other("stopped")) } else { Ok(()) }
    }

    fn poll(&self, descriptor: BorrowedFd, what: PollFlags) -> io::Result<PollFlags> {
        let mut both = [
            PollFd::from_borrowed_fd(descriptor, what),
            PollFd::from_borrowed_fd(self.0.ends.as_fd(), PollFlags::empty()),
        ];
        loop {
            match poll(&mut both, None) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(both[0].revents()),
            }
        }
    }

    fn set(&self, signal: i32) {
        let _ = self.0.signal.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Relaxed);
        drop(lock(&self.0.open).take());
        if let Some(interrupter) = &*lock(&self.0.interrupter) {
            interrupter.interrupt();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
