//! Being alone.

use super::*;

// --- Alone -------------------------------------------------------------------------------------------------

#[test]
fn nobody_is_alone_before_somebody_came() {
    let (_scratch, region) = region(3);
    let [gone] = join(&region, [1]);
    drop(gone);
    let [me] = join(&region, [0]);
    expect_nothing(&me);
}

#[test]
fn alone_is_told_once_each_time_that_the_last_has_ended() {
    let (_scratch, region) = region(3);
    let [me] = join(&region, [0]);
    for epoch in 1..4 {
        let [a, b] = join(&region, [1, 2]);
        let mut both = [next(&me), next(&me)];
        both.sort();
        assert_eq!(both, [Joined(1, epoch), Joined(2, epoch)]);
        drop(a);
        expect(&me, &[Left(1, epoch)]);
        expect_nothing(&me);
        b.send(0, b"the last").expect("room");
        die(b);
        expect(&me, &[mail(2, epoch, b"the last"), Died(2, epoch), Alone]);
        expect_nothing(&me);
    }
}

#[test]
fn one_that_comes_as_the_last_one_goes_is_company() {
    let (_scratch, region) = region(3);
    let [me, a] = join(&region, [0, 1]);
    expect(&me, &[Joined(1, 1)]);
    drop(a);
    let [b] = join(&region, [2]);
    let mut both = [next(&me), next(&me)];
    both.sort();
    assert_eq!(both, [Joined(2, 1), Left(1, 1)]);
    expect_nothing(&me);
    drop(b);
    expect(&me, &[Left(2, 1), Alone]);
}

#[test]
fn mail_that_was_left_unread_comes_before_alone() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"left").expect("room");
    drop(a);
    let held = me.from_any().within(GUARD).recv().expect("mail");
    expect(&me, &[Joined(1, 1), Left(1, 1)]);
    held.requeue();
    expect(&me, &[mail(1, 1, b"left"), Alone]);
    expect_nothing(&me);
}
