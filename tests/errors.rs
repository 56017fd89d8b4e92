//! Which rank an error names: that of the peer, and for a loan the caller's own.
#![cfg(not(loom))]

mod common;

use common::{SHORT, Scratch, pattern};
use mailbox::lab::abi::CREDITS;
use mailbox::{CallError, Config, Deadline, Endpoint, FetchError, ReplyError, SendError};
use std::time::Duration;

const ME: u32 = 1;
const PEER: u32 = 3;
const LONG: usize = 3000;

/// Two endpoints, neither of which is rank 0.
fn both(config: Config) -> (Scratch, Endpoint, Endpoint) {
    let scratch = Scratch::new();
    let region = scratch.create(config);
    let [me, peer] = [ME, PEER].map(|rank| region.join(rank).expect("a free rank"));
    (scratch, me, peer)
}

#[test]
fn a_send_names_its_receiver() {
    let (_scratch, me, _peer) = both(Config::ranks(5).cells(2).arena(1024));
    let long = pattern(LONG, 1);
    // The mailbox has room, and nobody takes it.
    assert_eq!(me.to(PEER).within(SHORT).sync().send(b"x"), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).send(&long), Err(SendError::Timeout(PEER)));
    while me.try_send(PEER, b"x").is_ok() {}
    assert_eq!(me.try_send(PEER, b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).send(b"x"), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).sync().send(b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).announce(long.clone()).err(), Some(SendError::Full(PEER)));
    let me = me.into_shared();
    assert_eq!(me.try_send(PEER, b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).send(b"x"), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).send(&long), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).sync().send(b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).announce(long).err(), Some(SendError::Full(PEER)));
}

#[test]
fn a_wait_for_what_is_under_way_names_its_receiver() {
    let (_scratch, me, _peer) = both(Config::ranks(5).arena(1024));
    let mut sending = me.to(PEER).announce(pattern(LONG, 1)).expect("room");
    assert_eq!(sending.wait_within(SHORT), Err(SendError::Timeout(PEER)));
    drop(sending);
    let me = me.into_shared();
    assert_eq!(me.to(PEER).within(SHORT).sync().send(b"x"), Err(SendError::Timeout(PEER)));
    let soon = me.to(PEER).within(Duration::ZERO);
    assert_eq!(soon.send(&pattern(LONG, 1)), Err(SendError::Timeout(PEER)));
    let mut sending = me.to(PEER).announce(pattern(LONG, 1)).expect("room");
    assert_eq!(sending.wait_within(SHORT), Err(SendError::Timeout(PEER)));
}

#[test]
fn a_send_behind_others_names_its_receiver() {
    let (_scratch, me, _peer) = both(Config::ranks(5).cells(2));
    while me.try_send(PEER, b"x").is_ok() {}
    let _started = me.to(PEER).start(b"y");
    assert_eq!(me.try_send(PEER, b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).send(b"x"), Err(SendError::Timeout(PEER)));
}

#[test]
fn what_waits_until_one_more_may_be_under_way_names_its_receiver() {
    let (_scratch, me, _peer) = both(Config::ranks(5));
    for _ in 0..CREDITS {
        assert_eq!(me.to(PEER).within(Duration::ZERO).sync().send(b"x"), Err(SendError::Timeout(PEER)));
    }
    assert_eq!(me.to(PEER).within(SHORT).sync().send(b"x"), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).sync().send(b"x"), Err(SendError::Full(PEER)));
    let call = |deadline| me.to(PEER).within(deadline).start_call(&[0; 100]).map(drop);
    assert_eq!(call(Deadline::Now), Err(CallError::Request(SendError::Full(PEER))));
    assert_eq!(call(SHORT.into()), Err(CallError::Timeout(PEER)));
    let me = me.into_shared();
    assert_eq!(me.to(PEER).within(SHORT).sync().send(b"x"), Err(SendError::Timeout(PEER)));
    assert_eq!(me.to(PEER).within(Deadline::Now).sync().send(b"x"), Err(SendError::Full(PEER)));
    assert_eq!(me.to(PEER).within(SHORT).call(&[0; 100]).map(drop), Err(CallError::Timeout(PEER)));
}

#[test]
fn who_waits_for_its_own_answers_is_named() {
    let (_scratch, me, _peer) = both(Config::ranks(5).arena(1024));
    let started = || me.to(ME).within(Deadline::Now).start_call(&[0; 100]);
    while started().is_ok() {}
    assert_eq!(me.call(ME, &[0; 100]).map(drop), Err(CallError::Request(SendError::Full(ME))));
    let mut answered = 0;
    let error = loop {
        match me.recv().expect("a call").reply(&pattern(500, 1)) {
            Ok(()) => answered += 1,
            Err(error) => break error,
        }
    };
    assert!(answered > 0);
    assert_eq!(error, ReplyError::Send(SendError::Full(ME)));
}

#[test]
fn what_is_no_call_or_does_not_come_names_its_sender() {
    let (_scratch, me, peer) = both(Config::ranks(5).arena(1024));
    me.send(PEER, b"x").expect("room");
    assert_eq!(peer.recv().expect("mail").reply(b"x"), Err(ReplyError::NotACall(ME)));
    let _sending = me.to(PEER).announce(pattern(LONG, 1)).expect("room");
    peer.set_by_hand(true);
    let mut arrival = peer.recv().expect("an announcement").fetch();
    assert_eq!(arrival.fetch_within(&mut [0; 8], Deadline::Now), Err(FetchError::Timeout(ME)));
    drop(arrival);
    let peer = peer.into_shared();
    me.send(PEER, b"x").expect("room");
    assert_eq!(peer.recv().expect("mail").reply(b"x"), Err(ReplyError::NotACall(ME)));
}

#[test]
fn a_message_to_oneself_names_the_rank_itself() {
    let (_scratch, me, _peer) = both(Config::ranks(5).cells(2));
    while me.try_send(ME, b"x").is_ok() {}
    assert_eq!(me.send(ME, b"x"), Err(SendError::Full(ME)));
    assert_eq!(me.to(ME).sync().send(b"x"), Err(SendError::Full(ME)));
}

#[test]
fn a_loan_names_its_owner_and_its_reference_the_receiver() {
    let (_scratch, me, _peer) = both(Config::ranks(5).cells(2).loans(1 << 20));
    let block = me.loan(1 << 20).expect("room").commit(1 << 20);
    assert_eq!(me.loan(1).err(), Some(SendError::Full(ME)));
    while me.try_send(PEER, b"x").is_ok() {}
    assert_eq!(block.send_within(PEER, Deadline::Now), Err(SendError::Full(PEER)));
    assert_eq!(block.send_within(PEER, SHORT), Err(SendError::Timeout(PEER)));
    drop(block);
    let me = me.into_shared();
    let _block = me.loan(1 << 20).expect("room");
    assert_eq!(me.loan(1).err(), Some(SendError::Full(ME)));
    assert_eq!(me.loan_within(1, SHORT).err(), Some(SendError::Timeout(ME)));
}

#[test]
fn a_loan_that_receivers_keep_names_its_owner() {
    let (_scratch, me, peer) = both(Config::ranks(5).loans(1 << 20));
    me.loan(1 << 20).expect("room").commit(1 << 20).send(PEER).expect("room");
    assert_eq!(me.loan_within(1, Deadline::Now).err(), Some(SendError::Full(ME)));
    assert_eq!(me.loan_within(1, SHORT).err(), Some(SendError::Timeout(ME)));
    drop(peer);
}

#[test]
fn a_call_names_its_server() {
    let (_scratch, me, _peer) = both(Config::ranks(5).cells(2));
    let call = me.to(PEER).start_call(b"?").expect("room");
    assert_eq!(call.wait_within(SHORT).unwrap_err(), CallError::Timeout(PEER));
    while me.try_send(PEER, b"x").is_ok() {}
    let full = CallError::Request(SendError::Full(PEER));
    assert_eq!(me.to(PEER).within(Deadline::Now).start_call(b"?").map(drop), Err(full.clone()));
    assert_eq!(me.to(PEER).within(SHORT).call(b"?").map(drop), Err(CallError::Timeout(PEER)));
    drop(call);
    let me = me.into_shared();
    assert_eq!(me.to(PEER).within(SHORT).call(b"?").map(drop), Err(CallError::Timeout(PEER)));
    // As long as the line is the first call's.
    assert_eq!(me.to(PEER).within(Deadline::Now).call(b"?").map(drop), Err(full));
}

#[test]
fn an_answer_names_its_caller() {
    let (_scratch, me, peer) = both(Config::ranks(5).arena(1024));
    let _calls: Vec<_> = (0..8).map(|_| me.to(PEER).start_call(&[0; 100]).expect("room")).collect();
    let answer = pattern(500, 1);
    let unanswered = loop {
        match peer.recv().expect("a call").reply_within(&answer, Deadline::Now) {
            Ok(()) => {}
            Err(unanswered) => break unanswered,
        }
    };
    assert_eq!(unanswered.error(), ReplyError::Send(SendError::Full(ME)));
    let error = unanswered.into_call().reply_within(&answer, SHORT).map_err(|unanswered| unanswered.error());
    assert_eq!(error, Err(ReplyError::Send(SendError::Timeout(ME))));
}

#[test]
fn what_an_error_says_has_the_rank() {
    let said = [SendError::Full(3), SendError::Timeout(3)].map(|error| error.to_string());
    assert_eq!(said[0], "the mailbox of rank 3, or its area for loans, is full");
    assert_eq!(said[1], "rank 3 did not make room or take the message in time");
    assert_eq!(CallError::Timeout(3).to_string(), "rank 3 did not answer in time");
    let request = CallError::Request(SendError::Full(3)).to_string();
    assert_eq!(request, "the request was not sent: the mailbox of rank 3, or its area for loans, is full");
}
