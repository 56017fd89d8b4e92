//! mailbox, topics.

use crate::job::{Case, Job};
use crate::link::{COPIED, Link, System, number, read_in_place};
use crate::outcome::{Declined, Figures, Outcome};
use crate::topics::{self, is_crowded};
use mailbox::{
    Config, Endpoint, Latest, LatestPublisher, Policy, Publisher, ReadError, Region, Subscriber, Topic, Wait,
};

/// Default settings, but for the sides of a stream that have a processor each: they poll, as those of the others do.
pub fn play(job: &Job) -> Outcome<Figures> {
    let Case::Topic(topic, readers) = job.case else { return Err(Declined("for topics").into()) };
    let region = Region::create_unnamed(Config::ranks(readers + 1))?;
    if topic.is_stream() {
        topics::play(job, &Streams { region, readers })
    } else {
        topics::play(job, &Values { region, bytes: job.bytes })
    }
}

/// A side's rank, for the rest of its process, the topic that it writes and the one that it reads.
fn join(region: &Region, side: u32) -> Outcome<(&'static Endpoint, Topic, Topic)> {
    let me = Box::leak(Box::new(region.join(side)?));
    let (there, back) = (region.topic("there")?, region.topic("back")?);
    Ok(if side == 0 { (me, there, back) } else { (me, back, there) })
}

/// Latest values.
struct Values {
    region: Region,
    bytes: usize,
}

impl System for Values {
    type Link = ValueEnds;

    fn link(&self, side: u32) -> Outcome<ValueEnds> {
        let (me, out, into) = join(&self.region, side)?;
        Ok(ValueEnds { publisher: out.publish_latest(me, self.bytes)?, latest: into.latest(me)? })
    }
}

struct ValueEnds {
    publisher: LatestPublisher<'static>,
    latest: Latest<'static>,
}

impl ValueEnds {
    /// Reads the newest value to `bytes`, the shortest as plain data. Whether there is one.
    #[inline(always)]
    fn read(&mut self, bytes: &mut [u8]) -> Result<bool, ReadError> {
        if let Ok(bytes) = <&mut [u8; 8]>::try_from(&mut *bytes) {
            let value = self.latest.value()?;
            *bytes = value.unwrap_or_default();
            Ok(value.is_some())
        } else {
            Ok(self.latest.read_into(bytes)?.is_some())
        }
    }
}

impl Link for ValueEnds {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.publisher.publish(bytes)?)
    }

    /// Reads the newest value, which may be one that was read before. Number 0 if there is none yet.
    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        loop {
            match self.read(bytes) {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    number(bytes, 0);
                    return Ok(());
                }
                Err(ReadError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Messages, of which each reader gets each.
struct Streams {
    region: Region,
    readers: u32,
}

impl System for Streams {
    type Link = StreamEnds;

    fn link(&self, side: u32) -> Outcome<StreamEnds> {
        let (me, out, into) = join(&self.region, side)?;
        if !is_crowded(self.readers as usize + 1) {
            me.set_wait(Wait::Spin);
        }
        let publisher = if side < 2 { Some(out.publisher(me)?) } else { None };
        Ok(StreamEnds { publisher, subscriber: into.subscriber(me, Policy::every())? })
    }
}

struct StreamEnds {
    publisher: Option<Publisher<'static>>,
    subscriber: Subscriber<'static>,
}

impl Link for StreamEnds {
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.publisher.as_mut().ok_or("only receives")?.publish(bytes)?)
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let sample = self.subscriber.recv()?;
        if bytes.len() <= COPIED {
            sample.copy_to(bytes);
        } else {
            // SAFETY: only the sides of this run have the region.
            #[expect(unsafe_code, reason = "what is measured")]
            read_in_place(unsafe { sample.as_slice() }, bytes);
        }
        Ok(())
    }
}
