// SPDX-License-Identifier: GPL-2.0-only
//! Reads the tree's Kconfig files into symbols.

use super::expr::{Expr, tokens};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a symbol's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `bool` or `tristate`, or not declared.
    #[default]
    Bool,
    /// `int`
    Int,
    /// `hex`
    Hex,
    /// `string`
    Text,
}

/// One configuration symbol, all its definitions joined.
#[derive(Debug, Clone, Default)]
pub struct Symbol {
    /// What its value looks like.
    pub kind: Kind,
    /// Conditions under which the user is asked; empty: never.
    pub prompts: Vec<Option<Expr>>,
    /// Value and condition, in order; the first whose condition holds counts.
    pub defaults: Vec<(Expr, Option<Expr>)>,
    /// Symbols that this one turns on.
    pub selects: Vec<(String, Option<Expr>)>,
    /// Symbols that this one suggests.
    pub implies: Vec<(String, Option<Expr>)>,
    /// One per definition; the symbol may be on if any holds.
    pub depends: Vec<Option<Expr>>,
    /// The choice that it is a member of.
    pub choice: Option<usize>,
}

/// A choice: of its members exactly one is on.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub(super) members: Vec<String>,
    pub(super) defaults: Vec<(Expr, Option<Expr>)>,
    pub(super) depends: Option<Expr>,
}

/// All symbols of a tree.
#[derive(Debug, Default)]
pub struct Kconfig {
    /// The symbols by name, without `CONFIG_`.
    pub symbols: HashMap<String, Symbol>,
    pub(super) choices: Vec<Choice>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Lines that were not understood, as `path:line: text`.
    pub warnings: Vec<String>,
}

enum Block {
    If(Option<Expr>),
    Menu(Option<Expr>),
    Choice(usize),
}

#[derive(Default)]
enum Entry {
    #[default]
    None,
    Symbol(String, usize),
    Menu,
    Choice(usize),
}

struct Parser<'a> {
    root: &'a Path,
    out: Kconfig,
    blocks: Vec<Block>,
    entry: Entry,
}

impl Kconfig {
    /// Reads `root/Kconfig` and everything it sources. A file that is absent (the tree is unpacked in part,
    /// and this architecture has none of its own) is read as empty.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let mut parser = Parser {
            root,
            out: Self::default(),
            blocks: Vec::new(),
            entry: Entry::None,
        };
        parser.file(Path::new("Kconfig"));
        parser.out
    }
}

impl Parser<'_> {
    fn file(&mut self, path: &Path) {
        let full = self.root.join(path);
        let Ok(text) = std::fs::read(&full) else { return };
        self.out.files.push(full);
        let text = String::from_utf8_lossy(&text).replace("\\\n", " ");
        let mut help: Option<usize> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = indent_of(line);
            let trimmed = line.trim();
            if let Some(limit) = help {
                // A help text ends at the first line that is indented less than its own first line.
                if trimmed.is_empty() || indent >= limit.max(1) && limit != usize::MAX {
                    continue;
                }
                if limit == usize::MAX && indent > 0 {
                    help = Some(indent);
                    continue;
                }
                help = None;
            }
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if trimmed == "help" || trimmed == "---help---" {
                help = Some(usize::MAX);
                continue;
            }
            if self.line(trimmed).is_none() {
                self.out
                    .warnings
                    .push(format!("{}:{}: {trimmed}", path.display(), number + 1));
            }
        }
    }

    /// Handles one line; `None` if it is not understood.
    fn line(&mut self, line: &str) -> Option<()> {
        let words = tokens(line);
        let first = words.first()?.as_str();
        let rest = words.get(1..).unwrap_or_default();
        match first {
            "config" | "menuconfig" => self.start_symbol(rest.first()?),
            "source" | "rsource" | "osource" | "orsource" => {
                self.entry = Entry::None;
                let path = rest
                    .first()?
                    .trim_start_matches('"')
                    .replace("$(SRCARCH)", "linux-compat");
                self.file(&PathBuf::from(path));
            }
            "if" => {
                self.entry = Entry::None;
                self.blocks.push(Block::If(Some(Expr::parse(rest)?)));
            }
            "menu" => {
                self.entry = Entry::Menu;
                self.blocks.push(Block::Menu(None));
            }
            "choice" => self.start_choice(),
            "endif" | "endmenu" | "endchoice" => {
                self.entry = Entry::None;
                self.blocks.pop()?;
            }
            "comment" | "mainmenu" => self.entry = Entry::None,
            _ => return self.attribute(first, rest, line),
        }
        Some(())
    }

    fn start_symbol(&mut self, name: &str) {
        let outer = self.outer();
        let choice = self.blocks.iter().rev().find_map(|block| match block {
            Block::Choice(index) => Some(*index),
            _ => None,
        });
        let symbol = self.out.symbols.entry(name.to_owned()).or_default();
        symbol.depends.push(outer);
        if let Some(index) = choice {
            symbol.choice = Some(index);
            if let Some(choice) = self.out.choices.get_mut(index) {
                choice.members.push(name.to_owned());
            }
        }
        self.entry = Entry::Symbol(name.to_owned(), symbol.depends.len() - 1);
    }

    fn start_choice(&mut self) {
        let depends = self.outer();
        let index = self.out.choices.len();
        self.out.choices.push(Choice {
            depends,
            ..Choice::default()
        });
        self.blocks.push(Block::Choice(index));
        self.entry = Entry::Choice(index);
    }

    /// What all the enclosing blocks together depend on.
    fn outer(&self) -> Option<Expr> {
        self.blocks.iter().fold(None, |sum, block| match block {
            Block::If(expr) | Block::Menu(expr) => Expr::both(sum, expr.clone()),
            Block::Choice(index) => {
                // A choice's own condition already holds what encloses it.
                self.out.choices.get(*index).and_then(|choice| choice.depends.clone())
            }
        })
    }

    fn attribute(&mut self, first: &str, rest: &[String], line: &str) -> Option<()> {
        let split = rest.iter().position(|word| word == "if").unwrap_or(rest.len());
        let (value, condition) = rest.split_at(split);
        let condition = match condition.get(1..) {
            Some(condition) => Some(Expr::parse(condition)?),
            None => None,
        };
        match &self.entry {
            Entry::Symbol(name, definition) => {
                let (name, definition) = (name.clone(), *definition);
                // Each definition's attributes hold only where the definition itself may be reached.
                let symbol = self.out.symbols.get_mut(&name)?;
                symbol.attribute(definition, first, value, condition, rest)
            }
            Entry::Choice(index) => {
                let choice = self.out.choices.get_mut(*index)?;
                match first {
                    "depends" => choice.depends = Expr::both(choice.depends.take(), Some(Expr::parse(rest.get(1..)?)?)),
                    "default" => choice.defaults.push((Expr::parse(value)?, condition)),
                    _ => {}
                }
                Some(())
            }
            Entry::Menu => {
                if first == "depends"
                    && let Some(Block::Menu(depends)) = self.blocks.last_mut()
                {
                    *depends = Expr::both(depends.take(), Some(Expr::parse(rest.get(1..)?)?));
                }
                Some(())
            }
            // A comment's `depends on`, and assignments of the macro language at the top of a file.
            Entry::None => (matches!(first, "depends" | "visible") || line.contains('=')).then_some(()),
        }
    }
}

impl Symbol {
    fn attribute(
        &mut self,
        definition: usize,
        first: &str,
        value: &[String],
        condition: Option<Expr>,
        all: &[String],
    ) -> Option<()> {
        let here = self.depends.get(definition).cloned().flatten();
        match first {
            "bool" | "tristate" | "int" | "hex" | "string" => {
                self.kind = match first {
                    "int" => Kind::Int,
                    "hex" => Kind::Hex,
                    "string" => Kind::Text,
                    _ => Kind::Bool,
                };
                if !value.is_empty() {
                    self.prompts.push(condition);
                }
            }
            "prompt" => self.prompts.push(condition),
            "def_bool" | "def_tristate" | "default" => {
                self.defaults.push((Expr::parse(value)?, Expr::both(here, condition)));
            }
            "depends" => {
                let depends = self.depends.get_mut(definition)?;
                *depends = Expr::both(depends.take(), Some(Expr::parse(all.get(1..)?)?));
            }
            "select" => self.selects.push((value.first()?.clone(), condition)),
            "imply" => self.implies.push((value.first()?.clone(), condition)),
            "range" | "option" | "modules" | "visible" | "optional" | "transitional" => {}
            _ => return None,
        }
        Some(())
    }
}

fn indent_of(line: &str) -> usize {
    let mut column = 0;
    for byte in line.bytes() {
        match byte {
            b' ' => column += 1,
            b'\t' => column = (column / 8 + 1) * 8,
            _ => break,
        }
    }
    column
}
