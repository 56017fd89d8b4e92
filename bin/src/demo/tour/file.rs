//! A region in a file.

use crate::common::failure::Failure;
use crate::common::output::{show, time};
use crate::common::place::Where;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{RecvError, Status};
use std::process;
use std::time::Instant;

const MESSAGES: u64 = 1000;
const WORDS: usize = 16;

/// Shows that mail outlives the process that wrote it.
pub fn watch(processes: &Processes) -> Result<(), Failure> {
    show("\n7. A region in a file: the reader starts after the writer has ended")?;
    processes.play_in_file(2, &["write".into(), "read".into()])
}

/// The message of that number.
fn message(number: u64) -> [u64; WORDS] {
    std::array::from_fn(|at| number * WORDS as u64 + at as u64)
}

#[derive(Args)]
pub struct Write {
    #[command(flatten)]
    place: Where,
}

impl Write {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(0)?;
        let start = Instant::now();
        for number in 0..MESSAGES {
            let sent = me.send(1, bytemuck::bytes_of(&message(number)));
            sent.map_err(|error| self.place.failure(error))?;
        }
        let sent = time(start.elapsed());
        // The last to leave waits for the disk.
        drop(me);
        let (id, bytes, all) = (process::id(), 8 * WORDS, time(start.elapsed()));
        show(&format!(
            "process {id} wrote {MESSAGES} messages of {bytes} B in {sent}; on the disk after {all}"
        ))
    }
}

#[derive(Args)]
pub struct Read {
    #[command(flatten)]
    place: Where,
}

impl Read {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(1)?;
        if me.region().status(0) != Some((Status::Left, 1)) {
            return Err(self.place.failure("the writer has not ended"));
        }
        let start = Instant::now();
        let mut number = 0;
        loop {
            match me.from(0).recv() {
                Ok(mail) if mail.value() == Ok(message(number)) => number += 1,
                Ok(_) => return Err(self.place.failure(format_args!("message {number} is another"))),
                Err(RecvError::Gone { died: false, .. }) if number == MESSAGES => break,
                Err(error) => return Err(self.place.failure(error)),
            }
        }
        let (id, taken) = (process::id(), time(start.elapsed()));
        show(&format!("process {id}, started after its end, read {number} messages as written in {taken}"))
    }
}
