//! Values as they lie in memory.

use super::schema::{BASIS, hash};
use super::{Codec, Fault, Format, Message};
use bytemuck::{CheckedBitPattern, NoUninit};
use std::io;

/// Plain data, as it lies in memory: numbers, arrays and structs of them, also with `bool`s, `char`s and enums, whose bits are checked.
///
/// The fingerprint is of the size, the alignment and the [fields](crate::message). Both programs run on this machine, so that the order of
/// bytes is no question.
///
/// ```
/// # use mailbox_patterns::codec::{Frame, Plain};
/// use bytemuck::{CheckedBitPattern, NoUninit};
///
/// #[derive(Clone, Copy, NoUninit, CheckedBitPattern)]
/// #[repr(u8)]
/// enum Side {
///     Buy,
///     Sell,
/// }
/// #[derive(Clone, Copy, NoUninit, CheckedBitPattern)]
/// #[repr(C)]
/// struct Quote {
///     price: u8,
///     side: Side,
/// }
/// mailbox_patterns::message! { Quote as "Quote" { price: u8, side: Side } }
///
/// let frame = Frame::<Quote, Plain>::new();
/// let mut message = vec![];
/// frame.append(&Quote { price: 7, side: Side::Sell }, &mut message)?;
/// assert!(matches!(frame.read(&message)?.side, Side::Sell));
/// *message.last_mut().unwrap() = 2;
/// assert!(frame.read(&message).is_err()); // no side
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl<T: Message + NoUninit + CheckedBitPattern> Codec<T> for Plain {
    const FORMAT: Format = Format::Plain;

    fn new() -> Self {
        Self
    }

    fn fingerprint(&self) -> u64 {
        let shape = [size_of::<T>(), align_of::<T>()].map(|number| number as u64);
        T::FIELDS.iter().fold(hash(BASIS, bytemuck::bytes_of(&shape)), |fingerprint, field| {
            // The zeros keep a field from running into the next.
            let text = format!("{}\0{}\0{}\0", field.name, field.of, field.offset);
            hash(fingerprint, text.as_bytes())
        })
    }

    fn encode(&self, value: &T, out: &mut dyn io::Write) -> Result<(), Fault> {
        Ok(out.write_all(bytemuck::bytes_of(value))?)
    }

    #[inline]
    fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        buffer.extend_from_slice(bytemuck::bytes_of(value));
        Ok(())
    }

    #[inline]
    fn decode(&self, bytes: &[u8]) -> Result<T, Fault> {
        bytemuck::checked::try_pod_read_unaligned(bytes).map_err(|error| error.to_string().into())
    }
}
