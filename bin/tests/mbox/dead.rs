//! Messages that were not handled are listed, shown, sent again and dropped.

use crate::program::{MBOX, Name, mbox};
use mailbox::Region;
use mailbox_patterns::delivery::{Consumer, DeadLetters, Durability, Ledger, Outbox, Retry};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const GUARD: Duration = Duration::from_secs(30);

/// A box that goes away with its test.
struct Box(PathBuf);

impl Box {
    fn new() -> Self {
        Self(Name::file().path())
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }

    fn open(&self) -> DeadLetters {
        DeadLetters::open(&self.0).expect("a box")
    }

    fn names(&self) -> Vec<String> {
        self.open().names().expect("a box")
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A region whose rank 0 has set two messages of rank 1 aside.
fn set_aside(dead: &Box) -> Name {
    let name = Name::create(&["--ranks", "4"]);
    let region = Region::open(&*name).expect("a region");
    let (me, other) = (region.join(0).expect("free"), region.join(1).expect("free"));
    let mut consumer = Consumer::new(&me, Retry::new(1), dead.open());
    for body in ["one", "two"] {
        other.to(0).tag(7).send(body.as_bytes()).expect("room");
        consumer.at_least_once(GUARD, |_| Err("a \"bad\"\nday".into())).expect("sound");
    }
    name
}

#[test]
fn letters_are_listed_and_shown() {
    let dead = Box::new();
    let _region = set_aside(&dead);
    let expected = "\
name      from  to  tag  tried  bytes  begins with  reason
1-0-e1-0     1   0    7      1      3  \"one\"        a \\\"bad\\\"\\nday
1-0-e1-1     1   0    7      1      3  \"two\"        a \\\"bad\\\"\\nday
";
    assert_eq!(String::from_utf8_lossy(&mbox(["dead", "ls", dead.path()]).succeeds()), expected);
    let json: serde_json::Value =
        serde_json::from_slice(&mbox(["dead", "ls", dead.path(), "--json"]).succeeds()).expect("JSON");
    assert_eq!((&json[1]["name"], &json[1]["bytes"]), (&"1-0-e1-1".into(), &3.into()));
    assert_eq!(json[0]["reason"], "a \"bad\"\nday");
    assert_eq!(mbox(["dead", "show", dead.path(), "1-0-e1-1"]).succeeds(), b"two");
}

#[test]
fn a_list_takes_the_memory_of_one_letter() {
    let dead = Box::new();
    let _region = set_aside(&dead);
    let mut letter = dead.open().letter("1-0-e1-0").expect("sound");
    for count in 0..12 {
        letter.body = vec![count; 16 << 20];
        dead.open().add(&format!("long-{count}"), &letter).expect("a disk");
    }
    // Two thirds of what they have together, in KiB.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 120000 && exec \"$0\" \"$@\"", MBOX, "dead", "ls", dead.path()]);
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 15);
}

#[test]
fn letters_are_sent_again_and_dropped() {
    let dead = Box::new();
    let region = set_aside(&dead);
    mbox(["dead", "retry", dead.path(), &region, "--as", "2", "1-0-e1-0"]).succeeds();
    mbox(["dead", "retry", dead.path(), &region, "--as", "2", "--to", "3", "1-0-e1-1"]).succeeds();
    assert!(dead.names().is_empty());
    let received = |rank: &str| {
        mbox(["recv", &region, "--as", rank, "--from", "2", "--tag", "7", "--lines", "--no-wait"]).succeeds()
    };
    assert_eq!((received("0"), received("3")), (b"one\n".to_vec(), b"two\n".to_vec()));

    let dead = Box::new();
    let _region = set_aside(&dead);
    mbox(["dead", "drop", dead.path(), "1-0-e1-0"]).succeeds();
    assert_eq!(dead.names(), ["1-0-e1-1"]);
}

#[test]
fn a_letter_of_an_outbox_is_handled_once() {
    let (dead, folder) = (Box::new(), Box::new());
    fs::create_dir(&folder.0).expect("a folder");
    let name = Name::create(&["--ranks", "4"]);
    let region = Region::open(&*name).expect("a region");
    let me = region.join(0).expect("free");
    let mut consumer = Consumer::new(&me, Retry::new(1), dead.open());
    let ledger = Ledger::open(folder.0.join("ledger"), Durability::Process, |_| {});
    let mut ledger = ledger.expect("a ledger").0;
    let other = region.join(1).expect("free");
    let mut outbox = Outbox::open(&other, folder.0.join("outbox"), Durability::Process).expect("an outbox").0;
    outbox.post(0, b"once").expect("room");
    outbox.deliver(Duration::from_millis(10)).expect_err("nobody has handled it");
    let done = consumer.exactly_once(&mut ledger, GUARD, |_| Err("not now".into())).expect("sound");
    assert_eq!(done.dead, 1);
    let letter = dead.names().remove(0);

    // Nobody handles it: it stays in the box, and goes with the next retry.
    let retry_as =
        |rank: &str| mbox(["dead", "retry", dead.path(), &name, "--as", rank, "--timeout", "10ms", &letter]);
    let line = format!(
        "the letter {letter:?}: rank 0: rank 0 did not make room or take the message in time; 1 messages wait; \
         it stays in the box: see that rank 0 receives, and retry it as rank 2"
    );
    for _ in 0..2 {
        retry_as("2").fails(&line);
        assert_eq!(dead.names(), std::slice::from_ref(&letter));
        assert_eq!(mbox(["dead", "show", dead.path(), &letter]).succeeds(), b"once");
    }
    retry_as("3").fails(&format!("rank 2 has begun to send the letter {letter:?}: retry it as rank 2"));
    let mut bodies = vec![];
    let mut handle = |consumer: &mut Consumer<'_>| {
        let done = consumer.exactly_once(&mut ledger, Duration::from_millis(50), |letter| {
            bodies.push(letter.body.clone());
            Ok(vec![])
        });
        done.expect("sound").handled
    };
    assert_eq!(handle(&mut consumer), 1);
    outbox.post(0, b"another").expect("room");
    outbox.deliver(Duration::from_millis(10)).expect_err("not yet");
    let done = consumer.exactly_once(&mut ledger, GUARD, |_| Err("not now".into())).expect("sound");
    assert_eq!(done.dead, 1);
    // The first letter was handled, and leaves the box, too.
    let another = dead.names().into_iter().find(|name| *name != letter).expect("another letter");
    let retry = mbox(["dead", "retry", dead.path(), &name, "--as", "2", &another]);
    let mut handled = 0;
    while handled < 1 {
        let done =
            consumer.exactly_once(&mut ledger, GUARD, |letter| Ok(letter.body.clone())).expect("sound");
        handled += done.handled;
        assert!(done.all() > 0);
    }
    let deadline = std::time::Instant::now() + GUARD;
    while !dead.names().is_empty()
        || region.status(2).is_some_and(|(status, _)| status == mailbox::Status::Live)
    {
        assert!(std::time::Instant::now() < deadline);
        consumer.exactly_once(&mut ledger, Duration::from_millis(20), |_| panic!("twice")).expect("sound");
    }
    retry.succeeds();
}

#[test]
fn a_letter_that_nobody_fetches_stays_in_the_box() {
    let dead = Box::new();
    let region = set_aside(&dead);
    let mut letter = dead.open().letter("1-0-e1-0").expect("sound");
    letter.body = vec![7; 4 << 20];
    dead.open().add("long", &letter).expect("a disk");
    // Its receiver is there, and does nothing.
    let _busy = Region::open(&*region).expect("a region").join(0).expect("free");
    let line = "the letter \"long\": rank 0: rank 0 did not make room or take the message in time; 1 messages wait; \
                it stays in the box: see that rank 0 receives, and retry it as rank 2";
    mbox(["dead", "retry", dead.path(), &region, "--as", "2", "--timeout", "10ms", "long"]).fails(line);
    assert!(dead.open().letter("long").is_ok_and(|kept| kept.body == letter.body));
}

#[test]
fn what_cannot_be_done_is_told_in_a_line() {
    let dead = Box::new();
    let line = format!(
        "file {:?}: No such file or directory (os error 2); a dead-letter box is a folder that a program fills",
        dead.0
    );
    mbox(["dead", "ls", dead.path()]).fails(&line);
    let region = set_aside(&dead);
    let list = format!("list those that there are with: mbox dead ls {}", dead.path());
    for what in ["show", "drop"] {
        let line = format!("{:?} has no letter \"../x\"; {list}", dead.0);
        mbox(["dead", what, dead.path(), "../x"]).fails(&line);
    }
    let line = format!("{:?} has no letter \"x\"; {list}", dead.0);
    mbox(["dead", "retry", dead.path(), &region, "--as", "2", "1-0-e1-0", "x"]).fails(&line);
    assert_eq!(dead.names().len(), 2, "none was sent");
    let file = dead.0.join("1-0-e1-0.dead");
    let mut bytes = fs::read(&file).expect("a letter");
    bytes.pop();
    fs::write(&file, bytes).expect("a disk");
    let line = format!("the letter \"1-0-e1-0\" in {:?} was cut or garbled", dead.0);
    let listed = mbox(["dead", "ls", dead.path()]).fails(&line);
    assert!(String::from_utf8_lossy(&listed).contains("1-0-e1-1"));
    mbox(["dead", "show", dead.path(), "1-0-e1-0"]).fails(&line);
}
