// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the fields of structs and the parameters of messages lie, and how large they may be.
//!
//! `Handle` parameters are hoisted to directly after the header; all others follow in declaration
//! order with natural alignment; the whole is rounded up to 8. Seen in all 334 kernel messages of
//! edition 1.3.

use std::collections::BTreeSet;

use crate::ast::{self, Direction, Item, Member};
use crate::check::{Checked, MAX_ARENA_BYTES, Scope, unique};
use crate::error::Mistake;
use crate::model::{Field, HEADER_BYTES, Message, Method, Struct, Type};

const MAX_CONSTANT_BYTES: usize = (1 << 23) - 1;
const MAX_HANDLES: usize = 255;

/// A union's tag is a `u32`.
const TAG_BYTES: usize = 4;

impl Scope {
    /// Checks the fields of a struct or union and lays them out.
    pub(crate) fn structure(&mut self, item: &Item) -> Checked<Struct> {
        let (is_union, name, doc, members) = match item {
            Item::Struct(name, doc, members) => (false, name, doc, members),
            Item::Union(name, doc, members) => (true, name, doc, members),
            Item::Const(member, _) | Item::Typedef(member) => {
                return Err(Mistake::new(member.name.at, "no struct and no union"));
            }
        };
        let mut fields = self.fields(is_union, members)?;
        if fields.is_empty() {
            let what = if is_union { "union" } else { "struct" };
            let message = format!("a {what} has at least one field");
            return Err(Mistake::new(name.at, message));
        }
        self.declare(name)?;
        let least = if is_union { TAG_BYTES } else { 1 };
        let align = fields
            .iter()
            .map(|field| field.ty.layout().1)
            .max()
            .unwrap_or(1)
            .max(least);
        let body = TAG_BYTES.next_multiple_of(align);
        let mut end = 0_usize;
        for (field, member) in fields.iter_mut().zip(members) {
            let (bytes, field_align) = field.ty.layout();
            field.at = if is_union {
                body
            } else {
                end.next_multiple_of(field_align)
            };
            end = end.max(field.at.saturating_add(bytes));
            if end > MAX_CONSTANT_BYTES {
                let message = "it is larger than a constant part may be: 2^23 - 1 bytes";
                return Err(Mistake::new(member.name.at, message));
            }
        }
        let bytes = end.next_multiple_of(align);
        self.export_struct(&name.text, bytes, align);
        Ok(Struct {
            is_union,
            doc: doc.clone(),
            name: name.text.clone(),
            fields,
            bytes,
            align,
        })
    }

    fn fields(&self, is_union: bool, members: &[Member]) -> Checked<Vec<Field>> {
        let mut names = BTreeSet::new();
        let field = |member: &Member| {
            unique(&mut names, &member.name)?;
            if is_union && member.name.text == "tag" {
                return Err(Mistake::new(
                    member.name.at,
                    "`tag` is what says which member a union holds",
                ));
            }
            let ty = self.resolve(&member.ty)?;
            if ty.arena_max().is_some() || ty == Type::Handle {
                let message = "a field must have a fixed size and hold no handles";
                return Err(Mistake::new(member.name.at, message));
            }
            Ok(Field {
                doc: member.doc.clone(),
                name: member.name.text.clone(),
                ty,
                at: 0,
            })
        };
        members.iter().map(field).collect()
    }

    pub(crate) fn method(&self, method: &ast::Method) -> Checked<Method> {
        let mut last = Direction::In;
        for (direction, member) in &method.params {
            if *direction < last {
                return Err(Mistake::new(
                    member.name.at,
                    "the order is `in`, then `out`, then `error`",
                ));
            }
            last = *direction;
        }
        let error = self.message(method, Direction::Error)?;
        Ok(Method {
            doc: method.doc.clone(),
            name: method.name.text.clone(),
            request: self.message(method, Direction::In)?,
            result: self.message(method, Direction::Out)?,
            error: (!error.fields.is_empty()).then_some(error),
        })
    }

    fn message(&self, method: &ast::Method, wanted: Direction) -> Checked<Message> {
        let mut names = BTreeSet::new();
        let mut message = Message::default();
        for (_, member) in method.params.iter().filter(|(direction, _)| *direction == wanted) {
            unique(&mut names, &member.name)?;
            let ty = self.resolve(&member.ty)?;
            message.handles += usize::from(ty == Type::Handle);
            message.arena_max = message.arena_max.saturating_add(ty.arena_max().unwrap_or(0));
            message.fields.push(Field {
                doc: member.doc.clone(),
                name: member.name.text.clone(),
                ty,
                at: 0,
            });
        }
        let (mut handle_at, mut end) = (HEADER_BYTES, HEADER_BYTES + message.handles * 16);
        for field in &mut message.fields {
            let (bytes, align) = field.ty.layout();
            let place = if field.ty == Type::Handle {
                &mut handle_at
            } else {
                &mut end
            };
            field.at = place.next_multiple_of(align);
            *place = field.at.saturating_add(bytes);
        }
        if message.handles > MAX_HANDLES || end > MAX_CONSTANT_BYTES - 7 || message.arena_max > MAX_ARENA_BYTES {
            let limits = "at most 255 handles, 2^23 - 1 bytes of constant part and 2^30 of arena";
            return Err(Mistake::new(method.name.at, format!("message too large: {limits}")));
        }
        message.constant = end.next_multiple_of(8);
        Ok(message)
    }
}
