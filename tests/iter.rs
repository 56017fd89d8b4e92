//! Mail in loops: of one rank until its end, and of all until nobody is left.
#![cfg(not(loom))]

mod common;

use common::{SHORT, die, join, left, recv_nothing, region};
use mailbox::{Deadline, RecvError};
use std::thread;

#[test]
fn mail_comes_until_nobody_is_left() {
    let (_scratch, region) = region(3);
    let [me] = join(&region, [0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let [a, b] = join(&region, [1, 2]);
            (0..100).for_each(|_| a.send(0, b"x").expect("room"));
            die(a);
            b.send(0, b"x").expect("room");
        });
        // It begins before anybody has come.
        assert_eq!(me.until_alone().map(|mail| mail.expect("mail").len()).sum::<usize>(), 101);
    });
    recv_nothing(&me);
    for deadline in [Deadline::Now, Deadline::Now, Deadline::Now, SHORT.into()] {
        assert_eq!(me.next_event_within(deadline).map(|_| ()), Err(RecvError::Timeout));
    }
    // And once more, for those that come later.
    drop(region.join(1).expect("free"));
    let mut mails = me.until_alone();
    assert!(mails.next().is_none());
    region.join(1).expect("free").send(0, b"late").expect("room");
    assert!(mails.next().is_none() && mails.next().is_none(), "it is over");
}

#[test]
fn an_error_is_an_item_and_an_interruption_ends_nothing() {
    let (_scratch, region) = region(2);
    let [me, a] = join(&region, [0, 1]);
    a.send(0, b"mail").expect("room");
    let mut mails = me.until_alone();
    assert_eq!(mails.next().map(|mail| mail.map(|mail| mail.to_vec())), Some(Ok(b"mail".to_vec())));
    me.interrupter().interrupt();
    assert_eq!(mails.next().map(|mail| mail.map(drop)), Some(Err(RecvError::Interrupted)));
    a.send(0, b"more").expect("room");
    drop(a);
    assert_eq!(mails.next().map(|mail| mail.map(|mail| mail.to_vec())), Some(Ok(b"more".to_vec())));
    assert!(mails.next().is_none());
}

#[test]
fn the_mail_of_one_rank_comes_until_its_end() {
    let (_scratch, region) = region(3);
    let [me, a, b] = join(&region, [0, 1, 2]);
    b.send(0, b"of another").expect("room");
    (0..3).for_each(|_| a.send(0, b"x").expect("room"));
    drop(a);
    let items: Vec<_> = me.from(1).iter().map(|mail| mail.map(|mail| mail.to_vec())).collect();
    let x = Ok(b"x".to_vec());
    assert_eq!(items, [x.clone(), x.clone(), x, Err(left(1))]);
    // From anyone an end ends nothing.
    let mut all = me.from_any().iter().map(|mail| mail.map(|mail| mail.to_vec()));
    assert_eq!(all.next(), Some(Ok(b"of another".to_vec())));
    assert_eq!(all.next(), Some(Err(left(1))));
    drop(b);
    assert_eq!(all.next(), Some(Err(left(2))));
    assert_eq!(me.from(7).iter().count(), 1, "no such rank");
}
