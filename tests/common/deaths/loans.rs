//! Loans: their owner, its successor, or a receiver ends.

use super::*;
use mailbox::lab::abi::CHUNK;

/// Enough for three loans that each leave the second of their two chunks free.
const CHUNKS: usize = 6;
const LEN: usize = 100;

fn scene() -> Scene {
    Scene::of(Config::ranks(2).arena(2048).loans(CHUNKS as u64 * CHUNK))
}

/// Sends the next message of this life on loan. It asks for two chunks, and needs one.
fn lend(me: &Endpoint, index: u64) {
    let bytes = descriptor(me.epoch(), index, LEN);
    let mut loan = me.loan(CHUNK as usize + 1).expect("room");
    loan.write_at(0, &bytes);
    loan.commit(LEN).send_within(1 - me.rank(), BOUND).expect("room");
}

/// Takes all that is free, writes over it, and gives it back; how many chunks that is.
fn overwrite(me: &Endpoint) -> usize {
    let all = std::iter::from_fn(|| me.loan(CHUNK as usize).ok());
    let all = all.map(|mut loan| {
        loan.write_at(0, &[0xEE; LEN]);
        loan
    });
    all.collect::<Vec<_>>().len()
}

/// All that is there, not acknowledged.
fn hold_all(me: &Endpoint) -> Vec<Mail<'_>> {
    std::iter::from_fn(|| me.from(1).try_recv().ok().flatten()).collect()
}

impl Scene {
    /// The survivor has all mails of rank 1: so many from before the count, and those that it counts. A successor touches none.
    fn expect_lent(&self, before: u64, mails: Vec<Mail<'_>>) {
        let sent = before + self.tally.0.done()..=before + self.tally.0.begun();
        assert!(sent.contains(&(mails.len() as u64)), "{} arrived of {sent:?}", mails.len());
        let (successor, mut reader) = (join(&self.region, 1), Reader::default());
        self.expect_kept(&successor, mails, &mut reader);
        self.expect_talk(&successor, &mut reader, &mut Reader::default());
    }

    /// The owner finds all free but the chunks of these mails, which it does not touch; and all, once they are acknowledged.
    fn expect_kept(&self, owner: &Endpoint, mails: Vec<Mail<'_>>, reader: &mut Reader) {
        assert_eq!(overwrite(owner), CHUNKS - mails.len(), "all but {} mails", mails.len());
        mails.iter().for_each(|mail| reader.read(mail));
        drop(mails);
        assert_eq!(overwrite(owner), CHUNKS, "all is given back");
        lend(owner, 0);
        reader.receive(&self.survivor);
    }
}

/// Rank 1 ends while it lends; as the first that it does at all.
pub fn lends(doom: &dyn Doom, is_first: bool) -> bool {
    let scene = scene();
    let before = u64::from(!is_first);
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        (0..before).for_each(|index| lend(&me, index));
        doom.begin();
        (before..before + 2).for_each(|index| tally.count(|| lend(&me, index)));
        doom.end();
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    scene.expect_lent(before, hold_all(&scene.survivor));
    is_complete
}

/// Rank 1 ends while its first loan looks for what a former life has lent, or while it writes where that is not.
pub fn recovers(doom: &dyn Doom) -> bool {
    let scene = scene();
    let former = join(&scene.region, 1);
    (0..2).for_each(|index| lend(&former, index));
    drop(former);
    let held = receive(&scene.survivor);
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        doom.begin();
        tally.count(|| lend(&me, 0));
        overwrite(&me);
        doom.end();
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    scene.expect_dead(2);
    scene.expect_lent(2, [held].into_iter().chain(hold_all(&scene.survivor)).collect());
    is_complete
}

/// Rank 1 ends while it receives a loan.
pub fn receives(doom: &dyn Doom) -> bool {
    const SENT: u64 = 3;
    let scene = scene();
    (0..SENT).for_each(|index| lend(&scene.survivor, index));
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let mut reader = Reader::default();
        reader.receive(&me);
        let mut buffer = vec![0; LEN];
        doom.begin();
        let mail = receive(&me);
        mail.copy_to(&mut buffer);
        tally.count(|| drop(mail));
        doom.end();
        assert_eq!(buffer, descriptor(1, 1, LEN), "torn");
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    // The survivor goes on before there is a successor, and writes over nothing that is not acknowledged.
    let free = overwrite(&scene.survivor);
    let successor = join(&scene.region, 1);
    let first = receive(&successor);
    let tally = &scene.tally.0;
    let acknowledged = 1 + tally.done()..=1 + tally.begun();
    assert!(acknowledged.contains(&first.seq()), "{} comes first after {acknowledged:?}", first.seq());
    assert_eq!(free, CHUNKS - (SENT - first.seq()) as usize, "what was acknowledged is free");
    let mut reader = Reader { seq: first.seq(), life: 1, count: first.seq() };
    reader.read(&first);
    drop(first);
    while reader.count < SENT {
        reader.receive(&successor);
    }
    assert_eq!(overwrite(&scene.survivor), CHUNKS, "all is given back");
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}
