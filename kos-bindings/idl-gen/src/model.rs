// SPDX-License-Identifier: MIT OR Apache-2.0
//! An interface as it is meant: names resolved, every message laid out.

/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 24;

/// A checked package.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name, with dots.
    pub name: String,
    /// The comment above it.
    pub doc: String,
    /// Its constants.
    pub consts: Vec<Const>,
    /// Its structs.
    pub structs: Vec<Struct>,
    /// Its methods; a method's place is its MID. Empty for a package of types.
    pub methods: Vec<Method>,
}

/// A constant.
#[derive(Clone, Debug)]
pub struct Const {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: String,
    /// Its integer type, in Rust.
    pub ty: &'static str,
    /// Its value.
    pub value: u64,
}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// Its size, padding included.
    pub bytes: usize,
    /// Its alignment.
    pub align: usize,
}

/// A method and its messages.
#[derive(Clone, Debug)]
pub struct Method {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: String,
    /// What the client sends.
    pub request: Message,
    /// What the server answers.
    pub result: Message,
    /// What the server answers instead, if the method declares `error` parameters.
    pub error: Option<Message>,
}

/// One form of a message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The parameters, in declaration order.
    pub fields: Vec<Field>,
    /// Bytes of the constant part, header included.
    pub constant: usize,
    /// Count of handle descriptors.
    pub handles: usize,
    /// Bytes that the arena can reach.
    pub arena_max: usize,
}

/// A parameter or a struct's field.
#[derive(Clone, Debug)]
pub struct Field {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Where it starts in the constant part or struct.
    pub at: usize,
}

/// A resolved type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// An integer, by its Rust name, and its bytes.
    Int(&'static str, usize),
    /// `Handle`
    Handle,
    /// A struct: name, bytes, alignment.
    Struct(String, usize, usize),
    /// `array<T, N>`
    Array(Box<Type>, usize),
    /// `bytes<N>`
    Bytes(usize),
    /// `string<N>`
    String(usize),
    /// `sequence<T, N>`
    Sequence(Box<Type>, usize),
}

impl Type {
    /// Returns size and alignment in a constant part or struct.
    #[must_use]
    pub fn layout(&self) -> (usize, usize) {
        match self {
            Self::Int(_, bytes) => (*bytes, *bytes),
            Self::Handle => (16, 8),
            Self::Struct(_, bytes, align) => (*bytes, *align),
            Self::Array(item, count) => {
                let (bytes, align) = item.layout();
                (bytes.saturating_mul(*count), align)
            }
            Self::Bytes(_) | Self::String(_) | Self::Sequence(..) => (8, 4),
        }
    }

    /// Returns the most bytes in the arena, padding before them included; `None` if the type has no
    /// place there.
    #[must_use]
    pub fn arena_max(&self) -> Option<usize> {
        match self {
            Self::Bytes(max) => Some(*max),
            Self::String(max) => Some(max.saturating_add(1)),
            Self::Sequence(item, max) => {
                let (bytes, align) = item.layout();
                Some(bytes.saturating_mul(*max).saturating_add(align - 1))
            }
            _ => None,
        }
    }
}
