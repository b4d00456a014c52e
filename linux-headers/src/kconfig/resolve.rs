// SPDX-License-Identifier: GPL-2.0-only
//! Turns answers and wishes into a configuration.
//!
//! Values are computed in rounds from the previous round's values until nothing changes, because selects,
//! defaults and dependencies refer to each other in all directions.

use super::expr::{Expr, text_of};
use super::parse::{Kconfig, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What an answer file says: `CONFIG_X=value` lines, and `# CONFIG_X is not set` for a firm no.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    values: BTreeMap<String, String>,
}

/// A complete configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    values: BTreeMap<String, String>,
    /// Selects that the answers forbid, because the symbol changes the layout of a type that the shim shares.
    pub refused: Vec<Refused>,
    /// Wishes whose dependencies do not hold.
    pub unmet: Vec<Unmet>,
    /// Symbols turned on because a wish depends on them.
    pub turned_on: Vec<String>,
}

/// A select that the answers forbid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The symbol that selects.
    pub by: String,
    /// The symbol that stays off.
    pub symbol: String,
}

/// A symbol that was wished for though its dependencies do not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The symbol.
    pub symbol: String,
    /// The part of its dependencies that does not hold.
    pub depends: String,
}

impl Answers {
    /// Reads answers; later lines win, so files can be joined. Returns the first line that is not one.
    ///
    /// # Errors
    ///
    /// The number and text of a line that is neither an answer nor a comment.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut answers = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let off = line
                .strip_prefix("# CONFIG_")
                .and_then(|rest| rest.strip_suffix(" is not set"));
            if let Some(name) = off {
                answers.values.insert(name.to_owned(), "n".to_owned());
            } else if let Some((name, value)) = line.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('=')) {
                let value = if value == "m" { "y" } else { value };
                answers
                    .values
                    .insert(name.to_owned(), value.trim_matches('"').to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                return Err((number + 1, line.to_owned()));
            }
        }
        Ok(answers)
    }

    /// Adds or replaces one answer.
    pub fn set(&mut self, symbol: &str, value: &str) {
        self.values.insert(symbol.to_owned(), value.to_owned());
    }

    /// Whether the answer is `y`.
    #[must_use]
    pub fn is_on(&self, symbol: &str) -> bool {
        self.values.get(symbol).is_some_and(|value| value == "y")
    }

    /// Whether the answer is a firm no.
    #[must_use]
    pub fn is_no(&self, symbol: &str) -> bool {
        self.values.get(symbol).is_some_and(|value| value == "n")
    }
}

impl Kconfig {
    /// The question whose `y` turns on a symbol that nobody is asked about: of all that select it, the one
    /// whose name is most like it (`BMG160` for `BMG160_I2C`).
    fn asked_for(&self, symbol: &str) -> Option<String> {
        if !self.symbols.get(symbol)?.prompts.is_empty() {
            return None;
        }
        let selectors = self
            .symbols
            .iter()
            .filter(|(_, other)| !other.prompts.is_empty() && other.selects.iter().any(|(target, _)| target == symbol));
        let likeness = |name: &str| name.bytes().zip(symbol.bytes()).take_while(|(a, b)| a == b).count();
        let best = selectors.max_by_key(|(name, _)| (likeness(name), std::cmp::Reverse(*name)));
        best.filter(|(name, _)| likeness(name) >= 3)
            .map(|(name, _)| name.clone())
    }
}

impl Config {
    /// Answers the tree's questions: `answers` first, then each of `wishes` with all it selects.
    #[must_use]
    pub fn resolve(kconfig: &Kconfig, answers: &Answers, wishes: &[String]) -> Self {
        let nothing = Self {
            values: answers.values.clone(),
            ..Self::default()
        };
        Self::resolve_from(kconfig, answers, &nothing, wishes)
    }

    /// The same, starting from a configuration that the same answers gave with fewer wishes: it takes fewer rounds.
    #[must_use]
    pub fn resolve_from(kconfig: &Kconfig, answers: &Answers, from: &Self, wishes: &[String]) -> Self {
        let mut wanted: BTreeSet<String> = wishes.iter().cloned().collect();
        wanted.extend(wishes.iter().filter_map(|wish| kconfig.asked_for(wish)));
        let mut config = Self::settle(kconfig, answers, from, &wanted);
        let mut turned_on = Vec::new();
        // A wish's dependencies are turned on as a user would who wants the driver; each round may open new ones.
        for _ in 0..8 {
            let mut more = BTreeSet::new();
            for symbol in &wanted {
                if let Some(depends) = config.unmet_depends(kconfig, symbol) {
                    config.would_meet(kconfig, answers, depends, &mut more, 0);
                }
            }
            more.retain(|symbol| !wanted.contains(symbol));
            if more.is_empty() {
                break;
            }
            turned_on.extend(more.iter().cloned());
            wanted.extend(more);
            config = Self::settle(kconfig, answers, &config, &wanted);
        }
        config.unmet = wanted
            .iter()
            .filter_map(|symbol| {
                let depends = config.unmet_depends(kconfig, symbol)?;
                Some(Unmet {
                    symbol: symbol.clone(),
                    depends: config.why_not(depends),
                })
            })
            .collect();
        config.turned_on = turned_on;
        config
    }

    fn settle(kconfig: &Kconfig, answers: &Answers, from: &Self, wanted: &BTreeSet<String>) -> Self {
        let mut config = from.clone();
        for _ in 0..40 {
            let next = config.round(kconfig, answers, wanted);
            if next.values == config.values {
                return next;
            }
            config = next;
        }
        config
    }

    fn round(&self, kconfig: &Kconfig, answers: &Answers, wanted: &BTreeSet<String>) -> Self {
        let value = |name: &str| self.get(name);
        let holds = |expr: &Option<Expr>| expr.as_ref().is_none_or(|expr| expr.eval(&value));
        let mut next = Self {
            values: answers.values.clone(),
            ..Self::default()
        };
        for symbol in wanted {
            next.values.insert(symbol.clone(), "y".to_owned());
        }
        let mut selected = BTreeSet::new();
        for (name, on) in &self.values {
            let Some(symbol) = kconfig.symbols.get(name).filter(|_| on == "y") else {
                continue;
            };
            for (target, condition) in &symbol.selects {
                if !holds(condition) {
                    continue;
                }
                if answers.is_no(target) {
                    next.refused.push(Refused {
                        by: name.clone(),
                        symbol: target.clone(),
                    });
                } else {
                    selected.insert(target.clone());
                }
            }
            for (target, condition) in &symbol.implies {
                let fits = kconfig.symbols.get(target).is_some_and(|s| s.depends.iter().any(holds));
                if fits && holds(condition) && !answers.is_no(target) && wanted.contains(name) {
                    selected.insert(target.clone());
                }
            }
        }
        for target in selected {
            next.values.insert(target, "y".to_owned());
        }
        for (name, symbol) in &kconfig.symbols {
            let asked = symbol.kind == Kind::Bool && symbol.prompts.iter().any(holds);
            if next.values.contains_key(name) || asked || symbol.choice.is_some() {
                continue;
            }
            if !symbol.depends.iter().any(holds) {
                continue;
            }
            let default = symbol.defaults.iter().find(|(_, condition)| holds(condition));
            match (symbol.kind, default) {
                (Kind::Bool, Some((expr, _))) if expr.eval(&value) => {
                    next.values.insert(name.clone(), "y".to_owned());
                }
                (Kind::Bool, _) => {}
                (_, Some((Expr::Atom(operand), _))) => {
                    let text = text_of(operand, &value).to_owned();
                    next.values.insert(name.clone(), text);
                }
                (Kind::Text, _) => {
                    next.values.insert(name.clone(), String::new());
                }
                _ => {}
            }
        }
        self.choose(kconfig, &mut next);
        next
    }

    /// Gives each reachable choice that nobody answered its default member.
    fn choose(&self, kconfig: &Kconfig, next: &mut Self) {
        let value = |name: &str| self.get(name);
        let holds = |expr: &Option<Expr>| expr.as_ref().is_none_or(|expr| expr.eval(&value));
        for choice in &kconfig.choices {
            let answered = choice.members.iter().any(|name| next.is_on(name));
            if answered || !holds(&choice.depends) {
                continue;
            }
            let may = |name: &String| kconfig.symbols.get(name).is_some_and(|s| s.depends.iter().any(holds));
            let default = choice
                .defaults
                .iter()
                .filter(|(_, condition)| holds(condition))
                .find_map(|(e, _)| match e {
                    Expr::Atom(name) if may(name) => Some(name.clone()),
                    _ => None,
                });
            if let Some(name) = default.or_else(|| choice.members.iter().find(|name| may(name)).cloned()) {
                next.values.entry(name).or_insert_with(|| "y".to_owned());
            }
        }
    }

    /// The dependency of `symbol` that does not hold, if it has several definitions the first.
    fn unmet_depends<'k>(&self, kconfig: &'k Kconfig, symbol: &str) -> Option<&'k Expr> {
        let value = |name: &str| self.get(name);
        let depends = &kconfig.symbols.get(symbol)?.depends;
        if depends
            .iter()
            .any(|expr| expr.as_ref().is_none_or(|expr| expr.eval(&value)))
        {
            return None;
        }
        depends.first()?.as_ref()
    }

    /// Collects symbols that, turned on, make `expr` hold; returns whether that is possible.
    fn would_meet(
        &self,
        kconfig: &Kconfig,
        answers: &Answers,
        expr: &Expr,
        more: &mut BTreeSet<String>,
        depth: u8,
    ) -> bool {
        let value = |name: &str| self.get(name);
        if expr.eval(&value) {
            return true;
        }
        if depth > 8 {
            return false;
        }
        match expr {
            Expr::Atom(name) => {
                let Some(symbol) = kconfig.symbols.get(name).filter(|s| s.kind == Kind::Bool) else {
                    return false;
                };
                if answers.is_no(name) || symbol.prompts.is_empty() || symbol.choice.is_some() {
                    return false;
                }
                let met = symbol.depends.iter().any(|depends| match depends {
                    Some(depends) => {
                        let mut inner = BTreeSet::new();
                        let met = self.would_meet(kconfig, answers, depends, &mut inner, depth + 1);
                        if met {
                            more.extend(inner);
                        }
                        met
                    }
                    None => true,
                });
                if met {
                    more.insert(name.clone());
                }
                met
            }
            Expr::And(a, b) => {
                let first = self.would_meet(kconfig, answers, a, more, depth);
                self.would_meet(kconfig, answers, b, more, depth) && first
            }
            Expr::Or(a, b) => {
                let mut tried = BTreeSet::new();
                let met = self.would_meet(kconfig, answers, a, &mut tried, depth) || {
                    tried.clear();
                    self.would_meet(kconfig, answers, b, &mut tried, depth)
                };
                if met {
                    more.extend(tried);
                }
                met
            }
            Expr::Cmp("=", name, wanted) if wanted == "y" || wanted == "m" => {
                self.would_meet(kconfig, answers, &Expr::Atom(name.clone()), more, depth)
            }
            Expr::Cmp("!=", name, wanted) if wanted == "n" => {
                self.would_meet(kconfig, answers, &Expr::Atom(name.clone()), more, depth)
            }
            Expr::Not(_) | Expr::Cmp(..) => false,
        }
    }

    /// The part of `expr` that does not hold, as text.
    fn why_not(&self, expr: &Expr) -> String {
        let value = |name: &str| self.get(name);
        match expr {
            Expr::And(a, b) if a.eval(&value) => self.why_not(b),
            Expr::And(a, b) if b.eval(&value) => self.why_not(a),
            Expr::And(a, b) => format!("{} && {}", self.why_not(a), self.why_not(b)),
            Expr::Or(a, b) => format!("({} || {})", self.why_not(a), self.why_not(b)),
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Atom(name) => format!("!{name}"),
                other => format!("!({})", self.why_not(other)),
            },
            Expr::Atom(name) => name.clone(),
            Expr::Cmp(op, a, b) => format!("{a} {op} {b}"),
        }
    }

    /// The value of a symbol (named without `CONFIG_`); empty if it is off or unknown.
    #[must_use]
    pub fn get(&self, symbol: &str) -> &str {
        match self.values.get(symbol).map(String::as_str) {
            None | Some("n") => "",
            Some(value) => value,
        }
    }

    /// Whether a symbol is `y`.
    #[must_use]
    pub fn is_on(&self, symbol: &str) -> bool {
        self.get(symbol) == "y"
    }

    /// All symbols that have a value, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .filter(|(_, v)| *v != "n")
            .map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The text of `include/generated/autoconf.h`.
    #[must_use]
    pub fn autoconf(&self, kconfig: &Kconfig) -> String {
        let mut text = String::from("/* made from the tree's Kconfig and linux-headers/config */\n");
        for (name, value) in self.iter() {
            let kind = kconfig.symbols.get(name).map(|symbol| symbol.kind);
            let number = value.parse::<i64>().is_ok() || value.starts_with("0x");
            let line = match (kind, value) {
                (Some(Kind::Text), _) => format!("\"{value}\""),
                (_, "y") => "1".to_owned(),
                (Some(Kind::Hex), _) if !value.starts_with("0x") => format!("0x{value}"),
                (None, _) if !number => format!("\"{value}\""),
                _ => value.to_owned(),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "#define CONFIG_{name} {line}");
        }
        text
    }
}
