// SPDX-License-Identifier: GPL-2.0-only
//! Reports as one HTML page each: self-contained, sortable, filterable, good on paper and on a telephone.
//!
//! A [`Page`] grows in the order of its calls; a [`Table`] has [`Column`]s and rows of [`Cell`]s. All text is escaped
//! here and nowhere else. What the text says may come from a hostile driver, so the page's own policy names the one
//! script and the one style sheet by hash: nothing else runs or loads, and a page that is mailed asks no server.

mod table;
#[cfg(test)]
mod tests;

pub use table::{Cell, Column, Table};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page under way.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    body: String,
    tables: usize,
}

/// How a line of text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// It came.
    Added,
    /// It went.
    Removed,
    /// It says where the lines below are.
    Place,
    /// A remark of ours, not part of what is shown.
    Note,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "same",
            Self::Added => "add",
            Self::Removed => "del",
            Self::Place => "at",
            Self::Note => "note",
        }
    }
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: format!("<h1>{}</h1>\n", escape(title)),
            tables: 0,
        }
    }

    /// How long the page is so far, in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.body.len()
    }

    /// Begins a part.
    pub fn heading(&mut self, text: &str) {
        self.put(format_args!("<h2>{}</h2>\n", escape(text)));
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) {
        self.put(format_args!("<p>{}</p>\n", escape(text)));
    }

    /// What matters most, in large figures: what it is, and what it comes to.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.body.push_str("<dl class=facts>");
        for (what, value) in facts {
            self.put(format_args!(
                "<div><dt>{}</dt><dd>{}</dd></div>",
                escape(what),
                escape(value)
            ));
        }
        self.body.push_str("</dl>\n");
    }

    /// A table, with what sorts and filters it.
    pub fn table(&mut self, table: &Table) {
        self.tables += 1;
        table.write(self.tables, &mut self.body);
    }

    /// Lines of text below `summary`, folded until somebody opens them or a link to `#id` does.
    pub fn folded<'a>(&mut self, id: &str, summary: &str, lines: impl IntoIterator<Item = (Tone, &'a str)>) {
        self.put(format_args!(
            "<details id=\"{}\"><summary>{}</summary><pre>",
            escape(id),
            escape(summary)
        ));
        for (tone, line) in lines {
            // An empty line still has a height.
            let line = if line.is_empty() { " " } else { line };
            self.put(format_args!("<span class={}>{}</span>", tone.class(), escape(line)));
        }
        self.body.push_str("</pre></details>\n");
    }

    /// The page.
    #[must_use]
    pub fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'sha256-{}'; script-src 'sha256-{}'\">\n\
             <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}<script>{SCRIPT}</script>\n\
             </body>\n</html>\n",
            hash(STYLE),
            hash(SCRIPT),
            escape(&self.title),
            self.body
        )
    }

    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        put(&mut self.body, what);
    }
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(what);
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

/// Text as a page's content or a quoted attribute's value. A control character, which HTML forbids, shows as U+FFFD.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A count with its thousands set apart, as `1 234 567`, by a space that does not break.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}
