// SPDX-License-Identifier: MIT OR Apache-2.0
//! CDL and EDL: components and classes of processes.

use winnow::ModalResult;
use winnow::combinator::{eof, opt};
use winnow::prelude::*;

use super::token::{Input, body, doc, dotted, ident, keyword, symbol};
use crate::ast::{Component, Kind, Named};

pub(super) fn component(input: &mut Input<'_>) -> ModalResult<Component> {
    let doc_text = doc(input)?;
    keyword("`component`", |word| (word == "component").then_some(())).parse_next(input)?;
    sections(input, Kind::Component, doc_text)
}

/// `entity` is how editions before 1.3 say `task class`; 1.3 still takes it.
pub(super) fn class(input: &mut Input<'_>) -> ModalResult<Component> {
    let doc_text = doc(input)?;
    let is_old = keyword("`task class` or `entity`", |word| match word {
        "task" => Some(false),
        "entity" => Some(true),
        _ => None,
    });
    let mut is_old = is_old;
    if !is_old.parse_next(input)? {
        keyword("`class`", |word| (word == "class").then_some(())).parse_next(input)?;
    }
    sections(input, Kind::Class, doc_text)
}

#[derive(Clone, Copy, PartialEq)]
enum Section {
    Security,
    Endpoints,
    Components,
}

/// Parses what follows the name: each section once at the most, in any order.
fn sections(input: &mut Input<'_>, kind: Kind, doc_text: String) -> ModalResult<Component> {
    let mut component = Component {
        kind,
        name: dotted(input)?,
        doc: doc_text,
        security: None,
        endpoints: Vec::new(),
        components: Vec::new(),
    };
    let mut open = vec![
        ("security", Section::Security),
        ("endpoints", Section::Endpoints),
        ("components", Section::Components),
    ];
    loop {
        doc(input)?;
        if opt(eof).parse_next(input)?.is_some() {
            return Ok(component);
        }
        let left = open.clone();
        let mut word = keyword(still_open(&open), move |word| {
            left.iter().find(|(name, _)| *name == word).map(|(_, section)| *section)
        });
        let section = word.parse_next(input)?;
        open.retain(|(_, other)| *other != section);
        match section {
            Section::Security => component.security = Some(dotted(input)?),
            Section::Endpoints => component.endpoints = body(input, named)?,
            Section::Components => component.components = body(input, named)?,
        }
    }
}

/// What may still come, in words.
fn still_open(open: &[(&str, Section)]) -> &'static str {
    let has = |section| open.iter().any(|(_, other)| *other == section);
    match (
        has(Section::Security),
        has(Section::Endpoints),
        has(Section::Components),
    ) {
        (true, true, true) => "`security`, `endpoints`, `components` or the end of the file",
        (true, true, false) => "`security`, `endpoints` or the end of the file",
        (true, false, true) => "`security`, `components` or the end of the file",
        (true, false, false) => "`security` or the end of the file",
        (false, true, true) => "`endpoints`, `components` or the end of the file",
        (false, true, false) => "`endpoints` or the end of the file",
        (false, false, true) => "`components` or the end of the file",
        (false, false, false) => "the end of the file",
    }
}

fn named(input: &mut Input<'_>, doc: String) -> ModalResult<Named> {
    let name = ident(input)?;
    symbol(":").parse_next(input)?;
    Ok(Named {
        doc,
        name,
        of: dotted(input)?,
    })
}
