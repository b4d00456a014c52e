// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules: which model's, with what arguments.

use super::args::{args, index, key_of, list, literal, no_rule};
use super::expr::{Checked, Scope, Ty};
use crate::ast::{Call, Expr, ExprKind};
use crate::error::wrong;
use crate::program::{Ex, Level, Mic, Model, RuleCall};

impl Scope<'_> {
    /// Compiles a rule; returns its object too.
    pub(super) fn rule(&self, call: &Call) -> Checked<(u16, RuleCall)> {
        let (object, model) = match &call.object {
            Some(name) => self.compiler.object(name)?,
            None => self.compiler.base(call.method.pos)?,
        };
        let method = call.method.text.as_str();
        let arg = &*call.arg;
        let is_unit = matches!(arg.kind, ExprKind::Unit);
        let sid = |expr: &Expr| self.of(expr, &Ty::Sid);
        let one_sid = || {
            let [expr] = args(arg, ["sid"])?;
            sid(expr)
        };
        let rule = match (model, method) {
            (Model::Base, "grant") if is_unit => RuleCall::Grant,
            (Model::Base, "grant") => return wrong(arg.pos, "`grant` takes `()`"),
            (Model::Base, "assert") => RuleCall::Assert(self.of(arg, &Ty::Bool)?),
            (Model::Base, "deny") if is_unit => RuleCall::Deny(Ex::Bool(true)),
            (Model::Base, "deny") => RuleCall::Deny(self.of(arg, &Ty::Bool)?),
            (Model::Base, "set_level") => RuleCall::SetLevel(self.ranged(arg, (0, 255))?),
            (Model::Flow { .. } | Model::HashSet { .. } | Model::StaticMap { .. }, "init") => {
                RuleCall::Init(one_sid()?)
            }
            (Model::Flow { .. } | Model::HashSet { .. } | Model::StaticMap { .. }, "fini") => {
                RuleCall::Fini(one_sid()?)
            }
            (Model::Flow { states, .. }, "enter") => {
                let [expr, state] = args(arg, ["sid", "state"])?;
                RuleCall::FlowEnter(sid(expr)?, state_of(states, state)?)
            }
            (Model::Flow { states, .. }, "allow") => {
                let [expr, allowed] = args(arg, ["sid", "states"])?;
                let allowed = list(allowed)?.iter().map(|state| state_of(states, state));
                RuleCall::FlowAllow(sid(expr)?, allowed.collect::<Checked<_>>()?)
            }
            (Model::HashSet { range, .. }, "add" | "remove") => {
                let [expr, entry] = args(arg, ["sid", "entry"])?;
                let (target, entry) = (sid(expr)?, self.ranged(entry, *range)?);
                if method == "add" {
                    RuleCall::SetAdd(target, entry)
                } else {
                    RuleCall::SetRemove(target, entry)
                }
            }
            (Model::StaticMap { keys, range, .. }, "set") => {
                let [expr, key, value] = args(arg, ["sid", "key", "value"])?;
                RuleCall::MapSet(sid(expr)?, key_of(keys, key)?, self.ranged(value, *range)?)
            }
            (Model::StaticMap { .. }, "commit") => RuleCall::MapCommit(one_sid()?),
            (Model::StaticMap { .. }, "rollback") => RuleCall::MapRollback(one_sid()?),
            (Model::Mic { degrees, categories }, _) => RuleCall::Mic(self.mic(call, model, degrees, categories)?),
            _ => return Err(no_rule(call.method.pos, model, method)),
        };
        Ok((object, rule))
    }

    fn mic(&self, call: &Call, model: &Model, degrees: &[String], categories: &[String]) -> Checked<Mic> {
        let arg = &*call.arg;
        let sid = |expr: &Expr| self.of(expr, &Ty::Sid);
        let sid_or_unit = |expr: &Expr| match expr.kind {
            ExprKind::Unit => Ok(Ex::Unit),
            _ => sid(expr),
        };
        let level = |expr: &Expr| level_of(expr, degrees, categories);
        Ok(match call.method.text.as_str() {
            "create" | "upgrade" => {
                let names = ["source", "target", "container", "driver", "level"];
                let [source, target, container, driver, wanted] = args(arg, names)?;
                let (source, target) = (sid(source)?, sid(target)?);
                let (container, driver) = (sid_or_unit(container)?, sid(driver)?);
                let level = level(wanted)?;
                if call.method.text == "create" {
                    Mic::Create {
                        source,
                        target,
                        container,
                        driver,
                        level,
                    }
                } else {
                    Mic::Upgrade {
                        source,
                        target,
                        container,
                        driver,
                        level,
                    }
                }
            }
            "delete" => {
                let [source, target, container, driver] = args(arg, ["source", "target", "container", "driver"])?;
                Mic::Delete {
                    source: sid(source)?,
                    target: sid(target)?,
                    container: sid_or_unit(container)?,
                    driver: sid(driver)?,
                }
            }
            "execute" => {
                let [image, target, wanted, read] = args(arg, ["image", "target", "level", "levelR"])?;
                if !matches!(image.kind, ExprKind::Unit) {
                    let why = "`image` is `()`: image files have no security id on the hosted back end";
                    return wrong(image.pos, why);
                }
                let read = match read.kind {
                    ExprKind::Unit => None,
                    _ => Some(level(read)?),
                };
                Mic::Execute {
                    target: sid(target)?,
                    level: level(wanted)?,
                    read,
                }
            }
            "call" | "read" | "invoke" | "write" => {
                let [source, target] = args(arg, ["source", "target"])?;
                let (source, target) = (sid(source)?, sid(target)?);
                match call.method.text.as_str() {
                    "call" | "read" => Mic::Call { source, target },
                    _ => Mic::Invoke { source, target },
                }
            }
            method => return Err(no_rule(call.method.pos, model, method)),
        })
    }
}

/// Reads a level: a degree, or a degree with categories.
fn level_of(expr: &Expr, degrees: &[String], categories: &[String]) -> Checked<Level> {
    let degree_of = |expr: &Expr| {
        let name = literal(expr)?;
        match degrees.iter().position(|degree| *degree == name) {
            Some(at) => Ok(index(at)),
            None => wrong(
                expr.pos,
                format!("{name:?} is no degree; there are {}", degrees.join(", ")),
            ),
        }
    };
    match &expr.kind {
        ExprKind::Text(_) => Ok(Level {
            degree: degree_of(expr)?,
            categories: 0,
        }),
        ExprKind::Dict(_) => {
            let [degree, wanted] = args(expr, ["degree", "categories"])?;
            let mut bits = 0;
            for category in list(wanted)? {
                let name = literal(category)?;
                match categories.iter().position(|known| *known == name) {
                    Some(at) => bits |= 1_u64 << at,
                    None => return wrong(category.pos, format!("{name:?} is no category")),
                }
            }
            Ok(Level {
                degree: degree_of(degree)?,
                categories: bits,
            })
        }
        _ => wrong(
            expr.pos,
            "expected a level: a text, or {degree : …, categories : …}; what `()` and others mean is not public",
        ),
    }
}

/// The number of a state.
fn state_of(states: &[String], expr: &Expr) -> Checked<u16> {
    let name = literal(expr)?;
    match states.iter().position(|state| *state == name) {
        Some(at) => Ok(index(at)),
        None => wrong(
            expr.pos,
            format!("{name:?} is no state; there are {}", states.join(", ")),
        ),
    }
}
