// SPDX-License-Identifier: MIT OR Apache-2.0
//! What policies mean, and which are none.

mod docs;
mod kernel;
mod language;
mod live;
mod mistakes;
mod models;
mod texts;
mod unknown_names;

use crate::{Loaded, Program, World, compile};

/// What the policies of these tests begin with: as many lines as [`HEAD_LINES`].
const HEAD: &str = "use nk.base._
use EDL Server
use EDL Client
use EDL Other
use EDL linuxcompat.Supervisor
";
const HEAD_LINES: usize = 5;

fn try_program(rest: &str) -> Result<Program, crate::Error> {
    let world = World::of(&kos_bindings::idl::INTERFACES);
    compile(&Loaded::text("p.psl", &format!("{HEAD}{rest}"))?, world)
}

#[track_caller]
fn program(rest: &str) -> Program {
    try_program(rest).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs the tests in a policy; each must pass.
#[track_caller]
fn passes(rest: &str) {
    let results = program(rest).run_tests().unwrap_or_else(|error| panic!("{error}"));
    assert!(!results.is_empty(), "there are tests");
    for result in results {
        let say = |failure: &crate::Failure| {
            let (place, expected) = (&failure.place, failure.expected);
            format!("{place}: expected {expected}: {}", failure.record.text())
        };
        let failures: Vec<_> = result.failures.iter().map(say).collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }
}

/// Runs a sequence of cases on a policy.
#[track_caller]
fn holds(rules: &str, cases: &str) {
    passes(&format!("{rules}\nassert {{ sequence {{ {cases} }} }}"));
}
