// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a domain's orderly end, and virtual time that a client lets pass.

mod open_policy;

use linux_compat::client::ClientError;
use linux_compat::policy::PolicyChoice;
use linux_compat::system::{ClockKind, Domain, System, SystemOptions};
use open_policy::open_policy;
use std::time::{Duration, Instant};

const SECOND_NS: u64 = 1_000_000_000;

/// Runs the gyroscope, whose driver has interrupts, work and supplies to give back.
fn gyroscope(clock: ClockKind, policy: PolicyChoice) -> (System, Domain) {
    let system = System::new(SystemOptions {
        clock,
        policy,
        ..SystemOptions::default()
    })
    .expect("a system");
    let domain = system.run("bmg160").expect("the driver runs");
    (system, domain)
}

#[test]
fn virtual_time_passes_when_a_client_says_so_and_only_then() {
    let (_system, domain) = gyroscope(ClockKind::Virtual, PolicyChoice::Generated);
    let mut client = domain.client().expect("a client");
    let before = client.state().expect("a state");
    let begun = Instant::now();
    let after = match client.advance(60 * SECOND_NS) {
        Ok(after) => after,
        Err(error) => panic!("{error}; {:?}", domain.wait_death(Duration::from_secs(5))),
    };
    assert!(
        after >= before.now_ns + 60 * SECOND_NS,
        "{after} after {}",
        before.now_ns
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "the minute was waited for");
    assert_eq!(client.state().expect("a state").now_ns, after);
}

#[test]
fn real_time_cannot_be_moved() {
    let (_system, domain) = gyroscope(ClockKind::Real, open_policy("driver.Bmg160"));
    let refusal = domain.client().expect("a client").advance(SECOND_NS);
    assert!(matches!(refusal, Err(ClientError::Errno { .. })), "{refusal:?}");
}

#[test]
fn a_stopped_domain_removes_its_devices_and_exits_well() {
    let (_system, domain) = gyroscope(ClockKind::Real, open_policy("driver.Bmg160"));
    let mut client = domain.client().expect("a client");
    assert_eq!(client.state().expect("a state").failed, 0);
    client.stop().expect("an answer");
    let death = domain
        .wait_death(Duration::from_secs(5))
        .expect("the domain ends by itself");
    assert!(death.is_orderly, "{death}");
    let log = domain.log();
    assert!(!log.iter().any(|line| line.level <= 4), "{log:?}");
}
