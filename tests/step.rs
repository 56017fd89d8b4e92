//! A process ends before any of its instructions, or at any of its system calls, and others go on.
//!
//! A tracer, as debuggers are, lets the doomed process go that far and kills it: before instruction 1, 2, 3, … of
//! an operation; and before and after each of its system calls. What must hold then is said in
//! `common/deaths.rs`.
//!
//! In what waits for others the tracer would have to be in two places: `stops.rs` has that.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]

mod common;

use common::deaths::{self, Doom, Operation};
use common::{exit_at_once, exit_with, fork, kill, status_of};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::mem::offset_of;
use std::path::PathBuf;

#[test]
fn second_process() {
    let Some((role, _)) = common::role() else { return };
    stay_on_one_processor();
    let (unit, role) = role.split_once(' ').expect("a unit and an operation");
    match unit {
        "call" => deaths::help(role, |operation| deaths::explore(at_call, operation)),
        _ => deaths::help(role, before_each_instruction),
    }
}

fn before_each_instruction(operation: Operation) -> u64 {
    // The first time warms up what is set up once a process, too.
    let path = RefCell::default();
    for _ in 0..2 {
        path.take();
        assert!(deaths::once(operation, &noting(&path)), "nobody ended it");
    }
    let path = path.take();
    let mut seen = HashMap::new();
    let dooms = path.iter().map(|address| {
        let count = seen.entry(address).and_modify(|count| *count += 1).or_insert(1);
        at_instruction(*address, *count)
    });
    let mut ends = 0;
    for (doom, at) in dooms.zip(0..) {
        if at % 500 == 0 {
            deaths::on_the_way();
        }
        ends += usize::from(!deaths::once(operation, &doom));
    }
    // The clock may have it go another way now and then, and an instruction of that path is not reached.
    assert!(ends * 20 >= path.len() * 19, "{ends} of {}", path.len());
    ends as u64
}

/// Lets a process go on to its end, an instruction at a time, and notes where it was before each.
fn noting(path: &RefCell<Vec<u64>>) -> impl Fn(i32) -> bool {
    |process| {
        let mut path = path.borrow_mut();
        loop {
            let address = trace(libc::PTRACE_PEEKUSER, process, COUNTER, 0) as u64;
            // One that repeats itself is one.
            if path.last() != Some(&address) {
                path.push(address);
            }
            if go(libc::PTRACE_SINGLESTEP, process) {
                return true;
            }
        }
    }
}

/// Ends a process before the instruction at that address is run for the so-manieth time.
fn at_instruction(address: u64, count: u64) -> impl Fn(i32) -> bool {
    move |process| {
        // The processor stops there by itself: to step through all before it would take a hundred times as long.
        assert_eq!(trace(libc::PTRACE_POKEUSER, process, DEBUG, address), 0, "a place to stop at");
        assert_eq!(trace(libc::PTRACE_POKEUSER, process, DEBUG + 7 * 8, 1), 0, "a place to stop at");
        (0..count).any(|_| go(libc::PTRACE_CONT, process)) || {
            kill(process);
            false
        }
    }
}

/// Ends a process before or after the system call of that number, both counted.
fn at_call(number: u64) -> impl Fn(i32) -> bool {
    move |process| {
        (0..number).any(|_| go(libc::PTRACE_SYSCALL, process)) || {
            let unfinished = unfinished_regions(process);
            kill(process);
            unfinished.iter().for_each(|path| drop(fs::remove_file(path)));
            false
        }
    }
}

/// A tracer: what it does with the doomed process from its beginning on, and whether that came to the end.
impl<F: Fn(i32) -> bool> Doom for F {
    fn begin(&self) {
        begin();
    }

    fn end(&self) {
        stop();
    }

    fn follow(&self, process: i32) -> bool {
        await_beginning(process);
        self(process)
    }
}

/// In the doomed process: has its parent follow it from here.
fn begin() {
    trace(libc::PTRACE_TRACEME, 0, 0, 0);
    stop();
}

/// Waits until it has begun.
fn await_beginning(process: i32) {
    assert_eq!(stopped_by(status_of(process)), Some(libc::SIGSTOP), "its beginning");
}

/// Has a process that is stopped go on until it stops again; whether it has come to the end of its operation. Then
/// it has ended, too.
fn go(request: libc::c_uint, process: i32) -> bool {
    assert_eq!(trace(request, process, 0, 0), 0, "a step");
    let status = status_of(process);
    match stopped_by(status) {
        Some(libc::SIGTRAP) => false,
        Some(libc::SIGSTOP) => {
            trace(libc::PTRACE_POKEUSER, process, DEBUG + 7 * 8, 0);
            trace(libc::PTRACE_CONT, process, 0, 0);
            let status = status_of(process);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
            true
        }
        _ => panic!("the doomed process failed by itself: {status:#x}"),
    }
}

/// Where a tracer finds the address of the next instruction.
const COUNTER: usize = offset_of!(libc::user, regs) + offset_of!(libc::user_regs_struct, rip);
/// Where a tracer says at which address to stop; seven words on, whether.
const DEBUG: usize = offset_of!(libc::user, u_debugreg);

/// The regions without their names yet that this process has open: nobody else knows of them.
fn unfinished_regions(process: i32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).expect("a process").filter_map(Result::ok);
    let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("a process");
    let mapped = maps.lines().filter_map(|line| Some(line[line.find('/')?..].into()));
    open.chain(mapped).filter(|path| path.to_string_lossy().contains(".mailbox-")).collect()
}

fn trace(request: libc::c_uint, process: i32, place: usize, value: u64) -> libc::c_long {
    // SAFETY: none of these requests reads or writes this process' memory.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::ptrace(request, process, place, value)
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
        if trace(libc::PTRACE_TRACEME, 0, 0, 0) != 0 {
            exit_with(1);
        }
        stop();
        exit_at_once();
    }
    let status = status_of(process);
    if stopped_by(status).is_none() {
        return false;
    }
    let may_step = trace(libc::PTRACE_SINGLESTEP, process, 0, 0) == 0
        && stopped_by(status_of(process)) == Some(libc::SIGTRAP);
    kill(process);
    may_step
}

/// The least number says that the operation was under test, not what it costs.
macro_rules! ends_anywhere {
    ($($test:ident: $role:literal, $least:literal;)*) => {$(
        #[test]
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
    before_any_instruction_of_a_send: "instruction send_in_cell", 100;
    before_any_instruction_of_a_receive: "instruction receive_in_cell", 100;
    before_any_instruction_of_a_join: "instruction join", 100;
    at_any_call_of_a_first_send: "call first_send", 2;
    at_any_call_of_a_first_send_in_the_arena: "call first_send_in_arena", 4;
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
