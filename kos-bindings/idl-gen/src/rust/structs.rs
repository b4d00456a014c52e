// SPDX-License-Identifier: MIT OR Apache-2.0
//! Structs and unions: types of fixed size.

use std::collections::BTreeSet;

use super::doc_lines;
use super::message::{declarations, rust_type};
use super::names::{camel, variable};
use crate::model::{FIRST_UNION_TAG, Struct, Type};

fn is_integer(ty: &Type) -> bool {
    match ty {
        Type::Array(item, _) => is_integer(item),
        ty => matches!(ty, Type::Int(..)),
    }
}

/// Writes a struct.
pub(super) fn structure(item: &Struct) -> String {
    let Struct { name, bytes, align, .. } = item;
    let each = |text: &dyn Fn(&str, usize) -> String| -> String {
        item.fields
            .iter()
            .map(|field| text(&variable(&field.name), field.at))
            .collect()
    };
    let zero = each(&|field, _| format!("{field}: Wire::ZERO, "));
    let get = each(&|field, at| format!("{field}: Wire::get(bytes, {at})?, "));
    let put = each(&|field, at| format!("self.{field}.put(bytes, {at})?;\n"));
    // Integers always are; of the others, each is asked once.
    let others = item.fields.iter().filter(|field| !is_integer(&field.ty));
    let others: BTreeSet<_> = others
        .map(|field| format!("<{} as Wire>::IS_TOTAL", rust_type(&field.ty)))
        .collect();
    let total = if others.is_empty() {
        "true".to_owned()
    } else {
        others.into_iter().collect::<Vec<_>>().join(" && ")
    };
    let (doc, fields) = (doc_lines(&item.doc), declarations(&item.fields));
    format!(
        "
{doc}#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct {name} {{
{fields}}}

impl Wire for {name} {{
    const BYTES: usize = {bytes};
    const ALIGN: usize = {align};
    const ZERO: Self = Self {{ {zero}}};
    const IS_TOTAL: bool = {total};

    #[inline]
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {{
        let bytes = crate::nk::part::<{bytes}>(bytes, at)?;
        Ok(Self {{ {get}}})
    }}

    #[inline]
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {{
        let bytes = crate::nk::part_mut::<{bytes}>(bytes, at)?;
        *bytes = [0; {bytes}];
        {put}Ok(())
    }}
}}
"
    )
}

/// Writes a union: an `enum`, since its tag says which member it holds. A tag that says nothing is
/// refused, and what lies behind a shorter member is nobody's.
pub(super) fn union(item: &Struct) -> String {
    let Struct { name, bytes, align, .. } = item;
    let body = item.fields.first().map_or(0, |field| field.at);
    let first = item.fields.first().map(|field| camel(&field.name)).unwrap_or_default();
    let (mut variants, mut get, mut put) = (String::new(), String::new(), String::new());
    for (tag, field) in (FIRST_UNION_TAG..).zip(&item.fields) {
        let (variant, ty, doc) = (camel(&field.name), rust_type(&field.ty), doc_lines(&field.doc));
        variants += &format!("{doc}{variant}({ty}),\n");
        get += &format!("{tag} => Ok(Self::{variant}(Wire::get(bytes, {body})?)),\n");
        put += &format!("Self::{variant}(member) => {{ {tag}_u32.put(bytes, 0)?; member.put(bytes, {body}) }}\n");
    }
    let doc = doc_lines(&item.doc);
    format!(
        "
{doc}#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum {name} {{
{variants}}}

impl Wire for {name} {{
    const BYTES: usize = {bytes};
    const ALIGN: usize = {align};
    const ZERO: Self = Self::{first}(Wire::ZERO);
    const IS_TOTAL: bool = false;

    #[inline]
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {{
        let bytes = crate::nk::part::<{bytes}>(bytes, at)?;
        match u32::get(bytes, 0)? {{
            {get}_ => Err(NkErr::BadMsg),
        }}
    }}

    #[inline]
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {{
        let bytes = crate::nk::part_mut::<{bytes}>(bytes, at)?;
        *bytes = [0; {bytes}];
        match self {{
            {put}}}
    }}
}}
"
    )
}
