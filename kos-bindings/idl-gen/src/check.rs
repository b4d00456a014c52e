// SPDX-License-Identifier: MIT OR Apache-2.0
//! From [`crate::ast`] to [`crate::model`]: names, types and constants. The layout comes from
//! `crate::layout`.

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::{self, Expr, Ident, Item, Member, Op, Package};
use crate::error::Mistake;
use crate::model::{Const, Interface, Type};

/// The arena must be addressable by a descriptor's 32 bits, with room to spare.
pub(crate) const MAX_ARENA_BYTES: usize = 1 << 30;

const INTEGERS: [(&str, &str, usize); 8] = [
    ("UInt8", "u8", 1),
    ("UInt16", "u16", 2),
    ("UInt32", "u32", 4),
    ("UInt64", "u64", 8),
    ("SInt8", "i8", 1),
    ("SInt16", "i16", 2),
    ("SInt32", "i32", 4),
    ("SInt64", "i64", 8),
];

pub(crate) type Checked<T> = Result<T, Mistake>;

/// Checks a package and lays out its messages.
///
/// # Errors
///
/// The first name, order or size that the language does not allow.
pub fn check(file: &str, package: &Package) -> Checked<Interface> {
    check_file_name(file, &package.name)?;
    let mut scope = Scope::default();
    let mut interface = Interface {
        name: package.name.text.clone(),
        doc: package.doc.clone(),
        consts: Vec::new(),
        structs: Vec::new(),
        methods: Vec::new(),
    };
    for item in &package.items {
        match item {
            Item::Const(member, value) => interface.consts.push(scope.constant(member, value)?),
            Item::Typedef(member) => {
                let ty = scope.resolve(&member.ty)?;
                scope.declare(&member.name)?;
                scope.types.insert(member.name.text.clone(), ty);
            }
            Item::Struct(name, doc, fields) => interface.structs.push(scope.structure(name, doc, fields)?),
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
    Ok(interface)
}

/// `a.b.Name` stands in `a/b/Name.idl`, starts with a capital and has no underscores.
fn check_file_name(file: &str, name: &Ident) -> Checked<()> {
    let path = format!("{}.idl", name.text.replace('.', "/"));
    let last = name.text.rsplit('.').next().unwrap_or_default();
    if !last.starts_with(|c: char| c.is_ascii_uppercase()) || last.contains('_') {
        let message = format!("`{last}`: a package's last name starts with a capital and has no underscores");
        return Err(Mistake::new(name.at, message));
    }
    let rest = file.strip_suffix(path.as_str());
    match rest {
        Some(directory) if directory.is_empty() || directory.ends_with('/') => Ok(()),
        _ => Err(Mistake::new(
            name.at,
            format!("package `{}` must be in a file `{path}`", name.text),
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

/// What the package has declared so far.
#[derive(Default)]
pub(crate) struct Scope {
    names: BTreeSet<String>,
    consts: BTreeMap<String, u64>,
    pub(crate) types: BTreeMap<String, Type>,
}

impl Scope {
    pub(crate) fn declare(&mut self, name: &Ident) -> Checked<()> {
        if INTEGERS.iter().any(|(builtin, ..)| *builtin == name.text) || name.text == "Handle" {
            return Err(Mistake::new(name.at, format!("`{}` is a built-in type", name.text)));
        }
        unique(&mut self.names, name)
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
        self.consts.insert(member.name.text.clone(), number);
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
            Expr::Name(name) => self
                .consts
                .get(&name.text)
                .copied()
                .ok_or_else(|| Mistake::new(name.at, format!("no constant `{}` is declared above", name.text))),
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
        let known = self.types.get(&name.text).cloned();
        known.ok_or_else(|| Mistake::new(name.at, format!("no type `{}` is declared above", name.text)))
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
        Ok(Box::new(ty))
    }
}
