//! What is said of a type that travels.

/// A type that travels in messages: its name, by which all programs know it.
///
/// ```
/// # use mailbox_patterns::codec::Message;
/// struct Order {
///     text: String,
/// }
/// impl Message for Order {
///     const NAME: &'static str = "shop.Order";
/// }
/// ```
///
/// [`message!`](crate::message) is shorter, and for plain data also says which fields there are.
pub trait Message {
    /// 1 to 64 bytes, the same in all programs. It travels with each value: a short one leaves more room in a cache line.
    const NAME: &'static str;
    /// Programs with another version are told of a mismatch. Its author changes it when old and new programs must not understand each
    /// other, and the codec cannot see that.
    const VERSION: u32 = 0;
    /// The fields, for plain data.
    const FIELDS: &'static [Field] = &[];
}

impl Message for () {
    const NAME: &'static str = "()";
}

/// A field of plain data: what [`message!`](crate::message) finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type, as written.
    pub of: &'static str,
    /// Where it begins in the value, in bytes.
    pub offset: usize,
}

/// Says that a type is a [`Message`], of this name:
///
/// ```
/// use mailbox_patterns::codec::{Json, Sender};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Order {
///     text: String,
/// }
/// mailbox_patterns::message! { Order as "shop.Order" }
/// # let region = mailbox::Region::create_unnamed(mailbox::Config::ranks(2))?;
/// # let me = region.join(0)?;
/// Sender::<Order, Json>::new(me.to(1)).send(&Order { text: "a lamp".into() })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For plain data it says which fields the struct has, too. It does not compile if the struct has others. All of it becomes part of the fingerprint of the type as plain data. So two programs that have the fields in another order, or of other
/// types, are told. Of a field's type its name is part of that, and not what it consists of.
///
/// ```
/// # use mailbox_patterns::codec::Message;
/// use bytemuck::{Pod, Zeroable};
///
/// #[derive(Clone, Copy, Pod, Zeroable)]
/// #[repr(C)]
/// struct Tick {
///     instrument: u64,
///     price: f64,
/// }
/// mailbox_patterns::message! { Tick as "Tick" { instrument: u64, price: f64 } }
/// assert_eq!(Tick::FIELDS[1].offset, 8);
/// ```
///
/// This does not compile, because a field is missing:
///
/// ```compile_fail,E0027
/// struct Pair {
///     left: u64,
///     right: u64,
/// }
/// mailbox_patterns::message! { Pair as "Pair" { left: u64 } }
/// ```
#[macro_export]
macro_rules! message {
    ($type:ident as $name:literal { $($field:ident: $of:ty),* $(,)? }) => {
        impl $crate::codec::Message for $type {
            const NAME: &'static str = $name;
            const FIELDS: &'static [$crate::codec::Field] = &[$($crate::codec::Field {
                name: ::core::stringify!($field),
                of: ::core::stringify!($of),
                offset: ::core::mem::offset_of!($type, $field),
            }),*];
        }
        const _: fn(&$type) = |value| {
            let $type { $($field),* } = value;
            $(let _: &$of = $field;)*
        };
    };
    ($type:ty as $name:literal) => {
        impl $crate::codec::Message for $type {
            const NAME: &'static str = $name;
        }
    };
}
