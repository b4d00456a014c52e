// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy at work: it judges for the kernel, records, and can be replaced meanwhile.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

use kos_bindings::hosted::judge::{self, Kind, Policy, Verdict};
use kos_bindings::nk::{Header, Interface, Method, Parts};
use serde_json::Value;

use crate::ast::Event;
use crate::audit::{Record, Sink};
use crate::error::Place;
use crate::eval::{Decider, Decision, Happening, State, no_rule, settle};
use crate::message::describe;
use crate::program::{ANY, Program, Rule, Sid};

/// A policy at work. Clones are the same policy.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    /// Read for each message, written when the policy is replaced: the verdict is by one policy or
    /// the other, never by a mixture.
    program: RwLock<Program>,
    state: Mutex<State>,
    sink: Sink,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("entries", &self.program().entries())
            .finish_non_exhaustive()
    }
}

/// Why a policy was not replaced. The old one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceError(
    /// The reason.
    pub String,
);

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy was not replaced: {}", self.0)
    }
}

impl std::error::Error for ReplaceError {}

/// An event, in names.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) event: Event,
    pub(crate) src: &'a str,
    pub(crate) src_process: u64,
    pub(crate) dst: &'a str,
    pub(crate) dst_process: u64,
    pub(crate) method: Option<(&'static Interface, &'static Method)>,
    pub(crate) message: Parts<'a>,
}

/// Decides on an event.
#[inline]
pub(crate) fn decide_on(program: &Program, state: &Mutex<State>, asked: &Asked<'_>) -> Decision {
    let dst = match asked.event {
        Event::Security => Some(ANY),
        _ => program.class(asked.dst),
    };
    let (Some(src), Some(dst)) = (program.class(asked.src), dst) else {
        return no_rule();
    };
    let (riid, mid) = asked
        .method
        .map_or((0, 0), |(interface, method)| (interface.riid, method.mid));
    let happening = Happening {
        event: asked.event,
        src: Sid {
            class: src,
            process: asked.src_process,
        },
        dst: Sid {
            class: dst,
            process: asked.dst_process,
        },
        riid,
        mid,
        message: asked.message,
    };
    settle(program, state, &happening)
}

/// Puts a decision in words.
pub(crate) fn record(program: &Program, asked: &Asked<'_>, decision: &Decision) -> Record {
    let line = |pos| {
        let place = program.place(pos);
        format!("{}:{}", place.file, place.line)
    };
    let (rule, otherwise) = match decision.by {
        Decider::NoRule => {
            let mut absent = [asked.src, asked.dst]
                .into_iter()
                .filter(|name| program.class(name).is_none());
            let why = match absent.next() {
                Some(name) if asked.event != Event::Security => format!("the class {name} is not in the policy"),
                _ => "no rule covers it".to_owned(),
            };
            (None, Some(why))
        }
        Decider::Choice(pos) => (Some(line(pos)), None),
        Decider::Rule(id) => (program.rules.get(id as usize).map(|rule| line(rule.pos)), None),
    };
    let text = match decision.by {
        Decider::Rule(id) => program.rules.get(id as usize).map(|rule| rule.text.clone()),
        Decider::NoRule | Decider::Choice(_) => None,
    };
    let fields = asked
        .method
        .map_or(Value::Null, |(_, method)| describe(asked.event, method, asked.message));
    let name = |of: fn(&(&'static Interface, &'static Method)) -> &'static str| {
        asked
            .method
            .as_ref()
            .map_or(String::new(), |method| of(method).to_owned())
    };
    Record {
        time: SystemTime::now(),
        event: asked.event.word(),
        src: asked.src.to_owned(),
        dst: asked.dst.to_owned(),
        interface: name(|(interface, _)| interface.name),
        method: name(|(_, method)| method.name),
        fields,
        granted: decision.granted,
        rule,
        text,
        reason: decision.reason.map(str::to_owned).or(otherwise),
    }
}

impl Live {
    /// Puts a policy to work. `sink` takes the audit records.
    #[must_use]
    pub fn new(program: Program, sink: Sink) -> Self {
        let state = Mutex::new(State::new(&program));
        Self(Arc::new(Inner {
            program: RwLock::new(program),
            state,
            sink,
        }))
    }

    fn program(&self) -> RwLockReadGuard<'_, Program> {
        self.0.program.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rules, with whether they were used.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        self.program().rules()
    }

    /// Replaces the policy at once: each message is judged by the old one or by the new one. The
    /// contexts that models keep are taken over.
    ///
    /// # Errors
    ///
    /// A context has no place in the new policy: its object is not there or is another one, or its
    /// class is gone. The old policy goes on.
    pub fn replace(&self, new: Program) -> Result<(), ReplaceError> {
        let mut program = self.0.program.write().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = state.moved(&program, &new).map_err(ReplaceError)?;
        // What was used stays so: a rule of the same text at the same place is the same rule.
        let used: HashSet<(&str, Place)> = program
            .rules
            .iter()
            .filter(|old| old.is_used.load(Relaxed))
            .map(|old| (old.text.as_str(), program.place(old.pos)))
            .collect();
        for rule in &new.rules {
            let was = !used.is_empty() && used.contains(&(rule.text.as_str(), new.place(rule.pos)));
            rule.is_used.store(was, Relaxed);
        }
        drop(used);
        *state = moved;
        *program = new;
        Ok(())
    }

    #[inline]
    fn ask(&self, asked: &Asked<'_>) -> Verdict {
        let program = self.program();
        let decision = decide_on(&program, &self.0.state, asked);
        if decision.is_audited {
            let record = record(&program, asked, &decision);
            drop(program);
            (self.0.sink)(&record);
        }
        if decision.granted {
            Verdict::Allow
        } else {
            Verdict::Deny
        }
    }
}

impl Policy for Live {
    #[inline]
    fn judge(&self, subject: &judge::Subject<'_>) -> Verdict {
        let client = (subject.client, subject.client_process);
        let server = (subject.server, subject.server_process);
        let (event, (src, src_process), (dst, dst_process)) = match subject.kind {
            Kind::Request => (Event::Request, client, server),
            Kind::Response => (Event::Response, server, client),
            Kind::Error => (Event::Error, server, client),
        };
        self.ask(&Asked {
            event,
            src,
            src_process,
            dst,
            dst_process,
            method: Some((subject.interface, subject.method)),
            message: subject.message,
        })
    }

    fn execute(&self, starter: &str, server: &str, process: u64) -> Verdict {
        self.ask(&Asked {
            event: Event::Execute,
            src: starter,
            src_process: 0,
            dst: server,
            dst_process: process,
            method: None,
            message: Parts::default(),
        })
    }

    fn ended(&self, class: &str, process: u64) {
        let program = self.program();
        if let Some(class) = program.class(class) {
            crate::eval::Txn::new(&self.0.state).forget(Sid { class, process });
        }
    }

    fn security(&self, sender: &str, process: u64, query: judge::Query<'_>) -> Verdict {
        self.ask(&Asked {
            event: Event::Security,
            src: sender,
            src_process: process,
            dst: "",
            dst_process: 0,
            method: Some((query.interface, query.method)),
            message: query.message,
        })
    }

    fn malformed(&self, sender: &str, receiver: &str, kind: Kind, message: Parts<'_>) {
        // What it claims to be; nothing in it is to be believed.
        let claimed = Header::read(message.constant).ok();
        let interface = claimed.and_then(|header| self.program().interface(header.riid));
        let method = interface
            .zip(claimed)
            .and_then(|(interface, header)| interface.method(header.mid));
        (self.0.sink)(&Record {
            time: SystemTime::now(),
            event: match kind {
                Kind::Request => "request",
                Kind::Response => "response",
                Kind::Error => "error",
            },
            src: sender.to_owned(),
            dst: receiver.to_owned(),
            interface: interface.map_or(String::new(), |interface| interface.name.to_owned()),
            method: method.map_or(String::new(), |method| method.name.to_owned()),
            fields: Value::Null,
            granted: false,
            rule: None,
            text: None,
            reason: Some("the message is not well-formed".to_owned()),
        });
    }
}
