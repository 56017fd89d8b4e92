//! What a kill and a wrong value do to each model.

use super::counter_messages::{self, OWNER};
use super::lock::LIMIT;
use super::report::Harm;
use super::segment::Segment;
use super::stage::{Cast, furnish, in_memory, of_region};
use super::task::Task;
use crate::common::failure::Failure;
use crate::common::processes::Processes;
use mailbox::{Config, Endpoint, RecvError, Region};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// How long the mutex is waited for: whole seconds, see `lock`.
const WAIT: Duration = Duration::from_secs(1);
/// How long the one that is to be killed would keep what it has.
const LONG: Duration = Duration::from_secs(600);
const VICTIM: u32 = 1;
/// Mails for the one that is killed. It has received the first of them.
const MAILS: u64 = 3;

/// Kills a process of each model, and has one write nonsense.
pub fn harm(processes: &Processes, segment: &Segment) -> Result<Harm, Failure> {
    let mut harm = Harm::default();
    kill_with_mutex(processes, segment, &mut harm)?;
    kill_with_mail(processes, &mut harm)?;
    write_nonsense(segment, &mut harm)?;
    Ok(harm)
}

/// A process is killed while the mutex is locked.
fn kill_with_mutex(processes: &Processes, segment: &Segment, harm: &mut Harm) -> Result<(), Failure> {
    let ruin = &furnish(segment)?.ruin;
    let cast = Cast::new(Task::HoldMutex, 1, LONG);
    let victim = processes.enter_prepared(&cast.part(0), |command| segment.hand_to(command))?;
    let end = Instant::now() + LIMIT;
    while !ruin.is_told() {
        processes.have_ended()?;
        if Instant::now() > end {
            return Err(Failure::new("no process locks the mutex: is it stopped?"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    kill(processes, victim)?;
    let start = Instant::now();
    let got = in_memory(in_memory(ruin.mutex.lock())?.with_within(WAIT, || ()))?;
    harm.still_locked_after_ms = got.is_none().then(|| start.elapsed().as_millis() as u64);
    harm.half_written = ruin.words[0].load(Relaxed) != ruin.words[1].load(Relaxed);
    Ok(())
}

/// A process is killed while it has a mail in its hand, and its successor goes on.
fn kill_with_mail(processes: &Processes, harm: &mut Harm) -> Result<(), Failure> {
    let region = Region::create_unnamed(Config::ranks(2)).map_err(of_region)?;
    let me = region.join(OWNER).map_err(of_region)?;
    (0..MAILS).try_for_each(|number| me.to(VICTIM).send_value(&number)).map_err(of_region)?;
    let cast = Cast::new(Task::HoldMail, 2, LONG);
    let victim =
        processes.enter_prepared(&cast.part(VICTIM), |command| region.hand_to(command).map_err(of_region))?;
    // Its word that it holds the first. If it fails before, its own failure says more.
    let heard = me.from(VICTIM).within(LIMIT).recv().map(drop);
    processes.have_ended()?;
    heard.map_err(of_region)?;
    let start = Instant::now();
    kill(processes, victim)?;
    let told = me.from(VICTIM).within(LIMIT).recv().map(drop);
    harm.told_after_ms = match told {
        Err(RecvError::Gone { died: true, .. }) => Some(start.elapsed().as_secs_f64() * 1e3),
        Err(RecvError::Timeout) | Ok(()) => None,
        Err(error) => return Err(of_region(error)),
    };
    let unread = region.inspect().mailboxes.iter().map(|mailbox| mailbox.unread).sum();
    harm.mails_unread = unread;
    succeed(&region.join(VICTIM).map_err(of_region)?, harm).map_err(of_region)
}

/// The next process with the rank of the one that was killed reads its mail.
fn succeed(me: &Endpoint, harm: &mut Harm) -> Result<(), RecvError> {
    while let Some(mail) = me.from(OWNER).try_recv()? {
        harm.mails_kept += u64::from(mail.value::<u64>().is_ok_and(|number| number == harm.mails_kept));
        harm.mails_redelivered += u64::from(mail.redelivered() > 0);
    }
    Ok(())
}

fn kill(processes: &Processes, victim: u32) -> Result<(), Failure> {
    match processes.kill(victim)? {
        true => Ok(()),
        false => Err(Failure::new("the process that was to be killed has ended by itself")),
    }
}

/// A process writes what is no sum: over the counter in memory, and to the counter's owner.
fn write_nonsense(segment: &Segment, harm: &mut Harm) -> Result<(), Failure> {
    let counter = &furnish(segment)?.counter;
    let adder = in_memory(counter.adder())?;
    in_memory(adder.add_guarded())?;
    counter.guarded.0.store(u64::from_ne_bytes(*b"nonsense"), Relaxed);
    in_memory(adder.add_guarded())?;
    harm.spoilt_counter = counter.guarded.0.load(Relaxed);

    let region = Region::create_unnamed(Config::ranks(2)).map_err(of_region)?;
    let [owner, other] = [region.join(OWNER), region.join(VICTIM)];
    let (owner, other) = (owner.map_err(of_region)?, other.map_err(of_region)?);
    let one = 1u64.to_ne_bytes();
    [&one[..], b"nonsense!", &one]
        .iter()
        .try_for_each(|bytes| other.send(OWNER, bytes))
        .map_err(of_region)?;
    drop(other);
    (harm.counter, harm.nonsense_refused) =
        counter_messages::own(&owner).map_err(|error| of_region(error.to_string()))?;
    Ok(())
}
