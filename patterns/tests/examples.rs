//! Every example does what it says.

use std::env;
use std::process::{Command, Stdio};

/// What each prints.
const EXAMPLES: &[(&str, &str)] = &[
    ("transfers", "after 300 transfers of 10, and 10 kills: 3000\n"),
    (
        "words",
        "502 words, as a loop counts them: true\n\
         98 times \"the\"\n\
         67 times \"or\"\n\
         64 times \"of\"\n",
    ),
    (
        "averages",
        "\
         digraph {\n\
         \x20   rankdir=LR;\n\
         \x20   node [shape=box];\n\
         \x20   subgraph cluster_0 {\n\
         \x20       label=\"rank 0\";\n\
         \x20       o0_0 [label=\"readings\\nsource\"];\n\
         \x20       o1_0 [label=\"plausible\\nfilter\"];\n\
         \x20       o2_0 [label=\"sensor\\nkey by\"];\n\
         \x20   }\n\
         \x20   subgraph cluster_1 {\n\
         \x20       label=\"rank 1\";\n\
         \x20       o3_0 [label=\"sum\\nfold Time(360)\"];\n\
         \x20       o4_0 [label=\"average\\nmap\"];\n\
         \x20       o5_0 [label=\"out\\nto file\"];\n\
         \x20   }\n\
         \x20   o0_0 -> o1_0;\n\
         \x20   o1_0 -> o2_0;\n\
         \x20   o2_0 -> o3_0;\n\
         \x20   o3_0 -> o4_0;\n\
         \x20   o4_0 -> o5_0;\n\
         }\n\
         readings: 145 records, 0 late\n\
         plausible: 145 records, 0 late\n\
         sensor: 145 records, 0 late\n\
         sum: 145 records, 1 late\n\
         average: 12 records, 0 late\n\
         out: 12 records, 0 late\n\
         from  0 h: attic 16.2 °C, of 12\n\
         from  0 h: cellar 9.2 °C, of 12\n\
         from  0 h: roof -0.5 °C, of 12\n\
         from  6 h: attic 17.9 °C, of 12\n\
         from  6 h: cellar 10.9 °C, of 12\n\
         from  6 h: roof 4.6 °C, of 12\n\
         from 12 h: attic 19.8 °C, of 12\n\
         from 12 h: cellar 12.8 °C, of 12\n\
         from 12 h: roof 10.5 °C, of 12\n\
         from 18 h: attic 18.1 °C, of 12\n\
         from 18 h: cellar 11.1 °C, of 12\n\
         from 18 h: roof 5.4 °C, of 12\n",
    ),
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
        "rooms",
        "ann hears: hello\n\
         ann hears: welcome to tea on rank 1\n\
         bob hears: hello\n\
         bob hears: welcome to news on rank 2\n\
         ann hears: hello\n\
         ann hears: welcome to tea on rank 2\n\
         bob hears: hello\n",
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
