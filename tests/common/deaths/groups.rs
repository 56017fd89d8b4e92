//! Operations of all members, in which one of three ends.

use super::*;
use mailbox::{CollectiveError, Comm, CommError};

/// What all members do when one of them ends. What it gives to those that go on: the communicator of all, if that is another one.
pub type Act = for<'a> fn(&Comm<'a>) -> Result<Option<Comm<'a>>, CommError>;

/// The one that ends.
const VICTIM: u32 = 1;
const GONE: CollectiveError = CollectiveError::Gone { rank: VICTIM, died: true };

pub fn barrier<'a>(comm: &Comm<'a>) -> Result<Option<Comm<'a>>, CommError> {
    Ok(comm.barrier().map(|()| None)?)
}

pub fn all_reduce<'a>(comm: &Comm<'a>) -> Result<Option<Comm<'a>>, CommError> {
    let mut values = [1 << (8 * comm.rank())];
    comm.all_reduce(&mut values, |one: u64, other| one | other)?;
    assert_eq!(values, [0x1_01_01], "another result");
    Ok(None)
}

/// A value in a line, and one in the window, from the one that ends or from another.
pub fn broadcast<'a, const ROOT: u32>(comm: &Comm<'a>) -> Result<Option<Comm<'a>>, CommError> {
    for len in [8, 200] {
        let expected = pattern(len, 5);
        let mut values = if comm.rank() == ROOT { expected.clone() } else { vec![0; len] };
        comm.broadcast(ROOT, &mut values)?;
        assert_eq!(values, expected, "torn");
    }
    Ok(None)
}

pub fn dup<'a>(comm: &Comm<'a>) -> Result<Option<Comm<'a>>, CommError> {
    comm.dup().map(Some)
}

pub fn shrink<'a>(comm: &Comm<'a>) -> Result<Option<Comm<'a>>, CommError> {
    comm.shrink().map(Some)
}

/// The communicator of all, which have all begun.
fn begin(me: &Endpoint) -> Comm<'_> {
    let comm = Comm::world_within(me, BOUND).expect("all are there");
    comm.set_timeout(Some(BOUND));
    comm.barrier().expect("all are there");
    comm
}

/// One that goes on: hears of the death and of nothing else, and goes on with the other one. Whether the operation was done.
fn survive(me: &Endpoint, act: Act) -> bool {
    let comm = begin(me);
    let result = act(&comm);
    let is_done = result.is_ok();
    let mut next = match result {
        Ok(next) => next.unwrap_or(comm),
        Err(CommError::Collective(GONE)) => comm,
        Err(error) => panic!("{error:?}"),
    };
    loop {
        next.set_timeout(Some(BOUND));
        match next.barrier() {
            Ok(()) => break,
            Err(error) => assert_eq!(error, GONE),
        }
        next = next.shrink().expect("another one is left");
    }
    let mut ranks = [0; 2];
    next.all_gather(&[me.rank()], &mut ranks).expect("both are there");
    assert_eq!(ranks, [0, 2]);
    is_done
}

/// Rank 1 ends in an operation of all. `is_common` if nobody comes to its end without the others.
pub fn ends_in(doom: &dyn Doom, act: Act, is_common: bool) -> bool {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(3).cells(8));
    let tally = Page(Tally::new());
    let victim = doomed(|| {
        let me = join(&region, VICTIM);
        let comm = begin(&me);
        doom.begin();
        tally.0.count(|| std::mem::forget(act(&comm).expect("the others live")));
        doom.end();
        std::mem::forget(comm);
        std::mem::forget(me);
    });
    let other = doomed(|| {
        let is_done = survive(&join(&region, 2), act);
        assert!(is_done || !is_common || tally.0.done() == 0, "all were there");
    });
    let is_done = survive(&join(&region, 0), act);
    let is_complete = doom.follow(victim);
    let status = status_of(other);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the other one failed");
    assert!(is_done || !is_common || tally.0.done() == 0, "all were there");
    // Nothing keeps a later life from taking part.
    let successor = doomed(|| drop(begin(&join(&region, VICTIM))));
    let third = doomed(|| drop(begin(&join(&region, 2))));
    drop(begin(&join(&region, 0)));
    for process in [successor, third] {
        let status = status_of(process);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "one failed");
    }
    is_complete
}
