//! What the machine allows where one process writes and others read: for latest values copies to memory and from it, for the rest
//! places with a stamp each, which are read in place.

use crate::job::{Case, Job, Topic};
use crate::link::{Link, System, read_in_place};
use crate::outcome::{Figures, Outcome};
use crate::topics::{self, is_crowded};
use measure::{Board, idle};

/// A board for each direction.
pub fn play(job: &Job) -> Outcome<Figures> {
    let board = || Board::new(job.bytes, job.depth());
    let boards = [board()?, board()?];
    let is_copied = matches!(job.case, Case::Topic(topic, _) if !topic.is_stream() && topic != Topic::Seen);
    let readers = job.case.others() as usize;
    topics::play(job, &Boards { boards: Box::leak(Box::new(boards)), readers, is_copied })
}

struct Boards {
    /// From side 0, and to it.
    boards: &'static [Board; 2],
    readers: usize,
    /// Without stamps.
    is_copied: bool,
}

impl System for Boards {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let [there, back] = self.boards;
        let (out, into) = if side == 0 { (there, back) } else { (back, there) };
        Ok(End {
            out,
            into,
            readers: if side == 0 { self.readers } else { 1 },
            me: side.saturating_sub(1) as usize,
            is_copied: self.is_copied,
            is_crowded: is_crowded(self.readers + 1),
            sent: 0,
            received: 0,
        })
    }
}

struct End {
    out: &'static Board,
    into: &'static Board,
    /// Of what this side writes.
    readers: usize,
    /// Which of the readers this side is.
    me: usize,
    is_copied: bool,
    is_crowded: bool,
    sent: u64,
    received: u64,
}

impl Link for End {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        if self.is_copied {
            self.out.store(bytes);
        } else {
            self.out.write(self.sent, bytes, self.readers, || idle(self.is_crowded));
            self.sent += 1;
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        if self.is_copied {
            self.into.load(bytes);
        } else {
            let read = |place: &[u8]| read_in_place(place, bytes);
            self.into.read(self.me, self.received, read, || idle(self.is_crowded));
            self.received += 1;
        }
        Ok(())
    }
}
