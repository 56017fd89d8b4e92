//! File operations that only Linux has: where segments lie, room, file systems, boots, and memory files.

use super::super::Cause;
use super::{File, cgroup, check};
use crate::abi::PAGE;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU64, Ordering};
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};

/// Whether named segments are different from files.
pub const SEGMENTS: bool = true;

/// Where named segments appear as files.
pub fn shm_folder() -> PathBuf {
    "/dev/shm".into()
}

/// The file of the named segment `name`.
pub fn shm_path(name: &str) -> PathBuf {
    shm_folder().join(name)
}

/// The names of all segments, and of other files that look like one.
pub fn shm_names() -> io::Result<Vec<String>> {
    Ok(fs::read_dir(shm_folder())?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

/// A new description of the file behind `file`. It shares neither locks nor position with it.
pub fn reopen(file: &File) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())) {
        // An open file is found there even if its name is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(Cause::Missing("/proc/self/fd").error())
        }
        opened => opened,
    }
}

/// Renames `from` to `to`, unless something has that name.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let c = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes());
    let (from, to) = (c(from)?, c(to)?);
    let here = libc::AT_FDCWD;
    // By its number, because the musl that Rust links has no such function.
    // SAFETY: two NUL-terminated strings that outlive the call.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe {
        libc::syscall(libc::SYS_renameat2, here, from.as_ptr(), here, to.as_ptr(), libc::RENAME_NOREPLACE)
    };
    match check(result as c_int) {
        // The answer of a file system that does not know the flag.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Err(ErrorKind::Unsupported.into()),
        result => result.map(drop),
    }
}

/// The most that is taken from the system at once.
const PIECE: u64 = 64 << 20;
/// How small an interrupted attempt may get.
const SMALLEST_PIECE: u64 = 1 << 20;
/// How many times in a row an attempt may be interrupted.
const TRIES: u32 = 100;

/// Takes the pages of a range of `file` from the system, so that touching them cannot fail later.
///
/// If they do not fit this process's memory cgroup, or the machine, returns an error before anything is taken, as far
/// as that can be known. Works in pieces, so that signals cannot stop its progress. If there is too little room, asks
/// for all at once, so that the system gives back what it took.
pub fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    check_memory(file, len, || Some(len))?;
    take(file, offset, len)
}

fn take(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let longest = if len > PIECE && room(file).is_ok_and(|room| room < len) { len } else { PIECE };
    in_pieces(offset, len, longest, |offset, len| {
        // SAFETY: no pointers.
        #[expect(unsafe_code, reason = "system call")]
        let result =
            unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, offset as _, len as _) };
        check(result).map(drop)
    })
}

/// Calls `take` for one piece after another, and for smaller ones after an interruption.
fn in_pieces(
    mut offset: u64,
    mut len: u64,
    mut longest: u64,
    take: impl Fn(u64, u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut tries = 0;
    while len > 0 {
        let piece = len.min(longest);
        match take(offset, piece) {
            Ok(()) => (offset, len, tries) = (offset + piece, len - piece, 0),
            Err(error) if error.kind() == ErrorKind::Interrupted && tries < TRIES => {
                tries += 1;
                longest = (piece / 2).max(SMALLEST_PIECE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Facts about the file system of `file`.
fn file_system(file: &File) -> io::Result<libc::statfs> {
    let mut about = core::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `about` outlives the call, and any bytes, zeros too, are a value of it.
    #[expect(unsafe_code, reason = "system call")]
    let (result, about) =
        unsafe { (libc::fstatfs(file.as_raw_fd(), about.as_mut_ptr()), about.assume_init()) };
    check(result).map(|_| about)
}

/// How many bytes this user can still take on the file system of `file`.
fn room(file: &File) -> io::Result<u64> {
    let about = file_system(file)?;
    // A file system without a limit reports zero blocks.
    let is_limited = about.f_blocks > 0;
    Ok(if is_limited { (about.f_bavail as u64).saturating_mul(about.f_bsize as u64) } else { u64::MAX })
}

/// Whether [`allocate_missing`] has an effect.
pub const COMPLETES: bool = true;

/// Like [`allocate`], for a range in which others may have written already; that stays. Takes whole pages; a file
/// system may have smaller units.
pub fn allocate_missing(file: &File, offset: u64, len: u64) -> io::Result<()> {
    let (start, end) = (offset / PAGE * PAGE, (offset + len).next_multiple_of(PAGE));
    let (offset, len) = (start, end - start);
    check_memory(file, len, || missing(file, offset, len))?;
    take(file, offset, len)
}

/// Like [`allocate`], for a range whose content nobody needs; some of it may be taken already.
pub fn allocate_free(file: &File, offset: u64, len: u64) -> io::Result<()> {
    allocate_missing(file, offset, len)
}

/// Shorter ranges are taken without checking how much memory is left.
const WORTH_A_LOOK: u64 = 1 << 20;

/// Whether `len` bytes of memory could be taken for `file`; if not, whether the `missing` part of them could.
fn check_memory(file: &File, len: u64, missing: impl Fn() -> Option<u64>) -> io::Result<()> {
    if len < WORTH_A_LOOK || !is_in_memory(file)? {
        return Ok(());
    }
    let left = cgroup::memory_left().unwrap_or(u64::MAX);
    let available = if len > PIECE { cgroup::available().unwrap_or(u64::MAX) } else { u64::MAX };
    let left = left.min(available);
    // The system's own tables need memory, too.
    let fits = |len: u64| len + len / 256 <= left;
    if fits(len) || missing().is_none_or(fits) { Ok(()) } else { Err(Cause::NoSpace.error()) }
}

/// How many bytes of a range of a file in memory are not taken yet; `None` if the system does not say (before Linux
/// 6.5).
fn missing(file: &File, offset: u64, len: u64) -> Option<u64> {
    const CACHESTAT: libc::c_long = 451;
    #[repr(C)]
    #[derive(Default)]
    struct CacheStat {
        cache: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    let (range, mut stat) = ([offset, len], CacheStat::default());
    // SAFETY: both outlive the call, and have the layout that it reads and writes.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe {
        libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), &raw mut stat, 0 as libc::c_uint)
    };
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    (result == 0).then(|| len.saturating_sub(page.saturating_mul(stat.cache + stat.evicted)))
}

// --- File systems and boots --------------------------------------------------------------------------------

/// File systems that another machine, or another process, may serve. There, a mapping may not be the memory that all
/// others see, or the locks may not be the kernel's.
const SERVED: &[u32] = &[
    0x0000_6969, // NFS
    0x0000_517B, // SMB
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB 2
    0x6573_5546, // FUSE, virtiofs
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x5346_414F, // AFS
    0x6B41_4653, // kAFS
    0x7375_7245, // Coda
    0x0000_564C, // NCP
    0x0116_1970, // GFS2
    0x7461_636F, // OCFS2
    0x0BD0_0BD0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0x2003_0528, // OrangeFS
    0xAAD7_AAEA, // Panasas
    0xBEEF_DEAD, // StorNext
    0x786F_4256, // VirtualBox' shared folders
    0x7C7C_6673, // Parallels' shared folders
    0xBACB_ACBC, // VMware's shared folders
];

fn is_served(magic: u32) -> bool {
    SERVED.contains(&magic)
}

/// Whether only this machine's kernel serves `file`.
pub fn is_local(file: &File) -> io::Result<bool> {
    let about = file_system(file)?;
    // As wide as the magic numbers; the field's type differs between machines.
    Ok(!is_served(about.f_type as u32))
}

/// Whether `file` lies in memory, and so disappears when the machine reboots.
pub fn is_in_memory(file: &File) -> io::Result<bool> {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58F6;
    Ok([TMPFS, RAMFS].contains(&(file_system(file)?.f_type as u32)))
}

/// A number that identifies this boot of the machine: even, and never zero.
pub fn boot_id() -> io::Result<u64> {
    // No lock: a child that is forked meanwhile would wait for it for ever.
    static BOOT: AtomicU64 = AtomicU64::new(0);
    match BOOT.load(Ordering::Relaxed) {
        0 => {
            const PATH: &str = "/proc/sys/kernel/random/boot_id";
            let text = fs::read_to_string(PATH).unwrap_or_default();
            let boot = parse_boot_id(&text).ok_or_else(|| Cause::Missing(PATH).error())?;
            BOOT.store(boot, Ordering::Relaxed);
            Ok(boot)
        }
        boot => Ok(boot),
    }
}

/// The two halves of a UUID, combined by XOR.
fn parse_boot_id(text: &str) -> Option<u64> {
    let digits: String = text.trim().chars().filter(|digit| *digit != '-').collect();
    let id = u128::from_str_radix(&digits, 16).ok()?;
    let folded = ((id >> 64) ^ id) as u64 & !1;
    Some(if folded == 0 { 2 } else { folded })
}

// --- Memory files ------------------------------------------------------------------------------------------

/// A file that has no name and disappears when the last process closes it.
pub fn memory_file() -> io::Result<File> {
    let create = |flags: libc::c_uint| {
        // SAFETY: a NUL-terminated string. The result is a new descriptor that we own, or an error.
        #[expect(unsafe_code, reason = "system call")]
        unsafe {
            let descriptor = libc::memfd_create(c"mailbox".as_ptr(), flags);
            check(descriptor).map(|descriptor| File::from_raw_fd(descriptor))
        }
    };
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    match create(flags | libc::MFD_NOEXEC_SEAL) {
        // A kernel before 6.3.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(flags),
        result => result,
    }
}

const SIZE_SEALS: c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;

/// Fixes the size of a memory file for ever.
pub fn seal_size(file: &File) -> io::Result<()> {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SIZE_SEALS | libc::F_SEAL_SEAL) };
    check(result).map(drop)
}

/// Whether `file` is a memory file whose size can never change again.
pub fn is_size_sealed(file: &File) -> bool {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
    seals >= 0 && seals & SIZE_SEALS == SIZE_SEALS
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_known() {
        let file = memory_file().expect("a memory file");
        file.set_len(8 << 20).expect("a length");
        let Some(all) = missing(&file, 0, 4 << 20) else { return eprintln!("skipped: an older system") };
        assert_eq!(all, 4 << 20);
        allocate(&file, 1 << 20, 1 << 20).expect("room");
        assert_eq!(missing(&file, 0, 4 << 20), Some(3 << 20));
        assert_eq!(missing(&file, 1 << 20, 1 << 20), Some(0));
    }
    use std::cell::RefCell;

    /// What is taken from a system that interrupts each attempt for which `is_interrupted` returns true.
    fn taken(len: u64, is_interrupted: impl Fn(usize, u64) -> bool) -> (io::Result<()>, Vec<(u64, u64)>) {
        let (tries, taken) = (RefCell::new(0), RefCell::new(Vec::new()));
        let result = in_pieces(4096, len, PIECE, |offset, len| {
            *tries.borrow_mut() += 1;
            if is_interrupted(*tries.borrow(), len) {
                return Err(ErrorKind::Interrupted.into());
            }
            taken.borrow_mut().push((offset, len));
            Ok(())
        });
        (result, taken.into_inner())
    }

    #[test]
    fn a_range_is_taken_in_pieces_whatever_interrupts() {
        let is_whole = |pieces: &[(u64, u64)], len| {
            let end = pieces.iter().fold(4096, |end, (offset, len)| {
                assert_eq!(*offset, end);
                end + len
            });
            end == 4096 + len
        };
        for len in [0, 4096, PIECE, 3 * PIECE + 4096] {
            let (result, pieces) = taken(len, |_, _| false);
            assert!(result.is_ok() && is_whole(&pieces, len));
            assert_eq!(pieces.len() as u64, len.div_ceil(PIECE));
            let (result, pieces) = taken(len, |tries, _| tries % 50 != 0);
            assert!(result.is_ok() && is_whole(&pieces, len));
            // A system that interrupts every attempt longer than this.
            let (result, pieces) = taken(len, |_, len| len > 5 << 20);
            assert!(result.is_ok() && is_whole(&pieces, len));
        }
        let (result, pieces) = taken(PIECE, |_, _| true);
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::Interrupted));
        assert_eq!(pieces, []);
    }

    #[test]
    fn file_systems_are_told_apart() {
        for served in [0x6969, 0xFF53_4D42, 0x6573_5546, 0x0102_1997, 0x00C3_6400] {
            assert!(is_served(served), "{served:#x}");
        }
        // ext4, XFS, Btrfs, tmpfs, F2FS, ZFS, overlayfs, FAT.
        for local in
            [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0xF2F5_2010, 0x2FC1_2FC1, 0x794C_7630, 0x4D44]
        {
            assert!(!is_served(local), "{local:#x}");
        }
        let memory = memory_file().expect("a memory file");
        assert!(is_local(&memory).expect("statfs"));
    }

    #[test]
    fn a_boot_has_a_number() {
        assert_eq!(parse_boot_id("00000000-0000-0001-0000-000000000004\n"), Some(4));
        assert_eq!(parse_boot_id("00000000-0000-0003-0000-000000000003\n"), Some(2), "never zero");
        assert_eq!(parse_boot_id("4f8c4a1e-6f5d-4d7e-9a51-4d9c3ac59ab4").map(|boot| boot & 1), Some(0));
        for senseless in ["", "x", "-", "1f8c4a1e-6f5d-4d7e-9a51-4d9c3ac59ab4-00000000"] {
            assert_eq!(parse_boot_id(senseless), None, "{senseless:?}");
        }
        assert_eq!(boot_id().ok(), boot_id().ok());
        assert!(boot_id().is_ok_and(|boot| boot != 0 && boot & 1 == 0));
    }
}
