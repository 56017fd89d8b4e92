//! One process of a play with shared endpoints: life after life, until all have met in the end.

use super::chronicle::stand;
use super::clerk::{Clerk, threads};
use super::desk::{Desk, Mode};
use super::roll::{Call, Count, Roll};
use crate::common::failure::Failure;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::seat::Seat;
use clap::Args;
use mailbox::{RecvError, Region, Shared, Wait};
use measure::clock;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

/// How long a life is, at most.
const LIFE: Duration = Duration::from_millis(400);
const LOOK: Duration = Duration::from_millis(2);
/// How long the last of all may take.
const END: Duration = Duration::from_secs(10);
/// How many more events a life that leaves asks for, and how long it waits for each.
const REST: u32 = 300;
const NOTHING: Duration = Duration::from_millis(100);
/// Private memory for unread mail, which some lives have.
const BUDGET: u64 = 16 << 10;

#[derive(Args)]
pub struct Sharer {
    #[command(flatten)]
    seat: Seat,
}

impl Sharer {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.seat.journal)?;
        let roll = Roll::new(&journal, self.seat.ranks);
        let region =
            Region::open(self.seat.place.region.as_str()).map_err(|error| self.seat.place.failure(error))?;
        let result = loop {
            let is_last = roll.is_over();
            let result = self.live(&journal, &region, is_last)?;
            if is_last || result.is_err() {
                break result;
            }
        };
        let Err(what) = result else { return Ok(()) };
        if !roll.is_first_fault() {
            // What others are told may come of the first. That one ends all.
            thread::sleep(END);
        }
        Err(self.seat.place.failure(format_args!("rank {}: {what}", self.seat.rank)))
    }

    /// A life of it. What is wrong, if something is.
    fn live(&self, journal: &Journal, region: &Region, is_last: bool) -> Result<Result<(), String>, Failure> {
        let &Seat { rank, ranks, seed, .. } = &self.seat;
        let since = stand(region);
        let me = region.join(rank).map_err(|error| self.seat.place.failure(error))?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(mix(mix(seed, me.epoch()), u64::from(rank)));
        if random.random_ratio(1, 3) {
            me.set_wait(Wait::Block);
        }
        let forgets = random.random_ratio(1, 3);
        if forgets {
            me.set_unread_budget(BUDGET);
        }
        let me = me.into_shared();
        let mode = [Mode::Tidy, Mode::One, Mode::Events, Mode::All, Mode::All][random.random_range(0..5)];
        let desk = Desk::new(journal, (rank, ranks), seed, &me, if is_last { Mode::All } else { mode });
        desk.roll.begin(rank, me.epoch());
        if forgets {
            desk.roll.note_forgetful(rank, desk.epoch);
        }
        if desk.mode == Mode::Tidy {
            desk.roll.note_exact(rank, desk.epoch);
        }
        desk.roll.count(desk.seat(0), Count::Lives, 1);
        let mut life = Life { desk: &desk, me, random };
        let mut result = if is_last { life.meet() } else { life.work() };
        if result.is_ok() && desk.mode != Mode::All {
            result = life.listen(&since);
        }
        let now = stand(region);
        let mut chronicle = desk.chronicle.lock().expect("no thread panicked");
        result = result.and_then(|()| chronicle.judge(&since, &now, desk.mode != Mode::All));
        desk.roll.count(desk.seat(0), Count::Judged, 1);
        life.leave();
        Ok(result)
    }
}

/// A life, as its first thread has it.
struct Life<'a> {
    desk: &'a Desk<'a>,
    me: Shared,
    random: Xoshiro256PlusPlus,
}

impl<'a> Life<'a> {
    fn clerk(&mut self, thread: u32) -> Clerk<'a> {
        Clerk::new(
            self.desk,
            self.me.clone(),
            thread,
            Xoshiro256PlusPlus::seed_from_u64(self.random.random()),
        )
    }

    /// All threads do `work`; this one waits for them, and ends their waits when the time is over.
    fn in_all(
        &mut self,
        time: Duration,
        work: impl Fn(&mut Clerk<'_>) -> Result<(), String> + Sync,
    ) -> Result<(), String> {
        let clerks: Vec<_> = threads().map(|thread| self.clerk(thread)).collect();
        let (desk, work) = (self.desk, &work);
        let begin = Instant::now();
        thread::scope(|scope| {
            let start = |mut clerk: Clerk<'a>| {
                let interrupter = clerk.me.interrupter();
                let work = move || {
                    let done = work(&mut clerk);
                    if done.is_err() {
                        desk.is_leaving.store(true, Release);
                    }
                    done
                };
                (scope.spawn(work), interrupter)
            };
            let started: Vec<_> = clerks.into_iter().map(start).collect();
            while started.iter().any(|(thread, _)| !thread.is_finished()) {
                thread::sleep(LOOK);
                if begin.elapsed() > time {
                    desk.is_leaving.store(true, Release);
                }
                if desk.is_leaving.load(Acquire) {
                    started.iter().for_each(|(_, interrupter)| interrupter.interrupt());
                }
            }
            started.into_iter().try_for_each(|(thread, _)| thread.join().expect("no panic"))
        })
    }

    /// Shares the endpoint with all threads for some time.
    fn work(&mut self) -> Result<(), String> {
        let time = self.random.random_range(Duration::ZERO..LIFE);
        self.in_all(time, |clerk| clerk.work())?;
        self.clerk(0).put_down()
    }

    /// Hears what is still to be told of the others, if that comes to an end soon.
    fn listen(&mut self, since: &[(mailbox::Status, u64)]) -> Result<(), String> {
        let mut clerk = self.clerk(0);
        for _ in 0..REST {
            let before = stand(self.me.region());
            let begin = clock().as_nanos() as u64;
            let event =
                self.desk.roll.call(self.desk.seat(0), Call::Event, || self.me.next_event_within(NOTHING));
            let is_over = matches!(event, Err(RecvError::Timeout));
            clerk.hear(event, begin)?;
            clerk.put_down()?;
            if !is_over {
                continue;
            }
            // Nobody but its own threads sends from here.
            if let Ok(Some(seen)) = self.me.from(self.desk.rank).peek() {
                return Err(format!("no event tells of the mail that is here: {seen:?}"));
            }
            let after = stand(self.me.region());
            let chronicle = self.desk.chronicle.lock().expect("no thread panicked");
            for rank in (0..self.desk.ranks).filter(|rank| *rank != self.desk.rank) {
                let at = rank as usize;
                if before[at] == after[at] {
                    let untold = chronicle.complete(rank, since[at], after[at]).is_err();
                    self.desk.roll.count(self.desk.seat(0), Count::Untold, untold.into());
                }
            }
            self.desk.roll.note_exact(self.desk.rank, self.desk.epoch);
            self.desk.roll.count(self.desk.seat(0), Count::Complete, 1);
            break;
        }
        Ok(())
    }

    /// Receives all that was sent once nobody sends any more. The first rank goes on until it is alone.
    fn meet(&mut self) -> Result<(), String> {
        let (desk, rank) = (self.desk, self.desk.rank);
        let begin = Instant::now();
        let mut clerk = self.clerk(0);
        if rank != 0 {
            desk.roll.meet(rank);
        }
        loop {
            let have_met =
                (0..desk.ranks).all(|other| other == rank && rank == 0 || desk.roll.has_met(other));
            let since = clock().as_nanos() as u64;
            let event = desk.roll.call(desk.seat(0), Call::Event, || self.me.next_event_within(LOOK));
            let is_over = matches!(event, Err(RecvError::Timeout));
            clerk.hear(event, since)?;
            clerk.put_down()?;
            let unsettled = if have_met && is_over { desk.unsettled() } else { None };
            if have_met && is_over && unsettled.is_none() {
                break;
            }
            if begin.elapsed() > END {
                return Err(unsettled.unwrap_or_else(|| "the others do not come to meet in the end".into()));
            }
        }
        drop(clerk);
        if rank != 0 {
            return Ok(());
        }
        let me = self.me.clone();
        let mails = me.until_alone().within(END);
        desk.roll.meet(rank);
        self.in_all(END * 2, |clerk| {
            let mails = mails.clone();
            let seat = desk.seat(clerk.thread);
            let mail = desk.roll.call(seat, Call::UntilAlone, || mails.flatten().next().is_some());
            desk.roll.count(seat, Count::Alone, 1);
            if mail { Err("mail comes, though nobody sends any more".into()) } else { Ok(()) }
        })
    }

    /// Leaves the rank in one of the ways there are.
    fn leave(mut self) {
        let (rank, epoch, way) = (self.desk.rank, self.desk.epoch, self.random.random_range(0..3));
        self.desk.roll.end(rank, epoch, || match way {
            0 => drop(self.me),
            1 => _ = self.me.close(),
            _ => drop(self.me.reunite()),
        });
    }
}
