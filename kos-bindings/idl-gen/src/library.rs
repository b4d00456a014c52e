// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptions by name: a dotted name is the path of its file below an include directory, and each
//! name in it leads to another file.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::ast::{self, Ident, Kind, Named, Package, Type};
use crate::check::{check, file_name, unique};
use crate::error::{Error, Mistake};
use crate::files::Files;
use crate::model::{Component, Endpoint, Interface};
use crate::parse;

/// Longer chains of files are refused: each link takes from the stack.
const MAX_CHAIN: usize = 64;

/// A RIID has 16 bits, and instances without endpoints must end somewhere too.
const MAX_ENDPOINTS: usize = 65535;

/// The descriptions of a solution, each read when it is first asked for.
///
/// # Examples
///
/// ```
/// use kos_idl::{Files, Library};
///
/// let mut library = Library::new(Files::texts([
///     ("demo/Lamp.idl", "package demo.Lamp interface { Set(in UInt8 level); }"),
///     ("demo/Chain.cdl", "component demo.Chain endpoints { first : demo.Lamp second : demo.Lamp }"),
///     ("demo/House.edl", "task class demo.House components { hall : demo.Chain }"),
/// ]));
/// let house = library.class("demo.House")?;
/// let names: Vec<_> = house.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
/// assert_eq!(names, ["hall.first", "hall.second"]);
/// # Ok::<(), kos_idl::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Library {
    files: Files,
    packages: BTreeMap<String, Rc<Interface>>,
    components: BTreeMap<String, Rc<Component>>,
    classes: BTreeMap<String, Rc<Component>>,
    /// The files that are being read, each because the one before it names it.
    open: Vec<String>,
}

/// A file that is being read.
struct Text {
    file: String,
    text: String,
}

impl Text {
    fn error(&self, mistake: Mistake) -> Error {
        Error::new(&self.file, &self.text, mistake)
    }
}

/// Where a name was found, if it was in a file.
type User<'a> = Option<(&'a Text, &'a Ident)>;

impl Library {
    /// Makes a library of what is in `files`.
    #[must_use]
    pub fn new(files: Files) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// Finds a package: `a.b.Name`, in `a/b/Name.idl`.
    ///
    /// # Errors
    ///
    /// The first mistake in it or in what it imports, or that there is no such file.
    pub fn package(&mut self, name: &str) -> Result<Rc<Interface>, Error> {
        self.package_for(name, None)
    }

    /// Finds a component: `a.b.Name`, in `a/b/Name.cdl`.
    ///
    /// # Errors
    ///
    /// The first mistake in it or in what it names, or that there is no such file.
    pub fn component(&mut self, name: &str) -> Result<Rc<Component>, Error> {
        self.component_for(Kind::Component, name, None)
    }

    /// Finds a class of processes: `a.b.Name`, in `a/b/Name.edl`.
    ///
    /// # Errors
    ///
    /// As [`component`](Self::component).
    pub fn class(&mut self, name: &str) -> Result<Rc<Component>, Error> {
        self.component_for(Kind::Class, name, None)
    }

    /// Opens a file on behalf of another, or of the caller.
    fn enter(&mut self, path: String, user: User<'_>) -> Result<Text, Error> {
        let failed = |message: String| match user {
            Some((text, name)) => text.error(Mistake::new(name.at, message)),
            None => Error::new(&path, "", Mistake::new(0, message)),
        };
        if let Some(at) = self.open.iter().position(|open| *open == path) {
            let chain = self.open.get(at..).unwrap_or_default().join("` → `");
            return Err(failed(format!("a circle: `{chain}` → `{path}`")));
        }
        if self.open.len() == MAX_CHAIN {
            return Err(failed(format!("a chain of more than {MAX_CHAIN} files")));
        }
        let (file, text) = self.files.read(&path).map_err(failed)?;
        self.open.push(path);
        Ok(Text { file, text })
    }

    fn package_for(&mut self, name: &str, user: User<'_>) -> Result<Rc<Interface>, Error> {
        if let Some(known) = self.packages.get(name) {
            return Ok(Rc::clone(known));
        }
        let text = self.enter(path(name, "idl"), user)?;
        let read = self.read_package(&text);
        self.open.pop();
        let package = Rc::new(read?);
        self.packages.insert(name.to_owned(), Rc::clone(&package));
        Ok(package)
    }

    fn read_package(&mut self, text: &Text) -> Result<Interface, Error> {
        let package = parse::package(&text.text).map_err(|mistake| text.error(mistake))?;
        let mut imports = Vec::new();
        for import in &package.imports {
            imports.push(self.package_for(&import.text, Some((text, import)))?);
        }
        for name in callables(&package) {
            // An interface may hand out handles to itself.
            if name.text != package.name.text {
                self.interface_for(text, name)?;
            } else if package.methods.is_none() {
                return Err(text.error(no_interface(name)));
            }
        }
        check(&text.file, &package, &imports).map_err(|mistake| text.error(mistake))
    }

    fn interface_for(&mut self, text: &Text, name: &Ident) -> Result<Rc<Interface>, Error> {
        let package = self.package_for(&name.text, Some((text, name)))?;
        if package.has_interface {
            Ok(package)
        } else {
            Err(text.error(no_interface(name)))
        }
    }

    fn component_for(&mut self, kind: Kind, name: &str, user: User<'_>) -> Result<Rc<Component>, Error> {
        let known = match kind {
            Kind::Component => self.components.get(name),
            Kind::Class => self.classes.get(name),
        };
        if let Some(known) = known {
            return Ok(Rc::clone(known));
        }
        let text = self.enter(path(name, extension(kind)), user)?;
        let read = self.read_component(kind, &text);
        self.open.pop();
        let component = Rc::new(read?);
        let all = match kind {
            Kind::Component => &mut self.components,
            Kind::Class => &mut self.classes,
        };
        all.insert(name.to_owned(), Rc::clone(&component));
        Ok(component)
    }

    fn read_component(&mut self, kind: Kind, text: &Text) -> Result<Component, Error> {
        let (parsed, what) = match kind {
            Kind::Component => (parse::component(&text.text), "component"),
            Kind::Class => (parse::class(&text.text), "class"),
        };
        let ast::Component {
            name,
            doc,
            security,
            endpoints,
            components,
            ..
        } = parsed.map_err(|mistake| text.error(mistake))?;
        file_name(&text.file, &name, extension(kind), what).map_err(|mistake| text.error(mistake))?;
        names(&endpoints)
            .and(names(&components))
            .map_err(|mistake| text.error(mistake))?;
        if let Some(security) = &security {
            let interface = self.interface_for(text, security)?;
            if let Some(method) = answering(&interface) {
                let message = format!("`{method}` of a security interface has more than `in` parameters");
                return Err(text.error(Mistake::new(security.at, message)));
            }
        }
        let mut component = Component {
            name: name.text.clone(),
            doc,
            security: security.map(|name| name.text),
            endpoints: Vec::new(),
        };
        for instance in &components {
            let inner = self.component_for(Kind::Component, &instance.of.text, Some((text, &instance.of)))?;
            let within = |endpoint: &Endpoint| Endpoint {
                name: format!("{}.{}", instance.name.text, endpoint.name),
                ..endpoint.clone()
            };
            if component.endpoints.len() + inner.endpoints.len() > MAX_ENDPOINTS {
                let message = format!("more than {MAX_ENDPOINTS} endpoints");
                return Err(text.error(Mistake::new(instance.name.at, message)));
            }
            component.endpoints.extend(inner.endpoints.iter().map(within));
        }
        for endpoint in endpoints {
            self.interface_for(text, &endpoint.of)?;
            component.endpoints.push(Endpoint {
                name: endpoint.name.text,
                interface: endpoint.of.text,
                doc: endpoint.doc,
            });
        }
        if component.endpoints.len() > MAX_ENDPOINTS {
            let message = format!("more than {MAX_ENDPOINTS} endpoints");
            return Err(text.error(Mistake::new(name.at, message)));
        }
        Ok(component)
    }
}

/// Where a name leads, below an include directory.
fn path(name: &str, extension: &str) -> String {
    format!("{}.{extension}", name.replace('.', "/"))
}

fn extension(kind: Kind) -> &'static str {
    match kind {
        Kind::Component => "cdl",
        Kind::Class => "edl",
    }
}

fn no_interface(name: &Ident) -> Mistake {
    Mistake::new(name.at, format!("the package `{}` has no interface", name.text))
}

/// The interfaces that a package names in `handle<…>`.
fn callables(package: &Package) -> Vec<&Ident> {
    fn of(ty: &Type) -> Option<&Ident> {
        match ty {
            Type::Callable(_, name) => Some(name),
            Type::Sequence(_, item, _) | Type::Array(_, item, _) => of(item),
            Type::Name(_) | Type::Bytes(..) | Type::String(..) => None,
        }
    }
    let items = package.items.iter().flat_map(|item| match item {
        ast::Item::Typedef(member) | ast::Item::Const(member, _) => std::slice::from_ref(member),
        ast::Item::Struct(_, _, members) | ast::Item::Union(_, _, members) => members,
    });
    let params = package.methods.iter().flatten().flat_map(|method| &method.params);
    let types = items.chain(params.map(|(_, member)| member)).map(|member| &member.ty);
    types.filter_map(of).collect()
}

/// The first method that answers with something, or with an error of its own.
fn answering(interface: &Interface) -> Option<&str> {
    let says = |method: &&crate::model::Method| method.error.is_some() || !method.result.fields.is_empty();
    interface.methods.iter().find(says).map(|method| method.name.as_str())
}

/// Names of endpoints and of instances have no underscores, and each stands once.
fn names(named: &[Named]) -> Result<(), Mistake> {
    let mut known = BTreeSet::new();
    for Named { name, .. } in named {
        if name.text.contains('_') {
            let message = format!("`{}`: names of endpoints and instances have no underscores", name.text);
            return Err(Mistake::new(name.at, message));
        }
        unique(&mut known, name)?;
    }
    Ok(())
}
