// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy, compiled: for each kind of message a short list of rules, found in a table.
//!
//! The key of the table is event, sender's class, receiver's class, interface and method. A binding
//! that names no sender or no receiver stands under the class 0, so a message looks in four places
//! at the most, however many domains there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::AtomicBool;

use kos_bindings::nk::Interface;
use rustc_hash::FxHashMap;

use crate::ast::{Event, TestSet};
use crate::error::{Place, Pos, Source, place, text};
use crate::world::World;

/// A class's number; also the security id of its process, since a class has one process.
pub(crate) type ClassId = u16;

/// A security identifier: a process, and its class. Process 0 is whatever of the class is no process: a server in the
/// trusted process, or, in a test, who was not started by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sid {
    pub(crate) class: ClassId,
    pub(crate) process: u64,
}

/// The class that stands for any.
pub(crate) const ANY: ClassId = 0;

/// A compiled policy.
pub struct Program {
    pub(crate) sources: Vec<Source>,
    pub(crate) world: World,
    pub(crate) classes: FxHashMap<Box<str>, ClassId>,
    pub(crate) class_names: Vec<Box<str>>,
    pub(crate) tables: FxHashMap<u64, Box<[Node]>>,
    /// Which objects with a configuration the rules of an entry use, for comparisons.
    pub(crate) used: BTreeMap<u64, BTreeSet<u16>>,
    /// Whether there are entries with any sender and any receiver, any sender, any receiver.
    pub(crate) has_any: [bool; 3],
    pub(crate) rules: Vec<RuleInfo>,
    pub(crate) objects: Vec<ObjectDef>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) level: u64,
    pub(crate) tests: Vec<TestSet>,
}

/// A rule as it stands in the text.
#[derive(Debug)]
pub(crate) struct RuleInfo {
    pub(crate) pos: Pos,
    pub(crate) end: u32,
    pub(crate) text: String,
    pub(crate) is_used: AtomicBool,
}

/// A rule of a policy, for those who review it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// Its text.
    pub text: String,
    /// The bytes that it takes in its file.
    pub span: std::ops::Range<usize>,
    /// Whether a message was judged by it since the policy was loaded.
    pub is_used: bool,
}

/// A step of a decision.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Rule {
        rule: u32,
        profile: u16,
        object: u16,
        call: RuleCall,
    },
    Choice {
        pos: Pos,
        /// Behind the value, in the text.
        end: u32,
        value: Ex,
        arms: Vec<(Ex, Vec<Node>)>,
        otherwise: Option<Vec<Node>>,
    },
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(crate) enum RuleCall {
    Grant,
    Assert(Ex),
    Deny(Ex),
    SetLevel(Ex),
    Init(Ex),
    Fini(Ex),
    FlowEnter(Ex, u16),
    FlowAllow(Ex, Vec<u16>),
    SetAdd(Ex, Ex),
    SetRemove(Ex, Ex),
    MapSet(Ex, u16, Ex),
    MapCommit(Ex),
    MapRollback(Ex),
    Mic(Mic),
}

/// The rules of the model Mic. `container` may be the unit.
#[derive(Clone, Debug)]
pub(crate) enum Mic {
    Create {
        source: Ex,
        target: Ex,
        container: Ex,
        driver: Ex,
        level: Level,
    },
    Delete {
        source: Ex,
        target: Ex,
        container: Ex,
        driver: Ex,
    },
    Upgrade {
        source: Ex,
        target: Ex,
        container: Ex,
        driver: Ex,
        level: Level,
    },
    Execute {
        target: Ex,
        level: Level,
        read: Option<Level>,
    },
    /// `call` and `read` alike.
    Call { source: Ex, target: Ex },
    /// `invoke` and `write` alike.
    Invoke { source: Ex, target: Ex },
}

/// An integrity level: a degree, and a set of categories as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) degree: u16,
    pub(crate) categories: u64,
}

impl Level {
    /// Whether this level does not exceed the other. Levels may be incomparable.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.degree <= other.degree && self.categories & !other.categories == 0
    }
}

/// Where a number lies: in the constant part, or in an item of a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The sequence's descriptor, the item, and the bytes of an item.
    pub(crate) item: Option<(usize, usize, usize)>,
    /// Offset in the constant part or in the item.
    pub(crate) at: usize,
    pub(crate) bytes: usize,
    pub(crate) is_signed: bool,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) enum Ex {
    Unit,
    Int(i128),
    Bool(bool),
    Text(Box<str>),
    Src,
    Dst,
    Load(Slot),
    LoadText(usize),
    /// The rights of the handle descriptor that lies here.
    Rights(usize),
    /// Whether the text or sequence of this descriptor is empty.
    IsEmpty(usize),
    IsEmptyText(Box<Ex>),
    Not(Box<Ex>),
    Neg(Box<Ex>),
    Abs(Box<Ex>),
    And(Box<Ex>, Box<Ex>),
    Or(Box<Ex>, Box<Ex>),
    Compare(Compare, Box<Ex>, Box<Ex>),
    Math(Math, Box<Ex>, Box<Ex>),
    Fold(Math, Vec<Ex>),
    All(Vec<Ex>),
    Any(Vec<Ex>),
    Cond(Box<[Ex; 3]>),
    /// The value must lie in this range.
    Cast(Box<Ex>, i128, i128),
    Every(Box<Every>),
    FlowQuery(u16, Box<Ex>),
    Contains(u16, Box<Ex>, Box<Ex>),
    MapGet {
        object: u16,
        sid: Box<Ex>,
        key: u16,
        is_working: bool,
    },
    QueryLevel(u16, Box<Ex>),
}

/// A comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// An operation on numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Math {
    Add,
    Sub,
    Mul,
    Or,
    And,
}

/// A statement about every item of a sequence: the model Each.
#[derive(Clone, Debug)]
pub(crate) struct Every {
    /// The sequence's descriptor, and the bytes of an item.
    pub(crate) desc: usize,
    pub(crate) stride: usize,
    /// The number in the item.
    pub(crate) slot: Slot,
    pub(crate) test: EveryTest,
}

#[derive(Clone, Debug)]
pub(crate) enum EveryTest {
    Among(Vec<Ex>),
    Clear(Ex),
}

/// An object and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectDef {
    pub(crate) name: String,
    pub(crate) model: Model,
}

/// A model and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Base,
    Aux(&'static str),
    Each,
    Flow {
        states: Vec<String>,
        initial: u16,
        transitions: Vec<Vec<u16>>,
    },
    HashSet {
        range: (i128, i128),
        set_size: usize,
        pool_size: usize,
    },
    StaticMap {
        range: (i128, i128),
        keys: Vec<(String, i128)>,
        pool_size: usize,
    },
    Mic {
        degrees: Vec<String>,
        categories: Vec<String>,
    },
}

impl Model {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Base => "Base",
            Self::Aux(name) => name,
            Self::Each => "Each",
            Self::Flow { .. } => "Flow",
            Self::HashSet { .. } => "HashSet",
            Self::StaticMap { .. } => "StaticMap",
            Self::Mic { .. } => "Mic",
        }
    }
}

/// An audit profile: what is recorded at each level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) levels: Vec<(u64, Vec<(u16, Audit)>)>,
}

/// Which results of an object's methods are recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit {
    pub(crate) granted: bool,
    pub(crate) denied: bool,
    pub(crate) omit: Vec<u16>,
}

impl Profile {
    pub(crate) fn of(&self, level: u64, object: u16) -> Option<&Audit> {
        let (_, objects) = self.levels.iter().find(|(known, _)| *known == level)?;
        objects
            .iter()
            .find(|(known, _)| *known == object)
            .map(|(_, audit)| audit)
    }
}

/// Methods beyond this number have no key; no interface comes near.
pub(crate) const MAX_MID: u16 = 1 << 12;

/// The key of a table.
pub(crate) fn key(event: Event, src: ClassId, dst: ClassId, riid: u16, mid: u16) -> u64 {
    let event = match event {
        Event::Execute => 0,
        Event::Request => 1,
        Event::Response => 2,
        Event::Error => 3,
        Event::Security => 4,
    };
    let [src, dst, riid, mid] = [src, dst, riid, mid].map(u64::from);
    event << 60 | mid << 48 | riid << 32 | src << 16 | dst
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("classes", &self.class_names)
            .field("entries", &self.tables.len())
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl Program {
    /// The number of a class.
    pub(crate) fn class(&self, name: &str) -> Option<ClassId> {
        self.classes.get(name).copied()
    }

    /// Where something stands.
    pub(crate) fn place(&self, pos: Pos) -> Place {
        place(&self.sources, pos)
    }

    /// What stands there, on one line.
    pub(crate) fn text(&self, pos: Pos, end: u32) -> String {
        text(&self.sources, pos, end)
    }

    pub(crate) fn interface(&self, riid: u16) -> Option<&'static Interface> {
        self.world.interfaces.iter().find(|known| known.riid == riid).copied()
    }

    /// The rules, in the order of the text.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let rule = |info: &RuleInfo| Rule {
            place: self.place(info.pos),
            text: info.text.clone(),
            span: info.pos.at as usize..info.end as usize,
            is_used: info.is_used.load(std::sync::atomic::Ordering::Relaxed),
        };
        self.rules.iter().map(rule).collect()
    }

    /// The classes that it knows.
    pub fn class_names(&self) -> impl Iterator<Item = &str> {
        self.class_names.iter().skip(1).map(|name| &**name)
    }

    /// How many kinds of messages have rules.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.tables.len()
    }
}
