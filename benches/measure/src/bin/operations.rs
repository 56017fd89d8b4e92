//! Does one operation so many times, in a single thread: for a tool that counts instructions. See `.ci/instructions`.

use mailbox::{Config, Deadline, Endpoint, Region, Request, Select};
use std::error::Error;
use std::hint::black_box;
use std::io::IoSlice;

/// Messages in a batch.
const BATCH: usize = 100;
/// How many filters a select has.
const TAGS: u32 = 64;
/// Calls that are under way together.
const CALLS: usize = 8;
/// Messages that lie unread.
const UNREAD: u32 = 100;
/// Requests that are under way together.
const WINDOW: usize = 64;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let operation = arguments.next().ok_or("which operation?")?;
    let times: usize = arguments.next().ok_or("how often?")?.parse()?;
    let region = Region::create_unnamed(Config::ranks(2))?;
    let (me, other) = (region.join(0)?, region.join(1)?);
    let (what, bytes) = operation.rsplit_once('-').ok_or("which operation?")?;
    let mut payload = vec![1; bytes.parse()?];
    match what {
        "latest" => return latest(times, &me, &other, &payload),
        "select" => return select(times, &me, &other, &mut payload),
        "shared" => return shared(times, me, &mut payload),
        "shared-call" => return shared_call(times, &me, other, &mut payload),
        _ => {}
    }
    let operation = match what {
        "message" => message,
        "tagged" => tagged,
        "filtered" => filtered,
        "value" => value,
        "vectored" => vectored,
        "batch" => batch,
        "drain" => drain,
        "call" => call,
        "calls" => calls,
        "requests" => requests,
        "awaited" => awaited,
        "unread" => unread,
        "reversed" => reversed,
        "nothing" => nothing,
        _ => return Err("which operation?".into()),
    };
    (0..times).try_for_each(|_| operation(&me, &other, &mut payload))
}

/// The latest value of a topic, read as plain data.
fn latest(times: usize, me: &Endpoint, other: &Endpoint, payload: &[u8]) -> Outcome {
    let topic = me.region().topic("position")?;
    topic.publish_latest(me, payload.len())?.publish(payload)?;
    let mut latest = topic.latest(other)?;
    for _ in 0..times {
        let words: [u64; 6] = latest.value()?.ok_or("no value")?;
        black_box(words.iter().fold(0, |all, word| all ^ word));
    }
    Ok(())
}

/// Messages from a shared endpoint to itself.
fn shared(times: usize, me: Endpoint, payload: &mut [u8]) -> Outcome {
    let me = me.into_shared();
    for _ in 0..times {
        me.try_send(0, black_box(payload))?;
        me.try_recv()?.ok_or("no mail")?.copy_to(black_box(payload));
    }
    Ok(())
}

/// Calls that a shared endpoint answers.
fn shared_call(times: usize, me: &Endpoint, server: Endpoint, payload: &mut [u8]) -> Outcome {
    let server = server.into_shared();
    for _ in 0..times {
        let call = me.to(1).within(Deadline::Now).start_call(black_box(payload))?;
        let mail = server.try_recv()?.ok_or("no mail")?;
        mail.copy_to(black_box(payload));
        mail.reply(black_box(payload))?;
        black_box(&mut *payload).copy_from_slice(&call.wait()?);
    }
    Ok(())
}

/// Messages of different tags, received by their tags in this order.
fn by_tags(me: &Endpoint, other: &Endpoint, payload: &mut [u8], tags: impl Iterator<Item = u32>) -> Outcome {
    for tag in 0..UNREAD {
        me.to(1).tag(tag).try_send(black_box(payload))?;
    }
    for tag in tags {
        other.from(0).tag(tag).try_recv()?.ok_or("no mail")?.copy_to(black_box(payload));
    }
    Ok(())
}

fn unread(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    by_tags(me, other, payload, 0..UNREAD)
}

fn reversed(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    by_tags(me, other, payload, (0..UNREAD).rev())
}

fn nothing(me: &Endpoint, _: &Endpoint, _: &mut [u8]) -> Outcome {
    drop(black_box(me.try_recv()));
    Ok(())
}

fn receive(other: &Endpoint, payload: &mut [u8]) -> Outcome {
    other.try_recv()?.ok_or("no mail")?.copy_to(black_box(payload));
    Ok(())
}

fn message(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    me.try_send(1, black_box(payload))?;
    receive(other, payload)
}

fn tagged(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    me.to(1).tag(black_box(7)).try_send(black_box(payload))?;
    receive(other, payload)
}

fn filtered(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    me.to(1).tag(black_box(7)).try_send(black_box(payload))?;
    other.from_any().tag(black_box(7)).try_recv()?.ok_or("no mail")?.copy_to(black_box(payload));
    Ok(())
}

/// A message received by a tag that a select says, with an arm for each tag. How many there are in a turn depends on the clock, so
/// counts differ by a tenth.
fn select(times: usize, me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let mut select = Select::new();
    (0..TAGS).for_each(|tag| _ = select.recv(other.from_any().tag(tag)));
    for at in 0..times as u32 {
        me.to(1).tag(black_box(at * 37 % TAGS)).try_send(black_box(payload))?;
        let tag = select.try_wait()?.ok_or("nothing is told")? as u32;
        other.from_any().tag(tag).try_recv()?.ok_or("no mail")?.copy_to(black_box(payload));
    }
    Ok(())
}

fn value(me: &Endpoint, other: &Endpoint, _: &mut [u8]) -> Outcome {
    me.to(1).within(Deadline::Now).send_value(black_box(&7u64))?;
    black_box(other.from(0).within(Deadline::Now).recv_value::<u64>()?);
    Ok(())
}

fn vectored(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let (head, body) = payload.split_at(payload.len() / 4);
    let pieces = black_box([IoSlice::new(head), IoSlice::new(body)]);
    me.to(1).within(Deadline::Now).send_vectored(&pieces)?;
    receive(other, payload)
}

fn call(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let call = me.to(1).within(Deadline::Now).start_call(black_box(payload))?;
    let mail = other.try_recv()?.ok_or("no mail")?;
    mail.copy_to(black_box(payload));
    mail.reply(black_box(payload))?;
    black_box(payload).copy_from_slice(&call.wait()?);
    Ok(())
}

/// Several calls under way together.
fn calls(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let mut calls = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        calls.push(me.to(1).within(Deadline::Now).start_call(black_box(payload))?);
    }
    for _ in 0..CALLS {
        let mail = other.try_recv()?.ok_or("no mail")?;
        mail.copy_to(black_box(payload));
        mail.reply(black_box(payload))?;
    }
    for call in calls {
        black_box(&mut *payload).copy_from_slice(&call.wait()?);
    }
    Ok(())
}

/// Receives that are started after the messages were sent.
fn requests(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    send_requests(me, payload)?;
    receive_requests(start_receives(other), payload)
}

/// Receives that are started before.
fn awaited(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let receives = start_receives(other);
    send_requests(me, payload)?;
    receive_requests(receives, payload)
}

fn start_receives(other: &Endpoint) -> Vec<Request<'_>> {
    (0..WINDOW).map(|_| other.from(0).start()).collect()
}

fn send_requests(me: &Endpoint, payload: &[u8]) -> Outcome {
    let mut sends: Vec<_> = (0..WINDOW).map(|_| me.to(1).start(black_box(payload))).collect();
    Request::wait_all(&mut sends)?;
    for send in sends {
        send.wait()?;
    }
    Ok(())
}

fn receive_requests(receives: Vec<Request<'_>>, payload: &mut [u8]) -> Outcome {
    for receive in receives {
        receive.wait()?.ok_or("no mail")?.copy_to(black_box(payload));
    }
    Ok(())
}

fn drain(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    me.to(1).within(Deadline::Now).send_each((0..BATCH).map(|_| black_box(&*payload)))?;
    other.drain().for_each(|message| _ = message.copy_to(black_box(payload)))?;
    Ok(())
}

fn batch(me: &Endpoint, other: &Endpoint, payload: &mut [u8]) -> Outcome {
    let batch = me.batch();
    for _ in 0..BATCH {
        me.try_send(1, black_box(payload))?;
    }
    drop(batch);
    let _batch = other.batch();
    (0..BATCH).try_for_each(|_| receive(other, payload))
}
