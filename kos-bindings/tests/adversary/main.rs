// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that attacks the kernel, a server and its neighbours. Nothing of it succeeds, all of it is in the audit,
//! and the neighbour is served as before.
//!
//! Each `refused` is one attack. They are sorted by what is attacked.

#[path = "../conformance/world.rs"]
#[expect(unreachable_pub, reason = "shared with the conformance tests")]
#[allow(dead_code, reason = "each test uses its part")]
mod world;

mod death;
mod exhaustion;
mod forgery;
mod messages;
mod port;
mod replies;
mod rights;

use std::fmt::Debug;
use std::thread::JoinHandle;

use kos_bindings::hosted::judge::Verdict;
use kos_bindings::hosted::{Config, Kernel, Limits, Task, TaskSpec, Thread};
use kos_bindings::nk::{Handle, Retcode};

use world::*;

const REFUSED: &str = "refused, in the audit, with ";

/// All attacks are made once more, and those counted that differ in what is tried or in how it is refused. That each is
/// refused, is in the audit with its code under the attacker's name, and leaves the neighbour served, is why it is
/// listed.
#[test]
fn there_are_sixty_attacks_and_each_is_refused_and_in_the_audit() {
    let me = std::env::current_exe().expect("this test");
    let all = std::process::Command::new(me)
        .args(["--nocapture", "--test-threads=1", "--skip=there_are_sixty"])
        // There nothing is refused; what must not come of them is looked for instead.
        .args(["--skip=death::", "--skip=port::", "--skip=flood"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&all.stdout);
    assert!(all.status.success(), "{text}");
    let attacks: std::collections::BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_once(REFUSED).map(|(_, attack)| attack))
        .collect();
    println!("{} attacks: {attacks:#?}", attacks.len());
    assert!(attacks.len() >= 60, "{}", attacks.len());
}

/// A server, a client of it that minds its own business, and the attacker with a channel of its own.
struct Stage {
    kernel: Kernel,
    audit: Audit,
    server: Option<Task>,
    serving: Option<JoinHandle<Thread>>,
    _neighbour: Task,
    n: Thread,
    to_server: Handle,
    mallory: Task,
    m: Thread,
    channel: Handle,
}

impl Stage {
    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// The attacker may take so much.
    fn with_limits(limits: Limits) -> Self {
        let (kernel, audit) = world_with(Config::default(), |_| Verdict::Allow);
        let (server, neighbour) = (task(&kernel, "server"), task(&kernel, "neighbour"));
        let spec = TaskSpec {
            limits,
            // It maps its port where the kernel does not expect it.
            is_mapped_elsewhere: true,
            ..TaskSpec::new("mallory")
        };
        let mallory = kernel.task(&spec).expect("a process");
        for client in [&neighbour, &mallory] {
            kernel
                .connect(client, &server, "ch", &[("send", RIID)])
                .expect("a channel");
        }
        let s = server.attach().expect("a thread");
        let listener = s.service_locator_register("ch");
        let serving = Some(echo(s, listener));
        let (n, m) = (
            neighbour.attach().expect("a thread"),
            mallory.attach().expect("a thread"),
        );
        let to_server = n.service_locator_connect("ch");
        let channel = m.service_locator_connect("ch");
        Self {
            kernel,
            audit,
            server: Some(server),
            serving,
            _neighbour: neighbour,
            n,
            to_server,
            mallory,
            m,
            channel,
        }
    }

    /// The attack `what` must have had this outcome, and be in the audit under the attacker's name.
    fn refused<T: Debug>(&mut self, what: &str, outcome: Result<T, Retcode>, code: Retcode) {
        let outcome = outcome.map(|success| format!("{success:?}"));
        assert_eq!(outcome, Err(code), "{what}");
        let records = self.audit.take();
        assert!(
            records
                .iter()
                .any(|record| record.sender == "mallory" && record.code == code),
            "{what} is in the audit: {records:?}"
        );
        self.neighbour_is_served(what);
        // `--nocapture` lists the attacks, and the test below counts them.
        println!("{REFUSED}{code}: {what}");
    }

    fn neighbour_is_served(&mut self, what: &str) {
        let text = what.as_bytes();
        assert_eq!(
            say(&mut self.n, self.to_server, text).as_deref(),
            Ok(text),
            "after: {what}"
        );
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.server.take());
        if let Some(serving) = self.serving.take()
            && serving.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}
