//! A time without camera.

use super::reading::Reading;
use crate::common::failure::Failure;
use crate::common::output::show;
use bytemuck::{Pod, Zeroable};

/// From the last frame of the camera that died to the first one of its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Outage {
    begin: u64,
    /// 0 as long as it lasts.
    end: u64,
}

/// Sees the outage come and go.
pub struct Watch {
    outage: Outage,
    last: Option<Reading>,
    /// How many scans and samples there were at the last frame.
    before: [u64; 2],
}

impl Outage {
    /// Whether an estimate that was too old at this time was so for want of frames.
    pub fn explains(&self, time: u64) -> bool {
        (self.begin..=self.end).contains(&time)
    }
}

impl Watch {
    pub fn new() -> Self {
        Self { outage: Outage::zeroed(), last: None, before: [0; 2] }
    }

    /// Nobody publishes frames.
    pub fn lost(&mut self) -> Result<(), Failure> {
        let Some(last) = self.last.filter(|_| self.outage.begin == 0) else { return Ok(()) };
        self.outage.begin = last.time;
        show(&format!("no frame comes after frame {}, and nobody publishes frames any more", last.number))
    }

    /// A frame came, and the others came to `others`.
    pub fn found(&mut self, frame: &Reading, others: [u64; 2]) -> Result<(), Failure> {
        let successor = |last: &Reading| last.sensor != frame.sensor && self.outage.end == 0;
        if let Some(last) = self.last.filter(successor) {
            // It may have come before anybody saw that there was none.
            self.lost()?;
            self.outage.end = frame.time;
            let [scans, samples] = [0, 1].map(|at| others[at] - self.before[at]);
            show(&format!("frame {} follows {}, from a successor; meanwhile", frame.number, last.number))?;
            show(&format!("{scans} scans and {samples} inertial samples came as ever"))?;
        }
        (self.last, self.before) = (Some(*frame), others);
        Ok(())
    }

    /// The outage, once it is over.
    pub fn over(&self) -> Option<Outage> {
        (self.outage.end > 0).then_some(self.outage)
    }
}
