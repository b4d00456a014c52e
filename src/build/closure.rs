// SPDX-License-Identifier: GPL-2.0-only
//! Closes the link from the driver outward: a file of upstream comes in only if reachable code needs it.
//!
//! ```text
//! driver's sections ──refs──▶ name ─┬─ defined by the shim or its glue: stop, this is the waist
//!                                   ├─ defined by an object that is in: go on there
//!                                   ├─ a file of the tree defines it and is enabled: compile, pull in
//!                                   └─ else: missing, with who calls it
//! ```

use super::compile::{Compiled, Compiler};
use super::error::BuildError;
use super::index::Index;
use super::kbuild::Object;
use super::objfile::{ObjFile, Ref, short};
use super::script::Script;
use super::waist::Waist;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

mod read;
#[cfg(test)]
mod tests;

pub use read::ReadObjects;

/// Where an object came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file of the tree: its number in the index.
    Upstream(u32),
    /// A file that the user named and that is no part of the tree.
    Outside,
    /// The shim or its glue.
    Shim,
}

impl Origin {
    /// Whether it is the driver's own, whose objects of the tree are `roots`.
    pub(super) fn is_own(self, roots: &[u32]) -> bool {
        match self {
            Self::Upstream(file) => roots.contains(&file),
            Self::Outside => true,
            Self::Shim => false,
        }
    }
}

/// An object in the image.
pub struct Node {
    /// Where it came from.
    pub origin: Origin,
    /// Its source, or its name in the shim's archive.
    pub name: String,
    /// Its sections and names.
    pub file: Arc<ObjFile>,
    /// The compiled file, for what is not in the shim's archive.
    pub compiled: Option<Compiled>,
    /// Who needed it for which symbol; nobody for the driver's own files.
    pub why: Option<(String, String)>,
    reached: Vec<bool>,
}

/// A symbol that nobody provides.
#[derive(Debug, Clone, Default)]
pub struct Missing {
    /// Who refers to it: `file: section`.
    pub callers: BTreeSet<String>,
    /// It is called somewhere; else it may be data.
    pub is_called: bool,
    /// Where upstream has it, and why that file was not taken.
    pub hint: Option<String>,
}

/// The closed link.
pub struct Closure {
    /// The objects.
    pub nodes: Vec<Node>,
    /// Symbols that nobody provides.
    pub missing: BTreeMap<String, Missing>,
}

/// Where exit functions are referred to from (`__exitcall`, `include/linux/init.h`).
pub const EXITCALL: &str = ".exitcall.exit";

struct Work<'a> {
    compiler: &'a Compiler<'a>,
    index: &'a Index,
    waist: &'a Waist,
    script: &'a Script,
    nodes: Vec<Node>,
    /// Global definitions of everything that is in or on call.
    defs: HashMap<String, (usize, Option<u32>, bool)>,
    shim: HashSet<String>,
    todo: Vec<(usize, u32)>,
    /// Undefined names, and who refers to them first and in all.
    wanted: BTreeMap<String, BTreeSet<(usize, u32)>>,
    loaded: HashSet<u32>,
    /// Files that do not compile, or that clash with the shim.
    refused: HashMap<u32, String>,
    /// What the index promised and a compiled file does not define.
    broken: HashSet<(u32, String)>,
    given_up: HashMap<String, Option<String>>,
    called: HashSet<String>,
    /// The driver's own objects of the tree, if it can be removed.
    removable: Option<&'a [u32]>,
    read: Option<&'a ReadObjects>,
}

/// What a link is closed over.
pub struct Parts<'a> {
    /// The driver's objects, by index.
    pub roots: &'a [u32],
    /// Those of the board's other devices: without them the driver may still do, if they do not compile.
    pub beside: &'a [u32],
    /// Driver sources that are no part of the tree.
    pub outside: &'a [Object],
    /// The shim's C files.
    pub glue: &'a [Object],
    /// Of those, drivers of hardware that the board does not have: linked only if something calls them.
    pub idle: &'a [Object],
    /// The driver's exit functions are kept: it can be removed.
    pub is_removable: bool,
    /// The shim.
    pub shim: Vec<Arc<ObjFile>>,
    /// Object files that were read before, for a process that builds many images.
    pub read: Option<&'a ReadObjects>,
    /// Names that are needed whatever refers to them.
    pub entry: &'a [String],
}

impl Closure {
    /// The nodes as the linker gets them: upstream in upstream's order, then what is from outside, then glue.
    pub fn in_link_order(&self) -> impl Iterator<Item = &Node> {
        let mut order: Vec<&Node> = self.nodes.iter().filter(|node| node.reached.contains(&true)).collect();
        order.sort_by_key(|node| match node.origin {
            Origin::Upstream(file) => (0, file),
            Origin::Outside => (1, 0),
            Origin::Shim => (2, 0),
        });
        order.into_iter()
    }
}

/// Closes the link.
///
/// # Errors
///
/// A file of the driver or of the glue does not compile, or an object cannot be read.
pub fn close(
    compiler: &Compiler<'_>,
    index: &Index,
    waist: &Waist,
    script: &Script,
    parts: Parts<'_>,
) -> Result<Closure, BuildError> {
    let mut work = Work {
        compiler,
        index,
        waist,
        script,
        nodes: Vec::new(),
        defs: HashMap::new(),
        shim: HashSet::new(),
        todo: Vec::new(),
        wanted: BTreeMap::new(),
        loaded: HashSet::new(),
        refused: HashMap::new(),
        broken: HashSet::new(),
        given_up: HashMap::new(),
        called: HashSet::new(),
        removable: parts.is_removable.then_some(parts.roots),
        read: parts.read,
    };
    for file in parts.shim {
        work.shim.extend(
            file.defs
                .iter()
                .filter(|(_, def)| !def.weak)
                .map(|(name, _)| name.clone()),
        );
        work.add(Node {
            origin: Origin::Shim,
            reached: vec![false; file.sections.len()],
            name: file.name.clone(),
            file,
            compiled: None,
            why: None,
        });
    }
    for (origin, objects, is_root) in [
        (Origin::Shim, parts.glue, true),
        (Origin::Shim, parts.idle, false),
        (Origin::Outside, parts.outside, true),
    ] {
        compiler.announce(objects.len());
        let compiled: Vec<_> = objects.par_iter().map(|object| compiler.compile(object)).collect();
        for (object, compiled) in objects.iter().zip(compiled) {
            work.add_compiled(origin, &object.source, compiled?, None, is_root)?;
        }
    }
    for (objects, is_driver) in [(parts.roots, true), (parts.beside, false)] {
        work.load(objects.iter().map(|root| (*root, None)).collect(), is_driver)?;
    }
    for name in parts.entry {
        work.name(name, None);
    }
    work.run()
}

impl Work<'_> {
    fn run(mut self) -> Result<Closure, BuildError> {
        loop {
            while let Some((node, section)) = self.todo.pop() {
                self.visit(node, section);
            }
            let pulls = self.choose();
            if pulls.is_empty() {
                break;
            }
            self.load(pulls, false)?;
            self.settle();
        }
        let missing = self.missing();
        Ok(Closure {
            nodes: self.nodes,
            missing,
        })
    }

    fn visit(&mut self, node: usize, section: u32) {
        let Some(at) = self.nodes.get_mut(node) else { return };
        let Some(reached) = at.reached.get_mut(section as usize) else {
            return;
        };
        if std::mem::replace(reached, true) {
            return;
        }
        let file = Arc::clone(&at.file);
        let refs = file.sections.get(section as usize).map(|s| s.refs.as_slice());
        for reference in refs.unwrap_or_default() {
            match *reference {
                Ref::Local(target) => self.todo.push((node, target)),
                Ref::Name { name, weak, called } => {
                    let Some(name) = file.names.get(name as usize) else {
                        continue;
                    };
                    if called && !self.called.contains(name) {
                        self.called.insert(name.clone());
                    }
                    if !weak || self.defs.contains_key(name) {
                        self.name(name, Some((node, section)));
                    }
                }
            }
        }
    }

    /// Goes on at the definition of `name`, or notes that it is wanted.
    fn name(&mut self, name: &str, from: Option<(usize, u32)>) {
        match self.defs.get(name) {
            Some((node, Some(section), _)) => self.todo.push((*node, *section)),
            Some((_, None, _)) => {}
            None if self.script.defines(name) => {}
            None => self.wanted.entry(name.to_owned()).or_default().extend(from),
        }
    }

    fn add(&mut self, node: Node) {
        let number = self.nodes.len();
        for (name, def) in &node.file.defs {
            match self.defs.get(name) {
                Some((_, _, false)) => {}
                Some((_, _, true)) if def.weak => {}
                _ => {
                    self.defs.insert(name.clone(), (number, def.section, def.weak));
                }
            }
        }
        self.nodes.push(node);
    }

    fn add_compiled(
        &mut self,
        origin: Origin,
        name: &str,
        compiled: Compiled,
        why: Option<(String, String)>,
        is_root: bool,
    ) -> Result<(), BuildError> {
        let file = self.object(&compiled.path)?;
        if origin == Origin::Shim {
            self.shim.extend(
                file.defs
                    .iter()
                    .filter(|(_, def)| !def.weak)
                    .map(|(name, _)| name.clone()),
            );
        }
        let number = self.nodes.len();
        let is_removable = self.removable.is_some_and(|roots| origin.is_own(roots));
        for (index, section) in (0u32..).zip(&file.sections) {
            let is_exit = is_removable && section.name == EXITCALL;
            if is_root && self.script.keeps(&section.name) || is_exit {
                self.todo.push((number, index));
            }
        }
        self.add(Node {
            origin,
            reached: vec![false; file.sections.len()],
            name: name.to_owned(),
            file,
            compiled: Some(compiled),
            why,
        });
        Ok(())
    }

    fn object(&self, path: &Path) -> Result<Arc<ObjFile>, BuildError> {
        match self.read {
            Some(read) => read.read(path),
            None => ObjFile::read(path).map(Arc::new),
        }
    }

    /// For each wanted symbol the next file that may define it.
    fn choose(&mut self) -> Vec<(u32, Option<(String, String)>)> {
        let mut pulls: BTreeMap<u32, (String, String)> = BTreeMap::new();
        let names: Vec<String> = self
            .wanted
            .keys()
            .filter(|name| !self.given_up.contains_key(*name))
            .cloned()
            .collect();
        for name in names {
            if self.defs.contains_key(&name) {
                continue;
            }
            let near = self.caller(&name);
            match self.candidate(&name, &near) {
                Ok(file) => {
                    pulls.entry(file).or_insert((near, name));
                }
                Err(hint) => {
                    self.given_up.insert(name, hint);
                }
            }
        }
        pulls.into_iter().map(|(file, why)| (file, Some(why))).collect()
    }

    fn caller(&self, name: &str) -> String {
        let first = self.wanted.get(name).and_then(|callers| callers.first());
        first
            .and_then(|(node, _)| self.nodes.get(*node))
            .map(|node| node.name.clone())
            .unwrap_or_default()
    }

    /// The best enabled file for `name`, or why there is none.
    fn candidate(&self, name: &str, near: &str) -> Result<u32, Option<String>> {
        let config = &self.compiler.setup.config;
        let mut best: Option<(usize, u32)> = None;
        let mut hint: Option<(u8, String)> = None;
        for file in self.index.defining(name) {
            let Some(object) = self.index.kbuild.objects.get(file as usize) else {
                continue;
            };
            let (rank, reason) = if let Some(reason) = self.refused.get(&file) {
                (2, reason.clone())
            } else if self.loaded.contains(&file) || self.broken.contains(&(file, name.to_owned())) {
                (2, "does not define it in this configuration".to_owned())
            } else if !object.is_enabled(config) {
                let off = object
                    .symbols()
                    .filter(|symbol| !config.is_on(symbol))
                    .collect::<Vec<_>>()
                    .join(", CONFIG_");
                (
                    0,
                    if off.is_empty() {
                        "not part of this configuration".to_owned()
                    } else {
                        format!("needs CONFIG_{off}")
                    },
                )
            } else if self.waist.holds(&object.source) {
                (1, "below the waist".to_owned())
            } else {
                let shared = object
                    .source
                    .bytes()
                    .zip(near.bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                if best.is_none_or(|(most, _)| shared > most) {
                    best = Some((shared, file));
                }
                continue;
            };
            if hint.as_ref().is_none_or(|(old, _)| rank > *old) {
                hint = Some((rank, format!("{}: {reason}", object.source)));
            }
        }
        best.map(|(_, file)| file).ok_or(hint.map(|(_, hint)| hint))
    }

    /// Compiles files and takes them in.
    fn load(&mut self, pulls: Vec<(u32, Option<(String, String)>)>, is_driver: bool) -> Result<(), BuildError> {
        let compiler = self.compiler;
        compiler.announce(pulls.len());
        let objects = &self.index.kbuild.objects;
        let compiled: Vec<_> = pulls
            .into_par_iter()
            .filter_map(|(file, why)| Some((file, why, compiler.compile(objects.get(file as usize)?))))
            .collect();
        for (file, why, compiled) in compiled {
            let compiled = match compiled {
                Ok(compiled) => compiled,
                Err(BuildError::Compile { message, .. }) if !is_driver => {
                    let first = message
                        .lines()
                        .find(|line| line.contains("error"))
                        .unwrap_or(&message)
                        .to_owned();
                    self.refused.insert(file, format!("does not compile: {first}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let object = self.object(&compiled.path)?;
            let clash = object
                .defs
                .iter()
                .find(|(name, def)| !def.weak && self.shim.contains(*name));
            if let Some((name, _)) = clash.filter(|_| !is_driver) {
                self.refused
                    .insert(file, format!("also defines {name}, which the shim provides"));
                continue;
            }
            if let Some((_, symbol)) = &why
                && !object.defs.contains_key(symbol)
            {
                self.broken.insert((file, symbol.clone()));
                continue;
            }
            // A Makefile may name a file twice.
            let is_in = |node: &Node| node.compiled.as_ref().is_some_and(|known| known.path == compiled.path);
            if self.loaded.insert(file) && !self.nodes.iter().any(is_in) {
                let source = objects.get(file as usize).map_or("", |object| object.source.as_str());
                self.add_compiled(Origin::Upstream(file), source, compiled, why, true)?;
            }
        }
        Ok(())
    }

    /// Goes on with the wanted symbols that are defined now.
    fn settle(&mut self) {
        let found: Vec<String> = self
            .wanted
            .keys()
            .filter(|name| self.defs.contains_key(*name))
            .cloned()
            .collect();
        for name in found {
            self.wanted.remove(&name);
            self.name(&name, None);
        }
    }

    fn missing(&self) -> BTreeMap<String, Missing> {
        let mut out = BTreeMap::new();
        for (name, callers) in &self.wanted {
            let callers = callers.iter().filter_map(|(node, section)| {
                let node = self.nodes.get(*node)?;
                let section = node.file.sections.get(*section as usize)?;
                Some(format!("{}: {}", node.name, short(&section.name)))
            });
            let hint = self.given_up.get(name).cloned().flatten();
            out.insert(
                name.clone(),
                Missing {
                    callers: callers.collect(),
                    is_called: self.called.contains(name),
                    hint,
                },
            );
        }
        out
    }
}
