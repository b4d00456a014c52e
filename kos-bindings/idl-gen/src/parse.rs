// SPDX-License-Identifier: MIT OR Apache-2.0
//! From text to [`crate::ast`].
//!
//! One function per rule. Every token skips the blanks and comments before it, so a failed token
//! leaves the input where the reader of the message should look. One token always decides what
//! follows: nothing is tried twice, and the first failure is the message.

use std::ops::Range;

use winnow::ModalResult;
use winnow::ascii::multispace1;
use winnow::combinator::{
    Infix, alt, cut_err, delimited, eof, expression, opt, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{take_till, take_until, take_while};

use crate::ast::{Direction, Expr, Ident, Item, Member, Method, Op, Package, Type};
use crate::error::Mistake;

type Input<'a> = LocatingSlice<&'a str>;

/// Parses one file.
///
/// # Errors
///
/// The first token that does not fit, and what would.
pub fn parse(text: &str) -> Result<Package, Mistake> {
    let mut input = Input::new(text);
    package(&mut input).map_err(|error| mistake(input, error))
}

/// Says what was expected and what stands there instead.
fn mistake(mut input: Input<'_>, error: ErrMode<ContextError>) -> Mistake {
    let _ = blank(&mut input);
    let contexts = error.into_inner().unwrap_or_default();
    let expected = contexts.context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::StringLiteral(token)) => Some(format!("`{token}`")),
        StrContext::Expected(what) => Some(what.to_string()),
        _ => None,
    });
    let at = input.current_token_start();
    let rest: &str = &input;
    let word = rest.len() - rest.trim_start_matches(is_word).len();
    let found = match rest.chars().next() {
        None => "the end of the file".to_owned(),
        Some(first) => format!("`{}`", &rest[..word.max(first.len_utf8())]),
    };
    Mistake::new(
        at,
        format!(
            "expected {}, found {found}",
            expected.as_deref().unwrap_or("something else")
        ),
    )
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Makes `what` the message of a rule that fails.
fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Skips white space and comments. A comment without its end is left standing, and so reported.
fn blank<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let line = ("//", take_till(0.., '\n')).void();
    let block = ("/*", take_until(0.., "*/"), "*/").void();
    repeat::<_, _, (), _, _>(0.., alt((multispace1.void(), line, block)))
        .take()
        .parse_next(input)
}

/// Skips blanks and returns the comment directly above the next token: `//` lines without an empty
/// line between.
fn doc(input: &mut Input<'_>) -> ModalResult<String> {
    let text = blank(input)?;
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    // The last piece is the next token's indentation; the first still belongs to the token before.
    lines.pop();
    let above = lines.iter().skip(1).rev().map_while(|line| line.strip_prefix("//"));
    let mut doc: Vec<&str> = above.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    doc.reverse();
    Ok(doc.join("\n"))
}

fn symbol<'a>(text: &'static str) -> impl ModalParser<Input<'a>, (), ContextError> {
    preceded(blank, text)
        .void()
        .context(StrContext::Expected(StrContextValue::StringLiteral(text)))
}

/// Parses a word that is no number. `what` it should be is for the caller to say.
fn word(input: &mut Input<'_>) -> ModalResult<Ident> {
    let text = take_while(1.., is_word)
        .verify(|text: &str| !text.starts_with(|c: char| c.is_ascii_digit()))
        .with_span();
    let ident = |(text, span): (&str, Range<usize>)| Ident {
        text: text.to_owned(),
        at: span.start,
    };
    preceded(blank, text).map(ident).parse_next(input)
}

fn ident(input: &mut Input<'_>) -> ModalResult<Ident> {
    word.context(expected("a name")).parse_next(input)
}

/// Parses one of a few words; each has its meaning.
fn keyword<'a, T: Copy>(
    what: &'static str,
    meaning: impl Fn(&str) -> Option<T>,
) -> impl ModalParser<Input<'a>, T, ContextError> {
    word.verify_map(move |word| meaning(&word.text)).context(expected(what))
}

fn package(input: &mut Input<'_>) -> ModalResult<Package> {
    let doc_text = doc(input)?;
    keyword("`package`", |word| (word == "package").then_some(())).parse_next(input)?;
    let parts: Vec<Ident> = separated(1.., ident, symbol(".")).parse_next(input)?;
    let text = parts
        .iter()
        .map(|part| part.text.as_str())
        .collect::<Vec<_>>()
        .join(".");
    let at = parts.first().map_or(0, |part| part.at);
    let mut package = Package {
        name: Ident { text, at },
        doc: doc_text,
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
    Const,
    Typedef,
    Struct,
    Interface,
}

fn item(input: &mut Input<'_>, doc: String, package: &mut Package) -> ModalResult<()> {
    let has_interface = package.methods.is_some();
    let what = if has_interface {
        "`const`, `typedef`, `struct` or the end of the file"
    } else {
        "`const`, `typedef`, `struct` or `interface`"
    };
    let mut word = keyword(what, move |word| match word {
        "const" => Some(ItemWord::Const),
        "typedef" => Some(ItemWord::Typedef),
        "struct" => Some(ItemWord::Struct),
        "interface" if !has_interface => Some(ItemWord::Interface),
        _ => None,
    });
    match word.parse_next(input)? {
        ItemWord::Const => {
            let member = member(input, doc)?;
            let value = delimited(symbol("="), expr, symbol(";")).parse_next(input)?;
            package.items.push(Item::Const(member, value));
        }
        ItemWord::Typedef => {
            let member = member(input, doc)?;
            symbol(";").parse_next(input)?;
            package.items.push(Item::Typedef(member));
        }
        ItemWord::Struct => {
            let name = ident(input)?;
            let fields = body(input, |input, doc| {
                let field = member(input, doc)?;
                symbol(";").parse_next(input)?;
                Ok(field)
            })?;
            package.items.push(Item::Struct(name, doc, fields));
        }
        ItemWord::Interface => package.methods = Some(body(input, method)?),
    }
    Ok(())
}

/// Parses `{ … }` and hands the comment above each element to its rule.
fn body<'a, T>(
    input: &mut Input<'a>,
    mut element: impl FnMut(&mut Input<'a>, String) -> ModalResult<T>,
) -> ModalResult<Vec<T>> {
    symbol("{").parse_next(input)?;
    let mut elements = Vec::new();
    loop {
        let doc_text = doc(input)?;
        if opt(symbol("}")).parse_next(input)?.is_some() {
            opt(symbol(";")).parse_next(input)?;
            return Ok(elements);
        }
        elements.push(element(input, doc_text)?);
    }
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
    let is_container = matches!(name.text.as_str(), "bytes" | "string" | "sequence" | "array");
    if !is_container {
        return Ok(Type::Name(name));
    }
    symbol("<").parse_next(input)?;
    let ty = match name.text.as_str() {
        "bytes" => Type::Bytes(name, expr(input)?),
        "string" => Type::String(name, expr(input)?),
        _ => {
            let items = Box::new(terminated(type_name, symbol(",")).parse_next(input)?);
            let count = expr(input)?;
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
    ))
    .parse_next(input)
}

fn atom(input: &mut Input<'_>) -> ModalResult<Expr> {
    let grouped = delimited("(", expr, cut_err(symbol(")")));
    preceded(blank, alt((grouped, number, word.map(Expr::Name))))
        .context(expected("a number or a constant"))
        .parse_next(input)
}

/// Parses `12`, `0x1f` or `0o17`.
fn number(input: &mut Input<'_>) -> ModalResult<Expr> {
    let digits = take_while(1.., is_word).verify_map(|word: &str| {
        let (digits, radix) = match word.get(..2) {
            Some("0x") => (&word[2..], 16),
            Some("0o") => (&word[2..], 8),
            _ => (word, 10),
        };
        u64::from_str_radix(digits, radix).ok()
    });
    digits
        .with_span()
        .map(|(value, span)| Expr::Number(value, span.start))
        .parse_next(input)
}
