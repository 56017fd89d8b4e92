//! What every public type can do, so that programs can hold, show and compare it.
#![cfg(not(loom))]

use mailbox::{
    Arrival, Batch, Block, Broken, Call, CallError, CloseError, CollectiveError, CollectiveRequest, Comm,
    CommError, Config, ConfigError, CreateError, CreateOrOpenError, Deadline, DiscardError, Draft, Drain,
    End, Endpoint, Envelope, Event, FetchError, FindTopicError, HandError, Inspection, Interrupter, Iter,
    JoinEnvError, JoinError, JoinOptions, Latest, LatestPublisher, Leftover, LeftoverKind, Listed, Loan,
    Lost, Mail, MailboxReport, Message, Mismatch, OpenError, OpenOptions, OwnedBlock, OwnedLoan, OwnedMail,
    OwnedPlace, OwnedSending, Place, Policy, PublishError, Publisher, PublisherError, RankReport, ReadError,
    ReaderReport, RecvError, RecvFrom, RecvHalf, Region, RemoveError, Reply, ReplyError, Request,
    RequestError, Reserve, Sample, Select, SelectError, SendEachError, SendError, SendHalf, SendTo, Sending,
    Shared, SharedFrom, SharedIter, SharedTo, SharedUntilAlone, SizeError, Source, Status, Subscriber,
    SubscriberError, System, Tap, Tapped, TappedKind, TappedMail, Topic, TopicError, TopicKind, TopicReport,
    TrustedEvents, Unanswered, UntilAlone, View, Wait, WaitError,
};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::hash::Hash;
use std::path::Path;

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
        OwnedPlace,
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
    fails::<FetchError>();
    fails::<FindTopicError>();
    fails::<HandError>();
    fails::<JoinEnvError>();
    fails::<JoinError>();
    fails::<Lost>();
    fails::<Mismatch>();
    fails::<OpenError>();
    fails::<PublishError>();
    fails::<PublisherError>();
    fails::<ReadError>();
    fails::<RecvError>();
    fails::<RemoveError>();
    fails::<ReplyError>();
    fails::<RequestError>();
    fails::<SelectError>();
    fails::<SendEachError>();
    fails::<SendError>();
    fails::<SizeError>();
    fails::<SubscriberError>();
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
    let errors = text_of("error");
    let uses = root.split_once("pub use config::").expect("the first of them").1;
    let words = uses.split(|descriptor: char| !descriptor.is_alphanumeric() && descriptor != '_');
    let types =
        words.filter(|word| word.chars().any(char::is_lowercase) && word.starts_with(char::is_uppercase));
    let missing: Vec<&str> = types
        .chain(names_of_errors(&errors))
        .filter(|name| **name != *"What" && here.matches(name).count() < 2)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The concept, a folder or a file of `src`, that each name comes from which the crate's root gives by name. Errors it gives all.
fn given_by_the_root(root: &str) -> Vec<(&str, &str)> {
    let uses = root.split_once("pub use abi::").expect("the first of them").1;
    let code = uses.lines().filter(|line| !line.trim_start().starts_with("//"));
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    let mut concept = "abi";
    let mut given = vec![];
    for word in code.flat_map(|line| line.split(is_end)).filter(|word| !word.is_empty()) {
        if !word.starts_with(char::is_uppercase) {
            concept = word;
        } else {
            given.push((concept, word));
        }
    }
    given
}

/// The names of all errors, and of what they are made of, in the source files of errors.
fn names_of_errors(text: &str) -> Vec<&str> {
    let is_end = |c: char| !c.is_alphanumeric();
    let after = |keyword| text.split(keyword).skip(1).filter_map(move |rest: &str| rest.split(is_end).next());
    after("\npub enum ").chain(after("\npub struct ")).collect()
}

/// All source files of a concept, one after the other.
fn text_of(concept: &str) -> String {
    fn add(path: &Path, text: &mut String) {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder");
            entries.for_each(|entry| add(&entry.expect("an entry").path(), text));
        } else {
            *text += &std::fs::read_to_string(path).unwrap_or_default();
        }
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    [sources.join(concept).with_extension("rs"), sources.join(concept)]
        .iter()
        .for_each(|path| add(path, &mut text));
    text
}

/// Whether the doc of this item has an example that runs, or that of an `impl` of its own, or of a method there.
fn has_example(text: &str, name: &str) -> bool {
    let is_of_it = |line: &str| {
        let starts = ["pub struct ", "pub enum ", "pub const "];
        let is_its_own = line.starts_with("impl") && !line.contains(" for ");
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        (is_its_own || starts.iter().any(|start| line.starts_with(start))) && words.any(|word| word == name)
    };
    let (mut is_inside, mut is_open, mut has_one) = (false, false, false);
    for line in text.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("/// ```") {
            is_open = !is_open;
            has_one |= is_open && kind.is_empty();
            if is_inside && has_one {
                return true;
            }
        } else if line.starts_with(|c: char| c.is_alphabetic() || c == '}') {
            is_inside = is_of_it(line);
            if is_inside && has_one {
                return true;
            }
            has_one = false;
        }
    }
    false
}

/// These are no errors of one verb. The first three list what can be wrong with a number, with a place, or with a region that
/// was found there; the last one is what can happen to any mailbox, a single variant in the errors of the verbs.
const LISTS: [&str; 4] = ["ConfigError", "System", "Mismatch", "Broken"];

/// Whether this line begins a variant of an error that says what can happen to this verb, not to any mailbox or rank.
fn is_a_way_to_fail(line: &str) -> bool {
    let variant = line.strip_prefix("    ").filter(|rest| rest.starts_with(char::is_uppercase));
    variant.is_some_and(|rest| !["Broken(", "Lost("].iter().any(|common| rest.starts_with(common)))
}

/// Each public enum in this source text, and how many such variants it has.
fn enums(text: &str) -> Vec<(&str, usize)> {
    let parts = text.split("\npub enum ").skip(1).filter_map(|rest| rest.split_once(" {\n"));
    let count = |body: &str| {
        body.lines().take_while(|line| *line != "}").filter(|line| is_a_way_to_fail(line)).count()
    };
    parts.map(|(name, body)| (name, count(body))).collect()
}

#[test]
fn a_verb_can_fail_in_few_ways() {
    let text = text_of("error");
    let found = enums(&text);
    for known in [("SendError", 6), ("RecvError", 6), ("TopicError", 5)] {
        assert!(found.contains(&known), "{known:?} is not found");
    }
    let many: BTreeSet<_> = found.iter().filter(|(_, ways)| *ways > 6).map(|(name, _)| *name).collect();
    assert_eq!(many, BTreeSet::from(LISTS), "enums of more than six variants");
}

#[test]
fn every_public_type_has_an_example() {
    let root =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).expect("a source file");
    let errors = text_of("error");
    let mut given = given_by_the_root(&root);
    given.extend(names_of_errors(&errors).into_iter().map(|name| ("error", name)));
    for known in [
        ("abi", "TopicKind"),
        ("config", "Reserve"),
        ("error", "SendError"),
        ("error", "SizeError"),
        ("region", "MAILBOX_FD"),
        ("wait", "Deadline"),
    ] {
        assert!(given.contains(&known), "{known:?} is not found");
    }
    let lacking: Vec<_> =
        given.iter().filter(|(concept, name)| !has_example(&text_of(concept), name)).collect();
    assert!(lacking.is_empty(), "without an example: {lacking:?}");
}

#[test]
fn examples_are_found() {
    let doc = "/// It.\n///\n/// ```\n/// it();\n/// ```\n";
    let attributes = "#[derive(Debug)]\n#[must_use = \"it\"]\n";
    assert!(has_example(&format!("{doc}{attributes}pub struct It<'a> {{\n"), "It"));
    assert!(has_example(&format!("{doc}impl<'a> It<'a> {{\n"), "It"));
    assert!(has_example(
        &format!("impl It {{\n    {}    pub fn it() {{}}\n}}\n", doc.replace("\n/", "\n    /")),
        "It"
    ));
    assert!(!has_example(&format!("{doc}pub struct Other;\npub struct It;\n"), "It"), "that of another one");
    assert!(!has_example(&format!("{doc}impl Other for It {{\n}}\n"), "It"), "that of a trait");
    let other = doc.replacen("```", "```compile_fail", 1);
    assert!(!has_example(&format!("{other}pub struct It;\n"), "It"), "it does not run");
}
