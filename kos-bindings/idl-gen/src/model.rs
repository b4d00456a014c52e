// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interfaces and classes as they are meant: names resolved, every message laid out.

use std::collections::BTreeMap;

/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 24;

/// The tag of a union's first member; each further one is one more.
///
/// That a union is a tag and a body is public, the tags' numbers are not: the back end that knows
/// them says so here.
pub const FIRST_UNION_TAG: u32 = 0;

/// What a package gives to those that import it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exports {
    pub(crate) consts: BTreeMap<String, u64>,
    pub(crate) types: BTreeMap<String, Type>,
}

/// A checked package.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name, with dots.
    pub name: String,
    /// The comment above it.
    pub doc: String,
    /// Its constants.
    pub consts: Vec<Const>,
    /// Its structs and unions, in declaration order.
    pub structs: Vec<Struct>,
    /// What its constants and types are called in packages that import it.
    pub(crate) exports: Exports,
    /// Its methods; a method's place is its MID. Empty for a package of types.
    pub methods: Vec<Method>,
    /// Whether it has an interface, be it one without methods.
    pub has_interface: bool,
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

/// A struct or a union.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Whether it is a union: a tag at 0, then one of the fields, which all start at the same place.
    pub is_union: bool,
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
    /// A struct or union.
    Struct(StructRef),
    /// `array<T, N>`
    Array(Box<Type>, usize),
    /// `bytes<N>`
    Bytes(usize),
    /// `string<N>`
    String(usize),
    /// `sequence<T, N>`
    Sequence(Box<Type>, usize),
}

/// Which struct or union a type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructRef {
    /// The package that declares it.
    pub package: String,
    /// Its name there.
    pub name: String,
    /// Its size, padding included.
    pub bytes: usize,
    /// Its alignment.
    pub align: usize,
}

impl Type {
    /// Returns size and alignment in a constant part or struct.
    #[must_use]
    pub fn layout(&self) -> (usize, usize) {
        match self {
            Self::Int(_, bytes) => (*bytes, *bytes),
            Self::Handle => (16, 8),
            Self::Struct(found) => (found.bytes, found.align),
            Self::Array(item, count) => {
                let (bytes, align) = item.layout();
                (bytes.saturating_mul(*count), align)
            }
            Self::Bytes(_) | Self::String(_) | Self::Sequence(..) => (8, 4),
        }
    }

    /// Returns how deep containers are nested in it.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Array(item, _) | Self::Sequence(item, _) => item.depth() + 1,
            _ => 0,
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

/// A class of processes, or a component, with all that is in it.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name, with dots.
    pub name: String,
    /// The comment above it.
    pub doc: String,
    /// The interface through which it asks the security module itself.
    pub security: Option<String>,
    /// Its endpoints and those of the components in it, in the order of the text, depth first:
    /// components stand before what is declared directly.
    pub endpoints: Vec<Endpoint>,
}

/// A place where an interface is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its qualified name: the instances of components that lead to it, and its own, with dots.
    pub name: String,
    /// The interface's package.
    pub interface: String,
    /// The comment above it.
    pub doc: String,
}
