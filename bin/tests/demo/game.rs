//! The game loop, whole and disturbed, and the terminal that it is drawn on.

use crate::program::{
    Demo, End, ends_by_signals, in_order, is_read_by_nobody, is_told_to_be_killed, nothing_is_left, number,
    number_before, player, players,
};
use kit::{Child, Lines, SIGCONT, SIGKILL, SIGSTOP, SIGTERM, signal, wait_until};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

const PARTS: [&str; 3] = ["input", "physics", "render"];

/// The report of a game with these arguments, which leaves nothing.
fn played(args: &[&str]) -> Value {
    let demo = Demo::start(&[&["game", "--json"], args].concat());
    let pid = demo.pid();
    let Some(line) = demo.line() else { panic!("no report: {:?}", demo.end()) };
    assert_eq!(demo.line(), None, "a line");
    demo.succeeds();
    nothing_is_left("game", pid);
    serde_json::from_str(&line).expect("JSON")
}

/// Where the ball is after so many steps, and how often it came down: step by step.
fn ball(steps: u64) -> ([i64; 2], u64) {
    let (end, mut ball, mut speed, mut bounces) =
        ([60 * 1024 - 1, 16 * 1024 - 1], [7 * 1024, 3 * 1024], [263, 149], 0);
    for _ in 0..steps {
        for axis in [0, 1] {
            ball[axis] += speed[axis];
            if ball[axis] < 0 || ball[axis] > end[axis] {
                bounces += u64::from(axis == 1 && speed[axis] > 0);
                ball[axis] = if ball[axis] < 0 { -ball[axis] } else { 2 * end[axis] - ball[axis] };
                speed[axis] = -speed[axis];
            }
        }
    }
    (ball, bounces)
}

/// All counts are of the same game, and each step was done once.
fn adds_up(report: &Value) {
    let count = |field| number(report, field);
    assert_eq!(
        count("frames"),
        count("frames_new") + count("frames_old") + count("frames_empty"),
        "{report}"
    );
    assert_eq!(count("worlds"), count("frames_new") + count("worlds_never_shown"), "{report}");
    assert_eq!(count("presses"), count("presses_shown") + count("presses_never_shown"), "{report}");
    assert_eq!(count("steps"), count("worlds"), "each step is a world: {report}");
    let (ball, bounces) = ball(count("steps"));
    assert_eq!(report["ball"], serde_json::json!(ball), "{report}");
    assert_eq!(count("hits") + count("misses"), bounces, "{report}");
    for times in ["key_to_frame", "frame_time", "look_time"] {
        let [p50, p99, worst] = ["p50_ns", "p99_ns", "worst_ns"].map(|field| number(&report[times], field));
        assert!(0 < p50 && p50 <= p99 && p99 <= worst, "{times}: {report}");
    }
}

#[test]
fn frames_worlds_and_presses_add_up() {
    for steps in ["30", "60", "120", "1000"] {
        let report = played(&["--seconds", "1", "--steps", steps]);
        adds_up(&report);
        let measured = |times: &str| number(&report[times], "count");
        assert_eq!(measured("key_to_frame"), number(&report, "presses_shown"), "{report}");
        assert_eq!(measured("frame_time"), number(&report, "frames") - 1, "{report}");
        assert_eq!(measured("look_time"), number(&report, "frames"), "{report}");
        assert!(report["outage"].is_null() && report["scripted"] == true && report["drawn"] == false);
        assert_eq!(report["lives"], serde_json::json!({"input": 1, "physics": 1, "render": 1}));
    }
}

#[test]
fn the_others_go_on_without_one_and_its_successor_where_it_ended() {
    for (option, harm, lives) in [("--kill", "killed", 2), ("--stop", "stopped", 1)] {
        for part in PARTS {
            let report = played(&["--seconds", "1", option, part]);
            adds_up(&report);
            let outage = &report["outage"];
            assert_eq!((&outage["part"], &outage["harm"]), (&part.into(), &harm.into()), "{report}");
            for (other, count) in PARTS.into_iter().zip(["looks", "worlds", "frames"]) {
                let meanwhile = number(outage, count);
                assert_eq!(meanwhile == 0, other == part, "{other} without {part}: {report}");
                let expected = if other == part { lives } else { 1 };
                assert_eq!(number(&report["lives"], other), expected, "{report}");
            }
            let before = number(outage, "step");
            assert!(0 < before && before < number(&report, "steps"), "{report}");
            assert!(part != "physics" || number(&report, "frames_old") > 0, "the last world: {report}");
        }
    }
}

#[test]
fn people_read_it() {
    let demo = Demo::start(&["game", "--seconds", "1", "--kill", "physics"]);
    let pid = demo.pid();
    let lines = demo.shows_all();
    nothing_is_left("game", pid);
    let mut next = in_order(&lines);
    next(": 60 frames a second of a world with 60 steps a second");
    assert!(number_before(next("input: "), " presses") > 0);
    let steps = number_before(next("physics: "), " steps, each done once");
    let line = next("render: ");
    let new = number_before(line, " with a new world");
    assert!(number_before(line, " frames, ") >= new + number_before(line, " with the one before"), "{line}");
    let line = next("  of ");
    assert_eq!(number_before(line, " worlds "), steps);
    assert_eq!(number_before(line, " were never shown"), steps - new);
    next("physics was killed, and started again ");
    let line = next("meanwhile there were ");
    assert_eq!(number_before(line, " steps, "), 0, "{line}");
    assert!(number_before(line, " frames") > 0, "{line}");
    next("from a key to the frame that shows it, ");
    next("█");
    for times in ["", "from a frame to the next:", "how long render looks at the latest world:"] {
        next(times);
        next("  p50 ");
    }
}

/// A game whose processes are all there.
fn busy(args: &[&str]) -> (Demo, u32) {
    let demo = Demo::start(&[&["game"], args].concat());
    let pid = demo.pid();
    wait_until("all have started", || players("game", pid).len() == 3);
    (demo, pid)
}

#[test]
fn whatever_is_killed_nothing_is_left() {
    for part in PARTS {
        let (demo, pid) = busy(&["--seconds", "120"]);
        signal(player("game", pid, part), SIGKILL);
        is_told_to_be_killed(demo, "game", part);
    }
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    ends_by_signals("game", || busy(&["--seconds", "120"]));
}

#[test]
fn players_end_with_their_parent_and_nothing_is_left() {
    let (demo, pid) = busy(&["--seconds", "120"]);
    demo.signal(SIGKILL);
    assert_eq!(demo.end(), End { code: None, complaints: String::new() });
    // The region has no name, so it ends with its last process.
    nothing_is_left("game", pid);
}

#[test]
fn a_process_that_stays_stopped_is_told() {
    let (demo, pid) = busy(&["--seconds", "1"]);
    signal(player("game", pid, "physics"), SIGSTOP);
    let End { code, complaints } = demo.end();
    assert_eq!(code, Some(1));
    assert!(complaints.ends_with(" for 10 s: is a process stopped?\n"), "{complaints}");
    assert_eq!(complaints.lines().count(), 1);
    nothing_is_left("game", pid);
}

#[test]
fn nobody_reads_it() {
    is_read_by_nobody("game", &["--seconds", "1"]);
}

#[test]
fn a_command_line_without_sense_is_told() {
    for args in [
        &["--seconds", "0"][..],
        &["--steps", "0"],
        &["--steps", "1001"],
        &["--kill", "camera"],
        &["--kill", "input", "--stop", "input"],
    ] {
        let End { code, complaints } = Demo::start(&[&["game"], args].concat()).end();
        assert_eq!((code, complaints.lines().count()), (Some(2), 1), "{complaints}");
    }
}

/// A game on a terminal, between two looks at how the terminal is set.
struct Console {
    child: Child,
    lines: Lines,
    before: String,
    pid: u32,
}

impl Console {
    /// `None` where there is no program that has a terminal.
    fn start(args: &str) -> Option<Self> {
        Self::start_before(args, "")
    }

    /// What the shell does after the game, and before its last look at the terminal.
    fn start_before(args: &str, more: &str) -> Option<Self> {
        if Command::new("script").arg("--version").output().is_err() {
            eprintln!("skipped: there is no program `script`");
            return None;
        }
        let demo = env!("CARGO_BIN_EXE_mbox-demo");
        // The game is a job of its shell, as usual: what stops or ends it does not do so to the shell.
        let line = format!(
            "set -m; stty -g; sh -c 'echo $$; exec {demo} game {args}'; echo status $?; {more} stty -g; echo end"
        );
        let mut command = Command::new("script");
        command.args(["--quiet", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Child::start(&mut command);
        let lines = Lines::of(child.output().expect("a pipe"));
        let next = || lines.next().expect("a line").trim_end().to_owned();
        let (before, pid) = (next(), next());
        Some(Self { child, lines, before, pid: pid.parse().expect("a number") })
    }

    fn line(&self) -> String {
        self.lines.next().expect("a line").trim_end().to_owned()
    }

    fn types(&mut self, keys: &[u8]) {
        let mut input = self.child.input().expect("a pipe");
        input.write_all(keys).expect("room");
        // Its end would be typed, too.
        std::mem::forget(input);
    }

    /// Waits for a picture with this in it.
    fn shows(&self, what: &str) {
        while !self.line().contains(what) {}
    }

    /// Waits for the end: its status, and what it said after the last picture. The terminal is as it was.
    fn ends(mut self) -> (String, Vec<String>) {
        let mut left = None;
        let mut after = vec![];
        loop {
            let line = self.line();
            if let Some((_, rest)) = line.split_once("\x1b[?25h\x1b[?1049l") {
                left = Some(());
                after = vec![rest.to_owned()];
            } else if line == "end" {
                break;
            } else if left.is_some() {
                after.push(line);
            }
        }
        left.expect("it leaves the screen of its own");
        self.child.finish();
        nothing_is_left("game", self.pid);
        assert_eq!(after.pop(), Some(self.before), "the terminal is set as before");
        let status = after.pop().expect("a status").replace("status ", "");
        (status, after)
    }
}

#[test]
fn keys_are_played_until_q() {
    let Some(mut console) = Console::start("--seconds 30") else { return };
    console.shows("presses 0");
    // Neither of Ctrl-Z, Ctrl-\ and Ctrl-S does anything.
    console.types(b"\x1a\x1c\x13d\x1b[Dsxq");
    let (status, report) = console.ends();
    assert_eq!(status, "0", "{report:?}");
    let presses = report.iter().find(|line| line.starts_with("input: ")).expect("a report");
    assert_eq!(number_before(presses, " presses"), 3, "{report:?}");
}

#[test]
fn the_terminal_is_restored_whatever_ends_it() {
    let Some(mut console) = Console::start("") else { return };
    console.shows("presses 0");
    console.types(b"\x03");
    let (status, said) = console.ends();
    assert_eq!((&*status, said.concat()), ("130", String::new()));
    for part in PARTS {
        let Some(console) = Console::start("--scripted") else { return };
        console.shows("   presses ");
        signal(player("game", console.pid, part), SIGKILL);
        let (status, said) = console.ends();
        let said = said.concat();
        assert_eq!(status, "1", "{said}");
        assert!(said.starts_with(&format!("mbox-demo: the process for \"{part}")), "{said}");
    }
    let console = Console::start("--scripted --seconds 1 --kill physics").expect("as before");
    console.shows("physics has said nothing for ");
    let (status, report) = console.ends();
    assert_eq!(status, "0", "{report:?}");
}

#[test]
fn the_terminal_is_restored_though_the_game_is_killed() {
    // Another process restores it, a moment later.
    let waits = "for i in $(seq 200); do stty -a | grep -q -w -- -echo || break; sleep 0.1; done;";
    for args in ["", "--scripted"] {
        let Some(console) = Console::start_before(args, waits) else { return };
        console.shows("   presses ");
        signal(console.pid, SIGKILL);
        let mut after = vec![];
        while after.last().is_none_or(|line| line != "end") {
            after.push(console.line());
        }
        assert!(after.iter().any(|line| line.contains("status 137")), "{after:?}");
        assert!(after.iter().any(|line| line.contains("\x1b[?25h\x1b[?1049l")), "{after:?}");
        assert!(
            after[after.len() - 2].ends_with(&console.before),
            "the terminal is set as before: {after:?}"
        );
        nothing_is_left("game", console.pid);
    }
}

#[test]
fn render_shows_that_physics_is_stopped() {
    let Some(console) = Console::start("--scripted --seconds 120") else { return };
    console.shows("   presses ");
    let physics = player("game", console.pid, "physics");
    signal(physics, SIGSTOP);
    console.shows("physics has said nothing for ");
    signal(physics, SIGCONT);
    console.shows("a script plays");
    signal(console.pid, SIGTERM);
    let (status, _) = console.ends();
    assert_eq!(status, "143");
}
