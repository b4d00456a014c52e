// SPDX-License-Identifier: GPL-2.0-only
//! The steps of a build, in order.

use super::cancel;
use super::closure::{self, Closure, Origin, Parts};
use super::compile::Compiler;
use super::error::BuildError;
use super::fdt::{self, Device};
use super::hash::{self, Memory};
use super::hot::Hot;
use super::index::{Index, compatibles_of};
use super::kbuild::Object;
use super::link::Link;
use super::lookup;
use super::memo::{self, images_dir};
use super::objfile::ObjFile;
use super::report::{Changed, MissingSymbol, Report, Source, Timings, Why};
use super::request::{BuildRequest, Built, Emit};
use super::script::Script;
use super::waist::Waist;
use linux_headers::cache;
use linux_headers::flags::{self, Profile, Setup};
use linux_headers::kconfig::Kconfig;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Builds the image of one driver, or finds it built.
///
/// # Errors
///
/// One variant per step; see [`BuildError`].
pub fn build(request: &BuildRequest) -> Result<Built, BuildError> {
    let start = Instant::now();
    let memo = memo::place(request)?;
    if let Some(built) = memo::recall(&memo, request, start) {
        return Ok(built);
    }
    let mut build = Build {
        request,
        timings: Timings::default(),
        inputs: Vec::new(),
    };
    let (built, image_dir) = build.run(start)?;
    memo::keep(memo, &build.inputs, image_dir, &built.report)?;
    Ok(built)
}

/// The image and the image with debug information.
pub(super) fn outputs(dir: &Path, emit: Emit) -> (PathBuf, PathBuf) {
    match emit {
        Emit::Image => (dir.join("image"), dir.join("image.debug")),
        Emit::Relocatable => (dir.join("image.o"), dir.join("image.o")),
        Emit::Library => (dir.join("library.a"), dir.join("library.debug.o")),
    }
}

/// What a library offers (`kos-bindings/kasperskyos/lc_kos.h`).
const LIBRARY_ENTRY: &str = "lc_domain_start";

/// Milliseconds since then.
pub(super) fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

struct Build<'a> {
    request: &'a BuildRequest,
    timings: Timings,
    /// Every file that the result depends on.
    inputs: Vec<PathBuf>,
}

impl Build<'_> {
    fn run(&mut self, start: Instant) -> Result<(Built, String), BuildError> {
        let request = self.request;
        let tree = &request.tree;
        let step = Instant::now();
        let index = Index::load(tree)?;
        self.inputs
            .extend(index.kbuild.files.iter().map(|file| tree.dir.join(file)));
        self.timings.index_ms = ms(step);

        let step = Instant::now();
        let board = match &request.board_dtb {
            Some(path) => fdt::read(path)?,
            None => Vec::new(),
        };
        let found = lookup::driver(tree, &index, &request.driver, &board)?;
        if request.board_dtb.is_some() && lookup::symbols_of(&request.driver).next().is_none() {
            lookup::wants_node(&index, &request.driver, &found, &board)?;
        }
        let (setup, roots) = self.configure(&index, &found, &board)?;
        self.timings.config_ms = ms(step);

        let step = Instant::now();
        let memory = Memory::load(cache::dir().join("files"));
        let mut compiler = Compiler::new(
            tree,
            &index.kbuild,
            &setup,
            &memory,
            &request.cc,
            request.extra_cflags.clone(),
        );
        let hot = Hot::read(&self.ours("config/hot"))?;
        // Misuse is found by following the code, step by step: debug images stay as they were written.
        if request.profile == Profile::Release {
            compiler.hot = hot.clone();
        }
        let sources = roots.iter().filter_map(|root| index.kbuild.objects.get(*root as usize));
        compiler.driver = (
            sources.map(|object| object.source.clone()).collect(),
            request.driver_cflags.clone(),
        );
        let mut script = Script::read(&self.ours("link/domain.lds"))?;
        if request.emit == Emit::Library {
            script.provide(&request.provided, LIBRARY_ENTRY);
        }
        let waist = Waist::read(&self.ours("config/waist"))?;
        let outside: Vec<Object> = found.outside.iter().cloned().collect();
        let (glue, idle) = self.glue(&board)?;
        let mut entry = request.extra_roots.clone();
        entry.extend(script.entry.clone().filter(|_| request.shim_archive.is_some()));
        let shim = match &request.shim_archive {
            Some(path) => ObjFile::read_archive(path)?,
            None => Vec::new(),
        };
        let parts = Parts {
            roots: &roots,
            outside: &outside,
            glue: &glue,
            idle: &idle,
            shim,
            entry: &entry,
        };
        let closed = closure::close(&compiler, &index, &waist, &script, parts);
        memory.save();
        let closed = closed?;
        self.inputs.extend(
            closed
                .nodes
                .iter()
                .filter_map(|node| node.compiled.as_ref())
                .flat_map(|compiled| compiled.inputs.iter().cloned()),
        );
        self.inputs.extend(request.shim_archive.iter().cloned());
        let mut report = self.report(&index, &memory, &setup, &closed, &found.modules)?;
        self.timings.closure_ms = ms(step);
        self.timings.compiled = compiler.ran.load(Ordering::Relaxed);

        let step = Instant::now();
        let image_dir = self.link(&closed, &script, &hot, &memory)?;
        memory.save();
        self.timings.link_ms = ms(step);
        self.timings.total_ms = ms(start);
        let (image, debug) = outputs(&images_dir().join(&image_dir), request.emit);
        report.image_bytes = std::fs::metadata(&image).map(|meta| meta.len()).unwrap_or_default();
        report.timings = self.timings.clone();
        self.inputs.sort();
        self.inputs.dedup();
        Ok((Built { image, debug, report }, image_dir))
    }

    /// A file of the architecture, which the result then depends on.
    fn ours(&mut self, name: &str) -> PathBuf {
        let path = flags::architecture_dir().join(name);
        self.inputs.push(path.clone());
        path
    }

    fn configure(
        &mut self,
        index: &Index,
        found: &lookup::Found,
        board: &[Device],
    ) -> Result<(Setup, Vec<u32>), BuildError> {
        let request = self.request;
        let mut roots = found.objects.clone();
        roots.extend(lookup::board_drivers(index, board, &found.modules));
        let objects = || roots.iter().filter_map(|root| index.kbuild.objects.get(*root as usize));
        // A part of a module that has a condition of its own is the configuration's business, not the driver's.
        let module_guards = |object: &Object| {
            let of_module = index
                .kbuild
                .objects
                .iter()
                .filter(|other| other.module == object.module);
            of_module.map(|other| other.guards.len()).min().unwrap_or_default()
        };
        let mut wishes: Vec<String> = request.wishes.clone();
        for object in objects() {
            let most = module_guards(object);
            wishes.extend(
                object
                    .guards
                    .iter()
                    .take(most)
                    .filter_map(|guard| guard.symbol())
                    .map(str::to_owned),
            );
        }
        wishes.sort();
        wishes.dedup();
        let kconfig = Kconfig::read(&request.tree.dir);
        self.inputs.extend(kconfig.files.iter().cloned());
        let setup = flags::setup(&request.tree, &kconfig, request.profile, request.arch, &wishes)?;
        for series in [
            format!("config/{}.config", request.tree.series),
            "config/debug.config".to_owned(),
        ] {
            self.ours(&series);
        }
        if let Some(symbol) = lookup::symbols_of(&request.driver).find(|symbol| !setup.config.is_on(symbol)) {
            let unmet = setup.config.unmet.iter().find(|unmet| unmet.symbol == symbol);
            return Err(BuildError::Config {
                symbol: symbol.to_owned(),
                depends: unmet.map_or_else(|| "something".to_owned(), |unmet| unmet.depends.clone()),
            });
        }
        roots.retain(|root| {
            index
                .kbuild
                .objects
                .get(*root as usize)
                .is_some_and(|object| object.is_enabled(&setup.config))
        });
        let is_driver_in = found.outside.is_some() || roots.iter().any(|root| found.objects.contains(root));
        if !is_driver_in {
            let unmet = setup.config.unmet.first();
            let symbol = unmet.map_or_else(
                || wishes.last().cloned().unwrap_or_default(),
                |unmet| unmet.symbol.clone(),
            );
            let depends = unmet.map_or_else(|| "something".to_owned(), |unmet| unmet.depends.clone());
            return Err(BuildError::Config { symbol, depends });
        }
        Ok((setup, roots))
    }

    /// The shim's C files; apart from them those that drive hardware which the board does not have.
    fn glue(&mut self, board: &[Device]) -> Result<(Vec<Object>, Vec<Object>), BuildError> {
        let Some(dir) = &self.request.glue_dir else {
            return Ok((Vec::new(), Vec::new()));
        };
        let io = |error| BuildError::Io {
            path: dir.clone(),
            error,
        };
        let mut all = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == "c") {
                all.push(path);
            }
        }
        all.sort();
        // A file that is added or removed changes the directory.
        self.inputs.push(dir.clone());
        let is_idle = |path: &Path| {
            let drives = compatibles_of(path);
            let has = |device: &Device| device.compatible.iter().any(|compatible| drives.contains(compatible));
            !drives.is_empty() && self.request.board_dtb.is_some() && !board.iter().any(has)
        };
        let (idle, used): (Vec<PathBuf>, Vec<PathBuf>) = all.into_iter().partition(|path| is_idle(path));
        let object = |path: &PathBuf| {
            let stem = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            Object::outside(&path.display().to_string(), &stem)
        };
        let used = used.iter().chain(&self.request.extra_glue);
        Ok((used.map(object).collect(), idle.iter().map(object).collect()))
    }

    fn report(
        &self,
        index: &Index,
        memory: &Memory,
        setup: &Setup,
        closed: &Closure,
        modules: &[String],
    ) -> Result<Report, BuildError> {
        let tree = &self.request.tree;
        let mut sources = Vec::new();
        for node in closed.in_link_order() {
            let path = match node.origin {
                Origin::Upstream(file) => index
                    .kbuild
                    .objects
                    .get(file as usize)
                    .map(|object| object.source.clone()),
                Origin::Outside => Some(node.file.name.clone()),
                Origin::Shim => None,
            };
            let Some(path) = path else { continue };
            let Some(facts) = memory.facts(&tree.dir.join(&path)) else {
                continue;
            };
            let sha256 = hash::hex(&facts.hash);
            let expected = tree
                .expected(&path)
                .filter(|expected| *expected != facts.hash)
                .map(|expected| hash::hex(&expected));
            let pristine = node.origin != Origin::Outside && expected.is_none() && tree.expected(&path).is_some();
            let why = node.why.clone().map(|(by, symbol)| Why { by, symbol });
            sources.push(Source {
                path,
                lines: facts.lines,
                sha256,
                pristine,
                expected,
                why,
            });
        }
        let changed = self.changed(memory, &sources);
        if let Some(first) = changed.first().filter(|_| !self.request.allow_modified) {
            return Err(BuildError::Modified {
                path: first.path.clone(),
                version: tree.full_version.clone(),
                expected: first.expected.clone(),
                found: first.sha256.clone(),
            });
        }
        let config = setup
            .config
            .iter()
            .filter(|(name, value)| *value == "y" && !setup.base.is_on(name))
            .map(|(name, _)| name.to_owned());
        let missing = closed.missing.iter().map(|(name, missing)| MissingSymbol {
            name: name.clone(),
            callers: missing.callers.iter().cloned().collect(),
            hint: missing.hint.clone(),
        });
        Ok(Report {
            driver: self.request.driver.clone(),
            modules: modules.to_vec(),
            kernel: tree.full_version.clone(),
            sources,
            image_bytes: 0,
            missing: missing.collect(),
            config: config.collect(),
            refused: setup
                .config
                .refused
                .iter()
                .map(|refused| format!("{} selects {}", refused.by, refused.symbol))
                .collect(),
            modified: !changed.is_empty(),
            changed,
            timings: Timings::default(),
        })
    }

    /// Compares everything that was read from the tree with upstream's copy: the sources, then headers, Kbuild and
    /// Kconfig files.
    fn changed(&self, memory: &Memory, sources: &[Source]) -> Vec<Changed> {
        let tree = &self.request.tree;
        let mut changed: Vec<Changed> = sources
            .iter()
            .filter_map(|source| {
                Some(Changed {
                    path: source.path.clone(),
                    expected: source.expected.clone()?,
                    sha256: source.sha256.clone(),
                })
            })
            .collect();
        let read: BTreeSet<&PathBuf> = self.inputs.iter().collect();
        for path in read {
            let name = path.strip_prefix(&tree.dir).ok().and_then(Path::to_str);
            let Some((name, expected)) = name.and_then(|name| Some((name, tree.expected(name)?))) else {
                continue;
            };
            let Some(facts) = memory.facts(path).filter(|facts| facts.hash != expected) else {
                continue;
            };
            if !changed.iter().any(|other| other.path == name) {
                changed.push(Changed {
                    path: name.to_owned(),
                    expected: hash::hex(&expected),
                    sha256: hash::hex(&facts.hash),
                });
            }
        }
        changed
    }

    fn link(&self, closed: &Closure, script: &Script, hot: &Hot, memory: &Memory) -> Result<String, BuildError> {
        let request = self.request;
        let objects: Vec<PathBuf> = closed
            .in_link_order()
            .filter_map(|node| node.compiled.as_ref())
            .map(|compiled| compiled.path.clone())
            .collect();
        let fragment = hot.fragment();
        let mut key = format!(
            "{:?} {:#x} {:?} {:?}\n{fragment}",
            request.arch, request.image_base, request.emit, request.extra_ldflags
        );
        for path in objects.iter().chain(request.shim_archive.iter()).chain([&script.path]) {
            key.push_str(
                &memory
                    .facts(path)
                    .map(|facts| hash::hex(&facts.hash))
                    .unwrap_or_default(),
            );
        }
        for (name, missing) in &closed.missing {
            key.push_str(&format!("{name} {}\n", missing.is_called));
        }
        let name = hash::text(&key)[..32].to_owned();
        let dir = images_dir().join(&name);
        if outputs(&dir, request.emit).0.exists() {
            return Ok(name);
        }
        // Made beside its place, so that an interrupted link leaves no half image; others may make the same one now.
        let thread = std::thread::current().id();
        let beside = images_dir().join(format!(".{name}-{}-{thread:?}", std::process::id()));
        let link = Link {
            objects,
            archive: request.shim_archive.as_deref(),
            script,
            hot: &fragment,
            base: request.image_base,
            missing: &closed.missing,
            arch: request.arch,
            cc: &request.cc,
            extra: &request.extra_ldflags,
        };
        cancel::check()?;
        let made = match request.emit {
            Emit::Image => link.image(&beside),
            Emit::Relocatable => link.relocatable(&beside),
            Emit::Library => link.library(&beside, LIBRARY_ENTRY),
        };
        let placed = made.and_then(|()| match std::fs::rename(&beside, &dir) {
            Err(error) if !dir.exists() => Err(BuildError::Io {
                path: dir.clone(),
                error,
            }),
            _ => Ok(()),
        });
        let _ = std::fs::remove_dir_all(&beside);
        cancel::check()?;
        placed.map(|()| name)
    }
}
