//! Peers do what chance has them do, in two regions and in threads of their own: what a select tells is there, comes in order and
//! once, and all of it is told.
#![cfg(not(loom))]

mod common;

use common::dice::{Dice, number};
use common::{GUARD, ON_EVENTS, endpoints, left};
use mailbox::{Config, Deadline, Endpoint, Mail, Policy, RecvError, Select, SendError, Wait};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// The last is that of requests, and no arm takes it.
const TAGS: [u32; 7] = [0, 1, 2, 3, 4, 5, 8];
const EACH: u64 = 150;
/// A peer: what it sends, and what it is sent.
const PEERS: [u32; 3] = [1, 2, 3];

/// A peer that sends numbered messages with tags of chance, serves calls, receives what it is sent, publishes, and leaves.
fn live(me: &Endpoint, seed: u64, received: &AtomicU64) {
    let mut dice = Dice(seed);
    me.set_wait([Wait::Adaptive, Wait::Block][dice.below(2) as usize]);
    let topic = me.region().topic("speed").expect("room");
    let mut publisher = (me.rank() == 1).then(|| topic.publish_latest(me, 8).expect("nobody else does"));
    let stream = me.region().topic(&format!("track {}", me.rank())).expect("room");
    let mut stream_publisher = stream.publisher(me).expect("nobody else does");
    let mut streamed = 0u64;
    let mut numbers = [0u64; TAGS.len()];
    let take = |mail: Mail<'_>| match mail.is_call() {
        true => mail.reply(b"!").expect("room"),
        false => _ = received.fetch_add(1, Relaxed),
    };
    let mut sent = 0;
    while sent < EACH {
        match dice.below(8) {
            0 => thread::sleep(Duration::from_micros(dice.below(300))),
            2 if streamed < EACH => {
                // One that skips never keeps its publisher.
                stream_publisher.publish_value(&streamed).expect("room");
                streamed += 1;
            }
            1 => publisher.iter_mut().for_each(|one| one.publish_value(&sent).expect("it fits")),
            2 | 3 => _ = me.try_recv().expect("it lives").map(take),
            _ => {
                let at = dice.below(TAGS.len() as u64) as usize;
                let mut bytes = vec![0; [8, 48, 300, 9000][dice.below(4) as usize]];
                bytes[..8].copy_from_slice(&numbers[at].to_ne_bytes());
                let to = me.to(0).tag(TAGS[at]);
                // Not without receiving: the other may call meanwhile.
                let mut send = to.start(bytes);
                while !send.test().expect("it lives") {
                    me.try_recv().expect("it lives").map(take);
                    thread::yield_now();
                }
                numbers[at] += 1;
                sent += 1;
            }
        }
    }
    // What it is sent, until it is told that no more comes.
    loop {
        match me.from(0).within(GUARD).recv().expect("it lives") {
            mail if !mail.is_call() && mail.is_empty() => return,
            mail => take(mail),
        }
    }
}

/// What was told of one region.
#[derive(Default)]
struct Told {
    /// By sender and tag: the number that comes next.
    next: HashMap<(u32, u32), u64>,
    mails: u64,
}

impl Told {
    fn take(&mut self, mail: &Mail<'_>) {
        let number = u64::from_ne_bytes(mail.to_vec()[..8].try_into().expect("8 bytes"));
        let next = self.next.entry((mail.from(), mail.tag())).or_default();
        assert_eq!((number, mail.redelivered()), (*next, 0), "of {} with {}", mail.from(), mail.tag());
        *next += 1;
        self.mails += 1;
    }
}

fn run(seed: u64) {
    let config = Config::ranks(4).cells(8).arena(2048).topics(4).value(64);
    let regions: [[Endpoint; 4]; 2] = [endpoints(config), endpoints(config)];
    let received = AtomicU64::new(0);
    thread::scope(|scope| {
        let mut dice = Dice(seed);
        let ours = regions.map(|[me, peers @ ..]| {
            for peer in peers {
                let (seed, received) = (dice.next(), &received);
                scope.spawn(move || live(&peer, seed, received));
            }
            me
        });
        let how = [Wait::Adaptive, Wait::Block, Wait::Spin, ON_EVENTS][dice.below(4) as usize];
        ours.iter().for_each(|me| me.set_wait(how));
        // What waits for the next request keeps none from sending.
        ours[0].set_unread_budget(1 << 20);
        let sent = serve(&ours, &mut dice);
        for me in &ours {
            PEERS.into_iter().for_each(|rank| me.to(rank).within(GUARD).send(b"").expect("room"));
            // After that nothing comes but ends.
            let mut ends: Vec<RecvError> =
                PEERS.map(|_| me.from_any().within(GUARD).recv().expect_err("an end")).into();
            ends.sort_by_key(|end| format!("{end:?}"));
            assert_eq!(ends, PEERS.map(left));
        }
        drop(ours);
        sent
    });
}

/// Waits for all that may come until it came, and does what it is told.
fn serve([me, other]: &[Endpoint; 2], dice: &mut Dice) -> u64 {
    let topic = me.region().topic("speed").expect("room");
    let mut value = topic.latest(me).expect("a reader");
    let (mut here, mut there, mut sent) = (Told::default(), Told::default(), 0);
    let (mut calls, mut requests) = (vec![], vec![]);
    let mut streams = PEERS.map(|rank| {
        let topic = me.region().topic(&format!("track {rank}")).expect("room");
        topic.subscriber(me, Policy::skip()).expect("a reader")
    });
    let mut select = Select::new();
    // Some take what others do, too.
    let filters = [
        me.from_any().tag(0),
        me.from_any().tag(1),
        me.from(1).tag(2),
        me.from_any().tag_masked(2, 2),
        me.from_any().tag_masked(4, 4),
    ];
    let arms = filters.map(|from| select.recv(from));
    let anything = select.recv(other.from_any());
    let rooms = PEERS.map(|rank| select.send(me.to(rank), 200));
    let changed = select.latest(&value);
    let streamed = streams.each_ref().map(|subscriber| select.subscriber(subscriber));
    let tick = select.every(Duration::from_micros(700));
    let all = EACH * PEERS.len() as u64;
    let mut last = 0;
    while here.mails < all || there.mails < all || !calls.is_empty() {
        let arm = match dice.below(3) {
            0 => select.try_wait().expect("nobody ends"),
            1 => Some(select.wait(GUARD).expect("time goes on")),
            _ => Some(select.wait(Deadline::Never).expect("time goes on")),
        };
        let Some(arm) = arm else { continue };
        if let Some(at) = arms.iter().position(|one| *one == arm) {
            here.take(&filters[at].try_recv().expect("nobody ends").expect("it was told"));
        } else if arm == anything {
            there.take(&other.try_recv().expect("nobody ends").expect("it was told"));
        } else if let Some(at) = rooms.iter().position(|one| *one == arm) {
            if dice.below(4) == 0 {
                me.to(PEERS[at]).try_send(&[1; 200]).expect("it was told");
                sent += 1;
            }
        } else if let Some(at) = streamed.iter().position(|one| *one == arm) {
            let sample = streams[at].try_recv().expect("sound").expect("it was told");
            assert_eq!(sample.value(), Ok(sample.number()));
        } else if arm == changed {
            let value = value.value::<u64>().expect("sound").expect("it was told");
            assert!(value >= last);
            last = value;
        } else if arm == tick {
            let peer = PEERS[dice.below(3) as usize];
            // Now and then through the mailbox.
            let len = [8, 100][dice.below(2) as usize];
            match me.to(peer).within(Deadline::Now).start_call(&vec![0; len]) {
                Ok(call) => calls.push((select.call(&call), call)),
                Err(error) => assert_eq!(error, mailbox::CallError::Request(SendError::Full(peer))),
            }
            // Of several, one that was started later may be told first.
            if requests.is_empty() {
                let request = me.from_any().tag(8).start();
                requests.push((select.request(&request), request));
            }
        } else if let Some(at) = calls.iter().position(|(one, _)| *one == arm) {
            let answer = calls.swap_remove(at).1.try_wait().expect("it lives").expect("it was told");
            assert_eq!(*answer, *b"!");
        } else {
            let at = requests.iter().position(|(one, _)| *one == arm).expect("one of the arms");
            here.take(&requests.remove(at).1.wait().expect("nobody ends").expect("a mail"));
        }
    }
    assert_eq!(here.mails + there.mails, 2 * all);
    sent
}

#[test]
fn what_is_told_is_there_and_all_of_it_is_told() {
    let first = number("SEED", 1);
    (first..first + number("ROUNDS", 8)).for_each(run);
}
