//! `mbox send`

use super::access::Access;
use super::framing::Framing;
use super::number;
use super::remedy::{command_for, folder, is_file, joining, leave, lost};
use super::standard::{Input, input_failure};
use super::stop::Stop;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{Broken, Endpoint, SendError, Status};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

/// Bytes that are read at once, and of a message that is no line at most: a system call carries many bytes, and
/// a default arena holds many such messages, so that both sides are busy at once.
const CHUNK: u64 = 64 << 10;
/// How often to look for a receiver that is still to come.
const POLL: Duration = Duration::from_millis(10);

const MORE: &str = "\
Without --lines or --null, the input is one stream of bytes. It is cut into messages of up to 64 KiB, which mbox recv \
joins again. With --lines or --null, each message is read into memory before it is sent.

If a signal ends mbox send before the end of its input, its rank counts as dead. So the receiver knows that the input \
is not complete.

Exit status:
  0    all was sent, and waits in the mailbox until it is received
  1    it failed; what was sent before that stays in the mailbox
  2    the command line is wrong
  128 + N  signal N ended it before the end of its input: 130 for Ctrl-C

Examples:
  mbox send demo --as 0 --to 1 < file
  tail -f log | mbox send demo --as 0 --to 1 --lines
  find . -name '*.c' -print0 | mbox send jobs --as 0 --to 1 -0";

/// Send standard input. While the mailbox is full, it waits, even if no receiver has come yet
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Send {
    #[command(flatten)]
    access: Access,
    /// The rank to join as
    #[arg(long = "as", value_name = "R", value_parser = number::rank)]
    me: u32,
    /// The rank to send to
    #[arg(long, value_name = "R", value_parser = number::rank)]
    to: u32,
    /// The tag that each message carries: a number, also in hexadecimal digits after 0x; 0 if none is given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = number::tag)]
    tag: u32,
    #[command(flatten)]
    framing: Framing,
}

impl Send {
    /// Sends all there is.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let input = Input::open(stop.clone())?;
        let stream = self.start(stop)?;
        let sent = match self.framing.end() {
            Some(end) => stream.carry_messages(input, end),
            None => stream.carry_bytes(input),
        };
        match sent {
            Ok(()) => leave(stream.name, stream.endpoint),
            Err(failure) => {
                break_off(stream.endpoint);
                Err(failure)
            }
        }
    }

    fn start(&self, stop: Stop) -> Result<Stream<'_>, Failure> {
        let region = self.access.open()?;
        let before = region.status(self.to);
        let endpoint = region.join(self.me).map_err(|error| joining(&self.access.name, error))?;
        stop.start(endpoint.interrupter())?;
        let Self { framing, to, tag, .. } = *self;
        let stream = Stream { endpoint, to, tag, before, stop, framing, name: &self.access.name };
        stream.open()?;
        Ok(stream)
    }
}

/// Ends an endpoint as a panic does: a leave would tell the receiver that what it got was all.
fn break_off(endpoint: Endpoint) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _dropped = endpoint;
        resume_unwind(Box::new(()));
    }));
}

struct Stream<'a> {
    endpoint: Endpoint,
    to: u32,
    tag: u32,
    /// What the receiver was before this stream began.
    before: Option<(Status, u64)>,
    stop: Stop,
    framing: Framing,
    name: &'a str,
}

impl Stream<'_> {
    /// Opens the mailbox even if there will be nothing to send: the receiver waits for our leave.
    fn open(&self) -> Result<(), Failure> {
        self.endpoint.to(self.to).open().map_err(|error| self.failure(error))
    }

    fn carry_bytes(&self, mut input: Input) -> Result<(), Failure> {
        // What lies in the mailbox as a whole needs no receiver, and is there for the next one if this one dies.
        let whole = self.endpoint.region().eager_limit().min(CHUNK) as usize;
        if whole == 0 {
            return Err(self.failure(SendError::TooLarge { len: 1, limit: 0 }));
        }
        let mut buffer = vec![0; CHUNK as usize];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => buffer[..len].chunks(whole).try_for_each(|chunk| self.send(chunk))?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unread(error)),
            }
        }
    }

    /// Sends what ends with `end`, as a message each.
    fn carry_messages(&self, input: Input, end: u8) -> Result<(), Failure> {
        let mut input = BufReader::with_capacity(CHUNK as usize, input);
        let limit = self.endpoint.region().max_message();
        let mut message = Vec::new();
        for number in 1_u64.. {
            message.clear();
            // One byte beyond the longest: its end, or proof that it is longer.
            let mut bounded = (&mut input).take(limit.saturating_add(1));
            let read = bounded.read_until(end, &mut message).map_err(|error| self.unread(error))?;
            if read == 0 {
                break;
            }
            if message.last() == Some(&end) {
                message.pop();
            }
            if message.len() as u64 > limit {
                return Err(self.too_long(number, limit));
            }
            self.send(&message)?;
        }
        Ok(())
    }

    /// Why there is no more input: it failed, or this process is to end.
    fn unread(&self, error: io::Error) -> Failure {
        self.stop.check().err().unwrap_or_else(|| input_failure(error))
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        // An announced message is for one life of its receiver: not for one that is to end, or has.
        while bytes.len() as u64 > self.endpoint.region().eager_limit() && self.is_receiver_to_come() {
            self.stop.check()?;
            thread::sleep(POLL);
        }
        loop {
            self.stop.check()?;
            match self.endpoint.to(self.to).tag(self.tag).send(bytes) {
                Err(SendError::Gone { .. }) if self.is_receiver_to_come() => {
                    thread::sleep(POLL);
                }
                Err(SendError::Interrupted) => {}
                sent => return sent.map_err(|error| self.failure(error)),
            }
        }
    }

    /// Whether the receiver that has ended is not ours but one before it: sender and receiver may be started
    /// in any order.
    fn is_receiver_to_come(&self) -> bool {
        let Some((status, epoch)) = self.before else { return false };
        let now = self.endpoint.region().status(self.to);
        matches!(status, Status::Left | Status::Dead) && now.is_some_and(|(_, now)| now == epoch)
    }

    fn too_long(&self, number: u64, limit: u64) -> Failure {
        let option = self.framing.option();
        let noun = if option == "--lines" { "line" } else { "message" };
        let what = format!("{noun} {number} is larger than the limit of {limit} bytes");
        let hint = format!("omit {option}, or create the region with a larger --max-message");
        Failure::of_region(self.name, what).hint(&hint)
    }

    fn failure(&self, error: SendError) -> Failure {
        let max_message = self.endpoint.region().max_message();
        let hint = match error {
            SendError::Broken(Broken::NoSpace(_)) if is_file(self.name) => {
                format!("make room on the disk of {:?}; nothing of this message was sent", folder(self.name))
            }
            SendError::Broken(Broken::NoSpace(_)) => "remove other regions (mbox ls, mbox rm), or create with --reserve".into(),
            SendError::TooLarge { limit, .. } if limit < max_message => {
                "only another process can receive it; omit --lines or --null, or create the region with a larger --arena"
                    .into()
            }
            SendError::TooLarge { .. } => "create the region with a larger --max-message".into(),
            SendError::Gone { .. } => "not everything was sent; start both again".into(),
            SendError::Full(_) => "only another process can make room; send less, or send to another rank".into(),
            SendError::Broken(Broken::Corrupt(_)) => {
                format!("remove the region and create it again: {}", command_for("rm", self.name))
            }
            SendError::Broken(Broken::Lost(why)) => lost(self.name, why),
            _ => String::new(),
        };
        let what = match error {
            SendError::Broken(_) | SendError::Gone { .. } | SendError::Full(_) | SendError::Timeout(_) => {
                error.to_string()
            }
            _ => format!("rank {}: {error}", self.to),
        };
        Failure::of_region(self.name, what).hint(&hint)
    }
}
