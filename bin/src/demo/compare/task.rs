//! What a worker does.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The model that a task belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    SharedMemory,
    Messages,
}

impl Model {
    /// The sign that stands for it in a table.
    pub fn sign(self) -> &'static str {
        ["■", "□"][self as usize]
    }
}

/// One way to do a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    CounterMutex,
    CounterAtomic,
    CounterCall,
    CounterSend,
    BufferShared,
    BufferMessages,
    GameShared,
    GameMessages,
    /// Threads of two processes.
    Hybrid,
    /// Two words in the same cache line, or in lines of their own.
    WordsTogether,
    WordsApart,
    LitmusRelaxed,
    LitmusOrdered,
    LitmusMessages,
    /// To be killed, with the mutex locked, or with a mail in its hand.
    HoldMutex,
    HoldMail,
}

/// The ways to count.
pub const COUNTERS: [Task; 4] =
    [Task::CounterMutex, Task::CounterAtomic, Task::CounterCall, Task::CounterSend];
pub const BUFFERS: [Task; 2] = [Task::BufferShared, Task::BufferMessages];
pub const GAMES: [Task; 2] = [Task::GameShared, Task::GameMessages];

impl Task {
    /// As the command line of a worker has it.
    pub fn word(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
    }

    pub fn model(self) -> Model {
        match self {
            Task::CounterMutex
            | Task::CounterAtomic
            | Task::BufferShared
            | Task::GameShared
            | Task::WordsTogether
            | Task::WordsApart
            | Task::LitmusRelaxed
            | Task::LitmusOrdered
            | Task::HoldMutex => Model::SharedMemory,
            Task::CounterCall
            | Task::CounterSend
            | Task::BufferMessages
            | Task::GameMessages
            | Task::Hybrid
            | Task::LitmusMessages
            | Task::HoldMail => Model::Messages,
        }
    }

    /// The job, as reports have it.
    pub fn job(self) -> &'static str {
        match self {
            Task::CounterMutex | Task::CounterAtomic | Task::CounterCall | Task::CounterSend => "counter",
            Task::BufferShared | Task::BufferMessages => "bounded buffer",
            Task::GameShared | Task::GameMessages => "game loop",
            _ => "",
        }
    }

    /// By what it does it, as reports have it.
    pub fn means(self) -> &'static str {
        match self {
            Task::CounterMutex => "mutex",
            Task::CounterAtomic => "atomic",
            Task::CounterCall => "call",
            Task::CounterSend => "send",
            Task::BufferShared | Task::GameShared => "mutex, events",
            Task::BufferMessages | Task::GameMessages => "send, receive",
            Task::Hybrid => "calls of threads",
            Task::LitmusRelaxed => "relaxed",
            Task::LitmusOrdered => "sequentially consistent",
            Task::LitmusMessages => "calls to an owner",
            _ => "",
        }
    }
}
