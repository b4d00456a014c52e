// SPDX-License-Identifier: MIT OR Apache-2.0
//! IDL: packages, types, constants and interfaces.

use winnow::ModalResult;
use winnow::combinator::{Infix, alt, cut_err, delimited, eof, expression, opt, preceded, terminated};
use winnow::error::{ContextError, ErrMode};
use winnow::prelude::*;
use winnow::token::take_while;

use super::token::{
    Input, blank, body, count_operand, doc, dotted, expected, ident, is_word, keyword, nested, refuse, symbol, word,
};
use crate::ast::{Direction, Expr, Item, Member, Method, Op, Package, Type};

pub(super) fn package(input: &mut Input<'_>) -> ModalResult<Package> {
    let doc_text = doc(input)?;
    keyword("`package`", |word| (word == "package").then_some(())).parse_next(input)?;
    let mut package = Package {
        name: dotted(input)?,
        doc: doc_text,
        imports: Vec::new(),
        items: Vec::new(),
        methods: None,
    };
    loop {
        let doc_text = doc(input)?;
        if opt(eof).parse_next(input)?.is_some() {
            return Ok(package);
        }
        item(input, doc_text, &mut package)?;
    }
}

#[derive(Clone, Copy)]
enum ItemWord {
    Import,
    Const,
    Typedef,
    Struct,
    Union,
    Interface,
}

fn item(input: &mut Input<'_>, doc: String, package: &mut Package) -> ModalResult<()> {
    let (may_import, has_interface) = (package.items.is_empty(), package.methods.is_some());
    let what = match (may_import, has_interface) {
        (_, true) => "`const`, `typedef`, `struct`, `union` or the end of the file",
        (true, false) => "`import`, `const`, `typedef`, `struct`, `union` or `interface`",
        (false, false) => "`const`, `typedef`, `struct`, `union` or `interface`",
    };
    let mut word = keyword(what, move |word| match word {
        "import" if may_import && !has_interface => Some(ItemWord::Import),
        "const" => Some(ItemWord::Const),
        "typedef" => Some(ItemWord::Typedef),
        "struct" => Some(ItemWord::Struct),
        "union" => Some(ItemWord::Union),
        "interface" if !has_interface => Some(ItemWord::Interface),
        _ => None,
    });
    match word.parse_next(input)? {
        ItemWord::Import => package.imports.push(dotted(input)?),
        ItemWord::Const => {
            let member = member(input, doc)?;
            let value = delimited(symbol("="), whole_expr, symbol(";")).parse_next(input)?;
            package.items.push(Item::Const(member, value));
        }
        ItemWord::Typedef => {
            let member = member(input, doc)?;
            symbol(";").parse_next(input)?;
            package.items.push(Item::Typedef(member));
        }
        ItemWord::Struct => package.items.push(Item::Struct(ident(input)?, doc, members(input)?)),
        ItemWord::Union => package.items.push(Item::Union(ident(input)?, doc, members(input)?)),
        ItemWord::Interface => package.methods = Some(body(input, method)?),
    }
    Ok(())
}

/// Parses the fields of a struct, or the members of a union.
fn members(input: &mut Input<'_>) -> ModalResult<Vec<Member>> {
    body(input, |input, doc| {
        let field = member(input, doc)?;
        symbol(";").parse_next(input)?;
        Ok(field)
    })
}

fn member(input: &mut Input<'_>, doc: String) -> ModalResult<Member> {
    Ok(Member {
        doc,
        ty: type_name(input)?,
        name: ident(input)?,
    })
}

fn method(input: &mut Input<'_>, doc_text: String) -> ModalResult<Method> {
    let name = ident(input)?;
    symbol("(").parse_next(input)?;
    let mut params = Vec::new();
    if opt(symbol(")")).parse_next(input)?.is_none() {
        loop {
            let doc_text = doc(input)?;
            let mut direction = keyword("`in`, `out` or `error`", |word| match word {
                "in" => Some(Direction::In),
                "out" => Some(Direction::Out),
                "error" => Some(Direction::Error),
                _ => None,
            });
            params.push((direction.parse_next(input)?, member(input, doc_text)?));
            let more = preceded(blank, alt((','.value(true), ')'.value(false))));
            if !more.context(expected("`,` or `)`")).parse_next(input)? {
                break;
            }
        }
    }
    symbol(";").parse_next(input)?;
    Ok(Method {
        doc: doc_text,
        name,
        params,
    })
}

fn type_name(input: &mut Input<'_>) -> ModalResult<Type> {
    let name = word.context(expected("a type")).parse_next(input)?;
    if !matches!(name.text.as_str(), "bytes" | "string" | "sequence" | "array" | "handle") {
        return Ok(Type::Name(name));
    }
    symbol("<").parse_next(input)?;
    let ty = match name.text.as_str() {
        "handle" => Type::Callable(name, dotted(input)?),
        "bytes" => Type::Bytes(name, whole_expr(input)?),
        "string" => Type::String(name, whole_expr(input)?),
        _ => {
            let items = |input: &mut Input<'_>| nested(input, type_name);
            let items = Box::new(terminated(items, symbol(",")).parse_next(input)?);
            let count = whole_expr(input)?;
            if name.text == "array" {
                Type::Array(name, items, count)
            } else {
                Type::Sequence(name, items, count)
            }
        }
    };
    symbol(">").parse_next(input)?;
    Ok(ty)
}

/// Parses a constant expression that is not a part of another.
fn whole_expr(input: &mut Input<'_>) -> ModalResult<Expr> {
    let around = std::mem::take(&mut input.state);
    let parsed = expr(input);
    input.state = around;
    parsed
}

/// Parses a constant expression; `**` binds tightest and to the right, `<<` loosest.
fn expr(input: &mut Input<'_>) -> ModalResult<Expr> {
    // `expression` takes a failed operand for the end of the expression unless it is cut.
    expression(cut_err(atom))
        .infix(preceded(blank, operator))
        .parse_next(input)
}

fn operator<'a>(input: &mut Input<'a>) -> ModalResult<Infix<Input<'a>, Expr, ErrMode<ContextError>>> {
    alt((
        "<<".value(Infix::Left(1, |_: &mut _, a, b| Ok(Expr::binary(Op::Shl, a, b)))),
        "+".value(Infix::Left(2, |_: &mut _, a, b| Ok(Expr::binary(Op::Add, a, b)))),
        "**".value(Infix::Right(4, |_: &mut _, a, b| Ok(Expr::binary(Op::Pow, a, b)))),
        "*".value(Infix::Left(3, |_: &mut _, a, b| Ok(Expr::binary(Op::Mul, a, b)))),
        unknown_operator,
    ))
    .parse_next(input)
}

/// An expression may have more operators than those that the public documents show; a mistake
/// behind them must not say that the expression should have ended.
fn unknown_operator<'a>(input: &mut Input<'a>) -> ModalResult<Infix<Input<'a>, Expr, ErrMode<ContextError>>> {
    let start = input.checkpoint();
    alt((">>", "-", "/", "%", "&", "|", "^")).void().parse_next(input)?;
    // In `bytes<1 << 4>>`, and in a comment that never ends, the mistake is another.
    input.reset(&start);
    if input.input.starts_with(">>") || input.input.starts_with("/*") {
        return Err(ErrMode::Backtrack(ContextError::new()));
    }
    refuse(
        input,
        "only `<<`, `+`, `*` and `**` are known of the language's operators",
    )
}

fn atom(input: &mut Input<'_>) -> ModalResult<Expr> {
    let grouped = delimited("(", |input: &mut Input<'_>| nested(input, expr), cut_err(symbol(")")));
    preceded(blank, alt((grouped, operand)))
        .context(expected("a number or a constant"))
        .parse_next(input)
}

fn operand(input: &mut Input<'_>) -> ModalResult<Expr> {
    count_operand(input)?;
    alt((number, word.map(Expr::Name))).parse_next(input)
}

/// Parses `12`, `0x1f` or `0o17`, in either case.
fn number(input: &mut Input<'_>) -> ModalResult<Expr> {
    let digits = take_while(1.., is_word).verify_map(|word: &str| {
        let (digits, radix) = match word.get(..2) {
            Some("0x" | "0X") => (&word[2..], 16),
            Some("0o" | "0O") => (&word[2..], 8),
            _ => (word, 10),
        };
        u64::from_str_radix(digits, radix).ok()
    });
    digits
        .with_span()
        .map(|(value, span)| Expr::Number(value, span.start))
        .parse_next(input)
}
