//! Numbers on the command line, each with a complaint that says which there are.

/// The most ranks of a region.
const MAX_RANKS: u64 = 1024;

/// A rank.
pub fn rank(text: &str) -> Result<u32, String> {
    let rank = text.parse().ok().filter(|rank| u64::from(*rank) < MAX_RANKS);
    rank.ok_or_else(|| format!("a rank is a number from 0 to {}", MAX_RANKS - 1))
}

/// How many ranks a region is to have.
pub fn ranks(text: &str) -> Result<u32, String> {
    let ranks = text.parse().ok().filter(|ranks| (1..=MAX_RANKS).contains(&u64::from(*ranks)));
    ranks.ok_or_else(|| format!("a region has 1 to {MAX_RANKS} ranks"))
}

/// How many cells a mailbox is to have.
pub fn cells(text: &str) -> Result<u32, String> {
    let cells =
        text.parse().ok().filter(|cells: &u32| cells.is_power_of_two() && (2..=1 << 30).contains(cells));
    cells.ok_or_else(|| format!("cells are a power of two from 2 to {}, such as 64 or 4096", 1 << 30))
}

/// How many messages.
pub fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "it must be a number of at least 1".into())
}

/// A protocol.
pub fn protocol(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a protocol is a number from 0 to {}", u64::MAX))
}

/// A tag.
pub fn tag(text: &str) -> Result<u32, String> {
    // `from_str_radix` takes a sign, too.
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    let tag = digits.chars().all(char::is_alphanumeric).then(|| u32::from_str_radix(digits, radix).ok());
    tag.flatten()
        .ok_or_else(|| format!("a tag is a number from 0 to {max}, or from 0x0 to {max:#x}", max = u32::MAX))
}
