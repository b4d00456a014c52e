// SPDX-License-Identifier: MIT OR Apache-2.0
//! IDL, CDL and EDL files as they are written.

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name; a package's has dots.
    pub text: String,
    /// Byte offset of its first character.
    pub at: usize,
}

/// An IDL file: one package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name, with dots.
    pub name: Ident,
    /// The comment above it.
    pub doc: String,
    /// The packages whose constants and types it uses.
    pub imports: Vec<Ident>,
    /// Constants and types, in order.
    pub items: Vec<Item>,
    /// The interface's methods, if it has an interface.
    pub methods: Option<Vec<Method>>,
}

/// A constant or a type.
#[derive(Clone, Debug)]
pub enum Item {
    /// `const T Name = expr;`
    Const(Member, Expr),
    /// `typedef T Name;`
    Typedef(Member),
    /// `struct Name { T field; … }`
    Struct(Ident, String, Vec<Member>),
    /// `union Name { T member; … }`
    Union(Ident, String, Vec<Member>),
}

/// A type, a name, and the comment above them.
#[derive(Clone, Debug)]
pub struct Member {
    /// The comment above it.
    pub doc: String,
    /// Its type.
    pub ty: Type,
    /// Its name.
    pub name: Ident,
}

/// A type as written.
#[derive(Clone, Debug)]
pub enum Type {
    /// A built-in or declared name.
    Name(Ident),
    /// `handle<Interface>`: the word, and the interface's name.
    Callable(Ident, Ident),
    /// `bytes<N>`
    Bytes(Ident, Expr),
    /// `string<N>`
    String(Ident, Expr),
    /// `sequence<T, N>`
    Sequence(Ident, Box<Type>, Expr),
    /// `array<T, N>`
    Array(Ident, Box<Type>, Expr),
}

/// A constant expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A number.
    Number(u64, usize),
    /// A constant's name.
    Name(Ident),
    /// An operation.
    Binary(Op, Box<Expr>, Box<Expr>),
}

impl Expr {
    pub(crate) fn binary(op: Op, left: Self, right: Self) -> Self {
        Self::Binary(op, Box::new(left), Box::new(right))
    }

    /// Returns the byte offset of its first operand.
    #[must_use]
    pub fn at(&self) -> usize {
        match self {
            Self::Number(_, at) => *at,
            Self::Name(name) => name.at,
            Self::Binary(_, left, _) => left.at(),
        }
    }
}

/// The operators of edition 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `<<`
    Shl,
    /// `+`
    Add,
    /// `*`
    Mul,
    /// `**`
    Pow,
}

/// A method.
#[derive(Clone, Debug)]
pub struct Method {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// Its parameters, in order.
    pub params: Vec<(Direction, Member)>,
}

/// Which message a parameter travels in. The order is the one that the language demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The request.
    In,
    /// The response's result form.
    Out,
    /// The response's error form.
    Error,
}

/// What a CDL or EDL file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A component, to be an instance in other components and in classes: CDL.
    Component,
    /// A class of processes: EDL.
    Class,
}

/// A CDL or EDL file: one component, or one class of processes.
#[derive(Clone, Debug)]
pub struct Component {
    /// Which of the two.
    pub kind: Kind,
    /// Its name, with dots.
    pub name: Ident,
    /// The comment above it.
    pub doc: String,
    /// The interface through which it asks the security module.
    pub security: Option<Ident>,
    /// Where it serves which interface.
    pub endpoints: Vec<Named>,
    /// The components in it.
    pub components: Vec<Named>,
}

/// `name : Thing`: an endpoint and its interface, or an instance and its component.
#[derive(Clone, Debug)]
pub struct Named {
    /// The comment above it.
    pub doc: String,
    /// Its name.
    pub name: Ident,
    /// What it is one of, with dots.
    pub of: Ident,
}
