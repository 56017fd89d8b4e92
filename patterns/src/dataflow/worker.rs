//! The operators of one rank, in one attempt, and their channels to other ranks.

use super::note::{Batch, TAG, Taken};
use super::operator::{Handled, Operator};
use super::plan::{AnyLink, Plan};
use super::record::{Reader, write_bytes};
use super::wiring::Wiring;
use super::{Options, RunError};
use mailbox::{Deadline, Endpoint, SendError};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many events an operator handles before the next one has its turn.
const TURN: usize = 1024;
/// A message with events is no longer, but for one that is longer alone.
const LONG: usize = 64 << 10;

/// Why this rank cannot go on in this attempt.
pub enum Failure {
    /// An operator has failed.
    Operator { operator: String, reason: String },
    /// The run is over.
    Run(RunError),
}

/// A channel to another rank.
struct Sending {
    edge: usize,
    to: u32,
    link: AnyLink,
    sent: u64,
    /// How many of them were taken out at the other end.
    taken: u64,
    /// What the other end knows.
    progress: u64,
    /// A message that there was no room for.
    held: Option<(Vec<u8>, Vec<u8>)>,
}

/// A channel from another rank.
struct Taking {
    from: u32,
    link: AnyLink,
    came: u64,
    /// How many of them the other end knows to be taken out.
    told: u64,
}

/// An operator of this rank, or a part of it.
struct Part {
    op: usize,
    operator: Box<dyn Operator>,
}

/// The operators of one rank, in one attempt, and their channels to other ranks.
pub struct Worker<'a> {
    me: &'a Endpoint,
    plan: &'a Plan,
    attempt: u64,
    channel: usize,
    parts: Vec<Part>,
    sending: Vec<Sending>,
    /// By the number of the channel.
    taking: BTreeMap<usize, Taking>,
    /// Whether the state at the end was taken.
    has_ended: bool,
}

/// What was thrown, in words.
fn guarded<T>(plan: &Plan, op: usize, work: impl FnOnce() -> Result<T, String>) -> Result<T, Failure> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(reason)) => reason,
        Err(thrown) => {
            let text = thrown.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
            format!("panicked: {}", text.unwrap_or("without a text"))
        }
    };
    Err(Failure::Operator { operator: plan.specs[op].name.clone(), reason })
}

impl<'a> Worker<'a> {
    /// The operators as they were at that checkpoint, or at the beginning.
    pub fn new(
        me: &'a Endpoint,
        plan: &'a Plan,
        options: &Options,
        attempt: u64,
        from: Option<(u64, &[u8])>,
    ) -> Result<Self, Failure> {
        let mut wiring = Wiring::new(plan, options.channel, options.every);
        let mut saved = from.map(|(number, bytes)| (number, Reader::new(bytes)));
        let mut parts = vec![];
        for (op, part) in plan.parts_on(me.rank()) {
            wiring.op = op;
            let operator = guarded(plan, op, || {
                let mut operator = (plan.specs[op].build)(&mut wiring, part);
                let mut number = 0;
                if let Some((at, bytes)) = &mut saved {
                    let mut state = bytes.bytes().map(Reader::new).ok_or("its state is missing")?;
                    let loaded = operator.load(&mut state).filter(|()| state.rest().is_empty());
                    loaded.ok_or("its state makes no sense")?;
                    number = *at;
                }
                operator.start(number)?;
                Ok(operator)
            })?;
            parts.push(Part { op, operator });
        }
        let (mut sending, mut taking) = (vec![], BTreeMap::new());
        for (edge, link) in wiring.links {
            let ends = plan.edges[edge];
            if ends.from_rank != me.rank() {
                taking.insert(edge, Taking { from: ends.from_rank, link, came: 0, told: 0 });
            } else if ends.to_rank != me.rank() {
                let to = ends.to_rank;
                sending.push(Sending { edge, to, link, sent: 0, taken: 0, progress: 0, held: None });
            }
        }
        let channel = options.channel;
        Ok(Self { me, plan, attempt, channel, parts, sending, taking, has_ended: false })
    }

    /// Fires each operator that has input and room, and sends what there is for other ranks. Whether anything was done.
    pub fn work(&mut self) -> Result<bool, Failure> {
        let mut is_busy = false;
        for Part { op, operator, .. } in &mut self.parts {
            is_busy |= guarded(self.plan, *op, || operator.fire(TURN))?;
        }
        Ok(self.flush()? | is_busy)
    }

    fn flush(&mut self) -> Result<bool, Failure> {
        let mut is_busy = false;
        let mut sending = core::mem::take(&mut self.sending);
        for channel in &mut sending {
            while self.send(channel)? {
                is_busy = true;
            }
        }
        self.sending = sending;
        let enough = (self.channel as u64 / 4).max(1);
        for (edge, channel) in &mut self.taking {
            let count = channel.came - channel.link.len() as u64;
            if count - channel.told >= enough {
                let taken = Taken { attempt: self.attempt, edge: *edge as u32, count };
                if post(self.me, channel.from, &taken.bytes(), &[]).map_err(Failure::Run)? {
                    channel.told = count;
                    is_busy = true;
                }
            }
        }
        Ok(is_busy)
    }

    /// Sends one message with events of this channel, if there are any, or progress, and room. Whether it has.
    fn send(&self, channel: &mut Sending) -> Result<bool, Failure> {
        if channel.held.is_none() {
            let room = (self.channel as u64).saturating_sub(channel.sent - channel.taken) as usize;
            let limit = self.me.region().eager_limit() as usize;
            let (mut head, mut body) = (vec![], vec![]);
            let op = self.plan.edges[channel.edge].from.0;
            let long = LONG.min(limit.saturating_sub(64));
            let count = guarded(self.plan, op, || {
                let count = channel.link.take(room, long, &mut body);
                if body.len() + 64 > limit {
                    return Err(format!(
                        "a record of {} bytes is too long for a message of {limit}",
                        body.len()
                    ));
                }
                Ok(count)
            })?;
            let progress = channel.link.next();
            if count == 0 && (progress <= channel.progress || channel.link.len() > 0) {
                return Ok(false);
            }
            let (edge, before, count) = (channel.edge as u32, channel.sent, count as u32);
            Batch { attempt: self.attempt, edge, before, count, progress }.write(&mut head);
            channel.sent += u64::from(count);
            channel.progress = progress;
            channel.held = Some((head, body));
        }
        let Some((head, body)) = &channel.held else { return Ok(false) };
        let is_sent = post(self.me, channel.to, head, body).map_err(Failure::Run)?;
        if is_sent {
            channel.held = None;
        }
        Ok(is_sent)
    }

    /// Whether a message waits for room in a mailbox, which nobody rings for.
    pub fn is_held(&self) -> bool {
        self.sending.iter().any(|channel| channel.held.is_some())
    }

    /// Events of a channel have come. Those of another attempt are left out.
    pub fn put(&mut self, from: u32, batch: Batch, mut events: Reader<'_>) -> Result<(), Failure> {
        let nonsense = |op: usize| Failure::Operator {
            operator: self.plan.specs[op].name.clone(),
            reason: format!("rank {from} has sent what makes no sense"),
        };
        let edge = batch.edge as usize;
        let Some(channel) = self.taking.get_mut(&edge).filter(|channel| channel.from == from) else {
            return Ok(());
        };
        if batch.attempt != self.attempt {
            return Ok(());
        }
        let op = self.plan.edges[edge].to.0;
        let count = batch.count as usize;
        if batch.before != channel.came || channel.link.len() + count > self.channel {
            return Err(nonsense(op));
        }
        let put = guarded(self.plan, op, || Ok(channel.link.put(count, batch.progress, &mut events)))?;
        put.ok_or_else(|| nonsense(op))?;
        channel.came += u64::from(batch.count);
        Ok(())
    }

    /// Events were taken out at the other end.
    pub fn taken(&mut self, from: u32, taken: Taken) {
        let edge = taken.edge as usize;
        let channel = self.sending.iter_mut().find(|channel| channel.edge == edge && channel.to == from);
        let is_sound = |channel: &&mut Sending| taken.attempt == self.attempt && taken.count <= channel.sent;
        if let Some(channel) = channel.filter(is_sound) {
            channel.taken = channel.taken.max(taken.count);
        }
    }

    /// The state of all operators at the oldest checkpoint that was not taken yet, if its marker has come through all of them that had
    /// not ended before it; and at last that at the end. None with a higher number than `most`, but for that.
    pub fn snapshot(&mut self, most: u64) -> Option<(u64, Vec<u8>)> {
        let oldest = |part: &mut Part| part.operator.snapshots().front().map(|(number, _)| *number);
        let number = self.parts.iter_mut().filter_map(oldest).min();
        let mut bytes = vec![];
        if let Some(number) = number {
            let is_through = |part: &mut Part| {
                oldest(part) == Some(number) || (part.operator.has_ended() && oldest(part).is_none())
            };
            if number > most || !self.parts.iter_mut().all(is_through) {
                return None;
            }
            for Part { operator, .. } in &mut self.parts {
                let state = operator.snapshots().pop_front().map(|(_, state)| state);
                write_bytes(&state.unwrap_or_else(|| state_of(&**operator)), &mut bytes);
            }
            return Some((number, bytes));
        }
        // Not its progress: what ended before the checkpoint that this began from says nothing more.
        let is_sent = |channel: &Sending| channel.held.is_none() && channel.link.len() == 0;
        let is_over = self.parts.iter().all(|part| part.operator.has_ended());
        if self.has_ended || !is_over || !self.sending.iter().all(is_sent) {
            return None;
        }
        self.has_ended = true;
        self.parts.iter().for_each(|part| write_bytes(&state_of(&*part.operator), &mut bytes));
        Some((super::folder::LAST, bytes))
    }

    /// All ranks have written that checkpoint.
    pub fn complete(&mut self, number: u64) -> Result<(), Failure> {
        for Part { op, operator, .. } in &mut self.parts {
            guarded(self.plan, *op, || operator.complete(number))?;
        }
        Ok(())
    }

    /// What each operator has handled, by its number.
    pub fn handled(&self) -> Vec<(usize, Handled)> {
        let mut all: Vec<(usize, Handled)> = vec![];
        for Part { op, operator, .. } in &self.parts {
            let Handled { records, late } = operator.handled();
            match all.last_mut().filter(|(last, _)| last == op) {
                Some((_, sum)) => *sum = Handled { records: sum.records + records, late: sum.late + late },
                None => all.push((*op, Handled { records, late })),
            }
        }
        all
    }
}

fn state_of(operator: &dyn Operator) -> Vec<u8> {
    let mut state = vec![];
    operator.save(&mut state);
    state
}

/// Sends a message if there is room now. Whether there was.
pub fn post(me: &Endpoint, to: u32, head: &[u8], body: &[u8]) -> Result<bool, RunError> {
    let pieces = [IoSlice::new(head), IoSlice::new(body)];
    match me.to(to).tag(TAG).within(Deadline::Now).send_vectored(&pieces) {
        Ok(()) => Ok(true),
        // Its successor makes room.
        Err(SendError::Full(_) | SendError::Timeout(_) | SendError::Gone { .. }) => Ok(false),
        Err(error) => Err(RunError::Send { rank: to, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Graph;
    use super::super::channel::{Channel, Event, Wire};
    use super::*;
    use core::cell::RefCell;
    use mailbox::{Config, Region};

    /// Those of a channel, as bytes.
    fn events(stamps: core::ops::Range<u64>) -> Vec<u8> {
        let channel = RefCell::new(Channel::new());
        let event = |stamp| (stamp, Event::Record { time: stamp, value: stamp });
        channel.borrow_mut().events.extend(stamps.map(event));
        let mut bytes = vec![];
        channel.take(usize::MAX, usize::MAX, &mut bytes);
        bytes
    }

    #[test]
    fn of_what_comes_only_what_is_next_is_taken() {
        let region = Region::create_unnamed(Config::ranks(3)).expect("memory");
        let me = region.join(1).expect("free");
        let graph = Graph::new();
        let source = graph.source("numbers", |from| (from..9).map(|number| (number, number)));
        _ = source.map("mapped", |number| number).on([1]).map("back", |number| number).on([0]);
        let plan = graph.plan().expect("sound");
        let options = Options::new("nowhere").channel(4);
        let Ok(mut worker) = Worker::new(&me, &plan, &options, 7, None) else { panic!("it can begin") };
        let batch = Batch { attempt: 7, edge: 0, before: 0, count: 2, progress: 2 };
        let put = |worker: &mut Worker<'_>, from: u32, batch: Batch, stamps| {
            let bytes = events(stamps);
            let is_sound = worker.put(from, batch, Reader::new(&bytes)).is_ok();
            (is_sound, worker.taking[&0].link.len())
        };
        // Of another attempt, of a rank that has no such channel, of no channel.
        assert_eq!(put(&mut worker, 0, Batch { attempt: 6, ..batch }, 0..2), (true, 0));
        assert_eq!(put(&mut worker, 2, batch, 0..2), (true, 0));
        assert_eq!(put(&mut worker, 0, Batch { edge: 1, ..batch }, 0..2), (true, 0));
        assert_eq!(put(&mut worker, 0, Batch { edge: 9, ..batch }, 0..2), (true, 0));
        // What is missing, more than there is room for, more or fewer than are said.
        assert_eq!(put(&mut worker, 0, Batch { before: 1, ..batch }, 0..2), (false, 0));
        assert_eq!(put(&mut worker, 0, Batch { count: 5, progress: 5, ..batch }, 0..5), (false, 0));
        assert!(!put(&mut worker, 0, batch, 0..1).0);
        let Ok(mut worker) = Worker::new(&me, &plan, &options, 7, None) else { panic!("it can begin") };
        assert_eq!(put(&mut worker, 0, batch, 0..2), (true, 2));
        assert_eq!(put(&mut worker, 0, batch, 0..2), (false, 2));
        assert_eq!(put(&mut worker, 0, Batch { before: 2, progress: 4, ..batch }, 2..4), (true, 4));

        // What it sends, the other end cannot have taken before, nor in another attempt.
        assert!(matches!(worker.work(), Ok(true)));
        let taken = |worker: &Worker<'_>| (worker.sending[0].sent, worker.sending[0].taken);
        assert_eq!(taken(&worker), (4, 0));
        for (from, attempt, edge, count) in [(0, 7, 1, 5), (0, 6, 1, 3), (2, 7, 1, 3), (0, 7, 0, 3)] {
            worker.taken(from, Taken { attempt, edge, count });
            assert_eq!(taken(&worker), (4, 0));
        }
        worker.taken(0, Taken { attempt: 7, edge: 1, count: 3 });
        assert_eq!(taken(&worker), (4, 3));
    }
}
