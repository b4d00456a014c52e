// SPDX-License-Identifier: MIT OR Apache-2.0
//! From text to [`crate::ast`]: declarations, bindings and tests.

mod expr;
mod token;

use winnow::ModalResult;
use winnow::combinator::{eof, opt};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful};

use crate::ast::{
    Binding, Body, Case, Choice, Decl, Event, Expect, Expr, ExprKind, Item, Name, Object, Selector, Selectors, TestSet,
};
use crate::error::{Mistake, Pos};
use expr::{dict, expr, literal, rule};
use token::{
    At, Input, blank, has, here, mark, mistake, name, nested, next, number, peek_word, pos_of, refuse, text, want, word,
};

/// Parses one file. `file` is its index.
///
/// # Errors
///
/// The first token that does not fit, and what would.
pub fn parse(file: u32, text: &str) -> Result<Vec<Decl>, Mistake> {
    read(file, text, |input| {
        let mut decls = Vec::new();
        loop {
            blank(input)?;
            if opt(eof).parse_next(input)?.is_some() {
                return Ok(decls);
            }
            decls.push(decl(input)?);
        }
    })
}

/// Parses one case of a test, alone: a message in words.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_case(file: u32, text: &str) -> Result<Case, Mistake> {
    read(file, text, |input| {
        let case = case(input)?;
        blank(input)?;
        if opt(eof).parse_next(input)?.is_none() {
            return want("the end of the message");
        }
        Ok(case)
    })
}

fn read<'a, T>(file: u32, text: &'a str, rule: impl FnOnce(&mut Input<'a>) -> ModalResult<T>) -> Result<T, Mistake> {
    if u32::try_from(text.len()).is_err() {
        return Err(Mistake::new(Pos { file, at: 0 }, "the file is larger than 4 GiB"));
    }
    let mut input = Stateful {
        input: LocatingSlice::new(text),
        state: At { file, depth: 0 },
    };
    rule(&mut input).map_err(|error| mistake(input, error))
}

const DECLARATION: &str = "`use`, `policy object`, `audit`, `execute`, `request`, `response`, `error`, `security` or \
                           `assert`";

fn decl(input: &mut Input<'_>) -> ModalResult<Decl> {
    let pos = here(input);
    if let Some('@' | '{') = next(input)? {
        return refuse("templates (`@…@`, `{% … %}`) are for the build system of the SDK: it must fill them in before");
    }
    match peek_word(input)? {
        "use" => use_decl(input),
        "task" => {
            word(input, DECLARATION)?;
            keyword(input, "class", "`class`")?;
            let class = name(input, "the class's name")?;
            // `task class Instance : Class` names an instance too; the class is what is judged.
            let class = if has(input, ":")? {
                name(input, "a class")?
            } else {
                class
            };
            Ok(Decl::Class(class))
        }
        "policy" => object(input),
        "audit" => audit(input),
        "assert" => tests(input, pos),
        "type" | "const" | "model" | "rule" | "expression" | "variable" => {
            refuse("this declaration is not public outside of `policy object`, and so not implemented")
        }
        event => {
            let Some(event) = Event::of(event) else {
                return want(DECLARATION);
            };
            word(input, DECLARATION)?;
            if event == Event::Execute && has(input, ":")? {
                return Ok(Decl::ExecuteInterface(name(input, "an interface")?));
            }
            let selectors = selectors(input)?;
            let body = body(input)?;
            Ok(Decl::Binding(Binding {
                event,
                pos,
                selectors,
                body,
            }))
        }
    }
}

fn keyword(input: &mut Input<'_>, text: &str, what: &'static str) -> ModalResult<()> {
    if peek_word(input)? != text {
        return want(what);
    }
    word(input, what).map(drop)
}

fn use_decl(input: &mut Input<'_>) -> ModalResult<Decl> {
    keyword(input, "use", "`use`")?;
    if peek_word(input)? == "EDL" {
        keyword(input, "EDL", "`EDL`")?;
        return Ok(Decl::Class(name(input, "a class")?));
    }
    let file = name(input, "`EDL` or a file such as `a.b._`")?;
    if !file.text.ends_with("._") {
        return refuse("a file is included whole: its name ends with `._`");
    }
    Ok(Decl::Use(file))
}

fn object(input: &mut Input<'_>) -> ModalResult<Decl> {
    keyword(input, "policy", "`policy`")?;
    keyword(input, "object", "`object`")?;
    let object_name = word(input, "the object's name")?;
    mark(input, ":")?;
    let model = word(input, "a model")?;
    mark(input, "{")?;
    let mut object = Object {
        name: object_name,
        model,
        types: Vec::new(),
        config: None,
    };
    while !has(input, "}")? {
        match peek_word(input)? {
            "type" => {
                word(input, "`type`")?;
                let type_name = word(input, "the type's name")?;
                mark(input, "=")?;
                let mut alternatives = vec![type_alternative(input)?];
                while has(input, "|")? {
                    alternatives.push(type_alternative(input)?);
                }
                object.types.push((type_name, alternatives));
            }
            "config" if object.config.is_none() => {
                word(input, "`config`")?;
                mark(input, "=")?;
                object.config = Some(expr(input)?);
            }
            _ => return want("`type`, `config` or `}`"),
        }
    }
    Ok(Decl::Object(object))
}

/// Reads one alternative of a type: a name or a text.
fn type_alternative(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    let kind = match next(input)? {
        Some('"') => ExprKind::Text(text(input)?),
        Some('{' | '[' | '(') => {
            return refuse("dictionaries, tuples and `()` as a model's type are not implemented");
        }
        _ => ExprKind::Name(word(input, "a type's name or a text")?.text),
    };
    Ok(Expr { pos, kind })
}

fn audit(input: &mut Input<'_>) -> ModalResult<Decl> {
    keyword(input, "audit", "`audit`")?;
    match peek_word(input)? {
        "default" => {
            word(input, "`default`")?;
            mark(input, "=")?;
            let profile = word(input, "a profile")?;
            Ok(Decl::AuditDefault(profile, number(input)?))
        }
        "profile" => {
            word(input, "`profile`")?;
            let profile = word(input, "the profile's name")?;
            mark(input, "=")?;
            let pos = here(input);
            let kind = ExprKind::Dict(nested(input, dict)?);
            Ok(Decl::Profile(profile, Expr { pos, kind }))
        }
        _ => want("`default` or `profile`"),
    }
}

/// Reads `name=value` pairs, with or without commas between them, up to what is none.
fn selectors(input: &mut Input<'_>) -> ModalResult<Selectors> {
    let mut found: Selectors = Vec::new();
    loop {
        let Some(selector) = Selector::of(peek_word(input)?) else {
            return Ok(found);
        };
        if found.iter().any(|(known, _)| *known == selector) {
            return refuse("this selector stands here twice");
        }
        word(input, "a selector")?;
        mark(input, "=")?;
        found.push((selector, name(input, "a name")?));
        if has(input, ",")? && Selector::of(peek_word(input)?).is_none() {
            return want("a selector");
        }
    }
}

fn body(input: &mut Input<'_>) -> ModalResult<Body> {
    mark_or(input, "{", "a selector or `{`")?;
    nested(input, |input| {
        let mut body = Body {
            audit: audit_name(input)?,
            items: Vec::new(),
        };
        while !has(input, "}")? {
            body.items.push(item(input)?);
        }
        Ok(body)
    })
}

fn mark_or(input: &mut Input<'_>, text: &'static str, what: &'static str) -> ModalResult<()> {
    if has(input, text)? { Ok(()) } else { want(what) }
}

fn audit_name(input: &mut Input<'_>) -> ModalResult<Option<Name>> {
    if peek_word(input)? != "audit" {
        return Ok(None);
    }
    word(input, "`audit`")?;
    word(input, "an audit profile").map(Some)
}

fn item(input: &mut Input<'_>) -> ModalResult<Item> {
    let pos = here(input);
    match peek_word(input)? {
        "match" => {
            word(input, "`match`")?;
            let selectors = selectors(input)?;
            if selectors.is_empty() {
                return want("a selector");
            }
            Ok(Item::Match(selectors, body(input)?))
        }
        "choice" => {
            word(input, "`choice`")?;
            mark(input, "(")?;
            let value = expr(input)?;
            mark(input, ")")?;
            let end = pos_of(input, input.previous_token_end()).at;
            mark(input, "{")?;
            let arms = nested(input, |input| {
                let mut arms = Vec::new();
                while !has(input, "}")? {
                    arms.push(arm(input)?);
                }
                Ok(arms)
            })?;
            Ok(Item::Choice(Choice { pos, end, value, arms }))
        }
        "audit" => refuse("`audit` stands first between the braces, once"),
        _ => rule(input).map(Item::Rule),
    }
}

/// Reads `literal : rule` or `literal : { … }`.
fn arm(input: &mut Input<'_>) -> ModalResult<(Option<Expr>, Pos, Body)> {
    let pos = here(input);
    let value = if peek_word(input)? == "_" {
        word(input, "`_`")?;
        None
    } else {
        Some(literal(input)?)
    };
    mark(input, ":")?;
    let body = if next(input)? == Some('{') {
        body(input)?
    } else {
        Body {
            audit: None,
            items: vec![Item::Rule(rule(input)?)],
        }
    };
    has(input, ",")?;
    Ok((value, pos, body))
}

fn tests(input: &mut Input<'_>, pos: Pos) -> ModalResult<Decl> {
    keyword(input, "assert", "`assert`")?;
    let mut set = TestSet {
        name: description(input)?,
        pos,
        setup: Vec::new(),
        sequences: Vec::new(),
        finally: Vec::new(),
    };
    mark(input, "{")?;
    let (mut has_setup, mut has_finally) = (false, false);
    while !has(input, "}")? {
        let pos = here(input);
        match peek_word(input)? {
            "setup" if !has_setup && !has_finally && set.sequences.is_empty() => {
                has_setup = true;
                word(input, "`setup`")?;
                set.setup = cases(input)?;
            }
            "sequence" if !has_finally => {
                word(input, "`sequence`")?;
                let text = description(input)?;
                set.sequences.push((text, pos, cases(input)?));
            }
            "finally" if !has_finally => {
                has_finally = true;
                word(input, "`finally`")?;
                set.finally = cases(input)?;
            }
            _ => return want("`setup`, then `sequence`s, then `finally`, or `}`"),
        }
    }
    Ok(Decl::Tests(set))
}

fn description(input: &mut Input<'_>) -> ModalResult<Option<String>> {
    if next(input)? == Some('"') {
        text(input).map(Some)
    } else {
        Ok(None)
    }
}

fn cases(input: &mut Input<'_>) -> ModalResult<Vec<Case>> {
    mark(input, "{")?;
    let mut cases = Vec::new();
    while !has(input, "}")? {
        cases.push(case(input)?);
    }
    Ok(cases)
}

const CASE: &str = "`grant`, `deny`, `any`, an event, `variable <- execute …` or `client ~> server : …`";

fn case(input: &mut Input<'_>) -> ModalResult<Case> {
    let pos = here(input);
    let mut case = Case {
        pos,
        bind: None,
        expect: Expect::Grant,
        text: None,
        event: Event::Request,
        selectors: Vec::new(),
        message: None,
    };
    case.expect = match peek_word(input)? {
        "grant" => Expect::Grant,
        "deny" => Expect::Deny,
        "any" => Expect::Any,
        _ => return event(input, case),
    };
    word(input, CASE)?;
    case.text = description(input)?;
    event(input, case)
}

fn event(input: &mut Input<'_>, mut case: Case) -> ModalResult<Case> {
    if let Some(event) = Event::of(peek_word(input)?) {
        word(input, CASE)?;
        case.event = event;
        case.selectors = selectors(input)?;
        if next(input)? == Some('{') {
            case.message = Some(message(input)?);
        }
        return Ok(case);
    }
    let first = name(input, CASE)?;
    if has(input, "<-")? {
        case.bind = Some(first);
        if peek_word(input)? != "execute" {
            return want("`execute`");
        }
        return event(input, case);
    }
    mark_or(input, "~>", "`<-` or `~>`")?;
    case.selectors.push((Selector::Src, first));
    case.selectors.push((Selector::Dst, name(input, "a server")?));
    mark(input, ":")?;
    let path = name(input, "endpoint.Method")?;
    let Some((endpoint, method)) = path.text.rsplit_once('.') else {
        return want("`.Method`");
    };
    let at = |offset: usize| Pos {
        at: path.pos.at.saturating_add(u32::try_from(offset).unwrap_or(0)),
        ..path.pos
    };
    let part = |text: &str, offset| Name {
        text: text.to_owned(),
        pos: at(offset),
    };
    case.selectors.push((Selector::Endpoint, part(endpoint, 0)));
    let method = part(method, endpoint.len() + 1);
    case.selectors.push((Selector::Method, method));
    if next(input)? == Some('{') {
        case.message = Some(message(input)?);
    }
    Ok(case)
}

fn message(input: &mut Input<'_>) -> ModalResult<Expr> {
    let pos = here(input);
    let kind = ExprKind::Dict(nested(input, dict)?);
    Ok(Expr { pos, kind })
}
