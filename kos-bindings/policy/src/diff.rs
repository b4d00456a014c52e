// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changes between two policies: interaction by interaction, not line by line.

use std::collections::BTreeMap;
use std::fmt;

use crate::ast::Event;
use crate::program::{ANY, Node, Program, key};

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
}

fn text(program: &Program, nodes: &[Node], out: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Rule { rule, .. } => {
                out.extend(program.rules.get(*rule as usize).map(|rule| rule.text.clone()));
            }
            Node::Choice {
                value, arms, otherwise, ..
            } => {
                out.push(format!("choice {value:?}"));
                for (option, nodes) in arms {
                    out.push(format!("{option:?} :"));
                    text(program, nodes, out);
                }
                out.push("_ :".to_owned());
                text(program, otherwise.as_deref().unwrap_or_default(), out);
            }
        }
    }
}

impl Program {
    /// Every interaction that has rules, with their texts.
    #[must_use]
    pub fn interactions(&self) -> BTreeMap<Interaction, Vec<String>> {
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
            found.insert(interaction, rules);
        }
        found
    }
}

/// Compares two policies.
#[must_use]
pub fn diff(before: &Program, after: &Program) -> Vec<Change> {
    let (mut old, new) = (before.interactions(), after.interactions());
    let mut changes = Vec::new();
    for (interaction, after) in new {
        let before = old.remove(&interaction).unwrap_or_default();
        if before != after {
            changes.push(Change {
                interaction,
                before,
                after,
            });
        }
    }
    let gone = old.into_iter().map(|(interaction, before)| Change {
        interaction,
        before,
        after: Vec::new(),
    });
    changes.extend(gone);
    changes.sort_by(|a, b| a.interaction.cmp(&b.interaction));
    changes
}
