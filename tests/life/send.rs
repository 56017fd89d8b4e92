//! Sending to a rank in each part of its life.

use super::*;

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
    assert_eq!(scene.me.does("try_send 1 x"), "Full(1)");
    assert_eq!(scene.me.does("send_timeout 1 x"), "Timeout(1)");
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
    assert_eq!(insist(&mut scene.me, "try_send 1 x", "Full(1)"), error);
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
