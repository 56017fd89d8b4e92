//! Which message it is: the numbers in front of the bytes of a message that is to be handled once.

use mailbox::Mail;

/// Bytes of the numbers in front of a message.
pub(super) const LEN: usize = 16;

/// Which message it is. The same message has the same one whenever it comes, however often its sender died and sent it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// Who sent it, as the mailbox says: no process can use the numbers of another.
    pub sender: u32,
    /// The life of the sender's [`Outbox`](super::Outbox): when it was made, in nanoseconds since 1970.
    pub life: u64,
    /// Its number among all that this outbox sends to this receiver, from 1 on, without a gap.
    pub number: u64,
}

impl Id {
    /// That of this mail, whose bytes begin with its life and number; `None` if it is too short for that.
    pub fn of(mail: &Mail<'_>) -> Option<Self> {
        let mut numbers = [0; LEN];
        (mail.copy_to(&mut numbers) == LEN).then(|| {
            let [life, number] = read(&numbers);
            Self { sender: mail.from(), life, number }
        })
    }
}

/// Two numbers as bytes.
pub(super) fn write(numbers: [u64; 2]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&numbers[0].to_le_bytes());
    bytes[8..].copy_from_slice(&numbers[1].to_le_bytes());
    bytes
}

fn read(bytes: &[u8; LEN]) -> [u64; 2] {
    [0, 8].map(|at| Fields(&bytes[at..]).u64().unwrap_or_default())
}

/// Numbers, one after the other, and what comes behind them.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    fn next<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.next().map(u8::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.next().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.next().map(u64::from_le_bytes)
    }

    /// As many bytes as a number in front of them says.
    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let len = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }
}
