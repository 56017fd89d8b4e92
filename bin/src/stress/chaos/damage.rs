//! What came of a chaos.

use super::sheet::SPANS;
use crate::common::failure::Failure;
use crate::stress::violations::check;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result as Fmt};

/// The counts; all from `ended` on must be zero.
#[derive(Debug, Serialize)]
pub struct Damage {
    pub ranks: u32,
    pub seed: u64,
    /// How many words were to be overwritten, and how many were.
    pub asked: u64,
    pub seconds: f64,
    pub writes: u64,
    /// The same, by what was overwritten.
    pub by_class: BTreeMap<String, u64>,
    pub calls: u64,
    /// Calls that did something.
    pub good: u64,
    /// Times that a mailbox was called corrupt.
    pub corrupt: u64,
    /// Resets asked for with a mailbox that was called corrupt.
    pub resets: u64,
    /// Those after which mail came, in the same life of the receiver.
    pub revived: u64,
    /// Requests that were answered, with any content.
    pub answers: u64,
    /// The same, rightly, among the ranks that are spared.
    pub right_answers: u64,
    /// Joinings and ends that were told, whether true or not.
    pub events: u64,
    /// Lives in which several threads shared the endpoint.
    pub shared_lives: u64,
    /// Loans that were sent, and received mails that were too long for anything else.
    pub loans_lent: u64,
    pub loans_read: u64,
    /// How many calls took up to 1, 2, 4, … ms.
    pub spans: [u64; SPANS],
    pub longest_ms: f64,
    pub longest_call: String,
    /// Processes that ended by themselves, and not well.
    pub ended: u64,
    /// Calls that took longer than they may.
    pub stuck: u64,
    /// Mailboxes that carried no mail in the end.
    pub silent: u64,
    /// Requests and answers among the ranks that are spared that are something else.
    pub mistaken: u64,
    pub left_behind: u64,
    /// The first of these.
    pub first_fault: Option<String>,
}

impl Damage {
    /// As one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// An error if anything was wrong.
    pub fn check(&self) -> Result<(), Failure> {
        let all = self.ended + self.stuck + self.silent + self.mistaken + self.left_behind;
        let again = format_args!(
            "mbox-demo torture --chaos --writes {} --ranks {} --seed {}",
            self.asked, self.ranks, self.seed
        );
        check(all, self.first_fault.as_deref(), again)
    }
}

impl Display for Damage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        let Self { ranks, seed, seconds, writes, calls, good, .. } = self;
        writeln!(
            f,
            "{ranks} ranks, one that nobody holds and two that are spared, seed {seed}, {seconds:.1} s"
        )?;
        writeln!(f, "words overwritten         {writes:>12}   ({:.0}/s)", *writes as f64 / seconds)?;
        for (class, count) in &self.by_class {
            writeln!(f, "  {class:<24}{count:>12}")?;
        }
        writeln!(f, "calls                     {calls:>12}   ({good} did something)")?;
        for (span, count) in self.spans.iter().enumerate().filter(|(_, count)| **count > 0) {
            if span == SPANS - 1 {
                writeln!(f, "  longer                  {count:>12}")?;
            } else {
                writeln!(f, "  up to {:>4} ms           {count:>12}", 1 << span)?;
            }
        }
        writeln!(f, "longest call              {:>12.1} ms   ({})", self.longest_ms, self.longest_call)?;
        writeln!(f, "told to be corrupt        {:>12}", self.corrupt)?;
        writeln!(f, "of these, reset           {:>12}", self.resets)?;
        writeln!(f, "of these, heard again     {:>12}", self.revived)?;
        writeln!(f, "requests answered         {:>12}", self.answers)?;
        writeln!(f, "among the spared          {:>12}", self.right_answers)?;
        writeln!(f, "joinings and ends told    {:>12}", self.events)?;
        writeln!(f, "lives of several threads  {:>12}", self.shared_lives)?;
        writeln!(f, "loans sent                {:>12}", self.loans_lent)?;
        writeln!(f, "long ones read            {:>12}", self.loans_read)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  ended by itself         {:>12}", self.ended)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        writeln!(f, "  silent in the end       {:>12}", self.silent)?;
        writeln!(f, "  mistaken by the spared  {:>12}", self.mistaken)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
