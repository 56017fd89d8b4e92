//! Messages of a typed value.

use super::{Codec, DecodeError, EncodeError, Message, Schema};
use core::fmt;
use core::fmt::Write as _;
use core::marker::PhantomData;
use mailbox::{Block, Draft, Loan};
use std::io::{self, BufWriter, Write};

/// Bytes that are written to shared memory together: a codec may write byte by byte.
const TOGETHER: usize = 1024;
/// Bytes of a codec's words that are kept. They may quote the message.
const REASON: usize = 256;

/// Makes messages of values of one type in one format, and values of messages. All typed ends have one. A program that sends or keeps
/// messages in another way than they do uses it by itself.
///
/// A message is a header and the value. The header is a byte for its own version, a byte for the [format](super::Format), the length
/// of the type's name in a byte, the name, and 8 bytes of fingerprint, the lowest first. With a name of 5 bytes it has 16. It is the
/// same for all values, and a reader compares it whole.
///
/// ```
/// # use mailbox_patterns::codec::{DecodeError, Frame, Message, Plain};
/// # use bytemuck::{Pod, Zeroable};
/// # #[derive(Clone, Copy, Pod, Zeroable)]
/// # #[repr(C)]
/// # struct Metres { value: f64 }
/// # #[derive(Clone, Copy, Pod, Zeroable)]
/// # #[repr(C)]
/// # struct Feet { value: f64 }
/// mailbox_patterns::message! { Metres as "Metres" { value: f64 } }
/// mailbox_patterns::message! { Feet as "Feet" { value: f64 } }
///
/// let mut message = vec![];
/// Frame::<_, Plain>::new().append(&Metres { value: 1.5 }, &mut message)?;
/// assert_eq!(Frame::<Metres, Plain>::new().read(&message)?.value, 1.5);
/// match Frame::<Feet, Plain>::new().read(&message) {
///     Err(DecodeError::Mismatch { expected, found }) => {
///         assert_eq!((&*expected.name, &*found.name), ("Feet", "Metres"));
///     }
///     _ => unreachable!(),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Frame<T, C> {
    codec: C,
    schema: Schema,
    header: Vec<u8>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Message, C: Codec<T>> Frame<T, C> {
    /// Of this type and this format. Cost: that of the fingerprint, up to some microseconds.
    #[expect(clippy::new_without_default, reason = "as the ends, which have no default")]
    pub fn new() -> Self {
        let codec = C::new();
        let schema = Schema::new::<T>(C::FORMAT, codec.fingerprint());
        let header = schema.header();
        Self { codec, schema, header, of: PhantomData }
    }

    /// The type, as it travels.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Appends a message to a buffer in private memory. On an error the buffer is as it was.
    #[inline]
    pub fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = buffer.len();
        buffer.extend_from_slice(&self.header);
        self.codec.append(value, buffer).map_err(|fault| {
            buffer.truncate(before);
            EncodeError::Refused { schema: self.schema.clone(), reason: reason(fault) }
        })
    }

    /// Writes a message from front to back, and returns how many bytes it has. [`EncodeError::TooLong`] if `out` takes no more.
    pub fn write(&self, value: &T, out: impl Write) -> Result<usize, EncodeError> {
        let mut counted = Counted { out, written: 0, is_full: false };
        let mut together = BufWriter::with_capacity(TOGETHER, &mut counted);
        let write = |out: &mut dyn Write| {
            out.write_all(&self.header)?;
            self.codec.encode(value, out)?;
            Ok(out.flush()?)
        };
        let result = write(&mut together);
        // What is left of a message that was not written is not written.
        drop(together.into_parts());
        let schema = self.schema.clone();
        match result {
            Ok(()) => Ok(counted.written),
            Err(_) if counted.is_full => Err(EncodeError::TooLong { schema, room: counted.written }),
            Err(fault) => Err(EncodeError::Refused { schema, reason: reason(fault) }),
        }
    }

    /// Writes a message where its receivers will read it. What it returns can be sent to several. On an error the memory is given back.
    ///
    /// ```
    /// # use mailbox::{Config, Region};
    /// # use mailbox_patterns::codec::{Frame, Json, Message, Receiver};
    /// # let region = Region::create_unnamed(Config::ranks(3))?;
    /// # let all = [region.join(0)?, region.join(1)?, region.join(2)?];
    /// # let me = &all[0];
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Page { text: String }
    /// # impl Message for Page { const NAME: &'static str = "Page"; }
    /// let frame = Frame::<Page, Json>::new();
    /// let block = frame.lend(&Page { text: "once, for both".into() }, me.loan(1 << 20)?)?;
    /// block.send(1)?;
    /// block.send(2)?;
    /// # for other in &all[1..] {
    /// let page = Receiver::<Page, Json>::new(other.from(0)).recv()?.into_value();
    /// # assert_eq!(page.text, "once, for both");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lend<'a>(&self, value: &T, mut loan: Loan<'a>) -> Result<Block<'a>, EncodeError> {
        let len = self.write(value, &mut loan)?;
        Ok(loan.commit(len))
    }

    /// Writes a message of a stream where its readers will read it, and publishes it. On an error nothing is published.
    pub fn publish(&self, value: &T, mut draft: Draft<'_, '_>) -> Result<(), EncodeError> {
        let len = self.write(value, &mut draft)?;
        draft.publish(len);
        Ok(())
    }

    /// The value of a message, all of which these bytes are. They must be in memory of this process, where no peer can change them
    /// meanwhile.
    #[inline]
    pub fn read(&self, message: &[u8]) -> Result<T, DecodeError> {
        let value = message.strip_prefix(&*self.header).ok_or_else(|| self.mismatch(message))?;
        self.codec.decode(value).map_err(|fault| {
            let expected = self.schema.clone();
            DecodeError::Malformed { expected, reason: reason(fault) }
        })
    }

    #[cold]
    fn mismatch(&self, message: &[u8]) -> DecodeError {
        let expected = self.schema.clone();
        match Schema::parse(message) {
            Some((found, _)) => DecodeError::Mismatch { expected, found },
            None => DecodeError::Untyped { expected },
        }
    }

    /// The bytes at the front of each message.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }
}

/// What a codec says, cut short.
#[cold]
fn reason(fault: super::Fault) -> String {
    struct Short(String);
    impl fmt::Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = REASON - self.0.len();
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
            self.0.push_str(&text[..end]);
            Err(fmt::Error)
        }
    }
    let mut short = Short(String::new());
    _ = write!(short, "{fault}");
    printable(&short.0)
}

/// What a peer may have written, without what makes a terminal do something.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// Knows how much was written, and whether there was room.
struct Counted<W> {
    out: W,
    written: usize,
    is_full: bool,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written += count;
        self.is_full |= count < bytes.len();
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<T, C> fmt::Debug for Frame<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("schema", &self.schema).finish_non_exhaustive()
    }
}
