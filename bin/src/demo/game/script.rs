//! What is played where nobody plays.

use super::keys::{Key, Keys};
use std::time::Duration;

/// Keys, and how long each stays the last one, in milliseconds. Over and over.
const SCRIPT: [(Key, u64); 8] = [
    (Key::Right, 450),
    (Key::Stop, 110),
    (Key::Left, 720),
    (Key::Right, 330),
    (Key::Left, 170),
    (Key::Stop, 240),
    (Key::Left, 90),
    (Key::Right, 380),
];

/// The key that is to be pressed now, after these.
pub fn due(keys: &Keys, now: u64) -> Option<Key> {
    let at = |press: u64| SCRIPT[(press % SCRIPT.len() as u64) as usize];
    let Some(last) = keys.presses.checked_sub(1) else { return Some(at(0).0) };
    let time = Duration::from_millis(at(last).1).as_nanos() as u64;
    (now.saturating_sub(keys.time) >= time).then(|| at(keys.presses).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn the_script_is_played_over_and_over() {
        let mut keys = Keys::zeroed();
        let mut played = vec![];
        // A second look a millisecond after the first, and so on.
        for now in (1_000_000..5_000_000_000).step_by(1_000_000) {
            if let Some(key) = due(&keys, now) {
                keys.press(key, now);
                played.push((now / 1_000_000, key));
            }
        }
        let mut at = 1;
        for (index, press) in played.iter().enumerate() {
            let (key, time) = SCRIPT[index % SCRIPT.len()];
            assert_eq!(*press, (at, key));
            at += time;
        }
        assert!(played.len() > SCRIPT.len());
    }

    #[test]
    fn who_comes_late_goes_on_where_the_last_one_ended() {
        let keys = Keys { presses: 3, time: 500, direction: -1 };
        assert_eq!(due(&keys, 400), None, "a time to come");
        assert_eq!(due(&keys, u64::MAX), Some(SCRIPT[3].0));
        assert!(due(&Keys { presses: u64::MAX, ..keys }, u64::MAX).is_some());
    }
}
