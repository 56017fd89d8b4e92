//! A queue of jobs, whose workers, whose producers and which itself end at odd times.

use kit::{Child, Folder, wait_until};
use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::delivery::{
    DeadLetters, DeliveryError, Durability, Job, Outbox, OutboxError, Queue, Retry, Worker,
};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
/// For what is not there.
const SHORT: Duration = Duration::from_millis(20);
const QUEUE: u32 = 0;
const PRODUCER: u32 = 1;
const WORKERS: [u32; 3] = [2, 3, 4];
const JOBS: u64 = 1500;
const ROLE: &str = "DELIVERY_QUEUE_ROLE";
const FOLDER: &str = "DELIVERY_QUEUE_FOLDER";

fn dead(folder: &Path) -> DeadLetters {
    DeadLetters::open(folder.join("dead")).expect("a box")
}

/// Three attempts, at once.
fn retry() -> Retry {
    Retry::new(3).backoff(Duration::from_millis(1), Duration::from_millis(5))
}

fn open<'a>(me: &'a Endpoint, folder: &Path) -> Queue<'a> {
    let opened = Queue::open(me, folder.join("queue"), Durability::Process, retry(), dead(folder));
    opened.expect("a queue").0
}

fn region() -> Region {
    Region::create_unnamed(Config::ranks(5)).expect("memory")
}

fn join(region: &Region, rank: u32) -> Endpoint {
    region.join(rank).expect("a free rank")
}

/// Posts these jobs while the queue takes them.
fn post(region: &Region, folder: &Path, queue: &mut Queue<'_>, bodies: &[&[u8]]) {
    let path = folder.join("outbox");
    thread::scope(|scope| {
        let posts = scope.spawn(move || {
            let me = region.join(PRODUCER).expect("a free rank");
            let (mut outbox, _) = Outbox::open(&me, path, Durability::Process).expect("an outbox");
            for body in bodies {
                outbox.post_with(QUEUE, Queue::JOB, b"", body).expect("room");
            }
            outbox.deliver(GUARD).expect("the queue takes them");
        });
        while !posts.is_finished() {
            queue.step(SHORT).expect("sound");
        }
        posts.join().expect("no panic");
    });
}

/// Has the queue go on until this has happened.
fn step_until<'a>(queue: &mut Queue<'a>, mut is_over: impl FnMut(&mut Queue<'a>) -> bool) {
    let deadline = Instant::now() + GUARD;
    while !is_over(queue) {
        assert!(Instant::now() < deadline, "in vain");
        queue.step(SHORT).expect("sound");
    }
}

/// Has a worker do a job while the queue goes on. What it saw of it.
fn work(region: &Region, queue: &mut Queue<'_>, outcome: Result<(), String>) -> Job {
    let rank = WORKERS[0];
    thread::scope(|scope| {
        let works = scope.spawn(move || {
            let me = region.join(rank).expect("a free rank");
            let (mut worker, mut seen) = (Worker::new(&me, QUEUE), None);
            let was_there = worker.work(GUARD, |job| {
                seen = Some(job.clone());
                outcome
            });
            assert!(was_there.expect("sound"));
            seen.expect("a job")
        });
        step_until(queue, |_| works.is_finished());
        // What it has said.
        queue.step(SHORT).expect("sound");
        works.join().expect("no panic")
    })
}

/// As another worker gets a job, which is then in its hand.
fn take(me: &Endpoint, queue: &mut Queue<'_>) {
    let asks = Worker::new(me, QUEUE).work(Duration::ZERO, |_| Ok(()));
    assert!(!asks.expect("sound"));
    let deadline = Instant::now() + GUARD;
    while queue.step(SHORT).expect("sound").given == 0 {
        assert!(Instant::now() < deadline, "in vain");
    }
}

#[test]
fn jobs_are_done_in_order() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one", b"two"]);
    assert_eq!(queue.jobs(), 2);
    for body in [b"one", b"two"] {
        let job = work(&region, &mut queue, Ok(()));
        assert_eq!((&job.body[..], job.attempt, job.redelivered), (&body[..], 1, 0));
    }
    assert_eq!(queue.jobs(), 0);
}

#[test]
fn a_dead_workers_job_goes_to_another_marked() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    for deaths in 0..2 {
        let worker = join(&region, WORKERS[1]);
        take(&worker, &mut queue);
        if deaths == 0 { worker.abandon() } else { drop(worker) }
    }
    let job = work(&region, &mut queue, Ok(()));
    assert_eq!((&job.body[..], job.attempt, job.redelivered), (&b"one"[..], 3, 2));
    assert_eq!(queue.jobs(), 0);
}

#[test]
fn a_job_that_ends_its_workers_is_set_aside() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"poison"]);
    for _ in 0..3 {
        let worker = join(&region, WORKERS[1]);
        take(&worker, &mut queue);
        worker.abandon();
    }
    step_until(&mut queue, |queue| queue.jobs() == 0);
    let letters = dead(&folder).letters().expect("a box");
    let letter = letters[0].1.as_ref().expect("sound");
    assert_eq!(letter.reason, format!("its last worker, rank {}, has ended", WORKERS[1]));
    assert_eq!((letter.from, letter.attempts, &letter.body[..]), (PRODUCER, 3, &b"poison"[..]));
}

#[test]
fn a_job_that_fails_is_tried_again_and_then_set_aside() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    for attempt in 1..=3 {
        let job = work(&region, &mut queue, Err(format!("reason {attempt}")));
        assert_eq!((job.attempt, job.redelivered), (attempt, 0));
    }
    step_until(&mut queue, |queue| queue.jobs() == 0);
    let letters = dead(&folder).letters().expect("a box");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].1.as_ref().expect("sound").reason, "reason 3");
}

#[test]
fn a_worker_goes_on_while_the_queue_dies() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one", b"two"]);
    let worker = join(&region, WORKERS[1]);
    take(&worker, &mut queue);
    drop(queue);
    me.abandon();
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    assert_eq!(queue.jobs(), 2);
    // It is not given to another meanwhile.
    let job = work(&region, &mut queue, Ok(()));
    assert_eq!((&job.body[..], job.redelivered), (&b"two"[..], 0));
    // And what it has done counts.
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut seen = vec![];
            let mut hand = Worker::new(&worker, QUEUE);
            assert!(
                hand.work(GUARD, |job| {
                    seen.push(job.clone());
                    Ok(())
                })
                .expect("sound")
            );
            assert_eq!((&seen[0].body[..], seen[0].attempt), (&b"one"[..], 1));
            // The same word may have come twice. It is not done twice.
            assert!(!hand.work(10 * SHORT, |_| panic!("done")).expect("sound"));
        });
        step_until(&mut queue, |queue| queue.jobs() == 0);
        for _ in 0..20 {
            queue.step(SHORT).expect("sound");
        }
    });
}

#[test]
fn a_job_whose_word_was_lost_with_the_queue_is_sent_again() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    let worker = join(&region, WORKERS[1]);
    take(&worker, &mut queue);
    // As if the queue had died after it wrote that it gave the job, and before it sent it.
    worker.from(QUEUE).recv().expect("the job").ack();
    drop(queue);
    me.abandon();
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    thread::scope(|scope| {
        let works = scope.spawn(move || {
            let mut attempt = 0;
            let was_there = Worker::new(&worker, QUEUE).work(GUARD, |job| {
                attempt = job.attempt;
                Ok(())
            });
            assert!(was_there.expect("sound"));
            attempt
        });
        step_until(&mut queue, |queue| queue.jobs() == 0);
        assert_eq!(works.join().expect("no panic"), 1);
    });
}

#[test]
fn a_job_whose_work_panics_has_failed() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    let hand = join(&region, WORKERS[1]);
    thread::scope(|scope| {
        let works = scope.spawn(move || {
            let (mut worker, mut attempts) = (Worker::new(&hand, QUEUE), vec![]);
            for _ in 0..2 {
                let work = || {
                    worker.work(GUARD, |job| {
                        attempts.push(job.attempt);
                        assert!(job.attempt > 1, "it panics");
                        Ok(())
                    })
                };
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
            attempts
        });
        step_until(&mut queue, |queue| queue.jobs() == 0);
        assert_eq!(works.join().expect("no panic"), [1, 2], "each attempt is begun once");
    });
}

#[test]
fn lies_change_nothing() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    let worker = join(&region, WORKERS[1]);
    take(&worker, &mut queue);
    let liar = join(&region, WORKERS[2]);
    let result =
        |number: u64, attempt: u32| [&number.to_le_bytes()[..], &attempt.to_le_bytes(), &[0]].concat();
    for kind in 0..4 {
        liar.to(QUEUE).tag(Queue::JOB + kind).send(b"x").expect("room");
        liar.to(QUEUE).tag(Queue::JOB + kind).send(&[0xFF; 100]).expect("room");
    }
    // Job 1 is not its own; and nobody has job 7.
    liar.to(QUEUE).tag(Queue::JOB + 3).send(&result(1, 1)).expect("room");
    liar.to(QUEUE).tag(Queue::JOB + 3).send(&result(7, 1)).expect("room");
    worker.to(QUEUE).tag(Queue::JOB + 3).send(&result(1, 2)).expect("room");
    for _ in 0..20 {
        queue.step(SHORT).expect("sound");
    }
    assert_eq!(queue.jobs(), 2, "the first, and the liar's own");
    // The messages that are no jobs of an outbox.
    let letters = dead(&folder).letters().expect("a box");
    assert!(
        !letters.is_empty()
            && letters.iter().all(|(_, letter)| letter.as_ref().expect("sound").from == liar.rank())
    );
    worker.to(QUEUE).tag(Queue::JOB + 3).send(&result(1, 1)).expect("room");
    step_until(&mut queue, |queue| queue.jobs() == 1);
}

#[test]
fn the_job_of_a_dead_worker_is_not_its_successors() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    let worker = join(&region, WORKERS[1]);
    take(&worker, &mut queue);
    worker.abandon();
    // It has the rank, and says that the job is done that another life had.
    let successor = join(&region, WORKERS[1]);
    let result = [&1_u64.to_le_bytes()[..], &1_u32.to_le_bytes(), &[0]].concat();
    successor.to(QUEUE).tag(Queue::JOB + 3).send(&result).expect("room");
    for _ in 0..20 {
        queue.step(SHORT).expect("sound");
    }
    assert_eq!(queue.jobs(), 1);
    // Nor does it take the word that gave the job to the other.
    let seen = Worker::new(&successor, QUEUE).work(Duration::ZERO, |_| panic!("the job of another life"));
    assert!(!seen.expect("sound"));
    drop(successor);
    let job = work(&region, &mut queue, Ok(()));
    assert_eq!((job.attempt, job.redelivered), (2, 1));
}

#[test]
fn a_worker_that_asks_and_does_not_receive_fills_its_own_mailbox_alone() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[&[1; 100_000]]);
    let worker = join(&region, WORKERS[1]);
    take(&worker, &mut queue);
    let step = |queue: &mut Queue<'_>| assert_eq!(queue.step(Duration::ZERO).expect("sound").given, 0);
    for _ in 0..1000 {
        worker.to(QUEUE).tag(Queue::JOB + 2).within(GUARD).send(b"").expect("room");
        step(&mut queue);
    }
    // What is there now, and what the queue still had for it.
    let mut copies = [0, 0];
    while let Ok(Some(mail)) = worker.try_recv() {
        mail.ack();
        copies[0] += 1;
    }
    for _ in 0..1000 {
        step(&mut queue);
        while let Ok(Some(mail)) = worker.try_recv() {
            mail.ack();
            copies[1] += 1;
        }
    }
    assert!(copies[0] >= 1 && copies[1] <= 1, "{copies:?}");
}

#[test]
fn what_finds_no_room_is_told_with_the_next_call() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder);
    post(&region, &folder, &mut queue, &[b"one"]);
    let hand = join(&region, WORKERS[1]);
    take(&hand, &mut queue);
    // What is full when the job is done: its own mailbox to the queue.
    let fill = || while hand.to(QUEUE).tag(Queue::JOB + 1).try_send(b"").is_ok() {};
    let mut worker = Worker::new(&hand, QUEUE);
    let work = |_: &Job| {
        fill();
        Ok(())
    };
    assert!(worker.work(Duration::ZERO, work).expect("it was done"));
    for _ in 0..500 {
        queue.step(Duration::ZERO).expect("sound");
    }
    assert_eq!(queue.jobs(), 1, "the queue does not know");
    assert!(!worker.work(Duration::ZERO, |_| panic!("done")).expect("sound"));
    step_until(&mut queue, |queue| queue.jobs() == 0);
}

#[test]
fn a_full_queue_takes_no_jobs_and_goes_on() {
    let (folder, region) = (Folder::new(), region());
    let me = join(&region, QUEUE);
    let mut queue = open(&me, &folder).most(3);
    let path = folder.join("outbox");
    let producer = join(&region, PRODUCER);
    thread::scope(|scope| {
        let posts = scope.spawn(move || {
            let (mut outbox, _) = Outbox::open(&producer, path, Durability::Process).expect("an outbox");
            for number in 0..10_u8 {
                outbox.post_with(QUEUE, Queue::JOB, b"", &[number]).expect("room");
            }
            outbox.deliver(GUARD).expect("the queue takes them");
        });
        step_until(&mut queue, |queue| queue.jobs() == 3);
        for _ in 0..5 {
            queue.step(SHORT).expect("sound");
        }
        assert_eq!(queue.jobs(), 3);
        for number in 0..10_u8 {
            assert_eq!(work(&region, &mut queue, Ok(())).body, [number]);
        }
        posts.join().expect("no panic");
    });
    assert_eq!(queue.jobs(), 0);
}

#[test]
fn second_process() {
    let Ok(role) = env::var(ROLE) else { return };
    kit::die_with_parent();
    kit::end_within(120);
    let folder = PathBuf::from(env::var_os(FOLDER).expect("a folder"));
    let region = Region::from_env().expect("a region");
    let rank = role.parse().expect("a rank");
    let me = region.join(rank).expect("a free rank");
    let outcome = match rank {
        QUEUE => keep_queue(&me, &folder),
        PRODUCER => produce(&me, &folder),
        _ => do_jobs(&me, &folder),
    };
    outcome.expect("it goes on until it is killed");
}

fn keep_queue(me: &Endpoint, folder: &Path) -> Outcome {
    let dead = DeadLetters::open(folder.join("dead"))?;
    let mut queue =
        Queue::open(me, folder.join("queue"), Durability::Process, Retry::new(1_000_000), dead)?.0;
    loop {
        queue.step(GUARD)?;
    }
}

fn produce(me: &Endpoint, folder: &Path) -> Outcome {
    let (mut outbox, _) = Outbox::open(me, folder.join("outbox"), Durability::Process)?;
    loop {
        let last = outbox.last(QUEUE);
        for number in last + 1..=JOBS.min(last + 5) {
            outbox.post_with(QUEUE, Queue::JOB, b"", &number.to_le_bytes())?;
        }
        match outbox.deliver(GUARD) {
            Ok(()) if outbox.last(QUEUE) == JOBS => return Ok(()),
            Ok(()) | Err(OutboxError::Undelivered { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn do_jobs(me: &Endpoint, folder: &Path) -> Outcome {
    let mut worker = Worker::new(me, QUEUE);
    let mut log = OpenOptions::new().append(true).create(true).open(folder.join("log"))?;
    loop {
        worker.work(GUARD, |job| {
            let posted = u64::from_le_bytes(job.body[..].try_into().map_err(|_| "no job")?);
            // One write, so that a line is there or not.
            let line = format!("{posted} {}\n", job.redelivered);
            log.write_all(line.as_bytes()).map_err(|error| error.to_string())
        })?;
    }
}

/// How often each job was done, in all and unmarked.
fn log(folder: &Path) -> BTreeMap<u64, (u32, u32)> {
    let mut jobs = BTreeMap::new();
    for line in fs::read_to_string(folder.join("log")).unwrap_or_default().lines() {
        let (posted, redelivered) = line.split_once(' ').expect("two numbers");
        let done: &mut (u32, u32) = jobs.entry(posted.parse().expect("a number")).or_default();
        done.0 += 1;
        done.1 += u32::from(redelivered == "0");
    }
    jobs
}

#[test]
fn every_job_is_done_while_everything_is_killed_and_what_comes_again_is_marked() {
    let (folder, region) = (Folder::new(), region());
    let start = |rank: u32| {
        let mut command = Command::new(env::current_exe().expect("this test"));
        command.args(["--exact", "second_process"]).stdout(Stdio::null());
        command.env(ROLE, rank.to_string()).env(FOLDER, &*folder);
        region.hand_to(&mut command).expect("a file descriptor");
        Child::start(&mut command)
    };
    let random = |below: u64| RandomState::new().hash_one(Instant::now()) % below;
    let mut processes: Vec<_> = (0..5).map(start).collect();
    let (mut is_posted, mut kills) = (false, 0);
    let deadline = Instant::now() + Duration::from_secs(100);
    while !is_posted || log(&folder).len() < JOBS as usize {
        assert!(Instant::now() < deadline, "it goes on, after {kills} kills");
        thread::sleep(Duration::from_micros(random(8_000)));
        if !is_posted && processes[PRODUCER as usize].has_ended() {
            assert!(processes[PRODUCER as usize].finish().success());
            is_posted = true;
        }
        let victim = random(5) as u32;
        if victim != PRODUCER || !is_posted {
            processes[victim as usize].kill();
            processes[victim as usize] = start(victim);
            kills += 1;
        }
    }
    println!("{kills} kills");
    // Now all go on: nothing is left.
    processes[QUEUE as usize].kill();
    let me = join(&region, QUEUE);
    let (mut queue, _) =
        Queue::open(&me, folder.join("queue"), Durability::Process, Retry::new(1_000_000), dead(&folder))
            .expect("a queue");
    step_until(&mut queue, |queue| queue.jobs() == 0);
    let jobs = log(&folder);
    assert_eq!(jobs.keys().copied().collect::<Vec<_>>(), (1..=JOBS).collect::<Vec<_>>());
    let twice_unmarked: Vec<_> = jobs.iter().filter(|(_, (_, unmarked))| *unmarked > 1).collect();
    assert!(twice_unmarked.is_empty(), "{twice_unmarked:?}");
    assert!(dead(&folder).names().expect("a box").is_empty());
}

#[test]
fn a_worker_without_a_queue_waits() {
    let region = region();
    let me = join(&region, WORKERS[0]);
    let worked = Worker::new(&me, QUEUE).work(10 * SHORT, |_| Ok(()));
    assert!(!worked.expect("no error"));
    wait_until("the words are there", || region.has_mailbox(WORKERS[0], QUEUE));
    // Nobody takes the words: in the end there is no room for more of them.
    for _ in 0..20_000 {
        assert!(!Worker::new(&me, QUEUE).work(Duration::ZERO, |_| Ok(())).expect("no error"));
    }
    let error = Worker::new(&me, 77).work(SHORT, |_| Ok(())).expect_err("no such rank");
    assert!(matches!(error, DeliveryError::Send { queue: 77, .. }), "{error}");
}
