//! Typed messages between processes of the operating system, which are killed, or mean ill.

mod samples;

use kit::{Child, Name, wait_until};
use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::codec::{
    CallError, Client, DecodeError, Frame, Json, Plain, Postcard, Protobuf, Receiver, RecvError, Sender,
    Server,
};
use samples::{Document, Order, Tick};
use std::env;
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
/// What a second process does.
const ROLE: &str = "PATTERNS_TEST_ROLE";
/// The name of its region, and where that lies.
const REGION: &str = "PATTERNS_TEST_REGION";
const PATH: &str = "PATTERNS_TEST_PATH";

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn second_process() {
    let Ok(role) = env::var(ROLE) else { return };
    kit::die_with_parent();
    kit::end_within(60);
    let region = Region::open(&env::var(REGION).expect("a name")).expect("a region");
    let me = region.join(1).expect("a free rank");
    let end = match &*role {
        "confirm" => confirm(&me),
        "double" => double(&me),
        "garble" => garble(&me),
        _ => scribble(me),
    };
    end.expect("it goes on until it is killed");
}

/// A process with that role in this region, as rank 1.
fn start(name: &Name, role: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null());
    command.env(ROLE, role).env(REGION, &**name).env(PATH, name.path());
    Child::start(&mut command)
}

/// Says of each order that it has received it.
fn confirm(me: &Endpoint) -> Outcome {
    let mut orders = Receiver::<Order, Postcard>::new(me.from(0));
    let mut confirmations = Sender::<Tick, Plain>::new(me.to(0));
    loop {
        let order = orders.recv()?;
        assert_eq!(order.lines, Order::sample().lines);
        confirmations.send(&Tick { instrument: order.number, ..Tick::sample() })?;
    }
}

#[test]
fn orders_are_received_at_least_once_whenever_their_receiver_is_killed() {
    const ORDERS: u32 = 3000;
    let name = Name::new();
    let region = Region::create(&*name, Config::ranks(2)).expect("memory");
    let me = region.join(0).expect("a free rank");
    let (sender, receiver) = me.into_split();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut orders = Sender::<Order, Postcard>::new(sender.to(1));
            for number in 0..ORDERS {
                // While nobody is there it waits for the next who comes.
                let order = Order { number, ..Order::sample() };
                while orders.send(&order).is_err() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let mut confirmed = 0;
        let mut kills = 0;
        while confirmed < ORDERS {
            let joined = || region.status(1).map_or(0, |(_, epoch)| epoch);
            let before = joined();
            let mut child = start(&name, "confirm");
            // Until then the end of the one before is told each time.
            wait_until("it joins", || joined() > before);
            let mut confirmations = Receiver::<Tick, Plain>::new(receiver.from(1));
            let until = confirmed + 217;
            loop {
                match confirmations.recv_within(GUARD) {
                    Ok(tick) => {
                        assert!(tick.instrument <= confirmed, "{} after {confirmed}", tick.instrument);
                        confirmed = confirmed.max(tick.instrument + 1);
                    }
                    Err(RecvError::Recv(mailbox::RecvError::Gone { .. })) => break,
                    Err(error) => panic!("{error}"),
                }
                if confirmed == ORDERS || confirmed >= until && kills < 10 {
                    child.kill();
                }
            }
            child.kill();
            kills += 1;
        }
        // A life confirms what fills the mailbox, at most, beyond the 217.
        assert!(kills > 2);
    });
}

/// Doubles numbers, but for 13.
fn double(me: &Endpoint) -> Outcome {
    let mut server = Server::<Tick, Tick, Order, Protobuf>::new(me.from_any());
    loop {
        let asked = match server.recv() {
            Err(RecvError::Recv(error)) => return Err(error.into()),
            Err(_) => continue,
            Ok(asked) => asked,
        };
        let doubled = Tick { size: asked.size * 2, ..*asked };
        asked.respond(if doubled.size == 26 { Err(Order::sample()) } else { Ok(doubled) })?;
    }
}

#[test]
fn calls_are_answered_right_or_told_whenever_the_server_is_killed() {
    let name = Name::new();
    let region = Region::create(&*name, Config::ranks(2)).expect("memory");
    let me = region.join(0).expect("a free rank");
    let mut client = Client::<Tick, Tick, Order, Protobuf>::new(me.to(1));
    let (mut answers, mut size) = (0, 0);
    for life in 0..8 {
        let mut child = start(&name, "double");
        region.wait_for(1, GUARD).expect("it comes");
        thread::scope(|scope| {
            let child = &mut child;
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(10 * life));
                child.kill();
            });
            loop {
                size = (size + 1) % 100;
                match client.call_within(&Tick { size, ..Tick::sample() }, GUARD) {
                    Ok(tick) => assert_eq!(tick, Tick { size: 2 * size, ..Tick::sample() }),
                    Err(CallError::Remote(order)) => assert_eq!((order, size), (Order::sample(), 13)),
                    Err(CallError::Call(
                        mailbox::CallError::Unanswered { rank: 1, .. } | mailbox::CallError::Request(_),
                    )) => break,
                    Err(error) => panic!("{error}"),
                }
                answers += 1;
            }
        });
        child.kill();
    }
    assert!(answers > 0);
}

/// Sends and asks what makes no sense, and after each such message a tick.
fn garble(me: &Endpoint) -> Outcome {
    let mut random = 1_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut ticks = Sender::<Tick, Json>::new(me.to(0));
    let mut good = vec![];
    Frame::<Tick, Json>::new().append(&Tick::sample(), &mut good)?;
    for time in 0.. {
        let mut bad = good.clone();
        for _ in 0..next() % 8 {
            let at = next() % bad.len();
            match next() % 3 {
                0 => bad[at] = next() as u8,
                1 => bad.truncate(at + 1),
                _ => bad.extend_from_within(at..),
            }
        }
        if next().is_multiple_of(8) {
            drop(me.to(0).start_call(&bad)?);
        } else {
            me.send(0, &bad)?;
        }
        ticks.send(&Tick { instrument: 1, time, ..Tick::sample() })?;
    }
    Ok(())
}

#[test]
fn a_process_that_sends_garbage_keeps_nothing_from_being_received() {
    let name = Name::new();
    let region = Region::create(&*name, Config::ranks(2)).expect("memory");
    let me = region.join(0).expect("a free rank");
    let child = start(&name, "garble");
    let mut ticks = Receiver::<Tick, Json>::new(me.from(1));
    let (mut next, mut garbage) = (0, 0);
    region.wait_for(1, GUARD).expect("it comes");
    while next < 5000 {
        match ticks.recv_within(GUARD) {
            Ok(tick) if tick.instrument == 1 && tick.time == next => next += 1,
            // What was changed may still make sense.
            Ok(_) => {}
            Err(RecvError::Decode { rank: 1, .. }) => garbage += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(garbage > 1000, "{garbage}");
    drop(child);
}

/// Sends documents in place, and overwrites them while they are read.
fn scribble(me: Endpoint) -> Outcome {
    let file = File::options().read(true).write(true).open(env::var(PATH)?)?;
    thread::spawn(move || {
        let frame = Frame::<Document, Json>::new();
        loop {
            let block = me.loan(64 << 10).map(|loan| frame.lend(&Document::sample(), loan));
            match block {
                Ok(block) => block.expect("it fits").send(0).expect("room"),
                Err(_) => thread::yield_now(),
            }
        }
    });
    // They lie at the beginning of a cache line.
    let places = loop {
        let mut all = vec![0; file.metadata()?.len() as usize];
        file.read_exact_at(&mut all, 0)?;
        let lines = all.chunks(64).enumerate().filter(|(_, line)| line.starts_with(b"\xd1\x03\x08Document"));
        let places: Vec<_> = lines.map(|(at, _)| 64 * at as u64 + 2000).collect();
        if !places.is_empty() {
            break places;
        }
    };
    for byte in [b"\xff", b"\""].into_iter().cycle() {
        places.iter().try_for_each(|place| file.write_all_at(byte, *place))?;
    }
    Ok(())
}

#[test]
fn bytes_that_their_sender_changes_meanwhile_are_values_or_errors() {
    let name = Name::new();
    // Small, so that the other finds its documents in it soon.
    let config = Config::ranks(2).cells(64).arena(1 << 12).loans(256 << 10).topics(1);
    let region = Region::create(&*name, config).expect("memory");
    let me = region.join(0).expect("a free rank");
    let child = start(&name, "scribble");
    region.wait_for(1, GUARD).expect("it comes");
    let mut documents = Receiver::<Document, Json>::new(me.from(1));
    let (mut good, mut changed) = (0, 0);
    while good == 0 || changed < 100 {
        match documents.recv_within(GUARD) {
            Ok(document) if *document == Document::sample() => good += 1,
            Ok(_) => {}
            Err(RecvError::Decode { rank: 1, error: DecodeError::Malformed { .. } }) => changed += 1,
            Err(error) => panic!("{error}"),
        }
    }
    drop(child);
}
