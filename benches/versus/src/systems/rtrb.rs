//! rtrb: a ring between two threads.

use crate::drive;
use crate::job::{Case, Job};
use crate::link::{COPIED, Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use rtrb::{Consumer, Producer, RingBuffer};
use std::hint::spin_loop;
use std::sync::Mutex;

/// A word of payload.
type Word = [u8; 8];

/// One by one: short messages are arrays that are pushed, long ones bytes that are copied into a ring of bytes.
pub fn play(job: &Job) -> Outcome<Figures> {
    match (job.case, job.bytes) {
        (Case::Asleep, _) => Err(Declined("never sleeps").into()),
        (_, 8) => drive::threads(job, Rings::<[Word; 1]>::new(job)),
        (_, 48) => drive::threads(job, Rings::<[Word; 6]>::new(job)),
        (_, COPIED) => drive::threads(job, Rings::<[Word; COPIED / 8]>::new(job)),
        _ => drive::threads(job, Rings::<u8>::new(job)),
    }
}

/// A ring from each side to side 0, and one from there to side 1. Each end is taken once.
struct Rings<T> {
    producers: Mutex<Vec<Option<Producer<T>>>>,
    consumers: Mutex<Vec<Option<Consumer<T>>>>,
}

impl<T> Rings<T> {
    fn new(job: &Job) -> Self {
        // As many messages, or as many bytes, as a mailbox holds by default.
        let places = if size_of::<T>() == 1 { 2 << 20 } else { job.bound() };
        let rings = (0..=job.case.others()).map(|_| RingBuffer::new(places));
        let (producers, consumers) = rings.map(|(to, from)| (Some(to), Some(from))).unzip();
        Self { producers: Mutex::new(producers), consumers: Mutex::new(consumers) }
    }
}

/// A side's ends: ring 0 leads to side 1, the others from a side to side 0.
struct End<T> {
    producer: Producer<T>,
    consumers: Vec<Consumer<T>>,
    turn: usize,
}

impl<T: Send + 'static> System for Rings<T>
where
    End<T>: Link,
{
    type Link = End<T>;

    fn link(&self, side: u32) -> Outcome<End<T>> {
        let mut producers = self.producers.lock().map_err(|_| "a side panicked")?;
        let mut consumers = self.consumers.lock().map_err(|_| "a side panicked")?;
        let producer = producers[side as usize].take().ok_or("taken")?;
        let consumers = match side {
            0 => consumers[1..].iter_mut().filter_map(Option::take).collect(),
            _ => consumers[0].take().into_iter().collect(),
        };
        Ok(End { producer, consumers, turn: 0 })
    }
}

impl<const N: usize> Link for End<[Word; N]> {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut message = [[0; 8]; N];
        message.as_flattened_mut().copy_from_slice(bytes);
        while self.producer.push(message).is_err() {
            spin_loop();
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        loop {
            if let Ok(message) = self.consumers[self.turn].pop() {
                bytes.copy_from_slice(message.as_flattened());
                return Ok(());
            }
            self.turn = if self.turn + 1 < self.consumers.len() { self.turn + 1 } else { 0 };
        }
    }
}

impl Link for End<u8> {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = self.producer.push_partial_slice(rest);
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = self.consumers[0].pop_partial_slice(rest);
        }
        Ok(())
    }
}
