//! What is shown, and what is told on standard error.

use super::failure::{End, Failure};
use super::signals::end_by;
use super::streams;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

/// The names of the two programs.
pub const MBOX: &str = "mbox";
pub const DEMO: &str = "mbox-demo";

/// Writes a line to standard output, at once.
pub fn show(line: &str) -> Result<(), Failure> {
    let shown = streams::output().and_then(|output| write(&output, format!("{line}\n").as_bytes()));
    shown.map_err(|error| Failure::new(format_args!("standard output: {error}")))
}

/// Writes a line of a program to standard error.
pub fn complain(program: &str, line: &str) {
    advise(&format!("{program}: {line}\n"));
}

/// Writes `text` to standard error; if nobody listens there, the exit status has to do.
pub fn advise(text: &str) {
    let _ = streams::error().and_then(|error| write(&error, text.as_bytes()));
}

/// Tells a failure of a program, and ends the process if a signal is to end it.
pub fn tell(program: &str, failure: &Failure) -> ExitCode {
    for line in failure.lines() {
        complain(program, line);
    }
    match failure.end() {
        End::Status(status) => status.into(),
        End::Signal(signal) => end_by(signal),
    }
}

/// Writes all of `bytes`; a file that does not block is waited for.
fn write(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(file, PollFlags::OUT)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
