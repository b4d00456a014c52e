// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of a policy, and the explanation of one message.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kos_bindings::nk::{Interface, Method};

use crate::ast::{Case, Event, Expect, Expr, ExprKind, Name, Selector, TestSet};
use crate::audit::Record;
use crate::error::{Error, Mistake, Place, Source, wrong};
use crate::eval::{Decision, State};
use crate::live::{Asked, decide_on, record};
use crate::message::Built;
use crate::parse::parse_case;
use crate::program::Program;
use crate::world::fields_of;

/// How a test ended.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The set's name.
    pub set: String,
    /// The sequence's name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The cases that did not go as expected; empty if the test passed.
    pub failures: Vec<Failure>,
}

/// A case that did not go as expected.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where it stands.
    pub place: Place,
    /// What was expected.
    pub expected: &'static str,
    /// What was decided.
    pub record: Record,
}

/// The processes of a test: by the names that it gave them, and the latest one of each class.
#[derive(Default)]
struct Variables {
    named: BTreeMap<String, (String, u64)>,
    latest: BTreeMap<String, u64>,
    started: u64,
}

/// An event of a case, with names resolved and the message built.
struct Ready {
    event: Event,
    src: (String, u64),
    dst: (String, u64),
    method: Option<(&'static Interface, &'static Method)>,
    message: Built,
}

impl Ready {
    fn asked(&self) -> Asked<'_> {
        Asked {
            event: self.event,
            src: &self.src.0,
            src_process: self.src.1,
            dst: &self.dst.0,
            dst_process: self.dst.1,
            method: self.method,
            message: self.message.parts(),
        }
    }
}

/// The starter of a case that names none: whoever starts domains.
const STARTER: &str = kos_bindings::hosted::judge::SUPERVISOR;

fn ready(program: &Program, variables: &Variables, case: &Case) -> Result<Ready, Mistake> {
    fits(case)?;
    let of = |selector| {
        case.selectors
            .iter()
            .find(|(known, _)| *known == selector)
            .map(|(_, name)| name)
    };
    // A class stands for its latest process.
    let latest = |class: &str| {
        let process = variables.latest.get(class).copied();
        (class.to_owned(), process.unwrap_or(0))
    };
    let process = |name: &Name| match variables.named.get(&name.text) {
        Some(process) => Ok(process.clone()),
        None if program.class(&name.text).is_some() => Ok(latest(&name.text)),
        None => wrong(name.pos, format!("`{}` is neither a variable nor a class", name.text)),
    };
    let needed = |selector: Selector| match of(selector) {
        Some(name) => Ok(name),
        None => wrong(case.pos, format!("`{}=` is missing", selector.word())),
    };
    if case.event == Event::Execute {
        let src = match of(Selector::Src) {
            Some(name) => process(name)?,
            None if program.class(STARTER).is_some() => latest(STARTER),
            // The kernel starts itself, and in small examples all others.
            None => match program.class("kl.core.Core") {
                Some(_) => latest("kl.core.Core"),
                None => return wrong(case.pos, format!("`src=` is missing, and there is no class {STARTER}")),
            },
        };
        return Ok(Ready {
            event: case.event,
            src,
            // A new process, also of a class that has one.
            dst: (process(needed(Selector::Dst)?)?.0, variables.started + 1),
            method: None,
            message: Built::empty(),
        });
    }
    let src = process(needed(Selector::Src)?)?;
    let dst = match case.event {
        Event::Security => (String::new(), 0),
        _ => process(needed(Selector::Dst)?)?,
    };
    let server = match case.event {
        Event::Response | Event::Error => &src.0,
        _ => &dst.0,
    };
    let interface = interface_of(program, server, of, case)?;
    let method_name = needed(Selector::Method)?;
    let method = interface.methods.iter().find(|method| method.name == method_name.text);
    let method = method.filter(|method| fields_of(case.event, method).is_some());
    let Some(method) = method else {
        let known: Vec<_> = interface.methods.iter().map(|method| method.name).collect();
        let message = format!(
            "{} has no {} of a method `{}`; its methods are {}",
            interface.name,
            case.event.word(),
            method_name.text,
            known.join(", ")
        );
        return wrong(method_name.pos, message);
    };
    let message = Built::new(case.event, interface, method, case.message.as_ref(), case.pos)?;
    Ok(Ready {
        event: case.event,
        src,
        dst,
        method: Some((interface, method)),
        message,
    })
}

/// The interface of a case: the one that all of its selectors agree on.
fn interface_of<'c>(
    program: &Program,
    server: &str,
    of: impl Fn(Selector) -> Option<&'c Name>,
    case: &Case,
) -> Result<&'static Interface, Mistake> {
    let interface = match of(Selector::Interface) {
        Some(name) => match program.world.interface(&name.text) {
            None => return wrong(name.pos, format!("there is no interface `{}`", name.text)),
            interface => interface,
        },
        None => None,
    };
    let mut endpoints: Vec<_> = program.world.endpoints.iter().collect();
    endpoints.retain(|endpoint| endpoint.class.as_deref().is_none_or(|class| class == server));
    let mut last = None;
    for selector in [Selector::Endpoint, Selector::Component] {
        let Some(name) = of(selector) else { continue };
        endpoints.retain(|endpoint| match selector {
            Selector::Endpoint => endpoint.name == name.text,
            _ => endpoint.component.as_ref() == Some(&name.text),
        });
        if endpoints.is_empty() {
            return wrong(name.pos, format!("there is no {} `{}`", selector.word(), name.text));
        }
        last = Some(name);
    }
    let Some(last) = last else {
        return match interface {
            Some(interface) => Ok(interface),
            None => wrong(case.pos, "`interface=` or `endpoint=` is missing"),
        };
    };
    match (interface, endpoints.as_slice()) {
        (Some(interface), _)
            if endpoints
                .iter()
                .any(|endpoint| endpoint.interface.riid == interface.riid) =>
        {
            Ok(interface)
        }
        (Some(_), _) => wrong(last.pos, format!("`{}` does not offer that interface", last.text)),
        (None, [endpoint]) => Ok(endpoint.interface),
        (None, _) => wrong(
            last.pos,
            format!("`{}` has several endpoints: `endpoint=` is missing", last.text),
        ),
    }
}

/// Refuses what an event does not have, before it could be taken for granted.
fn fits(case: &Case) -> Result<(), Mistake> {
    for (selector, name) in &case.selectors {
        if let Some(why) = selector.absent_from(case.event) {
            return wrong(name.pos, format!("`{}=`: {why}", selector.word()));
        }
    }
    match &case.message {
        Some(message) if case.event == Event::Execute && !is_empty(message) => {
            wrong(message.pos, "an `execute` event has no fields here")
        }
        _ => Ok(()),
    }
}

fn is_empty(message: &Expr) -> bool {
    matches!(&message.kind, ExprKind::Dict(entries) if entries.is_empty())
}

fn run_case(
    program: &Program,
    state: &Mutex<State>,
    variables: &mut Variables,
    case: &Case,
) -> Result<Option<Failure>, Mistake> {
    let ready = ready(program, variables, case)?;
    let asked = ready.asked();
    let decision: Decision = decide_on(program, state, &asked);
    if case.event == Event::Execute {
        variables.started += 1;
        if decision.granted {
            let (class, process) = &ready.dst;
            variables.latest.insert(class.clone(), *process);
            if let Some(name) = &case.bind {
                variables.named.insert(name.text.clone(), ready.dst.clone());
            }
        }
    }
    let expected = match case.expect {
        Expect::Grant if !decision.granted => "granted",
        Expect::Deny if decision.granted => "denied",
        _ => return Ok(None),
    };
    Ok(Some(Failure {
        place: program.place(case.pos),
        expected,
        record: record(program, &asked, &decision),
    }))
}

impl Program {
    /// Runs the tests that stand in the policy. Each begins with no contexts.
    ///
    /// # Errors
    ///
    /// A case that is none: it names what is not there, or its fields make no message.
    pub fn run_tests(&self) -> Result<Vec<TestResult>, Error> {
        let mut results = Vec::new();
        for set in &self.tests {
            self.run_set(set, &mut results)
                .map_err(|mistake| Error::new(&self.sources, mistake))?;
        }
        Ok(results)
    }

    fn run_set(&self, set: &TestSet, results: &mut Vec<TestResult>) -> Result<(), Mistake> {
        for (at, (name, pos, cases)) in set.sequences.iter().enumerate() {
            let state = Mutex::new(State::new(self));
            let mut variables = Variables::default();
            let mut failures = Vec::new();
            for case in set.setup.iter().chain(cases).chain(&set.finally) {
                failures.extend(run_case(self, &state, &mut variables, case)?);
            }
            results.push(TestResult {
                set: set.name.clone().unwrap_or_default(),
                name: name.clone().unwrap_or_else(|| format!("#{}", at + 1)),
                place: self.place(*pos),
                failures,
            });
        }
        Ok(())
    }

    /// Decides on one message in words, a case of a test: `request src=… dst=… interface=… method=…
    /// {field : value}`. Contexts are as at the start.
    ///
    /// # Errors
    ///
    /// The words are no case, or name what is not there.
    pub fn explain(&self, message: &str) -> Result<Record, Error> {
        let file = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let mut sources = self.sources.clone();
        sources.push(Source {
            name: "message".to_owned(),
            text: message.to_owned(),
        });
        let run = || {
            let case = parse_case(file, message)?;
            let ready = ready(self, &Variables::default(), &case)?;
            let state = Mutex::new(State::new(self));
            let decision = decide_on(self, &state, &ready.asked());
            Ok(record(self, &ready.asked(), &decision))
        };
        run().map_err(|mistake| Error::new(&sources, mistake))
    }
}
