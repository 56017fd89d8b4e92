//! The tour: what there is to see, with a figure for each.

use super::failure::Failure;
use super::output::show;
use super::stage::Stage;
use super::{bounce, crowd, file, large, ring, sleep, stream, talk};
use clap::Args;

#[derive(Args)]
pub struct Tour {
    /// Make it a few seconds; the figures are rough then
    #[arg(long)]
    quick: bool,
}

/// How much of everything.
pub struct Pace {
    /// Round trips between two looks at the clock.
    pub rounds: u32,
    /// Seconds for the round trips, each stream, the ring, the sleep, the large messages and the many senders.
    pub bounce: f64,
    pub stream: f64,
    pub ring: f64,
    pub sleep: f64,
    pub large: f64,
    pub crowd: f64,
    /// Large messages at a time.
    pub messages: u64,
    /// How often the sleeper is woken.
    pub wakes: u32,
}

const FULL: Pace = Pace {
    rounds: 200_000,
    bounce: 5.0,
    stream: 4.0,
    ring: 6.0,
    sleep: 3.0,
    large: 3.0,
    crowd: 3.0,
    messages: 4,
    wakes: 200,
};
const QUICK: Pace = Pace {
    rounds: 20_000,
    bounce: 0.1,
    stream: 0.1,
    ring: 1.0,
    sleep: 0.5,
    large: 0.0,
    crowd: 0.3,
    messages: 2,
    wakes: 10,
};
/// Where two processes that spin share a processor, a round trip takes two time slices.
const ROUNDS_ALONE: u32 = 160;

impl Tour {
    /// Shows it all.
    pub fn run(&self) -> Result<(), Failure> {
        let stage = Stage::new("tour")?;
        let processors = measure::processors();
        show("mailbox: message passing between processes over shared memory")?;
        if processors == 1 {
            show("There is one processor, so no two processes run at once: the figures show the scheduler.")?;
        }
        if self.quick {
            show("A quick tour: the figures are rough.")?;
        }
        let pace = self.pace(processors);
        talk::watch(&stage)?;
        bounce::watch(&stage, &pace)?;
        stream::watch(&stage, &pace)?;
        ring::watch(&stage, &pace)?;
        sleep::watch(&stage, &pace)?;
        large::watch(&stage, &pace)?;
        file::watch(&stage)?;
        crowd::watch(&stage, &pace)?;
        let regions = stage.leave()?;
        show(&format!(
            "\n{} is as it was: the {regions} regions of this tour are gone, the one in a file too.",
            mailbox::lab::os::shm_folder().display()
        ))
    }

    fn pace(&self, processors: usize) -> Pace {
        let pace = if self.quick { QUICK } else { FULL };
        if processors == 1 { Pace { rounds: ROUNDS_ALONE, ..pace } } else { pace }
    }
}
