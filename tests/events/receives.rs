//! Events beside receives.

use super::*;

// --- Beside receives ---------------------------------------------------------------------------------------

#[test]
fn what_a_receive_has_told_is_not_told_again() {
    let (_scratch, region) = region(3);
    let [me, a, _b] = join(&region, [0, 1, 2]);
    drop(a);
    assert_eq!(recv(&me), Err(left(1)));
    expect(&me, &[Joined(2, 1)]);
    expect_nothing(&me);
    recv_nothing(&me);
}

#[test]
fn what_an_event_has_told_no_receive_tells_but_one_from_that_rank() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    drop(a);
    expect(&me, &[Left(1, 1)]);
    recv_nothing(&me);
    for _ in 0..3 {
        assert_eq!(me.from(1).within(GUARD).recv().map(|mail| mail.to_vec()), Err(left(1)));
    }
    expect(&me, &[Alone]);
    expect_nothing(&me);
    // Also of a life that was merged with its successor.
    drop(region.join(1).expect("free"));
    let [_a] = join(&region, [1]);
    expect(&me, &[Joined(1, 3)]);
    recv_nothing(&me);
}

#[test]
fn after_receives_alone_is_told_all_the_same() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"mail").expect("room");
    die(a);
    assert_eq!(recv(&me), Ok(b"mail".to_vec()));
    assert_eq!(recv(&me), Err(RecvError::Gone { rank: 1, died: true }));
    expect(&me, &[Alone]);
    expect_nothing(&me);
}

#[test]
fn an_end_that_a_wait_for_several_ranks_has_found_is_an_event() {
    let (_scratch, region) = region(3);
    let [me, also_me, a] = join(&region, [0, 1, 2]);
    a.send(0, b"mail").expect("room");
    a.send(1, b"mail").expect("room");
    assert_eq!([recv(&me), recv(&also_me)], [Ok(b"mail".to_vec()), Ok(b"mail".to_vec())]);
    drop(a);
    assert_eq!(common::wait_any(&[&me], GUARD), Ok(Some(0)));
    assert_eq!(common::wait_any(&[&me], GUARD), Ok(Some(0)), "it was not told");
    let mut events = [next(&me), next(&me)];
    events.sort();
    assert_eq!(events, [Joined(1, 1), Joined(2, 1)]);
    expect(&me, &[Left(2, 1)]);
    // And an error of a receive.
    assert_eq!(recv(&also_me), Err(left(2)));
}

#[test]
fn a_receive_tells_no_joining_and_leaves_it_to_be_told() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"mail").expect("room");
    assert_eq!(recv(&me), Ok(b"mail".to_vec()));
    recv_nothing(&me);
    expect(&me, &[Joined(1, 1)]);
    drop(a);
    assert_eq!(recv(&me), Err(left(1)));
    expect(&me, &[Alone]);
}
