//! Has workers do a task, and hears what came of it.

use super::board::Board;
use super::lock::LIMIT;
use super::news::News;
use super::outcome::Outcome;
use super::segment::Segment;
use super::task::Task;
use crate::common::failure::Failure;
use crate::common::player::cannot_start;
use crate::common::processes::Processes;
use mailbox::{Config, Region};
use std::io::{self, Read};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How often one looks whether a worker has ended.
const LOOK: Duration = Duration::from_millis(1);
/// How long workers may take for what is no measured time: starting, and waiting for each other.
const PATIENCE: Duration = Duration::from_secs(3 * LIMIT.as_secs());

/// One task for several processes.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    pub task: Task,
    pub processes: u32,
    pub time: Duration,
    /// Frames a second; 0 is as many as they can.
    pub rate: u32,
    pub there_and_back: bool,
}

impl Cast {
    pub fn new(task: Task, processes: u32, time: Duration) -> Self {
        Self { task, processes, time, rate: 0, there_and_back: false }
    }

    /// As the command line of one of its workers has it.
    pub fn part(&self, place: u32) -> String {
        let Self { task, processes, time, rate, there_and_back } = self;
        let back = if *there_and_back { " --there-and-back" } else { "" };
        format!(
            "rival --task {} --place {place} --processes {processes} --millis {} --rate {rate}{back}",
            task.word(),
            time.as_millis()
        )
    }

    /// Does it in the segment, of which nothing stays that was there; what each worker says, in their order.
    pub fn share(&self, processes: &Processes, segment: &Segment) -> Result<Vec<News>, Failure> {
        furnish(segment)?;
        self.perform(processes, |command| segment.hand_to(command))
    }

    /// Does it in a region of its own, which has no name.
    pub fn send(&self, processes: &Processes, config: Config) -> Result<Vec<News>, Failure> {
        let region = Region::create_unnamed(config).map_err(of_region)?;
        self.perform(processes, |command| region.hand_to(command).map_err(of_region))
    }

    /// Starts all workers, waits for their ends, and hears them.
    fn perform(
        &self,
        processes: &Processes,
        prepare: impl Fn(&mut Command) -> Result<(), Failure>,
    ) -> Result<Vec<News>, Failure> {
        let mut workers = vec![];
        for place in 0..self.processes {
            let (mut reader, writer) = io::pipe().map_err(cannot_start)?;
            let number = processes.enter_prepared(&self.part(place), |command| {
                command.stdout(writer);
                prepare(command)
            })?;
            let said = thread::spawn(move || {
                let mut text = String::new();
                reader.read_to_string(&mut text).map(|_| text)
            });
            workers.push((number, said));
        }
        await_ends(processes, self.time + PATIENCE)?;
        let hear = |(number, said): (u32, thread::JoinHandle<io::Result<String>>)| {
            processes.bury(number)?;
            let text = said.join().expect("a thread that ends").map_err(cannot_start)?;
            News::hear(text.trim_end())
        };
        workers.into_iter().map(hear).collect()
    }
}

/// Makes the segment new; what is in it.
pub fn furnish(segment: &Segment) -> Result<&Board, Failure> {
    segment.wipe()?;
    let board = segment.layout::<Board>();
    in_memory(board.furnish())?;
    Ok(board)
}

/// Something that happened in a segment.
pub fn in_memory<T>(outcome: Outcome<T>) -> Result<T, Failure> {
    outcome.map_err(|error| Failure::new(format_args!("shared memory: {error}")))
}

pub fn of_region(error: impl std::fmt::Display) -> Failure {
    Failure::new(format_args!("a region without a name: {error}"))
}

fn await_ends(processes: &Processes, time: Duration) -> Result<(), Failure> {
    let end = Instant::now() + time;
    while !processes.have_ended()? {
        if Instant::now() > end {
            return Err(Failure::new(format_args!(
                "a worker does not end for {} s; is a process stopped? See ps, and kill -CONT",
                time.as_secs()
            )));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
