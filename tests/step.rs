//! A process ends after any of its instructions, or at any of its system calls, and others go on.
//!
//! A tracer, as debuggers are, lets the doomed process go that far and kills it: after instruction 1, 2, 3, … of an
//! operation, or, where those are too many, after every n-th from a random one on; and before and after each of
//! its system calls. What must hold then is said in `common/deaths.rs`.
//!
//! In what waits for others the tracer would have to be in two places: `stops.rs` has that.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]

mod common;

use common::deaths::{self, Doom};
use common::{exit_at_once, exit_with, fork, kill, status_of};
use std::cell::Cell;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::rc::Rc;

#[test]
fn second_process() {
    let Some((role, _)) = common::role() else { return };
    stay_on_one_processor();
    let (unit, role) = role.split_once(' ').expect("a unit and an operation");
    match unit {
        "call" => deaths::help(role, |operation| deaths::explore(|number| Step::new(Unit::Call, number), operation)),
        _ => deaths::help(role, by_instruction),
    }
}

/// Instructions that are stepped through for one operation, in all: 2 to 3 µs each.
const STEPS: u64 = 3_000_000;

fn by_instruction(operation: fn(&dyn Doom) -> bool) -> u64 {
    // It warms up what is set up once a process, too.
    let whole = Step::new(Unit::Instruction, u64::MAX);
    assert!(operation(&whole), "nobody ended it");
    let length = whole.count.get();
    let stride = (length * length / 2).div_ceil(STEPS).max(1);
    let first = RandomState::new().hash_one(0) % stride;
    println!("{length} instructions, ended after every {stride}. from {} on", first + 1);
    deaths::explore(|number| Step::new(Unit::Instruction, first + 1 + (number - 1) * stride), operation)
}

/// What is counted.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Instruction,
    /// The beginnings and the ends of system calls.
    Call,
}

/// After the instruction, or before or after the call, of that number.
struct Step {
    unit: Unit,
    number: u64,
    count: Rc<Cell<u64>>,
}

impl Step {
    fn new(unit: Unit, number: u64) -> Self {
        Self { unit, number, count: Rc::default() }
    }
}

impl Doom for Step {
    fn begin(&self) {
        trace(libc::PTRACE_TRACEME, 0);
        stop();
    }

    fn end(&self) {
        stop();
    }

    fn follow(&self, process: i32) -> bool {
        assert_eq!(stopped_by(status_of(process)), Some(libc::SIGSTOP), "its beginning");
        let request = match self.unit {
            Unit::Instruction => libc::PTRACE_SINGLESTEP,
            Unit::Call => libc::PTRACE_SYSCALL,
        };
        for _ in 0..self.number {
            assert_eq!(trace(request, process), 0, "a step");
            let status = status_of(process);
            match stopped_by(status) {
                Some(libc::SIGTRAP) => {}
                // Its end.
                Some(libc::SIGSTOP) => {
                    assert_eq!(trace(libc::PTRACE_CONT, process), 0);
                    let status = status_of(process);
                    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
                    return true;
                }
                _ => panic!("the doomed process failed by itself: {status:#x}"),
            }
            self.count.set(self.count.get() + 1);
        }
        let unfinished = unfinished_regions(process);
        kill(process);
        unfinished.iter().for_each(|path| drop(fs::remove_file(path)));
        false
    }
}

/// The regions without their names yet that this process has open: nobody else knows of them.
fn unfinished_regions(process: i32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).expect("a process").filter_map(Result::ok);
    let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("a process");
    let mapped = maps.lines().filter_map(|line| Some(line[line.find('/')?..].into()));
    open.chain(mapped).filter(|path| path.to_string_lossy().contains("/.mailbox-")).collect()
}

fn trace(request: libc::c_uint, process: i32) -> libc::c_long {
    // SAFETY: none of these requests reads or writes memory.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::ptrace(request, process, 0, 0)
    }
}

/// Stops this process until its tracer has it go on.
fn stop() {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::raise(libc::SIGSTOP);
    }
}

fn stopped_by(status: i32) -> Option<i32> {
    libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
}

/// Tracer and traced take turns: on two processors each turn would wait for one to wake up.
fn stay_on_one_processor() {
    // SAFETY: the set outlives the calls, and any bytes are one.
    #[expect(unsafe_code, reason = "system calls")]
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(libc::sched_getcpu() as usize, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
    }
}

/// Whether this process may trace its children, and step through them.
fn may_trace() -> bool {
    let process = fork();
    if process == 0 {
        if trace(libc::PTRACE_TRACEME, 0) != 0 {
            exit_with(1);
        }
        stop();
        exit_at_once();
    }
    let status = status_of(process);
    if stopped_by(status).is_none() {
        return false;
    }
    let may_step = trace(libc::PTRACE_SINGLESTEP, process) == 0
        && stopped_by(status_of(process)) == Some(libc::SIGTRAP);
    kill(process);
    may_step
}

/// The least number says that the operation was under test, not what it costs.
macro_rules! ends_anywhere {
    ($($test:ident: $role:literal, $least:literal;)*) => {$(
        #[test]
        #[cfg_attr(portable, ignore = "forks")]
        fn $test() {
            if !may_trace() {
                eprintln!("skipped: this process may not trace others (ptrace)");
                return;
            }
            assert!(deaths::ends($role) >= $least);
        }
    )*};
}

ends_anywhere! {
    after_any_instruction_of_a_send: "instruction send_in_cell", 100;
    after_any_instruction_of_a_receive: "instruction receive_in_cell", 100;
    after_any_instruction_of_a_join: "instruction join", 100;
    at_any_call_of_a_first_send: "call first_send", 2;
    at_any_call_of_a_join: "call join", 6;
    at_any_call_of_a_join_by_a_label: "call join_as", 12;
    at_any_call_of_a_leave: "call leave", 4;
    at_any_call_of_a_creation: "call create", 20;
    at_any_call_of_a_creation_in_a_file: "call create_file", 20;
    at_any_call_of_a_creation_in_place_of_one_half_removed: "call replace", 30;
    at_any_call_of_a_creation_in_place_of_a_file_half_removed: "call replace_file", 30;
    at_any_call_of_a_removal: "call remove", 10;
    at_any_call_of_a_removal_of_a_file: "call remove_file", 10;
}
