// SPDX-License-Identifier: GPL-2.0-only
//! The policy language: any text as a policy, and any text as a message put to one.
//!
//! What must hold, whatever the text is:
//!
//! * nothing panics, and no nesting exhausts the stack;
//! * a mistake stands at a line and column of the text;
//! * a policy that compiles once compiles again to the same rules and interactions;
//! * its tests run to an end.
//!
//! A line `---` ends the policy; behind it stands a message to explain.
#![no_main]

use kos_policy::{Error, Loaded, World, compile, diff};
use libfuzzer_sys::fuzz_target;

/// Words without which little compiles, so that they need not be found first.
const HEAD: &str = "use nk.base._ use nk.flow._ use nk.hashmap._ use nk.staticmap._ use nk.mic._ use \
 linuxcompat.each._ \
                    use EDL A use EDL B use EDL linuxcompat.Supervisor\n";

fn is_inside(text: &str, error: &Error) {
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&error.place.line), "{error}");
    let line = text.split('\n').nth(error.place.line - 1).unwrap_or_default();
    assert!((1..=line.chars().count() + 1).contains(&error.place.column), "{error}");
}

fuzz_target!(|text: &str| {
    let (policy, message) = text.split_once("\n---\n").unwrap_or((
        text,
        "request src=A dst=B endpoint=controller.gpio \
     method=Get {}",
    ));
    let policy = format!("{HEAD}{policy}");
    let load = || compile(&Loaded::text("fuzz", &policy)?, World::hosted());
    match (load(), load()) {
        (Ok(program), Ok(again)) => {
            assert!(diff(&program, &again).is_empty());
            assert_eq!(program.rules(), again.rules());
            if let Err(error) = program.run_tests() {
                is_inside(&policy, &error);
            }
            if let Err(error) = program.explain(message) {
                is_inside(message, &error);
            }
        }
        (Err(error), Err(again)) => {
            assert_eq!(error, again);
            is_inside(&policy, &error);
        }
        _ => panic!("once it is a policy, once it is none"),
    }
});
