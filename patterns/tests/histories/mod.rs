//! Histories of operations on one register, and whether they are linearizable.

#![allow(dead_code, reason = "each test uses a part of it")]

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// What is asked of a register. No value is written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Read,
    Write(u64),
    Swap(u64, u64),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Value(u64),
    Written,
    Swapped,
    NotSwapped(u64),
}

/// A register that does one thing after the other.
#[derive(Debug, Clone)]
struct Plain(u64);

impl SequentialSpec for Plain {
    type Op = Op;
    type Ret = Outcome;

    fn invoke(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::Read => Outcome::Value(self.0),
            Op::Write(value) => {
                self.0 = value;
                Outcome::Written
            }
            Op::Swap(expected, new) if self.0 == expected => {
                self.0 = new;
                Outcome::Swapped
            }
            Op::Swap(..) => Outcome::NotSwapped(self.0),
        }
    }
}

/// The beginnings and ends of operations, each with its time. A thread does one after the other.
#[derive(Debug, Clone, Default)]
pub struct History(Vec<(u64, u32, Event)>);

#[derive(Debug, Clone, Copy)]
enum Event {
    Call(Op),
    Return(Outcome),
}

impl History {
    /// This thread has begun an operation at this time, or later.
    pub fn call(&mut self, time: u64, thread: u32, op: Op) {
        self.0.push((time, thread, Event::Call(op)));
    }

    /// Its operation was over at this time, or earlier.
    pub fn end(&mut self, time: u64, thread: u32, outcome: Outcome) {
        self.0.push((time, thread, Event::Return(outcome)));
    }

    /// How many operations have ended.
    pub fn ended(&self) -> usize {
        self.0.iter().filter(|(.., event)| matches!(event, Event::Return(_))).count()
    }

    /// Its beginning, until so many operations have ended. To reject a history, the checker tries all orders: that is for short ones.
    pub fn beginning(&self, operations: usize) -> Self {
        let mut events = self.0.clone();
        events.sort_by_key(|(time, ..)| *time);
        let mut ended = 0;
        events.retain(|(.., event)| {
            let is_kept = ended < operations;
            ended += usize::from(matches!(event, Event::Return(_)));
            is_kept
        });
        Self(events)
    }

    /// Whether a write has ended.
    pub fn has_written(&self) -> bool {
        let is_write = |event: &Event| matches!(event, Event::Return(Outcome::Written | Outcome::Swapped));
        self.0.iter().any(|(.., event)| is_write(event))
    }

    /// Whether all of it can have happened one after the other, each operation between its beginning and its end. One that has not ended
    /// may have happened, or not.
    pub fn is_linearizable(&self, initial: u64) -> bool {
        let mut events = self.0.clone();
        // What begins as another ends is beside it.
        events.sort_by_key(|(time, _, event)| (*time, matches!(event, Event::Return(_))));
        let mut tester = LinearizabilityTester::new(Plain(initial));
        let told: Vec<_> = events.iter().filter_map(|(.., event)| event.told()).collect();
        for (at, (_, thread, event)) in events.iter().enumerate() {
            match *event {
                Event::Call(op) => {
                    let is_open = !events[at + 1..].iter().any(|(_, other, _)| other == thread);
                    // One without an end, of which nobody has seen anything, changes nothing. The search is shorter without it.
                    let is_seen = op.writes().is_some_and(|value| told.contains(&value));
                    if !is_open || is_seen {
                        tester.on_invoke(*thread, op).expect("one after the other");
                    }
                }
                Event::Return(outcome) => _ = tester.on_return(*thread, outcome).expect("it has begun"),
            }
        }
        tester.is_consistent()
    }
}

impl Op {
    fn writes(self) -> Option<u64> {
        match self {
            Op::Read => None,
            Op::Write(value) | Op::Swap(_, value) => Some(value),
        }
    }
}

impl Event {
    /// The value that somebody has seen.
    fn told(&self) -> Option<u64> {
        match *self {
            Event::Return(Outcome::Value(value) | Outcome::NotSwapped(value)) => Some(value),
            Event::Call(Op::Swap(expected, _)) => Some(expected),
            _ => None,
        }
    }
}
