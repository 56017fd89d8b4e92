//! What is compared.

mod crossbeam;
mod iceoryx2;
mod iceoryx2_requests;
mod iceoryx2_topics;
mod ipc_channel;
mod mailbox;
mod mailbox_calls;
mod mailbox_requests;
mod mailbox_tags;
mod mailbox_together;
mod mailbox_topics;
mod mpi;
mod pipe;
mod posix_queue;
mod raw;
mod raw_topics;
mod rtrb;
mod unix;
mod unpadded;

use crate::job::Job;
use crate::outcome::{Answer, Figures, Outcome};

/// What something is compared as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A raw limit.
    Limit,
    /// mailbox.
    Ours,
    /// A copy of a part of it, to show what that is good for.
    Copy,
    /// What else there is.
    Peer,
}

/// Something that is compared.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it is compared as.
    pub role: Role,
    /// Its sides and how they wait.
    pub how: &'static str,
    play: fn(&Job) -> Outcome<Figures>,
}

impl Entry {
    /// Whether it is a call of mailbox.
    pub fn is_call(&self) -> bool {
        self.name.starts_with("mailbox, call")
    }

    /// Does a job, in this process and others that it starts.
    pub fn play(&self, job: &Job) -> Answer {
        (self.play)(job).into()
    }
}

const fn entry(
    name: &'static str,
    role: Role,
    how: &'static str,
    play: fn(&Job) -> Outcome<Figures>,
) -> Entry {
    Entry { name, role, how, play }
}

/// All, in the order of the tables.
pub static ALL: [Entry; 35] = [
    entry("one line, raw", Role::Limit, "processes, spin", raw::one_line),
    entry("two lines, raw", Role::Limit, "processes, spin", raw::two_lines),
    entry("ring of lines, raw", Role::Limit, "processes, spin", raw::lines),
    entry("fixed slots, raw", Role::Limit, "processes, spin", raw::slots),
    entry("futexes, raw", Role::Limit, "processes, sleep", raw::futexes),
    entry("one writes, all read, raw", Role::Limit, "processes, spin", raw_topics::play),
    entry("mailbox", Role::Ours, "processes, spin 50 µs, then sleep", mailbox::default),
    entry("mailbox, spin", Role::Ours, "processes, spin", mailbox::spin),
    entry("mailbox, block", Role::Ours, "processes, sleep", mailbox::block),
    entry("mailbox, batched", Role::Ours, "processes, spin 50 µs, then sleep", mailbox::batched),
    entry("mailbox, in place", Role::Ours, "processes, spin 50 µs, then sleep", mailbox::in_place),
    entry("mailbox, call", Role::Ours, "processes, spin 50 µs, then sleep", mailbox_calls::default),
    entry("mailbox, call, spin", Role::Ours, "processes, spin", mailbox_calls::spin),
    entry("mailbox, tagged", Role::Ours, "processes, spin 50 µs, then sleep", mailbox_tags::default),
    entry("mailbox, tagged, budget", Role::Ours, "processes, spin 50 µs, then sleep", mailbox_tags::budget),
    entry("mailbox, requests", Role::Ours, "processes, spin 50 µs, then sleep", mailbox_requests::default),
    entry(
        "mailbox, sends to requests",
        Role::Ours,
        "processes, spin 50 µs, then sleep",
        mailbox_requests::sends,
    ),
    entry("mailbox, requests, block", Role::Ours, "processes, sleep", mailbox_requests::block),
    entry(
        "mailbox, together",
        Role::Ours,
        "processes, offer the processor, then sleep",
        mailbox_together::default,
    ),
    entry("mailbox, topics", Role::Ours, "processes, spin 50 µs, then sleep", mailbox_topics::play),
    entry("copy of the ring", Role::Copy, "processes, spin", unpadded::padded),
    entry("copy, unpadded", Role::Copy, "processes, spin", unpadded::unpadded),
    entry("rtrb", Role::Peer, "threads, spin", rtrb::play),
    entry("crossbeam-channel", Role::Peer, "threads, spin, then sleep", crossbeam::play),
    entry("iceoryx2", Role::Peer, "processes, spin", iceoryx2::polling),
    entry("iceoryx2, events", Role::Peer, "processes, sleep", iceoryx2::events),
    entry("iceoryx2, request-response", Role::Peer, "processes, spin", iceoryx2_requests::play),
    entry("iceoryx2, topics", Role::Peer, "processes, spin", iceoryx2_topics::play),
    entry("Open MPI", Role::Peer, "processes, spin", mpi::open_mpi),
    entry("Open MPI, yielding", Role::Peer, "processes, offer the processor", mpi::yielding_open_mpi),
    entry("MPICH", Role::Peer, "processes, spin", mpi::mpich),
    entry("ipc-channel", Role::Peer, "processes, sleep", ipc_channel::play),
    entry("pipe", Role::Peer, "processes, sleep", pipe::play),
    entry("UNIX socket, stream", Role::Peer, "processes, sleep", unix::play),
    entry("POSIX queue", Role::Peer, "processes, sleep", posix_queue::play),
];

/// The one with this name.
pub fn named(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
