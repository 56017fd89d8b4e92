//! Receiving from a rank in each part of its life.

use super::*;

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
