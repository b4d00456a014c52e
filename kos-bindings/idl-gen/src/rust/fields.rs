// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions of parameters as data: name, place and type, by which the trusted side looks into
//! messages.

use super::names::struct_path;
use crate::model::{Field, Struct, Type};

/// Writes the descriptions of a message's or struct's fields.
pub(super) fn list(fields: &[Field]) -> String {
    let one = |Field { name, ty, at, .. }: &Field| {
        let ty = field_type(ty);
        format!("crate::nk::Field {{ name: \"{name}\", at: {at}, ty: {ty} }}, ")
    };
    format!("&[{}]", fields.iter().map(one).collect::<String>())
}

/// Writes the description of a struct or union, which those of messages refer to. A union is a struct
/// whose members lie over one another; its tag is a field like any other.
pub(super) fn structure(item: &Struct) -> String {
    let Struct { name, bytes, align, .. } = item;
    let tag = "crate::nk::Field { name: \"tag\", at: 0, ty: crate::nk::FieldType::Int { bytes: 4, is_signed: false } }";
    let mut fields = list(&item.fields);
    if item.is_union {
        fields = fields.replacen("&[", &format!("&[{tag}, "), 1);
    }
    format!(
        "
#[cfg(feature = \"hosted\")]
impl {name} {{
    /// What a policy and the audit log see of it.
    pub const FIELD_TYPE: crate::nk::FieldType = crate::nk::FieldType::Struct {{
        name: \"{name}\", bytes: {bytes}, align: {align}, fields: {fields},
    }};
}}
"
    )
}

fn field_type(ty: &Type) -> String {
    let text = match ty {
        Type::Int(name, bytes) => format!("Int {{ bytes: {bytes}, is_signed: {} }}", name.starts_with('i')),
        Type::Handle => "Handle".to_owned(),
        Type::Bytes(max) => format!("Bytes({max})"),
        Type::String(max) => format!("String({max})"),
        Type::Struct(item) => return format!("{}::FIELD_TYPE", struct_path(item)),
        Type::Array(item, count) => format!("Array(&{}, {count})", field_type(item)),
        Type::Sequence(item, max) => format!("Sequence(&{}, {max})", field_type(item)),
    };
    format!("crate::nk::FieldType::{text}")
}
