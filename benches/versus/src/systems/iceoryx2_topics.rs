//! iceoryx2 where one side writes for many: its blackboard for latest values, publishers and subscribers for streams.

use super::iceoryx2::{meet, node};
use crate::job::{Case, Job};
use crate::link::{Link, System, number, read_in_place};
use crate::outcome::{Declined, Figures, Outcome};
use crate::topics::{self, is_crowded};
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::reader::EntryHandle;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::writer::EntryHandleMut;
use iceoryx2::prelude::*;
use mailbox::bytemuck::{self, Pod};
use measure::idle;
use std::hint::black_box;

/// A side that waits polls.
pub fn play(job: &Job) -> Outcome<Figures> {
    let job = job.clone();
    match (job.case, job.bytes) {
        (Case::Topic(topic, _), _) if topic.is_stream() => topics::play(&job.clone(), &Streams { job }),
        (Case::Topic(..), 8) => topics::play(&job.clone(), &Blackboards::<1> { job }),
        (Case::Topic(..), 48) => topics::play(&job.clone(), &Blackboards::<6> { job }),
        (Case::Topic(..), 256) => topics::play(&job.clone(), &Blackboards::<32> { job }),
        (Case::Topic(..), 4096) => topics::play(&job.clone(), &Blackboards::<512> { job }),
        _ => Err(Declined("for topics").into()),
    }
}

/// Names of what leads from side 0, and to it.
const NAMES: [&str; 2] = ["there", "back"];

/// Latest values of so many words, whose number the compiler knows.
struct Blackboards<const WORDS: usize> {
    job: Job,
}

impl<const WORDS: usize> System for Blackboards<WORDS>
where
    [u64; WORDS]: Pod,
{
    type Link = Entries<WORDS>;

    fn link(&self, side: u32) -> Outcome<Entries<WORDS>> {
        let node = node(&self.job)?;
        let service = |name: &str| -> Outcome<_> {
            let name = name.try_into()?;
            if side == 0 {
                let creator = node.service_builder(&name).blackboard_creator::<u64>();
                return Ok(creator.max_readers(2).max_nodes(2).add(0, [0u64; WORDS]).create()?);
            }
            let open = || node.service_builder(&name).blackboard_opener::<u64>().open();
            meet(|| open().is_ok())?;
            Ok(open()?)
        };
        let [there, back] = NAMES.map(service);
        let (there, back) = (there?, back?);
        let (out, into) = if side == 0 { (&there, &back) } else { (&back, &there) };
        let writer = out.writer_builder().create()?.entry(&0)?;
        let reader = into.reader_builder().create()?.entry(&0)?;
        Ok(Entries { writer: Some(writer), reader, _node: node })
    }
}

struct Entries<const WORDS: usize> {
    /// There but within `send`.
    writer: Option<EntryHandleMut<ipc::Service, u64, [u64; WORDS]>>,
    reader: EntryHandle<ipc::Service, u64, [u64; WORDS]>,
    _node: Node<ipc::Service>,
}

impl<const WORDS: usize> Link for Entries<WORDS>
where
    [u64; WORDS]: Pod,
{
    /// Writes the value where its readers find it.
    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let mut entry = self.writer.take().ok_or("no entry")?.loan_uninit();
        entry.value_mut().write(bytemuck::pod_read_unaligned(bytes));
        // SAFETY: just written.
        #[expect(unsafe_code, reason = "its way to write in place")]
        let writer = unsafe { entry.assume_init_and_update() };
        self.writer = Some(writer);
        Ok(())
    }

    /// Reads the newest value, which may be one that was read before.
    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let value = self.reader.get();
        number(bytes, black_box(&*value)[0]);
        Ok(())
    }
}

/// Messages.
struct Streams {
    job: Job,
}

type Bytes = iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, [u8], ()>;

impl Streams {
    fn service(&self, node: &Node<ipc::Service>, name: &str, readers: usize) -> Outcome<Bytes> {
        Ok(node
            .service_builder(&name.try_into()?)
            .publish_subscribe::<[u8]>()
            // Each reader gets each message.
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(self.job.depth())
            .subscriber_max_borrowed_samples(2)
            .history_size(0)
            .max_subscribers(readers)
            .max_publishers(1)
            .max_nodes(self.job.case.others() as usize + 1)
            .payload_alignment(Alignment::new(64).ok_or("no alignment")?)
            .open_or_create()?)
    }
}

impl System for Streams {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let node = node(&self.job)?;
        let readers = self.job.case.others() as usize;
        let [there, back] = NAMES;
        let (there, back) = (self.service(&node, there, readers)?, self.service(&node, back, 1)?);
        let (out, into) = if side == 0 { (&there, &back) } else { (&back, &there) };
        let subscriber = into.subscriber_builder().buffer_size(self.job.depth()).create()?;
        let publisher = if side < 2 {
            let publisher = out.publisher_builder().initial_max_slice_len(self.job.bytes);
            let publisher = publisher.max_loaned_samples(2);
            Some(publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered).create()?)
        } else {
            None
        };
        let are_there = |service: &Bytes, subscribers| {
            let sides = service.dynamic_config();
            sides.number_of_subscribers() == subscribers && sides.number_of_publishers() == 1
        };
        meet(|| are_there(&there, readers) && are_there(&back, 1))?;
        Ok(End { publisher, subscriber, is_crowded: is_crowded(readers + 1), _node: node })
    }
}

struct End {
    publisher: Option<Publisher<ipc::Service, [u8], ()>>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    is_crowded: bool,
    _node: Node<ipc::Service>,
}

impl Link for End {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        let publisher = self.publisher.as_ref().ok_or("only receives")?;
        publisher.loan_slice_uninit(bytes.len())?.write_from_slice(bytes).send()?;
        Ok(())
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        loop {
            if let Some(sample) = self.subscriber.receive()? {
                read_in_place(sample.payload(), bytes);
                return Ok(());
            }
            idle(self.is_crowded);
        }
    }
}
