//! Programs that a test runs.

use crate::patience::{PATIENCE, wait_until};
use crate::process::{hear_signals, signal};
use std::io::{BufRead, BufReader, Read};
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};

/// A running program; killed and waited for when this is dropped.
pub struct Child(process::Child);

impl Child {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        hear_signals();
        Self(command.spawn().expect("it starts"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The writing end of its standard input, if that is a pipe; once.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.0.stdin.take()
    }

    /// The reading end of its standard output, if that is a pipe; once.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    /// The reading end of its standard error, if that is a pipe; once.
    pub fn complaints(&mut self) -> Option<ChildStderr> {
        self.0.stderr.take()
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, number: i32) {
        signal(self.id(), number);
    }

    /// Kills it and waits for its end: the kernel has let go of its locks then, and it does not look alive.
    pub fn kill(&mut self) {
        // An error means that it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(&mut self) -> ExitStatus {
        wait_until("a process ends", || self.has_ended());
        self.0.wait().expect("a child")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The lines that a process writes, as they come.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Those that come out of here.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        // Ends with the last process that has the other end of a pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                // Nobody listens any more if the test has failed.
                let _ = sender.send(line.expect("UTF-8"));
            }
        });
        Self(lines)
    }

    /// The next line, once there is one; `None` after the last.
    #[track_caller]
    pub fn next(&self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line comes"),
        }
    }
}

/// All that a process writes, taken from it as it comes.
pub struct Collected(JoinHandle<Vec<u8>>);

impl Collected {
    /// What comes out of here.
    pub fn of(mut output: impl Read + Send + 'static) -> Self {
        Self(thread::spawn(move || {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).expect("a pipe");
            bytes
        }))
    }

    /// All of it, once the process has closed the other end.
    pub fn bytes(self) -> Vec<u8> {
        self.0.join().expect("a reader")
    }

    /// The same, as text.
    pub fn text(self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8")
    }
}
