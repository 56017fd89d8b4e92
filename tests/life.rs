//! The life of a rank: what the others are told when it comes, leaves, dies and comes again.
//!
//! First the table, a test for each cell: `me` is rank 0, and the other rank, 1, is in one of five states.
//! Every endpoint is a process of its own.
#![cfg(not(loom))]

mod common;

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
use Peer::{Dead, Left, Live, NeverJoined, Replaced};

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

// --- The table: sending while there is room ----------------------------------------------------------------

fn send_with_room(peer: Peer) {
    let mut scene = Scene::new(peer, &[]);
    for (verb, text) in [("try_send", "a"), ("send_timeout", "b"), ("send", "c")] {
        assert_eq!(scene.me.does(&format!("{verb} 1 {text}")), "ok");
    }
    match peer {
        NeverJoined | Left => scene.peer_joins(),
        Dead => scene.peer_is_replaced(),
        Live | Replaced => {}
    }
    for (seq, text) in (0..).zip(["a", "b", "c"]) {
        assert_eq!(scene.peer.does("recv"), mail(0, 1, seq, text));
    }
    assert_eq!(scene.peer.does("try_recv"), "Empty");
}

#[test]
fn send_with_room_to_a_rank_never_joined_waits_in_the_mailbox() {
    send_with_room(NeverJoined);
}

#[test]
fn send_with_room_to_a_live_rank_is_ok() {
    send_with_room(Live);
}

#[test]
fn send_with_room_to_a_rank_that_left_is_for_its_successor() {
    send_with_room(Left);
}

#[test]
fn send_with_room_to_a_dead_rank_is_for_its_successor() {
    send_with_room(Dead);
}

#[test]
fn send_with_room_to_a_replaced_rank_is_ok() {
    send_with_room(Replaced);
}

// --- The table: sending to a full mailbox ------------------------------------------------------------------

fn send_when_full_waits(peer: Peer) {
    let mut scene = Scene::new(peer, &[]);
    scene.fill();
    assert_eq!(scene.me.does("try_send 1 x"), "Full");
    assert_eq!(scene.me.does("send_timeout 1 x"), "Timeout");
    scene.me.starts("send 1 x");
    scene.region.wait_until_sender_sleeps(0);
    if peer == NeverJoined {
        scene.peer_joins();
    }
    assert_eq!(scene.peer.does("recv"), mail(0, 1, 0, "fill"));
    assert_eq!(scene.me.answer(), "ok");
}

fn send_when_full_fails(peer: Peer, error: &str) {
    let mut scene = Scene::new(peer, &[]);
    scene.fill();
    assert_eq!(insist(&mut scene.me, "try_send 1 x", "Full"), error);
    assert_eq!(scene.me.does("send_timeout 1 x"), error);
    assert_eq!(scene.me.does("send 1 x"), error);
    // For the successor the mailbox is as it was.
    if peer == Left {
        scene.peer_joins()
    } else {
        scene.peer_is_replaced()
    }
    assert_eq!(scene.peer.does("recv"), mail(0, 1, 0, "fill"));
    assert_eq!(scene.me.does("send 1 x"), "ok");
}

#[test]
fn send_when_full_to_a_rank_never_joined_waits() {
    send_when_full_waits(NeverJoined);
}

#[test]
fn send_when_full_to_a_live_rank_waits() {
    send_when_full_waits(Live);
}

#[test]
fn send_when_full_to_a_rank_that_left_is_peer_left() {
    send_when_full_fails(Left, "Gone { rank: 1, died: false }");
}

#[test]
fn send_when_full_to_a_dead_rank_is_peer_dead() {
    send_when_full_fails(Dead, "Gone { rank: 1, died: true }");
}

#[test]
fn send_when_full_to_a_replaced_rank_waits() {
    send_when_full_waits(Replaced);
}

// --- The table: receiving from it, and from anyone ---------------------------------------------------------

/// `from` is `" 1"`, or nothing for anyone.
fn receive_waits(peer: Peer, from: &str) {
    let mut scene = Scene::new(peer, &["old"]);
    let epoch = if peer == Replaced { 2 } else { 1 };
    let mut seq = 0;
    if peer != NeverJoined {
        assert_eq!(scene.me.does(&format!("recv{from}")), mail(1, 1, 0, "old"), "names its epoch");
        seq = 1;
    }
    if peer == Replaced && from.is_empty() {
        assert_eq!(scene.me.does("try_recv"), "Gone { rank: 1, died: true }", "of the former life, once");
    }
    for _ in 0..=TRIES {
        assert_eq!(scene.me.does(&format!("try_recv{from}")), "Empty");
    }
    assert_eq!(scene.me.does(&format!("recv_timeout{from}")), "Timeout");
    scene.me.starts(&format!("recv{from}"));
    scene.region.wait_until_receiver_sleeps(0);
    if peer == NeverJoined {
        scene.peer_joins();
    }
    assert_eq!(scene.peer.does("send 0 hello"), "ok");
    assert_eq!(scene.me.answer(), mail(1, epoch, seq, "hello"));
}

fn receive_from_it_fails(peer: Peer, error: &str) {
    let mut scene = Scene::new(peer, &["a", "b", "c"]);
    for (seq, (verb, text)) in (0..).zip([("try_recv", "a"), ("recv_timeout", "b"), ("recv", "c")]) {
        assert_eq!(scene.me.does(&format!("{verb} 1")), mail(1, 1, seq, text), "what is there");
    }
    for _ in 0..3 {
        assert_eq!(insist(&mut scene.me, "try_recv 1", "Empty"), error);
        assert_eq!(scene.me.does("recv_timeout 1"), error);
        assert_eq!(scene.me.does("recv 1"), error, "each time");
    }
}

/// Once, whichever `verb` is the first to hear of it.
fn receive_from_anyone_fails_once(peer: Peer, verb: &str, error: &str) {
    let mut scene = Scene::new(peer, &["a", "b"]);
    assert_eq!(scene.me.does(verb), mail(1, 1, 0, "a"), "what is there");
    assert_eq!(scene.me.does(verb), mail(1, 1, 1, "b"), "what is there");
    assert_eq!(insist(&mut scene.me, verb, "Empty"), error);
    for _ in 0..=TRIES {
        assert_eq!(scene.me.does("try_recv"), "Empty", "told once");
    }
    assert_eq!(scene.me.does("recv_timeout"), "Timeout", "told once");
    // A successor's end is another one.
    if peer == Left {
        scene.peer_joins()
    } else {
        scene.peer_is_replaced()
    }
    scene.me.starts("recv");
    scene.region.wait_until_receiver_sleeps(0);
    if peer == Left {
        scene.peer_leaves()
    } else {
        scene.peer.kill()
    }
    assert_eq!(scene.me.answer(), error);
}

#[test]
fn receive_from_a_rank_never_joined_waits() {
    receive_waits(NeverJoined, " 1");
}

#[test]
fn receive_from_a_live_rank_waits() {
    receive_waits(Live, " 1");
}

#[test]
fn receive_from_a_rank_that_left_is_what_is_there_then_peer_left() {
    receive_from_it_fails(Left, "Gone { rank: 1, died: false }");
}

#[test]
fn receive_from_a_dead_rank_is_what_is_there_then_peer_dead() {
    receive_from_it_fails(Dead, "Gone { rank: 1, died: true }");
}

#[test]
fn receive_from_a_replaced_rank_waits_and_mail_names_its_epoch() {
    receive_waits(Replaced, " 1");
}

#[test]
fn receive_from_anyone_when_nobody_joined_waits() {
    receive_waits(NeverJoined, "");
}

#[test]
fn receive_from_anyone_while_all_live_waits() {
    receive_waits(Live, "");
}

#[test]
fn receive_from_anyone_after_a_leave_is_what_is_there_then_peer_left_once() {
    for verb in ["try_recv", "recv_timeout", "recv"] {
        receive_from_anyone_fails_once(Left, verb, "Gone { rank: 1, died: false }");
    }
}

#[test]
fn receive_from_anyone_after_a_death_is_what_is_there_then_peer_dead_once() {
    for verb in ["try_recv", "recv_timeout", "recv"] {
        receive_from_anyone_fails_once(Dead, verb, "Gone { rank: 1, died: true }");
    }
}

#[test]
fn receive_from_anyone_after_a_replacement_tells_it_once_then_waits_and_mail_names_its_epoch() {
    receive_waits(Replaced, "");
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
    assert_eq!(scene.me.does("send_timeout 1 x"), "Timeout");
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

// --- Successors --------------------------------------------------------------------------------------------

#[test]
fn mails_of_two_lives_name_their_epochs() {
    let mut scene = Scene::new(Replaced, &["a", "b"]);
    assert_eq!(scene.peer.does("send 0 c"), "ok");
    let expected = [mail(1, 1, 0, "a"), mail(1, 1, 1, "b"), mail(1, 2, 2, "c")];
    for mail in expected {
        assert_eq!(scene.me.does("recv"), mail);
    }
}

#[test]
fn a_replaced_sender_is_not_told_of_before_its_successors_mail() {
    let mut scene = Scene::new(Replaced, &["a"]);
    scene.peer.kill();
    assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
    // Two lives have ended. A peer that did not look in between is told of the last one.
    assert_eq!(scene.me.does("recv"), "Gone { rank: 1, died: true }");
    assert_eq!(scene.me.does("recv_timeout"), "Timeout");
}

#[test]
fn a_senders_successor_goes_on_without_gap_or_repetition() {
    let mut scene = Scene::new(Live, &["0", "1", "2"]);
    let mut seq = 0u64;
    for _ in 0..5 {
        // Two are taken and two are sent in each life: the ring goes round, and one always waits.
        for _ in 0..2 {
            let life = if seq < 3 { 1 } else { seq.div_ceil(2) };
            assert_eq!(scene.me.does("recv"), mail(1, life, seq, &seq.to_string()));
            seq += 1;
        }
        scene.peer.kill();
        scene.peer_is_replaced();
        for next in seq + 1..seq + 3 {
            assert_eq!(scene.peer.does(&format!("send 0 {next}")), "ok");
        }
    }
}

#[test]
fn a_senders_successor_goes_on_behind_what_lies_in_the_arena() {
    let region = Scratch::new();
    region.create(Config::ranks(2).cells(CELLS as u32).arena(128 << 10));
    let (mut me, mut peer) = (puppet(&region), puppet(&region));
    assert_eq!(me.does("join 0"), "ok");
    for life in 1..=2 {
        assert_eq!(peer.does("join 1"), "ok");
        assert_eq!(peer.does(&format!("send_long 0 50000 {life}")), "ok");
        peer.kill();
        peer = puppet(&region);
    }
    for life in 1..=2 {
        let whole = mail(1, life, life - 1, &gist(&pattern(50_000, life as usize)));
        assert_eq!(me.does("gist"), whole);
    }
}

#[test]
fn what_a_dead_receiver_did_not_acknowledge_is_delivered_again() {
    let mut scene = Scene::new(Live, &["a", "b", "c", "d"]);
    assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
    assert_eq!(scene.me.does("hold"), mail(1, 1, 1, "b"));
    assert_eq!(scene.me.does("hold"), mail(1, 1, 2, "c"));
    scene.me.kill();
    scene.i_am_replaced();
    for (seq, text) in [(1, "b"), (2, "c"), (3, "d")] {
        assert_eq!(scene.me.does("recv"), mail(1, 1, seq, text));
    }
    assert_eq!(scene.me.does("try_recv"), "Empty");
    assert_eq!(scene.peer.does("send 0 e"), "ok");
    assert_eq!(scene.me.does("recv"), mail(1, 1, 4, "e"), "the sender noticed nothing");
}

#[test]
fn a_sender_blocked_when_its_receiver_is_replaced_goes_on() {
    let mut scene = Scene::new(Live, &[]);
    scene.fill();
    scene.peer.stop();
    scene.me.starts("send 1 x");
    scene.region.wait_until_sender_sleeps(0);
    scene.peer.kill();
    scene.peer = puppet(&scene.region);
    // Whether it hears of the death depends on how soon the successor comes: both are right.
    scene.peer_joins();
    assert_eq!(scene.peer.does("recv"), mail(0, 1, 0, "fill"));
    let answer = scene.me.answer();
    assert!(answer == "ok" || answer == "Gone { rank: 1, died: true }", "{answer}");
    assert_eq!(scene.peer.does("recv"), mail(0, 1, 1, "fill"));
    assert_eq!(scene.me.does("send_timeout 1 y"), "ok");
}

// --- Reported ends ------------------------------------------------------------------------------------------

#[test]
fn a_successor_of_a_receiver_that_was_told_and_left_is_not_told_again() {
    for (peer, error) in [(Left, "Gone { rank: 1, died: false }"), (Dead, "Gone { rank: 1, died: true }")] {
        let mut scene = Scene::new(peer, &["a"]);
        assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
        assert_eq!(scene.me.does("recv"), error);
        assert_eq!(scene.me.does("leave"), "ok");
        scene.i_am_replaced();
        assert_eq!(scene.me.does("recv_timeout"), "Timeout", "told before");
        assert_eq!(scene.me.does("recv 1"), error, "whoever asks is told");
    }
}

#[test]
fn a_successor_of_a_receiver_that_was_told_and_died_is_told_again() {
    for (peer, error) in [(Left, "Gone { rank: 1, died: false }"), (Dead, "Gone { rank: 1, died: true }")] {
        let mut scene = Scene::new(peer, &["a"]);
        assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
        assert_eq!(scene.me.does("recv"), error);
        scene.me.kill();
        scene.i_am_replaced();
        assert_eq!(scene.me.does("recv"), error);
    }
}

#[test]
fn a_successor_of_a_receiver_that_left_untold_is_told() {
    for (peer, error) in [(Left, "Gone { rank: 1, died: false }"), (Dead, "Gone { rank: 1, died: true }")] {
        let mut scene = Scene::new(peer, &["a"]);
        assert_eq!(scene.me.does("leave"), "ok");
        scene.i_am_replaced();
        assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
        assert_eq!(scene.me.does("recv"), error);
    }
}

/// What a peer writes into the word that says whose end was told.
fn forge_told(region: &Scratch, told: u64) {
    let mailbox = geometry(region).mailbox(1, 0);
    region.patch(mailbox + offset_of!(ConsumerLine, reported) as u64, &told.to_ne_bytes());
}

#[test]
fn no_word_of_a_peer_withholds_an_end_that_is_to_come() {
    let ends: [(fn(&mut Scene), _); 2] = [
        (Scene::peer_leaves, "Gone { rank: 1, died: false }"),
        (|scene| scene.peer.kill(), "Gone { rank: 1, died: true }"),
    ];
    for (end, error) in ends {
        for told in [1, 2, 1 << 62, u64::MAX] {
            let mut scene = Scene::new(Live, &["a"]);
            forge_told(&scene.region, told);
            assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
            end(&mut scene);
            assert_eq!(scene.me.does("recv"), error, "{told}");
            assert_eq!(scene.me.does("recv_timeout"), "Timeout", "once");
        }
    }
}

#[test]
fn no_word_of_a_peer_but_the_right_one_withholds_an_end_that_came_before() {
    for (told, has_successor) in
        [0, 2, 1 << 62, u64::MAX].into_iter().flat_map(|told| [(told, false), (told, true)])
    {
        let mut scene = Scene::new(Left, &["a"]);
        forge_told(&scene.region, told);
        assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
        if has_successor {
            scene.peer_joins();
            scene.peer_leaves();
        }
        assert_eq!(scene.me.does("recv"), "Gone { rank: 1, died: false }", "{told}, {has_successor}");
        assert_eq!(scene.me.does("recv_timeout"), "Timeout", "once");
    }
}

#[test]
fn an_end_that_never_was_withholds_none() {
    let mut scene = Scene::new(Live, &["a"]);
    assert_eq!(scene.me.does("recv"), mail(1, 1, 0, "a"));
    let life = record(1) + offset_of!(Identity, life) as u64;
    let live: [u8; 8] = scene.region.peek(life);
    scene.region.patch(life, &u64::to_ne_bytes(1 << 62));
    assert_eq!(scene.me.does("recv"), "Gone { rank: 1, died: false }", "forged");
    // As if it had never joined: others' ends are told.
    scene.region.patch(life, &[0; 8]);
    let mut third = puppet(&scene.region);
    assert_eq!(third.does("join 2"), "ok");
    assert_eq!(third.does("send 0 x"), "ok");
    assert_eq!(scene.me.does("recv"), mail(2, 1, 0, "x"));
    third.kill();
    assert_eq!(scene.me.does("recv"), "Gone { rank: 2, died: true }");
    scene.region.patch(life, &live);
    scene.peer_leaves();
    assert_eq!(scene.me.does("recv"), "Gone { rank: 1, died: false }", "true");
    assert_eq!(scene.me.does("recv_timeout"), "Timeout");
}

#[test]
fn one_who_receives_from_anyone_hears_of_each_end() {
    let mut scene = Scene::new(Live, &["a"]);
    let mut third = puppet(&scene.region);
    assert_eq!(third.does("join 2"), "ok");
    assert_eq!(third.does("send 0 x"), "ok");
    third.kill();
    scene.peer_leaves();
    let mut told: Vec<String> = (0..4).map(|_| scene.me.does("recv")).collect();
    told.sort();
    assert_eq!(
        told,
        [
            mail(1, 1, 0, "a"),
            mail(2, 1, 0, "x"),
            "Gone { rank: 1, died: false }".into(),
            "Gone { rank: 2, died: true }".into()
        ]
    );
    assert_eq!(scene.me.does("recv_timeout"), "Timeout");
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
