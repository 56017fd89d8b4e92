//! One process of a chaos that goes on while its region is overwritten.

use super::mate::Mate;
use super::sheet::{Call, Pulse, SEATS, Sheet, Tally};
use super::whim::{Ills, TIME, Whim};
use crate::common::failure::Failure;
use crate::common::place::place;
use crate::common::random::mix;
use crate::stress::half::Half;
use crate::stress::journal::Journal;
use crate::stress::seat::Seat;
use clap::Args;
use mailbox::{
    Broken, Endpoint, Interrupter, JoinError, Lost, RecvError, RecvHalf, Region, SendError, SendHalf, Wait,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use std::{panic, process, thread};

/// How long no attempt to join may succeed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a mailbox that was reset may stay silent in the end: what its sender is told, its receiver may not be.
const SILENCE: Duration = Duration::from_secs(1);
/// What is sent in the end.
const WORD: &[u8] = b"calm";
/// As a panic does.
const PANIC: i32 = 101;

#[derive(Args)]
pub struct Bystander {
    #[command(flatten)]
    seat: Seat,
}

impl Bystander {
    pub fn run(&self) -> Result<(), Failure> {
        // In any thread: another may wait for what it was to do.
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            tell(panic);
            process::exit(PANIC);
        }));
        let journal = Journal::open(&self.seat.journal)?;
        let sheet = Sheet::new(&journal, self.seat.ranks);
        let pulse = sheet.pulse(self.seat.rank, Half::Receiving);
        sheet.seats(self.seat.rank).iter().for_each(|pulse| pulse.rest());
        let open = || Region::open(place(&self.seat.place.region));
        let mut region = open().map_err(|error| self.seat.place.failure(error))?;
        // One more than talk. Those that are spared are left alone.
        let (all, whole) = (self.seat.ranks + 1, region.eager_limit() as usize);
        let mut random =
            Xoshiro256PlusPlus::seed_from_u64(mix(self.seat.seed, u64::from(self.seat.rank) << 32));
        while !sheet.is_over() {
            if let Ok(opened) = pulse.call(Call::Open, open) {
                region = opened;
            }
            let whims = [Half::Sending, Half::Receiving].map(|half| {
                let random = Xoshiro256PlusPlus::seed_from_u64(random.random());
                Whim { pulse: sheet.pulse(self.seat.rank, half), random, ranks: all, whole }
            });
            let me = self.join(&region, pulse)?;
            if random.random_ratio(1, 3) {
                let seats = sheet
                    .seats(self.seat.rank)
                    .map(|pulse| (pulse, Xoshiro256PlusPlus::seed_from_u64(random.random())));
                share(me, seats, (all, whole))?;
            } else {
                self.live(me, whims)?;
            }
            pulse.act(Call::Inspect, || drop((region.inspect(), region.find("nobody"), Region::list())));
        }
        // Each begins in what the others left.
        pulse.count(Tally::Over);
        while !sheet.has_each(Tally::Over, 1) {
            thread::sleep(Duration::from_millis(1));
        }
        let region = open().map_err(|error| self.seat.place.failure(error))?;
        self.calm(self.join(&region, pulse)?, &sheet)
    }

    /// Joins as soon as it can: the header is as it was most of the time.
    fn join(&self, region: &Region, pulse: Pulse<'_>) -> Result<Endpoint, Failure> {
        let begin = Instant::now();
        loop {
            match pulse.call(Call::Join, || region.join(self.seat.rank)) {
                Ok(me) => return Ok(me),
                Err(JoinError::Broken(Broken::Lost(Lost::Removed))) if begin.elapsed() < PATIENCE => {
                    thread::yield_now()
                }
                Err(error) => return Err(self.seat.place.failure(format_args!("cannot join: {error}"))),
            }
        }
    }

    /// Some calls, with the whole endpoint or with both halves at once.
    fn live(&self, me: Endpoint, whims: [Whim<'_>; 2]) -> Result<(), Failure> {
        let [mut sending, mut receiving] = whims;
        let waits = [Wait::Adaptive, Wait::Block, Wait::Spin];
        me.set_wait(waits[receiving.random.random_range(0..waits.len())]);
        let calls = receiving.random.random_range(0..300);
        if receiving.random.random() {
            return converse(me, receiving, calls);
        }
        // The overwriting process may make any rank look like a sender.
        let all = me.region().ranks();
        let (sender, mut receiver) = me.into_split();
        let interrupters = [sender.interrupter(), receiver.interrupter()];
        let has_ended = &AtomicBool::new(false);
        thread::scope(|scope| {
            let sending = scope.spawn(move || -> Result<(), Failure> {
                for _ in 0..calls {
                    if !sending.send(&sender)? {
                        break;
                    }
                }
                sending.pulse.act(Call::Leave, || drop(sender));
                Ok(())
            });
            scope.spawn(move || interrupt(&interrupters, has_ended));
            let mut ills = Ills::new(all);
            let mut received = Ok(true);
            for _ in 0..calls {
                received = receiving.receive(&mut receiver, &mut ills);
                if !matches!(received, Ok(true)) {
                    break;
                }
            }
            receiving.pulse.act(Call::Leave, || drop(receiver));
            let sent = sending.join().expect("a panic ends the process");
            has_ended.store(true, Relaxed);
            received.map(drop).and(sent)
        })
    }

    /// Nobody overwrites anything any more: each mailbox can be made to carry mail again.
    fn calm(&self, me: Endpoint, sheet: &Sheet<'_>) -> Result<(), Failure> {
        let all = u64::from(self.seat.ranks);
        let (sender, mut receiver) = me.into_split();
        thread::scope(|scope| {
            let sending = scope.spawn(move || {
                while !sheet.has_each(Tally::Heard, all) {
                    self.call(&sender, sheet.pulse(self.seat.rank, Half::Sending))?;
                }
                Ok(())
            });
            let pulse = sheet.pulse(self.seat.rank, Half::Receiving);
            for from in 0..self.seat.ranks {
                self.hear(&mut receiver, from, pulse)?;
                pulse.count(Tally::Heard);
            }
            sending.join().expect("a panic ends the process")
        })
    }

    fn call(&self, me: &SendHalf, pulse: Pulse<'_>) -> Result<(), Failure> {
        for to in 0..self.seat.ranks {
            if let Err(SendError::Broken(Broken::Lost(lost))) =
                pulse.call(Call::SendTimeout, || me.to(to).within(TIME).send(WORD))
            {
                return Err(self.seat.place.failure(lost));
            }
        }
        Ok(())
    }

    /// Waits for the word from this rank.
    fn hear(&self, me: &mut RecvHalf, from: u32, pulse: Pulse<'_>) -> Result<(), Failure> {
        let mut since = None::<Instant>;
        loop {
            if since.is_none_or(|since| since.elapsed() > SILENCE) {
                let _ = pulse.call(Call::Reset, || me.reset(from));
                since = Some(Instant::now());
            }
            match pulse.call(Call::RecvFromTimeout, || me.from(from).within(TIME).recv()) {
                Ok(mail) if mail.to_vec() == WORD => return Ok(()),
                Err(RecvError::Broken(Broken::Corrupt(_))) => since = None,
                Err(RecvError::Broken(Broken::Lost(lost))) => return Err(self.seat.place.failure(lost)),
                _ => {}
            }
        }
    }
}

/// Calls other ranks so often, and serves them.
fn converse(me: Endpoint, mut whim: Whim<'_>, calls: u32) -> Result<(), Failure> {
    let interrupters = [me.interrupter()];
    let has_ended = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || interrupt(&interrupters, has_ended));
        let mut talked = Ok(true);
        for _ in 0..calls {
            talked = whim.converse(&me);
            if !matches!(talked, Ok(true)) {
                break;
            }
        }
        whim.pulse.act(Call::Leave, || drop(me));
        has_ended.store(true, Relaxed);
        talked.map(drop)
    })
}

/// Some calls of several threads at once; then the endpoint is one again.
fn share<'a>(
    me: Endpoint,
    seats: [(Pulse<'a>, Xoshiro256PlusPlus); SEATS],
    sizes: (u32, usize),
) -> Result<(), Failure> {
    let (pulse, mut random) = seats[Half::Receiving as usize].clone();
    pulse.count(Tally::Shared);
    me.set_wait([Wait::Adaptive, Wait::Block, Wait::Spin][random.random_range(0..3)]);
    me.set_unread_budget(if random.random() { 0 } else { 1 << 20 });
    let me = me.into_shared();
    let calls = random.random_range(0..100);
    let mates = seats.map(|(pulse, random)| Mate::new(me.clone(), pulse, random, sizes));
    let interrupters: Vec<_> = mates.iter().map(|mate| mate.me.interrupter()).collect();
    let has_ended = &AtomicBool::new(false);
    let corrupt = thread::scope(|scope| {
        scope.spawn(move || interrupt(&interrupters, has_ended));
        let mates = mates.map(|mate| scope.spawn(move || mate.work(calls)));
        let corrupt = mates.map(|mate| mate.join().expect("a panic ends the process"));
        has_ended.store(true, Relaxed);
        corrupt.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let Ok(mut me) = pulse.act(Call::Reunite, || me.reunite()) else {
        return Err(Failure::new("an endpoint that no thread has any more is none"));
    };
    for from in corrupt.into_iter().flatten() {
        let _ = pulse.call(Call::Reset, || me.reset(from));
        pulse.count(Tally::Resets);
    }
    pulse.act(Call::Leave, || drop(me));
    Ok(())
}

/// Ends the calls that have no time of their own.
fn interrupt(interrupters: &[Interrupter], has_ended: &AtomicBool) {
    while !has_ended.load(Relaxed) {
        thread::sleep(TIME);
        interrupters.iter().for_each(|interrupter| interrupter.interrupt());
    }
}
