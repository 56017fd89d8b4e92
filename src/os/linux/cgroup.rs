//! How much memory the system lets this process have. If it takes more, the kernel kills it instead of returning an
//! error.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the hierarchies are usually mounted.
const MOUNTED: &str = "/sys/fs/cgroup";
/// The most levels that are read.
const LEVELS: usize = 32;

/// Bytes that this process's memory cgroup, and those above it, still let it take; `None` if there is no limit or
/// none is known. Memory that the system could reclaim by dropping caches or by swapping counts as free.
///
/// Costs about 10 µs, and as much again for each level with a limit.
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

/// The least that the group at `path` and those above it have left.
fn left_in(version: Version, mounted: &Path, path: &str, swap: u64) -> Option<u64> {
    let mut folder = mounted.join(path.trim_start_matches('/'));
    if !folder.is_dir() {
        // In a container that sees its own group as the root, the path is the one outside.
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
        // No limit is written as a word, or as more bytes than any machine has.
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

/// Free bytes of the machine's swap.
fn free_swap() -> u64 {
    let mut about = core::mem::MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: `about` outlives the call, and any bytes, including zeros, are a valid value of it.
    #[expect(unsafe_code, reason = "system call")]
    let about = unsafe {
        libc::sysinfo(about.as_mut_ptr());
        about.assume_init()
    };
    (about.freeswap as u64).saturating_mul(about.mem_unit.into())
}

/// Bytes that the machine has available, as the kernel reports them.
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

    /// A folder of groups that is removed on drop.
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
        // A container that sees its own group as the root.
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
