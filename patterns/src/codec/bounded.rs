//! Keeps bytes of others from making `serde` nest or count without end.

use core::cell::Cell;
use core::fmt;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// How deep values may be nested.
const LEVELS: u32 = 128;
/// A message may have so many more entries of lists and maps than it has bytes.
const MORE: usize = 1024;
/// A list or a map takes memory for so many entries before they are there. There may be as many lists that wait as there are levels.
const AHEAD: usize = 64;

thread_local! {
    /// Bytes of the message that this thread reads.
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Reads a message of so many bytes, in which there are [`Bounded`] values.
pub fn within<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    BYTES.set(bytes);
    read()
}

/// A value that is read within limits: no more than [`LEVELS`] deep, and no more entries of lists and maps than the message has bytes, and
/// [`MORE`]. An entry without bytes costs its sender nothing, and there could be 2⁶³ of them.
pub struct Bounded<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        let entries = Cell::new(BYTES.get().saturating_add(MORE));
        T::deserialize(Limited { inner, levels: LEVELS, is_list: false, entries: &entries }).map(Bounded)
    }
}

/// A part of `serde` that is used within limits.
struct Limited<'b, I> {
    inner: I,
    /// How many more levels there may be in this one.
    levels: u32,
    /// Whether a message says how many entries it has. Otherwise the type does.
    is_list: bool,
    /// How many more entries there may be.
    entries: &'b Cell<usize>,
}

impl<'b, I> Limited<'b, I> {
    /// The same for another part of this level.
    fn with<O>(self, wrap: impl FnOnce(I) -> O) -> Limited<'b, O> {
        let Self { inner, levels, is_list, entries } = self;
        Limited { inner: wrap(inner), levels, is_list, entries }
    }

    fn beside<O>(&self, inner: O) -> Limited<'b, O> {
        Limited { inner, levels: self.levels, is_list: self.is_list, entries: self.entries }
    }

    /// What is in a list or not, beside this.
    fn of<O>(&self, is_list: bool, inner: O) -> Limited<'b, O> {
        Limited { is_list, ..self.beside(inner) }
    }

    /// What is one level deeper.
    fn inside<O, E: Error>(&self, inner: O) -> Result<Limited<'b, O>, E> {
        let levels = self.levels.checked_sub(1);
        let levels =
            levels.ok_or_else(|| E::custom(format_args!("nested more than {LEVELS} levels deep")))?;
        Ok(Limited { levels, ..self.beside(inner) })
    }

    /// Counts an entry.
    fn count<E: Error>(&self) -> Result<(), E> {
        if !self.is_list {
            return Ok(());
        }
        let left = self.entries.get().checked_sub(1);
        self.entries.set(left.ok_or_else(|| E::custom("more entries than bytes"))?);
        Ok(())
    }

    /// How many entries are worth memory before they are there.
    fn hint(&self, hint: Option<usize>) -> Option<usize> {
        hint.map(|hint| hint.min(AHEAD))
    }
}

/// Methods of a deserializer that take a visitor, and say whether the message or the type says how many entries there are.
macro_rules! forward {
    ($($is_list:literal: $($method:ident($($argument:ident: $of:ty),*))*;)*) => {$($(
        fn $method<V: Visitor<'de>>(self, $($argument: $of,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.of($is_list, visitor);
            self.inner.$method($($argument,)* visitor)
        }
    )*)*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Limited<'_, D> {
    type Error = D::Error;

    forward! {
        true: deserialize_any() deserialize_ignored_any() deserialize_seq() deserialize_map();
        false: deserialize_bool() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
            deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_identifier()
            deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
            deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
            deserialize_f32() deserialize_f64()
            deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
            deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
            deserialize_struct(name: &'static str, fields: &'static [&'static str])
            deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// Methods of a visitor that take a value which is there.
macro_rules! visit {
    ($($method:ident($of:ty))*) => {$(
        fn $method<E: Error>(self, value: $of) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Limited<'_, V> {
    type Value = V::Value;

    visit! {
        visit_bool(bool) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let some = self.inside(inner)?;
        self.inner.visit_some(some)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let inside = self.inside(inner)?;
        self.inner.visit_newtype_struct(inside)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = self.inside(entries)?;
        self.inner.visit_seq(entries)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = self.inside(entries)?;
        self.inner.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<V::Value, A::Error> {
        let choice = self.inside(choice)?;
        self.inner.visit_enum(choice)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Limited<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let limited = self.beside(inner);
        self.inner.deserialize(limited)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.count()?;
        let seed = self.beside(seed);
        self.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.count()?;
        let seed = self.beside(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.beside(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'b, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Limited<'b, A> {
    type Error = A::Error;
    type Variant = Limited<'b, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (seed, rest) = (self.beside(seed), self.beside(()));
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, rest.with(|()| variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.beside(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.of(false, visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.of(false, visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
