//! A world, drawn in characters.

use super::moment::Moment;
use super::world::{COLUMNS, PADDLE, ROWS, UNIT};
use std::time::Duration;

/// A world that is older is said to be old.
const OLD: Duration = Duration::from_millis(250);
/// What is shown below.
const KEYS: &str = "← a   s stop   d →   q quit";

/// The lines of the picture: what there is to be seen, and for how long it was that.
pub fn draw(moment: Option<&Moment>, age: Duration, by_hand: bool) -> Vec<String> {
    let wall = "─".repeat(COLUMNS);
    let mut lines = vec![format!("┌{wall}┐")];
    lines.extend((0..ROWS).map(|row| format!("│{}│", self::row(moment, row))));
    lines.push(format!("└{wall}┘"));
    lines.push(match moment {
        Some(Moment { world, keys }) => format!(
            " step {}   hits {}   misses {}   presses {}",
            world.steps, world.hits, world.misses, keys.presses
        ),
        None => " no world yet".to_owned(),
    });
    lines.push(match age {
        _ if age > OLD => format!(" physics has said nothing for {:.1} s", age.as_secs_f64()),
        _ if by_hand => format!(" {KEYS}"),
        _ => " a script plays; Ctrl-C ends it".to_owned(),
    });
    lines
}

fn row(moment: Option<&Moment>, row: usize) -> String {
    let Some(Moment { world, .. }) = moment else { return " ".repeat(COLUMNS) };
    let [ball_column, ball_row] = world.ball.map(|place| (place / UNIT) as usize);
    let left = (world.paddle / UNIT) as usize;
    let paddle = left..left + (PADDLE / UNIT) as usize;
    let character = |column| match () {
        () if (column, row) == (ball_column, ball_row) => '●',
        () if row == ROWS - 1 && paddle.contains(&column) => '▄',
        () => ' ',
    };
    (0..COLUMNS).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::game::keys::{Key, Keys};
    use bytemuck::Zeroable;

    #[test]
    fn every_world_fits_into_a_small_terminal() {
        let (mut moment, mut keys) = (Moment::first(), Keys::zeroed());
        for step in 0..20_000 {
            keys.press([Key::Left, Key::Right][step / 900 % 2], 0);
            moment = moment.next(keys);
            let lines = draw(Some(&moment), Duration::ZERO, true);
            assert!(lines.len() < 24 && lines.iter().all(|line| line.chars().count() < 80), "{lines:#?}");
            let all = lines.concat();
            assert_eq!(all.matches('●').count(), 1);
            // The ball may hide one of them.
            assert!((8..=9).contains(&all.matches('▄').count()), "{lines:#?}");
        }
    }

    #[test]
    fn what_there_is_is_said() {
        let lines = draw(Some(&Moment::first()), Duration::ZERO, true);
        assert!(lines[4].starts_with("│       ●  "), "{lines:#?}");
        assert!(lines[ROWS].contains("   ▄▄▄▄▄▄▄▄▄   "), "{lines:#?}");
        assert_eq!(lines[ROWS + 2], " step 0   hits 0   misses 0   presses 0");
        assert!(lines[ROWS + 3].contains(KEYS));
        assert!(draw(None, Duration::from_secs(1), false).concat().ends_with("nothing for 1.0 s"));
        assert!(draw(None, Duration::ZERO, false).concat().contains("no world yet"));
    }
}
