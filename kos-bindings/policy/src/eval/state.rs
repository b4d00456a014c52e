// SPDX-License-Identifier: MIT OR Apache-2.0
//! Security contexts: what the models keep of each resource, and taking changes back.
//!
//! A decision is a transaction: the changes of its rules hold if every rule grants, and none of
//! them does otherwise.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::program::{Level, Model, ObjectDef, Program, Sid};

/// What an object keeps of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// The state.
    Flow(u16),
    /// The values.
    Set(BTreeSet<i128>),
    /// The base instance and the working instance.
    Map(Vec<i128>, Vec<i128>),
    /// The level, and the least level that it may receive from.
    Mic(Level, Level),
}

/// All contexts: of each object, of each resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: Vec<FxHashMap<Sid, Context>>,
    pub(crate) level: u64,
}

impl State {
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            objects: vec![FxHashMap::default(); program.objects.len()],
            level: program.level,
        }
    }

    /// Takes the contexts over into another program, whose objects and classes have other numbers.
    ///
    /// # Errors
    ///
    /// What of them has no place there.
    pub(crate) fn moved(&self, from: &Program, to: &Program) -> Result<Self, String> {
        let mut moved = Self::new(to);
        // The level of the audit stays as it was set, unless the new policy has another default.
        if from.level == to.level {
            moved.level = self.level;
        }
        for (object, contexts) in from.objects.iter().zip(&self.objects) {
            if contexts.is_empty() {
                continue;
            }
            let place = to.objects.iter().position(|known: &ObjectDef| known == object);
            let Some(slot) = place.and_then(|at| moved.objects.get_mut(at)) else {
                return Err(format!(
                    "the object `{}` keeps contexts of {} processes, and is absent or different in the new policy",
                    object.name,
                    contexts.len()
                ));
            };
            for (sid, context) in contexts {
                let name = from.class_names.get(usize::from(sid.class)).map_or("", |name| name);
                let Some(class) = to.class(name) else {
                    return Err(format!(
                        "the object `{}` keeps a context of the class `{name}`, which the new policy lacks",
                        object.name
                    ));
                };
                slot.insert(Sid { class, ..*sid }, context.clone());
            }
        }
        Ok(moved)
    }
}

/// What a change was before.
enum Undo {
    Context(u16, Sid, Option<Context>),
    Level(u64),
}

/// One decision's view of the contexts. It locks them when it first needs them: most decisions
/// never do.
pub(crate) struct Txn<'s> {
    state: &'s Mutex<State>,
    guard: Option<MutexGuard<'s, State>>,
    undo: Vec<Undo>,
}

/// Why an expression or rule has no result.
pub(crate) type Fault = &'static str;

impl<'s> Txn<'s> {
    pub(crate) fn new(state: &'s Mutex<State>) -> Self {
        Self {
            state,
            guard: None,
            undo: Vec::new(),
        }
    }

    fn state(&mut self) -> &mut State {
        let mutex = self.state;
        self.guard
            .get_or_insert_with(|| mutex.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn level(&mut self) -> u64 {
        self.state().level
    }

    pub(crate) fn set_level(&mut self, level: u64) {
        let before = std::mem::replace(&mut self.state().level, level);
        self.undo.push(Undo::Level(before));
    }

    pub(crate) fn get(&mut self, object: u16, sid: Sid) -> Option<&Context> {
        self.state().objects.get(usize::from(object))?.get(&sid)
    }

    /// Sets or drops a context.
    pub(crate) fn put(&mut self, object: u16, sid: Sid, context: Option<Context>) {
        let Some(contexts) = self.state().objects.get_mut(usize::from(object)) else {
            return;
        };
        let before = match context {
            Some(context) => contexts.insert(sid, context),
            None => contexts.remove(&sid),
        };
        self.undo.push(Undo::Context(object, sid, before));
    }

    /// Resources that an object keeps something of.
    pub(crate) fn count(&mut self, object: u16) -> usize {
        self.state().objects.get(usize::from(object)).map_or(0, FxHashMap::len)
    }

    /// Drops every context of a process: it has ended, or is about to begin.
    pub(crate) fn forget(&mut self, sid: Sid) {
        let objects = self.state().objects.len();
        for object in 0..objects {
            let object = u16::try_from(object).unwrap_or(u16::MAX);
            if self.get(object, sid).is_some() {
                self.put(object, sid, None);
            }
        }
    }

    /// Takes all changes back.
    pub(crate) fn roll_back(mut self) {
        let undo = std::mem::take(&mut self.undo);
        if undo.is_empty() {
            return;
        }
        let state = self.state();
        for step in undo.into_iter().rev() {
            match step {
                Undo::Level(level) => state.level = level,
                Undo::Context(object, sid, context) => {
                    let Some(contexts) = state.objects.get_mut(usize::from(object)) else {
                        continue;
                    };
                    match context {
                        Some(context) => drop(contexts.insert(sid, context)),
                        None => drop(contexts.remove(&sid)),
                    }
                }
            }
        }
    }
}

/// The context that a resource begins with.
pub(crate) fn initial(model: &Model) -> Option<Context> {
    match model {
        Model::Flow { initial, .. } => Some(Context::Flow(*initial)),
        Model::HashSet { .. } => Some(Context::Set(BTreeSet::new())),
        Model::StaticMap { keys, .. } => {
            let values: Vec<_> = keys.iter().map(|(_, value)| *value).collect();
            Some(Context::Map(values.clone(), values))
        }
        _ => None,
    }
}
