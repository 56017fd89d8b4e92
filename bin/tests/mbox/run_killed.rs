//! Nothing is left of `mbox run`, whichever of its processes is killed.

use crate::launch::{Launch, facts};
use crate::program::{Process, alone, command};
use kit::{
    SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGSTOP, SIGTERM, happens, signal, try_signal, wait_until,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A rank with a child and a grandchild.
const FAMILY: &str = "sh -c 'sleep 600 & sleep 600' & exec sleep 600";

/// The guard of a launch.
fn guard(launcher: u32, processes: &[u32]) -> Option<u32> {
    let is_mbox = |process: &u32| {
        std::fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|path| path.ends_with("mbox"))
    };
    let is_guard = |process: &&u32| {
        facts(**process).is_some_and(|(_, parent, group)| (parent, group) == (launcher, **process))
            && is_mbox(process)
    };
    processes.iter().find(is_guard).copied()
}

#[test]
fn whichever_process_is_killed_nothing_is_left() {
    const RUNS: u64 = 200;
    let mut victims = [0; 4];
    for seed in 0..RUNS {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let launch = Launch::new();
        let process = launch.run(&["-n", "2", "--grace", "20ms", "sh", "-c", FAMILY]);
        let launcher = process.id();
        let moment = Instant::now() + Duration::from_micros(random.random_range(0..20_000));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        let processes = launch.processes();
        if processes.is_empty() {
            // Not yet `mbox`.
            signal(launcher, SIGKILL);
            process.finish();
            launch.is_gone();
            continue;
        }
        let victim = processes[random.random_range(0..processes.len())];
        let parent = facts(victim).map(|(_, parent, _)| parent);
        let guard = guard(launcher, &processes);
        try_signal(victim, SIGKILL);
        let kind = match parent {
            _ if victim == launcher => 0,
            _ if guard == Some(victim) => 1,
            Some(parent) if parent == launcher => 2,
            _ => 3,
        };
        victims[kind] += 1;
        if kind == 3 {
            // Nobody misses it.
            try_signal(launcher, SIGKILL);
        }
        let status = process.finish().status;
        assert!(!status.success(), "seed {seed}, kind {kind}: {status}");
        let is_gone = happens(|| launch.processes().is_empty());
        assert!(is_gone, "seed {seed}, kind {kind}: {:?}", launch.processes());
    }
    println!(
        "killed: {} launchers, {} guards, {} ranks, {} others",
        victims[0], victims[1], victims[2], victims[3]
    );
    assert!(victims.iter().all(|count| *count > 0), "{victims:?}");
}

#[test]
fn the_guard_ends_what_a_killed_launcher_leaves() {
    let launch = Launch::new();
    let mut process = launch.run(&["-n", "2", "sh", "-c", FAMILY]);
    launch.wait_for(6, "sleep");
    process.kill();
    launch.is_gone();
}

#[test]
fn the_launcher_ends_all_without_its_guard() {
    let launch = Launch::new();
    let process = launch.run(&["-n", "2", "sh", "-c", FAMILY]);
    launch.wait_for(6, "sleep");
    signal(guard(process.id(), &launch.processes()).expect("a guard"), SIGKILL);
    process.fails("the guard process was ended; so are all ranks");
    assert!(launch.processes().is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn ranks_end_without_launcher_and_guard() {
    for _ in 0..10 {
        let launch = Launch::new();
        let mut process = launch.run(&["-n", "3", "sleep", "600"]);
        launch.wait_for(3, "sleep");
        let guard = guard(process.id(), &launch.processes()).expect("a guard");
        // Neither may act before both are dead.
        signal(process.id(), SIGSTOP);
        wait_until("it is stopped", || facts(process.id()).is_some_and(|(state, ..)| state == "T"));
        signal(guard, SIGKILL);
        process.kill();
        launch.is_gone();
    }
}

#[test]
fn the_guard_is_deaf_to_the_signals_of_a_terminal() {
    let launch = Launch::new();
    let mut process = launch.run(&["-n", "1", "sh", "-c", FAMILY]);
    launch.wait_for(3, "sleep");
    let guard = guard(process.id(), &launch.processes()).expect("a guard");
    // It would see the guard's end.
    signal(process.id(), SIGSTOP);
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE] {
        signal(guard, number);
    }
    process.kill();
    launch.is_gone();
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn neither_a_name_nor_a_file_is_left() {
    let script = r#"
        folder=$(mktemp -d); export TMPDIR=$folder/tmp; mkdir "$TMPDIR"
        look='ls -A /dev/shm; ls -A "$TMPDIR"'
        "$0" run -n 2 sh -c "$look; readlink /proc/self/fd/\$MAILBOX_FD; sleep 600" > "$folder/lines" &
        until [ "$(grep -c memfd "$folder/lines")" = 2 ]; do sleep 0.01; done
        kill -9 $!
        wait 2> /dev/null
        eval "$look"
        sort "$folder/lines"
        rm -r "$folder""#;
    let Some(process) = alone(script) else { return };
    let finished = process.finish();
    let memory = "/memfd:mailbox (deleted)";
    let seen = String::from_utf8_lossy(&finished.output);
    assert_eq!(seen, format!("[0] {memory}\n[1] {memory}\n"), "{}", finished.complaints);
}

/// `mbox run` with these arguments as process 1 of a container without privileges; `None` where there is none.
fn contained(args: &[&str]) -> Option<(Process, Launch)> {
    let launch = Launch::new();
    let isolated = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-current-user", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        command.arg(crate::program::MBOX).args(args).stdin(Stdio::null());
        command
    };
    let tried = isolated(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot make namespaces");
        return None;
    }
    let process = Process::start(launch.mark(&mut isolated(&[&["run"], args].concat())));
    Some((process, launch))
}

#[test]
fn it_is_the_first_process_of_a_container() {
    let Some((process, _)) = contained(&["-n", "2", &crate::launch::exchange()]) else { return };
    let lines = crate::launch::sorted(&process.succeeds());
    assert_eq!(lines, ["[0] rank 0 of 2 receives: hello 0", "[1] rank 1 of 2 receives: hello 1"]);
    // It waits for orphans, even those that have left their group.
    let script =
        "[ $$ = 1 ] && exit 9; setsid sh -c 'sleep 0.01 & exec true'; sleep 0.3; ps -e -o stat=,comm=";
    let Some((process, _)) = contained(&["-n", "1", "sh", "-c", script]) else { return };
    let listed = String::from_utf8(process.succeeds()).expect("UTF-8");
    assert!(listed.lines().count() >= 4 && !listed.contains(" Z"), "{listed}");
    // It hears what asks it to end, though nothing ends it by default.
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let Some((process, launch)) = contained(&["-n", "1", "sh", "-c", script]) else { return };
    let mut found = None;
    wait_until("a rank runs", || {
        let processes = launch.processes();
        let is = |of: u32, name: &str| {
            std::fs::read_to_string(format!("/proc/{of}/comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        let rank = processes.iter().find(|process| is(**process, "sleep"));
        let init = processes.iter().find(|process| {
            is(**process, "mbox") && facts(**process).is_some_and(|(_, parent, _)| is(parent, "unshare"))
        });
        found = rank.and(init).copied();
        found.is_some()
    });
    signal(found.expect("process 1"), SIGTERM);
    assert_eq!(process.finish().status.code(), Some(7));
    launch.is_gone();
    // All of a container ends with its first process.
    let Some((mut process, launch)) = contained(&["-n", "2", "sh", "-c", FAMILY]) else { return };
    launch.wait_for(6, "sleep");
    process.kill();
    launch.is_gone();
}

#[test]
fn a_launch_in_a_rank_of_another_ends_with_it() {
    let launch = Launch::new();
    let args = ["run", "-n", "2", crate::program::MBOX, "run", "-n", "2", "sleep", "600"];
    let mut process = Process::start(launch.mark(&mut command(args)));
    launch.wait_for(4, "sleep");
    process.kill();
    launch.is_gone();
}

#[test]
#[cfg(target_os = "linux")]
fn orphans_are_the_launchers_children() {
    let launch = Launch::new();
    // Within the parentheses `$$` is their parent.
    let orphan = "(while kill -0 $$; do sleep 0.01; done; exec grep PPid /proc/self/status) & exit";
    let script = format!("exec 2> /dev/null; sh -c '{orphan}'; sleep 600");
    let mut process =
        Process::uncollected(launch.mark(&mut command(["run", "-n", "1", "sh", "-c", &script])));
    assert_eq!(process.lines().next(), Some(format!("[0] PPid:\t{}", process.id())));
    process.kill();
    launch.is_gone();
}
