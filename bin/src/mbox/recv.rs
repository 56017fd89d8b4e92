//! `mbox recv`

use super::access::Access;
use super::batch::{Batch, Carried};
use super::framing::Framing;
use super::number;
use super::remedy::{command_for, joining, leave, lost};
use super::senders::Senders;
use super::span;
use super::standard::Output;
use super::stop::Stop;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Broken, Endpoint, FetchError, RecvError};
use std::time::Duration;

const MORE: &str = "\
mbox recv waits for the first message without a limit. It ends when every rank that sent something has left. With \
--count, only the ranks that it received from matter. A signal ends it earlier; what it did not write stays unread.

A message that was written is never received again, with one exception: --tag leaves other messages unread, and the next \
process that joins as this rank gets those again that were written from behind them. With \"| head -3\", messages that are still in the pipe when head \
ends count as written; use --count 3 to take exactly three. With --lines, a message with a newline in it becomes two \
lines; --null keeps it whole.

Exit status:
  0    all was written; with --count: as many messages as requested
  1    it failed, or a sender died before the end of its input
  2    the command line is wrong
  3    too few messages: fewer than --count, or none before --timeout
       or with --no-wait
  128 + N  signal N ended it: 130 for Ctrl-C, 141 if its output is not read

Examples:
  mbox recv demo --as 1 > copy
  mbox recv jobs --as 1 --lines --count 1 --timeout 30
  mbox recv jobs --as 1 -0 --no-wait | xargs -0 -r ls
  mbox recv demo --as 1 --lines --with-sender
  mbox recv demo --as 1 --lines --tag 7";

/// How long a large message that has begun to come is waited for, where no longer time is given.
const HALFWAY: Duration = Duration::from_secs(5);

/// Write received messages to standard output, until every sender has left
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Recv {
    #[command(flatten)]
    access: Access,
    /// The rank to join as
    #[arg(long = "as", value_name = "R", value_parser = number::rank)]
    me: u32,
    /// Receive only from this rank, until it has left; at once if it has left already
    #[arg(long, value_name = "R", value_parser = number::rank)]
    from: Option<u32>,
    /// Receive only messages with this tag: a number, also in hexadecimal digits after 0x; others stay unread
    #[arg(long, value_name = "N", value_parser = number::tag)]
    tag: Option<u32>,
    /// End after N messages; later ones stay unread
    #[arg(long, value_name = "N", value_parser = number::count)]
    count: Option<u64>,
    /// End when nothing has come for this time: 5, 0.5, 500ms, 2m
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    timeout: Option<Duration>,
    /// Take the messages that are there, and do not wait for more
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    #[command(flatten)]
    framing: Framing,
    /// Write the sender's rank and a tab before each message; needs --lines or --null
    #[arg(long)]
    with_sender: bool,
}

/// Why no more is received.
enum End {
    /// There were as many messages as asked for.
    Count,
    /// All senders have ended.
    Senders,
    /// Nothing came in time.
    Time,
}

impl Recv {
    /// Receives until the end.
    pub fn run(&self) -> Result<(), Failure> {
        if self.with_sender && self.framing.end().is_none() {
            return Err(Failure::usage(
                "--with-sender needs --lines or --null: a stream has no beginnings of messages; see: mbox recv --help",
            ));
        }
        let stop = Stop::on_signals()?;
        let mut output = Output::open()?;
        let region = self.access.open()?;
        let me = region.join(self.me).map_err(|error| joining(&self.access.name, error))?;
        stop.start(me.interrupter())?;
        output.watch(&stop)?;
        // Memory does not grow with a message.
        me.set_by_hand(true);
        let mut senders = Senders::default();
        let (end, taken) = self.receive(&me, output, &stop, &mut senders)?;
        leave(&self.access.name, me)?;
        senders.verdict(&self.access.name)?;
        let is_enough = match self.count {
            Some(count) => taken == count,
            None => taken > 0 || matches!(end, End::Senders),
        };
        if is_enough { Ok(()) } else { Err(self.too_few(end, taken)) }
    }

    fn receive(
        &self,
        me: &Endpoint,
        output: Output,
        stop: &Stop,
        senders: &mut Senders,
    ) -> Result<(End, u64), Failure> {
        let mut batch = Batch::new(output, self.framing.end(), self.with_sender);
        let mut taken = 0;
        let end = loop {
            if self.count == Some(taken) {
                break End::Count;
            }
            if senders.have_ended() {
                break End::Senders;
            }
            stop.check()?;
            let from = self.from.map_or(me.from_any(), |rank| me.from(rank));
            let from = self.tag.map_or(from, |tag| from.tag(tag));
            let received = match from.try_recv() {
                Ok(Some(mail)) => Ok(mail),
                // What the batch holds may be what keeps more from coming.
                Ok(None) | Err(RecvError::Held(_)) => {
                    batch.flush()?;
                    match self.patience() {
                        None => from.recv(),
                        Some(time) => from.within(time).recv(),
                    }
                }
                Err(error) => Err(error),
            };
            match received {
                Ok(mail) => {
                    let rank = mail.from();
                    if rank != self.me {
                        senders.spoke(rank);
                    }
                    if mail.announced().is_none() {
                        taken += 1;
                        batch.add(mail)?;
                        continue;
                    }
                    // Its sender sends it as soon as there is room.
                    let patience = self.patience().map(|time| time.max(HALFWAY));
                    match batch.carry(mail, patience, stop)? {
                        Carried::Whole => taken += 1,
                        Carried::Part(error) => {
                            senders.cut(rank);
                            if error.is_timeout() {
                                break End::Time;
                            }
                        }
                        Carried::Nothing(FetchError::Timeout(_)) => break End::Time,
                        Carried::Nothing(FetchError::Cut(_) | FetchError::Gone { .. }) => {}
                        Carried::Nothing(FetchError::Broken(broken)) => {
                            return Err(self.failure(broken.into()));
                        }
                        Carried::Nothing(error) => return Err(Failure::of_region(&self.access.name, error)),
                    }
                }
                // What it sends is for others.
                Err(RecvError::Gone { rank, .. })
                    if self.from.is_none() && !me.region().has_mailbox(rank, self.me) => {}
                // Mail was asked for, and this rank's was taken before: others may send some.
                Err(RecvError::Gone { rank, died: false })
                    if self.count.is_some() && self.from.is_none() && !senders.has_spoken(rank) => {}
                Err(RecvError::Gone { rank, died: false }) => senders.left(rank),
                Err(RecvError::Gone { rank, died: true }) => senders.died(rank),
                Err(RecvError::Interrupted) => {}
                Err(RecvError::Timeout) => break End::Time,
                // There is nobody but ourselves to hear from.
                Err(RecvError::Broken(Broken::Oneself)) => break End::Senders,
                Err(error) => {
                    batch.flush()?;
                    return Err(self.failure(error));
                }
            }
        };
        batch.flush()?;
        Ok((end, taken))
    }

    /// How long the next mail may take; `None`: for ever.
    fn patience(&self) -> Option<Duration> {
        if self.no_wait { Some(Duration::ZERO) } else { self.timeout }
    }

    fn too_few(&self, end: End, taken: u64) -> Failure {
        let messages = match self.count {
            Some(count) => format!("{taken} of {count} messages"),
            None => "no message".into(),
        };
        let why = match (end, self.timeout) {
            (End::Time, Some(time)) => format!("nothing came for {}", span::show(time)),
            (End::Time, None) => "there are no more messages".into(),
            _ => "every sender has left".into(),
        };
        Failure::of_region(&self.access.name, format_args!("{messages} for rank {}: {why}", self.me))
            .too_few()
    }

    fn failure(&self, error: RecvError) -> Failure {
        let hint = match error {
            RecvError::Broken(Broken::Corrupt(_)) => {
                format!("remove the region and create it again: {}", command_for("rm", &self.access.name))
            }
            RecvError::Broken(Broken::Lost(why)) => lost(&self.access.name, why),
            RecvError::Crowded { .. } => "receive them first: without --tag, or with their own".into(),
            _ => String::new(),
        };
        Failure::of_region(&self.access.name, error).hint(&hint)
    }
}
