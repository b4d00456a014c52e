// SPDX-License-Identifier: MIT OR Apache-2.0
//! From files to declarations: `use` is followed, each file is read once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::ast::{Decl, Name};
use crate::error::{Error, Mistake, Pos, Source, wrong};
use crate::parse::parse;

/// A policy's files, parsed.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The files; the first is the top one.
    pub sources: Vec<Source>,
    /// Their declarations, in order.
    pub decls: Vec<Decl>,
    /// The models that may be used.
    pub(crate) models: BTreeSet<&'static str>,
}

/// The descriptions of models, as the SDK files them, and the models in each.
///
/// That `nk.base._` brings the auxiliary models with it follows from the public examples, which use
/// operators with nothing else included.
const MODELS: [(&str, &[&str]); 7] = [
    ("nk.base._", &["Base", "Pred", "Bool", "Math", "Struct"]),
    ("nk.basic._", &["Pred", "Bool", "Math", "Struct"]),
    ("nk.flow._", &["Flow"]),
    ("nk.hashmap._", &["HashSet"]),
    ("nk.staticmap._", &["StaticMap"]),
    ("nk.mic._", &["Mic"]),
    ("linuxcompat.each._", &["Each"]),
];

/// The file of a model's description, for messages.
pub(crate) fn file_of_model(model: &str) -> Option<&'static str> {
    MODELS
        .iter()
        .find(|(_, models)| models.contains(&model))
        .map(|(file, _)| *file)
}

/// More files than anybody writes: a file that includes itself under ever new names ends here.
const MAX_FILES: usize = 1024;

struct Loader {
    loaded: Loaded,
    /// Where included files are; `None`: there are none.
    root: Option<PathBuf>,
    seen: BTreeSet<String>,
}

impl Loader {
    fn new(root: Option<PathBuf>) -> Self {
        Self {
            loaded: Loaded::default(),
            root,
            seen: BTreeSet::new(),
        }
    }

    fn file(&mut self, name: &str, text: &str) -> Result<(), Mistake> {
        let file = u32::try_from(self.loaded.sources.len()).unwrap_or(u32::MAX);
        self.loaded.sources.push(Source {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        for decl in parse(file, text)? {
            if let Decl::Use(used) = &decl {
                self.include(used)?;
            }
            self.loaded.decls.push(decl);
        }
        Ok(())
    }

    /// Takes a file as it was read. What is before the first byte that is no text has lines and columns.
    fn bytes(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Mistake> {
        match String::from_utf8(bytes) {
            Ok(text) => self.file(name, &text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let file = u32::try_from(self.loaded.sources.len()).unwrap_or(u32::MAX);
                self.loaded.sources.push(Source {
                    name: name.to_owned(),
                    text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                });
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                wrong(Pos { file, at }, "the text is not UTF-8")
            }
        }
    }

    fn include(&mut self, used: &Name) -> Result<(), Mistake> {
        if let Some((_, models)) = MODELS.iter().find(|(file, _)| *file == used.text) {
            self.loaded.models.extend(models.iter());
            return Ok(());
        }
        if used.text == "nk.regex._" {
            return wrong(used.pos, "the model Regex is not implemented");
        }
        if used.text.starts_with("nk.") {
            let known: Vec<_> = MODELS.iter().map(|(file, _)| *file).collect();
            let message = format!("no such description of a model; there are {}", known.join(", "));
            return wrong(used.pos, message);
        }
        if !self.seen.insert(used.text.clone()) {
            return Ok(());
        }
        let Some(root) = &self.root else {
            return wrong(used.pos, "a policy without a directory includes no files");
        };
        if self.loaded.sources.len() == MAX_FILES {
            return wrong(used.pos, "more than 1024 files");
        }
        let relative = used.text.trim_end_matches("._").replace('.', "/") + ".psl";
        let path = root.join(&relative);
        match std::fs::read(&path) {
            Ok(bytes) => self.bytes(&path.display().to_string(), bytes),
            Err(error) => wrong(used.pos, format!("{}: {error}", path.display())),
        }
    }
}

impl Loaded {
    /// Reads a policy's top file and all that it includes: `use a.b._` is `a/b.psl` beside it.
    ///
    /// # Errors
    ///
    /// The first mistake, or the file that cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| Error {
            place: crate::error::Place {
                file: name.clone(),
                line: 1,
                column: 1,
            },
            message: error.to_string(),
        })?;
        let mut loader = Loader::new(path.parent().map(Path::to_owned));
        match loader.bytes(&name, bytes) {
            Ok(()) => Ok(loader.loaded),
            Err(mistake) => Err(Error::new(&loader.loaded.sources, mistake)),
        }
    }

    /// Takes a policy from memory: one text after the other, as if one file included them all. They
    /// include models only. The names are for messages.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut loader = Loader::new(None);
        for (name, text) in texts {
            if let Err(mistake) = loader.file(name, text) {
                return Err(Error::new(&loader.loaded.sources, mistake));
            }
        }
        Ok(loader.loaded)
    }

    /// Takes a policy of one text from memory.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn text(name: &str, text: &str) -> Result<Self, Error> {
        Self::texts([(name, text)])
    }
}
