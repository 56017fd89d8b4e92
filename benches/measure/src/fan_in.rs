//! What many senders to one receiver give.

use std::time::Duration;

/// Messages from many senders, counted where they are received and while all send.
pub struct FanIn {
    /// Messages received from each sender.
    pub received: Vec<u64>,
    /// Their length in bytes.
    pub bytes: usize,
    /// How long they were counted.
    pub time: Duration,
}

impl FanIn {
    /// Messages a second, from all senders together.
    pub fn rate(&self) -> f64 {
        self.total() as f64 / self.time.as_secs_f64()
    }

    /// What the sender got that got least, then most; 1 is what each would get if all got the same.
    pub fn shares(&self) -> [f64; 2] {
        let equal = self.total() as f64 / self.received.len() as f64;
        let least = self.received.iter().min().copied().unwrap_or_default();
        let most = self.received.iter().max().copied().unwrap_or_default();
        [least, most].map(|received| received as f64 / equal)
    }

    fn total(&self) -> u64 {
        self.received.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_relative_to_an_equal_one() {
        let fan_in =
            |received: &[u64]| FanIn { received: received.to_vec(), bytes: 8, time: Duration::from_secs(2) };
        assert_eq!(fan_in(&[5, 5, 5]).shares(), [1.0, 1.0]);
        assert_eq!(fan_in(&[0, 4, 8, 4]).shares(), [0.0, 2.0]);
        assert_eq!(fan_in(&[0, 4, 8, 4]).rate(), 8.0);
    }
}
