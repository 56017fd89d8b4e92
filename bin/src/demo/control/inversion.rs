//! `mbox-demo part inversion`: three threads of low, middle and high real-time priority on one processor. Low makes values. High
//! wants one in the middle of that, and then middle computes.

use super::exchange::{COMPUTES, Exchange, ROUNDS};
use super::grant::{be_urgent, lock_memory};
use super::news::News;
use super::report::WaitReport;
use super::room::{Key, Room, Value, WORDS};
use super::rounds::Rounds;
use crate::common::failure::Failure;
use crate::common::place::Where;
use clap::Args;
use mailbox::{Endpoint, Latest, LatestPublisher, SendError, Topic};
use std::fmt::Display;
use std::hint::black_box;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

const LOW: u32 = 0;
const HIGH: u32 = 1;
pub const RANKS: u32 = 2;
const TOPIC: &str = "low";
/// How long ordinary processes then have the processor.
const PAUSE: Duration = Duration::from_millis(30);
/// Steps of each half of making a value.
const STEPS: u64 = 100_000;
/// The priorities, the lowest first.
const LADDER: [i32; 3] = [10, 11, 12];

#[derive(Args)]
pub struct Inversion {
    #[command(flatten)]
    place: Where,
}

impl Inversion {
    pub fn run(&self) -> Result<(), Failure> {
        let (low, high) = (self.place.join(LOW)?, self.place.join(HIGH)?);
        // A thread of its own: nothing else here is in a hurry.
        let may = thread::spawn(|| be_urgent(LADDER[0])).join().expect("a thread that ends");
        if let Err(error) = may {
            return News::Refused(error.to_string()).tell();
        }
        let topic = low.region().topic(TOPIC).map_err(|error| self.failure(error))?;
        let room = Room::default();
        room.furnish()?;
        let waits = self.play(low, high, &topic, &room)?;
        waits.into_iter().try_for_each(|wait| News::Wait(wait).tell())
    }

    fn play(
        &self,
        low: Endpoint,
        high: Endpoint,
        topic: &Topic,
        room: &Room,
    ) -> Result<Vec<WaitReport>, Failure> {
        let rounds = &Rounds::default();
        thread::scope(|scope| {
            let high = scope.spawn(move || self.high(&high, topic, room, rounds));
            let middle = scope.spawn(move || middle(rounds));
            let threads = [high.thread().clone(), middle.thread().clone()];
            let low = scope.spawn(move || {
                let [high, middle] = &threads;
                let made = self.low(&low, topic, room, rounds, [high, middle]);
                rounds.end(high, middle);
                made
            });
            let made = low.join();
            let (high, middle) = (high.join(), middle.join());
            let [middle, made] = [middle, made].map(|result| result.expect("a thread that ends"));
            let high = high.expect("a thread that ends");
            // That low waited in vain may come of what befell the others.
            let waits = high?;
            middle.and(made).map(|()| waits)
        })
    }

    /// Makes values, and in the middle of each lets the others run.
    fn low(
        &self,
        me: &Endpoint,
        topic: &Topic,
        room: &Room,
        rounds: &Rounds,
        [high, middle]: [&Thread; 2],
    ) -> Result<(), Failure> {
        be_one_of(LADDER[0])?;
        let key = room.key()?;
        let mut latest: LatestPublisher =
            topic.publish_latest(me, size_of::<Value>()).map_err(|error| self.failure(error))?;
        rounds.await_ready()?;
        // As in a program of this kind, with the stacks of all three. Only the time depends on it.
        let _ = lock_memory();
        for round in 0..=Exchange::rounds() {
            // Before the first there is a value of each kind, and nobody wants it.
            let make = || {
                compute();
                if round > 0 {
                    rounds.call(round, high, middle);
                }
                compute();
                [round; WORDS]
            };
            let is_for = |exchange| round == 0 || Exchange::of_round(round) == exchange;
            if is_for(Exchange::Lock) {
                key.with(|value| {
                    let made = make();
                    value.iter().zip(made).for_each(|(word, made)| word.store(made, Relaxed));
                })?;
            }
            if is_for(Exchange::Mailbox) {
                match me.to(HIGH).try_send(bytemuck::bytes_of(&make())) {
                    Ok(()) | Err(SendError::Full(_)) => {}
                    Err(error) => return Err(self.failure(error)),
                }
            }
            if is_for(Exchange::Topic) {
                latest.publish_value(&make()).map_err(|error| self.failure(error))?;
            }
            if round > 0 {
                rounds.await_both(round)?;
                thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Gets a value in each round; how long it waited for that.
    fn high(
        &self,
        me: &Endpoint,
        topic: &Topic,
        room: &Room,
        rounds: &Rounds,
    ) -> Result<Vec<WaitReport>, Failure> {
        be_one_of(LADDER[2])?;
        let mut wish = Wish {
            key: room.key()?,
            me,
            latest: topic.latest(me).map_err(|error| self.failure(error))?,
            mail: [0; WORDS],
        };
        let mut waits = Exchange::ALL.map(|exchange| (exchange, Vec::with_capacity(ROUNDS as usize), 0));
        rounds.is_ready();
        for round in 1..=Exchange::rounds() {
            if !rounds.await_high(round) {
                break;
            }
            let exchange = Exchange::of_round(round);
            let start = Instant::now();
            let value = wish.get(exchange)?;
            let waited = start.elapsed();
            let is_behind = rounds.has_computed(round);
            if value.iter().any(|word| *word != value[0]) {
                return Err(self.failure(format_args!("a value is not whole: {value:?}")));
            }
            let (_, waits, behind) = &mut waits[exchange as usize];
            waits.push(waited.as_nanos() as u64);
            *behind += u64::from(is_behind);
            rounds.high_is_done(round);
        }
        let waits = waits.into_iter();
        Ok(waits.map(|(exchange, waits, behind)| WaitReport::new(exchange, waits, behind)).collect())
    }

    fn failure(&self, what: impl Display) -> Failure {
        self.place.failure(what)
    }
}

/// What high needs in order to get a value.
struct Wish<'a> {
    key: Key<'a>,
    me: &'a Endpoint,
    latest: Latest<'a>,
    /// The newest that came by mail.
    mail: Value,
}

impl Wish<'_> {
    fn get(&mut self, exchange: Exchange) -> Result<Value, Failure> {
        match exchange {
            Exchange::Lock => self.key.read(),
            Exchange::Mailbox => {
                while let Some(mail) = self.me.from(LOW).try_recv().map_err(Failure::new)? {
                    self.mail = mail.value().map_err(Failure::new)?;
                }
                Ok(self.mail)
            }
            Exchange::Topic => Ok(self.latest.value().map_err(Failure::new)?.unwrap_or([0; WORDS])),
        }
    }
}

/// Computes in each round.
fn middle(rounds: &Rounds) -> Result<(), Failure> {
    be_one_of(LADDER[1])?;
    rounds.is_ready();
    for round in 1..=Exchange::rounds() {
        if !rounds.await_middle(round) {
            break;
        }
        let start = Instant::now();
        while start.elapsed() < COMPUTES {
            compute();
        }
        rounds.middle_is_done(round);
    }
    Ok(())
}

/// One of the three threads on the one processor.
fn be_one_of(priority: i32) -> Result<(), Failure> {
    measure::pin(0);
    be_urgent(priority).map_err(|error| Failure::new(format_args!("real-time priority: {error}")))
}

fn compute() {
    for step in 0..STEPS {
        black_box(step);
    }
}
