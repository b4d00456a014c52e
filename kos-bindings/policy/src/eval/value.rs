// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values of expressions.
//!
//! A message was validated before; still nothing here trusts an offset in it.

use kos_bindings::nk::{Desc, HandleDesc, Parts, Wire};

use super::state::{Context, Fault, Txn};
use crate::program::{Compare, Every, EveryTest, Ex, Math, Model, Program, Sid, Slot};

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'m> {
    Unit,
    Int(i128),
    Bool(bool),
    Text(&'m str),
    Sid(Sid),
}

/// What an event is, to those who evaluate.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'m> {
    pub(crate) program: &'m Program,
    pub(crate) src: Sid,
    pub(crate) dst: Sid,
    pub(crate) message: Parts<'m>,
}

const SHORT: Fault = "the message is shorter than its interface says";
const OVERFLOW: Fault = "a number is out of range";
const TYPE: Fault = "a value is of another type than declared";

/// Reads a little-endian number.
fn number(bytes: &[u8], at: usize, slot: &Slot) -> Result<i128, Fault> {
    let bytes = bytes.get(at..).and_then(|rest| rest.get(..slot.bytes)).ok_or(SHORT)?;
    let mut raw = 0_u64;
    for byte in bytes.iter().rev() {
        raw = raw << 8 | u64::from(*byte);
    }
    if slot.is_signed {
        let unused = 64 - 8 * u32::try_from(slot.bytes.min(8)).unwrap_or(8);
        // The sign moves to the top bit and back.
        return Ok(i128::from(raw.wrapping_shl(unused).cast_signed() >> unused));
    }
    Ok(i128::from(raw))
}

impl<'m> Subject<'m> {
    /// The part of the arena that a descriptor names.
    fn segment(&self, desc: usize) -> Result<&'m [u8], Fault> {
        let desc = Desc::get(self.message.constant, desc).map_err(|_| SHORT)?;
        let (offset, size) = (desc.offset as usize, desc.size as usize);
        if size == 0 {
            return Ok(&[]);
        }
        let rest = self.message.arena.get(offset..).ok_or(SHORT)?;
        rest.get(..size).ok_or(SHORT)
    }

    fn load(&self, slot: &Slot) -> Result<i128, Fault> {
        match slot.item {
            None => number(self.message.constant, slot.at, slot),
            Some((desc, index, stride)) => {
                let start = index.checked_mul(stride).ok_or(SHORT)?;
                let item = self.segment(desc)?.get(start..).and_then(|rest| rest.get(..stride));
                number(item.ok_or("there is no such item")?, slot.at, slot)
            }
        }
    }

    fn text(&self, desc: usize) -> Result<&'m str, Fault> {
        let bytes = self.segment(desc)?;
        let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")
    }

    /// Evaluates an expression.
    pub(crate) fn value(&self, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<Value<'m>, Fault> {
        Ok(match ex {
            Ex::Unit => Value::Unit,
            Ex::Int(value) => Value::Int(*value),
            Ex::Bool(value) => Value::Bool(*value),
            Ex::Text(text) => Value::Text(text),
            Ex::Src => Value::Sid(self.src),
            Ex::Dst => Value::Sid(self.dst),
            Ex::Load(slot) => Value::Int(self.load(slot)?),
            Ex::LoadText(desc) => Value::Text(self.text(*desc)?),
            Ex::Rights(at) => {
                let desc = HandleDesc::get(self.message.constant, *at).map_err(|_| SHORT)?;
                Value::Int(desc.rights.into())
            }
            Ex::IsEmpty(desc) => Value::Bool(self.segment(*desc)?.is_empty()),
            Ex::IsEmptyText(inner) => match self.value(inner, txn)? {
                Value::Text(text) => Value::Bool(text.is_empty()),
                _ => return Err(TYPE),
            },
            Ex::Not(inner) => Value::Bool(!self.bool(inner, txn)?),
            Ex::Neg(inner) => Value::Int(-self.int(inner, txn)?),
            Ex::Abs(inner) => Value::Int(self.int(inner, txn)?.abs()),
            Ex::And(a, b) => Value::Bool(self.bool(a, txn)? && self.bool(b, txn)?),
            Ex::Or(a, b) => Value::Bool(self.bool(a, txn)? || self.bool(b, txn)?),
            Ex::Compare(op, a, b) => Value::Bool(self.compare(*op, a, b, txn)?),
            Ex::Math(op, a, b) => Value::Int(math(*op, self.int(a, txn)?, self.int(b, txn)?)?),
            Ex::Fold(op, items) => {
                let mut all = i128::from(matches!(op, Math::Mul));
                for item in items {
                    all = math(*op, all, self.int(item, txn)?)?;
                }
                Value::Int(all)
            }
            Ex::All(items) => {
                let mut all = true;
                for item in items {
                    all &= self.bool(item, txn)?;
                }
                Value::Bool(all)
            }
            Ex::Any(items) => {
                let mut any = false;
                for item in items {
                    any |= self.bool(item, txn)?;
                }
                Value::Bool(any)
            }
            Ex::Cond(parts) => {
                let [test, yes, no] = &**parts;
                let chosen = if self.bool(test, txn)? { yes } else { no };
                self.value(chosen, txn)?
            }
            Ex::Cast(inner, low, high) => match self.value(inner, txn)? {
                Value::Int(value) if (*low..=*high).contains(&value) => Value::Int(value),
                _ => return Err(OVERFLOW),
            },
            Ex::Every(every) => Value::Bool(self.every(every, txn)?),
            Ex::FlowQuery(object, sid) => {
                let sid = self.sid(sid, txn)?;
                let state = match txn.get(*object, sid) {
                    Some(Context::Flow(state)) => *state,
                    _ => return Err("the process has no finite-state machine of this object"),
                };
                match self.model(*object) {
                    Some(Model::Flow { states, .. }) => Value::Text(states.get(usize::from(state)).ok_or(TYPE)?),
                    _ => return Err(TYPE),
                }
            }
            Ex::Contains(object, sid, entry) => {
                let (sid, entry) = (self.sid(sid, txn)?, self.entry(entry, txn)?);
                match txn.get(*object, sid) {
                    Some(Context::Set(values)) => Value::Bool(values.contains(&entry)),
                    _ => return Err("the process has no table of this object"),
                }
            }
            Ex::MapGet {
                object,
                sid,
                key,
                is_working,
            } => {
                let sid = self.sid(sid, txn)?;
                match txn.get(*object, sid) {
                    Some(Context::Map(base, working)) => {
                        let values = if *is_working { working } else { base };
                        Value::Int(*values.get(usize::from(*key)).ok_or(TYPE)?)
                    }
                    _ => return Err("the process has no table of this object"),
                }
            }
            Ex::QueryLevel(object, source) => {
                let sid = self.sid(source, txn)?;
                let level = match txn.get(*object, sid) {
                    Some(Context::Mic(level, _)) => *level,
                    _ => return Err("the process has no integrity level of this object"),
                };
                match self.model(*object) {
                    Some(Model::Mic { degrees, .. }) => {
                        Value::Text(degrees.get(usize::from(level.degree)).ok_or(TYPE)?)
                    }
                    _ => return Err(TYPE),
                }
            }
        })
    }

    pub(crate) fn model(&self, object: u16) -> Option<&'m Model> {
        self.program
            .objects
            .get(usize::from(object))
            .map(|object| &object.model)
    }

    fn compare(&self, op: Compare, a: &'m Ex, b: &'m Ex, txn: &mut Txn<'_>) -> Result<bool, Fault> {
        let (a, b) = (self.value(a, txn)?, self.value(b, txn)?);
        Ok(match (op, a, b) {
            (Compare::Eq, a, b) => a == b,
            (Compare::Ne, a, b) => a != b,
            (Compare::Lt, Value::Int(a), Value::Int(b)) => a < b,
            (Compare::Le, Value::Int(a), Value::Int(b)) => a <= b,
            (Compare::Gt, Value::Int(a), Value::Int(b)) => a > b,
            (Compare::Ge, Value::Int(a), Value::Int(b)) => a >= b,
            _ => return Err(TYPE),
        })
    }

    fn every(&self, every: &'m Every, txn: &mut Txn<'_>) -> Result<bool, Fault> {
        let bytes = self.segment(every.desc)?;
        for item in bytes.chunks(every.stride.max(1)) {
            let value = number(item, every.slot.at, &every.slot)?;
            let holds = match &every.test {
                EveryTest::Clear(mask) => value & self.int(mask, txn)? == 0,
                EveryTest::Among(values) => {
                    let mut is_among = false;
                    for known in values {
                        is_among |= self.int(known, txn)? == value;
                    }
                    is_among
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn bool(&self, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<bool, Fault> {
        match self.value(ex, txn)? {
            Value::Bool(value) => Ok(value),
            _ => Err(TYPE),
        }
    }

    pub(crate) fn int(&self, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<i128, Fault> {
        match self.value(ex, txn)? {
            Value::Int(value) => Ok(value),
            _ => Err(TYPE),
        }
    }

    /// A value that a table keeps.
    pub(crate) fn entry(&self, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<i128, Fault> {
        match self.value(ex, txn)? {
            Value::Int(value) => Ok(value),
            Value::Bool(value) => Ok(value.into()),
            _ => Err(TYPE),
        }
    }

    pub(crate) fn sid(&self, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<Sid, Fault> {
        match self.value(ex, txn)? {
            Value::Sid(sid) => Ok(sid),
            _ => Err(TYPE),
        }
    }
}

/// Numbers have 64 bits; a result that has more is an error, and so a denial.
fn math(op: Math, a: i128, b: i128) -> Result<i128, Fault> {
    let result = match op {
        Math::Add => a.checked_add(b),
        Math::Sub => a.checked_sub(b),
        Math::Mul => a.checked_mul(b),
        Math::Or => Some(a | b),
        Math::And => Some(a & b),
    };
    let fits = |value: &i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value);
    result.filter(fits).ok_or(OVERFLOW)
}
