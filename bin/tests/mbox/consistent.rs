//! What `stat` says agrees with itself and with what it said before, while everything moves.

use crate::program::{Name, file_of, mbox_reading, mbox_writing};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, Instant};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number from 0 on"))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

/// What only grows, each with a name of its own.
fn growing(stat: &Value) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for rank in array(&stat["joined"]) {
        for what in ["epoch", "sleeps"] {
            all.insert(format!("{what} of rank {}", rank["rank"]), number(&rank[what]));
        }
    }
    for mailbox in array(&stat["mailboxes"]) {
        for what in ["messages", "bytes", "full", "sleeps", "mail_wakes", "credit_wakes", "drops"] {
            all.insert(
                format!("{what} from {} to {}", mailbox["from"], mailbox["to"]),
                number(&mailbox[what]),
            );
        }
    }
    all
}

fn assert_consistent(stat: &Value) {
    let joined = array(&stat["joined"]);
    let mailboxes = array(&stat["mailboxes"]);
    let live = joined.iter().filter(|rank| rank["status"] == "live").count();
    assert_eq!(number(&stat["live"]), live as u64, "{stat}");
    assert_eq!(
        number(&stat["unread"]),
        mailboxes.iter().map(|of| number(&of["unread"])).sum::<u64>(),
        "{stat}"
    );
    assert!(number(&stat["ranks"]) >= joined.len() as u64, "{stat}");
    for mailbox in mailboxes {
        assert!(number(&mailbox["unread"]) <= number(&stat["cells"]), "{stat}");
        assert!(joined.iter().any(|rank| rank["rank"] == mailbox["from"]), "{stat}");
    }
    for rank in joined {
        let awaits = [&rank["receiver_awaits"], &rank["sender_awaits"]];
        assert!(rank["status"] == "live" || awaits.iter().all(|awaited| awaited.is_null()), "{stat}");
    }
}

#[test]
fn stat_is_consistent_while_everything_moves() {
    let region = Name::create(&["--ranks", "4", "--cells", "256", "--arena", "64K"]);
    let small = (0..20_000).flat_map(|at| format!("{at}\n").into_bytes()).collect::<Vec<_>>();
    let large = [b"small\n".to_vec(), vec![b'l'; 300_000], b"\n".to_vec()].concat().repeat(4);
    let null = || File::options().write(true).open("/dev/null").expect("a device");
    let end = Instant::now() + Duration::from_millis(1500);
    let mut before = growing(&region.stat());
    let mut looks = 0;
    while Instant::now() < end {
        // Lives come and go, too.
        let senders = [("0", &small), ("1", &large)].map(|(rank, input)| {
            mbox_reading(&["send", &region, "--as", rank, "--to", "3", "--lines"], file_of(input))
        });
        // A receiver ends when all that it has heard from have.
        region.wait_until(|stat| {
            let mailboxes = array(&stat["mailboxes"]);
            mailboxes.len() == 2 && mailboxes.iter().all(|mailbox| number(&mailbox["unread"]) > 0)
        });
        let receiver = mbox_writing(&["recv", &region, "--as", "3"], null());
        for _ in 0..30 {
            let stat = region.stat();
            assert_consistent(&stat);
            let now = growing(&stat);
            for (what, was) in &before {
                assert!(now.get(what) >= Some(was), "{what}: {was}, then {:?} of {stat}", now.get(what));
            }
            before = now;
            looks += 1;
        }
        for sender in senders {
            sender.succeeds();
        }
        receiver.succeeds();
    }
    assert!(looks > 0);
}
