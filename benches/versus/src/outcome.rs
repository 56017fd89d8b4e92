//! What can come of a measurement.

use serde::{Deserialize, Serialize};
use std::error::Error;
use thiserror::Error;

/// What can fail for any reason.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// A system does not do this, and why; no failure.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Declined(pub &'static str);

/// What one run of one system gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// Figures.
    Measured(Figures),
    /// The system does not do this.
    Declined(String),
    /// It should have.
    Failed(String),
}

impl Answer {
    /// Its figures, if it has any.
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Measured(figures) => Some(figures),
            Self::Declined(_) | Self::Failed(_) => None,
        }
    }
}

impl From<Outcome<Figures>> for Answer {
    fn from(outcome: Outcome<Figures>) -> Self {
        match outcome {
            Ok(figures) => Self::Measured(figures),
            Err(error) if error.is::<Declined>() => Self::Declined(error.to_string()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// What was measured; what a case does not measure is not there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Nanoseconds at each of [`SHARES`].
    pub quantiles: Vec<f64>,
    /// How many times those are of.
    pub times: u64,
    /// Messages a second.
    pub per_s: Option<f64>,
    /// What the sender got that got least, then most; 1 is what each would get if all got the same.
    pub shares: Option<[f64; 2]>,
    /// Part of a processor that was in use.
    pub cpu: Option<f64>,
    /// Memory in use, in KiB.
    pub kib: Option<f64>,
    /// Half of the broadcasts took no longer from the root's call until the last rank had returned, in nanoseconds.
    #[serde(default)]
    pub last: Option<f64>,
    /// Half of the rows of calls of all ranks took no longer from one call to the next, in nanoseconds.
    #[serde(default)]
    pub period: Option<f64>,
    /// Files that were left outside the processes, and removed.
    #[serde(default)]
    pub left: usize,
    /// What one round trip or message took, in nanoseconds, as far as it is known.
    pub unit: Option<f64>,
}

/// The shares of all times that are kept of a distribution.
pub const SHARES: [f64; 30] = [
    0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7,
    0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999,
];

impl Figures {
    /// Of a distribution.
    pub fn of(times: &measure::Times) -> Self {
        let quantiles = SHARES.map(|share| times.quantile(share).as_secs_f64() * 1e9).to_vec();
        Self {
            unit: Some(times.quantile(0.5).as_secs_f64() * 1e9),
            quantiles,
            times: times.count(),
            ..Self::default()
        }
    }

    /// Of a stream.
    pub fn of_rate(per_s: f64) -> Self {
        Self { per_s: Some(per_s), unit: Some(1e9 / per_s), ..Self::default() }
    }

    /// The time that this share of all, one of [`SHARES`], does not exceed; `None` if there are too few to say.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let at = SHARES.iter().position(|other| *other == share)?;
        let enough = self.times as f64 * (1.0 - share) >= 1.0;
        self.quantiles.get(at).copied().filter(|_| enough)
    }
}
