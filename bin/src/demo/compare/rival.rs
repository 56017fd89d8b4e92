//! `mbox-demo part rival`: a worker of either model.

use super::board::Board;
use super::buffer_messages;
use super::counter_messages::{self, OWNER};
use super::game_messages::{self, INPUT, PHYSICS};
use super::hybrid;
use super::litmus::{self, Missed};
use super::news::News;
use super::outcome::Outcome;
use super::parts;
use super::segment::Segment;
use super::task::{Model, Task};
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Comm, Endpoint, Region};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

#[derive(Args)]
pub struct Rival {
    /// By which the processes of a play are found.
    #[arg(long)]
    play: String,
    #[arg(long)]
    task: Task,
    /// Which of the processes this is, and its rank.
    #[arg(long)]
    place: u32,
    #[arg(long)]
    processes: u32,
    /// How long it works.
    #[arg(long)]
    millis: u64,
    /// Frames a second; 0 is as many as it can.
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Each item comes back.
    #[arg(long)]
    there_and_back: bool,
}

impl Rival {
    /// Does its part of the job, and tells what came of it.
    pub fn run(&self) -> Result<(), Failure> {
        if self.processes as usize <= measure::processors() {
            measure::pin(self.place as usize);
        }
        let done = match self.task.model() {
            Model::SharedMemory => self.share(Segment::given()?.layout()),
            Model::Messages => self.send_and_receive(),
        };
        // The shared play's name tells which one it was.
        let failure = |error| Failure::new(format_args!("{}: {error}", self.play));
        done.map_err(failure)?.tell()
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    fn share(&self, board: &Board) -> Outcome<News> {
        let (time, is_first) = (self.time(), self.place == 0);
        match self.task {
            Task::CounterMutex => {
                let adder = board.counter.adder()?;
                board.gate.pass(self.processes)?;
                parts::count(time, || adder.add_guarded().map(Some))
            }
            Task::CounterAtomic => {
                let adder = board.counter.adder()?;
                board.gate.pass(self.processes)?;
                parts::count(time, || Ok(Some(adder.add_atomic())))
            }
            Task::BufferShared => {
                let [there, back] = [board.buffers[0].side()?, board.buffers[1].side()?];
                board.gate.pass(self.processes)?;
                match (is_first, self.there_and_back) {
                    (true, false) => parts::produce(time, |item| there.put(item)),
                    (false, false) => parts::consume(|| there.take()),
                    (true, true) => parts::ask(time, |item| there.put(item), || back.take()),
                    (false, true) => parts::answer(|| there.take(), |item| back.put(item)),
                }
            }
            Task::GameShared => {
                let player = board.game.player()?;
                board.gate.pass(self.processes)?;
                match self.place {
                    INPUT => parts::input(time, self.rate, |keys| player.tell_keys(keys)),
                    PHYSICS => parts::physics(|| player.hear_keys(), |world| player.tell_world(world)),
                    _ => parts::render(|| player.hear_world()),
                }
            }
            Task::WordsTogether => self.tick(board, &board.together[self.at()]),
            Task::WordsApart => self.tick(board, &board.apart[self.at()].0),
            Task::LitmusRelaxed => self.litmus(board, litmus::RELAXED),
            Task::LitmusOrdered => self.litmus(board, litmus::ORDERED),
            Task::HoldMutex => board.ruin.mutex.lock()?.with(|| {
                board.ruin.words[0].store(1, Relaxed);
                board.ruin.tell();
                // Killed before it writes the second one.
                thread::sleep(time);
                board.ruin.words[1].store(1, Relaxed);
                News::default()
            }),
            _ => Err("this is no task for shared memory".into()),
        }
    }

    /// Which of two it is.
    fn at(&self) -> usize {
        self.place.min(1) as usize
    }

    fn tick(&self, board: &Board, word: &AtomicU64) -> Outcome<News> {
        board.gate.pass(self.processes)?;
        parts::tick(self.time(), || _ = word.fetch_add(1, Relaxed))
    }

    fn litmus(&self, board: &Board, orderings: [std::sync::atomic::Ordering; 2]) -> Outcome<News> {
        board.gate.pass(self.processes)?;
        litmus::in_memory(&board.litmus, self.at(), orderings).map(of_litmus)
    }

    fn send_and_receive(&self) -> Outcome<News> {
        let time = self.time();
        let me = Region::from_env()?.join(self.place)?;
        if self.task == Task::HoldMail {
            let mail = me.recv()?;
            me.send(OWNER, &[])?;
            // Killed before it is acknowledged.
            thread::sleep(time);
            drop(mail);
            return Ok(News::default());
        }
        Comm::world(&me)?.barrier()?;
        match self.task {
            Task::CounterCall | Task::CounterSend if self.place == OWNER => {
                let (result, faults) = counter_messages::own(&me)?;
                Ok(News { result, faults, ..News::default() })
            }
            Task::CounterCall => parts::count(time, || counter_messages::add(&me).map(Some)),
            Task::CounterSend => parts::count(time, || counter_messages::add_unanswered(&me).map(|()| None)),
            Task::BufferMessages => self.buffer(&me),
            Task::GameMessages => match self.place {
                INPUT => parts::input(time, self.rate, |keys| game_messages::tell_keys(&me, keys)),
                PHYSICS => parts::physics(
                    || game_messages::hear_keys(&me),
                    |world| game_messages::tell_world(&me, world),
                ),
                _ => parts::render(|| game_messages::hear_world(&me)),
            },
            Task::Hybrid if self.place == OWNER => hybrid::own(me),
            Task::Hybrid => hybrid::call(me, time),
            Task::LitmusMessages if self.place == OWNER => litmus::own(&me).map(|()| News::default()),
            Task::LitmusMessages => litmus::by_calls(&me, u64::from(self.place) - 1).map(of_litmus),
            _ => Err("this is no task for messages".into()),
        }
    }

    fn buffer(&self, me: &Endpoint) -> Outcome<News> {
        let other = 1 - self.place.min(1);
        let put = |item: &_| buffer_messages::put(me, other, item);
        let take = || buffer_messages::take(me, other);
        match (self.place == 0, self.there_and_back) {
            (true, false) => parts::produce(self.time(), put),
            (false, false) => parts::consume(take),
            (true, true) => parts::ask(self.time(), put, take),
            (false, true) => parts::answer(take, put),
        }
    }
}

fn of_litmus(Missed(missed): Missed) -> News {
    News { missed, ..News::default() }
}
