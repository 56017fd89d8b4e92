//! iceoryx2: publishers and subscribers. Messages are lent, written in place and read in place.

use crate::drive;
use crate::job::{Case, Job};
use crate::link::{Link, System, read_in_place};
use crate::outcome::{Declined, Figures, Outcome};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use std::thread;
use std::time::{Duration, Instant};

/// How long the sides wait for each other.
const PATIENCE: Duration = Duration::from_secs(10);

/// A waiting side polls.
pub fn polling(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::Asleep => Err(Declined("never sleeps").into()),
        _ => play::<false>(job),
    }
}

/// Each message is followed by an event, on which who waits sleeps.
pub fn events(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::FanIn(_) => Err(Declined("for two sides").into()),
        _ => play::<true>(job),
    }
}

fn play<const EVENTS: bool>(job: &Job) -> Outcome<Figures> {
    drive::processes(job, &Services::<EVENTS> { job: job.clone() })
}

/// A node whose files are this run's.
pub fn node(job: &Job) -> Outcome<Node<ipc::Service>> {
    set_log_level(LogLevel::Fatal);
    let mut config = Config::default();
    config.global.prefix = FileName::new(format!("{}-", job.name).as_bytes())?;
    config.global.set_root_path(&Path::new(job.folder.as_os_str().as_encoded_bytes())?);
    let node = NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled);
    Ok(node.config(&config).create::<ipc::Service>()?)
}

/// Waits until the sides are there: what is sent before is lost.
pub fn meet(are_there: impl Fn() -> bool) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    while !are_there() {
        if Instant::now() > deadline {
            return Err("the other sides do not come".into());
        }
        thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

struct Services<const EVENTS: bool> {
    job: Job,
}

type Bytes = iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, [u8], ()>;

impl<const EVENTS: bool> Services<EVENTS> {
    /// What leads to side 0, or from it.
    fn service(&self, node: &Node<ipc::Service>, name: &str) -> Outcome<Bytes> {
        let others = self.job.case.others() as usize;
        Ok(node
            .service_builder(&name.try_into()?)
            .publish_subscribe::<[u8]>()
            // Nothing is lost, and as much is under way as with the others.
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(self.job.bound())
            .subscriber_max_borrowed_samples(2)
            .history_size(0)
            .max_subscribers(1)
            .max_publishers(others)
            .max_nodes(others + 1)
            .payload_alignment(Alignment::new(64).ok_or("no alignment")?)
            .open_or_create()?)
    }
}

impl<const EVENTS: bool> System for Services<EVENTS> {
    type Link = End<EVENTS>;

    fn link(&self, side: u32) -> Outcome<End<EVENTS>> {
        let node = node(&self.job)?;
        let [inwards, outwards] = ["inwards", "outwards"].map(|name| self.service(&node, name));
        let (inwards, outwards) = (inwards?, outwards?);
        let (out, into) = if side == 0 { (&outwards, &inwards) } else { (&inwards, &outwards) };
        let subscriber = if side < 2 {
            Some(into.subscriber_builder().buffer_size(self.job.bound()).create()?)
        } else {
            None
        };
        let publisher = out
            .publisher_builder()
            .initial_max_slice_len(self.job.bytes)
            .max_loaned_samples(2)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()?;
        let events = if EVENTS { Some(Events::new(&node, side)?) } else { None };
        let others = self.job.case.others() as usize;
        let are_there = |service: &Bytes, publishers| {
            let sides = service.dynamic_config();
            sides.number_of_subscribers() == 1 && sides.number_of_publishers() >= publishers
        };
        meet(|| {
            are_there(&inwards, others)
                && are_there(&outwards, 1)
                && events.as_ref().is_none_or(Events::are_there)
        })?;
        Ok(End { publisher, subscriber, events, _node: node })
    }
}

struct Events {
    notifier: Notifier<ipc::Service>,
    listener: Listener<ipc::Service>,
    services: [iceoryx2::service::port_factory::event::PortFactory<ipc::Service>; 2],
}

impl Events {
    fn new(node: &Node<ipc::Service>, side: u32) -> Outcome<Self> {
        let service = |name: &str| -> Outcome<_> {
            Ok(node.service_builder(&name.try_into()?).event().open_or_create()?)
        };
        let services = [service("rings inwards")?, service("rings outwards")?];
        let (out, into) = if side == 0 { (1, 0) } else { (0, 1) };
        let listener = services[into].listener_builder().create()?;
        let notifier = services[out].notifier_builder().create()?;
        Ok(Self { notifier, listener, services })
    }

    fn are_there(&self) -> bool {
        self.services.iter().all(|service| {
            let sides = service.dynamic_config();
            sides.number_of_listeners() == 1 && sides.number_of_notifiers() == 1
        })
    }
}

struct End<const EVENTS: bool> {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Option<Subscriber<ipc::Service, [u8], ()>>,
    events: Option<Events>,
    _node: Node<ipc::Service>,
}

impl<const EVENTS: bool> Link for End<EVENTS> {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.publisher.loan_slice_uninit(bytes.len())?.write_from_slice(bytes).send()?;
        if EVENTS && let Some(events) = &self.events {
            events.notifier.notify()?;
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let subscriber = self.subscriber.as_ref().ok_or("only sends")?;
        loop {
            if let Some(sample) = subscriber.receive()? {
                read_in_place(sample.payload(), bytes);
                return Ok(());
            }
            if EVENTS && let Some(events) = &self.events {
                events.listener.blocking_wait(|_| {})?;
            }
        }
    }
}
