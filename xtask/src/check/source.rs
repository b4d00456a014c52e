// SPDX-License-Identifier: GPL-2.0-only
//! The repository's files, and Rust text without its comments and strings.

use crate::run;
use anyhow::{Context, Result};

/// A text file that git knows.
pub(super) struct Source {
    /// From the top of the repository.
    pub(super) path: String,
    /// What it holds.
    pub(super) text: String,
}

impl Source {
    /// Its name ends so.
    pub(super) fn is(&self, extensions: &[&str]) -> bool {
        self.path
            .rsplit_once('.')
            .is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Its name is `mod.rs`-like: what a rule about code should read.
    pub(super) fn is_rust(&self) -> bool {
        self.is(&["rs"])
    }
}

/// Every text file of the work tree that is not ignored.
pub(super) fn all() -> Result<Vec<Source>> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(run::root());
    let listed = run::output(git).context("the repository's files could not be listed")?;
    let mut sources = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A file may be gone from the work tree, or be no text: neither is this check's business.
        if let Ok(text) = std::fs::read_to_string(run::root().join(path)) {
            sources.push(Source {
                path: path.to_owned(),
                text,
            });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Replaces comments, strings and character literals by blanks; line breaks stay where they are.
pub(super) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = comment(&bytes[at..])
            .or_else(|| string(&bytes[at..], before(bytes, at)))
            .or_else(|| quoted_char(&bytes[at..]));
        let (end, is_code) = match length {
            Some(length) => ((at + length).min(bytes.len()), false),
            None => (at + 1, true),
        };
        out.extend(bytes[at..end].iter().map(|&byte| match byte {
            b'\n' => '\n',
            byte if is_code && byte.is_ascii() => char::from(byte),
            _ => ' ',
        }));
        at = end;
    }
    out
}

fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |i| bytes[i])
}

fn comment(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"//") {
        return Some(rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with(b"/*") {
        return None;
    }
    // Rust's block comments nest.
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..rest.len().min(at + 2)] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

fn string(rest: &[u8], previous: u8) -> Option<usize> {
    let is_in_word = previous.is_ascii_alphanumeric() || previous == b'_';
    let prefix = if is_in_word {
        0
    } else {
        rest.iter()
            .take(2)
            .take_while(|&&byte| matches!(byte, b'b' | b'c' | b'r'))
            .count()
    };
    let is_raw = rest[..prefix].contains(&b'r');
    let hashes = if is_raw {
        rest[prefix..].iter().take_while(|&&byte| byte == b'#').count()
    } else {
        0
    };
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut at = open + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' if !is_raw => at += 1,
            b'"' if rest[at + 1..].iter().take_while(|&&byte| byte == b'#').count() >= hashes => {
                return Some(at + 1 + hashes);
            }
            _ => {}
        }
        at += 1;
    }
    Some(rest.len())
}

/// A character literal, told from a lifetime by its closing quote.
fn quoted_char(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'\'') {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|&byte| byte == b'\'').map(|i| i + 4);
    }
    let width = std::str::from_utf8(&rest[1..rest.len().min(5)]).map_or_else(|error| error.valid_up_to(), str::len);
    let first = std::str::from_utf8(&rest[1..=width]).ok()?.chars().next()?;
    (rest.get(1 + first.len_utf8()) == Some(&b'\'')).then(|| 2 + first.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::code_only;

    fn words(text: &str) -> Vec<String> {
        code_only(text).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_go_and_code_stays() {
        assert_eq!(
            words("a // unsafe\nb /* unsafe /* nested */ unsafe */ c"),
            ["a", "b", "c"]
        );
        assert_eq!(code_only("a /* x\ny */ b").lines().count(), 2);
    }

    #[test]
    fn strings_of_every_kind_go() {
        assert_eq!(
            words(r##"f("unsafe \" unsafe", b"unsafe", r#"unsafe " unsafe"#, c"unsafe") g"##),
            ["f(", ",", ",", ",", ")", "g"]
        );
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(
            words("fn f<'a>(x: &'a u8) { '\"'; 'é'; '\\''; unsafe }"),
            ["fn", "f<'a>(x:", "&'a", "u8)", "{", ";", ";", ";", "unsafe", "}"]
        );
    }
}
