// SPDX-License-Identifier: GPL-2.0-only
//! The steps of a build, in order.

mod plan;

use self::plan::Plan;
use super::cancel;
use super::closure::{self, Closure, Origin, Parts};
use super::compile::Compiler;
use super::error::BuildError;
use super::fdt::{self, Device};
use super::hash;
use super::hot::Hot;
use super::index::compatibles_of;
use super::kbuild::Object;
use super::link::Link;
use super::memo;
use super::report::{Changed, MissingSymbol, Report, Source, Timings, Why};
use super::request::{BuildRequest, Built, Emit};
use super::script::Script;
use super::unreached::Unreached;
use super::waist::Waist;
use super::workshop::{Learnt, Session};
use linux_headers::flags::{self, Profile};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    let session = Session::open(&request.tree, request.profile, request.arch, &request.cc)?;
    let mut build = Build::new(&session, request, None);
    build.timings.index_ms = ms(start);
    let (built, image_dir) = build.run(start)?;
    let inputs: Vec<PathBuf> = build.inputs.iter().map(|path| path.to_path_buf()).collect();
    memo::keep(memo, &inputs, image_dir, &built.report)?;
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

/// A build under way.
pub(super) struct Build<'a> {
    session: &'a Session,
    learnt: Option<&'a Learnt>,
    request: &'a BuildRequest,
    timings: Timings,
    /// Every file that the result depends on.
    inputs: Vec<Arc<Path>>,
}

impl<'a> Build<'a> {
    pub(super) fn new(session: &'a Session, request: &'a BuildRequest, learnt: Option<&'a Learnt>) -> Self {
        Self {
            session,
            learnt,
            request,
            timings: Timings::default(),
            inputs: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, start: Instant) -> Result<(Built, String), BuildError> {
        let (session, request) = (self.session, self.request);
        let (tree, index, memory) = (&request.tree, &session.index, &session.memory);
        let read = index.kbuild.files.iter().map(|file| Arc::from(tree.dir.join(file)));
        self.inputs.extend(read);

        let step = Instant::now();
        let board = match &request.board_dtb {
            Some(path) => fdt::read(path)?,
            None => Vec::new(),
        };
        let plan = self.plan(&board)?;
        self.timings.config_ms = ms(step);

        let step = Instant::now();
        let cc = (request.cc.as_str(), session.said.as_slice());
        let extra = request.extra_cflags.clone();
        let mut compiler = Compiler::of_compiler(tree, &index.kbuild, &plan.setup, memory, cc, extra);
        if let Some(learnt) = self.learnt {
            compiler = compiler.knowing(&learnt.known);
        }
        let hot = Hot::read(&self.ours("config/hot"))?;
        // Misuse is found by following the code, step by step: debug images stay as they were written.
        if request.profile == Profile::Release {
            compiler.hot = hot.clone();
        }
        let sources = plan
            .roots
            .iter()
            .filter_map(|root| index.kbuild.objects.get(*root as usize));
        compiler.driver = (
            sources.map(|object| object.source.clone()).collect(),
            request.driver_cflags.clone(),
        );
        let mut script = Script::read(&self.ours("link/domain.lds"))?;
        if request.emit == Emit::Library {
            script.provide(&request.provided, LIBRARY_ENTRY);
        }
        let closed = self.close(&compiler, &script, &plan, &board);
        self.save();
        let closed = closed?;
        self.add_inputs(&closed);
        let unreached = Unreached::read(&self.ours("config/unreached"))?;
        let mut report = self.report(&plan, &closed, &unreached)?;
        self.timings.closure_ms = ms(step);
        self.timings.compiled = compiler.ran.load(Ordering::Relaxed);

        let step = Instant::now();
        let image_dir = self.link(&closed, &plan, &script, &hot)?;
        self.save();
        self.timings.link_ms = ms(step);
        self.timings.total_ms = ms(start);
        let (image, debug) = outputs(&self.request.images_dir().join(&image_dir), request.emit);
        report.image_bytes = std::fs::metadata(&image).map(|meta| meta.len()).unwrap_or_default();
        report.timings = self.timings.clone();
        Ok((Built { image, debug, report }, image_dir))
    }

    /// Keeps what was learnt of files; who makes many images does so at the end.
    fn save(&self) {
        if self.learnt.is_none() {
            self.session.memory.save();
        }
    }

    fn close(
        &mut self,
        compiler: &Compiler<'_>,
        script: &Script,
        plan: &Plan,
        board: &[Device],
    ) -> Result<Closure, BuildError> {
        let request = self.request;
        let waist = Waist::read(&self.ours("config/waist"))?;
        let (glue, idle) = self.glue(board)?;
        let mut entry = request.extra_roots.clone();
        entry.extend(script.entry.clone().filter(|_| request.shim_archive.is_some()));
        let parts = Parts {
            roots: &plan.roots,
            beside: &plan.beside,
            is_removable: request.is_module,
            outside: &plan.found.outside,
            glue: &glue,
            idle: &idle,
            shim: self.session.shim(request.shim_archive.as_ref())?,
            read: self.learnt.map(|learnt| &learnt.objects),
            entry: &entry,
        };
        closure::close(compiler, &self.session.index, &waist, script, parts)
    }

    /// Every file that the compiler read, each once.
    fn add_inputs(&mut self, closed: &Closure) {
        let mut seen = HashSet::new();
        let compiled = closed.nodes.iter().filter_map(|node| node.compiled.as_ref());
        for path in compiled.flat_map(|compiled| compiled.inputs.iter()) {
            if self.learnt.is_none() || seen.insert(Arc::as_ptr(path).cast::<u8>()) {
                self.inputs.push(Arc::clone(path));
            }
        }
        self.inputs
            .extend(self.request.shim_archive.iter().map(|path| Arc::from(path.as_path())));
        if self.learnt.is_none() {
            self.inputs.sort();
            self.inputs.dedup();
        }
    }

    /// A file of the architecture, which the result then depends on.
    fn ours(&mut self, name: &str) -> PathBuf {
        let path = flags::architecture_dir().join(name);
        self.inputs.push(Arc::from(path.as_path()));
        path
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
        self.inputs.push(Arc::from(dir.as_path()));
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

    fn report(&self, plan: &Plan, closed: &Closure, unreached: &Unreached) -> Result<Report, BuildError> {
        let tree = &self.request.tree;
        let (index, memory) = (&self.session.index, &self.session.memory);
        let setup = &plan.setup;
        let mut sources = Vec::new();
        for node in closed.in_link_order() {
            let path = match node.origin {
                Origin::Upstream(file) => index
                    .kbuild
                    .objects
                    .get(file as usize)
                    .map(|object| object.source.clone()),
                Origin::Outside => Some(node.name.clone()),
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
        let changed = self.changed(&sources);
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
        let symbol = |(name, missing): (&String, &closure::Missing)| MissingSymbol {
            name: name.clone(),
            callers: missing.callers.iter().cloned().collect(),
            hint: missing.hint.clone(),
        };
        let all = closed.missing.iter();
        let (unreached, missing): (Vec<_>, Vec<_>) =
            all.partition(|(name, missing)| unreached.holds(name, &missing.callers));
        let [unreached, missing] = [unreached, missing].map(|part| part.into_iter().map(symbol).collect());
        Ok(Report {
            driver: self.request.driver.clone(),
            modules: plan.found.modules.clone(),
            is_module: self.request.is_module,
            kernel: tree.full_version.clone(),
            sources,
            image_bytes: 0,
            missing,
            unreached,
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
    fn changed(&self, sources: &[Source]) -> Vec<Changed> {
        let (tree, memory) = (&self.request.tree, &self.session.memory);
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
        let mut read = HashSet::new();
        for path in self.inputs.iter().filter(|path| read.insert(Arc::clone(path))) {
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

    fn link(&self, closed: &Closure, plan: &Plan, script: &Script, hot: &Hot) -> Result<String, BuildError> {
        let (request, memory) = (self.request, &self.session.memory);
        let path_of = |node: &closure::Node| node.compiled.as_ref().map(|compiled| compiled.path.clone());
        let objects: Vec<PathBuf> = closed.in_link_order().filter_map(path_of).collect();
        let own: Vec<PathBuf> = closed
            .in_link_order()
            .filter(|node| request.is_module && node.origin.is_own(&plan.roots))
            .filter_map(path_of)
            .collect();
        let fragment = hot.fragment();
        let mut key = format!(
            "{:?} {:#x} {:?} {:?} {own:?}\n{fragment}",
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
        let dir = self.request.images_dir().join(&name);
        if outputs(&dir, request.emit).0.exists() {
            return Ok(name);
        }
        // Made beside its place, so that an interrupted link leaves no half image; others may make the same one now.
        let thread = std::thread::current().id();
        let beside = dir.with_file_name(format!(".{name}-{}-{thread:?}", std::process::id()));
        let link = Link {
            objects,
            archive: request.shim_archive.as_deref(),
            script,
            hot: &fragment,
            own: &own,
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
