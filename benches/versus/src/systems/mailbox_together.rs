//! mailbox, operations of all members.

use super::mailbox::Named;
use crate::drive::Calls;
use crate::job::{Case, Job, Joint};
use crate::outcome::{Declined, Figures, Outcome};
use mailbox::{Comm, Config, Region};
use measure::{Partner, clock, cpu_time};
use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// Default settings; each rank is a process.
pub fn default(job: &Job) -> Outcome<Figures> {
    if !matches!(job.case, Case::Together(..) | Case::IdleTogether) {
        return Err(Declined("for operations of all ranks").into());
    }
    measure::pin(0);
    let ranks = job.case.others() + 1;
    let named = Named(&job.name);
    let region = Region::create(named.0, Config::ranks(ranks))?;
    let partners = (1..ranks).map(|rank| {
        Partner::start(rank as usize, || {
            play(job, &region, rank).unwrap_or_else(|error| panic!("rank {rank}: {error}"));
        })
    });
    let partners = partners.collect::<Result<Vec<_>, _>>()?;
    let figures = play(job, &region, 0)?;
    partners.into_iter().try_for_each(Partner::finish)?;
    Ok(figures)
}

/// What a rank does. The figures are of all on rank 0.
fn play(job: &Job, region: &Region, rank: u32) -> Outcome<Figures> {
    let me = region.join(rank)?;
    let comm = Comm::world(&me)?;
    match job.case {
        Case::Together(joint, _) => measure_calls(job, &comm, joint),
        _ => idle(job, &comm),
    }
}

/// The processor time of a rank that waits in a barrier for so many milliseconds.
fn idle(job: &Job, comm: &Comm<'_>) -> Outcome<Figures> {
    comm.barrier()?;
    if comm.rank() > 0 {
        thread::sleep(Duration::from_millis(job.count));
    }
    let (start, used) = (clock(), cpu_time());
    comm.barrier()?;
    let (time, used) = (clock() - start, cpu_time() - used);
    Ok(Figures { cpu: Some(used.as_secs_f64() / time.as_secs_f64()), ..Figures::default() })
}

/// Times of single calls, each the mean of those of all ranks.
fn measure_calls(job: &Job, comm: &Comm<'_>, joint: Joint) -> Outcome<Figures> {
    let (rank, size) = (comm.rank() as usize, comm.size() as usize);
    let count = job.bytes / size_of::<f32>();
    let [given, taken] = match joint {
        Joint::Barrier => [0, 0],
        Joint::AllReduce | Joint::Broadcast => [count, 0],
        Joint::AllGather => [count, size * count],
        Joint::AllToAll => [size * count, size * count],
    };
    let (mut from, mut to) = (vec![0f32; given], vec![0f32; taken]);
    let ahead = job.count / 10 + 1;
    let [mut times, mut begun, mut ended] = [(); 3].map(|()| Vec::with_capacity(job.count as usize));
    let now = || clock().as_nanos() as f64;
    let begin = now();
    for call in 0..ahead + job.count {
        let value = |rank: usize| ((call + rank as u64) % 8) as f32;
        from.fill(value(rank));
        if joint != Joint::Barrier {
            comm.barrier()?;
        }
        let start = now();
        let values = black_box(&mut from[..]);
        match joint {
            Joint::Barrier => comm.barrier()?,
            Joint::AllReduce => comm.all_reduce(values, |a, b| a + b)?,
            Joint::Broadcast => comm.broadcast(0, values)?,
            Joint::AllGather => comm.all_gather(values, &mut to)?,
            Joint::AllToAll => comm.all_to_all(values, &mut to)?,
        }
        black_box((&mut from, &mut to));
        let end = now();
        if call >= ahead {
            times.push(end - start);
            begun.push(start);
            ended.push(end);
        }
        let is_right = match joint {
            Joint::Barrier => true,
            Joint::AllReduce => are(&from, (0..size).map(value).sum()),
            Joint::Broadcast => are(&from, value(0)),
            Joint::AllGather | Joint::AllToAll => {
                to.chunks(count).enumerate().all(|(from, part)| are(part, value(from)))
            }
        };
        if !is_right {
            return Err(format!("rank {rank} has wrong values after call {call}").into());
        }
    }
    // With what lies between the calls.
    let each = (now() - begin) / (ahead + job.count) as f64;
    comm.reduce(0, &mut times, |a, b| a + b)?;
    comm.reduce(0, &mut ended, f64::max)?;
    let mut calls = Calls::default();
    for at in 0..times.len() {
        calls.add_mean(times[at] / size as f64);
        calls.add_root(begun[at], ended[at]);
    }
    Ok(Figures { unit: Some(each), ..calls.figures(joint) })
}

/// Whether the first and the last of these values are this one.
fn are(values: &[f32], value: f32) -> bool {
    [values.first(), values.last()] == [Some(&value); 2]
}
