//! Which message it is: the numbers in front of the bytes of a message that is to be handled once.

use mailbox::Mail;

/// Bytes of the numbers in front of a message.
pub(super) const LEN: usize = 20;

/// Which message it is. The same message has the same sender, life and number whenever it comes, however often its sender died and
/// sent it again.
#[derive(Debug, Clone, Copy)]
pub struct Id {
    /// Who sent it, as the mailbox says: no process can use the numbers of another rank.
    pub sender: u32,
    /// The life of the sender's [`Outbox`](super::Outbox): when it was made, in nanoseconds since 1970.
    pub life: u64,
    /// Its number among all that this outbox sends to this receiver, from 1 on, without a gap.
    pub number: u64,
    /// The message of this number and all before it were handled: the sender knows it. Less than [`Id::number`].
    pub settled: u64,
}

impl Id {
    /// That of this mail, whose bytes begin with its numbers; `None` if it is too short for that. Never waits.
    pub fn of(mail: &Mail<'_>) -> Option<Self> {
        let mut bytes = [0; LEN];
        if mail.copy_to(&mut bytes) < LEN {
            return None;
        }
        let mut fields = Fields(&bytes);
        let (life, number, behind) = (fields.u64()?, fields.u64()?, fields.u32()?);
        let settled = number.saturating_sub(1).saturating_sub(behind.into());
        Some(Self { sender: mail.from(), life, number, settled })
    }

    /// The same, with what can be: a message is not handled before itself.
    pub(super) fn sound(self) -> Self {
        Self { settled: self.settled.min(self.number.saturating_sub(1)), ..self }
    }

    /// The numbers that go in front of the message.
    pub(super) fn bytes(&self) -> [u8; LEN] {
        let behind = self.number.saturating_sub(1).saturating_sub(self.settled);
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&self.life.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..].copy_from_slice(&u32::try_from(behind).unwrap_or(u32::MAX).to_le_bytes());
        bytes
    }
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
