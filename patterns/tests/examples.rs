//! Every example does what it says.

use std::env;
use std::process::{Command, Stdio};

/// What each prints.
const EXAMPLES: &[(&str, &str)] = &[
    ("transfers", "after 300 transfers of 10, and 10 kills: 3000\n"),
    (
        "primes",
        "the first worker has died: true\n\
         17984 primes below 200000, 1 of 40 tasks was begun again\n",
    ),
    ("sieve", "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]\n"),
    ("seats", "a seat is 25\n100 of 100 seats were sold, 0 are left\n"),
    (
        "philosophers",
        "polite philosophers:\n\
         a philosopher has eaten 10 times\n\
         a philosopher has eaten 10 times\n\
         a philosopher has eaten 10 times\n\
         a philosopher has eaten 10 times\n\
         a philosopher has eaten 10 times\n\
         greedy philosophers:\n\
         5 of them starve\n",
    ),
    (
        "chat",
        "ann hears: hello\n\
         ann hears: welcome to rank 1\n\
         bob hears: hello\n\
         bob hears: welcome to rank 1\n\
         ann hears: hello\n\
         ann hears: welcome to rank 2\n\
         bob hears: hello\n\
         bob hears: welcome to rank 2\n",
    ),
    ("ledger", "1000 of 1000 orders cancelled, 0 of them too early, 0 open\n"),
    (
        "shop",
        "old client: 995 cents\n\
         old client: no candle, but a lamp\n\
         new client: 895 cents, 100 saved\n\
         strange client: \"shop.Order\" as JSON (schema 0xc4f3e727569c6237) was asked of rank 0, which answers \
         \"shop.Order\" as Protocol Buffers (schema 0xc4f3e727569c6237)\n",
    ),
];

#[test]
fn examples_do_what_they_say() {
    for (example, expected) in EXAMPLES {
        let program = env::current_exe().expect("this test").with_file_name("../examples").join(example);
        let output =
            Command::new(program).stdin(Stdio::null()).output().expect("`cargo test` builds examples");
        let printed = String::from_utf8_lossy(&output.stdout);
        // More than one may see the deadlock before the first of them ends.
        let mut lines: Vec<_> = printed.lines().collect();
        lines.dedup_by(|one, other| one == other && one.ends_with("starve"));
        assert_eq!(lines, expected.lines().collect::<Vec<_>>(), "{example}: {output:?}");
        assert!(output.status.success(), "{example}: {output:?}");
    }
}
