// SPDX-License-Identifier: MIT OR Apache-2.0
//! Structs, and the forms of messages.

use super::doc_lines;
use super::names::{screaming, snake, variable};
use crate::model::{Field, Message, Method, Struct, Type};

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
fn rust_type(ty: &Type) -> String {
    match ty {
        Type::Int(name, _) => (*name).to_owned(),
        Type::Handle => "HandleDesc".to_owned(),
        Type::Struct(name, ..) => name.clone(),
        Type::Array(item, count) => format!("[{}; {count}]", rust_type(item)),
        Type::Bytes(_) => "&'a [u8]".to_owned(),
        Type::String(_) => "&'a str".to_owned(),
        Type::Sequence(item, _) => format!("Seq<'a, {}>", rust_type(item)),
    }
}

fn declarations(fields: &[Field]) -> String {
    let field = |field: &Field| {
        let doc = doc_lines(&field.doc, "    ");
        format!(
            "{doc}    pub {}: {},\n",
            variable(&field.name),
            rust_type(&field.ty)
        )
    };
    fields.iter().map(field).collect()
}

/// Writes a struct of fixed size.
pub(super) fn structure(item: &Struct) -> String {
    let (name, bytes, align) = (&item.name, item.bytes, item.align);
    let each = |text: &dyn Fn(&str, usize) -> String| -> String {
        item.fields
            .iter()
            .map(|field| text(&variable(&field.name), field.at))
            .collect()
    };
    let zero = each(&|field, _| format!("{field}: Wire::ZERO, "));
    let get = each(&|field, at| format!("            {field}: Wire::get(bytes, {at})?,\n"));
    let put = each(&|field, at| format!("        self.{field}.put(bytes, {at})?;\n"));
    format!(
        "{doc}#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub struct {name} {{\n{fields}}}\n\n\
         impl Wire for {name} {{\n    const BYTES: usize = {bytes};\n    const ALIGN: usize = {align};\n    \
         const ZERO: Self = Self {{ {zero}}};\n\n    \
         #[inline]\n    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {{\n        \
         let bytes = crate::nk::part::<{bytes}>(bytes, at)?;\n        Ok(Self {{\n{get}        }})\n    }}\n\n    \
         #[inline]\n    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {{\n        \
         let bytes = crate::nk::part_mut::<{bytes}>(bytes, at)?;\n        *bytes = [0; {bytes}];\n{put}        \
         Ok(())\n    }}\n}}\n\n",
        doc = doc_lines(&item.doc, ""),
        fields = declarations(&item.fields),
    )
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
        let error = method.error.as_ref().map(|message| Self {
            method,
            message,
            kind: Kind::Error,
        });
        [Self::request(method), Self::result(method)]
            .into_iter()
            .chain(error)
    }

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
        let (name, method) = (self.name(), &self.method.name);
        let what = match self.kind {
            Kind::Request => format!("Request of `{method}`: {}", lower_first(&self.method.doc)),
            Kind::Result => format!("Result of `{method}`."),
            Kind::Error => format!("Error form of `{method}`'s response."),
        };
        let lifetime = if self.is_borrowing() { "<'a>" } else { "" };
        let body = [
            self.constants(),
            self.encode(),
            self.decode(),
            self.in_place(),
        ]
        .concat();
        let mut out = format!(
            "{doc}#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub struct {name}{lifetime} {{\n{fields}}}\n\n\
             impl{lifetime} {name}{lifetime} {{\n{body}}}\n\n",
            doc = doc_lines(&what, ""),
            fields = declarations(&self.message.fields),
        );
        if self.kind == Kind::Error {
            out += &format!(
                "impl From<{name}> for Fault<{name}> {{\n    fn from(error: {name}) -> Self {{\n        \
                 Self::Error(error)\n    }}\n}}\n\n"
            );
        }
        out
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
            "    /// The header that marks this message.\n    pub const HEADER: Header = Header {{ \
             size: {constant}, handles: {handles}, is_error: {is_error}, riid: RIID, mid: mid::{mid} }};\n\n    \
             /// Exact size of the constant part, and the most that the arena can hold.\n    \
             pub const SIZES: Sizes = Sizes {{ constant: {constant}, arena_max: {arena_max}, handles: {handles} }};\n\n"
        );
        for field in &self.message.fields {
            let (unit, max) = match &field.ty {
                Type::Bytes(max) | Type::String(max) => ("bytes", max),
                Type::Sequence(_, max) => ("items", max),
                _ => continue,
            };
            let (name, limit) = (variable(&field.name), screaming(&field.name));
            out += &format!(
                "    /// Most {unit} in `{name}`.\n    pub const {limit}_MAX: usize = {max};\n\n"
            );
        }
        out
    }

    /// Writes the statements that lay `self`'s parameters, or for `in_place` the local variables, into `out`.
    fn writing(&self, in_place: bool) -> String {
        let constant = self.message.constant;
        let dead = if self.message.fields.is_empty() {
            ""
        } else {
            "let constant = "
        };
        let mut out = format!("        {dead}Self::HEADER.begin::<{constant}>(out.constant)?;\n");
        if self.is_borrowing() {
            out += "        let mut arena = ArenaWriter::new(out.arena);\n";
        }
        for Field { name, ty, at, .. } in &self.message.fields {
            let value = if in_place {
                variable(name)
            } else {
                format!("self.{}", variable(name))
            };
            let value = match ty {
                Type::Bytes(max) if in_place => {
                    format!("arena.in_place({}_len, {max})?.1", snake(name))
                }
                Type::Bytes(max) => format!("arena.bytes({value}, {max})?"),
                Type::String(max) => format!("arena.string({value}, {max})?"),
                Type::Sequence(_, max) => format!("arena.seq({value}, {max})?"),
                _ => value,
            };
            out += &format!("        {value}.put(constant, {at})?;\n");
        }
        let arena = if self.is_borrowing() {
            "arena.len()"
        } else {
            "0"
        };
        out + &format!("        Ok(Lens {{ constant: {constant}, arena: {arena} }})\n    }}\n\n")
    }

    fn encode(&self) -> String {
        let body = self.writing(false);
        format!(
            "    /// Writes the message.\n    ///\n    /// # Errors\n    ///\n    \
             /// [`NkErr::Inval`] if a parameter exceeds its declared size, [`NkErr::NoMem`] if `out` is too small.\n    \
             #[inline]\n    pub fn encode(&self, out: PartsMut<'_>) -> Result<Lens, NkErr> {{\n{body}"
        )
    }

    fn decode(&self) -> String {
        let Message {
            fields, constant, ..
        } = self.message;
        let variable_count = fields
            .iter()
            .filter(|field| field.ty.arena_max().is_some())
            .count();
        let lifetime = if self.is_borrowing() { "'a" } else { "'_" };
        let arena = if self.is_borrowing() {
            "let mut arena"
        } else {
            "let arena"
        };
        let bytes = if fields.is_empty() {
            ""
        } else {
            "let constant = "
        };
        let mut out = format!(
            "    /// Reads the message and checks all of it.\n    ///\n    /// # Errors\n    ///\n    \
             /// [`NkErr::BadMsg`] if `parts` is anything else than this message.\n    #[inline]\n    \
             pub fn decode(parts: Parts<{lifetime}>) -> Result<Self, NkErr> {{\n        \
             {bytes}Self::HEADER.open::<{constant}>(parts.constant)?;\n        \
             {arena} = ArenaReader::<{variable_count}>::new(parts.arena);\n        let message = Self {{\n"
        );
        for Field { name, ty, at, .. } in fields {
            let value = match ty {
                Type::Bytes(max) => format!("arena.bytes(Desc::get(constant, {at})?, {max})?"),
                Type::String(max) => format!("arena.string(Desc::get(constant, {at})?, {max})?"),
                Type::Sequence(_, max) => format!("arena.seq(Desc::get(constant, {at})?, {max})?"),
                _ => format!("Wire::get(constant, {at})?"),
            };
            out += &format!("            {}: {value},\n", variable(name));
        }
        out + "        };\n        arena.finish()?;\n        Ok(message)\n    }\n\n"
    }

    /// Lets a server write its one `bytes` result where it will be sent from, without a copy.
    fn in_place(&self) -> String {
        let fields = &self.message.fields;
        let mut variable_fields = fields.iter().filter(|field| field.ty.arena_max().is_some());
        let (
            Kind::Result,
            Some(Field {
                name,
                ty: Type::Bytes(max),
                ..
            }),
            None,
        ) = (self.kind, variable_fields.next(), variable_fields.next())
        else {
            return String::new();
        };
        let name = snake(name);
        let parameters: String = fields
            .iter()
            .map(|field| match &field.ty {
                Type::Bytes(_) => format!(", {name}_len: usize"),
                ty => format!(", {}: {}", variable(&field.name), rust_type(ty)),
            })
            .collect();
        let body = self.writing(true);
        format!(
            "    /// Returns the room where [`Self::encode_in_place`] expects `{name}`, at most its declared size.\n    \
             pub fn {name}_room<'o>(out: &'o mut PartsMut<'_>) -> &'o mut [u8] {{\n        \
             let len = out.arena.len().min({max});\n        out.arena.get_mut(..len).unwrap_or_default()\n    }}\n\n    \
             /// Writes the message around the `{name}_len` bytes that are already in [`Self::{name}_room`].\n    ///\n    \
             /// # Errors\n    ///\n    /// As `encode`.\n    #[inline]\n    \
             pub fn encode_in_place(out: PartsMut<'_>{parameters}) -> Result<Lens, NkErr> {{\n{body}"
        )
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
