//! What the fuser makes of a frame, and of what the others measured near it.

use super::history::History;
use super::reading::Reading;
use bytemuck::{Pod, Zeroable};
use std::time::Duration;

/// Where the body was at the time of a frame. The fuser publishes the latest one.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Estimate {
    /// That of the frame.
    pub time: u64,
    pub position: f64,
}

/// An estimate, and how far from the frame the others were measured that went into it.
pub struct Aligned {
    pub estimate: Estimate,
    pub scan_apart: Duration,
    pub sample_apart: Duration,
}

impl Aligned {
    /// That of a frame: the nearest scan is brought to its time by the speeds between the two. `None` as long as there is none.
    pub fn of(frame: &Reading, scans: &History, samples: &History) -> Option<Self> {
        let (scan, sample) = (scans.nearest(frame.time)?, samples.nearest(frame.time)?);
        let speed = samples.mean(scan.time, frame.time)?;
        let later = (frame.time as f64 - scan.time as f64) * 1e-9;
        let position = f64::midpoint(frame.value, scan.value + speed * later);
        let apart = |reading: &Reading| Duration::from_nanos(reading.time.abs_diff(frame.time));
        Some(Self {
            estimate: Estimate { time: frame.time, position },
            scan_apart: apart(scan),
            sample_apart: apart(sample),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::{position, speed};
    use super::*;

    #[test]
    fn a_scan_is_brought_to_the_time_of_the_frame() {
        const STEP: u64 = 2_500_000;
        let (mut scans, mut samples) = (History::default(), History::default());
        let frame_time = 1_000_000_000;
        let reading = |time, value| Reading { time, number: 0, value, sensor: 0 };
        let frame = reading(frame_time, position(frame_time));
        assert!(Aligned::of(&frame, &scans, &samples).is_none());
        let scan_time = frame_time - 40_000_000;
        scans.add(reading(scan_time, position(scan_time)));
        assert!(Aligned::of(&frame, &scans, &samples).is_none());
        (0..40)
            .map(|step| scan_time - STEP / 2 + step * STEP)
            .for_each(|time| samples.add(reading(time, speed(time))));
        let aligned = Aligned::of(&frame, &scans, &samples).expect("all are there");
        assert_eq!(aligned.estimate.time, frame_time);
        assert_eq!((aligned.scan_apart.as_millis(), aligned.sample_apart.as_micros()), (40, 1250));
        let off = (aligned.estimate.position - position(frame_time)).abs();
        assert!(off < 1e-4, "{off}");
        let unaligned = (f64::midpoint(frame.value, position(scan_time)) - position(frame_time)).abs();
        assert!(unaligned > 1e-2, "so it matters: {unaligned}");
    }
}
