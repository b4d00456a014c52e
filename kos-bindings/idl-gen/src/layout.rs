// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the fields of structs and the parameters of messages lie, and how large they may be.
//!
//! `Handle` parameters are hoisted to directly after the header; all others follow in declaration
//! order with natural alignment; the whole is rounded up to 8. Seen in all 334 kernel messages of
//! edition 1.3.

use std::collections::BTreeSet;

use crate::ast::{self, Direction, Ident, Member};
use crate::check::{Checked, MAX_ARENA_BYTES, Scope, unique};
use crate::error::Mistake;
use crate::model::{Field, HEADER_BYTES, Message, Method, Struct, Type};

const MAX_CONSTANT_BYTES: usize = (1 << 23) - 1;
const MAX_HANDLES: usize = 255;

impl Scope {
    pub(crate) fn structure(&mut self, name: &Ident, doc: &str, members: &[Member]) -> Checked<Struct> {
        let mut names = BTreeSet::new();
        let (mut fields, mut end, mut struct_align) = (Vec::new(), 0_usize, 1);
        for member in members {
            unique(&mut names, &member.name)?;
            let ty = self.resolve(&member.ty)?;
            if ty.arena_max().is_some() || ty == Type::Handle {
                return Err(Mistake::new(
                    member.name.at,
                    "a field must have a fixed size and hold no handles",
                ));
            }
            let (bytes, align) = ty.layout();
            let at = end.next_multiple_of(align);
            end = at.saturating_add(bytes);
            if end > MAX_CONSTANT_BYTES {
                return Err(Mistake::new(
                    member.name.at,
                    "the struct is larger than a constant part may be",
                ));
            }
            struct_align = struct_align.max(align);
            fields.push(Field {
                doc: member.doc.clone(),
                name: member.name.text.clone(),
                ty,
                at,
            });
        }
        if fields.is_empty() {
            return Err(Mistake::new(name.at, "a struct has at least one field"));
        }
        self.declare(name)?;
        let bytes = end.next_multiple_of(struct_align);
        self.types
            .insert(name.text.clone(), Type::Struct(name.text.clone(), bytes, struct_align));
        Ok(Struct {
            doc: doc.to_owned(),
            name: name.text.clone(),
            fields,
            bytes,
            align: struct_align,
        })
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
        if error.arena_max > 0 {
            return Err(Mistake::new(
                method.name.at,
                "`error` parameters of variable size are not supported",
            ));
        }
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
