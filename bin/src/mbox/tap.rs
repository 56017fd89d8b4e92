//! `mbox tap`

use super::number;
use super::preview::{Preview, preview};
use super::span;
use super::standard::Output;
use super::stat::json;
use super::stop::Stop;
use super::watch::{End, Missed, Watch};
use crate::common::failure::Failure;
use crate::common::output::{MBOX, complain};
use clap::Args;
use mailbox::{Tapped, TappedKind, TappedMail};
use serde::Serialize;
use std::time::Instant;

/// Bytes of lines that are worth a write.
const ENOUGH: usize = 32 << 10;

const MORE: &str = "\
mbox tap has no rank, and opens the region for reading only. The ranks do not notice it and do not wait for it, so it misses \
mail that is received faster than it looks, and says how much. It shows first what is unread, then what comes, in order for each \
pair of ranks. Of a large message it sees only that it was announced. Short calls and their answers go another way.

Each line has the seconds since the start, the sender, the receiver, the message's number, its tag if it is not 0, its length, \
and the beginning of its payload: as text, or in hexadecimal digits. With --json, each line is an object.

It ends when it is asked to (Ctrl-C), and then says on standard error how much it has shown and missed.

Exit status:
  0    it was asked to end, or --count or --timeout ended it
  1    it failed: the region was removed, say
  2    the command line is wrong
  3    with --count: nothing came for --timeout before there were as many
  141  its output is not read

Examples:
  mbox tap demo
  mbox tap demo --from 0 --tag 7 --count 10
  mbox tap demo --json --timeout 5 | jq .bytes";

/// Show the mail that passes between the ranks; opens the region for reading only
#[derive(Args)]
#[command(name = "tap", after_help = MORE)]
pub struct Tap {
    #[command(flatten)]
    watch: Watch,
    /// Only messages with this tag: a number, also in hexadecimal digits after 0x
    #[arg(long, value_name = "N", value_parser = number::tag)]
    tag: Option<u32>,
    /// End after N messages
    #[arg(long, value_name = "N", value_parser = number::count)]
    count: Option<u64>,
    /// Show up to N bytes of each payload
    #[arg(long, value_name = "N", default_value_t = 64)]
    bytes: u32,
    /// Print a JSON object for each line
    #[arg(long)]
    json: bool,
}

/// A line. What scripts read: names here stay.
#[derive(Default, Serialize)]
struct Line {
    /// Nanoseconds since the start.
    at: u64,
    from: u32,
    to: u32,
    number: u64,
    /// `mail`, `announced`, `call`, `missed`, `corrupt`.
    kind: &'static str,
    /// How many were missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<u16>,
    /// The length of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The beginning of the payload.
    #[serde(flatten)]
    payload: Option<Preview>,
}

impl Tap {
    /// Shows until the end.
    pub fn run(&self) -> Result<(), Failure> {
        let stop = Stop::on_signals()?;
        let mut output = Output::open()?;
        let view = self.watch.look()?;
        let tap = self.watch.tap(&view, self.bytes as usize);
        stop.start(None)?;
        output.watch(&stop)?;
        let (start, mut text) = (Instant::now(), String::new());
        let (mut shown, mut missed) = (0, Missed::default());
        let end = self.watch.run(tap, &stop, |seen| {
            let is_idle = seen.is_none();
            if let Some(mut line) = seen.and_then(|seen| self.line(seen, &mut missed)) {
                line.at = start.elapsed().as_nanos() as u64;
                shown += u64::from(line.bytes.is_some());
                text.push_str(&if self.json { json(&line) } else { line.text() });
            }
            let is_enough = self.count == Some(shown);
            if is_idle || is_enough || text.len() >= ENOUGH {
                output.write_all(std::mem::take(&mut text).as_bytes())?;
            }
            Ok(!is_enough)
        })?;
        match (end, self.count, self.watch.timeout) {
            (End::Time, Some(count), Some(time)) => {
                let what = format!("{shown} of {count} messages: nothing came for {}", span::show(time));
                Err(self.watch.failure(what).too_few())
            }
            _ => {
                complain(
                    MBOX,
                    &format!("region {:?}: {shown} messages shown, {}", self.watch.name, missed.show()),
                );
                Ok(())
            }
        }
    }

    /// What is shown of it, if anything is.
    fn line(&self, seen: Tapped, missed: &mut Missed) -> Option<Line> {
        match seen {
            Tapped::Mail(mail) => self.is_wanted(&mail).then(|| Line::of(mail)),
            Tapped::Missed { from, to, first, count } => {
                missed.add(from, to, count);
                Some(Line { from, to, number: first, kind: "missed", count: Some(count), ..Line::default() })
            }
            Tapped::Corrupt { from, to, number } => {
                Some(Line { from, to, number, kind: "corrupt", ..Line::default() })
            }
            _ => None,
        }
    }

    fn is_wanted(&self, mail: &TappedMail) -> bool {
        self.tag.is_none_or(|tag| mail.tag == tag && mail.kind != TappedKind::Call)
    }
}

impl Line {
    fn of(mail: TappedMail) -> Self {
        let TappedMail { from, to, number, tag, context, kind, len, ref bytes, .. } = mail;
        let kind = match kind {
            TappedKind::Announced => "announced",
            TappedKind::Call => "call",
            _ => "mail",
        };
        let payload = (kind != "announced").then(|| preview(bytes, len));
        let (tag, context) = (Some(tag), Some(context).filter(|context| *context != 0));
        Self { at: 0, from, to, number, kind, count: None, tag, context, bytes: Some(len), payload }
    }

    fn text(&self) -> String {
        let Self { from, to, number, kind, .. } = self;
        let at = self.at as f64 / 1e9;
        let mut text = format!("{at:.6}  {from} -> {to}  #{number}");
        if *kind != "mail" {
            text += &format!("  {kind}");
        }
        self.count.inspect(|count| text += &format!(" {count}"));
        self.context.inspect(|context| text += &format!("  context {context:#x}"));
        self.tag.filter(|tag| *tag != 0).inspect(|tag| text += &format!("  tag {tag}"));
        self.bytes.inspect(|bytes| text += &format!("  {bytes} B"));
        self.payload.as_ref().inspect(|payload| text += &format!("  {payload}"));
        text + "\n"
    }
}
