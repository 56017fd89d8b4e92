//! What the tests share: regions that go away with their test, and second processes.
//!
//! A second process is this test binary once more, running one test, `second_process`, in a role (without one it does nothing).
//! It takes commands from its standard input, a line each, and answers each with a line: so no test has to
//! sleep to know that the other side is ready.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod crew;
pub mod deaths;
pub mod dice;
pub mod members;
pub mod numbers;
pub mod operations;
pub mod oracle;
pub mod puppet;
pub mod wire;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub use kit::{
    PATIENCE as GUARD, die_with_parent as end_with_parent, end_quietly, end_within, exit_at_once, exit_with,
    fork, kill, kill_oneself, status_of, wait_for, wait_until,
};

use kit::{Lines, Name, SIGKILL, SIGSTOP, try_signal};
use mailbox::lab::abi::{Bells, MAIL, ROOM, Rank};
use mailbox::{
    Config, Deadline, Endpoint, Place, RecvError, Region, Select, SelectError, TrustedEvents, Wait,
};
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{panic, thread};

/// A timeout that is meant to run out: longer than a nap, after which a sleeper looks who lives.
pub const SHORT: Duration = Duration::from_millis(120);

/// Sleeping on events.
#[expect(unsafe_code, reason = "a strategy like the others")]
pub const ON_EVENTS: Wait = Wait::Event(
    // SAFETY: nobody but tests knows of their regions, and none of them has two threads that both choose this.
    unsafe { TrustedEvents::new() },
);

const ROLE: &str = "MAILBOX_ROLE";
const REGION: &str = "MAILBOX_REGION";
/// What tells answers from what the test harness prints.
const MARK: &str = "@ ";

/// Where a puppet finds the region that has no name: in its environment.
pub const UNNAMED: &str = "unnamed";

/// What a name of these tests says: a path, if it is absolute.
pub fn place(name: &str) -> Place<'_> {
    if name.starts_with('/') { Place::File(Path::new(name)) } else { Place::Name(name) }
}

/// A name for a region that nobody else uses. What has it is removed after the test.
pub struct Scratch(Name);

impl Scratch {
    pub fn new() -> Self {
        Self(Name::new())
    }

    /// What is at this place.
    pub fn at(name: &str) -> Self {
        Self(Name::at(name))
    }

    /// As [`Scratch::new`], for a file.
    pub fn file() -> Self {
        Self(Name::file())
    }

    /// As [`Scratch::file`], but no disk is waited for.
    pub fn in_memory() -> Self {
        Self(Name::at(format!("/dev/shm/{}", &*Name::new())))
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    pub fn create(&self, config: Config) -> Region {
        Region::create(place(self.name()), config).expect("a new region")
    }

    pub fn open(&self) -> Region {
        Region::open(place(self.name())).expect("a region")
    }

    /// Overwrites bytes of the segment.
    pub fn patch(&self, offset: u64, bytes: &[u8]) {
        let file = File::options().write(true).open(self.path()).expect("a segment");
        file.write_all_at(bytes, offset).expect("a patch");
    }

    /// Waits until the endpoint of `rank` sleeps, or is about to, for want of mail.
    pub fn wait_until_receiver_sleeps(&self, rank: u32) {
        wait_until("a receiver sleeps", || self.receiver_sleeps(rank));
    }

    /// Waits until the endpoint of `rank` sleeps, or is about to, for want of room.
    pub fn wait_until_sender_sleeps(&self, rank: u32) {
        wait_until("a sender sleeps", || self.sender_sleeps(rank));
    }

    /// What is in the segment now.
    pub fn peek<const N: usize>(&self, offset: u64) -> [u8; N] {
        let file = File::open(self.path()).expect("a segment");
        let mut bytes = [0; N];
        file.read_exact_at(&mut bytes, offset).expect("bytes");
        bytes
    }

    /// Whether the endpoint of `rank` sleeps, or is about to, for want of mail.
    pub fn receiver_sleeps(&self, rank: u32) -> bool {
        self.is_asleep(rank, MAIL)
    }

    /// Whether the endpoint of `rank` sleeps, or is about to, for want of room.
    pub fn sender_sleeps(&self, rank: u32) -> bool {
        self.is_asleep(rank, ROOM)
    }

    fn is_asleep(&self, rank: u32, bit: u32) -> bool {
        u32::from_ne_bytes(self.peek(bell(rank))) & bit != 0
    }

    /// Makes it seem that the endpoint of `rank` sleeps for these bits.
    pub fn seem_asleep(&self, rank: u32, bits: u32) {
        self.patch(bell(rank), &bits.to_ne_bytes());
    }
}

/// Ends an endpoint as a process does that dies.
pub fn kill_endpoint(me: Endpoint) {
    let dying = std::thread::spawn(move || {
        let _me = me;
        // As `panic!`, but says nothing on standard error.
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(dying.join().is_err());
}

/// Bytes of which no two parts are alike.
pub fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251 + seed * 7) as u8).collect()
}

/// A region of small arenas.
pub fn region(ranks: u32) -> (Scratch, Region) {
    let scratch = Scratch::new();
    let region = scratch.create(Config::ranks(ranks).arena(4096));
    (scratch, region)
}

/// Joins as these ranks.
pub fn join<const N: usize>(region: &Region, ranks: [u32; N]) -> [Endpoint; N] {
    ranks.map(|rank| region.join(rank).expect("free"))
}

/// What a receive from anyone gives, which comes in time.
pub fn recv(me: &Endpoint) -> Result<Vec<u8>, RecvError> {
    me.from_any().within(GUARD).recv().map(|mail| mail.to_vec())
}

/// A receive from anyone finds nothing.
pub fn recv_nothing(me: &Endpoint) {
    assert_eq!(me.from_any().within(SHORT).recv().map(|mail| mail.to_vec()), Err(RecvError::Timeout));
}

/// What a receive says of a rank that has left.
pub fn left(rank: u32) -> RecvError {
    RecvError::Gone { rank, died: false }
}

/// Which of these endpoints has something for a receive from anyone; `None` if none has by then.
pub fn wait_any(
    endpoints: &[&Endpoint],
    deadline: impl Into<Deadline>,
) -> Result<Option<usize>, SelectError> {
    let mut select = Select::new();
    endpoints.iter().for_each(|endpoint| _ = select.recv(endpoint.from_any()));
    match select.wait(deadline) {
        Err(SelectError::Timeout) => Ok(None),
        found => found.map(Some),
    }
}

/// All ranks of an unnamed region, in order.
pub fn endpoints<const N: usize>(config: Config) -> [Endpoint; N] {
    let region = Region::create_unnamed(config).expect("a region");
    std::array::from_fn(|rank| region.join(rank as u32).expect("a free rank"))
}

/// Ends an endpoint as a death does.
pub fn die(endpoint: Endpoint) {
    let died = thread::spawn(move || {
        let _endpoint = endpoint;
        panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(died.join().is_err());
}

/// What tells a message from others, in short.
pub fn gist(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("{}:{sum:x}", bytes.len())
}

/// A number that the kernel tells of this process in `/proc/self/status`, in bytes.
pub fn memory(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a process");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB")).expect("a field");
    kibibytes.trim().parse::<usize>().expect("a number") << 10
}

/// Where the record of `rank` lies in a segment.
pub fn record(rank: u32) -> u64 {
    4096 + u64::from(rank) * size_of::<Rank>() as u64
}

/// Where the word of its bell lies.
fn bell(rank: u32) -> u64 {
    record(rank) + (offset_of!(Rank, bells) + offset_of!(Bells, word)) as u64
}

/// A second process; killed with the test.
pub struct Child {
    process: kit::Child,
    commands: Option<ChildStdin>,
    output: Lines,
    /// Children of the child, which must not outlive the test either.
    forks: Vec<u32>,
}

impl Child {
    /// Starts a process in `role`, for `region`.
    pub fn start(role: &str, region: &Scratch) -> Self {
        Self::start_under(&[], role, region)
    }

    /// As [`Child::start`], by a shell that first runs `preparation`.
    pub fn start_after(preparation: &str, role: &str, region: &Scratch) -> Self {
        let script = format!("{preparation} && exec \"$0\" \"$@\"");
        Self::start_under(&["sh", "-c", &script], role, region)
    }

    /// As [`Child::start`], with the child's command line behind `wrapper`.
    pub fn start_under(wrapper: &[&str], role: &str, region: &Scratch) -> Self {
        Self::start_with(wrapper, role, region.name(), |_| {})
    }

    /// As [`Child::start_under`], after something was done to the command that starts it.
    pub fn start_with(
        wrapper: &[&str],
        role: &str,
        region: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let binary = env::current_exe().expect("this binary");
        let mut command = match wrapper {
            [] => Command::new(binary),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
        };
        prepare(&mut command);
        Self::launch(command, role, region)
    }

    fn launch(mut command: Command, role: &str, region: &str) -> Self {
        command
            .args(["second_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(REGION, region)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = kit::Child::start(&mut command);
        let (commands, output) = (process.input(), Lines::of(process.output().expect("a pipe")));
        Self { process, commands, output, forks: Vec::new() }
    }

    /// Starts a process in `role` where regions in memory are its own and its children's; `None`, and a word
    /// about it, where that is not possible.
    pub fn start_alone(role: &str) -> Option<Self> {
        // A shell that is to tidy up waits for its end.
        let script = if cfg!(portable) { "\"$0\" \"$@\"" } else { "exec \"$0\" \"$@\"" };
        let mut command = kit::alone(script)?;
        command.arg(env::current_exe().expect("this binary"));
        Some(Self::launch(command, role, UNNAMED))
    }

    /// Gives a command and waits for its answer.
    pub fn does(&mut self, command: &str) -> String {
        self.starts(command);
        self.answer()
    }

    /// Gives a command; [`Child::answer`] will say what came of it.
    pub fn starts(&mut self, command: &str) {
        writeln!(self.commands.as_mut().expect("a pipe"), "{command}").expect("a child that listens");
    }

    /// The next answer.
    pub fn answer(&mut self) -> String {
        loop {
            let line = self.output.next().expect("an answer");
            if let Some(answer) = line.strip_prefix(MARK) {
                return answer.to_string();
            }
        }
    }

    /// Makes the child fork. Until the forked process ends it gives the answers, while its parent waits.
    pub fn forks(&mut self) {
        self.has_child("fork");
    }

    /// As [`Child::forks`], but by the system call alone.
    pub fn clones(&mut self) {
        self.has_child("clone");
    }

    /// Makes the child start some program that does not end soon.
    pub fn spawns(&mut self) {
        self.has_child("spawn");
    }

    fn has_child(&mut self, command: &str) {
        let process = self.does(command).parse().expect("a process id");
        self.forks.push(process);
    }

    /// Lets its standard input end, and waits until the process does.
    pub fn finish(&mut self) -> ExitStatus {
        self.commands = None;
        self.process.finish()
    }

    /// Kills it; the kernel has let go of its locks afterwards.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn signal(&self, signal: i32) {
        self.process.signal(signal);
    }

    /// Stops it, as a debugger or a terminal does; it has stopped afterwards.
    pub fn stop(&self) {
        self.signal(SIGSTOP);
        let stat = format!("/proc/{}/stat", self.process.id());
        wait_until("a process has stopped", || {
            let stat = fs::read_to_string(&stat).expect("a process");
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        });
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        for process in self.forks.drain(..) {
            try_signal(process, SIGKILL);
        }
    }
}

/// In a second process: its role and its region's name. `None` in a test that was run by hand.
pub fn role() -> Option<(String, String)> {
    Some((env::var(ROLE).ok()?, env::var(REGION).ok()?))
}

/// In a second process: the next command; `None` once the test gives no more.
pub fn command() -> Option<String> {
    let mut line = String::new();
    // Not buffered across commands: a forked process goes on reading where its parent stopped.
    std::io::stdin().read_line(&mut line).ok()?;
    Some(line.strip_suffix('\n')?.to_string())
}

/// In a second process: answers.
pub fn reply(answer: &str) {
    // The harness may have begun a line; and its capture is no way out of a forked process.
    let mut output = std::io::stdout().lock();
    write!(output, "\n{MARK}{answer}\n").and_then(|()| output.flush()).expect("a test that listens");
}

/// Forks without the C library's knowledge: what it was asked to do at forks is not done.
#[cfg(target_os = "linux")]
pub fn clone() -> i32 {
    // SAFETY: as for `fork`; no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let process = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    assert!(process >= 0, "clone");
    process as i32
}

/// Elsewhere nobody can.
#[cfg(not(target_os = "linux"))]
pub fn clone() -> i32 {
    panic!("no such system call")
}

/// Whether other processes' barriers reach this one; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn is_registered_for_barriers() -> Option<bool> {
    const GLOBAL_EXPEDITED: libc::c_long = 2;
    const GET_REGISTRATIONS: libc::c_int = 1 << 9;
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::syscall(libc::SYS_membarrier, GET_REGISTRATIONS, 0, 0) };
    (result >= 0).then_some(result & (GLOBAL_EXPEDITED | GLOBAL_EXPEDITED << 1) != 0)
}

/// A statement of a filter of system calls.
#[cfg(target_os = "linux")]
pub fn statement(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

/// Has the system ask this filter of each call that this thread makes from now on.
#[cfg(target_os = "linux")]
pub fn filter_calls(filter: &mut [libc::sock_filter]) {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` and what it points at outlive the calls.
    #[expect(unsafe_code, reason = "system calls")]
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

/// Makes the system refuse this thread's barriers from now on, as a sandbox may that is entered late.
#[cfg(target_os = "linux")]
pub fn forbid_barriers() {
    filter_calls(&mut [
        // The call's number; all but one are allowed, and that one is EPERM.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_membarrier as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ]);
}

/// Elsewhere there are no barriers.
#[cfg(not(target_os = "linux"))]
pub fn is_registered_for_barriers() -> Option<bool> {
    None
}

/// As above.
#[cfg(not(target_os = "linux"))]
pub fn forbid_barriers() {}

/// The descriptors through which this process holds locks.
fn lock_holders() -> Vec<i32> {
    let holds = |entry: fs::DirEntry| {
        let info = fs::read_to_string(entry.path()).unwrap_or_default();
        info.contains("OFDLCK").then(|| entry.file_name().to_str()?.parse().ok())?
    };
    let descriptors = fs::read_dir("/proc/self/fdinfo").expect("descriptors");
    descriptors.filter_map(|entry| holds(entry.ok()?)).collect()
}

/// How many locks this process holds.
pub fn locks() -> usize {
    lock_holders().len()
}

/// Takes this process' locks away, as a stray `dup2` would.
pub fn lose_locks() {
    let null = File::open("/dev/null").expect("a file");
    for holder in lock_holders() {
        // SAFETY: no memory is at stake; this is the mistake whose consequence is tested.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            libc::dup2(null.as_raw_fd(), holder);
        }
    }
}

/// What nobody can do any more to a memory file.
pub fn seals(file: &impl AsRawFd) -> i32 {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS)
    }
}

/// A memory file with some content and some seals.
pub fn memory_file(content: &[u8], seals: i32) -> OwnedFd {
    // SAFETY: a NUL-terminated string; the descriptor is new.
    #[expect(unsafe_code, reason = "system call")]
    let file = unsafe {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), flags))
    };
    file.write_all_at(content, 0).expect("a memory file");
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    assert_eq!(result, 0, "seals");
    file.into()
}

/// Gives this process another user, for good.
pub fn become_user(user: u32) {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::setresuid(user, user, user) };
    assert_eq!(result, 0, "setresuid");
}

/// Whether this process may do anything.
pub fn is_root() -> bool {
    // SAFETY: cannot fail.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::geteuid() == 0
    }
}

/// Lets `handler` be called at `signal`.
pub fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers of these tests are async-signal-safe.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::signal(signal, handler as *const () as libc::sighandler_t);
    }
}

/// Processor time that this process' threads have used.
pub fn processor_time() -> Duration {
    let run = |task: fs::DirEntry| {
        let schedstat = fs::read_to_string(task.path().join("schedstat")).expect("accounting");
        schedstat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).expect("nanoseconds")
    };
    let tasks = fs::read_dir("/proc/self/task").expect("threads");
    Duration::from_nanos(tasks.map(|task| run(task.expect("a thread"))).sum())
}
