//! Several threads of one shared endpoint that ask for events: the shipped receiving side, under the shipped crew. Its mailboxes
//! and its registry lie on the heap.
//!
//! What `shared` adds itself is written here once more: which looks a call makes before it sits down, and that a thread which was
//! told that nobody is left has the others looked for. Not modelled: polling, mails that are held, and naps that end by time. (A
//! model has no time. So deaths are those that a peer has found, and a joining is heard of by the first mail.)

use super::{Turn, check, side_by_side};
use loom::thread;
use mailbox::RecvError;
use mailbox::lab::abi::{Bells, Kind, MAIL};
use mailbox::lab::half::Member;
use mailbox::lab::memory::Shared as Words;
use mailbox::lab::rank::{Bell, Claim, Polling, Ringer, Seen, fall_asleep};
use mailbox::lab::receive::{Inbox, News, Receive, Told, Wanted};
use mailbox::lab::region::{CleanShutdown, Region};
use mailbox::lab::ring::{Producer, Slack};
use mailbox::lab::sync::Edge::{Changes, RingerFence, SleeperFence};
use mailbox::lab::sync::Mutant::{
    self, Abrupt, Acquire, Clear, Deaf, Desert, Discreet, Fence, Forgetful, Hasty, Release, Selfish,
};
use mailbox::lab::sync::Ordering;
use mailbox::lab::wait::{Common, Crew, Deadline, Found, Look, Operation, Waiter};
use mailbox::{Source, Wait};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a thread was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heard {
    Joined,
    Mail(u64),
    /// Of rank 2.
    Other(u64),
    Left,
    Died,
    Alone,
}

use Heard::{Alone, Died, Joined, Left, Mail, Other};

/// What a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    /// An event; it knows of so many times that nobody is left.
    Event(Option<u64>),
    /// Such mail.
    Mail(Wanted),
}

/// The receiving half of rank 0, which several threads use, and what they were told, in this order.
struct Joint {
    inbox: Inbox,
    member: Member,
    /// The other half does nothing here.
    #[expect(dead_code, reason = "the rank has both halves")]
    sending: Member,
    log: RefCell<Vec<Heard>>,
}

impl Joint {
    /// As `shared` looks.
    fn look(&self, want: Want, how: Look) -> Result<Found<Heard>, RecvError> {
        let Self { inbox, member, .. } = self;
        let found = match want {
            Want::Event(since) => inbox.look_for_event(member, since, |next| found(next, how))?,
            Want::Mail(wanted) => self.receive(wanted, how)?,
        };
        Ok(match found {
            Found::All(told) => {
                let heard = Heard::from(told);
                self.log.borrow_mut().push(heard);
                Found::All(heard)
            }
            Found::Some => Found::Some,
            Found::Nothing => Found::Nothing,
        })
    }

    fn receive(&self, wanted: Wanted, how: Look) -> Result<Found<Told>, RecvError> {
        let Self { inbox, member, .. } = self;
        if let Some((peer, mail)) = inbox.recv_new(member, wanted) {
            return Ok(Found::All(Told::Mail(peer.from, mail)));
        }
        let mut receive = Receive::new(inbox, member, wanted);
        let step = match found(&mut receive, how)? {
            false => return Ok(Found::Nothing),
            true => receive.step(),
        };
        match (step, receive.found) {
            (Err(RecvError::Gone { died, .. }), _) => {
                self.log.borrow_mut().push(if died { Died } else { Left });
                Err(RecvError::Gone { rank: 1, died })
            }
            (_, Some((peer, mail))) => Ok(Found::All(Told::Mail(peer.from, mail))),
            _ => Ok(Found::Some),
        }
    }
}

/// No question to the kernel depends on the time that a model takes.
fn found(operation: &mut impl Operation<Error = RecvError>, how: Look) -> Result<bool, RecvError> {
    match how {
        Look::Soon | Look::Brief => operation.look(false),
        Look::Thorough => operation.look(true),
        Look::Check { .. } => operation.check(false),
    }
}

impl From<Told> for Heard {
    fn from(told: Told) -> Self {
        match told {
            Told::Mail(1, mail) => Mail(mail.seq),
            Told::Mail(2, mail) => Other(mail.seq),
            Told::News(News::Joined { rank: 1 | 2, epoch: 1 }) => Joined,
            Told::News(News::Ended(end)) if (end.rank, end.epoch) == (1, 1) => {
                if end.died {
                    Died
                } else {
                    Left
                }
            }
            Told::News(News::Alone) => Alone,
            _ => panic!("of a rank or a life that never was"),
        }
    }
}

impl Common for Joint {
    type Want = Want;

    fn bits(_: &Want) -> u32 {
        MAIL
    }

    fn hears_of_ends(want: &Want) -> bool {
        !matches!(want, Want::Mail(wanted) if !wanted.is_from_anyone())
    }

    fn is_alike(one: &Want, other: &Want) -> bool {
        one == other
    }

    fn has_news(&self, want: &Want, is_first: bool) -> bool {
        let Self { inbox, member, .. } = self;
        is_first
            && match *want {
                Want::Event(since) => inbox.has_event(member, since),
                Want::Mail(wanted) => inbox.has_news(member, wanted),
            }
    }

    fn fall_asleep(&self, _: &Want, _: u32, now: Instant) -> Seen {
        fall_asleep(self.member.sleeps(), now)
    }

    fn wake_up(&self, bits: u32) {
        Bell::of(&self.member.record().bells, bits).wake_up();
    }

    fn until_question(&self) -> Duration {
        Duration::MAX
    }

    fn how(&self) -> Wait {
        Wait::Block
    }

    fn polling(&self) -> Polling {
        Polling::Free
    }
}

/// Rank 0, as its threads have it.
#[derive(Clone)]
struct Threads(Arc<Crew<Joint>>);

impl Threads {
    /// The next thing that this thread waits for.
    fn next(&self, want: Want) -> Heard {
        let heard = match self.wait(want) {
            Ok(heard) => heard,
            Err(RecvError::Gone { died, .. }) => {
                if died {
                    Died
                } else {
                    Left
                }
            }
            Err(error) => panic!("{error}"),
        };
        if heard == Alone {
            // Others wait for that, too, and nobody rings.
            self.0.stir(|_| ());
        }
        heard
    }

    fn wait(&self, want: Want) -> Result<Heard, RecvError> {
        loop {
            match self.0.with(|joint| joint.look(want, Look::Brief))? {
                Found::All(heard) => return Ok(heard),
                Found::Some => {}
                Found::Nothing => break,
            }
        }
        let heard = self.0.wait(want, Deadline::Never, |joint, how| joint.look(want, how))?;
        Ok(heard.expect("there is no deadline"))
    }

    /// What is left to be told after all threads are done; no more than a few of it.
    fn rest(&self) -> Vec<Heard> {
        let look = || self.0.with(|joint| joint.look(Want::Event(None), Look::Thorough)).expect("sense");
        let told = (0..3).map_while(|_| if let Found::All(heard) = look() { Some(heard) } else { None });
        told.collect()
    }

    fn log(&self) -> Vec<Heard> {
        self.0.with(|joint| joint.log.borrow().clone())
    }
}

/// Another rank, as its process has it.
struct Peer {
    rank: u32,
    region: Region,
    producer: Producer,
    bells: Words<Bells>,
    claim: Option<Claim>,
}

impl Peer {
    fn join(&mut self) {
        self.claim = self.region.registry.claim(self.rank, b"", 1, 0).expect("a lock");
        assert!(self.claim.is_some(), "nobody holds it");
    }

    fn ring(&self) {
        Ringer::register().ring(Bell::mail(&self.bells));
    }

    fn send(&self) {
        let slot = self.producer.claim(8, Slack::Any).expect("room");
        self.producer.fill(&slot.numbered(Kind::Whole, slot.seq), &[7; 8]);
        self.ring();
    }

    fn leave(&mut self) {
        self.claim.take().expect("it is there").leave();
        self.ring();
    }

    /// It dies, and another process has found that.
    fn die(&mut self) {
        let life = self.claim.take().expect("it is there").life();
        self.region.registry.report_death(self.rank, life);
        self.ring();
    }
}

/// Rank 0 and its peers, from rank 1 on, whose mailboxes are open. If they are `there`, that is told.
fn ranks<const PEERS: usize>(are_there: bool) -> (Threads, [Peer; PEERS]) {
    let region = Region::on_heap(1 + PEERS as u32, 2);
    let claim = region.registry.claim(0, b"", 1, 0).expect("a lock").expect("nobody holds it");
    let (member, sending) = Member::halves(region.clone(), claim, CleanShutdown::default());
    // It does not leave at the end of a model.
    member.abandon();
    member.share(true);
    let bells = region.registry.record(0).part(|record| &*record.bells);
    let peers = core::array::from_fn(|at| {
        let rank = 1 + at as u32;
        region.registry.rank(0).opened[0].fetch_or(1 << rank, Ordering::Release);
        let producer = Producer::recover(region.segment.mailbox(rank, 0).mail, 1).expect("a lane");
        Peer { rank, region: region.clone(), producer, bells: bells.clone(), claim: None }
    });
    let inbox = Inbox::new(&member);
    let threads =
        Threads(Arc::new(Crew::new(bells, Joint { inbox, member, sending, log: RefCell::default() })));
    let peers = peers.map(|mut peer: Peer| {
        if are_there {
            peer.join();
        }
        peer
    });
    assert_eq!(threads.rest(), vec![Joined; if are_there { PEERS } else { 0 }]);
    threads.0.with(|joint| joint.log.borrow_mut().clear());
    (threads, peers)
}

/// Two threads that wait for these once each, beside rank 1. They are told this, in this order, and then there is the rest.
fn check_one_each(
    (wants, is_there): ([Want; 2], bool),
    mutants: &[Mutant],
    act: impl Fn(&mut Peer) + Copy + Send + Sync + 'static,
    (told, rest): (&'static [Heard], &'static [Heard]),
) {
    check(Some(2), mutants, move |turn: Turn| {
        let (threads, [mut peer]) = ranks(is_there);
        let [one, other, all] = [threads.clone(), threads.clone(), threads];
        let wait = move || {
            let second = thread::spawn(move || other.next(wants[1]));
            one.next(wants[0]);
            second.join().unwrap();
            assert_eq!(all.log(), told);
            assert_eq!(all.rest(), rest);
        };
        side_by_side(turn, wait, move || act(&mut peer));
    });
}

const EVENT: Want = Want::Event(None);

#[test]
fn two_threads_that_ask_for_an_event_get_one_each_and_the_end_comes_after_the_mail() {
    let mutants = [Hasty, Fence(SleeperFence), Fence(RingerFence), Clear, Desert];
    let act = |peer: &mut Peer| {
        peer.send();
        peer.leave();
    };
    check_one_each(([EVENT, EVENT], true), &mutants, act, (&[Mail(0), Left], &[Alone]));
}

#[test]
fn a_thread_that_takes_mail_and_one_that_asks_for_events_are_told_each_thing_once() {
    let act = |peer: &mut Peer| {
        peer.send();
        peer.leave();
    };
    let mutants = [Hasty, Forgetful];
    check_one_each(
        ([EVENT, Want::Mail(Wanted::ANYTHING)], true),
        &mutants,
        act,
        (&[Mail(0), Left], &[Alone]),
    );
}

#[test]
fn a_death_that_a_peer_has_found_is_told_to_one_thread() {
    let act = |peer: &mut Peer| {
        peer.send();
        peer.die();
    };
    let mutants = [Hasty, Forgetful, Release(Changes), Acquire(Changes)];
    check_one_each(([EVENT, EVENT], true), &mutants, act, (&[Mail(0), Died], &[Alone]));
}

#[test]
fn a_joining_is_told_to_one_thread_before_another_gets_the_mail() {
    let act = |peer: &mut Peer| {
        peer.join();
        peer.send();
    };
    check_one_each(([EVENT, EVENT], false), &[Abrupt], act, (&[Joined, Mail(0)], &[]));
}

#[test]
fn each_of_two_threads_is_told_that_nobody_is_left() {
    let mutants = [Hasty, Forgetful, Discreet];
    check(Some(2), &mutants, |turn: Turn| {
        let (threads, [mut peer]) = ranks(true);
        let [one, other, all] = [threads.clone(), threads.clone(), threads];
        let wait = move || {
            let until_alone = |threads: Threads| while threads.next(Want::Event(Some(0))) != Alone {};
            let second = thread::spawn(move || until_alone(other));
            until_alone(one);
            second.join().unwrap();
            assert_eq!(all.log(), [Mail(0), Left, Alone, Alone]);
            assert_eq!(all.rest(), []);
        };
        let act = move || {
            peer.send();
            peer.leave();
        };
        side_by_side(turn, wait, act);
    });
}

#[test]
fn a_thread_that_follows_one_that_waits_for_a_certain_mail_is_called_for_an_end() {
    check(Some(2), &[Deaf, Selfish], |turn: Turn| {
        let (threads, [mut peer, other]) = ranks(true);
        let [one, second, all] = [threads.clone(), threads.clone(), threads];
        let wait = move || {
            let events = thread::spawn(move || {
                assert_eq!(second.next(EVENT), Left);
                // No other ring helps that one.
                other.send();
            });
            assert_eq!(one.next(Want::Mail(Source::Rank(2).into())), Other(0));
            events.join().unwrap();
            assert_eq!(all.log(), [Left, Other(0)]);
            assert_eq!(all.rest(), []);
        };
        side_by_side(turn, wait, move || peer.leave());
    });
}
