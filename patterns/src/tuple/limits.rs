//! What a shard allows.

/// What a shard has room for, so that no process can make it grow without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many tuples, those that are lent included.
    pub tuples: usize,
    /// How many bytes of tuples; each counts 128 more than it has when encoded. The shard takes up to about twice as much memory.
    pub bytes: usize,
    /// How many tuples one process may have under lease.
    pub leases: u32,
}

impl Default for Limits {
    /// A million tuples, 256 MiB, 1024 leases.
    fn default() -> Self {
        Self { tuples: 1 << 20, bytes: 256 << 20, leases: 1024 }
    }
}
