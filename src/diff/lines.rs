// SPDX-License-Identifier: GPL-2.0-only
//! Each line of a file as blank, comment or code, and its code in a form in which comments and layout are gone.
//!
//! tokei counts whole files, and a changed line must be judged by what is open above it; so this is a lexer of our
//! own, driven by tokei's tables. It counts as tokei does: a blank line inside a comment is comment, a line with any
//! code on it is code. Tests compare the two.

use super::count::Lines;
use super::syntax::{Family, Syntax};
use std::ops::Range;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but blanks.
    Blank,
    /// Comment and nothing else, or prose.
    Comment,
    /// Some code.
    Code,
}

#[derive(Debug, Clone)]
struct Line {
    text: Range<usize>,
    code: Range<usize>,
    kind: Kind,
    has_comment: bool,
}

/// A file's lines.
#[derive(Debug)]
pub(super) struct Text<'a> {
    data: &'a [u8],
    code: Vec<u8>,
    lines: Vec<Line>,
    family: Family,
}

/// What is open where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Comment { depth: usize, index: usize },
    Quote { end: &'static str, has_escapes: bool },
}

impl<'a> Text<'a> {
    /// Reads a file's lines.
    pub(super) fn new(data: &'a [u8], syntax: &Syntax) -> Self {
        let mut text = Self {
            data,
            code: Vec::with_capacity(data.len()),
            lines: Vec::new(),
            family: syntax.family,
        };
        let mut lexer = Lexer {
            syntax,
            open: Open::Nothing,
        };
        let mut start = 0;
        for line in data.split_inclusive(|&byte| byte == b'\n') {
            let (code_start, end) = (text.code.len(), start + line.len());
            let has_comment = lexer.line(line.trim_ascii_end(), &mut text.code);
            let kind = if text.code.len() > code_start {
                Kind::Code
            } else if has_comment {
                Kind::Comment
            } else {
                Kind::Blank
            };
            text.lines.push(Line {
                text: start..end,
                code: code_start..text.code.len(),
                kind,
                has_comment,
            });
            start = end;
        }
        text
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line as it stands, with its line break.
    pub(super) fn raw(&self, index: usize) -> &'a [u8] {
        self.lines.get(index).map_or(&[], |line| &self.data[line.text.clone()])
    }

    /// Its code, without comments and layout; empty if it has none.
    pub(super) fn code(&self, index: usize) -> &[u8] {
        self.lines.get(index).map_or(&[], |line| &self.code[line.code.clone()])
    }

    pub(super) fn kind(&self, index: usize) -> Kind {
        self.lines.get(index).map_or(Kind::Blank, |line| line.kind)
    }

    /// Part of it is comment.
    pub(super) fn has_comment(&self, index: usize) -> bool {
        self.lines.get(index).is_some_and(|line| line.has_comment)
    }

    pub(super) fn counts(&self) -> Lines {
        let mut counts = Lines::default();
        for line in &self.lines {
            counts.lines += 1;
            match line.kind {
                Kind::Blank => counts.blanks += 1,
                Kind::Comment => counts.comments += 1,
                Kind::Code => counts.code += 1,
            }
        }
        counts
    }

    /// The code of several lines as one text: two that are equal differ in comments and layout only.
    pub(super) fn stream(&self, lines: impl IntoIterator<Item = usize>) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let mut was_directive = false;
        let begins = |code: &[u8]| code.starts_with(b"#") && !code.starts_with(b"#[") && !code.starts_with(b"#!");
        for code in lines
            .into_iter()
            .map(|line| self.code(line))
            .filter(|code| !code.is_empty())
        {
            let is_directive = was_directive && out.last() == Some(&b'\\') || begins(code);
            if out.last() == Some(&b'\\') && self.family == Family::Free {
                // A continued line: the next one is part of it.
                out.pop();
                join(&mut out, code);
            } else if self.family == Family::Free && !is_directive && !was_directive {
                join(&mut out, code);
            } else {
                // Where lines mean something, their ends stay.
                out.push(b'\n');
                out.extend_from_slice(code);
            }
            was_directive = is_directive;
        }
        out
    }
}

/// Appends code, parted from what is there only if they would read as one word or operator otherwise.
fn join(out: &mut Vec<u8>, code: &[u8]) {
    if let (Some(&last), Some(&first)) = (out.last(), code.first())
        && merges(last, first)
    {
        out.push(b' ');
    }
    out.extend_from_slice(code);
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Whether two characters beside one another may be one token: then a blank between them means something.
fn merges(a: u8, b: u8) -> bool {
    const OPERATORS: [&[u8; 2]; 24] = [
        b"++", b"--", b"&&", b"||", b"<<", b">>", b"==", b"<=", b">=", b"!=", b"+=", b"-=", b"*=", b"/=", b"%=", b"&=",
        b"|=", b"^=", b"->", b"##", b"//", b"/*", b"::", b"=>",
    ];
    (is_word(a) && is_word(b)) || OPERATORS.contains(&&[a, b])
}

struct Lexer<'a> {
    syntax: &'a Syntax,
    open: Open,
}

impl Lexer<'_> {
    /// Appends the code of one line, and says whether there was a comment on it.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        if self.syntax.family == Family::Prose {
            return !line.is_empty();
        }
        let start = out.len();
        let mut has_comment = matches!(self.open, Open::Comment { .. });
        let mut at = 0;
        let mut has_gap = false;
        while at < line.len() {
            let rest = &line[at..];
            let (length, is_code) = match self.open {
                Open::Comment { depth, index } => (self.in_comment(rest, depth, index), false),
                Open::Quote { end, has_escapes } => (self.in_quote(rest, end, has_escapes), true),
                Open::Nothing => match self.comment(rest) {
                    Some(length) => {
                        has_comment = true;
                        (length, false)
                    }
                    None if rest[0].is_ascii_whitespace() => (1, false),
                    None => {
                        if has_gap {
                            self.space(&line[..at], rest[0], start, out);
                        }
                        (self.code(rest), true)
                    }
                },
            };
            if is_code {
                out.extend_from_slice(&rest[..length]);
            }
            // To the compiler a comment is a blank, too.
            has_gap = !is_code;
            at += length;
        }
        self.end_of_line(line);
        has_comment
    }

    /// What stands for the blanks between a piece of code and what is before it on its line.
    fn space(&self, before: &[u8], next: u8, start: usize, out: &mut Vec<u8>) {
        let code = &out[start..];
        match self.syntax.family {
            // Indentation, unless there is a comment in it.
            Family::Lined if code.is_empty() && before.trim_ascii().is_empty() => out.extend_from_slice(before),
            Family::Lined => out.push(b' '),
            _ if code.is_empty() => {}
            _ => {
                let parts = code.last().is_some_and(|&last| merges(last, next));
                // `#define F (x)` is not `#define F(x)`.
                if parts || (next == b'(' && is_macro_name(code)) {
                    out.push(b' ');
                }
            }
        }
    }

    /// A comment begins here: how long it is on this line.
    fn comment(&mut self, rest: &[u8]) -> Option<usize> {
        let is_line = |mark: &&&str| rest.starts_with(mark.as_bytes());
        if self.syntax.line_comments.iter().find(is_line).is_some() {
            return Some(rest.len());
        }
        let blocks = self.syntax.block_comments.iter();
        let (index, (begin, _)) = blocks
            .enumerate()
            .find(|(_, (begin, _))| rest.starts_with(begin.as_bytes()))?;
        self.open = Open::Comment { depth: 1, index };
        Some(begin.len())
    }

    /// Inside a comment: how far one step goes.
    fn in_comment(&mut self, rest: &[u8], depth: usize, index: usize) -> usize {
        let Some((begin, end)) = self.syntax.block_comments.get(index) else {
            return 1;
        };
        if rest.starts_with(end.as_bytes()) {
            self.open = match depth {
                0 | 1 => Open::Nothing,
                _ => Open::Comment {
                    depth: depth - 1,
                    index,
                },
            };
            return end.len();
        }
        if self.syntax.is_nested && rest.starts_with(begin.as_bytes()) {
            self.open = Open::Comment {
                depth: depth + 1,
                index,
            };
            return begin.len();
        }
        1
    }

    fn in_quote(&mut self, rest: &[u8], end: &'static str, has_escapes: bool) -> usize {
        if has_escapes && rest[0] == b'\\' {
            return rest.len().min(2);
        }
        if rest.starts_with(end.as_bytes()) {
            self.open = Open::Nothing;
            return end.len();
        }
        1
    }

    /// Code outside of strings, of which one may begin here.
    fn code(&mut self, rest: &[u8]) -> usize {
        if self.syntax.has_chars
            && let Some(length) = character(rest)
        {
            return length;
        }
        let verbatim = self.syntax.verbatim.iter().map(|quote| (quote, false));
        let quotes = self.syntax.quotes.iter().map(|quote| (quote, true));
        for ((begin, end), has_escapes) in verbatim.chain(quotes) {
            if rest.starts_with(begin.as_bytes()) {
                self.open = Open::Quote { end, has_escapes };
                return begin.len();
            }
        }
        1
    }

    fn end_of_line(&mut self, line: &[u8]) {
        let goes_on = self.syntax.has_long_strings || line.ends_with(b"\\");
        if matches!(self.open, Open::Quote { .. }) && !goes_on {
            self.open = Open::Nothing;
        }
    }
}

/// The length of a character literal; an apostrophe that begins none (a lifetime, a word in `#error`) has none.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'\'') {
        return None;
    }
    let is_escaped = rest.get(1) == Some(&b'\\');
    // The longest are escapes such as '\U0001F600'.
    let from = if is_escaped { 3 } else { 2 };
    let end = rest.iter().take(14).skip(from).position(|&byte| byte == b'\'')? + from;
    let is_short = is_escaped || end <= 5;
    is_short.then_some(end + 1)
}

/// Whether a line's code so far is `#define NAME`.
fn is_macro_name(code: &[u8]) -> bool {
    let Some(name) = code.strip_prefix(b"#define ") else {
        return false;
    };
    !name.is_empty() && name.iter().all(|&byte| is_word(byte))
}
