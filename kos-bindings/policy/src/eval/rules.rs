// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each model's rules do.

use super::state::{Context, Fault, Txn, initial};
use super::value::{Subject, Value};
use crate::program::{Ex, Level, Mic, Model, RuleCall, Sid};

/// Whether a rule grants; an error is a denial too.
type Granted = Result<(), Fault>;

fn if_so(holds: bool, otherwise: Fault) -> Granted {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl<'m> Subject<'m> {
    /// Asks one rule.
    pub(crate) fn rule(&self, object: u16, call: &'m RuleCall, txn: &mut Txn<'_>) -> Granted {
        match call {
            RuleCall::Grant => Ok(()),
            RuleCall::Assert(condition) => if_so(self.bool(condition, txn)?, "the condition does not hold"),
            RuleCall::Deny(condition) => if_so(!self.bool(condition, txn)?, "the rule denies it"),
            RuleCall::SetLevel(level) => {
                let level = self.int(level, txn)?;
                txn.set_level(u64::try_from(level).map_err(|_| "the level is negative")?);
                Ok(())
            }
            RuleCall::Init(sid) => {
                let sid = self.sid(sid, txn)?;
                self.init(object, sid, txn)
            }
            RuleCall::Fini(sid) => {
                let sid = self.sid(sid, txn)?;
                if_so(txn.get(object, sid).is_some(), NO_CONTEXT)?;
                txn.put(object, sid, None);
                Ok(())
            }
            RuleCall::FlowEnter(sid, state) => {
                let sid = self.sid(sid, txn)?;
                let Some(Context::Flow(from)) = txn.get(object, sid).cloned() else {
                    return Err(NO_CONTEXT);
                };
                let Some(Model::Flow { transitions, .. }) = self.model(object) else {
                    return Err(NO_CONTEXT);
                };
                let allowed = transitions.get(usize::from(from)).is_some_and(|to| to.contains(state));
                if_so(allowed, "there is no transition to that state from the present one")?;
                txn.put(object, sid, Some(Context::Flow(*state)));
                Ok(())
            }
            RuleCall::FlowAllow(sid, states) => {
                let sid = self.sid(sid, txn)?;
                match txn.get(object, sid) {
                    Some(Context::Flow(state)) => if_so(states.contains(state), "the state is another one"),
                    _ => Err(NO_CONTEXT),
                }
            }
            RuleCall::SetAdd(sid, entry) => self.change_set(object, sid, entry, true, txn),
            RuleCall::SetRemove(sid, entry) => self.change_set(object, sid, entry, false, txn),
            RuleCall::MapSet(sid, key, value) => {
                let value = self.int(value, txn)?;
                self.change_map(object, sid, txn, |_, working| {
                    if let Some(slot) = working.get_mut(usize::from(*key)) {
                        *slot = value;
                    }
                })
            }
            RuleCall::MapCommit(sid) => self.change_map(object, sid, txn, |base, working| base.clone_from(working)),
            RuleCall::MapRollback(sid) => self.change_map(object, sid, txn, |base, working| working.clone_from(base)),
            RuleCall::Mic(rule) => self.mic(object, rule, txn),
        }
    }

    fn init(&self, object: u16, sid: Sid, txn: &mut Txn<'_>) -> Granted {
        if_so(
            txn.get(object, sid).is_none(),
            "the process is associated with this object already",
        )?;
        let model = self.model(object).ok_or(NO_CONTEXT)?;
        if let Model::HashSet { pool_size, .. } | Model::StaticMap { pool_size, .. } = model {
            if_so(txn.count(object) < *pool_size, "the pool has no free table")?;
        }
        txn.put(object, sid, Some(initial(model).ok_or(NO_CONTEXT)?));
        Ok(())
    }

    fn change_set(&self, object: u16, sid: &'m Ex, entry: &'m Ex, adds: bool, txn: &mut Txn<'_>) -> Granted {
        let (sid, entry) = (self.sid(sid, txn)?, self.entry(entry, txn)?);
        let Some(Context::Set(mut values)) = txn.get(object, sid).cloned() else {
            return Err(NO_CONTEXT);
        };
        if adds {
            let Some(Model::HashSet { set_size, .. }) = self.model(object) else {
                return Err(NO_CONTEXT);
            };
            if values.contains(&entry) {
                return Ok(());
            }
            if_so(values.len() < *set_size, "the table is full")?;
            values.insert(entry);
        } else {
            values.remove(&entry);
        }
        txn.put(object, sid, Some(Context::Set(values)));
        Ok(())
    }

    fn change_map(
        &self,
        object: u16,
        sid: &'m Ex,
        txn: &mut Txn<'_>,
        change: impl FnOnce(&mut Vec<i128>, &mut Vec<i128>),
    ) -> Granted {
        let sid = self.sid(sid, txn)?;
        let Some(Context::Map(mut base, mut working)) = txn.get(object, sid).cloned() else {
            return Err(NO_CONTEXT);
        };
        change(&mut base, &mut working);
        txn.put(object, sid, Some(Context::Map(base, working)));
        Ok(())
    }

    /// The level of a resource, and the least level that it may receive from.
    fn levels(&self, object: u16, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<(Level, Level), Fault> {
        let sid = self.sid(ex, txn)?;
        match txn.get(object, sid) {
            Some(Context::Mic(level, read)) => Ok((*level, *read)),
            _ => Err("it has no integrity level of this object"),
        }
    }

    /// The level of a container; none if it is the unit.
    fn container(&self, object: u16, ex: &'m Ex, txn: &mut Txn<'_>) -> Result<Option<Level>, Fault> {
        match self.value(ex, txn)? {
            Value::Unit => Ok(None),
            _ => Ok(Some(self.levels(object, ex, txn)?.0)),
        }
    }

    fn mic(&self, object: u16, rule: &'m Mic, txn: &mut Txn<'_>) -> Granted {
        match rule {
            Mic::Execute { target, level, read } => {
                let target = self.sid(target, txn)?;
                txn.put(object, target, Some(Context::Mic(*level, read.unwrap_or(*level))));
                Ok(())
            }
            Mic::Create {
                source,
                target,
                container,
                driver,
                level,
            } => {
                let bounds = [
                    Some(self.levels(object, source, txn)?.0),
                    Some(self.levels(object, driver, txn)?.0),
                    self.container(object, container, txn)?,
                ];
                let fits = bounds.into_iter().flatten().all(|bound| level.is_within(bound));
                if_so(fits, "the level is not within those of source, driver and container")?;
                let target = self.sid(target, txn)?;
                txn.put(object, target, Some(Context::Mic(*level, *level)));
                Ok(())
            }
            Mic::Upgrade {
                source,
                target,
                container,
                driver,
                level,
            } => {
                let source = self.levels(object, source, txn)?.0;
                let bounds = [
                    Some(source),
                    Some(self.levels(object, driver, txn)?.0),
                    self.container(object, container, txn)?,
                ];
                let old = self.levels(object, target, txn)?.0;
                if_so(
                    old.is_within(*level) && old != *level,
                    "the level does not exceed the present one",
                )?;
                let fits = bounds.into_iter().flatten().all(|bound| level.is_within(bound));
                if_so(fits, "the level exceeds that of source, driver or container")?;
                if_so(old.is_within(source), "the present level exceeds that of the source")?;
                let target = self.sid(target, txn)?;
                txn.put(object, target, Some(Context::Mic(*level, *level)));
                Ok(())
            }
            Mic::Delete {
                source,
                target,
                container,
                driver,
            } => {
                let old = self.levels(object, target, txn)?.0;
                let bounds = [self.levels(object, source, txn)?.0, self.levels(object, driver, txn)?.0];
                // It must have a level, if there is one.
                self.container(object, container, txn)?;
                let fits = bounds.into_iter().all(|bound| old.is_within(bound));
                if_so(fits, "the level is not within those of source and driver")?;
                let target = self.sid(target, txn)?;
                txn.put(object, target, None);
                Ok(())
            }
            Mic::Call { source, target } => {
                let (level, read) = self.levels(object, source, txn)?;
                let target = self.levels(object, target, txn)?.0;
                let may = level.is_within(target) || read.is_within(target);
                if_so(may, "data would flow from lower integrity")
            }
            Mic::Invoke { source, target } => {
                let source = self.levels(object, source, txn)?.0;
                let target = self.levels(object, target, txn)?.0;
                if_so(target.is_within(source), "data would flow to higher integrity")
            }
        }
    }
}

const NO_CONTEXT: Fault = "the process is not associated with this object";
