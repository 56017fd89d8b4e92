//! How values become bytes, and bytes values.

use super::Format;
use std::error::Error;
use std::io;

/// Why a codec has failed, in its own words.
pub type Fault = Box<dyn Error + Send + Sync>;

/// A format for values of type `T`: [`Plain`](super::Plain), and with their features `Postcard`, `Json`, `Protobuf` and `Avro`.
///
/// Programs may have codecs of their own:
///
/// ```
/// # use mailbox_patterns::codec::{Codec, Fault, Format, Frame, Message};
/// # use std::io;
/// #[derive(PartialEq, Debug)]
/// struct Line(String);
/// impl Message for Line {
///     const NAME: &'static str = "Line";
/// }
/// struct Text;
/// impl Codec<Line> for Text {
///     const FORMAT: Format = Format::Other(200);
///     fn new() -> Self {
///         Text
///     }
///     fn fingerprint(&self) -> u64 {
///         0 // The name says it all.
///     }
///     fn encode(&self, line: &Line, out: &mut dyn io::Write) -> Result<(), Fault> {
///         Ok(out.write_all(line.0.as_bytes())?)
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<Line, Fault> {
///         Ok(Line(String::from_utf8(bytes.to_vec())?))
///     }
/// }
/// let frame = Frame::<Line, Text>::new();
/// let mut message = vec![];
/// frame.append(&Line("hello".into()), &mut message)?;
/// assert_eq!(frame.read(&message)?, Line("hello".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Codec<T>: Sized {
    /// Which format it is.
    const FORMAT: Format;

    /// One for an end of a channel, made once.
    fn new() -> Self;

    /// The fingerprint of the schema of `T`. Programs with another one do not understand each other.
    fn fingerprint(&self) -> u64;

    /// Writes a value, from front to back.
    fn encode(&self, value: &T, out: &mut dyn io::Write) -> Result<(), Fault>;

    /// Appends a value to a buffer. On an error the buffer may have a part of it.
    fn append(&self, value: &T, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        self.encode(value, buffer)
    }

    /// Reads the value whose bytes these are, all of them. They are in memory of this process, and a peer may have written anything there:
    /// it must not panic, nor take memory or time that these bytes do not pay for.
    fn decode(&self, bytes: &[u8]) -> Result<T, Fault>;
}
