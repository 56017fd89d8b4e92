//! The life of a rank: what the others are told when it comes, leaves, dies and comes again.
//!
//! First the table, a test for each cell: `me` is rank 0, and the other rank, 1, is in one of five states.
//! Every endpoint is a process of its own.
#![cfg(not(loom))]

mod common;
#[path = "life/receive.rs"]
mod receive;
#[path = "life/send.rs"]
mod send;
#[path = "life/successors.rs"]
mod successors;
#[path = "life/told.rs"]
mod told;

use Peer::{Dead, Left, Live, NeverJoined, Replaced};
use common::puppet::{self, mail, puppet};
use common::wire::geometry;
use common::{Child, GUARD, Scratch, gist, pattern, record};
use mailbox::lab::abi::{ConsumerLine, Identity, MAIL, ROOM, Rank};
use mailbox::{Config, RecvError, Status, Wait};
use std::mem::offset_of;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn second_process() {
    if let Some((_, region)) = common::role() {
        puppet::perform(&region);
    }
}

const CELLS: usize = 4;
/// Calls of which at least one asks whether somebody died.
const TRIES: usize = 64;

/// A region with two processes.
struct Scene {
    me: Child,
    peer: Child,
    region: Scratch,
}

/// What became of the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Peer {
    NeverJoined,
    Live,
    Left,
    Dead,
    /// It was rank 1, and is again, in another life.
    Replaced,
}

impl Scene {
    /// Rank 0 has joined; rank 1, after it has sent what `descriptors` say, is as `peer` says.
    fn new(peer: Peer, descriptors: &[&str]) -> Self {
        let region = Scratch::new();
        region.create(Config::ranks(3).cells(CELLS as u32).arena(1024));
        let mut scene = Self { me: puppet(&region), peer: puppet(&region), region };
        assert_eq!(scene.me.does("join 0"), "ok");
        assert_eq!(scene.peer.does("open"), "ok");
        if peer != NeverJoined {
            scene.peer_joins();
            for descriptor in descriptors {
                assert_eq!(scene.peer.does(&format!("send 0 {descriptor}")), "ok");
            }
        }
        match peer {
            NeverJoined | Live => {}
            Left => scene.peer_leaves(),
            Dead => scene.peer.kill(),
            Replaced => {
                scene.peer.kill();
                scene.peer = puppet(&scene.region);
                scene.peer_joins();
            }
        }
        scene.expect_status(1, peer);
        scene
    }

    fn peer_joins(&mut self) {
        assert_eq!(self.peer.does("join 1"), "ok");
    }

    fn peer_leaves(&mut self) {
        assert_eq!(self.peer.does("leave"), "ok");
    }

    /// Another process takes the peer's place, whose end was that of its process.
    fn peer_is_replaced(&mut self) {
        self.peer = puppet(&self.region);
        self.peer_joins();
    }

    /// Another process takes the place of rank 0.
    fn i_am_replaced(&mut self) {
        self.me = puppet(&self.region);
        assert_eq!(self.me.does("join 0"), "ok");
    }

    fn expect_status(&self, rank: u32, peer: Peer) {
        let expected = match peer {
            NeverJoined => (Status::NeverJoined, 0),
            Live => (Status::Live, 1),
            Left => (Status::Left, 1),
            Dead => (Status::Dead, 1),
            Replaced => (Status::Live, 2),
        };
        assert_eq!(self.region.open().status(rank), Some(expected), "rank {rank}");
    }

    fn fill(&mut self) {
        assert_eq!(self.me.does("fill 1"), CELLS.to_string());
    }
}

/// The one command again and again, until it says something else than `nothing`; calls that do not wait ask
/// for deaths now and then only.
fn insist(child: &mut Child, command: &str, nothing: &str) -> String {
    (0..=TRIES).map(|_| child.does(command)).find(|answer| answer != nothing).expect("more than nothing")
}

// --- Ends that come while somebody waits -------------------------------------------------------------------

/// Rank 0 does `command` and sleeps; then the peer, live, ends: what is rank 0 told?
fn told_while_asleep(command: &str, end: fn(&mut Scene)) -> String {
    let mut scene = Scene::new(Live, &["a"]);
    assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
    scene.fill();
    scene.me.starts(command);
    if command.starts_with("send") {
        scene.region.wait_until_sender_sleeps(0);
    } else {
        scene.region.wait_until_receiver_sleeps(0);
    }
    end(&mut scene);
    scene.me.answer()
}

#[test]
fn a_sleeper_is_told_of_a_leave() {
    for command in ["recv", "recv 1"] {
        assert_eq!(told_while_asleep(command, Scene::peer_leaves), "Gone { rank: 1, died: false }");
    }
    assert_eq!(told_while_asleep("send 1 x", Scene::peer_leaves), "Gone { rank: 1, died: false }");
}

#[test]
fn a_sleeper_is_told_of_a_death() {
    for command in ["recv", "recv 1"] {
        assert_eq!(told_while_asleep(command, |scene| scene.peer.kill()), "Gone { rank: 1, died: true }");
    }
    assert_eq!(told_while_asleep("send 1 x", |scene| scene.peer.kill()), "Gone { rank: 1, died: true }");
}

#[test]
fn whoever_sleeps_on_one_rank_does_not_hear_of_another() {
    let mut scene = Scene::new(Live, &["a"]);
    let mut third = puppet(&scene.region);
    assert_eq!(third.does("join 2"), "ok");
    assert_eq!(third.does("send 0 x"), "ok");
    scene.me.starts("recv_timeout 1");
    assert_eq!(scene.me.answer(), mail(1, 1, 0, "a"));
    scene.me.starts("recv 1");
    scene.region.wait_until_receiver_sleeps(0);
    third.kill();
    assert_eq!(scene.peer.does("send 0 b"), "ok");
    assert_eq!(scene.me.answer(), mail(1, 1, 1, "b"));
    assert_eq!(scene.me.does("recv"), mail(2, 1, 0, "x"));
    assert_eq!(scene.me.does("recv"), "Gone { rank: 2, died: true }");
}

#[test]
fn an_end_is_not_told_before_the_mail_that_came_just_before_it() {
    // A look round these takes longer than sending and leaving do: most leaves fall into one.
    const OTHERS: u32 = 400;
    const ROUNDS: usize = 1000;
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(2 + OTHERS).cells(2).arena(128));
    let live_and_leave = |rank| region.join(rank).expect("a free rank").send(0, b"x").expect("room");
    let me = region.join(0).expect("a free rank");
    let next = || {
        let mut told = Ok(None);
        let deadline = Instant::now() + GUARD;
        while told == Ok(None) && Instant::now() < deadline {
            thread::yield_now();
            told = me.try_recv().map(|mail| mail.map(|mail| mail.from()));
        }
        told
    };
    for rank in 2..2 + OTHERS {
        live_and_leave(rank);
        assert_eq!([next(), next()], [Ok(Some(rank)), Err(RecvError::Gone { rank, died: false })]);
    }
    let told = thread::scope(|scope| {
        // Hangs up if the other thread fails.
        let (start, starts) = mpsc::sync_channel(0);
        scope.spawn(move || starts.iter().for_each(live_and_leave));
        let lives = (0..ROUNDS).map(|_| {
            start.send(1).expect("a thread");
            [next(), next()]
        });
        lives.collect::<Vec<_>>()
    });
    let expected = [Ok(Some(1)), Err(RecvError::Gone { rank: 1, died: false })];
    assert_eq!(told.into_iter().filter(|told| *told != expected).count(), 0, "of {ROUNDS} lives");
}

// --- What counts as which end ------------------------------------------------------------------------------

/// The peer, live, does `command`: what is rank 0 told?
fn told_after(command: &str) -> String {
    let mut scene = Scene::new(Live, &[]);
    scene.peer.starts(command);
    if command == "exit" {
        scene.peer.finish();
    } else {
        assert_eq!(scene.peer.answer(), "ok");
    }
    scene.me.does("recv 1")
}

#[test]
fn dropping_an_endpoint_is_leaving() {
    assert_eq!(told_after("leave"), "Gone { rank: 1, died: false }");
}

#[test]
fn dropping_an_endpoint_in_a_panic_is_dying() {
    assert_eq!(told_after("unwind"), "Gone { rank: 1, died: true }");
}

#[test]
fn exiting_without_dropping_is_dying() {
    assert_eq!(told_after("exit"), "Gone { rank: 1, died: true }");
}

#[test]
fn a_stopped_process_is_alive() {
    let mut scene = Scene::new(Live, &[]);
    scene.fill();
    scene.peer.stop();
    scene.expect_status(1, Live);
    assert_eq!(scene.me.does("recv_timeout 1"), "Timeout");
    assert_eq!(scene.me.does("recv_timeout"), "Timeout");
    assert_eq!(scene.me.does("send_timeout 1 x"), "Timeout(1)");
    scene.peer.signal(libc::SIGCONT);
    assert_eq!(scene.peer.does("send 0 a"), "ok");
    assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
}

#[test]
fn an_end_is_told_when_it_is_polled_for_however_short_the_timeout() {
    for (peer, error) in
        [(Left, RecvError::Gone { rank: 1, died: false }), (Dead, RecvError::Gone { rank: 1, died: true })]
    {
        let scene = Scene::new(peer, &[]);
        let third = scene.region.open().join(2).expect("a free rank");
        for how in [Wait::Spin, Wait::Adaptive, Wait::Block] {
            third.set_wait(how);
            for timeout in [Duration::ZERO, Duration::from_millis(1)] {
                let told = (0..=TRIES).any(|_| third.from(1).within(timeout).recv().err() == Some(error));
                assert!(told, "{peer:?}, {how:?}, polled every {timeout:?}");
            }
        }
    }
}

// --- A lock that is gone -----------------------------------------------------------------------------------

#[test]
#[cfg_attr(portable, ignore = "closes a descriptor that holds a lock")]
fn whoever_lost_its_lock_and_was_replaced_is_told() {
    let mut scene = Scene::new(Live, &["a", "b"]);
    assert_eq!(scene.me.does("hold"), mail(1, 1, 0, "a"));
    assert_eq!(scene.me.does("lose-lock"), "ok");
    let mut successor = puppet(&scene.region);
    assert_eq!(successor.does("join 0"), "ok");
    for command in ["send 1 x", "try_send 1 x", "recv", "try_recv", "recv_timeout 1"] {
        assert_eq!(scene.me.does(command), "Lost(Rank)", "{command}");
    }
    // What it did not acknowledge is its successor's, and its leaving nobody's business.
    assert_eq!(scene.me.does("leave"), "ok");
    scene.expect_status(0, Replaced);
    assert_eq!(successor.does("recv"), mail(1, 1, 0, "a"));
    assert_eq!(successor.does("recv"), mail(1, 1, 1, "b"));
    assert_eq!(scene.peer.does("recv_timeout 0"), "Timeout");
}

/// This process sleeps in `command`, with its mailbox to the peer full, and has lost its rank's lock.
fn asleep_without_its_lock(command: &str) -> Scene {
    let mut scene = Scene::new(Live, &[]);
    scene.fill();
    assert_eq!(scene.me.does("lose-lock"), "ok");
    scene.me.starts(command);
    if command.starts_with("send") {
        scene.region.wait_until_sender_sleeps(0);
    } else {
        scene.region.wait_until_receiver_sleeps(0);
    }
    scene
}

#[test]
#[cfg_attr(portable, ignore = "closes a descriptor that holds a lock")]
fn whoever_is_resumed_after_it_was_replaced_is_told() {
    for command in ["recv", "recv 1", "send 1 x"] {
        let mut scene = asleep_without_its_lock(command);
        scene.me.stop();
        let mut successor = puppet(&scene.region);
        assert_eq!(successor.does("join 0"), "ok");
        // What it waits for has come, for the successor.
        assert_eq!(scene.peer.does("send 0 for-the-successor"), "ok");
        assert_eq!(scene.peer.does("recv"), mail(0, 1, 0, "fill"));
        assert_eq!(successor.does("try_send 1 first"), "ok");
        assert_eq!(scene.peer.does("recv"), mail(0, 1, 1, "fill"));
        scene.me.signal(libc::SIGCONT);
        assert_eq!(scene.me.answer(), "Lost(Rank)", "{command}");
        assert_eq!(scene.me.does("try_send 1 x"), "Lost(Rank)");
        assert_eq!(successor.does("recv"), mail(1, 1, 0, "for-the-successor"));
        assert_eq!(successor.does("try_send 1 second"), "ok");
        for (seq, epoch, text) in [(2, 1, "fill"), (3, 1, "fill"), (4, 2, "first"), (5, 2, "second")] {
            assert_eq!(scene.peer.does("recv"), mail(0, epoch, seq, text));
        }
    }
}

#[test]
#[cfg_attr(portable, ignore = "closes a descriptor that holds a lock")]
fn whoever_sleeps_when_it_loses_its_rank_is_told() {
    for command in ["recv", "recv 1", "send 1 x"] {
        let mut scene = asleep_without_its_lock(command);
        let mut successor = puppet(&scene.region);
        assert_eq!(successor.does("join 0"), "ok");
        // The successor falls asleep, as far as anyone can tell: its predecessor must not say that it wakes.
        let bells = record(0) + offset_of!(Rank, bells) as u64;
        scene.region.patch(bells, &(MAIL | ROOM).to_ne_bytes());
        assert_eq!(scene.me.answer(), "Lost(Rank)", "{command}");
        assert_eq!(scene.region.peek(bells), (MAIL | ROOM).to_ne_bytes(), "{command}");
    }
}

#[test]
#[cfg_attr(portable, ignore = "closes a descriptor that holds a lock")]
fn whoever_lost_its_rank_writes_nothing_there() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(2).arena(128));
    let mut me = puppet(&region);
    assert_eq!(me.does("join 0"), "ok");
    assert_eq!(me.does("interrupt"), "ok");
    assert_eq!(me.does("lose-lock"), "ok");
    let mut successor = puppet(&region);
    assert_eq!(successor.does("join 0"), "ok");
    let bells = record(0) + offset_of!(Rank, bells) as u64;
    // As if it slept, and had chosen and asked for all that there is.
    let words = [MAIL | ROOM, u32::MAX, u32::MAX].map(u32::to_ne_bytes).concat();
    region.patch(bells, &words);
    for how in ["spin", "adaptive", "block", "event"] {
        assert_eq!(me.does(&format!("wait {how}")), "ok");
        for command in ["recv", "recv_timeout 1", "send 1 x", "send_timeout 1 x"] {
            assert_eq!(me.does(command), "Lost(Rank)", "{how}");
        }
        assert_eq!(me.does("interrupt now"), "ok");
        assert_eq!(region.peek::<12>(bells)[..], words, "{how}");
    }
}
