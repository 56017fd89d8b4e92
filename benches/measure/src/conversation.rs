//! What mailbox makes of it, through its public face.

use crate::fan_in::FanIn;
use crate::process::{self, Partner};
use crate::stream::Stream;
use crate::times::Times;
use kit::Name;
use mailbox::{Call, Config, Deadline, Endpoint, Mail, Region, SendError, Wait};
use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Messages between two looks at the clock.
const MESSAGES_PER_LOOK: u64 = 4096;
/// How long a measurement waits for its partners to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A region for a measurement, removed at its end.
pub(crate) fn create(config: Config) -> Outcome<Name> {
    let name = Name::new();
    Region::create(&*name, config)?;
    Ok(name)
}

/// Ranks 0 and 1 of a region that may have served another measurement before.
pub(crate) struct Pair<'a> {
    region: &'a str,
    /// Their epochs before this measurement.
    before: [u64; 2],
    wait: Wait,
}

impl<'a> Pair<'a> {
    pub(crate) fn of(region: &'a str, wait: Wait) -> Outcome<Self> {
        let opened = Region::open(region)?;
        let epoch = |rank| opened.status(rank).map_or(0, |(_, epoch)| epoch);
        Ok(Self { region, before: [epoch(0), epoch(1)], wait })
    }

    /// Joins as `rank`, 0 or 1, and waits until the other has: its earlier life has ended, which a receive
    /// would tell.
    pub(crate) fn join(&self, rank: u32) -> Outcome<Endpoint> {
        let endpoint = Region::open(self.region)?.join(rank)?;
        endpoint.set_wait(self.wait);
        let other = 1 - rank;
        let deadline = Instant::now() + PATIENCE;
        while endpoint.region().status(other).is_some_and(|(_, epoch)| epoch == self.before[other as usize]) {
            if Instant::now() > deadline {
                return Err("the partner does not come".into());
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(endpoint)
    }
}

/// Round trips of `bytes` between two processes in a region of this configuration.
pub fn round_trip(config: Config, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    round_trip_in(&create(config)?, bytes, rounds, wait)
}

/// Round trips of `bytes` between rank 0, this process, and rank 1 of a region that nobody has joined.
pub fn round_trip_in(region: &str, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    let answer = |me: &Endpoint| answer_all(me, bytes, Times::calls(rounds));
    let mut buffer = vec![1; bytes];
    ask(region, rounds, wait, answer, |me| {
        me.send(1, black_box(&buffer))?;
        me.recv()?.copy_to(black_box(&mut buffer));
        Ok(())
    })
}

/// Sends so many messages back to rank 0, each before it receives the next.
pub(crate) fn answer_all(me: &Endpoint, bytes: usize, messages: u32) -> Outcome<()> {
    let mut buffer = vec![0; bytes];
    for _ in 0..messages {
        let mail = me.recv()?;
        mail.copy_to(black_box(&mut buffer));
        drop(mail);
        me.send(0, black_box(&buffer))?;
    }
    Ok(())
}

/// What rank 0, this process, takes to `ask` rank 1, a process that does `answer`, in a region that nobody has joined.
pub(crate) fn ask(
    region: &str,
    rounds: u32,
    wait: Wait,
    answer: impl FnOnce(&Endpoint) -> Outcome<()>,
    mut ask: impl FnMut(&Endpoint) -> Outcome<()>,
) -> Outcome<Times> {
    let pair = Pair::of(region, wait)?;
    let partner = Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        answer(&me).expect("the partner lives");
    })?;
    let me = pair.join(0)?;
    let times = Times::of(rounds, || ask(&me))?;
    drop(me);
    partner.finish()?;
    Ok(times)
}

/// Calls with `bytes` there and back between two processes in a region of this configuration.
pub fn calls(config: Config, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    calls_in(&create(config)?, bytes, rounds, wait)
}

/// Calls with `bytes` there and back, by rank 0, this process, to rank 1 of a region that nobody has joined.
pub fn calls_in(region: &str, bytes: usize, rounds: u32, wait: Wait) -> Outcome<Times> {
    let pair = Pair::of(region, wait)?;
    let partner = start_server(&pair, bytes, Times::calls(rounds).into())?;
    let me = pair.join(0)?;
    let mut buffer = vec![1; bytes];
    let times = Times::of(rounds, || {
        let reply = me.call(1, black_box(&buffer))?;
        black_box(&mut buffer).copy_from_slice(&reply);
        Ok::<_, Box<dyn Error>>(())
    })?;
    drop(me);
    partner.finish()?;
    Ok(times)
}

/// Starts rank 1 of this pair, which answers so many calls.
fn start_server(pair: &Pair, bytes: usize, calls: u64) -> Outcome<Partner> {
    Ok(Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        let mut buffer = vec![0; bytes];
        for _ in 0..calls {
            let call = me.recv().expect("the partner lives");
            call.copy_to(black_box(&mut buffer));
            call.reply(black_box(&buffer)).expect("the partner lives");
        }
    })?)
}

/// Calls with `bytes` there and back, `at_once` of them under way at a time: how many a second are answered.
pub fn calls_at_once(
    config: Config,
    bytes: usize,
    calls: u64,
    at_once: usize,
    wait: Wait,
) -> Outcome<Stream> {
    let name = create(config)?;
    let pair = Pair::of(&name, wait)?;
    let partner = start_server(&pair, bytes, calls)?;
    let me = pair.join(0)?;
    let mut buffer = vec![1; bytes];
    let mut under_way = VecDeque::<Call<'_>>::with_capacity(at_once);
    let start = Instant::now();
    for _ in 0..calls {
        if under_way.len() == at_once
            && let Some(call) = under_way.pop_front()
        {
            black_box(&mut buffer).copy_from_slice(&call.wait()?);
        }
        under_way.push_back(me.to(1).within(Deadline::Now).start_call(black_box(&buffer))?);
    }
    for call in under_way {
        black_box(&mut buffer).copy_from_slice(&call.wait()?);
    }
    let time = start.elapsed();
    drop(me);
    partner.finish()?;
    Ok(Stream { messages: calls, bytes, time })
}

/// `messages` of `bytes` one way between two processes in a region of this configuration.
pub fn stream(config: Config, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    stream_in(&create(config)?, bytes, messages, wait)
}

/// `messages` of `bytes` from rank 1 to rank 0, this process, of a region that nobody has joined; timed from
/// the first to the last that is received.
pub fn stream_in(region: &str, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    let mut buffer = vec![0; bytes];
    one_way(region, bytes, messages, wait, |mail| {
        mail.copy_to(black_box(&mut buffer));
    })
}

/// Sends these messages to rank 0, one after the other. A function of its own, because on some processors each
/// cache line beside the message's that a sender stores to, its stack's for one, costs a fifth of its speed.
#[inline(never)]
fn send_all(me: &Endpoint, messages: Range<u64>, bytes: &mut [u8]) {
    let bytes = black_box(bytes);
    for message in messages {
        if let Some(first) = bytes.first_chunk_mut() {
            *first = message.to_ne_bytes();
        }
        me.send(0, bytes).expect("the partner lives");
    }
}

/// Receives so many messages and reads each.
#[inline(never)]
fn receive_all(me: &Endpoint, messages: u64, mut read: impl FnMut(&Mail)) -> Outcome<()> {
    for _ in 0..messages {
        read(&me.recv()?);
    }
    Ok(())
}

/// As [`stream`], `batch` messages at a time: each side publishes or acknowledges so many at once.
pub fn stream_batched(
    config: Config,
    bytes: usize,
    messages: u64,
    batch: u64,
    wait: Wait,
) -> Outcome<Stream> {
    let name = create(config)?;
    check_length(&name, bytes)?;
    let pair = Pair::of(&name, wait)?;
    let batches = messages / batch;
    let partner = start_batches(&pair, bytes, batches, batch)?;
    let me = pair.join(0)?;
    let mut buffer = vec![0; bytes];
    let mut receive = || {
        let _batch = me.batch();
        receive_all(&me, batch, |mail| {
            mail.copy_to(black_box(&mut buffer));
        })
    };
    receive()?;
    let start = Instant::now();
    for _ in 1..batches {
        receive()?;
    }
    let time = start.elapsed();
    drop(me);
    partner.finish()?;
    Ok(Stream { messages: (batches - 1) * batch, bytes, time })
}

/// As [`stream_batched`], but the receiver drains its mailbox, and receives singly only where that is empty.
pub fn stream_drained(
    config: Config,
    bytes: usize,
    messages: u64,
    batch: u64,
    wait: Wait,
) -> Outcome<Stream> {
    let batches = messages / batch;
    drain_from(config, bytes, batches * batch, wait, |pair| start_batches(pair, bytes, batches, batch))
}

/// As [`stream_drained`], for messages of `BYTES` bytes, at least 8. The sender sends a batch by one call.
pub fn stream_of_each<const BYTES: usize>(
    config: Config,
    messages: u64,
    batch: u64,
    wait: Wait,
) -> Outcome<Stream> {
    let batches = messages / batch;
    drain_from(config, BYTES, batches * batch, wait, |pair| {
        Ok(Partner::start(1, || {
            let me = pair.join(1).expect("the region is there");
            for first in (0..batches).map(|number| number * batch) {
                send_each::<BYTES>(&me, first..first + batch);
            }
        })?)
    })
}

#[inline(never)]
fn send_each<const BYTES: usize>(me: &Endpoint, messages: Range<u64>) {
    let bytes = messages.map(|message| {
        let mut bytes = [1; BYTES];
        bytes[..8].copy_from_slice(&message.to_ne_bytes());
        black_box(bytes)
    });
    me.to(0).send_each(bytes).expect("the partner lives");
}

/// Receives so many messages as rank 0 from the partner that `start` starts.
fn drain_from(
    config: Config,
    bytes: usize,
    messages: u64,
    wait: Wait,
    start: impl FnOnce(&Pair) -> Outcome<Partner>,
) -> Outcome<Stream> {
    let name = create(config)?;
    check_length(&name, bytes)?;
    let pair = Pair::of(&name, wait)?;
    let partner = start(&pair)?;
    let me = pair.join(0)?;
    let mut buffer = vec![0; bytes];
    me.recv()?.copy_to(black_box(&mut buffer));
    let start = Instant::now();
    let mut received = 1;
    while received < messages {
        received += drain_all(&me, &mut buffer)?;
        if received < messages {
            me.recv()?.copy_to(black_box(&mut buffer));
            received += 1;
        }
    }
    let time = start.elapsed();
    drop(me);
    partner.finish()?;
    Ok(Stream { messages: messages - 1, bytes, time })
}

/// Starts rank 1 of this pair, which sends so many batches, each of `batch` messages.
fn start_batches(pair: &Pair, bytes: usize, batches: u64, batch: u64) -> Outcome<Partner> {
    Ok(Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        let mut buffer = vec![1; bytes];
        for first in (0..batches).map(|number| number * batch) {
            let _batch = me.batch();
            send_all(&me, first..first + batch, &mut buffer);
        }
    })?)
}

/// Reads all messages that are there; how many.
#[inline(never)]
fn drain_all(me: &Endpoint, buffer: &mut [u8]) -> Outcome<u64> {
    let mut count = 0;
    me.drain().for_each(|message| {
        message.copy_to(black_box(buffer));
        count += 1;
    })?;
    Ok(count)
}

/// As [`stream`], for messages that are announced: what the receiver gets lies in its own memory, copied
/// once as the messages of a stream are, and of that the last bytes are looked at.
pub fn large(config: Config, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    large_in(&create(config)?, bytes, messages, wait)
}

/// As [`stream_in`], for messages as those of [`large`].
pub fn large_in(region: &str, bytes: usize, messages: u64, wait: Wait) -> Outcome<Stream> {
    one_way(region, bytes, messages, wait, |mail| {
        let mut last = [0; 64];
        mail.read_at(mail.len().saturating_sub(last.len()), black_box(&mut last));
    })
}

/// A stream from rank 1 to rank 0, which does `read` with each mail.
fn one_way(
    region: &str,
    bytes: usize,
    messages: u64,
    wait: Wait,
    mut read: impl FnMut(&Mail),
) -> Outcome<Stream> {
    check_length(region, bytes)?;
    let pair = Pair::of(region, wait)?;
    let partner = Partner::start(1, || {
        let me = pair.join(1).expect("the region is there");
        send_all(&me, 0..messages, &mut vec![1; bytes]);
    })?;
    let me = pair.join(0)?;
    read(&me.recv()?);
    let start = Instant::now();
    receive_all(&me, messages - 1, read)?;
    let time = start.elapsed();
    drop(me);
    partner.finish()?;
    Ok(Stream { messages, bytes, time })
}

/// Whether messages of `bytes` can be sent. A receiver from anyone would wait for ever for a partner that
/// failed with its first message.
fn check_length(region: &str, bytes: usize) -> Outcome<()> {
    let limit = Region::open(region)?.max_message();
    if bytes as u64 > limit { Err(SendError::TooLarge { len: bytes as u64, limit }.into()) } else { Ok(()) }
}

/// `messages` of `bytes` from anyone to rank 0, this process, in a region of this configuration. All its
/// other ranks send as fast as they can until the receiver leaves; messages count once each of them has been
/// heard from. Where `pinned`, they are spread over the processors, the first on another than the receiver;
/// else all run where the system puts them.
pub fn fan_in(config: Config, bytes: usize, messages: u64, wait: Wait, pinned: bool) -> Outcome<FanIn> {
    let name = create(config)?;
    many_to_one(&name, bytes, wait, pinned, |received, _| received == messages)
}

/// As [`fan_in`] where the system puts them, for so long, in a region that nobody has ever joined.
pub fn fan_in_for(region: &str, bytes: usize, time: Duration, wait: Wait) -> Outcome<FanIn> {
    many_to_one(region, bytes, wait, false, |received, start| {
        received.is_multiple_of(MESSAGES_PER_LOOK) && start.elapsed() >= time
    })
}

/// A fan-in until it is `enough`, which is asked with what was received and when that began.
fn many_to_one(
    name: &str,
    bytes: usize,
    wait: Wait,
    pinned: bool,
    enough: impl Fn(u64, Instant) -> bool,
) -> Outcome<FanIn> {
    check_length(name, bytes)?;
    let region = Region::open(name)?;
    let partners = (1..region.ranks()).map(|rank| {
        Partner::start(rank as usize, || {
            if !pinned {
                process::unpin();
            }
            let me = Region::open(name).expect("the region is there").join(rank).expect("a free rank");
            me.set_wait(wait);
            let mut buffer = vec![1; bytes];
            for message in 0_u64.. {
                if let Some(first) = buffer.first_chunk_mut() {
                    *first = message.to_ne_bytes();
                }
                match me.send(0, black_box(&buffer)) {
                    Ok(()) => {}
                    Err(SendError::Gone { died: false, .. }) => return,
                    Err(error) => panic!("the receiver lives: {error}"),
                }
            }
        })
    });
    let partners = partners.collect::<Result<Vec<_>, _>>()?;
    if !pinned {
        process::unpin();
    }
    let me = region.join(0)?;
    me.set_wait(wait);
    let mut buffer = vec![0; bytes];
    let mut silent: BTreeSet<u32> = (1..region.ranks()).collect();
    let deadline = Instant::now() + PATIENCE;
    while !silent.is_empty() {
        let mail = me.from_any().within(deadline.saturating_duration_since(Instant::now())).recv()?;
        silent.remove(&mail.from());
        if Instant::now() > deadline {
            return Err("a sender does not come".into());
        }
    }
    let mut received = vec![0; partners.len()];
    let start = Instant::now();
    let mut count = 0;
    while !enough(count, start) {
        let mail = me.recv()?;
        mail.copy_to(black_box(&mut buffer));
        received[mail.from() as usize - 1] += 1;
        count += 1;
    }
    let time = start.elapsed();
    drop(me);
    partners.into_iter().try_for_each(Partner::finish)?;
    Ok(FanIn { received, bytes, time })
}
