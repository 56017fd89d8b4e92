//! What the two models are like, aspect by aspect, with a figure of this run for each where there is one.

use super::report::{Aspect, Figures, Report, Side};
use super::segment;
use super::sources;
use super::table::rate;
use crate::common::output::time;
use std::time::Duration;

/// All of them, with the figures of a report.
pub fn all(report: &Report) -> Vec<Aspect> {
    let aspect = |name, [shared, messages]: [(&'static str, String); 2]| Aspect {
        name,
        shared_memory: Side { words: shared.0, figure: shared.1 },
        messages: Side { words: messages.0, figure: messages.1 },
    };
    vec![
        aspect("communication", communication(report)),
        aspect("synchronization", synchronization(report)),
        aspect("data access", data_access(report)),
        aspect("latency", latency(report)),
        aspect("throughput", throughput(report)),
        aspect("scaling", scaling(report)),
        aspect("fault isolation", fault_isolation(report)),
        aspect("security", security(report)),
        aspect("debugging", debugging(report)),
        aspect("data locality", data_locality(report)),
        aspect("suitable systems", suitable_systems(report)),
    ]
}

fn communication(report: &Report) -> [(&'static str, String); 2] {
    let lines = |of: fn(&sources::Lines) -> usize| report.sources.iter().map(of).sum::<usize>();
    let [shared, messages] = [lines(|of| of.shared_memory), lines(|of| of.messages)];
    [
        (
            "All read and write the same words. Who tells whom what is not seen in the code.",
            format!("three jobs: {shared} lines of code, and {} around raw_sync", sources::wrappers()),
        ),
        (
            "One sends a copy, another receives it. Who tells whom is said in each call.",
            format!("three jobs: {messages} lines of code"),
        ),
    ]
}

fn synchronization(report: &Report) -> [(&'static str, String); 2] {
    let both_old = |means: &str| {
        let litmus = report.litmus.iter().find(|litmus| litmus.means == means).expect("all were run");
        format!("{} of {}", litmus.both_old, litmus.rounds)
    };
    [
        (
            "Mutexes, events, memory orderings: for the programmer to choose, at each access.",
            format!(
                "both read old values: relaxed {}, sequentially consistent {}",
                both_old("relaxed"),
                both_old("sequentially consistent")
            ),
        ),
        (
            "A message is received after it was sent. An owner does one thing after the other.",
            format!("both read old values: {}", both_old("calls to an owner")),
        ),
    ]
}

fn data_access(report: &Report) -> [(&'static str, String); 2] {
    [
        (
            "In place, by anybody, at any time; no copies.",
            format!("one atomic addition: {}", p50(report.of("counter", "atomic"))),
        ),
        (
            "By its owner; others ask. Messages are copied, loans are not.",
            format!("one call: {}", p50(report.of("counter", "call"))),
        ),
    ]
}

fn latency(report: &Report) -> [(&'static str, String); 2] {
    let of = |counter, others| {
        let [counter, buffer, game] = [
            report.of("counter", counter),
            report.of("bounded buffer", others),
            report.of("game loop", others),
        ]
        .map(p50);
        format!("p50 of the counter {counter}, buffer {buffer}, key to frame {game}")
    };
    [
        ("That of the memory, unless a lock or a sleep comes in between.", of("mutex", "mutex, events")),
        ("A message each way, also for what is one addition.", of("call", "send, receive")),
    ]
}

fn throughput(report: &Report) -> [(&'static str, String); 2] {
    let of = |counter, others| {
        let [counter, buffer, game] = [
            report.of("counter", counter),
            report.of("bounded buffer", others),
            report.of("game loop", others),
        ]
        .map(|of| rate(of.per_second));
        format!("counter {counter}, buffer {buffer}, frames {game} a second")
    };
    [
        ("Best where little is shared; each hand-over of a lock costs time.", of("mutex", "mutex, events")),
        ("Senders run ahead of receivers, up to the room of a mailbox.", of("send", "send, receive")),
    ]
}

fn scaling(report: &Report) -> [(&'static str, String); 2] {
    let of = |means| {
        let rates = [1, 2, 4].map(|workers| rate(report.with("counter", means, Some(workers)).per_second));
        format!("{means}: {}", rates.join(", "))
    };
    [
        (
            "Workers of one word wait for each other. A second, with 1, 2, 4 of them:",
            format!("{}; {}", of("mutex"), of("atomic")),
        ),
        (
            "Workers wait for the owner, which is one more process. With 1, 2, 4 of them:",
            format!("{}; {}", of("call"), of("send")),
        ),
    ]
}

fn fault_isolation(report: &Report) -> [(&'static str, String); 2] {
    let harm = &report.harm;
    let locked =
        harm.still_locked_after_ms.map_or("unlocked".into(), |ms| format!("still locked after {ms} ms"));
    let half = if harm.half_written { "half written" } else { "whole" };
    let told = harm.told_after_ms.map_or("not told".into(), |ms| format!("told after {ms:.1} ms"));
    [
        (
            "A kill leaves the mutex locked, and what it guards as it was at that moment.",
            format!("{locked}; the value is {half}"),
        ),
        (
            "A kill is told to the peers. The mail waits for a successor.",
            format!("{told}; the successor got {} of 3 mails, in order", harm.mails_kept),
        ),
    ]
}

fn security(report: &Report) -> [(&'static str, String); 2] {
    let harm = &report.harm;
    [
        (
            "A process that maps the segment may write all of it, and nobody notices.",
            format!(
                "{} KiB open to all; nonsense made the counter {}",
                segment::SIZE >> 10,
                harm.spoilt_counter
            ),
        ),
        (
            "A process that joins a region may write all of it, too; but each word is checked when it is read.",
            format!(
                "{} nonsense refused; the counter is {}, as it should be",
                harm.nonsense_refused, harm.counter
            ),
        ),
    ]
}

fn debugging(report: &Report) -> [(&'static str, String); 2] {
    [
        (
            "Words without a history: a look shows values, and not who wrote them.",
            "after the kill a look shows that the mutex is locked, not by whom".into(),
        ),
        (
            "Messages have a sender and a number; mbox stat and tap show them.",
            format!(
                "after the kill a look shows {} unread mails, from rank 0 to 1",
                report.harm.mails_unread
            ),
        ),
    ]
}

fn data_locality(report: &Report) -> [(&'static str, String); 2] {
    let [together, apart] = [report.words.together_ns, report.words.apart_ns].map(|ns| format!("{ns:.1} ns"));
    [
        (
            "Words of two processes in one cache line slow both; padding is up to the programmer.",
            format!("an addition: {together} in one line, {apart} padded"),
        ),
        (
            "A small message is one line; what each side writes has lines of its own.",
            format!("48 bytes there and back: {}", p50(report.of("bounded buffer", "send, receive"))),
        ),
    ]
}

fn suitable_systems(report: &Report) -> [(&'static str, String); 2] {
    [
        (
            "Large data that few write and many read; threads of one program; one machine.",
            format!("{} processors here share their memory", report.processors),
        ),
        (
            "Processes that may die, or come from others; pipelines; what may have to become several machines.",
            format!(
                "the hybrid, 2 processes of 4 threads: {} calls a second",
                rate(report.of("hybrid", "calls of threads").per_second)
            ),
        ),
    ]
}

fn p50(figures: &Figures) -> String {
    time(Duration::from_secs_f64(figures.p50_ns * 1e-9))
}
