// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages in words: from fields to bytes for tests, and from bytes to JSON for the audit log.

use kos_bindings::nk::{Desc, Field, FieldType, HandleDesc, Header, Interface, Method, Parts, Wire};
use serde_json::{Map, Value, json};

use crate::ast::{Event, Expr, ExprKind, Key, Unary};
use crate::error::{Mistake, Pos, wrong};
use crate::world::fields_of;

type Checked<T> = Result<T, Mistake>;

/// A message that was built from words.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

impl Built {
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }

    /// A message without fields, for events that have none.
    pub(crate) fn empty() -> Self {
        Self {
            constant: Vec::new(),
            arena: Vec::new(),
        }
    }

    /// Builds a message; fields that are not named are zero or empty.
    pub(crate) fn new(
        event: Event,
        interface: &Interface,
        method: &'static Method,
        message: Option<&Expr>,
        pos: Pos,
    ) -> Checked<Self> {
        let (sizes, is_error) = match event {
            Event::Response => (method.result, false),
            Event::Error => (method.error.unwrap_or(method.result), true),
            _ => (method.request, false),
        };
        let fields = fields_of(event, method).unwrap_or_default();
        let too_large = || Mistake::new(pos, "the message is too large");
        let header = Header {
            size: u32::try_from(sizes.constant).map_err(|_| too_large())?,
            handles: u8::try_from(sizes.handles).map_err(|_| too_large())?,
            is_error,
            riid: interface.riid,
            mid: method.mid,
        };
        let mut built = Self {
            constant: vec![0; sizes.constant],
            arena: Vec::new(),
        };
        header.pack().put(&mut built.constant, 0).map_err(|_| too_large())?;
        let entries = match message.map(|message| &message.kind) {
            Some(ExprKind::Dict(entries)) => entries.as_slice(),
            _ => &[],
        };
        check_names(entries, fields, method.name)?;
        for field in fields {
            let value = entries.iter().find(|(key, _)| key.text == field.name);
            built.field(field, value.map(|(_, value)| value), pos)?;
        }
        let validate = match event {
            Event::Response | Event::Error => method.validate_response,
            _ => method.validate_request,
        };
        match validate(built.parts()) {
            Ok(()) => Ok(built),
            Err(error) => wrong(pos, format!("the fields make no message: {error:?}")),
        }
    }

    /// Puts what lies in the arena, in the order of the fields, as the IDL wants it.
    fn field(&mut self, field: &Field, value: Option<&Expr>, pos: Pos) -> Checked<()> {
        let pos = value.map_or(pos, |value| value.pos);
        let segment = match (&field.ty, value) {
            (FieldType::String(max), value) => {
                let text = value.map_or(Ok(String::new()), text_of)?;
                if text.len() > *max {
                    return wrong(pos, format!("the text has more than {max} bytes"));
                }
                let mut bytes = text.into_bytes();
                bytes.push(0);
                (bytes, 1)
            }
            (FieldType::Bytes(max), value) => {
                let bytes = value.map_or(Ok(Vec::new()), bytes_of)?;
                if bytes.len() > *max {
                    return wrong(pos, format!("more than {max} bytes"));
                }
                (bytes, 1)
            }
            (FieldType::Sequence(item, max), value) => {
                let items = value.map_or(Ok([].as_slice()), items_of)?;
                if items.len() > *max {
                    return wrong(pos, format!("more than {max} items"));
                }
                let (stride, align) = item.layout();
                let mut bytes = vec![0; items.len() * stride];
                for (value, room) in items.iter().zip(bytes.chunks_mut(stride)) {
                    put(item, value, room)?;
                }
                (bytes, align)
            }
            (ty, Some(value)) => {
                let (size, _) = ty.layout();
                let room = self.constant.get_mut(field.at..field.at + size);
                return put(ty, value, room.unwrap_or_default());
            }
            (_, None) => return Ok(()),
        };
        let (bytes, align) = segment;
        let desc = if bytes.is_empty() {
            Desc { offset: 0, size: 0 }
        } else {
            let offset = self.arena.len().next_multiple_of(align);
            self.arena.resize(offset, 0);
            self.arena.extend_from_slice(&bytes);
            Desc {
                offset: u32::try_from(offset).unwrap_or(u32::MAX),
                size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            }
        };
        let full = |_| Mistake::new(pos, "the message is too large");
        desc.put(&mut self.constant, field.at).map_err(full)
    }
}

fn check_names(entries: &[(Key, Expr)], fields: &[Field], of: &str) -> Checked<()> {
    for (at, (key, _)) in entries.iter().enumerate() {
        if !fields.iter().any(|field| field.name == key.text) {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return wrong(key.pos, format!("`{of}` has no field `{}`; it has {known}", key.text));
        }
        if entries.iter().take(at).any(|(other, _)| other.text == key.text) {
            return wrong(key.pos, format!("`{}` stands here twice", key.text));
        }
    }
    Ok(())
}

fn text_of(expr: &Expr) -> Checked<String> {
    match &expr.kind {
        ExprKind::Text(text) => Ok(text.clone()),
        _ => wrong(expr.pos, "expected a text"),
    }
}

fn items_of(expr: &Expr) -> Checked<&[Expr]> {
    match &expr.kind {
        ExprKind::List(items) => Ok(items),
        _ => wrong(expr.pos, "expected a list: `[…]`"),
    }
}

fn bytes_of(expr: &Expr) -> Checked<Vec<u8>> {
    if let ExprKind::Text(text) = &expr.kind {
        return Ok(text.clone().into_bytes());
    }
    let byte = |item: &Expr| match item.kind {
        ExprKind::Int(value) if value <= 255 => Ok(u8::try_from(value).unwrap_or(0)),
        _ => wrong(item.pos, "expected a byte"),
    };
    items_of(expr)?.iter().map(byte).collect()
}

/// Writes a value of fixed size.
fn put(ty: &FieldType, value: &Expr, room: &mut [u8]) -> Checked<()> {
    match ty {
        FieldType::Int { bytes, is_signed } => {
            let number = match &value.kind {
                ExprKind::Int(number) => i128::from(*number),
                ExprKind::Unary(Unary::Neg, inner) if matches!(inner.kind, ExprKind::Int(_)) => match inner.kind {
                    ExprKind::Int(number) => -i128::from(number),
                    _ => 0,
                },
                _ => return wrong(value.pos, "expected a number"),
            };
            let bits = u32::try_from(bytes * 8).unwrap_or(64);
            let (low, high) = if *is_signed {
                (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
            } else {
                (0, (1_i128 << bits) - 1)
            };
            if !(low..=high).contains(&number) {
                return wrong(value.pos, format!("{number} is not between {low} and {high}"));
            }
            for (byte, raw) in room.iter_mut().zip(number.to_le_bytes()) {
                *byte = raw;
            }
            Ok(())
        }
        FieldType::Struct { fields, name, .. } => {
            let ExprKind::Dict(entries) = &value.kind else {
                return wrong(value.pos, "expected a dictionary: `{field : value}`");
            };
            check_names(entries, fields, name)?;
            for field in *fields {
                let Some((_, value)) = entries.iter().find(|(key, _)| key.text == field.name) else {
                    continue;
                };
                let (size, _) = field.ty.layout();
                let room = room.get_mut(field.at..field.at + size);
                put(&field.ty, value, room.unwrap_or_default())?;
            }
            Ok(())
        }
        FieldType::Array(item, count) => {
            let items = items_of(value)?;
            if items.len() != *count {
                return wrong(value.pos, format!("expected {count} items"));
            }
            let (stride, _) = item.layout();
            for (value, room) in items.iter().zip(room.chunks_mut(stride.max(1))) {
                put(item, value, room)?;
            }
            Ok(())
        }
        _ => wrong(value.pos, "handles cannot be written here"),
    }
}

/// Longer bytes are recorded by their beginning.
const MAX_BYTES: usize = 32;
/// Of longer lists the first items are recorded.
const MAX_ITEMS: usize = 16;

/// Puts a message's fields in words, for the audit log.
pub(crate) fn describe(event: Event, method: &'static Method, message: Parts<'_>) -> Value {
    let fields = fields_of(event, method).unwrap_or_default();
    struct_of(fields, message.constant, message.arena)
}

fn struct_of(fields: &[Field], bytes: &[u8], arena: &[u8]) -> Value {
    let mut out = Map::new();
    for field in fields {
        let value = bytes.get(field.at..).map(|rest| value_of(&field.ty, rest, arena));
        out.insert(field.name.to_owned(), value.unwrap_or(Value::Null));
    }
    Value::Object(out)
}

fn segment<'a>(bytes: &[u8], arena: &'a [u8]) -> &'a [u8] {
    let Ok(desc) = Desc::get(bytes, 0) else { return &[] };
    let rest = arena.get(desc.offset as usize..).unwrap_or_default();
    rest.get(..desc.size as usize).unwrap_or_default()
}

fn value_of(ty: &FieldType, bytes: &[u8], arena: &[u8]) -> Value {
    match ty {
        FieldType::Int {
            bytes: count,
            is_signed,
        } => {
            let mut raw = [0; 8];
            for (to, from) in raw.iter_mut().zip(bytes.get(..*count).unwrap_or_default()) {
                *to = *from;
            }
            let value = u64::from_le_bytes(raw);
            if *is_signed {
                let unused = 64 - 8 * u32::try_from(*count).unwrap_or(8);
                json!(value.wrapping_shl(unused).cast_signed() >> unused)
            } else {
                json!(value)
            }
        }
        FieldType::Handle => match HandleDesc::get(bytes, 0) {
            Ok(desc) => json!({"handle": desc.handle.0, "rights": desc.rights}),
            Err(_) => Value::Null,
        },
        FieldType::String(_) => {
            let text = segment(bytes, arena);
            let text = text.strip_suffix(&[0]).unwrap_or(text);
            json!(String::from_utf8_lossy(text))
        }
        FieldType::Bytes(_) => {
            let data = segment(bytes, arena);
            let hex = |byte: &u8| format!("{byte:02x}");
            let start: String = data.iter().take(MAX_BYTES).map(hex).collect();
            json!({"len": data.len(), "hex": start})
        }
        FieldType::Struct { fields, .. } => struct_of(fields, bytes, arena),
        FieldType::Array(item, count) => items(item, bytes, *count, arena),
        FieldType::Sequence(item, _) => {
            let data = segment(bytes, arena);
            let count = data.len() / item.layout().0.max(1);
            items(item, data, count, &[])
        }
    }
}

fn items(item: &FieldType, bytes: &[u8], count: usize, arena: &[u8]) -> Value {
    let chunks = bytes.chunks_exact(item.layout().0.max(1)).take(count.min(MAX_ITEMS));
    let mut list: Vec<_> = chunks.map(|chunk| value_of(item, chunk, arena)).collect();
    if count > MAX_ITEMS {
        list.push(json!(format!("… {count} items")));
    }
    Value::Array(list)
}
