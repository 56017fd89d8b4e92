//! A conversation.

use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{Endpoint, RecvError};
use std::process;

/// Shows two processes that talk.
pub fn watch(processes: &Processes) -> Result<(), Failure> {
    show("\n1. A conversation of two processes that share only a region's name")?;
    processes.play(2, &["talk --rank 0".into(), "talk --rank 1".into()])
}

#[derive(Args)]
pub struct Talk {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
}

impl Talk {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(self.rank)?;
        let say =
            |text: String| me.send(1 - self.rank, text.as_bytes()).map_err(|error| self.place.failure(error));
        if self.rank == 0 {
            say(format!("Hello, this is process {}.", process::id()))?;
            self.hear(&me)?;
            say("So did I. Goodbye.".into())
        } else {
            self.hear(&me)?;
            say(format!("Process {} here; I only knew the name.", process::id()))?;
            self.hear(&me)?;
            self.hear(&me)
        }
    }

    fn hear(&self, me: &Endpoint) -> Result<(), Failure> {
        let other = 1 - self.rank;
        let news = match me.from(other).recv() {
            Ok(mail) => format!("hears from rank {other}: {}", String::from_utf8_lossy(&mail.to_vec())),
            Err(RecvError::Gone { rank, died: false }) => format!("is told: rank {rank} has left"),
            Err(error) => return Err(self.place.failure(error)),
        };
        show(&format!("rank {} {news}", self.rank))
    }
}
