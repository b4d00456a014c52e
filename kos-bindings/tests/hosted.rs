// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hosted kernel with a real sandboxed domain.
#![cfg(feature = "hosted")]

mod common;

use std::time::Duration;

use common::{call, image, mid, registry};
use kos_bindings::hosted::{Config, DomainSpec, Kernel};

fn kernel() -> Kernel {
    Kernel::new(Config { registry, ..Config::default() }).expect("this machine permits the sandbox")
}

#[test]
fn a_message_comes_back() {
    let kernel = kernel();
    let domain = kernel.spawn(&DomainSpec::new("echo", image())).expect("the domain starts");
    assert!(domain.wait_ready(Duration::from_secs(5)), "{:?}", domain.wait_death(Duration::from_secs(1)));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    assert_eq!(call(&mut client, handle, mid::ECHO, b"hello").as_deref(), Ok(&b"hello"[..]));
}
