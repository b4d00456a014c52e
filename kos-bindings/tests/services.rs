// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own services, asked for by a sandboxed domain.

mod common;

use common::{call, kernel_with, mid, spec, start};
use kos_bindings::hosted::Config;
use kos_bindings::hosted::judge::{Policy, Subject, Verdict};
use kos_bindings::nk::Retcode;

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
