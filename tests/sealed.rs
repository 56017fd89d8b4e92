//! What a look at a topic's latest value does without: system calls, and stores to the region.
#![cfg(all(not(loom), target_os = "linux"))]

mod common;

use bytemuck::{Pod, bytes_of_mut};
use common::{GUARD, end_quietly, end_with_parent, end_within, fork, status_of};
use mailbox::{Config, Latest, ReadError, Region};
use std::fs;

const LOOKS: u64 = 20_000;

/// Takes the right to write shared memory from this process, and then that to call the system: either ends it.
fn seal() {
    let maps = fs::read_to_string("/proc/self/maps").expect("mappings");
    let shared: Vec<_> = maps.lines().filter(|line| line.contains(" rw-s ")).collect();
    assert!(!shared.is_empty(), "the region");
    for line in shared {
        let (range, _) = line.split_once(' ').expect("a range");
        let (start, end) = range.split_once('-').expect("two ends");
        let [start, end] = [start, end].map(|end| usize::from_str_radix(end, 16).expect("a number"));
        // SAFETY: no access goes through another pointer because of that; a store ends this process.
        #[expect(unsafe_code, reason = "system call")]
        let result = unsafe { libc::mprotect(start as *mut _, end - start, libc::PROT_READ) };
        assert_eq!(result, 0);
    }
    // The handler that Rust installs would call the system.
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
    }
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
    assert_eq!(result, 0);
}

/// Ends this thread, the only one, by the only call that ends something and is allowed.
fn exit(status: i32) -> ! {
    // SAFETY: no pointers; it does not return.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::syscall(libc::SYS_exit, status);
    }
    unreachable!("ended")
}

/// One look of each kind; whether what they saw was right. No panic: that calls the system.
fn look<const LEN: usize>(latest: &mut Latest, words: &mut [u64; LEN]) -> bool
where
    [u64; LEN]: Pod,
{
    let is_fast = |error| error == ReadError::Busy;
    let value = match latest.value::<[u64; LEN]>() {
        Ok(value) => value.is_some_and(|value| value == [latest.number(); LEN]),
        Err(error) => is_fast(error),
    };
    let copied = match latest.read_into(bytes_of_mut(words)) {
        Ok(len) => len == Some(8 * LEN) && *words == [latest.number(); LEN],
        Err(error) => is_fast(error),
    };
    let bytes = match latest.bytes() {
        Ok(bytes) => bytes.is_some_and(|bytes| bytes.len() == 8 * LEN),
        Err(error) => is_fast(error),
    };
    value && copied && bytes && latest.has_changed().is_ok()
}

/// Looks at values of so many words, of which the publisher makes new ones meanwhile.
fn look_sealed<const LEN: usize>()
where
    [u64; LEN]: Pod,
{
    let region = Region::create_unnamed(Config::ranks(2)).expect("a region");
    let me = region.join(0).expect("free");
    let topic = region.topic("position").expect("room");
    let mut publisher = topic.publish_latest(&me, 8 * LEN).expect("nobody else does");
    publisher.publish_value(&[1u64; LEN]).expect("it fits");
    let process = fork();
    if process == 0 {
        end_with_parent();
        end_quietly();
        end_within(GUARD.as_secs() as u32);
        let other = region.join(1).expect("free");
        let mut latest = topic.latest(&other).expect("a reader");
        let mut words = [0; LEN];
        // The first takes memory.
        assert!(look(&mut latest, &mut words));
        seal();
        let is_right = (0..LOOKS).all(|_| look(&mut latest, &mut words));
        exit(if is_right { 0 } else { 1 });
    }
    for number in 2..LOOKS {
        publisher.publish_value(&[number; LEN]).expect("it fits");
    }
    assert_eq!(status_of(process), 0, "{LEN} words: 9 is a call of the system, 11 a store");
}

#[test]
#[cfg_attr(portable, ignore = "forks")]
fn a_look_calls_no_system_and_stores_nothing_that_others_see() {
    // In the line, and in a buffer: by words, and by the processor's own copy.
    look_sealed::<1>();
    look_sealed::<6>();
    look_sealed::<512>();
}
