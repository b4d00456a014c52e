// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens of the three languages: names and marks, each skipping the blanks and comments before it,
//! so that a failed token leaves the input where the reader of the message should look.

use std::ops::Range;

use winnow::ModalResult;
use winnow::ascii::multispace1;
use winnow::combinator::{alt, opt, preceded, repeat};
use winnow::error::{AddContext, ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{take_till, take_until, take_while};

use crate::ast::Ident;
use crate::error::Mistake;

/// How deep the reader is in an expression or a type, and how long that is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nesting {
    pub(super) depth: u32,
    pub(super) operands: u32,
}

pub(super) type Input<'a> = Stateful<LocatingSlice<&'a str>, Nesting>;

/// Deeper nesting and longer expressions are refused: the stack of whoever reads or prints them must
/// not be what ends it.
const MAX_NESTING: u32 = 64;

/// Reads a whole file by its first rule.
pub(super) fn whole<T>(text: &str, rule: impl FnOnce(&mut Input<'_>) -> ModalResult<T>) -> Result<T, Mistake> {
    let mut input = Input {
        input: LocatingSlice::new(text),
        state: Nesting::default(),
    };
    rule(&mut input).map_err(|error| mistake(input, error))
}

/// Runs `rule` one level deeper.
pub(super) fn nested<'a, T>(
    input: &mut Input<'a>,
    rule: impl FnOnce(&mut Input<'a>) -> ModalResult<T>,
) -> ModalResult<T> {
    if input.state.depth == MAX_NESTING {
        return refuse(input, "nested more than 64 deep");
    }
    input.state.depth += 1;
    let result = rule(input);
    input.state.depth -= 1;
    result
}

/// Counts an operand of the expression that is read.
pub(super) fn count_operand(input: &mut Input<'_>) -> ModalResult<()> {
    if input.state.operands == MAX_NESTING {
        return refuse(input, "an expression has at most 64 operands");
    }
    input.state.operands += 1;
    Ok(())
}

/// Ends the reading with a message of its own.
pub(super) fn refuse<T>(input: &mut Input<'_>, message: &'static str) -> ModalResult<T> {
    let error = ContextError::new().add_context(input, &input.checkpoint(), StrContext::Label(message));
    Err(ErrMode::Cut(error))
}

/// Says what was expected and what stands there instead.
fn mistake(mut input: Input<'_>, error: ErrMode<ContextError>) -> Mistake {
    let _ = blank(&mut input);
    let contexts = error.into_inner().unwrap_or_default();
    let label = contexts.context().find_map(|context| match context {
        StrContext::Label(label) => Some(*label),
        _ => None,
    });
    if let Some(label) = label {
        return Mistake::new(input.current_token_start(), label);
    }
    let expected = contexts.context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::StringLiteral(token)) => Some(format!("`{token}`")),
        StrContext::Expected(what) => Some(what.to_string()),
        _ => None,
    });
    let at = input.current_token_start();
    let rest: &str = &input.input;
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

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Makes `what` the message of a rule that fails.
pub(super) fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Skips white space and comments. A comment without its end is left standing, and so reported.
pub(super) fn blank<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let line = ("//", take_till(0.., '\n')).void();
    let block = ("/*", take_until(0.., "*/"), "*/").void();
    repeat::<_, _, (), _, _>(0.., alt((multispace1.void(), line, block)))
        .take()
        .parse_next(input)
}

/// Skips blanks and returns the comment directly above the next token: `//` lines without an empty
/// line between.
pub(super) fn doc(input: &mut Input<'_>) -> ModalResult<String> {
    // The first line still belongs to the token before, if there is one.
    let first = usize::from(input.current_token_start() > 0);
    let text = blank(input)?;
    let mut lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    // The last piece is the next token's indentation.
    lines.pop();
    let above = lines.iter().skip(first).rev().map_while(|line| line.strip_prefix("//"));
    let mut doc: Vec<&str> = above.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    doc.reverse();
    Ok(doc.join("\n").trim_end_matches('\n').to_owned())
}

pub(super) fn symbol<'a>(text: &'static str) -> impl ModalParser<Input<'a>, (), ContextError> {
    preceded(blank, text)
        .void()
        .context(StrContext::Expected(StrContextValue::StringLiteral(text)))
}

/// Parses a word that is no number. `what` it should be is for the caller to say.
pub(super) fn word(input: &mut Input<'_>) -> ModalResult<Ident> {
    let text = take_while(1.., is_word)
        .verify(|text: &str| !text.starts_with(|c: char| c.is_ascii_digit()))
        .with_span();
    let ident = |(text, span): (&str, Range<usize>)| Ident {
        text: text.to_owned(),
        at: span.start,
    };
    preceded(blank, text).map(ident).parse_next(input)
}

pub(super) fn ident(input: &mut Input<'_>) -> ModalResult<Ident> {
    word.context(expected("a name")).parse_next(input)
}

/// Parses one of a few words; each has its meaning.
pub(super) fn keyword<'a, T: Copy>(
    what: &'static str,
    meaning: impl Fn(&str) -> Option<T>,
) -> impl ModalParser<Input<'a>, T, ContextError> {
    word.verify_map(move |word| meaning(&word.text)).context(expected(what))
}

/// Parses `a.b.Name`.
pub(super) fn dotted(input: &mut Input<'_>) -> ModalResult<Ident> {
    let mut parts = vec![ident(input)?];
    while opt(symbol(".")).parse_next(input)?.is_some() {
        parts.push(ident(input)?);
    }
    let words: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
    Ok(Ident {
        text: words.join("."),
        at: parts.first().map_or(0, |part| part.at),
    })
}

/// Parses `{ … }` and hands the comment above each element to its rule.
pub(super) fn body<'a, T>(
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
