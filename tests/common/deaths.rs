//! Operations in which a process ends, anywhere, and what must hold for those that go on.
//!
//! Each is a function that is run in a helper, a process of one thread, and that forks the process that is to end.
//! How and where that ends is the [`Doom`]'s business. Rank 0 is the helper's and survives; rank 1 is the doomed
//! process'. A successor, in the helper, takes its place.

mod bells;
mod calls;
mod discard;
mod groups;
mod loans;
mod regions;
mod reset;
mod topics;
mod unread;

use super::{
    Child, Scratch, end_with_parent, end_within, exit_with, fork, pattern, place, reply, status_of,
    wait_until,
};
use mailbox::{Config, Endpoint, Mail, RecvError, Region, SendError, Status, Wait};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// What takes longer hangs.
const BOUND: Duration = Duration::from_secs(10);
/// After this many seconds the kernel kills a process that hangs in spite of that.
const ALARM: u32 = 30;
/// Tries that find nothing, of which one at least asks whether somebody died.
const TRIES: usize = 65;

/// How a process ends.
pub trait Doom {
    /// In the doomed process: what it does from now on is under test.
    fn begin(&self);
    /// In the doomed process: until now.
    fn end(&self);
    /// In its parent: waits for its end; whether it came to that of the operation.
    fn follow(&self, process: i32) -> bool;
}

/// Runs an operation again and again, each time with the doom of the next number, until it comes to its end three
/// times: what others do meanwhile may make it longer or shorter. How often it did not.
pub fn explore<D: Doom>(doom: impl Fn(u64) -> D, operation: Operation) -> u64 {
    let (mut stops, mut completed) = (0, 0);
    for number in 1.. {
        if once(operation, &doom(number)) {
            completed += 1;
        } else {
            (stops, completed) = (stops + 1, 0);
        }
        if completed == 3 {
            break;
        }
    }
    stops
}

/// Runs an operation once.
pub fn once(operation: Operation, doom: &dyn Doom) -> bool {
    end_within(ALARM);
    operation(doom)
}

/// In a helper: does what `role` asks for, and says how often a process was ended.
pub fn help(role: &str, explore: impl Fn(Operation) -> u64) {
    let (_, operation) = OPERATIONS.iter().find(|(name, _)| *name == role).expect("an operation");
    reply(&explore(*operation).to_string());
}

/// In a helper: does not hang.
pub fn on_the_way() {
    reply("on the way");
}

/// In a test: has a helper do so.
pub fn ends(role: &str) -> u64 {
    let mut helper = Child::start(role, &Scratch::new());
    let mut answers = std::iter::repeat_with(|| helper.answer());
    let ends = answers.find_map(|answer| answer.parse().ok()).expect("a number");
    println!("{role}: {ends} ends");
    ends
}

/// What is run under a doom; whether it came to its end.
pub type Operation = fn(&dyn Doom) -> bool;

/// All operations.
pub const OPERATIONS: &[(&str, Operation)] = &[
    ("first_send", |doom| sends(doom, How::First, &[20])),
    ("first_send_in_arena", |doom| sends(doom, How::Fresh, &[200])),
    ("send_in_cell", |doom| sends(doom, How::Again, &[20])),
    ("send_in_arena", |doom| sends(doom, How::Again, &[200])),
    ("send_behind_another_in_arena", |doom| sends(doom, How::Behind, &[200, 200])),
    ("send_batch", |doom| sends(doom, How::Batch, &[48, 5, 200, 20])),
    ("send_each", |doom| sends(doom, How::Each, &[48, 8, 200, 8, 20])),
    ("first_receive", |doom| receives(doom, How::First, &[20])),
    ("receive_in_cell", |doom| receives(doom, How::Again, &[20])),
    ("receive_in_arena", |doom| receives(doom, How::Again, &[200])),
    ("receive_batch", |doom| receives(doom, How::Batch, &[20, 200, 48, 5])),
    ("drain_each", |doom| receives(doom, How::Each, &[20, 48, 5, 200, 8, 20])),
    ("send_announced", sends_announced),
    ("receive_announced", receives_announced),
    ("call", |doom| calls::calls(doom, (20, 20), false)),
    ("call_in_mailbox", |doom| calls::calls(doom, (200, 20), false)),
    ("call_after_one_given_up", |doom| calls::calls(doom, (20, 20), true)),
    ("answer", |doom| calls::answers(doom, (20, 20))),
    ("answer_in_mailbox", |doom| calls::answers(doom, (20, 200))),
    ("answer_to_mailbox", |doom| calls::answers(doom, (200, 20))),
    ("refuse", |doom| calls::refuses(doom, (20, 20), false)),
    ("refuse_in_mailbox", |doom| calls::refuses(doom, (200, 200), false)),
    ("drop_call", |doom| calls::refuses(doom, (20, 20), true)),
    ("drop_call_in_mailbox", |doom| calls::refuses(doom, (200, 20), true)),
    ("acknowledge_sync", calls::acknowledges),
    ("send_sync", calls::sends_sync),
    ("first_lend", |doom| loans::lends(doom, true)),
    ("lend", |doom| loans::lends(doom, false)),
    ("receive_loan", loans::receives),
    ("recover_loans", loans::recovers),
    ("discard", |doom| discard::discards(doom, 20)),
    ("discard_in_arena", |doom| discard::discards(doom, 200)),
    ("wait_for_held", unread::waits_for_held),
    ("move_unread", unread::moves_unread),
    ("join", |doom| joins(doom, None)),
    ("join_as", |doom| joins(doom, Some("doomed"))),
    ("leave", |doom| leaves(doom, false)),
    ("leave_awaited", |doom| leaves(doom, true)),
    ("create", |doom| regions::creates(doom, Scratch::new(), false)),
    ("create_file", |doom| regions::creates(doom, Scratch::in_memory(), false)),
    ("replace", |doom| regions::creates(doom, Scratch::new(), true)),
    ("replace_file", |doom| regions::creates(doom, Scratch::in_memory(), true)),
    ("remove", |doom| regions::removes(doom, Scratch::new())),
    ("remove_file", |doom| regions::removes(doom, Scratch::in_memory())),
    ("fall_asleep", bells::falls_asleep),
    ("fall_asleep_for_room", bells::falls_asleep_for_room),
    ("ring", bells::rings),
    ("ring_for_room", bells::rings_for_room),
    ("request_reset", reset::asks_for_reset),
    ("answer_in_send", |doom| reset::answers(doom, false, true)),
    ("answer_in_send_unseen", |doom| reset::answers(doom, false, false)),
    ("answer_asleep", |doom| reset::answers(doom, true, true)),
    ("answer_asleep_unseen", |doom| reset::answers(doom, true, false)),
    ("publish", topics::publishes),
    ("publish_stream", topics::publishes_a_stream),
    ("subscribe", topics::reads_every_message),
    ("subscribe_skipping", topics::reads_what_is_there),
    ("barrier", |doom| groups::ends_in(doom, groups::barrier, true)),
    ("all_reduce", |doom| groups::ends_in(doom, groups::all_reduce, true)),
    ("broadcast", |doom| groups::ends_in(doom, groups::broadcast::<1>, false)),
    ("broadcast_of_another", |doom| groups::ends_in(doom, groups::broadcast::<0>, false)),
    ("dup", |doom| groups::ends_in(doom, groups::dup, true)),
    ("shrink", |doom| groups::ends_in(doom, groups::shrink, false)),
];

/// How an operation on messages is done.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// As the first of its process: the mailbox is opened.
    First,
    /// As the first through its mailbox: that is reserved, and so is an arena of several pages.
    Fresh,
    /// After others.
    Again,
    /// After another that lies in the same extent of an arena.
    Behind,
    /// In a batch, after others.
    Batch,
    /// By one call for all that are there, after others.
    Each,
}

/// What a doomed process has begun and done, in memory that it shares with its parent.
struct Tally {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Tally {
    fn new() -> &'static Self {
        // SAFETY: a new mapping of zeros, which are a value of this type, and which is never unmapped.
        #[expect(unsafe_code, reason = "memory that a forked process shares")]
        unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
            let page = libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0);
            assert_ne!(page, libc::MAP_FAILED, "a page");
            &*page.cast()
        }
    }

    /// Does a step that, seen from outside, either happens at once or not at all.
    fn count(&self, act: impl FnOnce()) {
        self.begun.fetch_add(1, SeqCst);
        act();
        self.done.fetch_add(1, SeqCst);
    }

    fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    fn done(&self) -> u64 {
        self.done.load(SeqCst)
    }
}

/// A tally that goes with its test.
struct Page(&'static Tally);

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: mapped by `Tally::new`, and nobody refers to it any more.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::munmap(std::ptr::from_ref(self.0).cast_mut().cast(), 4096);
        }
    }
}

/// A region with a survivor.
struct Scene {
    tally: Page,
    region: Region,
    survivor: Endpoint,
    scratch: Scratch,
}

impl Scene {
    fn new() -> Self {
        Self::with_arena(2048)
    }

    fn with_arena(bytes: u64) -> Self {
        Self::of(Config::ranks(2).arena(bytes))
    }

    /// Of a region with small mailboxes.
    fn of(config: Config) -> Self {
        let scratch = Scratch::new();
        let region = scratch.create(config.cells(8));
        let survivor = join(&region, 0);
        Self { tally: Page(Tally::new()), region, survivor, scratch }
    }

    /// Starts the process that is to end.
    fn doomed(&self, act: impl FnOnce(&Region, &Tally)) -> i32 {
        doomed(|| act(&self.region, self.tally.0))
    }

    /// What the rank of a process is that ended without leaving.
    fn expect_dead(&self, epoch: u64) {
        assert_eq!(self.region.status(1), Some((Status::Dead, epoch)));
    }

    /// Both ranks talk, for more than a lap, through cells and arena; nothing stays behind.
    fn expect_talk(&self, successor: &Endpoint, to_survivor: &mut Reader, to_successor: &mut Reader) {
        for index in 0..24 {
            let len = if index % 3 == 0 { 500 } else { 20 };
            to_survivor.expect_next(successor, &self.survivor, len);
            to_successor.expect_next(&self.survivor, successor, len);
        }
        for me in [&self.survivor, successor] {
            assert!((0..TRIES).all(|_| matches!(me.try_recv(), Ok(None))), "nothing more");
        }
    }
}

fn doomed(act: impl FnOnce()) -> i32 {
    match fork() {
        0 => {
            end_within(ALARM);
            end_with_parent();
            // It must not go on as its parent would.
            let result = catch_unwind(AssertUnwindSafe(act));
            exit_with(i32::from(result.is_err()))
        }
        process => process,
    }
}

fn join(region: &Region, rank: u32) -> Endpoint {
    let me = region.join(rank).expect("a free rank");
    me.set_wait(Wait::Block);
    me
}

/// The message of that number, of this length, that its sender sends in this life.
fn descriptor(epoch: u64, index: u64, len: usize) -> Vec<u8> {
    let seed = (epoch * 64 + index) as usize * 8 + len;
    let mut bytes = pattern(len, seed);
    bytes[..2].copy_from_slice(&[epoch as u8, index as u8]);
    bytes
}

/// Sends the next message of this life.
fn send(me: &Endpoint, index: u64, len: usize) {
    me.to(1 - me.rank()).within(BOUND).send(&descriptor(me.epoch(), index, len)).expect("room");
}

fn receive(me: &Endpoint) -> Mail<'_> {
    me.from(1 - me.rank()).within(BOUND).recv().expect("mail")
}

/// Nothing is there; but of a former life of the other the end may be told, once.
fn expect_no_mail(me: &Endpoint) {
    let first = me.try_recv();
    let is_told = matches!(first, Err(RecvError::Gone { .. }));
    let next = if is_told { me.try_recv() } else { first };
    assert!(matches!(next, Ok(None)), "{next:?}");
}

/// What is known of a mailbox by what came out of it.
#[derive(Default)]
struct Reader {
    /// The number of the next cell.
    seq: u64,
    /// The sender's last life, and how many messages of that have come.
    life: u64,
    count: u64,
}

impl Reader {
    /// The next message is whole, and is the next one of its sender, or the first of a later life of that.
    fn read(&mut self, mail: &Mail<'_>) {
        let bytes = mail.to_vec();
        let (life, index) = (u64::from(bytes[0]), u64::from(bytes[1]));
        assert_eq!(bytes, descriptor(life, index, bytes.len()), "torn");
        assert_eq!(mail.epoch(), life);
        assert!(life >= self.life, "a former life's");
        if life != self.life {
            (self.life, self.count) = (life, index);
        }
        assert_eq!(index, self.count, "a gap or a repeat");
        self.count += 1;
        assert_eq!(mail.seq(), self.seq, "a gap or a repeat");
        self.seq = mail.seq() + 1;
    }

    /// Receives the next message.
    fn receive(&mut self, me: &Endpoint) {
        self.read(&receive(me));
    }

    /// Sends one more, and receives it.
    fn expect_next(&mut self, from: &Endpoint, to: &Endpoint, len: usize) {
        let index = if self.life == from.epoch() { self.count } else { 0 };
        send(from, index, len);
        self.receive(to);
        assert_eq!((self.life, self.count), (from.epoch(), index + 1), "the last one");
        expect_no_mail(to);
    }
}

// --- Messages ----------------------------------------------------------------------------------------------

/// Rank 1 ends while it sends.
fn sends(doom: &dyn Doom, how: How, lens: &[usize]) -> bool {
    let is_fresh = how == How::Fresh;
    let is_behind = how == How::Behind;
    let scene = Scene::with_arena(if is_fresh || is_behind { 8192 } else { 2048 });
    let mut reader = Reader::default();
    if !is_fresh {
        // So that its arena begins in the middle, and something is there already.
        let former = join(&scene.region, 1);
        [500, 20, 200].iter().zip(0..).for_each(|(len, index)| send(&former, index, *len));
        (0..2).for_each(|_| reader.receive(&scene.survivor));
    }
    let before = u64::from(!is_fresh && how != How::First);
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        (0..before).for_each(|index| send(&me, index, if is_behind { 200 } else { 20 }));
        let descriptors: Vec<_> =
            lens.iter().zip(before..).map(|(len, index)| descriptor(me.epoch(), index, *len)).collect();
        doom.begin();
        if how == How::Each {
            let messages = descriptors.iter().inspect(|_| _ = tally.begun.fetch_add(1, SeqCst));
            me.to(0).send_each(messages).expect("room");
        }
        let batch = (how == How::Batch).then(|| me.batch());
        for descriptor in descriptors.iter().filter(|_| how != How::Each) {
            tally.begun.fetch_add(1, SeqCst);
            me.send(0, descriptor).expect("room");
            if batch.is_none() {
                tally.done.fetch_add(1, SeqCst);
            }
        }
        drop(batch);
        tally.done.store(lens.len() as u64, SeqCst);
        doom.end();
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    let life = if is_fresh { 1 } else { 2 };
    scene.expect_dead(life);
    let successor = join(&scene.region, 1);
    assert_eq!(successor.epoch(), life + 1);
    send(&successor, 0, 200);
    if !is_fresh {
        reader.receive(&scene.survivor);
        assert_eq!((reader.life, reader.count), (1, 3), "the former's last");
    }
    let mut arrived = 0;
    loop {
        let mail = receive(&scene.survivor);
        reader.read(&mail);
        if reader.life == successor.epoch() {
            break;
        }
        arrived += 1;
    }
    let tally = &scene.tally.0;
    expect_no_mail(&scene.survivor);
    let sent = before + tally.done()..=before + tally.begun();
    assert!(sent.contains(&arrived), "{arrived} arrived of {sent:?}");
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}

/// Rank 1 ends while it receives.
fn receives(doom: &dyn Doom, how: How, lens: &[usize]) -> bool {
    let scene = Scene::new();
    let before = u64::from(how != How::First);
    // A drain would take the last one, too.
    let last = (how != How::Each).then_some(200);
    let all: Vec<usize> =
        [20].into_iter().take(before as usize).chain(lens.iter().copied()).chain(last).collect();
    all.iter().zip(0..).for_each(|(len, index)| send(&scene.survivor, index, *len));
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let mut reader = Reader::default();
        (0..before).for_each(|_| reader.receive(&me));
        let mut buffers: Vec<_> = lens.iter().map(|len| vec![0; *len]).collect();
        doom.begin();
        if how == How::Each {
            let mut left = buffers.iter_mut();
            let drained = me.drain().for_each(|message| {
                message.copy_to(left.next().expect("no more than were sent"));
                tally.begun.fetch_add(1, SeqCst);
            });
            assert!(drained.is_ok() && left.len() == 0, "all are there");
        }
        let batch = (how == How::Batch).then(|| me.batch());
        for buffer in buffers.iter_mut().filter(|_| how != How::Each) {
            let mail = me.recv().expect("mail");
            mail.copy_to(buffer);
            tally.begun.fetch_add(1, SeqCst);
            drop(mail);
            if batch.is_none() {
                tally.done.fetch_add(1, SeqCst);
            }
        }
        drop(batch);
        tally.done.store(lens.len() as u64, SeqCst);
        doom.end();
        for (buffer, index) in buffers.iter().zip(before..) {
            assert_eq!(*buffer, descriptor(1, index, buffer.len()), "torn");
        }
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    scene.expect_dead(1);
    // The survivor goes on before there is a successor.
    send(&scene.survivor, all.len() as u64, 20);
    let successor = join(&scene.region, 1);
    let first = receive(&successor);
    let tally = &scene.tally.0;
    let acknowledged = before + tally.done()..=before + tally.begun();
    assert!(acknowledged.contains(&first.seq()), "{} comes first after {acknowledged:?}", first.seq());
    let mut reader = Reader { seq: first.seq(), life: 1, count: first.seq() };
    reader.read(&first);
    drop(first);
    while reader.count <= all.len() as u64 {
        reader.receive(&successor);
    }
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}

// --- Announced messages ------------------------------------------------------------------------------------

/// Longer than half the arena.
const LONG: usize = 1030;

/// Rank 1 ends while it sends an announced message.
fn sends_announced(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        send(&me, 0, 20);
        doom.begin();
        tally.count(|| send(&me, 1, LONG));
        doom.end();
        std::mem::forget(me);
    });
    let mut reader = Reader::default();
    let mut count = 0;
    let told = loop {
        match scene.survivor.from(1).within(BOUND).recv() {
            Ok(mail) => {
                reader.read(&mail);
                count += usize::from(mail.len() == LONG);
            }
            Err(error) => break error,
        }
    };
    assert_eq!(told, RecvError::Gone { rank: 1, died: true });
    let is_complete = doom.follow(process);
    assert!(count <= 1, "at most once");
    assert!(count == 1 || scene.tally.0.done() == 0, "what was sent arrives");
    let successor = join(&scene.region, 1);
    // Another one, and one that is whole: nothing is left of the first.
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // An endpoint may go to another thread, not be lent to one.
            let successor = successor;
            send(&successor, 0, LONG);
        });
        let mail = receive(&scene.survivor);
        reader.seq = mail.seq();
        reader.read(&mail);
        assert_eq!((reader.life, mail.len()), (2, LONG));
    });
    let successor = join(&scene.region, 1);
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}

/// Rank 1 ends while it receives an announced message.
fn receives_announced(doom: &dyn Doom) -> bool {
    let scene = Scene::new();
    send(&scene.survivor, 0, 20);
    let process = scene.doomed(|region, tally| {
        let me = join(region, 1);
        let mut reader = Reader::default();
        reader.receive(&me);
        doom.begin();
        let mail = receive(&me);
        tally.begun.fetch_add(1, SeqCst);
        assert_eq!(mail.to_vec(), descriptor(1, 1, LONG), "torn");
        drop(mail);
        tally.done.fetch_add(1, SeqCst);
        doom.end();
        std::mem::forget(me);
    });
    let sent = scene.survivor.to(1).within(BOUND).send(&descriptor(1, 1, LONG));
    let is_complete = doom.follow(process);
    // Whether it got it, or may have: its program had not seen it yet.
    let is_delivered = scene.tally.0.begun() > 0;
    match sent {
        Ok(()) => {}
        Err(SendError::Gone { died: true, .. }) => assert!(!is_complete, "it was received"),
        Err(error) => panic!("{error:?}"),
    }
    assert!(sent.is_ok() || scene.tally.0.done() == 0, "it was received, and its sender is not told");
    send(&scene.survivor, 2, 20);
    let successor = join(&scene.region, 1);
    // The first may be there again; it if its sender still has it; then the last.
    let mut seq = None;
    loop {
        let mail = receive(&successor);
        assert!(seq.replace(mail.seq()).is_none_or(|seq| seq < mail.seq()), "in order");
        let bytes = mail.to_vec();
        assert_eq!(bytes, descriptor(1, u64::from(bytes[1]), bytes.len()), "torn");
        match bytes[1] {
            1 => assert!(!is_delivered, "at most once"),
            2 => break,
            _ => panic!("acknowledged before"),
        }
    }
    let mut reader = Reader { seq: seq.unwrap_or(0) + 1, life: 1, count: 3 };
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}

// --- Lives -------------------------------------------------------------------------------------------------

/// Rank 1 ends while it joins.
fn joins(doom: &dyn Doom, label: Option<&str>) -> bool {
    let scene = Scene::new();
    let any = |region: &Region| match label {
        None => region.join(1),
        Some(label) => region.join_as(label),
    };
    // Its unread mail is for nobody of another label.
    drop(any(&scene.region).expect("a free rank"));
    send(&scene.survivor, 0, 20);
    let process = scene.doomed(|region, _| {
        doom.begin();
        let me = any(region).expect("a free rank");
        doom.end();
        std::mem::forget(me);
    });
    let is_complete = doom.follow(process);
    let before = scene.region.status(1);
    match before {
        Some((Status::Left, 1)) => assert!(!is_complete),
        Some((Status::Dead, 2)) => {}
        _ => panic!("{before:?}"),
    }
    let successor = any(&scene.region).expect("a free rank");
    successor.set_wait(Wait::Block);
    assert_eq!((successor.rank(), Some(successor.epoch())), (1, before.map(|(_, epoch)| epoch + 1)));
    if let Some(label) = label {
        assert_eq!(scene.region.find(label), Some(1));
    }
    let mut reader = Reader::default();
    reader.receive(&successor);
    scene.expect_talk(&successor, &mut Reader::default(), &mut reader);
    is_complete
}

/// Rank 1 ends while it leaves; somebody waits for it meanwhile, or looks afterwards.
fn leaves(doom: &dyn Doom, is_awaited: bool) -> bool {
    let scene = Scene::new();
    let process = scene.doomed(|region, _| {
        let me = join(region, 1);
        send(&me, 0, 20);
        doom.begin();
        drop(me);
        doom.end();
    });
    let before = (!is_awaited).then(|| doom.follow(process));
    let mut reader = Reader::default();
    reader.receive(&scene.survivor);
    let told = scene.survivor.from(1).within(BOUND).recv().map(|mail| mail.len());
    let is_complete = before.unwrap_or_else(|| doom.follow(process));
    match told {
        Err(RecvError::Gone { rank: 1, died: false }) => {}
        Err(RecvError::Gone { rank: 1, died: true }) => assert!(!is_complete),
        _ => panic!("{told:?}"),
    }
    let successor = join(&scene.region, 1);
    assert_eq!(successor.epoch(), 2);
    scene.expect_talk(&successor, &mut reader, &mut Reader::default());
    is_complete
}
