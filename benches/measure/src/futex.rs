//! What the system allows: processes that sleep until the other wakes them.

use crate::process::{Partner, clock};
use crate::shared::Shared;
use crate::times::Times;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A word that a process sleeps on, and what it is told when it wakes.
struct Bell<'a> {
    word: &'a AtomicU64,
    told: &'a AtomicU64,
}

impl Bell<'_> {
    /// The half of the word that the kernel compares.
    fn half(&self) -> *mut u32 {
        self.word.as_ptr().cast()
    }

    fn ring(&self, round: u32, time: Duration) {
        self.told.store(time.as_nanos() as u64, Ordering::Relaxed);
        // SAFETY: half of a word that is only used as these halves.
        #[expect(unsafe_code, reason = "a futex is 32 bits")]
        let half = unsafe { AtomicU32::from_ptr(self.half()) };
        half.store(round, Ordering::Release);
        // SAFETY: the word outlives the call.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::syscall(libc::SYS_futex, self.half(), libc::FUTEX_WAKE, 1);
        }
    }

    fn sleep(&self, round: u32) -> Duration {
        // SAFETY: as in `ring`.
        #[expect(unsafe_code, reason = "a futex is 32 bits")]
        let half = unsafe { AtomicU32::from_ptr(self.half()) };
        while half.load(Ordering::Acquire) != round {
            let none: *const libc::timespec = std::ptr::null();
            // SAFETY: the word outlives the call, and there is no time limit to point at.
            #[expect(unsafe_code, reason = "system call")]
            unsafe {
                libc::syscall(libc::SYS_futex, self.half(), libc::FUTEX_WAIT, round - 1, none);
            }
        }
        Duration::from_nanos(self.told.load(Ordering::Relaxed))
    }
}

/// Round trips between two processes that sleep, on a futex each, when they are woken: before each message there
/// is a pause, which does not count, so long that its receiver sleeps by then.
pub fn futexes(rounds: u32, pause: Duration) -> io::Result<Times> {
    let memory = Shared::new(4096)?;
    let words = memory.words();
    let [there, back] = [0, 256].map(|at| Bell { word: &words[at], told: &words[at + 1] });
    let partner = Partner::start(1, || {
        for round in 1..=rounds {
            let sent = there.sleep(round);
            let way = clock().saturating_sub(sent);
            thread::sleep(pause);
            // As if it had been sent earlier by as much as the way there took.
            back.ring(round, clock().saturating_sub(way));
        }
    })?;
    let mut times = Times::default();
    for round in 1..=rounds {
        thread::sleep(pause);
        there.ring(round, clock());
        let sent = back.sleep(round);
        times.add(clock().saturating_sub(sent));
    }
    partner.finish()?;
    Ok(times)
}
