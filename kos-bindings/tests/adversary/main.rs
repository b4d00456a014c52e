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
        // `--nocapture` lists the attacks.
        println!("refused with {code}: {what}");
        let records = self.audit.take();
        assert!(
            records.iter().any(|record| record.sender == "mallory"),
            "{what} is in the audit: {records:?}"
        );
        self.neighbour_is_served(what);
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
