//! Times, as people write and read them.

use std::time::Duration;

/// Reads `5`, `0.5`, `500ms`, `5s`, `2m` or `1h`; without a unit, seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let what = || "a time is a number of seconds, or of ms, s, m or h: 5, 0.5, 500ms, 2m".to_owned();
    let number_end =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(what()),
    };
    if !number.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err(what());
    }
    let number: f64 = number.parse().map_err(|_| what())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is too long".into())
}

/// Writes a time in seconds.
pub fn show(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        let times = [
            ("5", "5 s"),
            ("0.5", "0.5 s"),
            ("500ms", "0.5 s"),
            ("0", "0 s"),
            ("2m", "120 s"),
            ("1h", "3600 s"),
        ];
        for (text, shown) in times {
            assert_eq!(parse(text).map(show).as_deref(), Ok(shown), "{text}");
        }
        for bad in ["", "s", "-1", "+1", "5 s", "1d", ".5", "1.2.3", "1e3", "inf", "nan", "5S"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("99999999999999999999999h"), Err("that is too long".into()));
    }
}
