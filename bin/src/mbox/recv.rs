//! `mbox recv`

use super::access::Access;
use super::batch::Batch;
use super::failure::{Failure, joining};
use super::standard::Output;
use super::stop::Stop;
use clap::Args;
use mailbox::{Mail, RecvError, Source};
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
    /// Write a newline after each message, also after one that is broken off
    #[arg(long)]
    lines: bool,
}

impl Recv {
    /// Receives until the end.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let output = Output::watched(stop.clone())?;
        let region = self.access.open()?;
        let me = region.join(self.me).map_err(|error| joining(&self.access.name, error))?;
        stop.interrupt(me.interrupter());
        // Memory does not grow with a message.
        me.set_pieces(true);
        let mut batch = Batch::new(output, self.lines);
        let mut senders = Senders::default();
        while !senders.have_ended() {
            stop.check()?;
            // A message that has begun is written to its end before any other.
            let source = senders.halfway.or(self.from).map_or(Source::Anyone, Source::Rank);
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
                        senders.spoke(&mail);
                    }
                    batch.add(mail)?;
                }
                Err(RecvError::Cut(rank)) => {
                    senders.cut(rank);
                    batch.cut()?;
                }
                // The end itself is told again to whoever receives from anyone.
                Err(RecvError::PeerLeft(rank) | RecvError::PeerDead(rank))
                    if senders.halfway == Some(rank) =>
                {
                    senders.cut(rank);
                    batch.cut()?;
                }
                Err(RecvError::PeerLeft(rank)) => senders.left(rank),
                Err(RecvError::PeerDead(rank)) => senders.died(rank),
                Err(RecvError::Interrupted) => {}
                // There is nobody but ourselves to hear from.
                Err(RecvError::Empty) => break,
                Err(error) => {
                    batch.flush()?;
                    return Err(self.failure(error));
                }
            }
        }
        batch.flush()?;
        senders.verdict(&self.access.name)
    }

    fn failure(&self, error: RecvError) -> Failure {
        let hint = match error {
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
    /// Those of which a message was broken off.
    cut: BTreeSet<u32>,
    /// The one of which a message has begun to be written.
    halfway: Option<u32>,
    any_ended: bool,
}

impl Senders {
    fn spoke(&mut self, mail: &Mail) {
        self.open.insert(mail.from());
        self.halfway = mail.piece().filter(|piece| !piece.is_last).map(|_| mail.from());
    }

    fn cut(&mut self, rank: u32) {
        self.cut.insert(rank);
        self.halfway = None;
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

    /// Whether all that was written is whole, and all there was; a line for each kind of what is not.
    fn verdict(&self, name: &str) -> Result<(), Failure> {
        let failure = |ranks: &BTreeSet<u32>, what: &str, hint: &str| {
            let names: Vec<String> = ranks.iter().map(|rank| format!("rank {rank}")).collect();
            let what = format!("{} {what}", names.join(" and "));
            (!ranks.is_empty()).then(|| Failure::of_region(name, what, hint))
        };
        let cut = "broke off in the middle of a message";
        let dead = "died before the end";
        // Whoever died in the middle of a message is told of once.
        let others = self.dead.difference(&self.cut).copied().collect();
        Failure::all(
            [
                failure(&self.cut, cut, "what is written of it is incomplete; send it again"),
                failure(&others, dead, "what had been sent is written; send it again"),
            ]
            .into_iter()
            .flatten(),
        )
    }
}
