// SPDX-License-Identifier: MIT OR Apache-2.0
//! A policy on the hosted kernel: contexts of processes, and what a process asks the policy itself.

use kos_bindings::hosted::{Config, Kernel, Task, TaskSpec, Thread};
use kos_bindings::idl::{gpio, log};
use kos_bindings::nk::{Handle, Retcode, Transport};

use super::program;
use crate::Live;

/// Gpio.Get is granted to each server once, and what Supervisor starts is granted to start.
const ONCE: &str = "use nk.flow._ policy object f : Flow { type State = \"a\" | \"b\"
config = { states : [\"a\", \"b\"], initial : \"a\", transitions : { \"a\" : [\"b\"] } } }
execute dst=Server { f.init {sid : dst_sid} }
execute dst=Client { grant () }
request dst=Server endpoint=gpio method=Get { f.enter {sid : dst_sid, state : \"b\"} }
response src=Server { grant () }
request dst=kl.core.Core { grant () }
response src=kl.core.Core { grant () }
security src=Client interface=linuxcompat.Log method=Write { assert (message.level == 6) }
";

fn kernel(policy: &str) -> (Kernel, Live) {
    let live = Live::new(program(&format!("use EDL kl.core.Core\n{policy}")), Box::new(|_| {}));
    let config = Config {
        policy: Box::new(live.clone()),
        ..Config::default()
    };
    (Kernel::new(config).unwrap(), live)
}

fn task(kernel: &Kernel, name: &str, class: &str) -> Task {
    let spec = TaskSpec {
        class: class.to_owned(),
        security: (class == "Client").then_some(&log::INTERFACE),
        ..TaskSpec::new(name)
    };
    kernel.task(&spec).unwrap()
}

/// Makes a process that answers every Gpio.Get of `client`, which finds it by its name, until it ends.
fn server(kernel: &Kernel, client: &Task, name: &str) -> Task {
    let server = task(kernel, name, "Server");
    kernel.connect(client, &server, name, &[]).unwrap();
    let mut thread = server.attach().unwrap();
    let listener = thread.service_locator_register(name);
    std::thread::spawn(move || {
        while let Ok(received) = thread.recv(listener) {
            let (handle, client) = (received.reply_handle, received.thread);
            let lens = gpio::GetRes { value: 1 }.encode(thread.response()).unwrap();
            let _ = thread.reply(handle, client, lens);
        }
    });
    server
}

fn get(client: &mut Thread, channel: &str) -> Result<(), Retcode> {
    let to = client.service_locator_connect(channel);
    let lens = gpio::GetReq { line: 1 }.encode(client.request()).unwrap();
    client.call(to, lens).map(drop)
}

#[test]
fn two_processes_of_one_class_do_not_share_their_contexts() {
    let (kernel, live) = kernel(ONCE);
    let client = task(&kernel, "client", "Client");
    let mut c = client.attach().unwrap();
    let (one, two) = (server(&kernel, &client, "one"), server(&kernel, &client, "two"));
    assert_eq!(get(&mut c, "one"), Ok(()));
    assert_eq!(get(&mut c, "one"), Err(Retcode::SECURITY_DISALLOW), "only once");
    assert_eq!(get(&mut c, "two"), Ok(()), "the other one's state is its own");
    assert_eq!(get(&mut c, "two"), Err(Retcode::SECURITY_DISALLOW));
    // A process's end takes its context along, and no other's.
    drop(one);
    let next = server(&kernel, &client, "three");
    assert_eq!(get(&mut c, "three"), Ok(()));
    assert_eq!(get(&mut c, "two"), Err(Retcode::SECURITY_DISALLOW));
    let kept = live.replace(program("request { grant () }")).unwrap_err().to_string();
    assert!(kept.contains("keeps contexts of 2 processes"), "{kept}");
    drop((two, next));
    live.replace(program("request { grant () }")).unwrap();
}

#[test]
fn a_process_asks_the_policy_itself() {
    let (kernel, _) = kernel(ONCE);
    let client = task(&kernel, "client", "Client");
    let mut c = client.attach().unwrap();
    let to = c.kn().handle_security_connect().unwrap();
    let mut ask = |to: Handle, level: u8| {
        let request = log::WriteReq {
            level,
            time_ns: 0,
            text: "may I",
        };
        let lens = request.encode(c.request()).unwrap();
        c.call(to, lens).map(|answer| answer.arena.len())
    };
    assert_eq!(ask(to, 6), Ok(0));
    assert_eq!(ask(to, 5), Err(Retcode::SECURITY_DISALLOW));
}
