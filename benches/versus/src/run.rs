//! All runs: the systems in turn, in short rounds, so that what the machine does meanwhile hits all alike.

use crate::ground::Ground;
use crate::job::{Case, Job, Joint, Topic};
use crate::outcome::{Answer, Outcome};
use crate::systems::{self, Entry, Role};
use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a run may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many others are there where one receives from anyone.
pub const CROWDS: [u32; 4] = [1, 31, 255, 1023];
/// The sizes of messages.
pub const SIZES: [usize; 6] = [8, 48, 256, 4 << 10, 64 << 10, 1 << 20];

/// The sizes of messages in windows of requests.
const WINDOWS: [usize; 3] = [8, 1 << 20, 4 << 20];
/// How many messages lie unread.
const UNREAD: u32 = 10_000;

/// What takes part in operations of all ranks, or is a limit of them.
const TOGETHER: [&str; 5] =
    ["two lines, raw", "mailbox, together", "Open MPI", "Open MPI, yielding", "MPICH"];
/// The sizes of groups.
const RANKS: [u32; 4] = [2, 4, 8, 16];
/// Operations of all ranks, with their sizes.
const JOINT: [(Joint, &[usize]); 5] = [
    (Joint::Barrier, &[0]),
    (Joint::AllReduce, &[8, 1 << 10, 64 << 10, 1 << 20]),
    (Joint::Broadcast, &[8, 64 << 10, 1 << 20]),
    (Joint::AllGather, &[8, 64 << 10]),
    (Joint::AllToAll, &[8, 64 << 10]),
];

/// What takes part in topics, or is a limit of them.
const TOPICS: [&str; 3] = ["one writes, all read, raw", "mailbox, topics", "iceoryx2, topics"];
/// What is done with topics, with numbers of readers and sizes.
const TOPIC: [(Topic, &[u32], &[usize]); 9] = [
    (Topic::Read, &[1], &VALUES),
    (Topic::ReadWritten, &[1], &VALUES),
    (Topic::Written, &[1], &VALUES),
    (Topic::WrittenRead, &[1], &VALUES),
    (Topic::Seen, &[1], &VALUES),
    (Topic::Way, &[1], &STREAMS),
    (Topic::Ways, &[4], &STREAMS),
    (Topic::Cost, &[1, 2, 4, 8], &[1 << 20]),
    (Topic::Stream, &[1, 4], &STREAMS),
];
/// The sizes of latest values.
pub const VALUES: [usize; 4] = [8, 48, 256, 4 << 10];
/// The sizes of messages of topics.
const STREAMS: [usize; 3] = [8, 64 << 10, 1 << 20];

/// What is compared.
#[derive(Clone, Copy)]
pub enum Scope {
    /// Messages between two sides, or from some to one.
    Messages,
    /// Operations of all ranks.
    Together,
    /// Topics.
    Topics,
}

/// How much is measured.
pub struct Effort {
    /// How often.
    pub rounds: usize,
    /// How long each run measures, about.
    pub time: Duration,
    /// Sizes of round trips and streams.
    pub sizes: Vec<usize>,
    /// What is compared.
    pub scope: Scope,
    /// The only case, by the beginning of its name.
    pub only: Option<String>,
}

/// One system in one case, and what each round gave.
pub struct Runs {
    /// The system.
    pub entry: &'static Entry,
    /// What is measured.
    pub case: Case,
    /// The length of each message.
    pub bytes: usize,
    /// Round by round; ends with what is no figure.
    pub answers: Vec<Answer>,
    /// What the limit gave just before each, where it is ours: the machine's pace may change within a round.
    pub limits: Vec<Answer>,
    /// What one line gave just before each, where it is a call of ours, which takes as many transfers.
    pub lines: Vec<Answer>,
}

/// What is compared with each other, and measured in turn.
pub struct Group {
    /// The runs of a round.
    pub runs: Vec<Runs>,
    /// Which of them the others are measured against: the best limit of the first round.
    pub limit: Option<usize>,
    rounds: usize,
}

impl Group {
    fn all(case: Case, bytes: usize, rounds: usize) -> Self {
        let run = |entry| Runs::new(entry, case, bytes);
        Self { runs: systems::ALL.iter().map(run).collect(), limit: None, rounds }
    }

    /// Those of these names.
    fn of(names: &[&str], case: Case, bytes: usize, rounds: usize) -> Self {
        let entries = systems::ALL.iter().filter(|entry| names.contains(&entry.name));
        let runs = entries.map(|entry| Runs::new(entry, case, bytes));
        Self { runs: runs.collect(), limit: None, rounds }
    }

    /// Those who receive from anyone.
    fn crowds(rounds: usize) -> Self {
        let entries = systems::ALL.iter().filter(|entry| entry.name == "mailbox, spin");
        let runs = entries.flat_map(|entry| {
            let cases = [Case::Silent, Case::Quiet].into_iter().flat_map(|case| CROWDS.map(case));
            cases.map(move |case| Runs::new(entry, case, 8))
        });
        Self { runs: runs.collect(), limit: None, rounds }
    }

    /// One line, where it can do what is measured.
    fn line(&self) -> Option<usize> {
        let is_it = |runs: &Runs| {
            runs.entry.name == "one line, raw" && matches!(runs.answers.last(), Some(Answer::Measured(_)))
        };
        self.runs.iter().position(is_it)
    }
}

/// Everything.
fn groups(effort: &Effort) -> Vec<Group> {
    let mut groups = match effort.scope {
        Scope::Messages => pair_groups(effort),
        Scope::Together => joint_groups(effort.rounds),
        Scope::Topics => topic_groups(effort.rounds),
    };
    if let Some(only) = &effort.only {
        groups.retain(|group| group.runs.iter().any(|runs| runs.case.to_string().starts_with(only)));
    }
    groups
}

/// Operations of all ranks.
fn joint_groups(rounds: usize) -> Vec<Group> {
    let mut groups = Vec::new();
    for (joint, sizes) in JOINT {
        for bytes in sizes {
            let group = |ranks| Group::of(&TOGETHER, Case::Together(joint, ranks), *bytes, rounds);
            groups.extend(RANKS.map(group));
        }
    }
    groups.push(Group::of(&TOGETHER, Case::IdleTogether, 0, 1));
    groups
}

/// Topics.
fn topic_groups(rounds: usize) -> Vec<Group> {
    let mut groups = Vec::new();
    for (topic, readers, sizes) in TOPIC {
        for readers in readers {
            let group = |bytes: &usize| Group::of(&TOPICS, Case::Topic(topic, *readers), *bytes, rounds);
            groups.extend(sizes.iter().map(group));
        }
    }
    groups
}

/// What two sides do, or some and one.
fn pair_groups(effort: &Effort) -> Vec<Group> {
    let rounds = effort.rounds;
    let mut groups = Vec::new();
    for case in [Case::RoundTrip, Case::Stream] {
        groups.extend(effort.sizes.iter().map(|bytes| Group::all(case, *bytes, rounds)));
    }
    groups.extend(WINDOWS.map(|bytes| Group::all(Case::Window, bytes, rounds)));
    groups.extend([Case::InOrder, Case::Reversed].map(|case| Group::all(case(UNREAD), 8, rounds)));
    groups.push(Group::all(Case::Asleep, 48, rounds));
    groups.extend([4, 8].map(|senders| Group::all(Case::FanIn(senders), 8, rounds)));
    groups.push(Group::crowds(rounds));
    groups.push(Group::all(Case::Idle, 8, 1));
    groups.extend([48, 4096].map(|bytes| Group::all(Case::Memory, bytes, 1)));
    groups.push(Group::all(Case::StartUp, 8, rounds));
    groups
}

/// Measures everything; `show` is called with each group when it is done.
pub fn run(effort: &Effort, mut show: impl FnMut(&Group) -> Outcome<()>) -> Outcome<()> {
    let ground = Ground::new()?;
    let mut groups = groups(effort);
    let total: usize = groups.iter().map(|group| group.runs.len() * (group.rounds + 1)).sum();
    let bar = ProgressBar::new(total as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {msg}")?);
    for group in &mut groups {
        // The first round says how much makes a run of the wanted length, and does not count.
        for round in 0..=group.rounds {
            if round == 1 {
                group.limit = best(&group.runs, is_limit);
            }
            let turn = round % group.runs.len();
            let count = group.runs.len();
            for at in (turn..count).chain(0..turn) {
                bar.inc(1);
                if let Some(limit) = group.limit
                    && limit != at
                    && matches!(group.runs[at].entry.role, Role::Ours | Role::Copy)
                {
                    let beside = group.runs[limit].once(effort, &ground);
                    group.runs[at].limits.push(beside);
                    if let Some(line) = group.line().filter(|_| group.runs[at].entry.is_call()) {
                        let beside = group.runs[line].once(effort, &ground);
                        group.runs[at].lines.push(beside);
                    }
                }
                let runs = &mut group.runs[at];
                if matches!(runs.answers.last(), Some(Answer::Declined(_) | Answer::Failed(_))) {
                    continue;
                }
                bar.set_message(format!("{}, {} B: {}", runs.case, runs.bytes, runs.entry.name));
                let answer = runs.once(effort, &ground);
                runs.answers.push(answer);
            }
        }
        for runs in &mut group.runs {
            if matches!(runs.answers.last(), Some(Answer::Measured(_))) {
                runs.answers.remove(0);
            }
        }
        bar.suspend(|| show(group))?;
    }
    bar.finish_and_clear();
    Ok(())
}

impl Runs {
    fn new(entry: &'static Entry, case: Case, bytes: usize) -> Self {
        Self { entry, case, bytes, answers: Vec::new(), limits: Vec::new(), lines: Vec::new() }
    }

    /// One round of it.
    fn once(&self, effort: &Effort, ground: &Ground) -> Answer {
        let job = Job {
            system: self.entry.name.to_owned(),
            case: self.case,
            bytes: self.bytes,
            count: self.count(effort),
            name: ground.name.clone(),
            folder: ground.folder.clone(),
        };
        let start = Instant::now();
        let mut answer = part(&job).unwrap_or_else(|error| Answer::Failed(error.to_string()));
        let time = start.elapsed();
        match &mut answer {
            Answer::Measured(figures) => {
                figures.left = ground.sweep();
                if self.case == Case::StartUp {
                    figures.quantiles = vec![time.as_secs_f64() * 1e9; crate::outcome::SHARES.len()];
                    figures.times = 2;
                }
            }
            Answer::Declined(_) => {}
            Answer::Failed(_) => ground.sweep_all(),
        }
        answer
    }

    /// How many round trips or messages make a run of the wanted length.
    fn count(&self, effort: &Effort) -> u64 {
        let last = match self.answers.last() {
            Some(Answer::Measured(figures)) => figures.unit,
            _ => None,
        };
        let wanted = last.map(|unit| (effort.time.as_nanos() as f64 / unit) as u64);
        // A count of whole batches and blocks, where there are such.
        let (least, most, multiple, first) = match self.case {
            Case::RoundTrip | Case::Silent(_) | Case::Quiet(_) => (160, 1 << 20, 16, 1600),
            Case::Stream if self.bytes <= 4096 => (2560, 1 << 26, 2560, 25_600),
            Case::Stream => (40, 1 << 20, 10, 100),
            Case::Window if self.bytes <= 4096 => (6400, 1 << 26, 640, 64_000),
            Case::Window => (640, 1 << 20, 640, 640),
            Case::InOrder(_) | Case::Reversed(_) => return 5,
            Case::Asleep => (20, 1 << 20, 1, 20),
            Case::FanIn(_) => (10_000, 1 << 26, 1, 10_000),
            Case::Together(Joint::Barrier, 2) => (160, 1 << 14, 16, 1600),
            Case::Together(..) => (20, 1 << 14, 1, 20),
            Case::Topic(Topic::Stream, _) if self.bytes <= 4096 => (2560, 1 << 26, 2560, 25_600),
            Case::Topic(Topic::Stream, _) => (40, 1 << 20, 10, 100),
            Case::Topic(Topic::Ways | Topic::Cost, _) => (120, 1 << 16, 1, 120),
            Case::Topic(..) => (160, 1 << 20, 16, 1600),
            Case::Idle | Case::IdleTogether => return 50 * effort.time.as_millis() as u64,
            Case::Memory | Case::StartUp => return 1,
        };
        let first = if self.bytes >= 64 << 10 && self.case != Case::Window { first.min(160) } else { first };
        // Even where the last round was far too fast.
        wanted.unwrap_or(first).clamp(least, most).next_multiple_of(multiple)
    }
}

/// Has a process of its own do a job.
fn part(job: &Job) -> Outcome<Answer> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["part", &serde_json::to_string(job)?])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut output = child.stdout.take().ok_or("no output")?;
    let mut errors = child.stderr.take().ok_or("no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = output.read_to_string(&mut text);
        let mut said = String::new();
        let _ = errors.read_to_string(&mut said);
        let _ = sender.send((text, said));
    });
    let Ok((text, said)) = receiver.recv_timeout(PATIENCE) else {
        end(&mut child)?;
        return Ok(Answer::Failed(format!("no end within {} s", PATIENCE.as_secs())));
    };
    let status = child.wait()?;
    if let Ok(answer) = serde_json::from_str(&text) {
        return Ok(answer);
    }
    let line = said.lines().find(|line| line.contains(": ") || line.contains("rror")).unwrap_or("no word");
    Ok(Answer::Failed(format!("{status}: {line}")))
}

/// Ends a part with all that it started.
fn end(child: &mut Child) -> Outcome<()> {
    let group = Pid::from_raw(child.id() as i32);
    // First so that an MPI can end its ranks.
    killpg(group, Signal::SIGTERM)?;
    thread::sleep(Duration::from_millis(500));
    let _ = killpg(group, Signal::SIGKILL);
    child.wait()?;
    Ok(())
}

/// The best of those that are so.
pub fn best(all: &[Runs], is: impl Fn(&Runs) -> bool) -> Option<usize> {
    let ranked =
        all.iter().enumerate().filter(|(_, runs)| is(runs)).filter_map(|(at, runs)| Some((at, runs.rank()?)));
    ranked.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

/// Whether others are measured against this one.
fn is_limit(runs: &Runs) -> bool {
    match runs.case {
        Case::RoundTrip if runs.bytes <= 48 => runs.entry.name == "two lines, raw",
        // The same with nobody else.
        Case::Silent(1) => true,
        Case::Silent(_) | Case::Quiet(_) => false,
        _ => runs.entry.role == Role::Limit,
    }
}
