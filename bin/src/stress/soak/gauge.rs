//! What processes and a region take.

use crate::common::failure::Failure;
use crate::common::segments;
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::{fs, io};

/// Of its heap and its stacks a process may touch some pages late; a bit lost with each message of a long run is far more.
const SLACK_KIB: u64 = 64;

/// What one process takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its own memory: heap and stacks. Not the pages of the program, which are mapped as they are first run, nor those of the segment.
    pub memory_kib: u64,
    pub descriptors: u64,
}

/// What all take at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub processes: Vec<Process>,
    /// Of the segment, what is in memory.
    pub segment_kib: u64,
    /// Its length.
    pub length: u64,
}

/// What these processes and the segment of this name take.
pub fn read(region: &str, processes: &[u32]) -> Result<Reading, Failure> {
    let read = || -> io::Result<Reading> {
        let segment = fs::metadata(segments::path(region))?;
        let processes = processes.iter().map(|process| of_process(*process)).collect::<io::Result<_>>()?;
        Ok(Reading { processes, segment_kib: segment.blocks() / 2, length: segment.len() })
    };
    read().map_err(|error| {
        Failure::new(format_args!("cannot look at the processes: {error}; is /proc mounted?"))
    })
}

fn of_process(process: u32) -> io::Result<Process> {
    // Exact, other than the figures of `status`, which the kernel adds up now and then.
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let memory_kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    let memory_kib = memory_kib.ok_or(io::ErrorKind::InvalidData)?;
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
    Ok(Process { memory_kib, descriptors })
}

impl Reading {
    /// What is more here than in an earlier reading.
    pub fn beyond(&self, first: &Self) -> Option<&'static str> {
        let pairs = || self.processes.iter().zip(&first.processes);
        if pairs().any(|(last, first)| last.memory_kib > first.memory_kib + SLACK_KIB) {
            Some("the memory of a process")
        } else if pairs().any(|(last, first)| last.descriptors > first.descriptors) {
            Some("the number of a process' descriptors")
        } else if self.segment_kib > first.segment_kib || self.length != first.length {
            Some("the segment")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen() {
        let process = |memory_kib, descriptors| Process { memory_kib, descriptors };
        let first = Reading { processes: vec![process(8, 3), process(9, 3)], segment_kib: 5, length: 9000 };
        let changed = |change: fn(&mut Reading)| {
            let mut reading = first.clone();
            change(&mut reading);
            reading.beyond(&first)
        };
        assert_eq!(changed(|_| ()), None);
        assert_eq!(changed(|last| last.processes[0].memory_kib = 7), None);
        assert_eq!(changed(|last| last.processes[1].memory_kib += SLACK_KIB), None);
        assert_eq!(
            changed(|last| last.processes[1].memory_kib += SLACK_KIB + 1),
            Some("the memory of a process")
        );
        let descriptors = changed(|last| last.processes[0].descriptors = 4);
        assert_eq!(descriptors, Some("the number of a process' descriptors"));
        assert_eq!(changed(|last| last.segment_kib = 6), Some("the segment"));
        assert_eq!(changed(|last| last.length = 1), Some("the segment"));
    }
}
