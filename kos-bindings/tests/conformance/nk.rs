// SPDX-License-Identifier: MIT OR Apache-2.0
//! `nk_err_t`: what generated clients and dispatchers say of messages.

use kos_bindings::hosted::judge::{Policy, Subject, Verdict};
use kos_bindings::hosted::{Config, Kernel};
use kos_bindings::idl::{gpio, log};
use kos_bindings::nk::{CallError, Fault, Handle, Lens, Never, NkErr, PartsMut, Retcode};

use crate::world::*;

/// Refuses to ask for a line's level.
struct NoLines;

impl Policy for NoLines {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        match subject.interface.riid == gpio::RIID {
            true => Verdict::Deny,
            false => Verdict::Allow,
        }
    }
}

#[test]
fn rc_nk_eperm_is_what_a_proxy_says_of_a_refusal() {
    let config = Config {
        policy: Box::new(NoLines),
        ..Config::default()
    };
    let kernel = Kernel::new(config).expect("this machine permits the sandbox");
    let (server, client) = (task(&kernel, "server"), task(&kernel, "client"));
    kernel.connect(&client, &server, "lines", &[]).expect("a channel");
    let mut thread = client.attach().expect("a thread");
    let to = thread.service_locator_connect("lines");
    let refused = gpio::Client::new(&mut thread, to).get(&gpio::GetReq { line: 1 });
    let error = refused.expect_err("it is refused");
    assert_eq!(error, CallError::Retcode(Retcode::SECURITY_DISALLOW));
    assert_eq!(error.nk_err(), Some(NkErr::Perm));
    let lost = gpio::Client::new(&mut thread, Handle(4711)).get(&gpio::GetReq { line: 1 });
    assert_eq!(lost.expect_err("nobody is there").nk_err(), None);
}

/// A server of the log that has seen nothing yet.
struct Lines(usize);

impl log::Server for Lines {
    fn write(&mut self, _: log::WriteReq<'_>, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        self.0 += 1;
        Ok(log::WriteRes {}.encode(response)?)
    }
}

/// Lets the dispatcher have a line of the log, `spoilt` on its way; returns what it says and whether the server saw it.
fn dispatch(spoil: impl FnOnce(&mut [u8], &mut Lens)) -> (Result<(), NkErr>, usize) {
    let (mut constant, mut arena, mut response) = ([0; 64], [0; 64], [0; 64]);
    let mut room = PartsMut {
        constant: &mut constant,
        arena: &mut arena,
    };
    let line = log::WriteReq {
        level: 6,
        time_ns: 0,
        text: "text",
    };
    let mut lens = line.encode(room.reborrow()).expect("room");
    spoil(room.constant, &mut lens);
    let request = room.filled(lens).expect("a request");
    let response = PartsMut {
        constant: &mut response,
        arena: &mut [],
    };
    let mut lines = Lines(0);
    let said = log::dispatch(&mut lines, request, response).map(drop);
    (said, lines.0)
}

/// Where the method's number lies.
const MID: usize = 6;

#[test]
fn rc_nk_eok_is_what_a_dispatcher_says_of_a_request_that_was_served() {
    assert_eq!(dispatch(|_, _| {}), (Ok(()), 1));
}

#[test]
fn rc_nk_enoent_is_what_a_dispatcher_says_of_a_method_that_is_not_there() {
    assert_eq!(dispatch(|constant, _| constant[MID] = 9), (Err(NkErr::NoEnt), 0));
}

#[test]
fn rc_nk_ebadmsg_is_what_a_dispatcher_says_of_bytes_that_are_no_request() {
    let bad = (Err(NkErr::BadMsg), 0);
    assert_eq!(dispatch(|constant, _| constant[0] = 24), bad, "another size");
    assert_eq!(dispatch(|constant, _| constant[3] |= 0x80), bad, "the error form");
    assert_eq!(dispatch(|_, lens| lens.constant = 8), bad, "half a header");
    assert_eq!(dispatch(|_, lens| lens.arena = 4), bad, "a text without its end");
    assert_eq!(dispatch(|_, lens| lens.arena = 6), bad, "bytes that nobody describes");
}

#[test]
fn rc_nk_einval_is_what_a_proxy_says_of_an_argument_that_is_too_long() {
    let (kernel, _) = world();
    let client = large_task(&kernel, "client");
    let mut thread = client.attach().expect("a thread");
    for text in ["t".repeat(5000).as_str(), "a zero\0within"] {
        let line = log::WriteReq {
            level: 6,
            time_ns: 0,
            text,
        };
        // It does not even look for who serves.
        let said = log::Client::new(&mut thread, Handle::INVALID).write(&line).map(drop);
        assert_eq!(said, Err(CallError::Nk(NkErr::Inval)));
    }
}
