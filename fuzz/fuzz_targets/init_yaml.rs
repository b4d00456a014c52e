// SPDX-License-Identifier: GPL-2.0-only
//! `init.yaml`: any text as the list of a solution's processes, checked against a few classes.
//!
//! What must hold, whatever the text is:
//!
//! * nothing panics, and no nesting exhausts the stack;
//! * a mistake stands at a line and column of the text;
//! * what is printed reads as what was read, and means the same;
//! * every channel leads to another process that serves something, and no two of a process have one name.
#![no_main]

use kos_idl::{Files, Library};
use kos_init::{Error, Init, Rules, System};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::collections::BTreeSet;

const FILES: [(&str, &str); 6] = [
    ("I.idl", "package I interface { Do(in UInt8 what); }"),
    ("C.cdl", "component C endpoints { i : I }"),
    ("A.edl", "task class A components { c : C } endpoints { own : I }"),
    ("B.edl", "task class B endpoints { i : I }"),
    ("N.edl", "task class N"),
    ("X.edl", "task class X endpoints { i : }"),
];

thread_local! {
    static LIBRARY: RefCell<Library> = RefCell::new(Library::new(Files::texts(FILES)));
}

fn is_inside(text: &str, error: &Error) {
    // YAML ends lines with either character, or both.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&error.place.line), "{error}");
    let line = text.split('\n').nth(error.place.line - 1).unwrap_or_default();
    assert!((1..=line.chars().count() + 1).contains(&error.place.column), "{error}");
}

fn check(init: &Init, rules: &Rules) -> Result<System, Error> {
    LIBRARY.with_borrow_mut(|library| System::check(init, library, rules))
}

fn is_sound(system: &System) {
    let tasks: BTreeSet<_> = system.processes.iter().map(|process| &process.task).collect();
    assert_eq!(tasks.len(), system.processes.len());
    for process in &system.processes {
        let ids: BTreeSet<_> = process.channels.iter().map(|channel| &channel.id).collect();
        assert_eq!(ids.len(), process.channels.len());
        for id in ids {
            let server = system.server(&process.task, id).expect("a channel has another end");
            assert!(server.task != process.task && !server.endpoints.is_empty());
            let listeners = system.listeners(&server.task);
            assert!(listeners[id.as_str()].contains(&process.task.as_str()));
            for served in &server.endpoints {
                assert_eq!(system.riid(&process.task, id, &served.name), Some(served.riid));
            }
        }
    }
}

fuzz_target!(|text: &str| {
    let init = match Init::parse("init.yaml", text) {
        Ok(init) => init,
        Err(error) => return is_inside(text, &error),
    };
    let printed = init.to_string();
    let again = Init::parse("init.yaml", &printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(printed, again.to_string());
    for one_process_per_class in [true, false] {
        let rules = Rules {
            one_process_per_class,
            ..Rules::default()
        };
        match (check(&init, &rules), check(&again, &rules)) {
            (Ok(system), Ok(system_again)) => {
                is_sound(&system);
                assert_eq!(system, system_again);
            }
            (Err(error), Err(_)) => is_inside(text, &error),
            _ => panic!("once it is right, once it is wrong"),
        }
    }
});
