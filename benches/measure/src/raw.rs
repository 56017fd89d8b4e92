//! What the machine allows: cache lines that two processes bounce.

use crate::process::Partner;
use crate::times::Times;
use crossbeam_utils::CachePadded;
use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line: a counter and a word of payload.
#[derive(Default)]
struct Line {
    stamp: AtomicU64,
    payload: AtomicU64,
}

impl Line {
    fn write(&self, stamp: u64) {
        self.payload.store(black_box(stamp), Ordering::Relaxed);
        self.stamp.store(stamp, Ordering::Release);
    }

    fn read(&self, stamp: u64) {
        while self.stamp.load(Ordering::Acquire) != stamp {}
        black_box(self.payload.load(Ordering::Relaxed));
    }
}

/// Two lines that a forked child shares; leaked, for a measurement's process does not last.
fn shared_lines() -> io::Result<&'static [CachePadded<Line>; 2]> {
    let len = size_of::<[CachePadded<Line>; 2]>();
    // SAFETY: a fresh zeroed mapping that is never unmapped; zero is a value of `Line`.
    #[expect(unsafe_code, reason = "anonymous memory shared with a child")]
    unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(&*page.cast())
    }
}

/// Round trips over one line that both processes write: the limit for a request and its reply in one line.
pub fn one_line(rounds: u32) -> io::Result<Times> {
    let [line, _] = shared_lines()?;
    let calls = u64::from(Times::calls(rounds));
    let partner = Partner::start(1, || {
        for round in 0..calls {
            line.read(2 * round + 1);
            line.write(2 * round + 2);
        }
    })?;
    let mut stamp = 0;
    let times = Times::of(rounds, || {
        line.write(stamp + 1);
        line.read(stamp + 2);
        stamp += 2;
        Ok::<_, Infallible>(())
    });
    partner.finish()?;
    Ok(times.unwrap_or_else(|never| match never {}))
}

/// Round trips over two lines, one for each direction: the limit for two mailboxes.
pub fn two_lines(rounds: u32) -> io::Result<Times> {
    let [there, back] = shared_lines()?;
    let calls = u64::from(Times::calls(rounds));
    let partner = Partner::start(1, || {
        for round in 1..=calls {
            there.read(round);
            back.write(round);
        }
    })?;
    let mut round = 0;
    let times = Times::of(rounds, || {
        round += 1;
        there.write(round);
        back.read(round);
        Ok::<_, Infallible>(())
    });
    partner.finish()?;
    Ok(times.unwrap_or_else(|never| match never {}))
}
