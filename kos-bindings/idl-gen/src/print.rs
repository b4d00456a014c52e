// SPDX-License-Identifier: MIT OR Apache-2.0
//! From [`crate::ast`] back to text, in one form: what is printed reads as what was parsed.

use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{Component, Direction, Expr, Item, Kind, Member, Method, Named, Op, Package, Type};

/// Writes the comment above something.
fn doc(f: &mut Formatter<'_>, indent: &str, doc: &str) -> fmt::Result {
    for line in doc.lines() {
        writeln!(f, "{indent}{}", format!("// {line}").trim_end())?;
    }
    Ok(())
}

impl Display for Package {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        doc(f, "", &self.doc)?;
        writeln!(f, "package {}", self.name.text)?;
        for import in &self.imports {
            writeln!(f, "import {}", import.text)?;
        }
        for item in &self.items {
            write!(f, "\n{item}")?;
        }
        let Some(methods) = &self.methods else { return Ok(()) };
        f.write_str("\ninterface {\n")?;
        for method in methods {
            write!(f, "{method}")?;
        }
        f.write_str("}\n")
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (word, name, text, members) = match self {
            Self::Const(member, value) => {
                doc(f, "", &member.doc)?;
                return writeln!(f, "const {} {} = {value};", member.ty, member.name.text);
            }
            Self::Typedef(member) => {
                doc(f, "", &member.doc)?;
                return writeln!(f, "typedef {} {};", member.ty, member.name.text);
            }
            Self::Struct(name, doc, members) => ("struct", name, doc, members),
            Self::Union(name, doc, members) => ("union", name, doc, members),
        };
        doc(f, "", text)?;
        writeln!(f, "{word} {} {{", name.text)?;
        for Member { doc: text, ty, name } in members {
            doc(f, "    ", text)?;
            writeln!(f, "    {ty} {};", name.text)?;
        }
        f.write_str("}\n")
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        doc(f, "    ", &self.doc)?;
        write!(f, "    {}(", self.name.text)?;
        for (i, (direction, member)) in self.params.iter().enumerate() {
            f.write_str(if i == 0 { "\n" } else { ",\n" })?;
            doc(f, "        ", &member.doc)?;
            let direction = match direction {
                Direction::In => "in",
                Direction::Out => "out",
                Direction::Error => "error",
            };
            write!(f, "        {direction} {} {}", member.ty, member.name.text)?;
        }
        f.write_str(if self.params.is_empty() { ");\n" } else { "\n    );\n" })
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(&name.text),
            Self::Callable(_, interface) => write!(f, "handle<{}>", interface.text),
            Self::Bytes(_, max) => write!(f, "bytes<{max}>"),
            Self::String(_, max) => write!(f, "string<{max}>"),
            Self::Sequence(_, item, max) => write!(f, "sequence<{item}, {max}>"),
            Self::Array(_, item, count) => write!(f, "array<{item}, {count}>"),
        }
    }
}

/// An operand that is itself an operation stands between parentheses: no reader has to know what
/// binds tighter. They add to the nesting, so a chain of one operator does without.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (op, left, right) = match self {
            Self::Number(value, _) => return write!(f, "{value}"),
            Self::Name(name) => return f.write_str(&name.text),
            Self::Binary(op, left, right) => (*op, left, right),
        };
        let is_chain = |side: &Self, is_near: bool| match side {
            Self::Binary(other, ..) => *other == op && is_near,
            _ => true,
        };
        let operand = |f: &mut Formatter<'_>, side: &Self, is_near: bool| {
            if is_chain(side, is_near) {
                write!(f, "{side}")
            } else {
                write!(f, "({side})")
            }
        };
        operand(f, left, op != Op::Pow)?;
        let text = match op {
            Op::Shl => "<<",
            Op::Add => "+",
            Op::Mul => "*",
            Op::Pow => "**",
        };
        write!(f, " {text} ")?;
        operand(f, right, op == Op::Pow)
    }
}

impl Display for Component {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        doc(f, "", &self.doc)?;
        let word = match self.kind {
            Kind::Component => "component",
            Kind::Class => "task class",
        };
        writeln!(f, "{word} {}", self.name.text)?;
        if let Some(security) = &self.security {
            writeln!(f, "\nsecurity {}", security.text)?;
        }
        section(f, "endpoints", &self.endpoints)?;
        section(f, "components", &self.components)
    }
}

fn section(f: &mut Formatter<'_>, word: &str, named: &[Named]) -> fmt::Result {
    if named.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{word} {{")?;
    for Named { doc: text, name, of } in named {
        doc(f, "    ", text)?;
        writeln!(f, "    {} : {}", name.text, of.text)?;
    }
    f.write_char('}')?;
    f.write_char('\n')
}
