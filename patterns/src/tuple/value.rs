//! What a field of a tuple holds.

use super::TupleError;
use core::fmt;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// [`i64`]
    I64,
    /// [`u64`]
    U64,
    /// [`f64`]
    F64,
    /// [`bool`]
    Bool,
    /// [`String`]
    Str,
    /// [`Vec<u8>`]
    Bytes,
}

/// The value of a field of a tuple.
///
/// Two values are equal if they have one type and the same bits: so a NaN equals itself, and -0.0 is not 0.0.
///
/// ```
/// use mailbox_patterns::tuple::{Type, Value};
/// assert_eq!(Value::from(17).kind(), Type::I64); // so are all signed integers
/// assert_ne!(Value::from(17), Value::from(17_u32));
/// ```
#[derive(Debug, Clone)]
pub enum Value {
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A number with a fraction.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Value::I64(_) => Type::I64,
            Value::U64(_) => Type::U64,
            Value::F64(_) => Type::F64,
            Value::Bool(_) => Type::Bool,
            Value::Str(_) => Type::Str,
            Value::Bytes(_) => Type::Bytes,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::I64(one), Value::I64(other)) => one == other,
            (Value::U64(one), Value::U64(other)) => one == other,
            (Value::F64(one), Value::F64(other)) => one.to_bits() == other.to_bits(),
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Str(one), Value::Str(other)) => one == other,
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Value {}

/// A field of a template: this value, or any value of this type.
///
/// ```
/// use mailbox_patterns::tuple::{Field, Type, any};
/// assert_eq!(any::<u64>(), Field::Any(Type::U64));
/// assert_eq!(Field::from(true), Field::Is(true.into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// This value.
    Is(Value),
    /// Any value of this type.
    Any(Type),
}

/// A field of a template that takes any value of this type: [`i64`], [`u64`], [`f64`], [`bool`], [`String`] or [`Vec<u8>`].
pub fn any<T: OneOf>() -> Field {
    Field::Any(T::KIND)
}

/// The Rust types of values.
pub trait OneOf: Sized {
    /// Which of the types it is.
    const KIND: Type;
    /// What is in a value of that type.
    fn of(value: Value) -> Option<Self>;
}

impl From<Value> for Field {
    fn from(value: Value) -> Self {
        Field::Is(value)
    }
}

/// How values are made of what Rust has.
macro_rules! made_of {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }

        impl From<$from> for Field {
            fn from(value: $from) -> Self {
                Field::Is(value.into())
            }
        }
    )*};
}

made_of! {
    i8 => I64, i16 => I64, i32 => I64, i64 => I64,
    u8 => U64, u16 => U64, u32 => U64, u64 => U64,
    f32 => F64, f64 => F64,
    bool => Bool,
    &str => Str, String => Str,
    &[u8] => Bytes, Vec<u8> => Bytes,
}

/// What Rust has for each type of values.
macro_rules! one_of {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl OneOf for $type {
            const KIND: Type = Type::$variant;

            fn of(value: Value) -> Option<Self> {
                if let Value::$variant(value) = value { Some(value) } else { None }
            }
        }
    )*};
}

one_of! { i64 => I64, u64 => U64, f64 => F64, bool => Bool, String => Str, Vec<u8> => Bytes }

/// What is in this value, the `at`-th field of a tuple.
pub fn read<T: OneOf>(value: Value, at: usize) -> Result<T, TupleError> {
    let found = value.kind();
    T::of(value).ok_or(TupleError::Type { field: at, wanted: T::KIND, found })
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I64(value) => value.fmt(f),
            Value::U64(value) => value.fmt(f),
            Value::F64(value) => value.fmt(f),
            Value::Bool(value) => value.fmt(f),
            Value::Str(value) => write!(f, "{value:?}"),
            Value::Bytes(value) => write!(f, "{} bytes", value.len()),
        }
    }
}
