//! crossbeam-channel: a queue between threads.

use crate::drive;
use crate::job::Job;
use crate::link::{COPIED, Link, System, read_in_place};
use crate::outcome::{Figures, Outcome};
use crossbeam_channel::{Receiver, Sender, bounded};

/// A word of payload.
type Word = [u8; 8];

/// Short messages are arrays, long ones boxes, for each of which there is memory to allocate.
pub fn play(job: &Job) -> Outcome<Figures> {
    match job.bytes {
        8 => drive::threads(job, Channels::<[Word; 1]>::new(job)),
        48 => drive::threads(job, Channels::<[Word; 6]>::new(job)),
        COPIED => drive::threads(job, Channels::<[Word; COPIED / 8]>::new(job)),
        _ => drive::threads(job, Channels::<Box<[u8]>>::new(job)),
    }
}

/// A channel to side 0, and one to the others.
struct Channels<T> {
    inwards: (Sender<T>, Receiver<T>),
    outwards: (Sender<T>, Receiver<T>),
}

impl<T> Channels<T> {
    fn new(job: &Job) -> Self {
        Self { inwards: bounded(job.bound()), outwards: bounded(job.bound()) }
    }
}

struct End<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
}

impl<T> System for Channels<T>
where
    End<T>: Link,
{
    type Link = End<T>;

    fn link(&self, side: u32) -> Outcome<End<T>> {
        let (send, receive) =
            if side == 0 { (&self.outwards, &self.inwards) } else { (&self.inwards, &self.outwards) };
        Ok(End { sender: send.0.clone(), receiver: receive.1.clone() })
    }
}

impl<const N: usize> Link for End<[Word; N]> {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut message = [[0; 8]; N];
        message.as_flattened_mut().copy_from_slice(bytes);
        Ok(self.sender.send(message).map_err(|_| "nobody receives")?)
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        bytes.copy_from_slice(self.receiver.recv()?.as_flattened());
        Ok(())
    }
}

impl Link for End<Box<[u8]>> {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.sender.send(bytes.into()).map_err(|_| "nobody receives")?)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        read_in_place(&self.receiver.recv()?, bytes);
        Ok(())
    }
}
