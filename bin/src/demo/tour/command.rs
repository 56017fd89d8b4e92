//! The tour: what there is to see, with a figure for each.

use super::pace::Pace;
use super::{bounce, crowd, file, large, ring, sleep, stream, talk, together};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::processes::Processes;
use crate::common::segments;
use clap::Args;
use measure::processors;

#[derive(Args)]
pub struct Tour {
    /// Take only a few seconds; the figures are rough then
    #[arg(long)]
    quick: bool,
}

impl Tour {
    /// Shows it all.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("tour")?;
        let processors = processors();
        show("mailbox: message passing between processes over shared memory")?;
        if processors == 1 {
            show("There is only one processor, so the figures show the scheduler.")?;
        }
        if self.quick {
            show("A quick tour: the figures are rough.")?;
        }
        let pace = Pace::new(self.quick, processors);
        talk::watch(&processes)?;
        bounce::watch(&processes, &pace)?;
        stream::watch(&processes, &pace)?;
        ring::watch(&processes, &pace)?;
        sleep::watch(&processes, &pace)?;
        large::watch(&processes, &pace)?;
        file::watch(&processes)?;
        crowd::watch(&processes, &pace)?;
        together::watch(&processes, &pace)?;
        let regions = processes.leave()?;
        show(&format!(
            "\n{} is as it was: the {regions} regions of this tour are gone, the one in a file too.",
            segments::folder().display()
        ))
    }
}
