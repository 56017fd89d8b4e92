//! What every public type can do, so that programs can hold, show and compare it.
#![cfg(not(loom))]

use mailbox::{
    Arrival, Batch, Block, Broken, Call, CallError, CloseError, CollectiveError, CollectiveRequest, Comm,
    CommError, Config, ConfigError, CreateError, CreateOrOpenError, Deadline, DiscardError, Draft, Drain,
    End, Endpoint, Envelope, Event, HandError, Inspection, Interrupter, Iter, JoinEnvError, JoinError,
    JoinOptions, Latest, LatestPublisher, Leftover, LeftoverKind, Listed, Loan, Lost, Mail, MailboxReport,
    Message, Mismatch, OpenError, OpenOptions, OwnedBlock, OwnedLoan, OwnedMail, OwnedSending, Place, Policy,
    Publisher, RankReport, ReaderReport, RecvError, RecvFrom, RecvHalf, Region, RemoveError, Reply,
    ReplyError, Request, RequestError, Reserve, Sample, Select, SelectError, SendError, SendHalf, SendTo,
    Sending, Shared, SharedFrom, SharedIter, SharedTo, SharedUntilAlone, SizeError, Source, Status,
    Subscriber, System, Tap, Tapped, TappedKind, TappedMail, Topic, TopicError, TopicKind, TopicReport,
    TrustedEvents, Unanswered, UntilAlone, View, Wait, WaitError,
};
use std::error::Error;
use std::fmt::Debug;
use std::hash::Hash;

fn shows<T: Debug>() {}

fn is_a_key<T: Copy + Eq + Hash + Debug>() {}

fn fails<T: Error + Clone + Eq + Hash + Send + Sync + 'static>() {}

#[test]
fn everything_shows_itself() {
    shows::<(Batch<'_>, Call<'_>, Config, Endpoint, Inspection, Interrupter, Mail<'_>)>();
    shows::<(RecvFrom<'_>, SendTo<'_>, Comm<'_>, Request<'_>)>();
    shows::<(CollectiveRequest<'_, u8>, Topic, Latest<'_>, LatestPublisher<'_>, Select<'_>)>();
    shows::<(TopicReport, ReaderReport)>();
    shows::<(Publisher<'_>, Draft<'_, '_>, Subscriber<'_>, Sample<'_, '_>)>();
    shows::<(Tap, Tapped, TappedMail)>();
    is_a_key::<(TappedKind, TopicKind)>();
    shows::<(Event<Mail<'_>>, Iter<'_>, UntilAlone<'_>)>();
    shows::<(Arrival<'_>, Block<'_>, Drain<'_>, Leftover, Loan<'_>, Listed, Message<'_>, Sending<'_>)>();
    shows::<(
        MailboxReport,
        OpenOptions,
        RankReport,
        RecvHalf,
        Region,
        Reply,
        SendHalf,
        Unanswered<OwnedMail>,
        View,
    )>();
    is_a_key::<(
        Deadline,
        End,
        Envelope,
        JoinOptions<'_>,
        LeftoverKind,
        Place<'_>,
        Policy,
        Reserve,
        Source,
        Status,
        TrustedEvents,
        Wait,
    )>();
}

fn is_for_threads<T: Send + Sync + 'static>() {}

#[test]
fn what_threads_share_goes_to_any_of_them() {
    shows::<(Deadline, OwnedMail, Shared, SharedFrom<'_>, SharedIter<'_>, SharedTo<'_>)>();
    is_for_threads::<(Deadline, OwnedMail, OwnedSending, OwnedLoan, OwnedBlock, Shared)>();
    shows::<(OwnedSending, OwnedLoan, OwnedBlock, SharedUntilAlone<'_>)>();
    is_for_threads::<(SharedFrom<'static>, SharedTo<'static>)>();
}

#[test]
fn every_error_is_one() {
    fails::<Broken>();
    fails::<CallError>();
    fails::<CloseError>();
    fails::<CollectiveError>();
    fails::<CommError>();
    fails::<ConfigError>();
    fails::<CreateError>();
    fails::<CreateOrOpenError>();
    fails::<DiscardError>();
    fails::<HandError>();
    fails::<JoinEnvError>();
    fails::<JoinError>();
    fails::<Lost>();
    fails::<Mismatch>();
    fails::<OpenError>();
    fails::<RecvError>();
    fails::<RemoveError>();
    fails::<ReplyError>();
    fails::<RequestError>();
    fails::<SelectError>();
    fails::<SendError>();
    fails::<SizeError>();
    fails::<System>();
    fails::<TopicError>();
    fails::<WaitError>();
}

/// Every name that the crate's root gives is in one of the lists above.
#[test]
fn nothing_public_is_missing_here() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let read = |path: &str| std::fs::read_to_string(format!("{folder}/{path}")).expect("a source file");
    let (root, here) = (read("src/lib.rs"), read("tests/surface.rs"));
    let errors =
        ["region", "message", "comm", "select"].map(|file| read(&format!("src/error/{file}.rs"))).concat();
    let uses = root.split_once("pub use config::").expect("the first of them").1;
    let words = uses.split(|descriptor: char| !descriptor.is_alphanumeric() && descriptor != '_');
    let types =
        words.filter(|word| word.chars().any(char::is_lowercase) && word.starts_with(char::is_uppercase));
    let after =
        |keyword| errors.split(keyword).skip(1).map(|rest| rest.split([' ', '{']).next().unwrap_or(rest));
    let missing: Vec<&str> = types
        .chain(after("\npub enum "))
        .chain(after("\npub struct "))
        .filter(|name| **name != *"What" && here.matches(name).count() < 2)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
