// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the selectors of a section stand for: classes, and methods of interfaces.

use super::Compiler;
use super::expr::Checked;
use crate::ast::{Event, Name, Selector, Selectors};
use crate::error::wrong;
use crate::program::{ANY, ClassId, MAX_MID};
use crate::world::{World, fields_of};
use kos_bindings::nk::{Interface, Method};
use std::collections::BTreeMap;

/// What a section covers.
pub(super) struct Target {
    pub(super) event: Event,
    pub(super) src: ClassId,
    pub(super) dst: ClassId,
    pub(super) methods: Vec<(&'static Interface, &'static Method)>,
}

impl Compiler {
    /// What selectors, those of all sections together, stand for.
    pub(super) fn target(&self, world: &World, event: Event, selectors: &[&Selectors]) -> Checked<Target> {
        let mut found: BTreeMap<Selector, &Name> = BTreeMap::new();
        for (selector, name) in selectors.iter().flat_map(|selectors| selectors.iter()) {
            if let Some(why) = selector.absent_from(event) {
                return wrong(name.pos, format!("`{}=`: {why}", selector.word()));
            }
            if let Some(other) = found.insert(*selector, name)
                && other.text != name.text
            {
                let message = format!("`{}=` stands further out already", selector.word());
                return wrong(name.pos, message);
            }
        }
        let class = |selector| found.get(&selector).map_or(Ok(ANY), |name| self.class(name));
        let mut target = Target {
            event,
            src: class(Selector::Src)?,
            dst: class(Selector::Dst)?,
            methods: Vec::new(),
        };
        if event == Event::Execute {
            return Ok(target);
        }
        // The server: the receiver of a request, the sender of an answer.
        let server = match event {
            Event::Response | Event::Error => found.get(&Selector::Src),
            _ => found.get(&Selector::Dst),
        };
        let interfaces = interfaces(world, &found, server.map(|name| name.text.as_str()))?;
        for interface in interfaces {
            for method in interface.methods {
                let is_wanted = found.get(&Selector::Method).is_none_or(|name| name.text == method.name);
                if is_wanted && fields_of(event, method).is_some() && method.mid < MAX_MID {
                    target.methods.push((interface, method));
                }
            }
        }
        if target.methods.is_empty() {
            if let Some(name) = found.get(&Selector::Method) {
                return wrong(
                    name.pos,
                    format!("no such method with a message of this kind: `{}`", name.text),
                );
            }
            if let Some(name) = found.get(&Selector::Interface).or(found.get(&Selector::Endpoint)) {
                return wrong(name.pos, format!("`{}` has no messages of this kind", name.text));
            }
        }
        Ok(target)
    }
}

/// The interfaces that selectors stand for.
fn interfaces(
    world: &World,
    found: &BTreeMap<Selector, &Name>,
    server: Option<&str>,
) -> Checked<Vec<&'static Interface>> {
    let mut interfaces = match found.get(&Selector::Interface) {
        None => world.interfaces.clone(),
        Some(name) => match world.interface(&name.text) {
            Some(interface) => vec![interface],
            None => {
                let known: Vec<_> = world.interfaces.iter().map(|interface| interface.name).collect();
                let message = format!("there is no interface `{}`; there are {}", name.text, known.join(", "));
                return wrong(name.pos, message);
            }
        },
    };
    for selector in [Selector::Endpoint, Selector::Component] {
        let Some(name) = found.get(&selector) else { continue };
        let is_it = |endpoint: &&crate::world::Endpoint| {
            let is_named = match selector {
                Selector::Endpoint => endpoint.name == name.text,
                _ => endpoint.component.as_ref() == Some(&name.text),
            };
            is_named && (endpoint.class.is_none() || server.is_none() || endpoint.class.as_deref() == server)
        };
        let matching: Vec<_> = world.endpoints.iter().filter(is_it).collect();
        if matching.is_empty() {
            let message = format!("there is no {} `{}` here", selector.word(), name.text);
            return wrong(name.pos, message);
        }
        // A message names an interface, not an endpoint: two of one interface cannot be told apart.
        let twins = |a: &crate::world::Endpoint| {
            let others = world
                .endpoints
                .iter()
                .filter(|b| b.class == a.class && b.interface.riid == a.interface.riid);
            others.count() > 1
        };
        if matching.iter().any(|endpoint| twins(endpoint)) {
            let message = "two endpoints of one class with one interface cannot be told apart here";
            return wrong(name.pos, message);
        }
        interfaces.retain(|interface| {
            matching
                .iter()
                .any(|endpoint| endpoint.interface.riid == interface.riid)
        });
        if interfaces.is_empty() {
            return wrong(name.pos, format!("`{}` does not offer that interface", name.text));
        }
    }
    Ok(interfaces)
}
