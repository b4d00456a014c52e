// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changes between two policies: interaction by interaction, not line by line.

use std::collections::BTreeMap;
use std::fmt;

use crate::ast::Event;
use crate::program::{ANY, Ex, Model, Node, Program, key};

/// An interaction: a kind of message between two classes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interaction {
    /// The event.
    pub event: Event,
    /// The sender's class; `*`: any.
    pub src: String,
    /// The receiver's class; `*`: any.
    pub dst: String,
    /// Interface and method; empty for `execute`.
    pub method: String,
}

impl fmt::Display for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {}", self.event.word(), self.src, self.dst)?;
        if self.method.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.method)
        }
    }
}

/// An interaction whose rules differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub interaction: Interaction,
    /// Its rules before; none: it was denied.
    pub before: Vec<String>,
    /// Its rules after; none: it is denied.
    pub after: Vec<String>,
    /// Objects that its rules use and that are not the same: by another configuration the same rule decides otherwise.
    pub objects: Vec<String>,
}

fn text(program: &Program, nodes: &[Node], out: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Rule { rule, .. } => {
                out.extend(program.rules.get(*rule as usize).map(|rule| rule.text.clone()));
            }
            Node::Choice {
                pos,
                end,
                arms,
                otherwise,
                ..
            } => {
                out.push(program.text(*pos, *end));
                for (option, nodes) in arms {
                    out.push(format!("{} :", literal(option)));
                    text(program, nodes, out);
                }
                out.push("_ :".to_owned());
                text(program, otherwise.as_deref().unwrap_or_default(), out);
            }
        }
    }
}

/// An option of a choice, as it is written.
fn literal(option: &Ex) -> String {
    match option {
        Ex::Int(number) => number.to_string(),
        Ex::Neg(inner) => format!("-{}", literal(inner)),
        Ex::Bool(value) => value.to_string(),
        Ex::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

/// The rules of an interaction, and the objects that they use.
type Described<'p> = (Vec<String>, BTreeMap<&'p str, &'p Model>);

impl Program {
    /// Every interaction that has rules, with their texts.
    #[must_use]
    pub fn interactions(&self) -> BTreeMap<Interaction, Vec<String>> {
        let described = self.described().into_iter();
        described
            .map(|(interaction, (rules, _))| (interaction, rules))
            .collect()
    }

    fn described(&self) -> BTreeMap<Interaction, Described<'_>> {
        let name = |class: u64| {
            let class = usize::try_from(class).unwrap_or(0);
            match self.class_names.get(class) {
                Some(name) if class != usize::from(ANY) => name.to_string(),
                _ => "*".to_owned(),
            }
        };
        let mut found = BTreeMap::new();
        for (packed, nodes) in &self.tables {
            let event = Event::ALL
                .into_iter()
                .find(|event| key(*event, 0, 0, 0, 0) >> 60 == packed >> 60);
            let (riid, mid) = (packed >> 32 & 0xffff, packed >> 48 & 0xfff);
            let interface = u16::try_from(riid).ok().and_then(|riid| self.interface(riid));
            let method = interface.and_then(|interface| {
                let method = interface.method(u16::try_from(mid).ok()?)?;
                Some(format!("{}.{}", interface.name, method.name))
            });
            let mut rules = Vec::new();
            text(self, nodes, &mut rules);
            let event = event.unwrap_or(Event::Execute);
            let interaction = Interaction {
                event,
                src: name(packed >> 16 & 0xffff),
                dst: name(packed & 0xffff),
                method: if event == Event::Execute {
                    String::new()
                } else {
                    method.unwrap_or_default()
                },
            };
            let objects = self.used.get(packed).into_iter().flatten();
            let objects = objects.filter_map(|id| self.objects.get(usize::from(*id)));
            let objects = objects.map(|object| (object.name.as_str(), &object.model)).collect();
            found.insert(interaction, (rules, objects));
        }
        found
    }
}

/// Compares two policies.
#[must_use]
pub fn diff(before: &Program, after: &Program) -> Vec<Change> {
    let (mut old, new) = (before.described(), after.described());
    let mut changes = Vec::new();
    for (interaction, (after, models)) in new {
        let (before, known) = old.remove(&interaction).unwrap_or_default();
        // An object that only one of them uses stands in a rule that only one of them has.
        let others = models
            .iter()
            .filter(|(name, model)| known.get(*name).is_some_and(|other| other != *model));
        let objects: Vec<_> = others.map(|(name, _)| (*name).to_owned()).collect();
        if before != after || !objects.is_empty() {
            changes.push(Change {
                interaction,
                before,
                after,
                objects,
            });
        }
    }
    let gone = old.into_iter().map(|(interaction, (before, _))| Change {
        interaction,
        before,
        after: Vec::new(),
        objects: Vec::new(),
    });
    changes.extend(gone);
    changes.sort_by(|a, b| a.interaction.cmp(&b.interaction));
    changes
}
