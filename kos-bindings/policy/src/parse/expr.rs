// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions.
//!
//! How tightly operators bind is not public. Here, from loose to tight: `==>`, `||`, `&&`,
//! comparisons (which do not chain), `|`, `&`, `+` and `-`, `*`, then `!`, `~` and `-` before an
//! operand.

use winnow::ModalResult;
use winnow::stream::Location;

use super::token::{Input, deeper, has, here, mark, name, nested, next, number, peek_word, pos_of, text, want, word};
use crate::ast::{Call, Expr, ExprKind, Key, Name, Op, Unary};
use crate::error::Pos;

/// Reads an expression.
pub(crate) fn expr(input: &mut Input<'_>) -> ModalResult<Expr> {
    nested(input, |input| climb(input, 1))
}

/// Marks of operators with two sides, the longer before those that they begin with.
const OPS: [(&str, Op, u32); 14] = [
    ("==>", Op::Implies, 1),
    ("==", Op::Eq, 4),
    ("!=", Op::Ne, 4),
    ("<=", Op::Le, 4),
    (">=", Op::Ge, 4),
    ("||", Op::Or, 2),
    ("&&", Op::And, 3),
    ("<", Op::Lt, 4),
    (">", Op::Gt, 4),
    ("|", Op::BitOr, 5),
    ("&", Op::BitAnd, 6),
    ("+", Op::Add, 7),
    ("-", Op::Sub, 7),
    ("*", Op::Mul, 8),
];

fn climb(input: &mut Input<'_>, least: u32) -> ModalResult<Expr> {
    let depth = input.state.depth;
    let expr = chain(input, least);
    input.state.depth = depth;
    expr
}

fn chain(input: &mut Input<'_>, least: u32) -> ModalResult<Expr> {
    let mut left = operand(input)?;
    // A comparison's result is not compared again: `a < b < c` means something else to everyone.
    let mut most = u32::MAX;
    loop {
        let before = *input;
        let Some((op, strength)) = operator(input)?.filter(|(_, strength)| *strength >= least) else {
            *input = before;
            return Ok(left);
        };
        if strength > most {
            *input = before;
            return want("`&&`, `||`, `==>` or `)`: comparisons do not chain");
        }
        // A chain is as deep a tree as what is nested.
        deeper(input)?;
        // `==>` binds to the right, the others to the left.
        let right_least = if op == Op::Implies { strength } else { strength + 1 };
        let right = nested(input, |input| climb(input, right_least))?;
        if strength == 4 {
            most = 3;
        }
        left = Expr {
            pos: left.pos,
            kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
        };
    }
}

fn operator(input: &mut Input<'_>) -> ModalResult<Option<(Op, u32)>> {
    for (text, op, strength) in OPS {
        if has(input, text)? {
            return Ok(Some((op, strength)));
        }
    }
    Ok(None)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    let unary = match next(input)? {
        Some('!') => Some(("!", Unary::Not)),
        Some('~') => Some(("~", Unary::Complement)),
        Some('-') => Some(("-", Unary::Neg)),
        _ => None,
    };
    if let Some((text, unary)) = unary {
        mark(input, text)?;
        let inner = nested(input, operand)?;
        return Ok(Expr {
            pos,
            kind: ExprKind::Unary(unary, Box::new(inner)),
        });
    }
    let mut expr = atom(input)?;
    while has(input, ".")? {
        deeper(input)?;
        let pos = here(input);
        let inner = Box::new(expr);
        let kind = if has(input, "[")? {
            let index = number(input)?;
            mark(input, "]")?;
            ExprKind::Index(inner, index, pos)
        } else {
            ExprKind::Field(inner, word(input, "a field's name or `[`")?)
        };
        expr = Expr {
            pos: inner_pos(&kind),
            kind,
        };
    }
    Ok(expr)
}

fn inner_pos(kind: &ExprKind) -> Pos {
    match kind {
        ExprKind::Field(inner, _) | ExprKind::Index(inner, ..) => inner.pos,
        _ => Pos::default(),
    }
}

fn atom(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    let kind = match next(input)? {
        Some('"') => ExprKind::Text(text(input)?),
        Some('0'..='9') => ExprKind::Int(number(input)?),
        Some('(') => return parens(input),
        Some('[') => ExprKind::List(list(input)?),
        Some('{') => ExprKind::Dict(dict(input)?),
        Some('_' | 'a'..='z' | 'A'..='Z') => return named(input),
        _ => return want("an expression"),
    };
    Ok(Expr { pos, kind })
}

/// Reads `()` or `(expr)`.
fn parens(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    mark(input, "(")?;
    if has(input, ")")? {
        return Ok(Expr {
            pos,
            kind: ExprKind::Unit,
        });
    }
    let inner = expr(input)?;
    mark(input, ")")?;
    Ok(inner)
}

fn list(input: &mut Input<'_>) -> ModalResult<Vec<Expr>> {
    mark(input, "[")?;
    let mut items = Vec::new();
    if has(input, "]")? {
        return Ok(items);
    }
    loop {
        items.push(expr(input)?);
        if has(input, "]")? {
            return Ok(items);
        }
        comma(input, "`,` or `]`")?;
    }
}

fn comma(input: &mut Input<'_>, what: &'static str) -> ModalResult<()> {
    if has(input, ",")? { Ok(()) } else { want(what) }
}

/// Reads `{ key : value, … }`.
pub(crate) fn dict(input: &mut Input<'_>) -> ModalResult<Vec<(Key, Expr)>> {
    mark(input, "{")?;
    let mut entries = Vec::new();
    if has(input, "}")? {
        return Ok(entries);
    }
    loop {
        let pos = here(input);
        let text = match next(input)? {
            Some('"') => text(input)?,
            Some('0'..='9') => number(input)?.to_string(),
            _ => word(input, "a field's name or `}`")?.text,
        };
        mark(input, ":")?;
        entries.push((Key { text, pos }, expr(input)?));
        if has(input, "}")? {
            return Ok(entries);
        }
        comma(input, "`,` or `}`")?;
    }
}

/// Reads a name, or a call: only a call's method is followed by its argument.
fn named(input: &mut Input<'_>) -> ModalResult<Expr> {
    let first = word(input, "an expression")?;
    let pos = first.pos;
    let kind = match first.text.as_str() {
        "true" => ExprKind::Bool(true),
        "false" => ExprKind::Bool(false),
        _ => {
            let before = *input;
            if has(input, ".")? && !peek_word(input)?.is_empty() {
                let method = word(input, "a name")?;
                if is_argument(input)? {
                    let kind = ExprKind::Call(call_of(input, Some(first), method)?);
                    return Ok(Expr { pos, kind });
                }
            }
            *input = before;
            ExprKind::Name(first.text)
        }
    };
    Ok(Expr { pos, kind })
}

fn is_argument(input: &mut Input<'_>) -> ModalResult<bool> {
    Ok(matches!(next(input)?, Some('(' | '{')))
}

fn call_of(input: &mut Input<'_>, object: Option<Name>, method: Name) -> ModalResult<Call> {
    let arg = match next(input)? {
        Some('(') => parens(input)?,
        Some('{') => {
            let pos = here(input);
            let kind = ExprKind::Dict(nested(input, dict)?);
            Expr { pos, kind }
        }
        _ => return want("an argument: `(…)` or `{…}`"),
    };
    let end = pos_of(input, input.previous_token_end()).at;
    Ok(Call {
        object,
        method,
        arg: Box::new(arg),
        end,
    })
}

/// Reads a rule: `grant ()`, `object.method {…}`.
pub(crate) fn rule(input: &mut Input<'_>) -> ModalResult<Call> {
    let what = "a rule, `match`, `choice` or `}`";
    let full = name(input, what)?;
    let (object, method) = match full.text.split_once('.') {
        None => (None, full),
        Some((object, method)) if !method.contains('.') => {
            let at = full.pos.at.saturating_add(u32::try_from(object.len()).unwrap_or(0) + 1);
            let pos = Pos { at, ..full.pos };
            let text = object.to_owned();
            let object = Name { text, pos: full.pos };
            let text = method.to_owned();
            (Some(object), Name { text, pos })
        }
        Some(_) => return want("an argument: `(…)` or `{…}`, after `rule` or `object.rule`"),
    };
    call_of(input, object, method)
}

/// Reads a literal of a `choice`.
pub(crate) fn literal(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    let kind = match next(input)? {
        Some('"') => ExprKind::Text(text(input)?),
        Some('-') => {
            mark(input, "-")?;
            let inner = Expr {
                pos,
                kind: ExprKind::Int(number(input)?),
            };
            ExprKind::Unary(Unary::Neg, Box::new(inner))
        }
        Some('0'..='9') => ExprKind::Int(number(input)?),
        _ => {
            let kind = match peek_word(input)? {
                "true" => ExprKind::Bool(true),
                "false" => ExprKind::Bool(false),
                _ => return want("a text, a number, `true`, `false`, `_` or `}`"),
            };
            word(input, "a literal")?;
            kind
        }
    };
    Ok(Expr { pos, kind })
}
