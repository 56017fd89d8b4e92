//! Two senders and a receiver that do at random what they may, against an oracle: whole messages and announced ones,
//! in batches or not, assembled or fetched by hand, with and without timeouts, through tiny mailboxes.
#![cfg(not(loom))]

mod common;

use common::{Scratch, pattern};
use mailbox::{Config, Deadline, Endpoint, Mail, RecvError, SendError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::VecDeque;
use std::io::Read;
use std::thread;
use std::time::Duration;

const SENDERS: usize = 2;
const RECEIVER: u32 = SENDERS as u32;

/// How long a call waits: not at all, so many microseconds, or as long as it takes.
type Patience = Option<u64>;

fn patience() -> impl Strategy<Value = Patience> {
    select(vec![None, None, None, Some(0), Some(0), Some(50), Some(1000)])
}

#[derive(Debug, Clone)]
enum Send {
    Message { len: usize, patience: Patience, tries: bool },
    Lend(Index),
    Batch(usize),
}

/// Lengths up to a few arenas, small ones and those about the limit of a whole message more often.
fn send(arena: usize) -> impl Strategy<Value = Send> {
    let len = prop_oneof![0..60usize, arena / 2 - 20..arena / 2 + 70, 0..5 * arena];
    prop_oneof![
        8 => (len, patience(), any::<bool>())
            .prop_map(|(len, patience, tries)| Send::Message { len, patience, tries }),
        1 => any::<Index>().prop_map(Send::Lend),
        1 => (0..3usize).prop_map(Send::Batch),
    ]
}

#[derive(Debug, Clone)]
enum Receive {
    /// From a rank or from anyone; whether the mail is held for a while, or left once.
    Mail {
        from: Option<u32>,
        patience: Patience,
        hold: bool,
        leave: bool,
    },
    ByHand(bool),
    Batch(usize),
}

fn receive() -> impl Strategy<Value = Receive> {
    let from = prop_oneof![Just(None), (0..RECEIVER).prop_map(Some)];
    prop_oneof![
        12 => (from, select(vec![0, 0, 100, 1000]), any::<bool>(), any::<bool>())
            .prop_map(|(from, us, hold, leave)| Receive::Mail { from, patience: Some(us), hold, leave }),
        1 => any::<bool>().prop_map(Receive::ByHand),
        1 => (0..3usize).prop_map(Receive::Batch),
    ]
}

/// What was sent, and what came of it.
struct Sent {
    message: Vec<u8>,
    result: Result<(), SendError>,
}

/// Does what the script says, and then leaves.
fn send_all(me: Endpoint, script: &[Send]) -> VecDeque<Sent> {
    let mut sent = VecDeque::new();
    let mut batches = Vec::new();
    let whole = me.region().eager_limit() as usize;
    for (at, step) in script.iter().enumerate() {
        let seed = at * 3 + me.rank() as usize;
        let (message, result) = match step {
            Send::Batch(open) => {
                batches.resize_with(*open, || me.batch());
                continue;
            }
            Send::Lend(len) => {
                let message = pattern(len.index(whole + 1), seed);
                let result = me.loan(message.len()).and_then(|mut loan| {
                    loan.write_at(0, &message);
                    loan.commit(message.len()).send(RECEIVER)
                });
                (message, result)
            }
            Send::Message { len, patience, tries } => {
                let message = pattern(*len, seed);
                let result = match patience {
                    None => me.send(RECEIVER, &message),
                    Some(0) if *tries => me.try_send(RECEIVER, &message),
                    Some(us) => me.to(RECEIVER).within(Duration::from_micros(*us)).send(&message),
                };
                (message, result)
            }
        };
        sent.push_back(Sent { message, result });
    }
    sent
}

/// What arrived of a sender.
#[derive(Default)]
struct Arrived {
    messages: Vec<Vec<u8>>,
    has_left: bool,
}

/// Does what the script says, again and again, until all senders have left.
fn receive_all(me: &Endpoint, script: &[Receive]) -> [Arrived; SENDERS] {
    let mut arrived: [Arrived; SENDERS] = Default::default();
    let mut batches = Vec::new();
    let mut held: Option<Mail<'_>> = None;
    for step in script.iter().cycle() {
        let (from, patience, hold, leave) = match step {
            Receive::ByHand(by_hand) => {
                me.set_by_hand(*by_hand);
                continue;
            }
            Receive::Batch(open) => {
                batches.resize_with(*open, || me.batch());
                continue;
            }
            Receive::Mail { from, patience, hold, leave } => (*from, *patience, *hold, *leave),
        };
        let source = from.map_or(mailbox::Source::Anyone, mailbox::Source::Rank);
        let got = match patience {
            Some(0) if hold => me.from(source).within(Deadline::Now).recv(),
            Some(us) => me.from(source).within(Duration::from_micros(us)).recv(),
            None => me.from(source).recv(),
        };
        match got {
            Ok(mail) => {
                // Nothing passes what is held, or it would come out of order: it is read when it is taken.
                let messages = &mut arrived[mail.from() as usize].messages;
                if mail.announced().is_none() {
                    messages.push(mail.to_vec());
                    held = hold.then_some(mail);
                    continue;
                }
                let mut bytes = Vec::new();
                match mail.fetch().read_to_end(&mut bytes) {
                    Ok(_) => messages.push(bytes),
                    // Its sender gave it up.
                    Err(error) => assert!(error.to_string().contains("gave up"), "{error}"),
                }
            }
            Err(RecvError::Gone { rank: from, died: false }) => {
                arrived[from as usize].has_left = true;
                if arrived.iter().all(|arrived| arrived.has_left) {
                    return arrived;
                }
            }
            Err(error) => {
                let is_held = held.as_ref().is_some_and(|mail| error == RecvError::Held(mail.from()));
                assert!(is_held || matches!(error, RecvError::Timeout), "{error}");
                // In the middle of an announced one, perhaps: one from before it comes again.
                match held.take() {
                    Some(mail) if leave => {
                        let (from, seq) = (mail.from(), mail.seq());
                        mail.requeue();
                        let again = me.from(from).try_recv().unwrap().expect("what was left");
                        assert_eq!((again.from(), again.seq()), (from, seq));
                    }
                    mail => drop(mail),
                }
            }
        }
    }
    unreachable!("a script without receives")
}

fn run() -> impl Strategy<Value = (u32, usize, Vec<Vec<Send>>, Vec<Receive>)> {
    (1..=3u32, 1..=32usize).prop_flat_map(|(bits, arena)| {
        let arena = 128 * arena;
        let scripts = vec(vec(send(arena), 0..14), SENDERS);
        let receive_script = vec(receive(), 1..30).prop_filter("something is received", |script| {
            script.iter().any(|step| matches!(step, Receive::Mail { from: None, .. }))
        });
        (Just(1 << bits), Just(arena), scripts, receive_script)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_was_sent_arrives_once_in_order_and_what_was_given_up_not_at_all(
        (cells, arena, scripts, script) in run(),
    ) {
        let scratch = Scratch::new();
        let config = Config::ranks(RECEIVER + 1).cells(cells).arena(arena as u64);
        let region = scratch.create(config);
        let join = |rank: u32| region.join(rank).expect("a free rank");
        let (sent, arrived) = thread::scope(|scope| {
            // If a receiver panics, the threads that wait for it end, too.
            let me = join(RECEIVER);
            // Each has spoken: or nobody would hear of its end.
            let senders: Vec<_> = (0..).zip(&scripts).map(|(rank, script)| {
                let sender = join(rank);
                sender.send(RECEIVER, b"").expect("room");
                drop(me.from(rank).recv().expect("mail"));
                scope.spawn(move || send_all(sender, script))
            }).collect();
            let arrived = receive_all(&me, &script);
            (senders.into_iter().map(|sender| sender.join().expect("a thread")).collect::<Vec<_>>(), arrived)
        });
        for (sent, arrived) in sent.into_iter().zip(arrived) {
            let mut arrived = VecDeque::from(arrived.messages);
            for (at, Sent { message, result }) in sent.into_iter().enumerate() {
                let is_long = message.len() > region.eager_limit() as usize;
                let is_there = arrived.front() == Some(&message);
                match result {
                    Ok(()) => {
                        prop_assert!(is_there, "message {} of {} bytes is missing", at, message.len());
                        arrived.pop_front();
                    }
                    // Its last bytes may have been on the way.
                    Err(SendError::Timeout(_)) if is_long => if is_there { arrived.pop_front(); },
                    Err(SendError::TooLarge { .. }) => prop_assert!(is_long),
                    Err(error) => prop_assert!(
                        matches!(error, SendError::Timeout(_) | SendError::Full(_)), "{error}"
                    ),
                }
            }
            prop_assert_eq!(arrived.len(), 0, "what nobody sent");
        }
    }
}
