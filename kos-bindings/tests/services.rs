// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own services, asked for by a sandboxed domain.

mod common;
#[path = "common/guard.rs"]
mod guard;

use common::{INTERFACE, RIID, call, kernel_with, mid, spec, start};
use guard::Guard;
use kos_bindings::hosted::judge::{Policy, Query, Subject, Verdict};
use kos_bindings::hosted::{Config, DomainHandle, DomainSpec};
use kos_bindings::nk::{Header, Retcode};

#[test]
fn a_sandboxed_domain_has_the_kernels_services_as_far_as_the_policy_lets_it() {
    let ask = |config| {
        let kernel = kernel_with(config);
        let domain = start(&kernel, &spec("services"));
        let mut client = kernel.client("tester", &domain).expect("a client");
        let handle = client.handle();
        let bytes = call(&mut client, handle, mid::SERVICES, &[]).expect("an answer");
        let codes = bytes
            .chunks_exact(4)
            .map(|code| Retcode(i32::from_le_bytes(code.try_into().expect("a code"))));
        codes.collect::<Vec<_>>()
    };
    let expected = [
        Retcode::OK,
        Retcode::OK,
        Retcode::FAIL,
        Retcode::SECURITY_DISALLOW,
        Retcode::INVALID_ARGUMENT,
        Retcode::OK,
    ];
    assert_eq!(ask(Config::default()), expected);
    struct NoServices;
    impl Policy for NoServices {
        fn judge(&self, subject: &Subject<'_>) -> Verdict {
            match subject.server == kos_bindings::hosted::judge::CORE {
                true => Verdict::Deny,
                false => Verdict::Allow,
            }
        }
    }
    let policy = Box::new(NoServices);
    let refused = ask(Config {
        policy,
        ..Config::default()
    });
    assert_eq!(refused, [Retcode::SECURITY_DISALLOW; 6]);
}

/// Grants what is asked with the word "may".
fn may(query: &Query<'_>) -> bool {
    let header = Header::read(query.message.constant).expect("a header");
    assert_eq!((header.riid, header.mid), (RIID, mid::ASK));
    query.message.arena == b"may"
}

#[test]
fn a_sandboxed_domain_asks_the_policy_through_its_class_interface() {
    let guard = Guard::new(may);
    let kernel = kernel_with(Config {
        policy: Box::new(guard.clone()),
        ..Config::default()
    });
    let asker = start(
        &kernel,
        &DomainSpec {
            security: Some(&INTERFACE),
            class: "test.Asker".to_owned(),
            ..spec("asker")
        },
    );
    let mute = start(&kernel, &spec("mute"));
    let ask = |domain: &DomainHandle, text: &[u8]| {
        let mut client = kernel.client("tester", domain).expect("a client");
        let handle = client.handle();
        let code = call(&mut client, handle, mid::ASK, text).expect("an answer");
        Retcode(i32::from_le_bytes(code[..].try_into().expect("a code")))
    };
    assert_eq!(ask(&asker, b"may"), Retcode::OK);
    assert_eq!(ask(&asker, b"must"), Retcode::SECURITY_DISALLOW);
    assert_eq!(ask(&mute, b"may"), Retcode::NOT_CONNECTED, "its class has none");
    let me = ("test.Asker".to_owned(), asker.id());
    assert_eq!(guard.take(), [me.clone(), me], "by class and process");
}
