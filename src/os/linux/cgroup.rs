//! How much memory the system lets this process have: beyond it, taking pages ends the process with SIGKILL where one
//! would expect an error.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the hierarchies are, by custom.
const MOUNTED: &str = "/sys/fs/cgroup";
/// The most levels that are looked at.
const LEVELS: usize = 32;

/// Bytes that this process' memory cgroup, and those above it, still let it take; `None` if there is no limit, or
/// nothing is known of one. What the system would get back by dropping caches and by swapping counts as free.
///
/// Costs some 10 µs, and as much for each level with a limit.
pub fn memory_left() -> Option<u64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    left(&membership, Path::new(MOUNTED), free_swap())
}

fn left(membership: &str, mounted: &Path, swap: u64) -> Option<u64> {
    let lefts = membership.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        if controllers.is_empty() {
            left_in(Version::Two, mounted, path, swap)
        } else if controllers.split(',').any(|controller| controller == "memory") {
            left_in(Version::One, &mounted.join("memory"), path, swap)
        } else {
            None
        }
    });
    lefts.min()
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// The least that a group at `path` and those above it have left.
fn left_in(version: Version, mounted: &Path, path: &str, swap: u64) -> Option<u64> {
    let mut folder = mounted.join(path.trim_start_matches('/'));
    if !folder.is_dir() {
        // A container that sees its own group as the first one, under the name that it has outside.
        folder = mounted.to_path_buf();
    }
    let groups = folder.ancestors().take_while(|folder| folder.starts_with(mounted)).take(LEVELS);
    groups.filter_map(|group| Group(group.to_path_buf()).left(version, swap)).min()
}

struct Group(PathBuf);

impl Group {
    fn left(&self, version: Version, swap: u64) -> Option<u64> {
        match version {
            Version::One => {
                let free = self.free("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")?;
                let with_swap =
                    self.free("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", "total_");
                Some(free.saturating_add(swap).min(with_swap.unwrap_or(u64::MAX)))
            }
            Version::Two => {
                let free = self.free("memory.max", "memory.current", "")?;
                let swap_left = match self.number("memory.swap.max") {
                    Some(limit) => limit.saturating_sub(self.number("memory.swap.current").unwrap_or(0)),
                    None => u64::MAX,
                };
                Some(free.saturating_add(swap.min(swap_left)))
            }
        }
    }

    /// What is left of a limit, if there is one.
    fn free(&self, limit: &str, usage: &str, prefix: &str) -> Option<u64> {
        // What has no limit says so in a word, or by more than any machine has.
        let limit = self.number(limit).filter(|limit| *limit < 1 << 60)?;
        let usage = self.number(usage)?;
        let stat = fs::read_to_string(self.0.join("memory.stat")).unwrap_or_default();
        let reclaimable: u64 = stat
            .lines()
            .filter_map(|line| line.strip_prefix(prefix)?.split_once(' '))
            .filter(|(name, _)| ["active_file", "inactive_file", "slab_reclaimable"].contains(name))
            .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
            .fold(0, u64::saturating_add);
        Some(limit.saturating_sub(usage.saturating_sub(reclaimable)))
    }

    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.0.join(file)).ok()?.trim().parse().ok()
    }
}

/// Bytes of the machine's swap that are free.
fn free_swap() -> u64 {
    let mut about = core::mem::MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: `about` outlives the call, and any bytes, zeros too, are a value of it.
    #[expect(unsafe_code, reason = "system call")]
    let about = unsafe {
        libc::sysinfo(about.as_mut_ptr());
        about.assume_init()
    };
    (about.freeswap as u64).saturating_mul(about.mem_unit.into())
}

/// Bytes that the machine has left, as it says itself.
pub fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    Some((kilobytes("MemAvailable:")? + kilobytes("SwapFree:")?).saturating_mul(1024))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A folder of groups that is gone when this is dropped.
    struct Groups(PathBuf);

    impl Groups {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("mailbox-groups-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Self(folder)
        }

        fn write(&self, group: &str, files: &[(&str, &str)]) {
            fs::create_dir_all(self.0.join(group)).expect("a folder");
            for (name, content) in files {
                fs::write(self.0.join(group).join(name), content).expect("a file");
            }
        }
    }

    impl Drop for Groups {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_tightest_level_counts() {
        let groups = Groups::new("two");
        let left = |membership: &str, swap| left(membership, &groups.0, swap);
        assert_eq!(left("0::/a/b\n", 0), None, "nothing is known");
        groups.write("a/b", &[("memory.max", "max\n"), ("memory.current", "7\n")]);
        assert_eq!(left("0::/a/b\n", 0), None, "no limit");
        groups.write("a", &[("memory.max", "1000\n"), ("memory.current", "900\n")]);
        assert_eq!(left("0::/a/b\n", 0), Some(100));
        assert_eq!(left("0::/a/b\n", 50), Some(150));
        groups.write("a", &[("memory.swap.max", "30\n"), ("memory.swap.current", "10\n")]);
        assert_eq!(left("0::/a/b\n", 50), Some(120));
        groups.write("a", &[("memory.stat", "anon 5\ninactive_file 200\nactive_file 50\nshmem 600\n")]);
        assert_eq!(left("0::/a/b\n", 0), Some(350), "caches can go");
        groups.write("a/b", &[("memory.max", "100\n"), ("memory.current", "500\n")]);
        assert_eq!(left("0::/a/b\n", 0), Some(0));
        // A container's group that it sees as the first one.
        groups.write("", &[("memory.max", "64\n"), ("memory.current", "4\n")]);
        assert_eq!(left("0::/outside/name\n", 0), Some(60));
        assert_eq!(left("", 0), None);
        assert_eq!(left("garbage\n0\n::\n", 0), Some(60));
    }

    #[test]
    fn an_old_hierarchy_counts_too() {
        let groups = Groups::new("one");
        let left = |swap| left("4:memory:/a\n0::/\n", &groups.0, swap);
        let unlimited = "9223372036854771712\n";
        groups.write("memory", &[("memory.limit_in_bytes", unlimited), ("memory.usage_in_bytes", "7\n")]);
        groups.write("memory/a", &[("memory.limit_in_bytes", "1000"), ("memory.usage_in_bytes", "900")]);
        assert_eq!(left(0), Some(100));
        let stat = "inactive_file 1\ntotal_inactive_file 200\ntotal_active_file 50\n";
        groups.write("memory/a", &[("memory.stat", stat)]);
        assert_eq!((left(0), left(1000)), (Some(350), Some(1350)));
        let with_swap = [("memory.memsw.limit_in_bytes", "1100"), ("memory.memsw.usage_in_bytes", "950")];
        groups.write("memory/a", &with_swap);
        assert_eq!(left(1000), Some(400));
    }

    #[test]
    fn this_machine_says_what_it_has() {
        let before = std::time::Instant::now();
        for _ in 0..100 {
            std::hint::black_box(memory_left());
        }
        println!("{:?} a look: {:?}", before.elapsed() / 100, memory_left());
        assert!(available().is_some_and(|bytes| bytes > 0));
    }
}
