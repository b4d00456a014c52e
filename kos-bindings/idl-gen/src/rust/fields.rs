// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions of parameters as data: name, place and type, by which the trusted side looks into
//! messages.

use crate::model::{Field, Struct, Type};

/// Writes the descriptions of a message's or struct's fields.
pub(super) fn list(fields: &[Field], structs: &[Struct]) -> String {
    let one = |Field { name, ty, at, .. }: &Field| {
        let ty = field_type(ty, structs);
        format!("crate::nk::Field {{ name: \"{name}\", at: {at}, ty: {ty} }}, ")
    };
    format!("&[{}]", fields.iter().map(one).collect::<String>())
}

fn field_type(ty: &Type, structs: &[Struct]) -> String {
    let text = match ty {
        Type::Int(name, bytes) => format!("Int {{ bytes: {bytes}, is_signed: {} }}", name.starts_with('i')),
        Type::Handle => "Handle".to_owned(),
        Type::Bytes(max) => format!("Bytes({max})"),
        Type::String(max) => format!("String({max})"),
        Type::Struct(name, bytes, align) => {
            let fields = structs.iter().find(|item| item.name == *name);
            let fields = fields.map_or_else(|| "&[]".to_owned(), |item| list(&item.fields, structs));
            format!("Struct {{ name: \"{name}\", bytes: {bytes}, align: {align}, fields: {fields} }}")
        }
        Type::Array(item, count) => format!("Array(&{}, {count})", field_type(item, structs)),
        Type::Sequence(item, max) => format!("Sequence(&{}, {max})", field_type(item, structs)),
    };
    format!("crate::nk::FieldType::{text}")
}
