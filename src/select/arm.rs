//! What one arm watches.

use super::timer::Timer;
use crate::call::Call;
use crate::comm::{Request, Underway};
use crate::receive::Wanted;
use crate::topic::News;
use core::mem::ManuallyDrop;
use std::time::Instant;

/// What one arm watches. It borrows endpoints only.
pub enum Arm<'a> {
    /// Mail, or what else a receive returns.
    Recv { place: usize, wanted: Wanted },
    /// Room for a message of `len` bytes.
    Send { place: usize, to: u32, len: usize },
    /// An answer.
    Call { place: usize, call: ManuallyDrop<Call<'a>> },
    /// What was started.
    Request { place: usize, request: ManuallyDrop<Request<'a>> },
    /// What all members of a group have started.
    Collective { place: usize, underway: Underway<'a> },
    /// A value or a message of a topic that was not read.
    Topic { place: usize, news: Box<News<'a>> },
    /// A time.
    Timer(Timer),
    /// Nothing any more.
    Over,
}

impl Arm<'_> {
    /// The endpoint that it is of, if it is of one.
    pub fn place(&self) -> Option<usize> {
        match self {
            Arm::Recv { place, .. }
            | Arm::Send { place, .. }
            | Arm::Call { place, .. }
            | Arm::Request { place, .. }
            | Arm::Collective { place, .. }
            | Arm::Topic { place, .. } => Some(*place),
            Arm::Timer(_) | Arm::Over => None,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self, Arm::Over)
    }

    /// When its time comes.
    pub fn time(&self) -> Option<Instant> {
        match self {
            Arm::Timer(timer) => timer.next(),
            _ => None,
        }
    }

    /// It was told. Returns whether it may be told again.
    pub fn tell(&mut self) -> bool {
        match self {
            Arm::Timer(timer) => timer.tell(Instant::now()),
            Arm::Call { .. } | Arm::Request { .. } | Arm::Collective { .. } | Arm::Over => false,
            Arm::Recv { .. } | Arm::Send { .. } | Arm::Topic { .. } => true,
        }
    }
}
