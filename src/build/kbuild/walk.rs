// SPDX-License-Identifier: GPL-2.0-only
//! Walks the tree from its top `Kbuild` and collects the objects in link order.

use super::make::{Assignment, Guard, Makefile};
use super::{Dir, Flags, Kbuild, Object};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Directories that hold no code for a domain, or whose code is another architecture's.
const SKIP: [&str; 7] = ["arch", "tools", "rust", "usr", "certs", "virt", "Documentation"];

struct Walk<'a> {
    root: &'a Path,
    files: HashMap<String, Option<usize>>,
    makefiles: Vec<Makefile>,
    out: Kbuild,
    seen: HashSet<(String, Vec<String>)>,
}

impl Kbuild {
    /// Reads all Kbuild files of the tree at `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let mut walk = Walk {
            root,
            files: HashMap::new(),
            makefiles: Vec::new(),
            out: Self::default(),
            seen: HashSet::new(),
        };
        walk.dir("", &[], &[]);
        // The top Makefile adds it as a library, after everything else.
        walk.dir("lib", &[], &[]);
        walk.out
    }
}

impl Kbuild {
    /// Reads the Kbuild file of a folder outside the tree, and those below it; `None` if it has none.
    #[must_use]
    pub fn read_outside(root: &Path) -> Option<Self> {
        let file = Makefile::read_outside(root)?;
        let mut walk = Walk {
            root,
            files: HashMap::from([(String::new(), Some(0))]),
            out: Self {
                files: file.files.clone(),
                ..Self::default()
            },
            makefiles: vec![file],
            seen: HashSet::new(),
        };
        walk.dir("", &[], &[]);
        Some(walk.out)
    }
}

impl Walk<'_> {
    fn dir(&mut self, dir: &str, guards: &[Guard], inherited: &[Flags]) {
        let key = (
            dir.to_owned(),
            guards.iter().map(|guard| format!("{guard:?}")).collect(),
        );
        if SKIP.contains(&dir) || !self.seen.insert(key) {
            return;
        }
        let root = self.root;
        let makefiles = &mut self.makefiles;
        let read = &mut self.out.files;
        let index = *self.files.entry(dir.to_owned()).or_insert_with(|| {
            let file = Makefile::read(root, dir)?;
            read.extend(file.files.iter().cloned());
            makefiles.push(file);
            Some(makefiles.len() - 1)
        });
        let Some(index) = index else { return };
        let Some(file) = self.makefiles.get_mut(index).map(std::mem::take) else {
            return;
        };
        self.file(&file, dir, guards, inherited);
        if let Some(slot) = self.makefiles.get_mut(index) {
            *slot = file;
        }
    }

    fn file(&mut self, file: &Makefile, dir: &str, guards: &[Guard], inherited: &[Flags]) {
        let mut below = inherited.to_vec();
        below.extend(flags_of(file, "subdir-ccflags-y"));
        let mut all = below.clone();
        all.extend(flags_of(file, "ccflags-y"));
        all.extend(flags_of(file, "EXTRA_CFLAGS"));
        let mut own: HashMap<String, Vec<Flags>> = HashMap::new();
        for assignment in &file.assignments {
            let name = assignment
                .name
                .strip_prefix("CFLAGS_")
                .and_then(|name| name.strip_suffix(".o"));
            if let Some(name) = name {
                own.entry(name.to_owned()).or_default().push(flags(assignment, None));
            }
        }
        let number = u32::try_from(self.out.dirs.len()).unwrap_or(u32::MAX);
        self.out.dirs.push(Dir {
            path: dir.to_owned(),
            all,
            own,
        });
        let composites = composites(file);
        for assignment in live(file) {
            let Some((kind, on)) = assignment.name.split_once('-') else {
                continue;
            };
            if !matches!(kind, "obj" | "lib" | "subdir") || on.starts_with("ccflags") {
                continue;
            }
            let mut here = guards.to_vec();
            here.extend(assignment.guards.iter().cloned());
            match on {
                "y" | "m" => {}
                on if on.contains("$(") => here.push(Guard::on(on)),
                _ => continue,
            }
            for word in assignment.value.split_whitespace() {
                let path = join(dir, word.trim_end_matches('/'));
                if word.ends_with('/') || kind == "subdir" {
                    self.dir(&path, &here, &below);
                } else if let Some(stem) = word.strip_suffix(".o") {
                    self.object(&composites, dir, stem, stem, &here, number, 0);
                }
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one object's place: all of it changes from call to call"
    )]
    fn object(
        &mut self,
        composites: &Composites<'_>,
        dir: &str,
        stem: &str,
        module: &str,
        guards: &[Guard],
        number: u32,
        depth: u8,
    ) {
        let parts = composites.get(stem).filter(|_| depth < 4);
        let module = module.rsplit('/').next().unwrap_or(module);
        let source = join(dir, &format!("{stem}.c"));
        let has_source = self.root.join(&source).exists();
        // A part may bear its module's own name; then it is a source, and the other parts go with it.
        if parts.is_none() || depth > 0 {
            let overlay = stem
                .strip_suffix(".dtbo")
                .map(|name| join(dir, &format!("{name}.dtso")));
            let source = match overlay {
                Some(overlay) => overlay,
                None if has_source => source,
                None => join(dir, &format!("{stem}.S")),
            };
            if has_source || self.root.join(&source).exists() {
                self.out.objects.push(Object {
                    source,
                    module: module.to_owned(),
                    guards: guards.to_vec(),
                    own: Vec::new(),
                    dir: number,
                });
                return;
            }
        }
        for (assignment, on) in parts.into_iter().flatten() {
            let mut here = guards.to_vec();
            here.extend(assignment.guards.iter().cloned());
            here.extend(on.iter().map(|on| Guard::on(on)));
            for word in assignment.value.split_whitespace() {
                if let Some(part) = word.strip_suffix(".o") {
                    self.object(composites, dir, part, module, &here, number, depth + 1);
                }
            }
        }
    }
}

type Composites<'a> = HashMap<&'a str, Vec<(&'a Assignment, Option<&'a str>)>>;

/// `foo-y`, `foo-objs` and `foo-$(CONFIG_X)`, by `foo`, with the condition of the last form.
fn composites(file: &Makefile) -> Composites<'_> {
    let mut out: Composites<'_> = HashMap::new();
    for assignment in live(file) {
        let name = assignment.name.as_str();
        let split = name.find("-$(").or_else(|| name.rfind('-'));
        let Some((stem, on)) = split.map(|at| (&name[..at], &name[at + 1..])) else {
            continue;
        };
        match on {
            "y" | "m" | "objs" => out.entry(stem).or_default().push((assignment, None)),
            on if on.starts_with("$(") => out.entry(stem).or_default().push((assignment, Some(on))),
            _ => {}
        }
    }
    out
}

/// Assignments that are not hidden by a later unconditional `:=` to the same name.
fn live(file: &Makefile) -> impl Iterator<Item = &Assignment> {
    file.assignments
        .iter()
        .filter(|a| a.name.contains('-') && file.of(&a.name).any(|other| std::ptr::eq(*a, other)))
}

fn flags_of(file: &Makefile, name: &str) -> Vec<Flags> {
    let stem = name.strip_suffix('y').unwrap_or(name);
    let conditional = format!("{stem}$(");
    file.assignments
        .iter()
        .filter_map(|a| {
            if a.name == name {
                Some(flags(a, None))
            } else if stem != name && a.name.starts_with(&conditional) {
                Some(flags(a, a.name.strip_prefix(stem)))
            } else {
                None
            }
        })
        .collect()
}

fn flags(assignment: &Assignment, on: Option<&str>) -> Flags {
    let mut guards = assignment.guards.clone();
    guards.extend(on.map(Guard::on));
    Flags {
        guards,
        flags: assignment.value.clone(),
    }
}

fn join(dir: &str, name: &str) -> String {
    let name = name.trim_start_matches("./");
    if dir.is_empty() || name.starts_with(&format!("{dir}/")) {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}
