// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects of models and audit profiles: their configuration, checked.

use std::collections::BTreeSet;

use super::Compiler;
use super::args::{args, constant, index, list, literal, range, size};
use super::expr::Checked;
use crate::ast::{Expr, ExprKind, Key, Name, Object};
use crate::error::wrong;
use crate::load::file_of_model;
use crate::program::{Audit, Model, ObjectDef, Profile};

/// Checks an object's configuration.
pub(super) fn model(object: &Object, known: &BTreeSet<&'static str>) -> Checked<Model> {
    let name = object.model.text.as_str();
    if !known.contains(name) {
        return match file_of_model(name) {
            Some(file) => wrong(
                object.model.pos,
                format!("the model {name} is not included: `use {file}`"),
            ),
            None => wrong(object.model.pos, format!("the model {name} is not implemented")),
        };
    }
    let model = match name {
        "Base" => Model::Base,
        "Flow" => flow(object)?,
        "HashSet" => {
            let [set_size, pool_size] = args(config(object)?, ["set_size", "pool_size"])?;
            Model::HashSet {
                range: range_of(object, "Entry", true)?,
                set_size: size(set_size)?,
                pool_size: size(pool_size)?,
            }
        }
        "StaticMap" => static_map(object)?,
        "Mic" => mic(object)?,
        _ => {
            return wrong(
                object.model.pos,
                format!("the model {name} has one object, which is there"),
            );
        }
    };
    let needs_type = match &model {
        Model::Flow { .. } => Some("State"),
        Model::HashSet { .. } => Some("Entry"),
        Model::StaticMap { .. } => Some("Value"),
        _ => None,
    };
    if let Some((extra, _)) = object
        .types
        .iter()
        .find(|(name, _)| Some(name.text.as_str()) != needs_type)
    {
        return wrong(extra.pos, format!("the model {name} has no type `{}`", extra.text));
    }
    if matches!(model, Model::Base)
        && let Some(config) = &object.config
    {
        return wrong(config.pos, "the model Base has no configuration");
    }
    Ok(model)
}

fn config(object: &Object) -> Checked<&Expr> {
    match &object.config {
        Some(config) => Ok(config),
        None => wrong(object.name.pos, format!("`{}` lacks its `config`", object.name.text)),
    }
}

fn the_type<'o>(object: &'o Object, name: &str) -> Checked<(&'o Name, &'o [Expr])> {
    let mut found = object.types.iter().filter(|(known, _)| known.text == name);
    match (found.next(), found.next()) {
        (Some((name, alternatives)), None) => Ok((name, alternatives)),
        (None, _) => wrong(
            object.name.pos,
            format!("`{}` lacks its `type {name}`", object.name.text),
        ),
        (_, Some((second, _))) => wrong(second.pos, format!("`type {name}` stands here twice")),
    }
}

/// The range of an integer type that the object declares.
fn range_of(object: &Object, name: &str, may_be_bool: bool) -> Checked<(i128, i128)> {
    let (declared, alternatives) = the_type(object, name)?;
    if let [
        Expr {
            kind: ExprKind::Name(of),
            ..
        },
    ] = alternatives
    {
        if of.starts_with(['U', 'S'])
            && let Some(range) = range(of)
        {
            return Ok(range);
        }
        if may_be_bool && of == "Boolean" {
            return Ok((0, 1));
        }
    }
    let also = if may_be_bool {
        ", or Boolean; others are not implemented"
    } else {
        ""
    };
    wrong(
        declared.pos,
        format!("`{name}` is one integer type, such as UInt32{also}"),
    )
}

/// Reads a list of texts that differ.
fn names(expr: &Expr, what: &str) -> Checked<Vec<String>> {
    let mut found = Vec::new();
    for item in list(expr)? {
        let name = literal(item)?;
        if found.contains(&name) {
            return wrong(item.pos, format!("{what} {name:?} stands here twice"));
        }
        found.push(name);
    }
    match found.len() {
        0..1024 => Ok(found),
        _ => wrong(expr.pos, "more than 1023 names"),
    }
}

fn state_of(states: &[String], name: &str, pos: crate::error::Pos) -> Checked<u16> {
    match states.iter().position(|state| state == name) {
        Some(at) => Ok(index(at)),
        None => wrong(pos, format!("{name:?} is no state; there are {}", states.join(", "))),
    }
}

fn flow(object: &Object) -> Checked<Model> {
    let [states_expr, initial, transitions] = args(config(object)?, ["states", "initial", "transitions"])?;
    let states = names(states_expr, "the state")?;
    let (declared, alternatives) = the_type(object, "State")?;
    let mut of_type = Vec::new();
    for alternative in alternatives {
        let name = literal(alternative)?;
        if of_type.contains(&name) {
            return wrong(alternative.pos, format!("the state {name:?} stands here twice"));
        }
        of_type.push(name);
    }
    if of_type.iter().collect::<BTreeSet<_>>() != states.iter().collect::<BTreeSet<_>>() {
        return wrong(declared.pos, "`State` and `states` must name the same states");
    }
    let initial = state_of(&states, &literal(initial)?, initial.pos)?;
    let mut to = vec![Vec::new(); states.len()];
    let mut known = BTreeSet::new();
    for (from, targets) in dict(transitions)? {
        let at = state_of(&states, &from.text, from.pos)?;
        if !known.insert(at) {
            return wrong(from.pos, format!("the state {:?} stands here twice", from.text));
        }
        for target in list(targets)? {
            let target = state_of(&states, &literal(target)?, target.pos)?;
            if let Some(slot) = to.get_mut(usize::from(at)) {
                slot.push(target);
            }
        }
    }
    Ok(Model::Flow {
        states,
        initial,
        transitions: to,
    })
}

fn dict(expr: &Expr) -> Checked<&[(Key, Expr)]> {
    match &expr.kind {
        ExprKind::Dict(entries) => Ok(entries),
        _ => wrong(expr.pos, "expected a dictionary: `{a : b}`"),
    }
}

fn static_map(object: &Object) -> Checked<Model> {
    let [keys_expr, pool_size] = args(config(object)?, ["keys", "pool_size"])?;
    let (low, high) = range_of(object, "Value", false)?;
    let mut keys: Vec<(String, i128)> = Vec::new();
    for (key, value) in dict(keys_expr)? {
        let number = constant(value)?;
        if !(low..=high).contains(&number) {
            return wrong(value.pos, format!("{number} is not between {low} and {high}"));
        }
        if keys.iter().any(|(known, _)| *known == key.text) {
            return wrong(key.pos, format!("the key {:?} stands here twice", key.text));
        }
        keys.push((key.text.clone(), number));
    }
    if keys.is_empty() || keys.len() > 1023 {
        return wrong(keys_expr.pos, "a table has from 1 to 1023 keys");
    }
    Ok(Model::StaticMap {
        range: (low, high),
        keys,
        pool_size: size(pool_size)?,
    })
}

fn mic(object: &Object) -> Checked<Model> {
    let config = config(object)?;
    let (degrees, categories) = match &config.kind {
        ExprKind::List(_) => (names(config, "the degree")?, Vec::new()),
        _ => {
            let [degrees, categories] = args(config, ["degrees", "categories"])?;
            (names(degrees, "the degree")?, names(categories, "the category")?)
        }
    };
    if degrees.is_empty() || categories.len() > 64 {
        return wrong(
            config.pos,
            "there is at least one degree, and there are at most 64 categories",
        );
    }
    Ok(Model::Mic { degrees, categories })
}

/// Checks an audit profile.
pub(super) fn profile(name: &Name, levels: &Expr, compiler: &Compiler) -> Checked<Profile> {
    let mut profile = Profile {
        name: name.text.clone(),
        levels: Vec::new(),
    };
    for (level, objects) in dict(levels)? {
        let Ok(number) = level.text.parse::<u64>() else {
            return wrong(level.pos, "expected a level: a number");
        };
        if profile.levels.iter().any(|(known, _)| *known == number) {
            return wrong(level.pos, format!("the level {number} stands here twice"));
        }
        let mut found: Vec<(u16, Audit)> = Vec::new();
        for (object, conditions) in dict(objects)? {
            let reference = Name {
                text: object.text.clone(),
                pos: object.pos,
            };
            let (id, model) = compiler.object(&reference)?;
            if matches!(model, Model::Aux(_) | Model::Each) {
                return wrong(
                    object.pos,
                    format!("the model {} is not covered by audit", model.name()),
                );
            }
            if found.iter().any(|(known, _)| *known == id) {
                return wrong(object.pos, format!("`{}` stands here twice", object.text));
            }
            found.push((id, conditions_of(dict(conditions)?, conditions, model)?));
        }
        profile.levels.push((number, found));
    }
    Ok(profile)
}

fn conditions_of(entries: &[(Key, Expr)], whole: &Expr, model: &Model) -> Checked<Audit> {
    let mut audit = Audit::default();
    let mut has_kss = false;
    for (key, value) in entries {
        match (key.text.as_str(), model) {
            ("kss", _) => {
                has_kss = true;
                for result in list(value)? {
                    match literal(result)?.as_str() {
                        "granted" => audit.granted = true,
                        "denied" => audit.denied = true,
                        _ => return wrong(result.pos, "expected \"granted\" or \"denied\""),
                    }
                }
            }
            ("omit", Model::Flow { states, .. }) => {
                for state in list(value)? {
                    audit.omit.push(state_of(states, &literal(state)?, state.pos)?);
                }
            }
            _ => {
                let also = if matches!(model, Model::Flow { .. }) {
                    " or `omit`"
                } else {
                    ""
                };
                return wrong(key.pos, format!("expected `kss`{also} for the model {}", model.name()));
            }
        }
    }
    if has_kss {
        Ok(audit)
    } else {
        wrong(whole.pos, "the condition `kss` is missing")
    }
}

/// The objects that the descriptions of models bring with them.
pub(super) fn given(models: &BTreeSet<&'static str>) -> Vec<ObjectDef> {
    let objects = [
        ("base", Model::Base),
        ("pred", Model::Aux("Pred")),
        ("bool", Model::Aux("Bool")),
        ("math", Model::Aux("Math")),
        ("struct", Model::Aux("Struct")),
        ("each", Model::Each),
    ];
    let is_there = |(_, model): &(&str, Model)| models.contains(model.name());
    let object = |(name, model): (&str, Model)| ObjectDef {
        name: name.to_owned(),
        model,
    };
    objects.into_iter().filter(is_there).map(object).collect()
}
