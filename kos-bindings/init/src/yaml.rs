// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a YAML text to nodes, each with its place.
//!
//! The parser is `saphyr-parser`'s; what is here keeps the places, which its trees of plain values
//! drop, and refuses what an `init.yaml` has no use for.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::error::{Mistake, Place, wrong};

/// An `init.yaml` nests five deep: file, entities, entity, connections, connection.
const MAX_DEPTH: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing: an empty plain scalar, `~` or `null`.
    Null,
    /// A text. `is_plain`: without quotes, so that it could also be a number or a truth value.
    Scalar { text: String, is_plain: bool },
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    /// The characters of each line.
    widths: Vec<usize>,
}

/// The characters of each line. YAML ends lines with a line feed, a carriage return, or both.
fn widths(text: &str) -> Vec<usize> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n').map(|line| line.chars().count()).collect()
}

/// Reads the one document of a file.
pub(crate) fn parse(text: &str) -> Result<Node, Mistake> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        widths: widths(text),
    };
    let mut document = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(_) if document.is_some() => {
                return wrong(
                    reader.place(&span.start),
                    "expected the end of the file, found another document",
                );
            }
            Event::DocumentStart(_) => {
                let first = reader.next()?;
                document = Some(reader.node(first, 0)?);
            }
            _ => return wrong(reader.place(&span.start), "expected a document"),
        }
    }
    let nothing = Node {
        place: Place { line: 1, column: 1 },
        value: Value::Null,
    };
    Ok(document.unwrap_or(nothing))
}

impl<'a> Reader<'a> {
    /// The parser's places can lie behind the end of a line, and behind the last one: nobody could look there.
    fn place(&self, marker: &Marker) -> Place {
        let line = marker.line().clamp(1, self.widths.len());
        let width = self.widths.get(line - 1).copied().unwrap_or_default();
        let column = if marker.line() > line {
            width
        } else {
            marker.col().min(width)
        };
        Place {
            line,
            column: column + 1,
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Mistake> {
        let refuse = |reader: &Self, error: &ScanError| Mistake {
            place: reader.place(error.marker()),
            message: format!("not YAML: {}", error.info()),
        };
        match self.events.next_event() {
            Some(event) => event.map_err(|error| refuse(self, &error)),
            None => {
                let line = self.widths.len();
                wrong(Place { line, column: 1 }, "not YAML: it has no end")
            }
        }
    }

    fn node(&mut self, (event, span): (Event<'a>, Span), depth: usize) -> Result<Node, Mistake> {
        let place = self.place(&span.start);
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            Event::Alias(_) => return wrong(place, "aliases are not supported"),
            _ => (0, false),
        };
        if anchor != 0 {
            return wrong(place, "anchors are not supported");
        }
        if tag {
            return wrong(place, "tags are not supported");
        }
        if depth == MAX_DEPTH {
            return wrong(place, format!("nested more than {MAX_DEPTH} deep"));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            _ => return wrong(place, "expected a value"),
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Mistake> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Mistake> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event.0, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event, depth + 1)?;
            let Value::Scalar { text, .. } = key.value else {
                return wrong(key.place, format!("expected a key, found {}", key.what()));
            };
            let place = key.place;
            if let Some((other, _)) = entries.iter().find(|(other, _)| other.text == text) {
                let line = other.place.line;
                return wrong(place, format!("`{text}` is already there, at line {line}"));
            }
            let value = self.next()?;
            entries.push((Key { place, text }, self.node(value, depth + 1)?));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let is_plain = matches!(style, ScalarStyle::Plain);
    if is_plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar {
        text: text.to_owned(),
        is_plain,
    }
}
