//! Tuples, and templates that they match.

use super::TupleError;
use super::value::{Field, OneOf, Value, read};
use core::fmt;

/// A tuple: values in order, of which the first is its *key*. It has 1 to 16 of them, and some 64 KiB at most
/// ([`TupleError::Fields`], [`TupleError::TooLong`] where it is used).
///
/// It is made of a tuple of Rust with up to eight fields, or of a vector of values, and read as a tuple of Rust.
///
/// ```
/// use mailbox_patterns::tuple::{Tuple, TupleError, Type};
/// let tuple = Tuple::from(("task", 17, 0.5));
/// assert_eq!(tuple.clone().read(), Ok(("task".to_string(), 17_i64, 0.5)));
/// assert_eq!(tuple.clone().read::<(String, i64)>(), Err(TupleError::Arity { wanted: 2, found: 3 }));
/// let number_is_text = tuple.read::<(String, String, f64)>();
/// assert_eq!(number_is_text, Err(TupleError::Type { field: 1, wanted: Type::Str, found: Type::I64 }));
/// ```
#[derive(Debug, Clone)]
pub struct Tuple {
    values: Vec<Value>,
    pub(super) returns: u32,
}

impl Tuple {
    /// Its values.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// How often it has come back from a lease that was not done: its holder ended, gave it back, or was late. 0 if nobody else had it.
    /// Two tuples that differ only here are equal.
    pub fn returns(&self) -> u32 {
        self.returns
    }

    /// Its values as a tuple of Rust. [`TupleError::Arity`] if it has another number of them, [`TupleError::Type`] if one has another
    /// type.
    pub fn read<T: Read>(self) -> Result<T, TupleError> {
        T::read(self.values)
    }

    pub(super) fn into_values(self) -> Vec<Value> {
        self.values
    }
}

impl PartialEq for Tuple {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for Tuple {}

impl From<Vec<Value>> for Tuple {
    fn from(values: Vec<Value>) -> Self {
        Self { values, returns: 0 }
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(")?;
        for (at, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, ")")
    }
}

/// What tuples are looked for: those with as many fields, each of which is that value, or of that type.
///
/// ```
/// use mailbox_patterns::tuple::{Template, any};
/// let template = Template::from(("task", any::<i64>()));
/// assert!(template.matches(&("task", 17).into()));
/// assert!(!template.matches(&("task", 17_u64).into()));
/// assert!(!template.matches(&("task", 17, 0.5).into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    fields: Vec<Field>,
}

impl Template {
    /// Its fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether it takes this tuple.
    pub fn matches(&self, tuple: &Tuple) -> bool {
        let fits = |(field, value): (&Field, &Value)| match field {
            Field::Is(wanted) => wanted == value,
            Field::Any(wanted) => *wanted == value.kind(),
        };
        self.fields.len() == tuple.values.len() && self.fields.iter().zip(&tuple.values).all(fits)
    }
}

impl From<Vec<Field>> for Template {
    fn from(fields: Vec<Field>) -> Self {
        Self { fields }
    }
}

/// Takes this tuple, and those that are equal.
impl From<Tuple> for Template {
    fn from(tuple: Tuple) -> Self {
        Self { fields: tuple.values.into_iter().map(Field::Is).collect() }
    }
}

/// A tuple of Rust that a [`Tuple`] is read as.
pub trait Read: Sized {
    /// The values as such a tuple.
    fn read(values: Vec<Value>) -> Result<Self, TupleError>;
}

/// Tuples of Rust.
macro_rules! of_rust {
    ($count:literal: $($name:ident $at:tt),*) => {
        impl<$($name: Into<Value>),*> From<($($name,)*)> for Tuple {
            fn from(fields: ($($name,)*)) -> Self {
                vec![$(fields.$at.into()),*].into()
            }
        }

        impl<$($name: Into<Field>),*> From<($($name,)*)> for Template {
            fn from(fields: ($($name,)*)) -> Self {
                vec![$(fields.$at.into()),*].into()
            }
        }

        impl<$($name: OneOf),*> Read for ($($name,)*) {
            fn read(values: Vec<Value>) -> Result<Self, TupleError> {
                let found = values.len();
                let mut values = values.into_iter();
                let mut next = || values.next().filter(|_| found == $count);
                Ok(($(
                    read::<$name>(next().ok_or(TupleError::Arity { wanted: $count, found })?, $at)?,
                )*))
            }
        }
    };
}

of_rust!(1: A 0);
of_rust!(2: A 0, B 1);
of_rust!(3: A 0, B 1, C 2);
of_rust!(4: A 0, B 1, C 2, D 3);
of_rust!(5: A 0, B 1, C 2, D 3, E 4);
of_rust!(6: A 0, B 1, C 2, D 3, E 4, F 5);
of_rust!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
of_rust!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
