// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arguments as they stand in the text: lists, named fields, constants.

use super::expr::Checked;
use crate::ast::{Expr, ExprKind, Unary};
use crate::error::{Mistake, Pos, wrong};
use crate::program::Model;

/// The number of a key.
pub(super) fn key_of(keys: &[(String, i128)], expr: &Expr) -> Checked<u16> {
    let ExprKind::Text(text) = &expr.kind else {
        return wrong(expr.pos, "expected a key, as a text");
    };
    match keys.iter().position(|(key, _)| key == text) {
        Some(at) => Ok(index(at)),
        None => wrong(expr.pos, format!("there is no key {text:?}")),
    }
}

/// Numbers of states, keys and degrees are small: the parser's limits see to it.
pub(super) fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// The items of a list.
pub(super) fn list(expr: &Expr) -> Checked<&[Expr]> {
    match &expr.kind {
        ExprKind::List(items) => Ok(items),
        _ => wrong(expr.pos, "expected a list: `[a, b]`"),
    }
}

/// The values of a dictionary that has exactly these fields.
pub(super) fn args<'e, const N: usize>(expr: &'e Expr, names: [&str; N]) -> Checked<[&'e Expr; N]> {
    let expected = || names.map(|name| format!("{name} : …")).join(", ");
    let ExprKind::Dict(entries) = &expr.kind else {
        return wrong(expr.pos, format!("expected {{{}}}", expected()));
    };
    let mut found = [None; N];
    for (key, value) in entries {
        let at = names.iter().position(|name| *name == key.text);
        match at.and_then(|at| found.get_mut(at)) {
            Some(slot @ None) => *slot = Some(value),
            Some(_) => return wrong(key.pos, format!("`{}` stands here twice", key.text)),
            None => {
                return wrong(
                    key.pos,
                    format!("unknown field `{}`: expected {{{}}}", key.text, expected()),
                );
            }
        }
    }
    let mut missing = names.iter().zip(&found).filter(|(_, value)| value.is_none());
    if let Some((name, _)) = missing.next() {
        return wrong(
            expr.pos,
            format!("the field `{name}` is missing: expected {{{}}}", expected()),
        );
    }
    Ok(found.map(|value| value.unwrap_or(expr)))
}

/// The range of an integer type, by its name in any case.
pub(super) fn range(name: &str) -> Option<(i128, i128)> {
    let unsigned = |bits: u32| (0, (1_i128 << bits) - 1);
    let signed = |bits: u32| (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1);
    Some(match name.to_ascii_lowercase().as_str() {
        "uint8" => unsigned(8),
        "uint16" => unsigned(16),
        "uint32" => unsigned(32),
        "uint64" => unsigned(64),
        "sint8" => signed(8),
        "sint16" => signed(16),
        "sint32" => signed(32),
        "sint64" => signed(64),
        _ => return None,
    })
}

/// A number that stands in the text.
pub(super) fn constant(expr: &Expr) -> Checked<i128> {
    match &expr.kind {
        ExprKind::Int(value) => Ok((*value).into()),
        ExprKind::Unary(Unary::Neg, inner) => Ok(-constant(inner)?),
        _ => wrong(expr.pos, "expected a number"),
    }
}

/// A text that stands in the text.
pub(super) fn literal(expr: &Expr) -> Checked<String> {
    match &expr.kind {
        ExprKind::Text(text) => Ok(text.clone()),
        _ => wrong(expr.pos, "expected a text"),
    }
}

/// A size or count that stands in the text.
pub(super) fn size(expr: &Expr) -> Checked<usize> {
    match constant(expr)? {
        value @ 1..=0xffff => Ok(usize::try_from(value).unwrap_or(0)),
        _ => wrong(expr.pos, "a size is from 1 to 65535"),
    }
}

/// A mistake at a call's method.
pub(super) fn no_rule(pos: Pos, model: &Model, method: &str) -> Mistake {
    Mistake::new(pos, format!("the model {} has no rule `{method}`", model.name()))
}
