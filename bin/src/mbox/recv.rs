//! `mbox recv`

use super::access::Access;
use super::batch::Batch;
use super::failure::{Failure, joining};
use super::standard;
use clap::Args;
use mailbox::{RecvError, Source};
use std::collections::BTreeSet;

/// Write what is sent to standard output; ends when whoever has sent something has left
#[derive(Args)]
pub struct Recv {
    #[command(flatten)]
    access: Access,
    /// The rank to join as
    #[arg(long = "as", value_name = "R")]
    me: u32,
    /// Receive from this rank only; ends when it has left, also if it did so before
    #[arg(long, value_name = "R")]
    from: Option<u32>,
    /// Write a newline after each message
    #[arg(long)]
    lines: bool,
}

impl Recv {
    /// Receives until the end.
    pub fn run(&self) -> Result<(), Failure> {
        let output = standard::output()?;
        let region = self.access.open()?;
        let me = region.join(self.me).map_err(|error| joining(&self.access.name, self.me, error))?;
        let source = self.from.map_or(Source::Anyone, Source::Rank);
        let mut batch = Batch::new(output, self.lines);
        let mut senders = Senders::default();
        while !senders.have_ended() {
            let received = match me.try_recv_from(source) {
                Err(RecvError::Empty) => {
                    batch.flush()?;
                    me.recv_from(source)
                }
                received => received,
            };
            match received {
                Ok(mail) => {
                    if mail.from() != self.me {
                        senders.spoke(mail.from());
                    }
                    batch.add(mail)?;
                }
                Err(RecvError::PeerLeft(rank)) => senders.left(rank),
                Err(RecvError::PeerDead(rank)) => senders.died(rank),
                // There is nobody but ourselves to hear from.
                Err(RecvError::Empty) => break,
                Err(error) => {
                    batch.flush()?;
                    return Err(self.failure(error, region.ranks()));
                }
            }
        }
        batch.flush()?;
        senders.verdict(&self.access.name)
    }

    fn failure(&self, error: RecvError, ranks: u32) -> Failure {
        let hint = match error {
            RecvError::NoSuchRank => format!("--from must be one of 0 to {}", ranks - 1),
            RecvError::Corrupt(_) => "remove the region and create it anew".into(),
            _ => String::new(),
        };
        Failure::of_region(&self.access.name, error, &hint)
    }
}

/// Those that are heard from.
#[derive(Default)]
struct Senders {
    open: BTreeSet<u32>,
    dead: BTreeSet<u32>,
    any_ended: bool,
}

impl Senders {
    fn spoke(&mut self, rank: u32) {
        self.open.insert(rank);
    }

    fn left(&mut self, rank: u32) {
        self.open.remove(&rank);
        self.any_ended = true;
    }

    fn died(&mut self, rank: u32) {
        self.left(rank);
        self.dead.insert(rank);
    }

    fn have_ended(&self) -> bool {
        self.any_ended && self.open.is_empty()
    }

    fn verdict(&self, name: &str) -> Result<(), Failure> {
        if self.dead.is_empty() {
            return Ok(());
        }
        let ranks: Vec<String> = self.dead.iter().map(|rank| format!("rank {rank}")).collect();
        let what = format!("{} died before the end", ranks.join(" and "));
        Err(Failure::of_region(name, what, "what had been sent is written; send it again"))
    }
}
