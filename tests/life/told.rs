//! Whose end was told.

use super::*;

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
