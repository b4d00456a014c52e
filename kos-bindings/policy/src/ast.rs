// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy as it is written.

use crate::error::Pos;

/// A name, perhaps with dots, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its first character.
    pub pos: Pos,
}

/// A declaration of a file.
#[derive(Clone, Debug)]
pub enum Decl {
    /// `execute: kl.core.Execute`
    ExecuteInterface(Name),
    /// `use a.b._`
    Use(Name),
    /// `use EDL a.B`, or `task class a.B`
    Class(Name),
    /// `policy object name : Model { … }`
    Object(Object),
    /// `audit profile name = { … }`
    Profile(Name, Expr),
    /// `audit default = name level`
    AuditDefault(Name, u64),
    /// `request … { … }` and its like
    Binding(Binding),
    /// `assert … { … }`
    Tests(TestSet),
}

/// An object of a model.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name.
    pub name: Name,
    /// Its model.
    pub model: Name,
    /// `type X = …`: the alternatives.
    pub types: Vec<(Name, Vec<Expr>)>,
    /// `config = …`
    pub config: Option<Expr>,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A process is about to start.
    Execute,
    /// From client to server.
    Request,
    /// From server to client: the result.
    Response,
    /// From server to client: the error form.
    Error,
    /// A process asks the security module.
    Security,
}

impl Event {
    /// All events, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Execute,
        Self::Request,
        Self::Response,
        Self::Error,
        Self::Security,
    ];

    /// Its word in the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Request => "request",
            Self::Response => "response",
            Self::Error => "error",
            Self::Security => "security",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.word() == word)
    }
}

/// To what part of an event a selector looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// `src=`: class of the sender.
    Src,
    /// `dst=`: class of the receiver.
    Dst,
    /// `component=`
    Component,
    /// `endpoint=`
    Endpoint,
    /// `interface=`
    Interface,
    /// `method=`
    Method,
}

impl Selector {
    /// All selectors.
    pub const ALL: [Self; 6] = [
        Self::Src,
        Self::Dst,
        Self::Component,
        Self::Endpoint,
        Self::Interface,
        Self::Method,
    ];

    /// Its word in the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Src => "src",
            Self::Dst => "dst",
            Self::Component => "component",
            Self::Endpoint => "endpoint",
            Self::Interface => "interface",
            Self::Method => "method",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|selector| selector.word() == word)
    }

    /// Why such an event has no such part; `None` if it has.
    pub(crate) const fn absent_from(self, event: Event) -> Option<&'static str> {
        match (event, self) {
            (Event::Execute, Self::Src | Self::Dst) => None,
            (Event::Execute, _) => Some("an `execute` event has no methods but kl.core.Execute's"),
            (Event::Security, Self::Dst | Self::Endpoint | Self::Component) => {
                Some("a `security` event has no receiver")
            }
            _ => None,
        }
    }
}

/// The selectors of an event or of a `match` section.
pub type Selectors = Vec<(Selector, Name)>;

/// Rules for an event.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The event.
    pub event: Event,
    /// Where the binding begins.
    pub pos: Pos,
    /// Which events.
    pub selectors: Selectors,
    /// What is asked.
    pub body: Body,
}

/// What stands between braces.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// `audit name`
    pub audit: Option<Name>,
    /// The rest, in order.
    pub items: Vec<Item>,
}

/// A part of a body.
#[derive(Clone, Debug)]
pub enum Item {
    /// A rule.
    Rule(Call),
    /// `match selectors { … }`
    Match(Selectors, Body),
    /// `choice (expr) { … }`
    Choice(Choice),
}

/// A choice by a value.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Where it begins.
    pub pos: Pos,
    /// Behind the value's closing parenthesis.
    pub end: u32,
    /// The value.
    pub value: Expr,
    /// The options; no literal stands for `_`.
    pub arms: Vec<(Option<Expr>, Pos, Body)>,
}

/// A call of a model's method.
#[derive(Clone, Debug)]
pub struct Call {
    /// The object, if it is named.
    pub object: Option<Name>,
    /// The method.
    pub method: Name,
    /// The argument.
    pub arg: Box<Expr>,
    /// Behind its last character.
    pub end: u32,
}

impl Call {
    /// Where it begins.
    #[must_use]
    pub fn pos(&self) -> Pos {
        self.object.as_ref().map_or(self.method.pos, |object| object.pos)
    }
}

/// An expression, and where it begins.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where.
    pub pos: Pos,
    /// What.
    pub kind: ExprKind,
}

/// An operator with two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==>`
    Implies,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `|`
    BitOr,
    /// `&`
    BitAnd,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

/// An operator with one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `!`
    Not,
    /// `~`
    Complement,
    /// `-`
    Neg,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `()`
    Unit,
    /// A number.
    Int(u64),
    /// `true`, `false`
    Bool(bool),
    /// `"text"`
    Text(String),
    /// A name without dots.
    Name(String),
    /// `expr.field`
    Field(Box<Expr>, Name),
    /// `expr.[n]`
    Index(Box<Expr>, u64, Pos),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{a : b}`
    Dict(Vec<(Key, Expr)>),
    /// `object.method (arg)`
    Call(Call),
    /// `- a`
    Unary(Unary, Box<Expr>),
    /// `a + b`
    Binary(Op, Box<Expr>, Box<Expr>),
}

/// The key of an entry of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name, text or number as written.
    pub text: String,
    /// Where.
    pub pos: Pos,
}

/// `assert "name" { … }`
#[derive(Clone, Debug)]
pub struct TestSet {
    /// Its name.
    pub name: Option<String>,
    /// Where.
    pub pos: Pos,
    /// Before each sequence.
    pub setup: Vec<Case>,
    /// The tests.
    pub sequences: Vec<(Option<String>, Pos, Vec<Case>)>,
    /// After each sequence.
    pub finally: Vec<Case>,
}

/// What a case expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Granted.
    Grant,
    /// Denied.
    Deny,
    /// Either.
    Any,
}

/// A case of a test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where.
    pub pos: Pos,
    /// The variable that the new process is bound to.
    pub bind: Option<Name>,
    /// What is expected.
    pub expect: Expect,
    /// Its description.
    pub text: Option<String>,
    /// The event.
    pub event: Event,
    /// Its parts.
    pub selectors: Selectors,
    /// The message's fields.
    pub message: Option<Expr>,
}
