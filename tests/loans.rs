//! Loans: written once, referred to by the mailboxes of any number of receivers, read in place, and never
//! overwritten while somebody may read them.
#![cfg(not(loom))]

mod common;

use common::puppet::{mail, perform, puppet};
use common::wire::{Wire, geometry};
use common::{Child, GUARD, Scratch, die, gist, kill_endpoint, pattern};
use mailbox::lab::abi::{CHUNK, ConsumerLine};
use mailbox::lab::ring::{Loan as Reference, Slack};
use mailbox::{Broken, Config, Deadline, Endpoint, RecvError, Region, SendError, Wait};
use std::io::Write;
use std::mem::{forget, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

const KIB_256: usize = CHUNK as usize;
/// Of an area that tests fill.
const CHUNKS: usize = 4;
const AREA: usize = CHUNKS * KIB_256;

const CONFIG: Config = Config::ranks(5).cells(64).arena(1024).max_message(4096).loans(AREA as u64);

#[test]
fn second_process() {
    if let Some((role, region)) = common::role() {
        match role.as_str() {
            "puppet" => perform(&region),
            _ => panic!("{role}"),
        }
    }
}

fn endpoints<const N: usize>(config: Config) -> (Scratch, Region, [Endpoint; N]) {
    let scratch = Scratch::new();
    let region = scratch.create(config);
    let all = core::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"));
    (scratch, region, all)
}

/// Sends the pattern of that length and seed on loan to these ranks.
fn lend(me: &Endpoint, len: usize, seed: usize, to: &[u32]) -> Result<(), SendError> {
    let mut loan = me.loan(len)?;
    loan.write_at(0, &pattern(len, seed));
    let block = loan.commit(len);
    to.iter().try_for_each(|to| block.send(*to))
}

fn expect(me: &Endpoint, from: u32, len: usize, seed: usize) {
    let mail = me.from(from).within(GUARD).recv().expect("mail");
    assert_eq!((mail.len(), mail.announced()), (len, None));
    assert!(mail.to_vec() == pattern(len, seed), "{len} bytes of seed {seed}");
}

/// Takes all that is free, writes over it, and gives it back; how many chunks that is.
fn overwrite(me: &Endpoint) -> usize {
    let all = std::iter::from_fn(|| me.loan(KIB_256).ok());
    let all = all.map(|mut loan| {
        loan.write_at(0, &[0xEE; KIB_256]);
        loan
    });
    all.collect::<Vec<_>>().len()
}

// --- One block, some receivers -----------------------------------------------------------------------------

#[test]
fn a_loan_of_any_length_is_read_in_place_by_one_or_several() {
    let (_scratch, region, all) = endpoints::<5>(CONFIG);
    assert_eq!(region.max_loan(), AREA as u64);
    let around = [0, 1, 47, 48, 49, 512, 4096, 4097, KIB_256 - 1, KIB_256, KIB_256 + 1, AREA - 1, AREA];
    for (seed, len) in around.into_iter().enumerate() {
        for to in [vec![1], vec![1, 2, 3, 4], vec![0], vec![2, 2, 0]] {
            lend(&all[0], len, seed, &to).expect("room");
            for rank in to {
                expect(&all[rank as usize], 0, len, seed);
            }
        }
    }
    assert_eq!(overwrite(&all[0]), CHUNKS, "all is given back");
}

#[test]
fn it_comes_in_order_with_other_messages_and_counts_as_one() {
    let (_scratch, region, [a, b]) = endpoints::<2>(CONFIG);
    for round in 0..40 {
        a.send(1, b"before").expect("room");
        lend(&a, 100_000, round, &[1]).expect("room");
        a.send(1, &[7; 300]).expect("room");
        let batch = a.batch();
        a.send(1, b"in a batch").expect("room");
        lend(&a, 10, round, &[1]).expect("room");
        assert_eq!(b.from(0).try_recv().unwrap().expect("mail").to_vec(), b"before");
        expect(&b, 0, 100_000, round);
        assert_eq!(b.recv().expect("mail").len(), 300);
        assert!(b.try_recv().is_ok_and(|mail| mail.is_none()));
        drop(batch);
        assert_eq!(b.recv().expect("mail").to_vec(), b"in a batch");
        let mail = b.recv().expect("mail");
        assert_eq!((mail.seq(), mail.epoch(), mail.redelivered()), (5 * round as u64 + 4, 1, 0));
        assert_eq!(mail.into_vec(), pattern(10, round));
    }
    let report = &region.inspect().mailboxes[0];
    assert_eq!((report.messages, report.unread), (200, 0));
    assert_eq!(report.bytes, 40 * (6 + 100_000 + 300 + 10 + 10));
}

#[test]
fn it_is_written_in_place_in_any_order_and_cut_off_where_it_ends() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let mut loan = a.loan(12).expect("room");
    assert_eq!((loan.len(), loan.is_empty(), loan.written()), (12, false, 0));
    assert_eq!(loan.write(b"written once").expect("room"), 12);
    assert_eq!((loan.write(b"x").expect("none"), loan.written()), (0, 12));
    loan.write_at(8, b"more");
    #[expect(unsafe_code, reason = "writes in place")]
    // SAFETY: nobody else touches it.
    let bytes = unsafe { loan.as_mut_slice() };
    bytes[0] = b'W';
    let block = loan.commit(10);
    assert_eq!((block.len(), block.is_empty()), (10, false));
    block.send_within(1, Deadline::Now).expect("room");
    block.send_within(1, GUARD).expect("room");
    for _ in 0..2 {
        let mail = b.recv().expect("mail");
        #[expect(unsafe_code, reason = "reads in place")]
        // SAFETY: nobody writes there any more.
        let bytes = unsafe { mail.as_slice() };
        assert_eq!(bytes, b"Written mo");
        let mut end = [0; 4];
        assert_eq!((mail.read_at(8, &mut end), &end[..2]), (2, &b"mo"[..]));
    }
    for wrong in [1 << 40, 3] {
        let beyond = catch_unwind(AssertUnwindSafe(|| a.loan(10).expect("room").write_at(wrong, &[0; 8])));
        assert!(beyond.is_err(), "{wrong}");
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(a.loan(10).expect("room").commit(11)))).is_err());
    drop(block);
    assert_eq!(overwrite(&a), CHUNKS);
}

#[test]
fn a_drain_gives_loans_and_what_is_left_comes_again() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    for seed in 0..3 {
        lend(&a, 1000, seed, &[1]).expect("room");
    }
    b.recv().expect("mail").requeue();
    let mail = b.recv().expect("mail");
    assert_eq!(mail.redelivered(), 1);
    assert_eq!(mail.to_vec(), pattern(1000, 0));
    drop(mail);
    let mut drain = b.drain();
    for seed in 1..3 {
        assert_eq!(drain.next().expect("no error").expect("mail").to_vec(), pattern(1000, seed));
    }
    assert!(drain.next().expect("no error").is_none());
    drop(drain);
    assert_eq!(overwrite(&a), CHUNKS);
}

#[test]
fn halves_lend_and_receive() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let (sender, _receiver) = a.into_split();
    thread::scope(|scope| {
        scope.spawn(move || {
            for seed in 0..200 {
                let mut loan = loop {
                    match sender.loan(KIB_256) {
                        Ok(loan) => break loan,
                        Err(error) => assert_eq!(error, SendError::Full(0)),
                    }
                    thread::yield_now();
                };
                loan.write_at(0, &pattern(3000, seed));
                loan.commit(3000).send(1).expect("room");
            }
        });
        (0..200).for_each(|seed| expect(&b, 0, 3000, seed));
    });
}

// --- Room --------------------------------------------------------------------------------------------------

#[test]
fn a_full_area_is_full_until_somebody_gives_something_back() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let loans: Vec<_> = (0..CHUNKS).map(|_| a.loan(1).expect("room")).collect();
    assert_eq!(a.loan(0).err(), Some(SendError::Full(0)));
    drop(loans);
    // What was asked for and not used is given back at once.
    let mut blocks = vec![];
    for seed in 0..CHUNKS {
        let mut loan = a.loan((CHUNKS - seed) * KIB_256).expect("room");
        loan.write_at(0, &pattern(77, seed));
        blocks.push(loan.commit(77));
    }
    blocks.iter().for_each(|block| block.send(1).expect("room"));
    drop(blocks);
    assert_eq!(a.loan(1).err(), Some(SendError::Full(0)));
    let held = b.recv().expect("mail");
    expect(&b, 0, 77, 1);
    assert_eq!(a.loan(1).err(), Some(SendError::Full(0)), "the head is before what is held");
    assert_eq!(held.to_vec(), pattern(77, 0));
    drop(held);
    assert_eq!(a.loan(2 * KIB_256 + 1).err(), Some(SendError::Full(0)));
    drop(a.loan(2 * KIB_256).expect("both that were acknowledged"));
    for seed in 2..CHUNKS {
        expect(&b, 0, 77, seed);
    }
    drop(a.loan(AREA).expect("all"));
}

#[test]
fn what_is_longer_than_the_area_is_too_large_and_without_an_area_all_is() {
    let (_scratch, region, [a]) = endpoints::<1>(CONFIG);
    assert_eq!(
        a.loan(AREA + 1).err(),
        Some(SendError::TooLarge { len: AREA as u64 + 1, limit: AREA as u64 })
    );
    assert_eq!(a.loan(usize::MAX).err(), Some(SendError::TooLarge { len: u64::MAX, limit: AREA as u64 }));
    assert_eq!(region.inspect().loans, AREA as u64);
    let (_scratch, region, [a]) = endpoints::<1>(CONFIG.loans(0));
    for len in [0, 1, usize::MAX] {
        assert_eq!(a.loan(len).err(), Some(SendError::TooLarge { len: len as u64, limit: 0 }));
    }
    assert_eq!((region.max_loan(), region.inspect().loans), (0, 0));
    a.send(0, b"small").expect("room");
    assert_eq!(a.from(0).recv().expect("mail").to_vec(), b"small");
}

#[test]
fn a_mailbox_without_a_cell_is_full_and_keeps_nothing() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG.cells(2));
    (0..2).for_each(|_| a.send(1, b"x").expect("room"));
    let block = a.loan(AREA).expect("room").commit(AREA);
    assert_eq!(block.send_within(1, Deadline::Now).err(), Some(SendError::Full(1)));
    assert_eq!(block.send_within(1, common::SHORT).err(), Some(SendError::Timeout(1)));
    assert_eq!(block.send(5).err(), Some(SendError::Broken(Broken::NoSuchRank { rank: 5, ranks: 5 })));
    drop(block);
    assert_eq!(overwrite(&a), CHUNKS);
    drop((b.recv(), b.recv()));
}

#[test]
fn a_batch_that_holds_all_back_is_published_where_there_is_no_room() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let batch = a.batch();
    lend(&a, AREA, 1, &[1]).expect("room");
    assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()));
    assert_eq!(a.loan(1).err(), Some(SendError::Full(0)));
    expect(&b, 0, AREA, 1);
    assert_eq!(overwrite(&a), CHUNKS);
    drop(batch);
}

#[test]
fn a_receiver_that_is_absent_dead_or_holds_keeps_what_it_was_sent_and_no_more() {
    const ABSENT: u32 = 4;
    let (_scratch, region, [a, b, c, d]) = endpoints::<4>(CONFIG);
    lend(&a, 1000, 1, &[1]).expect("room");
    lend(&a, 2000, 2, &[2, ABSENT]).expect("room");
    lend(&a, 3000, 3, &[3, 3, 3]).expect("room");
    let held = c.recv().expect("mail");
    forget(b.recv().expect("mail"));
    kill_endpoint(b);
    for seed in 0..100 {
        lend(&a, KIB_256, seed, &[3]).expect("the chunk that is left");
        if seed == 0 {
            (0..3).for_each(|_| expect(&d, 0, 3000, 3));
        }
        expect(&d, 0, KIB_256, seed);
    }
    assert_eq!(overwrite(&a), 2, "all but what is to be read");
    assert_eq!(held.to_vec(), pattern(2000, 2));
    drop(held);
    assert_eq!(overwrite(&a), 2, "one more has not read it");
    let late = region.join(ABSENT).expect("a free rank");
    expect(&late, 0, 2000, 2);
    assert_eq!(overwrite(&a), 3);
    let b = region.join(1).expect("a free rank");
    expect(&b, 0, 1000, 1);
    assert_eq!(overwrite(&a), CHUNKS);
}

/// Rank 0 sends. Of the others one is stopped, one is dead, one never came, one holds what it has, and the last is served.
struct InTheWay {
    me: Endpoint,
    stopped: Child,
    holder: Endpoint,
    served: Endpoint,
    region: Region,
    _scratch: Scratch,
}

const STOPPED: u32 = 1;
const DEAD: u32 = 2;
const ABSENT: u32 = 3;
const HOLDER: u32 = 4;
const SERVED: u32 = 5;

impl InTheWay {
    fn new() -> Self {
        let scratch = Scratch::new();
        let region = scratch.create(Config::ranks(6).cells(16).arena(1024).loans(AREA as u64));
        let [me, dead, holder, served] =
            [0, DEAD, HOLDER, SERVED].map(|rank| region.join(rank).expect("a free rank"));
        let mut stopped = puppet(&scratch);
        assert_eq!(stopped.does(&format!("join {STOPPED}")), "ok");
        stopped.stop();
        kill_endpoint(dead);
        Self { me, stopped, holder, served, region, _scratch: scratch }
    }
}

#[test]
fn messages_for_one_pass_those_for_others_that_are_stopped_dead_or_absent_or_hold_all() {
    for len in [8, 300] {
        let InTheWay { me, holder, served, stopped: _stopped, .. } = &InTheWay::new();
        let fill = |to| (0..).find(|_| me.try_send(to, &pattern(len, 0)).is_err()).expect("an end");
        assert!([STOPPED, DEAD, ABSENT, HOLDER].map(fill).iter().all(|sent| *sent > 0));
        let room = fill(SERVED);
        let held: Vec<_> =
            (0..room).map(|_| holder.from(0).try_recv().expect("no error").expect("mail")).collect();
        let more = holder.from(0).try_recv();
        assert!(matches!(more, Ok(None) | Err(RecvError::Held(0))), "it holds all that it can");
        assert_eq!((fill(HOLDER), held.len()), (0, room));
        while served.from(0).try_recv().expect("no error").is_some() {}
        for seed in 0..1000 {
            me.try_send(SERVED, &pattern(len, seed)).expect("room, at once");
            assert_eq!(
                served.from(0).try_recv().expect("no error").expect("mail").to_vec(),
                pattern(len, seed)
            );
        }
        for to in [STOPPED, DEAD, ABSENT, HOLDER] {
            assert_eq!(fill(to), 0, "{to} still has what it had");
        }
    }
}

#[test]
fn receivers_that_are_stopped_dead_or_absent_or_hold_keep_a_loan_from_others_only_if_they_fill_the_area() {
    let InTheWay { me, mut stopped, holder, served, region, _scratch } = InTheWay::new();
    for to in [STOPPED, DEAD, ABSENT] {
        lend(&me, KIB_256, to as usize, &[to]).expect("room");
    }
    for seed in 0..100 {
        lend(&me, KIB_256, seed, &[SERVED]).expect("the chunk that is left");
        expect(&served, 0, KIB_256, seed);
    }
    lend(&me, KIB_256, 4, &[HOLDER]).expect("the last chunk");
    let held = holder.from(0).recv().expect("mail");
    assert_eq!(me.loan(1).err(), Some(SendError::Full(0)), "nothing is left for anyone");
    assert_eq!(me.loan_within(1, common::SHORT).err(), Some(SendError::Timeout(0)));
    me.try_send(SERVED, b"no loan").expect("room, at once");
    assert_eq!(served.from(0).try_recv().expect("no error").expect("mail").to_vec(), b"no loan");
    assert!(held.to_vec() == pattern(KIB_256, 4));
    drop(held);
    lend(&me, KIB_256, 5, &[SERVED]).expect("what was held");
    expect(&served, 0, KIB_256, 5);
    for to in [DEAD, ABSENT] {
        expect(&region.join(to).expect("a free rank"), 0, KIB_256, to as usize);
    }
    stopped.signal(kit::SIGCONT);
    assert_eq!(stopped.does("gist 0"), mail(0, 1, 0, &gist(&pattern(KIB_256, STOPPED as usize))));
    assert_eq!(overwrite(&me), CHUNKS, "all is given back");
}

// --- Waiting for room --------------------------------------------------------------------------------------

#[test]
fn a_loan_waits_until_a_receiver_has_acknowledged_enough() {
    let (_scratch, _region, [a, b, c]) = endpoints::<3>(CONFIG);
    for to in [1, 2, 1, 2] {
        lend(&a, KIB_256, 1, &[to]).expect("room");
    }
    assert_eq!(a.loan_within(1, Deadline::Now).err(), Some(SendError::Full(0)));
    assert_eq!(a.loan_within(1, common::SHORT).err(), Some(SendError::Timeout(0)));
    let [one, other] = [b, c].map(|reader| {
        thread::spawn(move || {
            let mails: Vec<_> = (0..2).map(|_| reader.recv().expect("mail")).collect();
            thread::sleep(common::SHORT);
            mails.into_iter().for_each(|mail| {
                assert!(mail.to_vec() == pattern(KIB_256, 1));
                mail.ack();
            });
            reader
        })
    });
    // Neither is enough alone.
    let mut all = a.loan_within(AREA, GUARD).expect("room, in time");
    all.write_at(0, &[7; AREA]);
    let _readers = [one, other].map(|reader| reader.join().expect("both are done"));
}

#[test]
fn a_sleeper_that_waits_for_a_loan_is_woken() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    a.set_wait(Wait::Block);
    let reader = thread::spawn(move || {
        for round in 0..20 {
            thread::sleep(common::SHORT / 10);
            expect(&b, 0, AREA, round);
        }
    });
    for round in 0..20 {
        lend(&a, AREA, round, &[1]).expect("room");
        drop(a.loan_within(1, GUARD).expect("room"));
    }
    reader.join().expect("it has all");
}

#[test]
fn a_loan_that_waits_is_told_that_a_receiver_has_ended_without_which_there_is_no_room() {
    let (_scratch, region, [a, b, c]) = endpoints::<3>(CONFIG);
    lend(&a, 2 * KIB_256, 1, &[1]).expect("room");
    lend(&a, 2 * KIB_256, 2, &[2]).expect("room");
    forget(b.recv().expect("mail"));
    let waiting = thread::spawn(move || {
        let error = a.loan_within(AREA, GUARD).err();
        (a, error)
    });
    thread::sleep(common::SHORT);
    kill_endpoint(b);
    let (a, error) = waiting.join().expect("told");
    assert_eq!(error, Some(SendError::Gone { rank: 1, died: true }));
    // One that lives gives enough for this.
    let late = thread::spawn(move || {
        thread::sleep(common::SHORT);
        expect(&c, 0, 2 * KIB_256, 2);
        c
    });
    drop(a.loan_within(2 * KIB_256, GUARD).expect("room"));
    let _c = late.join().expect("done");
    assert_eq!(a.loan_within(AREA, GUARD).err(), Some(SendError::Gone { rank: 1, died: true }));
    // Its successor reads what it left.
    let successor = region.join(1).expect("a free rank");
    assert_eq!(a.loan_within(AREA, common::SHORT).err(), Some(SendError::Timeout(0)));
    expect(&successor, 0, 2 * KIB_256, 1);
    drop(a.loan_within(AREA, GUARD).expect("room"));
}

#[test]
fn a_loan_that_waits_for_its_own_thread_is_full_at_once() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let own = a.loan(KIB_256).expect("room");
    lend(&a, KIB_256, 1, &[0]).expect("room");
    assert_eq!(a.loan_within(AREA, GUARD).err(), Some(SendError::Full(0)));
    expect(&a, 0, KIB_256, 1);
    lend(&a, AREA - KIB_256, 2, &[1]).expect("room");
    assert_eq!(a.loan_within(AREA, GUARD).err(), Some(SendError::Full(0)));
    drop(own);
    expect(&b, 0, AREA - KIB_256, 2);
    let all = a.loan_within(AREA, GUARD).expect("room");
    assert_eq!(a.loan_within(1, GUARD).err(), Some(SendError::Full(0)));
    drop(all);
    let beyond = SendError::TooLarge { len: AREA as u64 + 1, limit: AREA as u64 };
    assert_eq!(a.loan_within(AREA + 1, GUARD).err(), Some(beyond));
}

#[test]
fn an_interrupter_ends_a_wait_for_a_loan() {
    let (_scratch, _region, [a, _b]) = endpoints::<2>(CONFIG);
    lend(&a, AREA, 1, &[1]).expect("room");
    let interrupter = a.interrupter();
    let waiting = thread::spawn(move || a.loan_within(1, GUARD).err());
    thread::sleep(common::SHORT);
    interrupter.interrupt();
    assert_eq!(waiting.join().expect("told"), Some(SendError::Interrupted));
}

#[test]
fn a_receiver_that_holds_what_a_loan_waits_for_is_told() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    lend(&a, KIB_256, 1, &[1]).expect("room");
    lend(&a, KIB_256, 2, &[1]).expect("room");
    let held = [(); 2].map(|()| b.from(0).recv().expect("mail"));
    let waiting = thread::spawn(move || {
        let error = a.loan_within(AREA, GUARD).err();
        (a, error)
    });
    assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)));
    drop(held);
    let (a, error) = waiting.join().expect("it goes on");
    assert_eq!(error, None);
    // What it was told is taken back.
    lend(&a, KIB_256, 3, &[1]).expect("room");
    let _held = b.from(0).recv().expect("mail");
    assert_eq!(b.from(0).within(common::SHORT).recv().err(), Some(RecvError::Timeout));
}

#[test]
fn a_receiver_that_holds_a_mail_before_what_a_loan_waits_for_is_told() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    a.send(1, b"before").expect("room");
    lend(&a, AREA, 1, &[1]).expect("room");
    let held = b.from(0).recv().expect("mail");
    expect(&b, 0, AREA, 1);
    let waiting = thread::spawn(move || a.loan_within(AREA, GUARD).map(drop));
    assert_eq!(b.from(0).within(GUARD).recv().err(), Some(RecvError::Held(0)));
    drop(held);
    assert_eq!(waiting.join().expect("it goes on"), Ok(()));
}

#[test]
fn a_thread_waits_for_what_others_have_though_a_receiver_has_ended() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let me = a.into_shared();
    let other = me.loan(AREA / 2).expect("room");
    let sent = me.loan(AREA / 2).expect("room").commit(AREA / 2);
    sent.send(1).expect("room");
    drop(sent);
    kill_endpoint(b);
    let waiting = thread::spawn(move || me.loan_within(AREA / 2, GUARD).map(|loan| loan.len()));
    thread::sleep(common::SHORT);
    drop(other);
    assert_eq!(waiting.join().expect("it goes on"), Ok(AREA / 2));
}

#[test]
fn threads_that_share_an_endpoint_wait_for_what_others_lend() {
    let (_scratch, _region, [a, b]) = endpoints::<2>(CONFIG);
    let me = a.into_shared();
    let all = me.loan(AREA).expect("room").commit(AREA);
    all.send(1).expect("room");
    assert_eq!(me.loan_within(1, Deadline::Now).err(), Some(SendError::Full(0)));
    assert_eq!(me.loan_within(1, common::SHORT).err(), Some(SendError::Timeout(0)));
    let waiting = [1, AREA / 2].map(|len| {
        let me = me.clone();
        thread::spawn(move || me.loan_within(len, GUARD).map(|loan| loan.len()))
    });
    thread::sleep(common::SHORT);
    drop(b.recv().expect("mail"));
    thread::sleep(common::SHORT);
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "a thread has all");
    drop(all);
    for (waiting, len) in waiting.into_iter().zip([1, AREA / 2]) {
        assert_eq!(waiting.join().expect("it goes on"), Ok(len));
    }
}

// --- Successors --------------------------------------------------------------------------------------------

#[test]
fn a_killed_owners_successor_overwrites_nothing_that_a_receiver_still_reads() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let (mut owner, mut reader) = (puppet(&scratch), puppet(&scratch));
    assert_eq!(owner.does("join 0"), "ok");
    let me = region.join(2).expect("a free rank");
    assert_eq!(owner.does("loan 100000 1 1 2"), "ok");
    assert_eq!(owner.does("loan 300000 2 2"), "ok");
    let held = me.from(0).recv().expect("mail");
    owner.kill();
    for life in 2..4 {
        owner = puppet(&scratch);
        assert_eq!(owner.does("join 0"), "ok");
        assert_eq!(owner.does("exhaust 99"), (CHUNKS - 3).to_string());
        owner.kill();
        assert_eq!(held.to_vec(), pattern(100_000, 1), "life {life}");
    }
    drop(held);
    expect(&me, 0, 300_000, 2);
    assert_eq!(reader.does("join 1"), "ok");
    owner = puppet(&scratch);
    assert_eq!(owner.does("join 0"), "ok");
    assert_eq!(owner.does(&format!("lend {} 9", 3 * KIB_256)), "ok", "all but what the other has not read");
    assert_eq!(owner.does(&format!("lend {AREA} 9")), "Full(0)");
    assert_eq!(reader.does("gist"), mail(0, 1, 0, &gist(&pattern(100_000, 1))));
    assert_eq!(owner.does(&format!("loan {AREA} 5 1 2")), "ok");
    assert_eq!(reader.does("gist"), mail(0, 4, 1, &gist(&pattern(AREA, 5))));
    expect(&me, 0, AREA, 5);
}

#[test]
fn what_a_dead_batch_held_back_is_nobodys() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG);
    let me = region.join(1).expect("a free rank");
    let mut owner = puppet(&scratch);
    for life in 1..4 {
        assert_eq!(owner.does("join 0"), "ok");
        assert_eq!(owner.does(&format!("loan 5000 {life} 1")), "ok");
        assert_eq!(owner.does("batch"), "ok");
        for _ in 1..CHUNKS {
            assert_eq!(owner.does("loan 1000 0 1"), "ok");
        }
        owner.kill();
        owner = puppet(&scratch);
        assert_eq!(owner.does("join 0"), "ok");
        assert_eq!(owner.does("exhaust 99"), (CHUNKS - 1).to_string(), "all but one that was published");
        expect(&me, 0, 5000, life);
        assert!(me.from(0).try_recv().is_ok_and(|mail| mail.is_none()), "what was held back was never sent");
        owner.kill();
        owner = puppet(&scratch);
    }
}

#[test]
fn a_receivers_successor_reads_what_it_left() {
    let (_scratch, region, [a, b]) = endpoints::<2>(CONFIG);
    lend(&a, 5000, 1, &[1]).expect("room");
    forget(b.recv().expect("mail"));
    die(b);
    assert_eq!(overwrite(&a), CHUNKS - 1);
    let b = region.join(1).expect("a free rank");
    let mail = b.from(0).recv().expect("mail");
    assert_eq!(mail.redelivered(), 1);
    assert_eq!(mail.to_vec(), pattern(5000, 1));
    drop(mail);
    assert_eq!(overwrite(&a), CHUNKS);
}

#[test]
fn a_reset_gives_back_what_was_sent_before_it() {
    let (_scratch, _region, [a, mut b, c]) = endpoints::<3>(CONFIG);
    lend(&a, 5000, 1, &[1, 2]).expect("room");
    lend(&a, 5000, 2, &[1]).expect("room");
    forget(b.from(0).recv().expect("mail"));
    b.reset(0).expect("a rank");
    assert_eq!(overwrite(&a), CHUNKS - 1, "one that another has not read");
    expect(&c, 0, 5000, 1);
    assert_eq!(overwrite(&a), CHUNKS);
    assert!(b.from(0).try_recv().is_ok_and(|mail| mail.is_none()), "the reset is taken");
    assert_eq!(a.send(1, b"x").err(), Some(SendError::Broken(Broken::Reset(1))));
    lend(&a, 5000, 3, &[1]).expect("room");
    expect(&b, 0, 5000, 3);
}

#[test]
fn a_mailbox_that_makes_no_sense_keeps_no_successor_from_lending_to_others() {
    let (scratch, region, [a, b, c]) = endpoints::<3>(CONFIG);
    lend(&a, 5000, 1, &[1, 2]).expect("room");
    die(a);
    let head = geometry(&scratch).mailbox(0, 1) + offset_of!(ConsumerLine, head) as u64;
    scratch.patch(head, &(1u64 << 50).to_ne_bytes());
    let a = region.join(0).expect("a free rank");
    assert_eq!(lend(&a, AREA, 2, &[2]), Err(SendError::Full(0)), "the other has not read it");
    assert_eq!(overwrite(&a), CHUNKS - 1);
    expect(&c, 0, 5000, 1);
    lend(&a, AREA, 2, &[2]).expect("room");
    expect(&c, 0, AREA, 2);
    assert_eq!(lend(&a, 10, 2, &[1]), Err(SendError::Broken(Broken::Corrupt(1))));
    drop(b);
}

// --- Garbage -----------------------------------------------------------------------------------------------

#[test]
fn a_reference_that_makes_no_sense_is_corrupt_of_its_pair_alone() {
    let chunk = CHUNK;
    let area = AREA as u64;
    let references = [
        (0, area + 1),
        (chunk, area - chunk + 1),
        (area, 0),
        (area, 1),
        (2 * area, 10),
        (8, 10),
        (64, 10),
        (chunk - 8, 1),
        (chunk + 4096, 1),
        (u64::MAX, 1),
        (u64::MAX / chunk * chunk, 2 * chunk),
        (0, u64::MAX),
        (area - chunk, u64::MAX),
    ];
    for (offset, len) in references {
        let scratch = Scratch::new();
        let region = scratch.create(CONFIG);
        let [a, mut b] = [2, 1].map(|rank| region.join(rank).expect("a free rank"));
        let wire = Wire::new(&scratch, 0, 1);
        let refer = |offset, len| {
            let slot = wire.producer.claim(0, Slack::Any).expect("room");
            wire.producer.publish(&slot.of_loan(Reference { offset, len }));
        };
        refer(area - chunk, chunk);
        refer(offset, len);
        lend(&a, 100, 1, &[1]).expect("room");
        assert_eq!(b.from(0).recv().expect("mail").to_vec(), vec![0; KIB_256], "the last chunk is one");
        assert_eq!(
            b.from(0).recv().err(),
            Some(RecvError::Broken(Broken::Corrupt(0))),
            "{len} bytes at {offset}"
        );
        expect(&b, 2, 100, 1);
        b.reset(0).expect("a rank");
        // A successor of who wrote that is not misled either.
        let owner = region.join(0).expect("a free rank");
        assert_eq!(owner.loan(AREA).map(|loan| loan.len()), Ok(AREA));
    }
}

#[test]
fn a_reference_into_an_area_that_is_not_there_is_corrupt() {
    let scratch = Scratch::new();
    let region = scratch.create(CONFIG.loans(0));
    let b = region.join(1).expect("a free rank");
    let wire = Wire::new(&scratch, 0, 1);
    let slot = wire.producer.claim(0, Slack::Any).expect("room");
    wire.producer.publish(&slot.of_loan(Reference { offset: 0, len: 0 }));
    assert_eq!(b.from(0).recv().err(), Some(RecvError::Broken(Broken::Corrupt(0))));
}
