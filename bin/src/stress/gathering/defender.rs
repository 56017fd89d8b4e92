//! One process of a gathering: it acts together with the others while their slots are overwritten.

use super::register::{Call, Count, Register};
use super::task::Task;
use crate::common::failure::Failure;
use crate::common::random::mix;
use crate::stress::journal::Journal;
use crate::stress::seat::Seat;
use clap::Args;
use mailbox::{Broken, CollectiveError, Comm, CommError, Endpoint};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// How long the others are waited for in a world, and in what all do in it.
const MEETING: Duration = Duration::from_millis(200);
const TIME: Duration = Duration::from_millis(30);
/// How many communicators are made of each other.
const DEPTH: u32 = 3;

#[derive(Args)]
pub struct Defender {
    #[command(flatten)]
    seat: Seat,
}

impl Defender {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.seat.journal)?;
        let register = Register::new(&journal, self.seat.ranks);
        register.rest(self.seat.rank);
        let me = self.seat.place.join(self.seat.rank)?;
        let stand = Stand { defender: self, register };
        // In the end all meet again, although nobody has repaired anything.
        let has_ended = || stand.register.total(Count::Worlds) >= self.seat.ranks.into();
        while !stand.register.is_over() || !has_ended() {
            stand.meet(&me)?;
        }
        Ok(())
    }
}

/// A life of a defender.
struct Stand<'a> {
    defender: &'a Defender,
    register: Register<'a>,
}

impl Stand<'_> {
    fn meet(&self, me: &Endpoint) -> Result<(), Failure> {
        let Some(comm) = self.call(Call::Meet, || Comm::world_within(me, MEETING))? else { return Ok(()) };
        if !self.register.is_over() {
            return self.act(&comm, DEPTH);
        }
        comm.set_timeout(Some(MEETING));
        let mut sum = [1];
        let added = self.call(Call::Agree, || Ok(comm.all_reduce(&mut sum, u32::wrapping_add)?))?;
        if added.is_some() && self.register.get(self.defender.seat.rank, Count::Worlds) == 0 {
            if sum != [self.defender.seat.ranks] {
                return Err(self.failure("a wrong sum, although nobody overwrites anything"));
            }
            self.register.count(self.defender.seat.rank, Count::Worlds, 1);
        }
        Ok(())
    }

    /// Does what the others may do, too: they are told by the first, and may be told wrongly.
    fn act(&self, comm: &Comm<'_>, depth: u32) -> Result<(), Failure> {
        comm.set_timeout(Some(TIME));
        let tasks = self.register.get(self.defender.seat.rank, Count::Tasks);
        let mut seed = [mix(self.defender.seat.seed, tasks)];
        self.call(Call::Agree, || Ok(comm.broadcast(0, &mut seed)?))?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed[0]);
        for _ in 0..random.random_range(1..100) {
            let task = Task::choose(&mut random, comm.size());
            match self.call(Call::Task(task.kind), || Ok(task.carry_out(comm, TIME.into())?))? {
                Some(true) => self.register.count(self.defender.seat.rank, Count::Tasks, 1),
                Some(false) => self.register.count(self.defender.seat.rank, Count::Wrong, 1),
                None => break,
            }
        }
        let made = if depth == 0 {
            None
        } else if random.random() {
            self.call(Call::Make, || comm.split(Some(random.random_range(0..2)), comm.rank().into()))?
                .flatten()
        } else {
            self.call(Call::Shrink, || comm.shrink())?
        };
        made.map_or(Ok(()), |made| self.act(&made, depth - 1))
    }

    /// What came of it, if something did: any error may.
    fn call<T>(&self, call: Call, act: impl FnOnce() -> Result<T, CommError>) -> Result<Option<T>, Failure> {
        match self.register.call(self.defender.seat.rank, call, act) {
            Ok(result) => Ok(Some(result)),
            Err(CommError::Collective(CollectiveError::Broken(error))) if !is_of_slots(error) => {
                Err(self.failure(&error.to_string()))
            }
            Err(_) => {
                self.register.count(self.defender.seat.rank, Count::GivenUp, 1);
                Ok(None)
            }
        }
    }

    fn failure(&self, what: &str) -> Failure {
        self.defender.seat.place.failure(format_args!("rank {} is told {what}", self.defender.seat.rank))
    }
}

/// Whether overwritten slots can lead to this. All else of the region is as it was.
fn is_of_slots(error: Broken) -> bool {
    matches!(error, Broken::NoSuchRank { .. })
}
