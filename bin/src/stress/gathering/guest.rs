//! One process of a gathering: it acts together with the others, as long as they live.

use super::register::{Call, Count, Noted, Register};
use super::task::Task;
use crate::common::failure::Failure;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::seat::Seat;
use clap::Args;
use mailbox::{CollectiveError, Comm, CommError, Deadline, Endpoint};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::convert::Infallible;
use std::thread;
use std::time::Duration;

/// How long one waits for others that may be about to make another communicator.
const TIME: Duration = Duration::from_millis(400);
/// How many operations there are in a communicator of those that are left, and in one of all, at most.
const FEW: u64 = 30;
const MANY: u64 = 300;

#[derive(Args)]
pub struct Guest {
    #[command(flatten)]
    seat: Seat,
}

/// Why members of a communicator do nothing more in it.
enum Pause {
    /// Nothing is to be done any more.
    Over,
    /// All make a new one of all ranks.
    Again,
    /// A member has ended.
    Told(CommError),
    /// What must not happen did.
    Failed(Failure),
}

impl From<CollectiveError> for Pause {
    fn from(error: CollectiveError) -> Self {
        Pause::Told(error.into())
    }
}

impl From<CommError> for Pause {
    fn from(error: CommError) -> Self {
        Pause::Told(error)
    }
}

impl Guest {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.seat.journal)?;
        let register = Register::new(&journal, self.seat.ranks);
        register.rest(self.seat.rank);
        let me = self.seat.place.join(self.seat.rank)?;
        register.note_life(self.seat.rank, me.epoch());
        let mut visit = Visit { guest: self, register, noted: vec![] };
        loop {
            match visit.stay(&me) {
                Ok(false) => {}
                Ok(true) => return Ok(()),
                Err(failure) if visit.register.is_first_fault() => return Err(failure),
                // It is about to be killed.
                Err(_) => thread::sleep(TIME),
            }
        }
    }
}

/// A life of a guest.
struct Visit<'a> {
    guest: &'a Guest,
    register: Register<'a>,
    /// What was noted of each rank before the present world.
    noted: Vec<Noted>,
}

impl Visit<'_> {
    /// Meets all others, and then those that are left. Whether all is over.
    fn stay(&mut self, me: &Endpoint) -> Result<bool, Failure> {
        self.noted = self.register.noted();
        let mut comm = match self.call(Call::World, || Comm::world(me)) {
            Ok(comm) => comm,
            // There will be another life of it.
            Err(error) if error.is_gone() => return Ok(false),
            Err(error) => return Err(self.failure("no world", error)),
        };
        loop {
            // In their order on all members; `None` where this one is no member.
            let mut others = vec![];
            let Err(pause) = self.act(&comm, &mut others, me.epoch());
            // Those that have not heard of it yet hear that this one has left these. So do those that wait for it in this one.
            self.register.note_leaving(self.guest.seat.rank);
            drop(others);
            match pause {
                Pause::Over => return Ok(true),
                Pause::Failed(failure) => return Err(failure),
                Pause::Again => {}
                Pause::Told(error) => {
                    self.check(&comm, error)?;
                    comm.set_timeout(Some(TIME));
                    match self.call(Call::Shrink, || comm.shrink()) {
                        Ok(rest) => {
                            self.count(Count::Shrunk, 1);
                            comm = rest;
                            continue;
                        }
                        Err(error) => self.check(&comm, error)?,
                    }
                }
            }
            return Ok(false);
        }
    }

    /// Acts with the members of a communicator.
    fn act<'a>(
        &self,
        comm: &Comm<'a>,
        others: &mut Vec<Option<Comm<'a>>>,
        epoch: u64,
    ) -> Result<Infallible, Pause> {
        // A member may not know of it: one that was to tell all has died.
        let mut first = comm.start_barrier();
        if let Err(error) = self.call(Call::Meet, || first.wait_within(TIME)) {
            if error.is_timeout() {
                self.register.note_leaving(self.guest.seat.rank);
            }
            return Err(error.into());
        }
        let is_whole = comm.size() == self.guest.seat.ranks;
        if is_whole {
            self.count(Count::Worlds, 1);
        }
        // Other choices each time, and the same on all members.
        let tasks = self.register.get(self.guest.seat.rank, Count::Tasks);
        let mut seed = [mix(self.guest.seat.seed, epoch << 40 ^ tasks)];
        self.call(Call::Agree, || comm.broadcast(0, &mut seed))?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed[0]);
        for _ in 0..random.random_range(1..=if is_whole { MANY } else { FEW }) {
            // Seldom: it lets nobody be ahead of the others.
            let mut is_over = [u8::from(self.register.is_over())];
            if random.random_ratio(1, 10) {
                self.call(Call::Agree, || comm.all_reduce(&mut is_over, u8::max))?;
                if is_over[0] != 0 {
                    return Err(if is_whole { Pause::Over } else { Pause::Again });
                }
            }
            match random.random_range(0..20) {
                0 => others.push(Some(self.call(Call::Make, || comm.dup())?)),
                1 => {
                    let [colours, turn] = [random.random_range(1..4), random.random_range(0..4)];
                    let colour = (comm.rank() + turn) % (colours + 1);
                    let made = self.call(Call::Make, || comm.split((colour > 0).then_some(colour), -1))?;
                    others.push(made);
                }
                2 => others.clear(),
                _ => self.task(comm, &mut random)?,
            }
            // Each has operations of its own in between.
            for other in others.iter().rev().take(2).flatten() {
                let key = random.clone().random::<u64>() ^ u64::from(other.rank_of(0)?);
                self.task(other, &mut Xoshiro256PlusPlus::seed_from_u64(key))?;
            }
            if others.len() > 6 {
                others.clear();
            }
        }
        Err(Pause::Again)
    }

    fn task(&self, comm: &Comm<'_>, random: &mut Xoshiro256PlusPlus) -> Result<(), Pause> {
        let task = Task::choose(random, comm.size());
        let is_right = self.call(Call::Task(task.kind), || task.carry_out(comm, Deadline::Never))?;
        if !is_right {
            let what = format_args!("rank {} has a wrong result of {task:?}", self.guest.seat.rank);
            return Err(Pause::Failed(self.guest.seat.place.failure(what)));
        }
        self.count(Count::Tasks, 1);
        self.count(Count::Bytes, task.bytes(comm.size()));
        Ok(())
    }

    /// Whether a member was rightly said to have ended, and whether that is the way to say it.
    fn check(&self, comm: &Comm<'_>, error: CommError) -> Result<(), Failure> {
        let noted = self.register.noted();
        let is_so = |rank: u32, count: fn(&Noted) -> u64| {
            let [before, now] = [&self.noted, &noted].map(|noted| count(&noted[rank as usize]));
            comm.member(rank).is_some() && now > before
        };
        // One that was killed before may have given its word for this world.
        let was_dead = |rank: u32| self.noted[rank as usize].is_dead;
        let (is_so, what) = match error {
            CommError::Collective(CollectiveError::Gone { rank, died: true }) => {
                (is_so(rank, |noted| noted.ends) || was_dead(rank), Count::Deaths)
            }
            CommError::Collective(
                CollectiveError::Gone { rank, died: false } | CollectiveError::GivenUp { rank },
            ) => (is_so(rank, |noted| noted.leavings), Count::Leavings),
            // Nothing else has a time.
            error => (error.is_timeout(), Count::GivenUp),
        };
        self.count(what, 1);
        if is_so { Ok(()) } else { Err(self.failure("what is not so", error)) }
    }

    fn call<T>(&self, call: Call, act: impl FnOnce() -> T) -> T {
        self.register.call(self.guest.seat.rank, call, act)
    }

    fn count(&self, what: Count, more: u64) {
        self.register.count(self.guest.seat.rank, what, more);
    }

    fn failure(&self, what: &str, error: CommError) -> Failure {
        self.guest.seat.place.failure(format_args!("rank {} is told {what}: {error}", self.guest.seat.rank))
    }
}
