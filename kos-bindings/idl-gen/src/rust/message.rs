// SPDX-License-Identifier: MIT OR Apache-2.0
//! The forms of messages.

use super::doc_lines;
use super::names::{screaming, snake, struct_path, variable};
use crate::model::{Field, Message, Method, Type};

/// Which form of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Result,
    Error,
}

/// One form of one method's messages.
pub(super) struct Form<'a> {
    method: &'a Method,
    message: &'a Message,
    kind: Kind,
}

/// Returns a type's spelling in Rust.
pub(super) fn rust_type(ty: &Type) -> String {
    match ty {
        Type::Int(name, _) => (*name).to_owned(),
        Type::Handle => "HandleDesc".to_owned(),
        Type::Struct(item) => struct_path(item),
        Type::Array(item, count) => format!("[{}; {count}]", rust_type(item)),
        Type::Bytes(_) => "&'a [u8]".to_owned(),
        Type::String(_) => "&'a str".to_owned(),
        Type::Sequence(item, _) => format!("Seq<'a, {}>", rust_type(item)),
    }
}

pub(super) fn declarations(fields: &[Field]) -> String {
    let field = |field: &Field| {
        let doc = doc_lines(&field.doc);
        format!("{doc}pub {}: {},\n", variable(&field.name), rust_type(&field.ty))
    };
    fields.iter().map(field).collect()
}

impl<'a> Form<'a> {
    pub(super) fn request(method: &'a Method) -> Self {
        Self {
            method,
            message: &method.request,
            kind: Kind::Request,
        }
    }

    pub(super) fn result(method: &'a Method) -> Self {
        Self {
            method,
            message: &method.result,
            kind: Kind::Result,
        }
    }

    /// Lists the forms that a method's messages take.
    pub(super) fn all(method: &'a Method) -> impl Iterator<Item = Self> {
        let kind = Kind::Error;
        let error = method.error.as_ref().map(|message| Self { method, message, kind });
        [Self::request(method), Self::result(method)].into_iter().chain(error)
    }

    /// Tells whether the form has parameters that lie in an arena, and so a lifetime.
    fn is_borrowing(&self) -> bool {
        self.message.arena_max > 0
    }

    fn name(&self) -> String {
        let suffix = match self.kind {
            Kind::Request => "Req",
            Kind::Result => "Res",
            Kind::Error => "Err",
        };
        format!("{}{suffix}", self.method.name)
    }

    /// Returns the type's name for a signature outside of its own `impl`.
    pub(super) fn type_name(&self) -> String {
        self.name() + if self.is_borrowing() { "<'_>" } else { "" }
    }

    /// Writes the form's struct and its functions.
    pub(super) fn text(&self) -> String {
        let name = self.name();
        let what = match self.kind {
            Kind::Request => "Request",
            Kind::Result => "Result",
            Kind::Error => "Error form of the response",
        };
        let what = format!("{what} of [`Client::{}`].", snake(&self.method.name));
        let (doc, fields) = (doc_lines(&what), declarations(&self.message.fields));
        let lifetime = if self.is_borrowing() { "<'a>" } else { "" };
        let functions = [self.constants(), self.encode(), self.decode(), self.in_place()].concat();
        let fault = format!(
            "
impl{lifetime} From<{name}{lifetime}> for Fault<{name}{lifetime}> {{
    fn from(error: {name}{lifetime}) -> Self {{
        Self::Error(error)
    }}
}}
"
        );
        let fault = if self.kind == Kind::Error { fault } else { String::new() };
        format!(
            "
{doc}#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct {name}{lifetime} {{
{fields}}}

impl{lifetime} {name}{lifetime} {{{functions}}}
{fault}"
        )
    }

    fn constants(&self) -> String {
        let Message {
            constant,
            handles,
            arena_max,
            ..
        } = self.message;
        let is_error = self.kind == Kind::Error;
        let mid = screaming(&self.method.name);
        let mut out = format!(
            "
    /// The header that marks this message.
    pub const HEADER: Header = Header {{
        size: {constant}, handles: {handles}, is_error: {is_error}, riid: RIID, mid: mid::{mid},
    }};

    /// Exact size of the constant part, and the most that the arena can hold.
    pub const SIZES: Sizes = Sizes {{
        constant: {constant}, arena_max: {arena_max}, handles: {handles},
    }};
"
        );
        for field in &self.message.fields {
            let (unit, max) = match &field.ty {
                Type::Bytes(max) | Type::String(max) => ("bytes", max),
                Type::Sequence(_, max) => ("items", max),
                _ => continue,
            };
            let (name, limit) = (variable(&field.name), screaming(&field.name));
            out += &format!(
                "
    /// Most {unit} in `{name}`.
    pub const {limit}_MAX: usize = {max};
"
            );
        }
        out
    }

    /// Names the constant part in a function's body, if anything is read from or written to it.
    fn binding(&self) -> &'static str {
        if self.message.fields.is_empty() {
            ""
        } else {
            "let constant = "
        }
    }

    /// Writes the body of `encode`, or of `encode_in_place`, which has variables instead of fields.
    fn writing(&self, is_in_place: bool) -> String {
        let constant = self.message.constant;
        let mut out = format!("{}Self::HEADER.begin::<{constant}>(out.constant)?;\n", self.binding());
        if self.is_borrowing() {
            out += "let mut arena = ArenaWriter::new(out.arena);\n";
        }
        for Field { name, ty, at, .. } in &self.message.fields {
            let owner = if is_in_place { "" } else { "self." };
            let value = format!("{owner}{}", variable(name));
            let value = match ty {
                Type::Bytes(max) if is_in_place => {
                    format!("arena.in_place({}_len, {max})?.1", snake(name))
                }
                Type::Bytes(max) => format!("arena.bytes({value}, {max})?"),
                Type::String(max) => format!("arena.string({value}, {max})?"),
                Type::Sequence(_, max) => format!("arena.seq({value}, {max})?"),
                _ => value,
            };
            out += &format!("{value}.put(constant, {at})?;\n");
        }
        let arena = if self.is_borrowing() { "arena.len()" } else { "0" };
        out + &format!("Ok(Lens {{ constant: {constant}, arena: {arena} }})")
    }

    fn encode(&self) -> String {
        let body = self.writing(false);
        format!(
            "
    /// Writes the message.
    ///
    /// # Errors
    ///
    /// [`NkErr::Inval`] if a parameter exceeds its declared size, [`NkErr::NoMem`] if `out` is
    /// too small.
    #[inline]
    pub fn encode(&self, out: PartsMut<'_>) -> Result<Lens, NkErr> {{
        {body}
    }}
"
        )
    }

    fn decode(&self) -> String {
        let Message { fields, constant, .. } = self.message;
        let in_arena = fields.iter().filter(|field| field.ty.arena_max().is_some()).count();
        let binding = self.binding();
        let (lifetime, mutable) = if self.is_borrowing() {
            ("'a", "mut ")
        } else {
            ("'_", "")
        };
        let read = |Field { name, ty, at, .. }: &Field| {
            let value = match ty {
                Type::Bytes(max) => format!("arena.bytes(Desc::get(constant, {at})?, {max})?"),
                Type::String(max) => format!("arena.string(Desc::get(constant, {at})?, {max})?"),
                Type::Sequence(_, max) => format!("arena.seq(Desc::get(constant, {at})?, {max})?"),
                _ => format!("Wire::get(constant, {at})?"),
            };
            format!("{}: {value},\n", variable(name))
        };
        let reads: String = fields.iter().map(read).collect();
        format!(
            "
    /// Reads the message and checks all of it.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if `parts` is anything else than this message.
    #[inline]
    pub fn decode(parts: Parts<{lifetime}>) -> Result<Self, NkErr> {{
        {binding}Self::HEADER.open::<{constant}>(parts.constant)?;
        let {mutable}arena = ArenaReader::<{in_arena}>::new(parts.arena);
        let message = Self {{ {reads} }};
        arena.finish()?;
        Ok(message)
    }}
"
        )
    }

    /// Lets a server write its one `bytes` result where it will be sent from, without a copy.
    fn in_place(&self) -> String {
        let fields = &self.message.fields;
        let mut in_arena = fields.iter().filter(|field| field.ty.arena_max().is_some());
        let (
            Some(Field {
                name,
                ty: Type::Bytes(max),
                ..
            }),
            None,
        ) = (in_arena.next(), in_arena.next())
        else {
            return String::new();
        };
        if self.kind != Kind::Result {
            return String::new();
        }
        let name = snake(name);
        let parameter = |field: &Field| match &field.ty {
            Type::Bytes(_) => format!(", {name}_len: usize"),
            ty => format!(", {}: {}", variable(&field.name), rust_type(ty)),
        };
        let parameters: String = fields.iter().map(parameter).collect();
        let body = self.writing(true);
        format!(
            "
    /// Returns the room where `encode_in_place` expects `{name}`, at most its declared size.
    pub fn {name}_room<'o>(out: &'o mut PartsMut<'_>) -> &'o mut [u8] {{
        let len = out.arena.len().min({max});
        out.arena.get_mut(..len).unwrap_or_default()
    }}

    /// Writes the message around the `{name}_len` bytes that are already in [`Self::{name}_room`].
    ///
    /// # Errors
    ///
    /// As [`Self::encode`].
    #[inline]
    pub fn encode_in_place(out: PartsMut<'_>{parameters}) -> Result<Lens, NkErr> {{
        {body}
    }}
"
        )
    }
}
