//! The next holder of a rank.

use super::*;

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
        assert_eq!(scene.me.does("recv 1"), error, "a process that asks is told");
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
