//! What a receiver can tell the messages of one sender apart by.

/// A message's tag, and the conversation that it belongs to. Calls, answers and acknowledgements have none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label {
    /// The application's tag.
    pub tag: u32,
    /// Which conversation the message belongs to.
    pub context: u16,
}

impl Label {
    /// That of a message whose sender gave it none.
    pub const NONE: Self = Self { tag: 0, context: 0 };

    /// The number of 48 bits that stands for it: see [`Envelope::numbered`](super::Envelope::numbered).
    #[inline(always)]
    pub const fn number(self) -> u64 {
        (self.context as u64) << 32 | self.tag as u64
    }
}
