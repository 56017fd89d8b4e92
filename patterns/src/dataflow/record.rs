//! What travels through a graph.

/// A value that operators hand on, and that is part of a checkpoint. It is copied where a stream is used twice.
///
/// Numbers, `bool`, `char`, `String`, `()`, and options, lists and tuples of records are records. Another type is put together from these:
///
/// ```
/// use mailbox_patterns::dataflow::{Reader, Record};
///
/// #[derive(Clone, Debug, PartialEq)]
/// struct Reading {
///     sensor: String,
///     celsius: f64,
/// }
/// impl Record for Reading {
///     fn write(&self, bytes: &mut Vec<u8>) {
///         self.sensor.write(bytes);
///         self.celsius.write(bytes);
///     }
///     fn read(bytes: &mut Reader<'_>) -> Option<Self> {
///         Some(Self { sensor: Record::read(bytes)?, celsius: Record::read(bytes)? })
///     }
/// }
/// let (reading, mut bytes) = (Reading { sensor: "roof".into(), celsius: -3.5 }, vec![]);
/// reading.write(&mut bytes);
/// assert_eq!(Record::read(&mut Reader::new(&bytes)), Some(reading));
/// ```
pub trait Record: Clone + 'static {
    /// Appends it as bytes: at least one.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Takes it from the front of bytes; `None` if they are no such record. A peer or a disk may have written anything there: it must not
    /// panic, nor take memory that these bytes do not pay for.
    fn read(bytes: &mut Reader<'_>) -> Option<Self>;
}

/// Bytes that are read from front to back.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `len` bytes, if there are as many.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// As many bytes as a number in front of them says: what [`write_bytes`] has written.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = u64::read(self)?;
        self.take(len as usize)
    }
}

/// Appends bytes, and in front of them how many there are.
pub(super) fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    (bytes.len() as u64).write(to);
    to.extend_from_slice(bytes);
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Record for $number {
            #[inline]
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &mut Reader<'_>) -> Option<Self> {
                let (number, rest) = bytes.0.split_first_chunk()?;
                bytes.0 = rest;
                Some(Self::from_le_bytes(*number))
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

macro_rules! tuples {
    ($(($($field:ident)*))*) => {$(
        impl<$($field: Record),*> Record for ($($field,)*) {
            fn write(&self, bytes: &mut Vec<u8>) {
                #[expect(non_snake_case, reason = "a field is named as its type")]
                let ($($field,)*) = self;
                $($field.write(bytes);)*
            }

            fn read(bytes: &mut Reader<'_>) -> Option<Self> {
                Some(($($field::read(bytes)?,)*))
            }
        }
    )*};
}

tuples!((A)(A B)(A B C)(A B C D));

/// One byte: a list of them has no more entries than bytes.
impl Record for () {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(0);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        (u8::read(bytes)? == 0).then_some(())
    }
}

impl Record for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push((*self).into());
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Record for char {
    fn write(&self, bytes: &mut Vec<u8>) {
        u32::from(*self).write(bytes);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        char::from_u32(u32::read(bytes)?)
    }
}

impl Record for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), bytes);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        core::str::from_utf8(bytes.bytes()?).ok().map(Into::into)
    }
}

impl<T: Record> Record for Option<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.is_some().write(bytes);
        if let Some(value) = self {
            value.write(bytes);
        }
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::read(bytes)? { Some(T::read(bytes)?) } else { None })
    }
}

impl<T: Record> Record for Vec<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        (self.len() as u64).write(bytes);
        self.iter().for_each(|value| value.write(bytes));
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let count = u64::read(bytes)? as usize;
        // Each has a byte at least. Memory grows with those that are there.
        (count <= bytes.0.len()).then_some(())?;
        (0..count).map(|_| T::read(bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Debug;

    fn comes_back<T: Record + PartialEq + Debug>(value: T) {
        let mut bytes = vec![];
        value.write(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(T::read(&mut reader), Some(value));
        assert!(reader.rest().is_empty());
        for len in 0..bytes.len() {
            assert_eq!(T::read(&mut Reader::new(&bytes[..len])), None, "cut after {len}");
        }
    }

    #[test]
    fn records_come_back_and_cut_ones_do_not() {
        comes_back((1_u8, -2_i64, 2.5_f64, 'ä'));
        comes_back(vec![Some(String::from("one")), None, Some(String::new())]);
        comes_back(((), true, vec![(7_u128,)]));
    }

    #[test]
    fn garbage_is_no_record() {
        let huge = [0xFF; 12];
        assert_eq!(Vec::<()>::read(&mut Reader::new(&huge)), None);
        assert_eq!(Vec::<u64>::read(&mut Reader::new(&huge)), None);
        assert_eq!(String::read(&mut Reader::new(&[1, 0, 0, 0, 0, 0, 0, 0, 0xFF])), None);
        assert_eq!(char::read(&mut Reader::new(&huge)), None);
        assert_eq!(bool::read(&mut Reader::new(&huge)), None);
        assert_eq!(<()>::read(&mut Reader::new(&huge)), None);
    }
}
