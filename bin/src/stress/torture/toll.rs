//! What came of a torture.

use crate::common::failure::Failure;
use crate::stress::violations::check;
use serde::Serialize;
use std::fmt::{Display, Formatter, Result as Fmt};

/// The counts; all from `lost` on must be zero.
#[derive(Debug, Default, Serialize)]
pub struct Toll {
    pub ranks: u32,
    pub seed: u64,
    pub rate: u32,
    pub cells: u32,
    pub arena: u64,
    pub seconds: f64,
    pub kills: u64,
    /// Lives that ended by themselves, silently or in a panic.
    pub own_ends: u64,
    /// Times that a rank was joined: the kills that came before are not among them.
    pub lives: u64,
    pub messages: u64,
    pub redeliveries: u64,
    /// Long ones that did not arrive because one side died, or gave them up.
    pub long_missing: u64,
    pub calls: u64,
    /// Of these, answered, refused or dropped; ended with the server's life; not asked for want of room or of a server;
    /// given up.
    pub calls_answered: u64,
    pub calls_ended: u64,
    pub calls_unasked: u64,
    pub calls_given_up: u64,
    /// Mails of receives that were started, and those that a look had shown before.
    pub started: u64,
    pub peeked: u64,
    /// Panics with mail in hand, and what was in hand then, or was left, and was given again to the same life.
    pub panics: u64,
    pub given_again: u64,
    /// Ends of lives that receivers were told of, and of these of such as never sent anything.
    pub ends_told: u64,
    pub silent_ends_told: u64,
    pub longest_silence_ms: u64,
    pub lost: u64,
    pub torn: u64,
    pub disordered: u64,
    pub repeated: u64,
    /// Answers that are not that of their request.
    pub mistaken: u64,
    /// Requests that were carried out twice.
    pub twice: u64,
    /// Calls that ended otherwise than was told, or not at all where they must.
    pub belied: u64,
    /// What came again and was not marked, or was marked and new.
    pub unmarked: u64,
    pub mismarked: u64,
    /// Ends that were not told in time; that were told wrongly, or twice.
    pub untold: u64,
    pub mistold: u64,
    pub stuck: u64,
    pub left_behind: u64,
    /// The first of these.
    pub first_fault: Option<String>,
}

impl Toll {
    /// As one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and text")
    }

    /// An error if anything was wrong.
    pub fn check(&self) -> Result<(), Failure> {
        let mail = self.lost + self.torn + self.disordered + self.repeated;
        let calls = self.mistaken + self.twice + self.belied;
        let ends = self.unmarked + self.mismarked + self.untold + self.mistold;
        let all = mail + calls + ends + self.stuck + self.left_behind;
        let again = format_args!(
            "mbox-demo torture --kills {} --ranks {} --rate {} --seed {}",
            self.kills, self.ranks, self.rate, self.seed
        );
        check(all, self.first_fault.as_deref(), again)
    }
}

impl Display for Toll {
    fn fmt(&self, f: &mut Formatter<'_>) -> Fmt {
        let Self { ranks, seed, cells, arena, seconds, kills, lives, .. } = self;
        writeln!(
            f,
            "{ranks} ranks, {cells} cells and {arena} B arena a mailbox, seed {seed}, {seconds:.1} s"
        )?;
        writeln!(
            f,
            "kills                     {kills:>12}   ({:.0}/s; {lives} lives)",
            *kills as f64 / seconds
        )?;
        writeln!(f, "own ends                  {:>12}", self.own_ends)?;
        writeln!(f, "messages                  {:>12}", self.messages)?;
        writeln!(f, "delivered again           {:>12}", self.redeliveries)?;
        writeln!(f, "long ones given up           {:>12}", self.long_missing)?;
        writeln!(f, "calls                     {:>12}", self.calls)?;
        writeln!(f, "  answered                {:>12}", self.calls_answered)?;
        writeln!(f, "  ended by a death        {:>12}", self.calls_ended)?;
        writeln!(f, "  not asked               {:>12}", self.calls_unasked)?;
        writeln!(f, "  given up                {:>12}", self.calls_given_up)?;
        writeln!(f, "received by requests      {:>12}", self.started)?;
        writeln!(f, "received after a look     {:>12}", self.peeked)?;
        writeln!(f, "panics                    {:>12}", self.panics)?;
        writeln!(f, "  given again             {:>12}", self.given_again)?;
        writeln!(f, "ends told                 {:>12}", self.ends_told)?;
        writeln!(f, "  of silent lives         {:>12}", self.silent_ends_told)?;
        writeln!(f, "longest silence           {:>12} ms", self.longest_silence_ms)?;
        writeln!(f, "violations:")?;
        writeln!(f, "  lost                    {:>12}", self.lost)?;
        writeln!(f, "  torn                    {:>12}", self.torn)?;
        writeln!(f, "  out of order            {:>12}", self.disordered)?;
        writeln!(f, "  seen after acknowledged {:>12}", self.repeated)?;
        writeln!(f, "  another call's answer   {:>12}", self.mistaken)?;
        writeln!(f, "  carried out twice       {:>12}", self.twice)?;
        writeln!(f, "  told what is not so     {:>12}", self.belied)?;
        writeln!(f, "  again without a mark    {:>12}", self.unmarked)?;
        writeln!(f, "  new with a mark         {:>12}", self.mismarked)?;
        writeln!(f, "  end not told            {:>12}", self.untold)?;
        writeln!(f, "  end told wrongly        {:>12}", self.mistold)?;
        writeln!(f, "  stuck                   {:>12}", self.stuck)?;
        write!(f, "  left behind             {:>12}", self.left_behind)
    }
}
