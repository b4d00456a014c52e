// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions: names become places in the message, and types are checked.

use kos_bindings::nk::{Field, FieldType};

use super::Compiler;
use super::args::{args, key_of, list, range};
use crate::ast::{Call, Expr, ExprKind, Name, Op, Unary};
use crate::error::{Mistake, wrong};
use crate::program::{Compare, Every, EveryTest, Ex, Math, Model, Slot};

pub(super) type Checked<T> = Result<T, Mistake>;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    Unit,
    Int,
    Bool,
    Text,
    Sid,
}

impl Ty {
    fn name(&self) -> &'static str {
        match self {
            Self::Unit => "()",
            Self::Int => "a number",
            Self::Bool => "a Boolean",
            Self::Text => "a text",
            Self::Sid => "a security id",
        }
    }
}

/// What an expression may refer to.
pub(super) struct Scope<'c> {
    pub(super) compiler: &'c Compiler,
    /// The message's fields; `None`: the event has none.
    pub(super) fields: Option<&'static [Field]>,
    /// What the message is called when a field is missing.
    pub(super) what: String,
    /// Whether there is a receiver.
    pub(super) has_dst: bool,
}

/// A place in the message, on the way to a value.
#[derive(Clone, Copy)]
enum Spot {
    Message(&'static [Field]),
    At {
        ty: FieldType,
        item: Option<(usize, usize, usize)>,
        at: usize,
    },
}

impl Scope<'_> {
    /// Compiles an expression of one type.
    pub(super) fn of(&self, expr: &Expr, wanted: &Ty) -> Checked<Ex> {
        let (ex, ty) = self.any(expr)?;
        if ty == *wanted {
            return Ok(ex);
        }
        wrong(expr.pos, format!("expected {}, found {}", wanted.name(), ty.name()))
    }

    /// Compiles an expression.
    pub(super) fn any(&self, expr: &Expr) -> Checked<(Ex, Ty)> {
        Ok(match &expr.kind {
            ExprKind::Unit => (Ex::Unit, Ty::Unit),
            ExprKind::Int(value) => (Ex::Int((*value).into()), Ty::Int),
            ExprKind::Bool(value) => (Ex::Bool(*value), Ty::Bool),
            ExprKind::Text(text) => (Ex::Text(text.as_str().into()), Ty::Text),
            ExprKind::Name(name) => match name.as_str() {
                "src_sid" => (Ex::Src, Ty::Sid),
                "dst_sid" if self.has_dst => (Ex::Dst, Ty::Sid),
                "dst_sid" => return wrong(expr.pos, "a `security` event has no receiver"),
                "message" => return wrong(expr.pos, "`message` is no value; its fields are: `message.name`"),
                _ => {
                    let message = format!("`{name}` is not known here: `message`, `src_sid` and `dst_sid` are");
                    return wrong(expr.pos, message);
                }
            },
            ExprKind::Field(..) | ExprKind::Index(..) => self.place(expr)?,
            ExprKind::List(_) => return wrong(expr.pos, "a list stands only as the argument of a method"),
            ExprKind::Dict(_) => return wrong(expr.pos, "a dictionary stands only as the argument of a method"),
            ExprKind::Call(call) => self.call(call)?,
            ExprKind::Unary(unary, inner) => match unary {
                Unary::Not => (Ex::Not(Box::new(self.of(inner, &Ty::Bool)?)), Ty::Bool),
                Unary::Neg => (Ex::Neg(Box::new(self.of(inner, &Ty::Int)?)), Ty::Int),
                Unary::Complement => {
                    let why = "`~` is not implemented: how wide a literal is, is not public";
                    return wrong(expr.pos, why);
                }
            },
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right)?,
        })
    }

    fn binary(&self, op: Op, left: &Expr, right: &Expr) -> Checked<(Ex, Ty)> {
        let bools = || -> Checked<_> {
            let (a, b) = (self.of(left, &Ty::Bool)?, self.of(right, &Ty::Bool)?);
            Ok((Box::new(a), Box::new(b)))
        };
        let ints = || -> Checked<_> {
            let (a, b) = (self.of(left, &Ty::Int)?, self.of(right, &Ty::Int)?);
            Ok((Box::new(a), Box::new(b)))
        };
        let compare = |op| ints().map(|(a, b)| (Ex::Compare(op, a, b), Ty::Bool));
        let math = |op| ints().map(|(a, b)| (Ex::Math(op, a, b), Ty::Int));
        match op {
            Op::Implies => bools().map(|(a, b)| (Ex::Or(Box::new(Ex::Not(a)), b), Ty::Bool)),
            Op::Or => bools().map(|(a, b)| (Ex::Or(a, b), Ty::Bool)),
            Op::And => bools().map(|(a, b)| (Ex::And(a, b), Ty::Bool)),
            Op::Eq | Op::Ne => {
                let ((a, kind), (b, other)) = (self.any(left)?, self.any(right)?);
                if kind != other || kind == Ty::Unit {
                    let message = format!("{} is not compared with {}", other.name(), kind.name());
                    return wrong(right.pos, message);
                }
                let op = if op == Op::Eq { Compare::Eq } else { Compare::Ne };
                Ok((Ex::Compare(op, Box::new(a), Box::new(b)), Ty::Bool))
            }
            Op::Lt => compare(Compare::Lt),
            Op::Le => compare(Compare::Le),
            Op::Gt => compare(Compare::Gt),
            Op::Ge => compare(Compare::Ge),
            Op::BitOr => math(Math::Or),
            Op::BitAnd => math(Math::And),
            Op::Add => math(Math::Add),
            Op::Sub => math(Math::Sub),
            Op::Mul => math(Math::Mul),
        }
    }

    fn place(&self, expr: &Expr) -> Checked<(Ex, Ty)> {
        // `message.h.rights` reads into a descriptor, which is no struct of the IDL.
        if let ExprKind::Field(inner, name) = &expr.kind
            && let Ok(Spot::At {
                ty: FieldType::Handle,
                item: None,
                at,
            }) = self.spot(inner)
        {
            return match name.text.as_str() {
                "rights" => Ok((Ex::Rights(at), Ty::Int)),
                "handle" => wrong(
                    name.pos,
                    "the security id behind a handle is not known to the hosted back end's policy",
                ),
                _ => wrong(name.pos, "a handle has `rights`"),
            };
        }
        let Spot::At { ty, item, at } = self.spot(expr)? else {
            return wrong(expr.pos, "this is no value");
        };
        match ty {
            FieldType::Int { bytes, is_signed } => {
                let slot = Slot {
                    item,
                    at,
                    bytes,
                    is_signed,
                };
                Ok((Ex::Load(slot), Ty::Int))
            }
            FieldType::String(_) => Ok((Ex::LoadText(at), Ty::Text)),
            FieldType::Bytes(_) => wrong(expr.pos, "bytes are only tested with `pred.empty`"),
            FieldType::Handle => wrong(expr.pos, "a handle is no number; it has `rights`"),
            FieldType::Struct { name, .. } => wrong(expr.pos, format!("`{name}` is a struct: name one of its fields")),
            FieldType::Array(..) | FieldType::Sequence(..) => {
                wrong(expr.pos, "name one item, as in `.[0]`, or use `each` for all")
            }
        }
    }

    fn spot(&self, expr: &Expr) -> Checked<Spot> {
        match &expr.kind {
            ExprKind::Name(name) if name == "message" => match self.fields {
                Some(fields) => Ok(Spot::Message(fields)),
                None => wrong(expr.pos, format!("{} has no message", self.what)),
            },
            ExprKind::Field(inner, name) => match self.spot(inner)? {
                Spot::Message(fields) => {
                    let found = find(fields, name, &self.what)?;
                    Ok(Spot::At {
                        ty: found.ty,
                        item: None,
                        at: found.at,
                    })
                }
                Spot::At {
                    ty: FieldType::Struct { fields, name: of, .. },
                    item,
                    at,
                } => {
                    let found = find(fields, name, of)?;
                    Ok(Spot::At {
                        ty: found.ty,
                        item,
                        at: at + found.at,
                    })
                }
                Spot::At { .. } => wrong(name.pos, format!("there are no fields in it, so no `{}`", name.text)),
            },
            ExprKind::Index(inner, index, pos) => {
                let Spot::At { ty, item, at } = self.spot(inner)? else {
                    return wrong(*pos, "a message has fields, not items");
                };
                let number = usize::try_from(*index).unwrap_or(usize::MAX);
                match ty {
                    FieldType::Array(of, count) if number < count => {
                        let at = at + number * of.layout().0;
                        Ok(Spot::At { ty: *of, item, at })
                    }
                    FieldType::Sequence(of, count) if number < count => {
                        let item = Some((at, number, of.layout().0));
                        Ok(Spot::At { ty: *of, item, at: 0 })
                    }
                    FieldType::Array(_, count) | FieldType::Sequence(_, count) => {
                        wrong(*pos, format!("item {index} of {count} at the most"))
                    }
                    _ => wrong(*pos, "there are no items in it"),
                }
            }
            _ => wrong(expr.pos, "fields and items are those of `message`"),
        }
    }

    /// Compiles a call of an expression method.
    fn call(&self, call: &Call) -> Checked<(Ex, Ty)> {
        let Some(name) = &call.object else {
            return wrong(call.pos(), "an expression is called as `object.method`");
        };
        let (object, model) = self.compiler.object(name)?;
        let method = call.method.text.as_str();
        let boxed = |ex: Checked<Ex>| ex.map(Box::new);
        let arg = &*call.arg;
        let list = |ty: &Ty| -> Checked<Vec<Ex>> { list(arg)?.iter().map(|item| self.of(item, ty)).collect() };
        Ok(match (model, method) {
            (Model::Aux("Pred"), "empty") => (self.empty(arg)?, Ty::Bool),
            (Model::Aux("Bool"), "all") => (Ex::All(list(&Ty::Bool)?), Ty::Bool),
            (Model::Aux("Bool"), "any") => (Ex::Any(list(&Ty::Bool)?), Ty::Bool),
            (Model::Aux("Bool"), "cond") => {
                let [test, yes, no] = args(arg, ["if", "then", "else"])?;
                let (yes_ex, ty) = self.any(yes)?;
                let parts = [self.of(test, &Ty::Bool)?, yes_ex, self.of(no, &ty)?];
                (Ex::Cond(Box::new(parts)), ty)
            }
            (Model::Aux("Math"), "neg") => (Ex::Neg(boxed(self.of(arg, &Ty::Int))?), Ty::Int),
            (Model::Aux("Math"), "abs") => (Ex::Abs(boxed(self.of(arg, &Ty::Int))?), Ty::Int),
            (Model::Aux("Math"), "sum") => (Ex::Fold(Math::Add, list(&Ty::Int)?), Ty::Int),
            (Model::Aux("Math"), "product") => (Ex::Fold(Math::Mul, list(&Ty::Int)?), Ty::Int),
            (Model::Aux("Math"), cast) if range(cast).is_some() => {
                let (low, high) = range(cast).unwrap_or((0, 0));
                (Ex::Cast(boxed(self.of(arg, &Ty::Int))?, low, high), Ty::Int)
            }
            (Model::Each, _) => (Ex::Every(Box::new(self.every(call)?)), Ty::Bool),
            (Model::Flow { .. }, "query") => {
                let [sid] = args(arg, ["sid"])?;
                (Ex::FlowQuery(object, boxed(self.of(sid, &Ty::Sid))?), Ty::Text)
            }
            (Model::HashSet { range, .. }, "contains") => {
                let [sid, entry] = args(arg, ["sid", "entry"])?;
                let sid = boxed(self.of(sid, &Ty::Sid))?;
                (
                    Ex::Contains(object, sid, Box::new(self.ranged(entry, *range)?)),
                    Ty::Bool,
                )
            }
            (Model::StaticMap { keys, .. }, "get" | "get_uncommitted") => {
                let [sid, key] = args(arg, ["sid", "key"])?;
                let get = Ex::MapGet {
                    object,
                    sid: boxed(self.of(sid, &Ty::Sid))?,
                    key: key_of(keys, key)?,
                    is_working: method == "get_uncommitted",
                };
                (get, Ty::Int)
            }
            (Model::Mic { categories, .. }, "query_level") => {
                if !categories.is_empty() {
                    let why = "`query_level` of levels with categories is not implemented: how a condition names them \
                               is not public";
                    return wrong(call.method.pos, why);
                }
                let [source] = args(arg, ["source"])?;
                (Ex::QueryLevel(object, boxed(self.of(source, &Ty::Sid))?), Ty::Text)
            }
            _ => {
                let message = format!("the model {} has no expression `{method}`", model.name());
                return wrong(call.method.pos, message);
            }
        })
    }

    /// A number that a model keeps, within the range of its type.
    pub(super) fn ranged(&self, expr: &Expr, (low, high): (i128, i128)) -> Checked<Ex> {
        let (ex, ty) = self.any(expr)?;
        match (&ex, ty) {
            (Ex::Int(value), Ty::Int) if !(low..=high).contains(value) => {
                wrong(expr.pos, format!("{value} is not between {low} and {high}"))
            }
            (_, Ty::Int) => Ok(Ex::Cast(Box::new(ex), low, high)),
            (_, Ty::Bool) if (low, high) == (0, 1) => Ok(ex),
            (_, ty) => wrong(expr.pos, format!("expected a number, found {}", ty.name())),
        }
    }

    fn empty(&self, arg: &Expr) -> Checked<Ex> {
        match &arg.kind {
            ExprKind::Unit => return Ok(Ex::Bool(true)),
            ExprKind::List(items) => return Ok(Ex::Bool(items.is_empty())),
            ExprKind::Field(..) => {
                if let Spot::At {
                    ty: FieldType::Bytes(_) | FieldType::Sequence(..),
                    item: None,
                    at,
                } = self.spot(arg)?
                {
                    return Ok(Ex::IsEmpty(at));
                }
            }
            _ => {}
        }
        Ok(Ex::IsEmptyText(Box::new(self.of(arg, &Ty::Text)?)))
    }

    /// Compiles a statement about each item of a sequence.
    fn every(&self, call: &Call) -> Checked<Every> {
        let arg = &*call.arg;
        let (items, field, test) = match call.method.text.as_str() {
            "equals" => {
                let [items, field, value] = args(arg, ["items", "field", "value"])?;
                (items, field, EveryTest::Among(vec![self.of(value, &Ty::Int)?]))
            }
            "among" => {
                let [items, field, values] = args(arg, ["items", "field", "values"])?;
                let values = list(values)?.iter().map(|value| self.of(value, &Ty::Int));
                (items, field, EveryTest::Among(values.collect::<Checked<_>>()?))
            }
            "clear" => {
                let [items, field, mask] = args(arg, ["items", "field", "mask"])?;
                (items, field, EveryTest::Clear(self.of(mask, &Ty::Int)?))
            }
            other => {
                let message = format!("the model Each has no expression `{other}`: `equals`, `among` and `clear`");
                return wrong(call.method.pos, message);
            }
        };
        let Spot::At {
            ty: FieldType::Sequence(item, _),
            item: None,
            at: desc,
        } = self.spot(items)?
        else {
            return wrong(items.pos, "expected a sequence of the message");
        };
        let ExprKind::Text(field_name) = &field.kind else {
            return wrong(field.pos, "expected the name of the items' field, as a text");
        };
        let FieldType::Struct { fields, name: of, .. } = item else {
            return wrong(items.pos, "the items have no fields");
        };
        let name = Name {
            text: field_name.clone(),
            pos: field.pos,
        };
        let found = find(fields, &name, of)?;
        let FieldType::Int { bytes, is_signed } = found.ty else {
            return wrong(field.pos, format!("`{field_name}` is no number"));
        };
        let slot = Slot {
            item: None,
            at: found.at,
            bytes,
            is_signed,
        };
        let stride = item.layout().0;
        Ok(Every {
            desc,
            stride,
            slot,
            test,
        })
    }
}

fn find(fields: &'static [Field], name: &Name, of: &str) -> Checked<&'static Field> {
    match fields.iter().find(|field| field.name == name.text) {
        Some(field) => Ok(field),
        None => {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            wrong(name.pos, format!("{of} has no field `{}`; it has {known}", name.text))
        }
    }
}
