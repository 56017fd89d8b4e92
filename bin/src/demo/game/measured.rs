//! What render measures.

use crate::common::distribution;
use measure::Times;

/// Times of frames.
#[derive(Default)]
pub struct Measured {
    /// From a key that is pressed to the end of the first frame that shows what comes of it.
    pub reactions: Times,
    /// From the beginning of a frame to that of the next.
    pub frames: Times,
    /// To look at the latest world.
    pub looks: Times,
}

impl Measured {
    /// As a message.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for times in [&self.reactions, &self.frames, &self.looks] {
            distribution::write(times, &mut bytes);
        }
        bytes
    }

    /// Out of a message; `None` if it is none.
    pub fn of_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || distribution::read(&mut bytes);
        let measured = Self { reactions: next()?, frames: next()?, looks: next()? };
        bytes.is_empty().then_some(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_go_through_a_message() {
        let mut measured = Measured::default();
        measured.reactions.add(Duration::from_millis(3));
        measured.frames.add(Duration::from_millis(16));
        measured.frames.add(Duration::from_millis(17));
        let bytes = measured.to_bytes();
        let read = Measured::of_bytes(&bytes).expect("times");
        assert_eq!([read.reactions.count(), read.frames.count(), read.looks.count()], [1, 2, 0]);
        assert_eq!(read.frames.quantile(1.0), measured.frames.quantile(1.0));
        for len in [0, 8, bytes.len() - 1] {
            assert!(Measured::of_bytes(&bytes[..len]).is_none());
        }
        assert!(Measured::of_bytes(&[bytes, vec![0]].concat()).is_none());
    }
}
