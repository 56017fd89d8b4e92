//! The jobs, done and measured. What comes of each is looked at: a wrong result is an error, and no figure.

use super::board::Board;
use super::buffer_messages;
use super::counter_messages::OWNER;
use super::game_messages::RANKS;
use super::hybrid::THREADS;
use super::litmus::{self, CALLED_ROUNDS, ROUNDS};
use super::news::{News, rate, times};
use super::report::{Figures, Litmus, Words};
use super::rules::Film;
use super::segment::Segment;
use super::sources;
use super::stage::Cast;
use super::task::{Model, Task};
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use mailbox::Config;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Workers that count at once.
pub const WORKERS: [u32; 3] = [1, 2, 4];
/// Measurements that take one share of the time each: see `command`.
pub const SHARES: u32 = 4 * WORKERS.len() as u32 + 2 * 2 + 2 * 2 + 2 + 1;
/// Frames a second of the game whose latency is measured.
const RATE: u32 = 500;

/// Where they are done, and how long each takes.
pub struct Trials<'a> {
    pub processes: &'a Processes,
    pub segment: &'a Segment,
    pub time: Duration,
}

impl Trials<'_> {
    fn cast(&self, task: Task, processes: u32) -> Cast {
        Cast::new(task, processes, self.time)
    }

    fn share(&self, cast: Cast) -> Result<Vec<News>, Failure> {
        cast.share(self.processes, self.segment)
    }

    /// So many workers add 1 again and again.
    pub fn counter(&self, task: Task, workers: u32) -> Result<Figures, Failure> {
        let (value, news) = match task.model() {
            Model::SharedMemory => {
                let news = self.share(self.cast(task, workers))?;
                let counter = &self.segment.layout::<Board>().counter;
                let word = if task == Task::CounterMutex { &counter.guarded } else { &counter.atomic };
                (word.0.load(Relaxed), news)
            }
            Model::Messages => {
                let ranks = workers + 1;
                let mut news = self.cast(task, ranks).send(self.processes, Config::ranks(ranks))?;
                let owner = news.remove(OWNER as usize);
                no_faults(task, std::slice::from_ref(&owner))?;
                (owner.result, news)
            }
        };
        no_faults(task, &news)?;
        let added = news.iter().map(|news| news.count).sum();
        is_right(task, "additions, and the counter is", added, value)?;
        let processes = if task.model() == Model::Messages { workers + 1 } else { workers };
        Ok(Figures { workers, processes, done: added, result: value, ..figures(task, &news, rate(&news)) })
    }

    /// An item goes through one buffer and comes back through another; and items go one way.
    pub fn buffer(&self, task: Task) -> Result<Figures, Failure> {
        let perform = |cast: Cast| match task.model() {
            Model::SharedMemory => self.share(cast),
            Model::Messages => cast.send(self.processes, buffer_messages::CONFIG),
        };
        let asked = perform(Cast { there_and_back: true, ..self.cast(task, 2) })?;
        let put = perform(self.cast(task, 2))?;
        for news in [&asked, &put] {
            no_faults(task, news)?;
            is_right(task, "items put in, and taken out", news[0].count, news[1].count)?;
        }
        let (done, result) = (put[0].count, put[1].count);
        Ok(Figures { done, result, processes: 2, ..figures(task, &asked[..1], rate(&put[1..])) })
    }

    /// A key goes to physics and its world to render, at a steady pace; and as often as they can.
    pub fn game(&self, task: Task) -> Result<Figures, Failure> {
        let perform = |cast: Cast| match task.model() {
            Model::SharedMemory => self.share(cast),
            Model::Messages => cast.send(self.processes, Config::ranks(RANKS)),
        };
        let paced = perform(Cast { rate: RATE, ..self.cast(task, RANKS) })?;
        let hurried = perform(self.cast(task, RANKS))?;
        for news in [&paced, &hurried] {
            no_faults(task, news)?;
            let frames = news[0].count;
            is_right(task, "keys, and frames", frames, news[2].count)?;
            is_right(
                task,
                "is what the frames add up to, and it should be",
                news[2].result,
                Film::expected(frames),
            )?;
        }
        let (done, result) = (hurried[0].count, hurried[2].count);
        Ok(Figures { done, result, processes: RANKS, ..figures(task, &paced[2..], rate(&hurried[2..])) })
    }

    /// Four threads of a process call four of another.
    pub fn hybrid(&self) -> Result<Figures, Failure> {
        let task = Task::Hybrid;
        let news = self.cast(task, 2).send(self.processes, Config::ranks(2))?;
        no_faults(task, &news)?;
        let (owner, caller) = (&news[0], &news[1]);
        is_right(task, "calls, and the counter is", caller.count, owner.result)?;
        let figures = figures(task, &news[1..], rate(&news[1..]));
        Ok(Figures {
            job: "hybrid".into(),
            workers: THREADS,
            done: caller.count,
            result: owner.result,
            ..figures
        })
    }

    /// Two processes add to a word each: in the same cache line, and apart.
    pub fn words(&self) -> Result<Words, Failure> {
        let ns = |task| {
            let news = self.share(self.cast(task, 2))?;
            let board = self.segment.layout::<Board>();
            let words = match task {
                Task::WordsTogether => board.together.each_ref(),
                _ => board.apart.each_ref().map(|line| &line.0),
            };
            for (word, news) in words.iter().zip(&news) {
                let word = word.load(Relaxed);
                is_right(task, "additions, and the word is", news.count, word)?;
            }
            Ok::<_, Failure>(news.iter().map(|news| 1e9 / rate([news])).sum::<f64>() / 2.0)
        };
        Ok(Words { together_ns: ns(Task::WordsTogether)?, apart_ns: ns(Task::WordsApart)? })
    }

    /// How often both of two processes read what the other had already overwritten.
    pub fn litmus(&self, task: Task) -> Result<Litmus, Failure> {
        let (rounds, news) = match task.model() {
            Model::SharedMemory => (ROUNDS, self.share(self.cast(task, 2))?),
            Model::Messages => {
                let mut news = self.cast(task, 3).send(self.processes, Config::ranks(3))?;
                news.remove(OWNER as usize);
                (CALLED_ROUNDS, news)
            }
        };
        let both_old = litmus::both(&news[0].missed, &news[1].missed);
        Ok(Litmus { model: task.model(), means: task.means().into(), rounds, both_old })
    }
}

fn figures(task: Task, news: &[News], per_second: f64) -> Figures {
    let times = times(news);
    let ns = |share| if times.count() == 0 { 0.0 } else { times.quantile(share).as_secs_f64() * 1e9 };
    Figures {
        job: task.job().into(),
        model: task.model(),
        means: task.means().into(),
        workers: 1,
        processes: 2,
        p50_ns: ns(0.5),
        p99_ns: ns(0.99),
        per_second,
        done: 0,
        result: 0,
        lines: sources::lines(task),
    }
}

fn no_faults(task: Task, news: &[News]) -> Result<(), Failure> {
    match news.iter().map(|news| news.faults).sum() {
        0 => Ok(()),
        faults => Err(Failure::new(format_args!("{}: {faults} values are wrong", task.word()))),
    }
}

fn is_right(task: Task, what: &str, expected: u64, found: u64) -> Result<(), Failure> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::new(format_args!("{}: {expected} {what} {found}", task.word())))
}
