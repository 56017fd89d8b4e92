//! What the systems leave outside their processes, and the machine that they run on.

use crate::outcome::Outcome;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const SHARED: &str = "/dev/shm";
const PREFIX: &str = "versus-";
/// What MPIs call the segments that they leave when they are killed.
const SEGMENTS: [&str; 3] = ["vader_segment.", "mpich_shar_tmp", "psm2_shm"];

/// A name and a folder for what the systems leave behind; removed at the end.
pub struct Ground {
    /// What names begin with.
    pub name: String,
    /// For files.
    pub folder: PathBuf,
    /// What was in `/dev/shm` before.
    before: BTreeSet<OsString>,
}

impl Ground {
    /// A new one; removes what killed runs of this program left.
    pub fn new() -> Outcome<Self> {
        let name = format!("{PREFIX}{}", std::process::id());
        for folder in [Path::new(SHARED), &std::env::temp_dir()] {
            for entry in entries(folder) {
                if owner(&entry).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                    remove(&folder.join(entry));
                }
            }
        }
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder)?;
        Ok(Self { name, folder, before: entries(Path::new(SHARED)).collect() })
    }

    /// Removes what a run has left; how many files that were.
    pub fn sweep(&self) -> usize {
        let ours = |entry: &OsString| entry.to_string_lossy().starts_with(&self.name);
        entries(Path::new(SHARED)).filter(ours).map(|entry| remove(&Path::new(SHARED).join(entry))).count()
    }

    /// As [`Ground::sweep`], after a run that was killed.
    pub fn sweep_all(&self) {
        self.sweep();
        for entry in entries(Path::new(SHARED)) {
            let name = entry.to_string_lossy();
            if SEGMENTS.iter().any(|segment| name.starts_with(segment)) && !self.before.contains(&entry) {
                remove(&Path::new(SHARED).join(&entry));
            }
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.sweep_all();
        remove(&self.folder);
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = OsString> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.file_name()))
}

/// The process that made a file of ours.
fn owner(entry: &OsString) -> Option<String> {
    let name = entry.to_str()?.strip_prefix(PREFIX)?;
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// The processors that sides are pinned to, in turn, and what machine that is.
pub fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let model = field("/proc/cpuinfo", "model name");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let allowed = field("/proc/self/status", "Cpus_allowed_list");
    let first = allowed.split([',', '-']).next().unwrap_or("0");
    let siblings = format!("/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list");
    let siblings = fs::read_to_string(siblings).unwrap_or_default();
    let siblings = if siblings.trim() == first { "a core each" } else { "some are siblings of one core" };
    format!("{model}, Linux {}; sides in turn on processors {allowed} ({siblings})", kernel.trim())
}
