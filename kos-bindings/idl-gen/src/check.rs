// SPDX-License-Identifier: MIT OR Apache-2.0
//! From [`crate::ast`] to [`crate::model`]: names, types and constants. The layout comes from
//! `crate::layout`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::ast::{self, Expr, Ident, Item, Member, Op, Package};
use crate::error::Mistake;
use crate::model::{Const, Exports, Interface, StructRef, Type};

/// The arena must be addressable by a descriptor's 32 bits, with room to spare.
pub(crate) const MAX_ARENA_BYTES: usize = 1 << 30;

/// Platform-sized ones are those of aarch64, the only architecture that the system has.
const INTEGERS: [(&str, &str, usize); 10] = [
    ("UInt8", "u8", 1),
    ("UInt16", "u16", 2),
    ("UInt32", "u32", 4),
    ("UInt64", "u64", 8),
    ("UIntSize", "u64", 8),
    ("UIntPtr", "u64", 8),
    ("SInt8", "i8", 1),
    ("SInt16", "i16", 2),
    ("SInt32", "i32", 4),
    ("SInt64", "i64", 8),
];

/// The words that begin or make a type.
const WORDS: [&str; 6] = ["Handle", "handle", "bytes", "string", "sequence", "array"];

/// Deeper containers are refused: those who read types do so with their stack.
const MAX_DEPTH: usize = 64;

pub(crate) type Checked<T> = Result<T, Mistake>;

/// Checks a package and lays out its messages. `imports` are its imports, checked, in the same
/// order.
///
/// # Errors
///
/// The first name, order or size that the language does not allow.
pub(crate) fn check(file: &str, package: &Package, imports: &[Rc<Interface>]) -> Checked<Interface> {
    file_name(file, &package.name, "idl", "package")?;
    let mut scope = Scope::new(&package.name.text);
    for (name, import) in package.imports.iter().zip(imports) {
        scope.import(name, import)?;
    }
    let mut interface = Interface {
        name: package.name.text.clone(),
        doc: package.doc.clone(),
        consts: Vec::new(),
        structs: Vec::new(),
        exports: Exports::default(),
        methods: Vec::new(),
        has_interface: package.methods.is_some(),
    };
    for item in &package.items {
        match item {
            Item::Const(member, value) => interface.consts.push(scope.constant(member, value)?),
            Item::Typedef(member) => {
                let ty = scope.resolve(&member.ty)?;
                scope.declare(&member.name)?;
                scope.own.types.insert(member.name.text.clone(), ty);
            }
            Item::Struct(..) | Item::Union(..) => interface.structs.push(scope.structure(item)?),
        }
    }
    let mut names = BTreeSet::new();
    for method in package.methods.iter().flatten() {
        if method.name.text.contains('_') {
            return Err(Mistake::new(method.name.at, "method names have no underscores"));
        }
        unique(&mut names, &method.name)?;
        interface.methods.push(scope.method(method)?);
    }
    if interface.methods.len() > usize::from(u16::MAX) {
        return Err(Mistake::new(package.name.at, "more than 65535 methods"));
    }
    interface.exports = scope.own;
    Ok(interface)
}

/// `a.b.Name` stands in `a/b/Name.idl`, starts with a capital and has no underscores.
pub(crate) fn file_name(file: &str, name: &Ident, extension: &str, what: &str) -> Checked<()> {
    let path = format!("{}.{extension}", name.text.replace('.', "/"));
    let last = name.text.rsplit('.').next().unwrap_or_default();
    if !last.starts_with(|c: char| c.is_ascii_uppercase()) || last.contains('_') {
        let message =
            format!("`{last}`: the last part of a {what}'s name starts with a capital and has no underscores");
        return Err(Mistake::new(name.at, message));
    }
    let rest = file.strip_suffix(path.as_str());
    match rest {
        Some(directory) if directory.is_empty() || directory.ends_with('/') => Ok(()),
        _ => Err(Mistake::new(
            name.at,
            format!("{what} `{}` must be in a file `{path}`", name.text),
        )),
    }
}

pub(crate) fn unique(names: &mut BTreeSet<String>, name: &Ident) -> Checked<()> {
    if names.insert(name.text.clone()) {
        Ok(())
    } else {
        Err(Mistake::new(name.at, format!("`{}` is already declared", name.text)))
    }
}

/// What a package knows: what it has declared so far, and what it imports.
#[derive(Default)]
pub(crate) struct Scope {
    package: String,
    names: BTreeSet<String>,
    pub(crate) own: Exports,
    packages: BTreeSet<String>,
    imported: Exports,
    /// Which package each imported name is from; several if it is in several.
    origins: BTreeMap<String, Vec<String>>,
}

impl Scope {
    fn new(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            ..Self::default()
        }
    }

    /// Takes over what another package declares; what that one imports itself stays there.
    fn import(&mut self, name: &Ident, import: &Interface) -> Checked<()> {
        if name.text == self.package || !self.packages.insert(name.text.clone()) {
            let message = format!("`{}` is already imported", name.text);
            return Err(Mistake::new(name.at, message));
        }
        let Exports { consts, types } = &import.exports;
        for known in consts.keys().chain(types.keys()) {
            let origins = self.origins.entry(known.clone()).or_default();
            origins.push(import.name.clone());
        }
        self.imported.consts.extend(consts.clone());
        self.imported.types.extend(types.clone());
        Ok(())
    }

    pub(crate) fn declare(&mut self, name: &Ident) -> Checked<()> {
        let text = name.text.as_str();
        if INTEGERS.iter().any(|(builtin, ..)| *builtin == text) || WORDS.contains(&text) {
            return Err(Mistake::new(name.at, format!("`{text}` is a built-in type")));
        }
        if let Some(origins) = self.origins.get(text) {
            let message = format!("`{text}` is already declared in {}", all(origins));
            return Err(Mistake::new(name.at, message));
        }
        unique(&mut self.names, name)
    }

    pub(crate) fn export_struct(&mut self, name: &str, bytes: usize, align: usize) {
        let ty = Type::Struct(StructRef {
            package: self.package.clone(),
            name: name.to_owned(),
            bytes,
            align,
        });
        self.own.types.insert(name.to_owned(), ty);
    }

    /// An imported name must be in one package only.
    fn unambiguous(&self, name: &Ident) -> Checked<()> {
        match self.origins.get(&name.text) {
            Some(origins) if origins.len() > 1 => {
                let message = format!("`{}` is declared in {}", name.text, all(origins));
                Err(Mistake::new(name.at, message))
            }
            _ => Ok(()),
        }
    }

    fn constant(&mut self, member: &Member, value: &Expr) -> Checked<Const> {
        let Type::Int(ty, bytes) = self.resolve(&member.ty)? else {
            return Err(Mistake::new(member.name.at, "a constant has an integer type"));
        };
        let number = self.eval(value)?;
        let bits = bytes * 8 - usize::from(ty.starts_with('i'));
        if bits < 64 && number >> bits != 0 {
            return Err(Mistake::new(
                value.at(),
                format!("{number} does not fit into {bits} bits"),
            ));
        }
        self.declare(&member.name)?;
        self.own.consts.insert(member.name.text.clone(), number);
        Ok(Const {
            doc: member.doc.clone(),
            name: member.name.text.clone(),
            ty,
            value: number,
        })
    }

    fn eval(&self, expr: &Expr) -> Checked<u64> {
        match expr {
            Expr::Number(value, _) => Ok(*value),
            Expr::Name(name) => {
                self.unambiguous(name)?;
                let known = [&self.own, &self.imported].map(|known| known.consts.get(&name.text));
                let message = || format!("no constant `{}` is declared above or imported", name.text);
                let value = known.into_iter().flatten().next().copied();
                value.ok_or_else(|| Mistake::new(name.at, message()))
            }
            Expr::Binary(op, left, right) => {
                let (a, b) = (self.eval(left)?, self.eval(right)?);
                let small = u32::try_from(b).ok();
                let value = match op {
                    Op::Add => a.checked_add(b),
                    Op::Mul => a.checked_mul(b),
                    Op::Pow => small.and_then(|b| a.checked_pow(b)),
                    Op::Shl => small.and_then(|b| 2_u64.checked_pow(b)).and_then(|b| a.checked_mul(b)),
                };
                value.ok_or_else(|| Mistake::new(left.at(), "the value does not fit into 64 bits"))
            }
        }
    }

    /// Evaluates a size or count: at least one, and small enough that no sum of them overflows.
    fn count(&self, expr: &Expr) -> Checked<usize> {
        let value = usize::try_from(self.eval(expr)?).unwrap_or(usize::MAX);
        if value == 0 || value > MAX_ARENA_BYTES {
            return Err(Mistake::new(
                expr.at(),
                format!("a size is from 1 to {MAX_ARENA_BYTES}"),
            ));
        }
        Ok(value)
    }

    pub(crate) fn resolve(&self, ty: &ast::Type) -> Checked<Type> {
        match ty {
            ast::Type::Name(name) => self.named(name),
            // Whether the interface exists was seen before. On the wire it is a handle.
            ast::Type::Callable(..) => Ok(Type::Handle),
            ast::Type::Bytes(_, max) => Ok(Type::Bytes(self.count(max)?)),
            ast::Type::String(_, max) => Ok(Type::String(self.count(max)?)),
            ast::Type::Sequence(name, item, max) => Ok(Type::Sequence(self.item(name, item)?, self.count(max)?)),
            ast::Type::Array(name, item, count) => Ok(Type::Array(self.item(name, item)?, self.count(count)?)),
        }
    }

    fn named(&self, name: &Ident) -> Checked<Type> {
        if let Some((_, rust, bytes)) = INTEGERS.iter().find(|(idl, ..)| *idl == name.text) {
            return Ok(Type::Int(rust, *bytes));
        }
        if name.text == "Handle" {
            return Ok(Type::Handle);
        }
        self.unambiguous(name)?;
        let known = [&self.own, &self.imported].map(|known| known.types.get(&name.text));
        let message = || format!("no type `{}` is declared above or imported", name.text);
        let ty = known.into_iter().flatten().next().cloned();
        ty.ok_or_else(|| Mistake::new(name.at, message()))
    }

    /// Resolves the type of a container's items: of fixed size, and without handles, which must be
    /// hoisted.
    fn item(&self, container: &Ident, item: &ast::Type) -> Checked<Box<Type>> {
        let ty = self.resolve(item)?;
        if ty.arena_max().is_some() || ty == Type::Handle {
            let message = format!(
                "items of `{}` must have a fixed size and hold no handles",
                container.text
            );
            return Err(Mistake::new(container.at, message));
        }
        if ty.depth() >= MAX_DEPTH {
            let message = format!("containers are nested more than {MAX_DEPTH} deep");
            return Err(Mistake::new(container.at, message));
        }
        Ok(Box::new(ty))
    }
}

/// `a.B` and `c.D`.
fn all(packages: &[String]) -> String {
    let quoted: Vec<_> = packages.iter().map(|package| format!("`{package}`")).collect();
    quoted.join(" and ")
}
