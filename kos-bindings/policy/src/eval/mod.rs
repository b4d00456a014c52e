// SPDX-License-Identifier: MIT OR Apache-2.0
//! The decision on one event.
//!
//! All rules that cover the event are asked, those that name neither sender nor receiver first,
//! those that name both last, each group in the order of the text. The first denial, or the first
//! error, ends it; no rule at all is a denial too.

mod rules;
mod state;
mod value;

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use kos_bindings::nk::Parts;

use crate::ast::Event;
use crate::error::Pos;
use crate::program::{ANY, Node, Program, Sid, key};
pub(crate) use state::{Fault, State, Txn};
use value::Subject;

/// An event, in numbers.
#[derive(Clone, Copy)]
pub(crate) struct Happening<'m> {
    pub(crate) event: Event,
    pub(crate) src: Sid,
    pub(crate) dst: Sid,
    pub(crate) riid: u16,
    pub(crate) mid: u16,
    pub(crate) message: Parts<'m>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decider {
    /// No rule covers the event.
    NoRule,
    /// A `choice` without an option for its value, or whose value cannot be had.
    Choice(Pos),
    /// This rule.
    Rule(u32),
}

/// A decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) granted: bool,
    pub(crate) by: Decider,
    pub(crate) reason: Option<Fault>,
    /// Whether an audit profile wants it recorded.
    pub(crate) is_audited: bool,
}

/// A decision on its way.
struct Run<'m, 't, 's> {
    subject: Subject<'m>,
    txn: &'t mut Txn<'s>,
    last: Option<u32>,
    is_audited: bool,
}

/// Why a run ends before its end.
type Refusal = (Decider, Fault);

impl<'m> Run<'m, '_, '_> {
    fn nodes(&mut self, nodes: &'m [Node]) -> Result<(), Refusal> {
        for node in nodes {
            match node {
                Node::Rule {
                    rule,
                    profile,
                    object,
                    call,
                } => {
                    self.last = Some(*rule);
                    if let Some(info) = self.subject.program.rules.get(*rule as usize)
                        && !info.is_used.load(Relaxed)
                    {
                        info.is_used.store(true, Relaxed);
                    }
                    let result = self.subject.rule(*object, call, self.txn);
                    if *profile != 0 {
                        self.audit(*profile, *object, result.is_ok());
                    }
                    result.map_err(|fault| (Decider::Rule(*rule), fault))?;
                }
                Node::Choice {
                    pos,
                    value,
                    arms,
                    otherwise,
                    ..
                } => {
                    let stuck = |fault| (Decider::Choice(*pos), fault);
                    let value = self.subject.value(value, self.txn).map_err(stuck)?;
                    let mut chosen = otherwise.as_ref();
                    for (option, nodes) in arms {
                        if self.subject.value(option, self.txn).map_err(stuck)? == value {
                            chosen = Some(nodes);
                            break;
                        }
                    }
                    let nodes = chosen.ok_or("no option of the choice fits");
                    self.nodes(nodes.map_err(stuck)?)?;
                }
            }
        }
        Ok(())
    }

    /// Notes whether a rule's result is to be recorded.
    fn audit(&mut self, profile: u16, object: u16, granted: bool) {
        let profile = self.subject.program.profiles.get(usize::from(profile));
        // A profile of one level that records denials only, which is the common one, needs no look
        // at the contexts.
        let Some(profile) = profile else { return };
        let may = |(_, objects): &(u64, Vec<(u16, crate::program::Audit)>)| {
            let mut objects = objects.iter().filter(|(known, _)| *known == object);
            objects.any(|(_, audit)| if granted { audit.granted } else { audit.denied })
        };
        if !profile.levels.iter().any(may) {
            return;
        }
        let level = self.txn.level();
        let Some(audit) = profile.of(level, object) else {
            return;
        };
        if !(if granted { audit.granted } else { audit.denied }) {
            return;
        }
        let state = |sid| match self.txn.get(object, sid) {
            Some(state::Context::Flow(state)) => Some(*state),
            _ => None,
        };
        // Which process's machine the rule looked at, its sender's or its receiver's, both may be.
        let states: Vec<_> = [self.subject.src, self.subject.dst]
            .into_iter()
            .filter_map(state)
            .collect();
        let is_omitted = states.iter().any(|state| audit.omit.contains(state));
        self.is_audited |= !is_omitted;
    }
}

/// Decides; the changes of contexts are in `txn`, to be kept or rolled back.
pub(crate) fn decide(program: &Program, happening: &Happening<'_>, txn: &mut Txn<'_>) -> Decision {
    let Happening {
        event,
        src,
        dst,
        riid,
        mid,
        message,
    } = *happening;
    let mut run = Run {
        subject: Subject {
            program,
            src,
            dst,
            message,
        },
        txn,
        last: None,
        is_audited: false,
    };
    let [any_any, any_src, any_dst] = program.has_any;
    // An event without a receiver has half of the places.
    let (src, dst) = (src.class, dst.class);
    let has_dst = dst != ANY;
    let places = [
        (any_any, ANY, ANY),
        (any_src && has_dst, ANY, dst),
        (any_dst, src, ANY),
        (has_dst, src, dst),
    ];
    for (_, src, dst) in places.into_iter().filter(|(is_there, ..)| *is_there) {
        let Some(nodes) = program.tables.get(&key(event, src, dst, riid, mid)) else {
            continue;
        };
        if let Err((by, fault)) = run.nodes(nodes) {
            return Decision {
                granted: false,
                by,
                reason: Some(fault),
                // What no rule decided is always recorded.
                is_audited: run.is_audited || !matches!(by, Decider::Rule(_)),
            };
        }
    }
    match run.last {
        Some(rule) => Decision {
            granted: true,
            by: Decider::Rule(rule),
            reason: None,
            is_audited: run.is_audited,
        },
        None => no_rule(),
    }
}

/// The decision on what no rule covers.
pub(crate) fn no_rule() -> Decision {
    Decision {
        granted: false,
        by: Decider::NoRule,
        reason: None,
        is_audited: true,
    }
}

/// Decides and keeps or takes back the changes.
pub(crate) fn settle(program: &Program, state: &Mutex<State>, happening: &Happening<'_>) -> Decision {
    let mut txn = Txn::new(state);
    if happening.event == Event::Execute {
        // A process begins without contexts. One of the kernel's is new anyway; a test may start one twice.
        txn.forget(happening.dst);
    }
    let decision = decide(program, happening, &mut txn);
    if !decision.granted {
        txn.roll_back();
    }
    decision
}
