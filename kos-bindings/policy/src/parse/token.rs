// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens: names, numbers, texts and marks, each skipping the blanks and comments before it.
//!
//! One token always decides what follows: nothing is tried twice, and the first failure is the
//! message.

use winnow::ModalResult;
use winnow::ascii::multispace1;
use winnow::combinator::{alt, opt, peek, preceded, repeat};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};
use winnow::token::{any, take_till, take_until, take_while};

use crate::ast::Name;
use crate::error::{Mistake, Pos};

/// Which file is read, and how deep the reader is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) file: u32,
    pub(crate) depth: u32,
}

pub(crate) type Input<'a> = Stateful<LocatingSlice<&'a str>, At>;

/// Deeper nesting is refused: the reader's own stack must not be what ends it.
const MAX_DEPTH: u32 = 128;

pub(crate) fn pos_of(input: &Input<'_>, at: usize) -> Pos {
    Pos {
        file: input.state.file,
        // Files of 4 GiB and more are refused before.
        at: u32::try_from(at).unwrap_or(u32::MAX),
    }
}

/// Where the next token begins.
pub(crate) fn here(input: &mut Input<'_>) -> Pos {
    // It cannot fail: what is no blank stays.
    let _ = blank(input);
    let at = input.current_token_start();
    pos_of(input, at)
}

/// Says what was expected and what stands there instead.
pub(crate) fn mistake(mut input: Input<'_>, error: ErrMode<ContextError>) -> Mistake {
    let pos = here(&mut input);
    let contexts = error.into_inner().unwrap_or_default();
    let label = contexts.context().find_map(|context| match context {
        StrContext::Label(label) => Some(*label),
        _ => None,
    });
    if let Some(label) = label {
        return Mistake::new(pos, label);
    }
    let expected = contexts.context().find_map(|context| match context {
        StrContext::Expected(StrContextValue::StringLiteral(token)) => Some(format!("`{token}`")),
        StrContext::Expected(what) => Some(what.to_string()),
        _ => None,
    });
    let expected = expected.as_deref().unwrap_or("something else");
    Mistake::new(pos, format!("expected {expected}, found {}", found(&input)))
}

/// The token that stands at the input, in words.
fn found(input: &Input<'_>) -> String {
    let rest: &str = input;
    let word = rest.len() - rest.trim_start_matches(is_word).len();
    match rest.chars().next() {
        None => "the end of the file".to_owned(),
        Some(first) if word == 0 && !first.is_ascii_graphic() => format!("`{}`", first.escape_default()),
        Some(first) => format!("`{}`", rest.get(..word.max(first.len_utf8())).unwrap_or_default()),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Makes `what` the message of a rule that fails.
pub(crate) fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Ends the reading here, with a message of its own.
pub(crate) fn refuse<T>(message: &'static str) -> ModalResult<T> {
    let mut error = ContextError::new();
    error.push(StrContext::Label(message));
    Err(ErrMode::Cut(error))
}

/// Ends the reading here, because something else should stand here.
pub(crate) fn want<T>(what: &'static str) -> ModalResult<T> {
    let mut error = ContextError::new();
    error.push(expected(what));
    Err(ErrMode::Cut(error))
}

/// Skips white space and comments. A comment without its end is left standing, and so reported.
pub(crate) fn blank(input: &mut Input<'_>) -> ModalResult<()> {
    let line = ("//", take_till(0.., '\n')).void();
    let block = ("/*", take_until(0.., "*/"), "*/").void();
    repeat::<_, _, (), _, _>(0.., alt((multispace1.void(), line, block))).parse_next(input)
}

/// Takes a mark that must stand here.
pub(crate) fn mark(input: &mut Input<'_>, text: &'static str) -> ModalResult<()> {
    preceded(blank, text)
        .void()
        .context(StrContext::Expected(StrContextValue::StringLiteral(text)))
        .parse_next(input)
}

/// Takes a mark if it stands here.
pub(crate) fn has(input: &mut Input<'_>, text: &'static str) -> ModalResult<bool> {
    Ok(opt(preceded(blank, text)).parse_next(input)?.is_some())
}

/// Looks at the next character.
pub(crate) fn next(input: &mut Input<'_>) -> ModalResult<Option<char>> {
    blank(input)?;
    opt(peek(any)).parse_next(input)
}

/// Looks at the next word without taking it; empty if there is none.
pub(crate) fn peek_word<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    blank(input)?;
    peek(take_while(0.., is_word)).parse_next(input)
}

/// Takes one word that is no number.
pub(crate) fn word(input: &mut Input<'_>, what: &'static str) -> ModalResult<Name> {
    let pos = here(input);
    let text = take_while(1.., is_word)
        .verify(|text: &str| !text.starts_with(|c: char| c.is_ascii_digit()))
        .context(expected(what))
        .parse_next(input)?;
    Ok(Name {
        text: text.to_owned(),
        pos,
    })
}

/// Takes a name with dots. The parts after the first may begin with a digit or be `_`.
pub(crate) fn name(input: &mut Input<'_>, what: &'static str) -> ModalResult<Name> {
    let mut name = word(input, what)?;
    while opt('.').parse_next(input)?.is_some() {
        let part = take_while(1.., is_word).context(expected("a name"));
        let part: &str = { part }.parse_next(input)?;
        name.text.push('.');
        name.text += part;
    }
    Ok(name)
}

/// Takes `12`, `0x1f` or `0o17`.
pub(crate) fn number(input: &mut Input<'_>) -> ModalResult<u64> {
    blank(input)?;
    take_while(1.., is_word)
        .verify_map(|word: &str| {
            let radix = match word.get(..2) {
                Some("0x" | "0X") => Some(16),
                Some("0o" | "0O") => Some(8),
                _ => None,
            };
            match radix {
                Some(radix) => u64::from_str_radix(word.get(2..)?, radix).ok(),
                None => word.parse().ok(),
            }
        })
        .context(expected("a number below 2^64"))
        .parse_next(input)
}

/// Takes `"text"`; `\"`, `\\`, `\n` and `\t` are known in it.
pub(crate) fn text(input: &mut Input<'_>) -> ModalResult<String> {
    blank(input)?;
    let before = *input;
    let text = quoted(input);
    if text.is_err() {
        // The mistake is where the text begins: its end is who knows where.
        *input = before;
    }
    text
}

fn quoted(input: &mut Input<'_>) -> ModalResult<String> {
    mark(input, "\"")?;
    let mut out = String::new();
    loop {
        let plain: &str = take_till(0.., ['"', '\\', '\n']).parse_next(input)?;
        out += plain;
        match opt(any).parse_next(input)? {
            Some('"') => return Ok(out),
            Some('\\') => match opt(any).parse_next(input)? {
                Some(c @ ('"' | '\\')) => out.push(c),
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                _ => return refuse("a text knows `\\\"`, `\\\\`, `\\n` and `\\t` only"),
            },
            _ => return refuse("a text ends on the line where it begins, with `\"`"),
        }
    }
}

/// Counts one level more.
pub(crate) fn deeper(input: &mut Input<'_>) -> ModalResult<()> {
    if input.state.depth == MAX_DEPTH {
        return refuse("nested too deep, or too long a chain: 128 levels are the limit");
    }
    input.state.depth += 1;
    Ok(())
}

/// Goes one level deeper for the time of `inner`.
pub(crate) fn nested<'a, T>(
    input: &mut Input<'a>,
    inner: impl FnOnce(&mut Input<'a>) -> ModalResult<T>,
) -> ModalResult<T> {
    let depth = input.state.depth;
    deeper(input)?;
    let result = inner(input);
    input.state.depth = depth;
    result
}
