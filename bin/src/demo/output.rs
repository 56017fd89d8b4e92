//! What is shown.

use super::failure::Failure;
use crate::closed;
use rustix::io::Errno;
use std::io::{self, Write};
use std::time::Duration;

/// Writes a line to standard output, at once.
pub fn show(line: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = if closed::output() {
        Err(Errno::BADF.into())
    } else {
        output.write_all(format!("{line}\n").as_bytes()).and_then(|()| output.flush())
    };
    written.map_err(|error| Failure::new(format_args!("standard output: {error}")))
}

/// A time with three digits or so.
pub fn time(time: Duration) -> String {
    let nanoseconds = time.as_secs_f64() * 1e9;
    let (unit, value) = match nanoseconds {
        ..1e3 => ("ns", nanoseconds),
        ..1e6 => ("µs", nanoseconds / 1e3),
        ..1e9 => ("ms", nanoseconds / 1e6),
        _ => ("s", nanoseconds / 1e9),
    };
    let decimals = if unit == "ns" || value >= 100.0 { 0 } else { 1 };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_unit() {
        let shown = |nanoseconds| time(Duration::from_nanos(nanoseconds));
        assert_eq!(shown(0), "0 ns");
        assert_eq!(shown(251), "251 ns");
        assert_eq!(shown(61_240), "61.2 µs");
        assert_eq!(shown(612_400), "612 µs");
        assert_eq!(shown(7_000_000), "7.0 ms");
        assert_eq!(shown(3_210_000_000), "3.2 s");
    }
}
