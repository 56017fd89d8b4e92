//! Tuples and templates as bytes.
//!
//! ```text
//!  tuple, template: number of fields:1, the fields
//!  number           7 bits a byte, the lowest first; bit 7 is set in all but the last; never longer than it must be
//!  field            kind:1, then what it needs
//!    0 signed       number: 0, -1, 1, -2, … as 0, 1, 2, 3, …
//!    1 unsigned     number
//!    2 fraction     8 bytes
//!    3 false  4 true
//!    5 text  6 bytes   length, the bytes
//!    16 + type      any value of this type; only in a template
//! ```
//! Each tuple has one form. So two tuples are equal where their bytes are, and nothing is decoded to compare them. What comes from
//! another process is checked once ([`check`]); then the rest of this file may take it for sound.

use super::TupleError;
use super::fields::{Template, Tuple};
use super::value::{Field, Type, Value};

/// The most fields of a tuple.
pub const MOST_FIELDS: usize = 16;
/// The most bytes of an encoded tuple.
pub const MOST_BYTES: usize = 64 << 10;

const TYPES: [Type; 6] = [Type::I64, Type::U64, Type::F64, Type::Bool, Type::Str, Type::Bytes];
const ANY: u8 = 16;

pub fn put_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn put_value(into: &mut Vec<u8>, value: &Value) {
    match value {
        Value::I64(value) => {
            into.push(0);
            put_number(into, ((value << 1) ^ (value >> 63)) as u64);
        }
        Value::U64(value) => {
            into.push(1);
            put_number(into, *value);
        }
        Value::F64(value) => {
            into.push(2);
            into.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Value::Bool(value) => into.push(3 + u8::from(*value)),
        Value::Str(value) => {
            into.push(5);
            put_bytes(into, value.as_bytes());
        }
        Value::Bytes(value) => {
            into.push(6);
            put_bytes(into, value);
        }
    }
}

fn check_count(fields: usize) -> Result<(), TupleError> {
    let is_good = (1..=MOST_FIELDS).contains(&fields);
    is_good.then_some(()).ok_or(TupleError::Fields { fields, most: MOST_FIELDS })
}

/// Appends a tuple.
pub fn put_tuple(into: &mut Vec<u8>, tuple: &Tuple) -> Result<(), TupleError> {
    check_count(tuple.values().len())?;
    into.push(tuple.values().len() as u8);
    tuple.values().iter().for_each(|value| put_value(into, value));
    Ok(())
}

/// Appends a template.
pub fn put_template(into: &mut Vec<u8>, template: &Template) -> Result<(), TupleError> {
    check_count(template.fields().len())?;
    into.push(template.fields().len() as u8);
    template.fields().iter().for_each(|field| match field {
        Field::Is(value) => put_value(into, value),
        Field::Any(kind) => into.push(ANY + *kind as u8),
    });
    Ok(())
}

/// Bytes that are read from front to back. `None`: they make no sense.
#[derive(Clone, Copy)]
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // One form only.
                return (byte != 0 || shift == 0).then_some(number);
            }
        }
        None
    }

    pub fn take(&mut self, len: u64) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.number()?;
        self.take(len)
    }

    pub fn text(&mut self) -> Option<&'b str> {
        str::from_utf8(self.bytes()?).ok()
    }

    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// A field, and its type; whether it stands for any value.
    fn field(&mut self) -> Option<(&'b [u8], Type, bool)> {
        let whole = self.0;
        let kind = match self.byte()? {
            0 => self.number().map(|_| Type::I64)?,
            1 => self.number().map(|_| Type::U64)?,
            2 => self.take(8).map(|_| Type::F64)?,
            3 | 4 => Type::Bool,
            5 => self.text().map(|_| Type::Str)?,
            6 => self.bytes().map(|_| Type::Bytes)?,
            any => return Some((&whole[..1], *TYPES.get(usize::from(any.checked_sub(ANY)?))?, true)),
        };
        Some((&whole[..whole.len() - self.0.len()], kind, false))
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0 => {
                let number = self.number()?;
                Value::I64((number >> 1) as i64 ^ -((number & 1) as i64))
            }
            1 => Value::U64(self.number()?),
            2 => Value::F64(f64::from_bits(u64::from_le_bytes(self.take(8)?.try_into().ok()?))),
            3 => Value::Bool(false),
            4 => Value::Bool(true),
            5 => Value::Str(self.text()?.into()),
            6 => Value::Bytes(self.bytes()?.into()),
            _ => return None,
        })
    }
}

/// Whether these bytes are a tuple, or, with `is_template`, a template.
pub fn check(bytes: &[u8], is_template: bool) -> bool {
    let mut reader = Reader(bytes);
    let mut check = || {
        let count = usize::from(reader.byte()?);
        check_count(count).ok()?;
        for _ in 0..count {
            let (_, _, is_any) = reader.field()?;
            (is_template || !is_any).then_some(())?;
        }
        reader.is_at_end().then_some(())
    };
    bytes.len() <= MOST_BYTES && check().is_some()
}

/// The fields of what was checked: each with its type, and whether it stands for any value.
pub fn fields(checked: &[u8]) -> impl Iterator<Item = (&[u8], Type, bool)> {
    let mut reader = Reader(checked.get(1..).unwrap_or_default());
    std::iter::from_fn(move || reader.field())
}

/// The tuple of these bytes.
pub fn tuple(bytes: &[u8], returns: u32) -> Option<Tuple> {
    let mut reader = Reader(bytes);
    let count = reader.byte()?;
    check_count(count.into()).ok()?;
    let values = (0..count).map(|_| reader.value()).collect::<Option<Vec<_>>>()?;
    reader.is_at_end().then_some(())?;
    let mut tuple = Tuple::from(values);
    tuple.returns = returns;
    Some(tuple)
}

/// The key of a tuple that was checked; `None` for a template that takes any.
pub fn key(checked: &[u8]) -> Option<&[u8]> {
    fields(checked).next().and_then(|(field, _, is_any)| (!is_any).then_some(field))
}

/// Whether a template takes a tuple. Both were checked.
pub fn matches(template: &[u8], tuple: &[u8]) -> bool {
    let fits = |((wanted, wanted_kind, is_any), (field, kind, _)): ((&[u8], _, _), (&[u8], _, _))| {
        if is_any { wanted_kind == kind } else { wanted == field }
    };
    template.first() == tuple.first() && fields(template).zip(fields(tuple)).all(fits)
}

/// Which of so many shards has the tuples with this key: the same in every program. FNV-1a, with 64 bits, folded.
pub fn shard_of(key: &[u8], shards: u32) -> u32 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    ((hash ^ hash >> 32) % u64::from(shards.max(1))) as u32
}

/// The key as text, for an error.
pub fn told(key: &[u8]) -> String {
    Reader(key).value().map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::I64),
            (0..3_i64).prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
            any::<bool>().prop_map(Value::Bool),
            "[a-c\\u{e4}]{0,3}".prop_map(Value::Str),
            vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        ]
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![value().prop_map(Field::Is), (0..6_usize).prop_map(|kind| Field::Any(TYPES[kind]))]
    }

    fn encoded(values: &[Value]) -> Vec<u8> {
        let mut bytes = vec![];
        put_tuple(&mut bytes, &values.to_vec().into()).expect("a good number of fields");
        bytes
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(values in vec(value(), 1..=MOST_FIELDS)) {
            let bytes = encoded(&values);
            prop_assert!(check(&bytes, false));
            prop_assert_eq!(tuple(&bytes, 0), Some(values.clone().into()));
            prop_assert_eq!(fields(&bytes).map(|(_, kind, _)| kind).collect::<Vec<_>>(),
                values.iter().map(Value::kind).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_checked(bytes in vec(any::<u8>(), 0..64)) {
            for is_template in [false, true] {
                if check(&bytes, is_template) {
                    // One form only.
                    _ = (key(&bytes), matches(&bytes, &bytes));
                }
            }
            if let Some(tuple) = tuple(&bytes, 0) {
                prop_assert_eq!(encoded(tuple.values()), bytes);
            }
        }

        #[test]
        fn bytes_that_are_a_little_wrong_are_checked(
            values in vec(value(), 1..4), at in any::<prop::sample::Index>(), byte: u8, cut in 0..4_usize,
        ) {
            let mut bytes = encoded(&values);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            let is_tuple = check(&bytes, false);
            prop_assert_eq!(is_tuple, tuple(&bytes, 0).is_some());
            if let Some(tuple) = tuple(&bytes, 0) {
                prop_assert_eq!(encoded(tuple.values()), bytes);
            }
        }

        #[test]
        fn bytes_match_where_values_do(template in vec(field(), 1..3), values in vec(value(), 1..3)) {
            let mut bytes = vec![];
            let template = Template::from(template);
            put_template(&mut bytes, &template).expect("a good number of fields");
            prop_assert!(check(&bytes, true));
            prop_assert_eq!(matches(&bytes, &encoded(&values)), template.matches(&values.clone().into()));
            let itself = Template::from(Tuple::from(values.clone()));
            prop_assert!(itself.matches(&values.into()));
        }
    }

    #[test]
    fn a_tuple_has_one_form() {
        // 1 as two bytes, -0 as a number that does not end, a text that is none.
        let bad: [&[u8]; 5] = [&[1, 1, 0x81, 0], &[1, 1, 0xff, 0xff], &[1, 5, 1, 0xff], &[1, 1, 1, 1], &[0]];
        bad.iter().for_each(|bytes| assert!(!check(bytes, true), "{bytes:?}"));
        let most = [&[1, 1][..], &[0xff; 9], &[1]].concat();
        assert_eq!(tuple(&most, 0), Some((u64::MAX,).into()));
        assert!(!check(&[&[1, 1][..], &[0xff; 9], &[2]].concat(), false));
    }

    #[test]
    fn a_template_is_no_tuple() {
        assert!(!check(&[1, ANY], false) && check(&[1, ANY], true) && !check(&[1, ANY + 6], true));
    }
}
