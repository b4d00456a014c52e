// SPDX-License-Identifier: MIT OR Apache-2.0
//! The policy at work: verdicts for the kernel, audit records, replacement.

use std::sync::{Arc, Mutex};

use kos_bindings::hosted::judge::{Kind, Policy, Query, Subject, Verdict};
use kos_bindings::idl::{gpio, i2c, interface};
use kos_bindings::nk::{Interface, Method, Parts, PartsMut, Seq};

use super::program;
use crate::{Live, Record};

type Records = Arc<Mutex<Vec<Record>>>;

fn live(rules: &str) -> (Live, Records) {
    let records = Records::default();
    let sink = Arc::clone(&records);
    let live = Live::new(
        program(rules),
        Box::new(move |record| sink.lock().unwrap().push(record.clone())),
    );
    (live, records)
}

fn take(records: &Records) -> Vec<String> {
    let mut taken = Vec::new();
    for record in records.lock().unwrap().drain(..) {
        let mut json: serde_json::Value = serde_json::from_str(&record.json()).unwrap();
        assert!(json["time"].as_f64().unwrap() > 1.6e9);
        json.as_object_mut().unwrap().remove("time");
        taken.push(json.to_string());
    }
    taken
}

fn method(riid: u16, mid: u16) -> (&'static Interface, &'static Method) {
    let interface = interface(riid).unwrap();
    (interface, interface.method(mid).unwrap())
}

/// Asks for the verdict on a request of Gpio.Get.
fn get(live: &Live, client: &str, line: u32) -> Verdict {
    get_between(live, (client, 0), ("Server", 0), line)
}

/// The same, between these processes.
fn get_between(live: &Live, client: (&str, u64), server: (&str, u64), line: u32) -> Verdict {
    let mut room = [0; 64];
    let mut out = PartsMut {
        constant: &mut room,
        arena: &mut [],
    };
    let lens = gpio::GetReq { line }.encode(out.reborrow()).unwrap();
    let (interface, method) = method(gpio::RIID, gpio::mid::GET);
    live.judge(&Subject {
        client: client.0,
        client_process: client.1,
        server: server.0,
        server_process: server.1,
        interface,
        method,
        kind: Kind::Request,
        message: out.filled(lens).unwrap(),
    })
}

const RULES: &str = "audit profile all = { 0 : { base : { kss : [\"granted\", \"denied\"] } }, 1 : { base : \
 { kss : [\"denied\"] } }, 2 : {} }
audit default = all 0
request dst=Server endpoint=gpio method=Get { deny (message.line == 9) }
request dst=Server endpoint=gpio method=Lines { audit empty grant () }
security method=State { set_level (2) }
";

#[test]
fn records_say_who_what_and_by_which_rule() {
    let (live, records) = live(RULES);
    assert_eq!(get(&live, "Client", 1), Verdict::Allow);
    assert_eq!(get(&live, "Client", 9), Verdict::Deny);
    assert_eq!(get(&live, "Stranger", 1), Verdict::Deny);
    assert_eq!(live.execute("Client", "Server", 0), Verdict::Deny);
    live.malformed(
        "Client",
        "Server",
        Kind::Request,
        Parts {
            constant: &[1, 2],
            arena: &[],
        },
    );
    assert_eq!(
        take(&records),
        [
            concat!(
                r#"{"dst":"Server","event":"request","fields":{"line":1},"interface":"linuxcompat.Gpio","#,
                r#""method":"Get","rule":"p.psl:8","src":"Client","verdict":"granted"}"#,
            ),
            concat!(
                r#"{"dst":"Server","event":"request","fields":{"line":9},"interface":"linuxcompat.Gpio","#,
                r#""method":"Get","reason":"the rule denies it","rule":"p.psl:8","src":"Client","#,
                r#""verdict":"denied"}"#,
            ),
            concat!(
                r#"{"dst":"Server","event":"request","fields":{"line":1},"interface":"linuxcompat.Gpio","#,
                r#""method":"Get","reason":"the class Stranger is not in the policy","rule":null,"#,
                r#""src":"Stranger","verdict":"denied"}"#,
            ),
            concat!(
                r#"{"dst":"Server","event":"execute","reason":"no rule covers it","rule":null,"#,
                r#""src":"Client","verdict":"denied"}"#,
            ),
            concat!(
                r#"{"dst":"Server","event":"request","reason":"the message is not well-formed","rule":null,"#,
                r#""src":"Client","verdict":"denied"}"#,
            ),
        ]
    );
}

#[test]
fn the_level_decides_what_is_recorded() {
    let (quiet, records) = live(&RULES.replace("all 0", "all 1"));
    assert_eq!(get(&quiet, "Client", 1), Verdict::Allow);
    assert_eq!(get(&quiet, "Client", 9), Verdict::Deny);
    assert_eq!(take(&records).len(), 1);
    // A process turns it to a level at which nothing is recorded but what no rule decided.
    let (interface, state) = method(kos_bindings::idl::control::RIID, kos_bindings::idl::control::mid::STATE);
    let query = Query {
        interface,
        method: state,
        message: Parts::default(),
    };
    assert_eq!(quiet.security("Client", 0, query), Verdict::Allow);
    assert_eq!(get(&quiet, "Client", 9), Verdict::Deny);
    assert_eq!(take(&records).len(), 0);
    assert_eq!(get(&quiet, "Stranger", 9), Verdict::Deny);
    assert_eq!(take(&records).len(), 1);
}

#[test]
fn structs_in_sequences_are_recorded() {
    let (live, records) = live("");
    let msgs = [i2c::Msg {
        addr: 0x53,
        flags: 1,
        len: 2,
        reserved: 0,
    }];
    let (mut constant, mut arena) = ([0; 64], [0; 64]);
    let mut out = PartsMut {
        constant: &mut constant,
        arena: &mut arena,
    };
    let request = i2c::XferReq {
        msgs: Seq::from(&msgs[..]),
        wdata: b"ab",
    };
    let lens = request.encode(out.reborrow()).unwrap();
    let (interface, method) = method(i2c::RIID, i2c::mid::XFER);
    let subject = Subject {
        client: "Client",
        client_process: 0,
        server: "Server",
        server_process: 0,
        interface,
        method,
        kind: Kind::Request,
        message: out.filled(lens).unwrap(),
    };
    assert_eq!(live.judge(&subject), Verdict::Deny);
    let fields = r#""fields":{"msgs":[{"addr":83,"flags":1,"len":2,"reserved":0}],"wdata":{"hex":"6162","len":2}}"#;
    let taken = take(&records);
    assert!(taken[0].contains(fields), "{taken:?}");
}

const FLOW: &str = "use nk.flow._ policy object f : Flow { type State = \"a\" | \"b\"
config = { states : [\"a\", \"b\"], initial : \"a\", transitions : { \"a\" : [\"b\"] } } }
execute dst=Server { f.init {sid : dst_sid} }
request dst=Server endpoint=gpio method=Get { f.enter {sid : dst_sid, state : \"b\"} }
";

#[test]
fn a_policy_is_replaced_and_contexts_go_on() {
    let (live, _) = live(FLOW);
    assert_eq!(live.execute("linuxcompat.Supervisor", "Server", 0), Verdict::Allow);
    assert_eq!(get(&live, "Client", 1), Verdict::Allow);
    // Classes have other numbers in it; the state is the same.
    live.replace(program(&format!("use EDL A.B\n{FLOW}"))).unwrap();
    assert_eq!(get(&live, "Client", 1), Verdict::Deny, "it is in state b");
    live.ended("Server", 0);
    live.replace(program("request { grant () }")).unwrap();
    assert_eq!(get(&live, "Client", 1), Verdict::Allow);
}

#[test]
fn processes_of_one_class_have_contexts_of_their_own() {
    let (live, _) = live(FLOW);
    let start = |process| live.execute("linuxcompat.Supervisor", "Server", process);
    let get = |process| get_between(&live, ("Client", 3), ("Server", process), 1);
    assert_eq!((start(7), start(8)), (Verdict::Allow, Verdict::Allow));
    assert_eq!(get(7), Verdict::Allow, "it goes to state b");
    assert_eq!(get(7), Verdict::Deny, "it is there");
    assert_eq!(get(9), Verdict::Deny, "it was not started");
    // A replacement takes each over as it is.
    live.replace(program(&format!("use EDL A.B\n{FLOW}"))).unwrap();
    assert_eq!(get(7), Verdict::Deny);
    assert_eq!(get(8), Verdict::Allow, "the other one is still in state a");
    assert_eq!(get(8), Verdict::Deny);
    // The end of one is not that of the other.
    live.ended("Server", 7);
    let error = live.replace(program("request { grant () }")).unwrap_err().to_string();
    assert!(error.contains("keeps contexts of 1 processes"), "{error}");
    assert_eq!(
        start(7),
        Verdict::Allow,
        "a pool of contexts does not fill up with the dead"
    );
    assert_eq!(get(7), Verdict::Allow);
    live.ended("Server", 7);
    live.ended("Server", 8);
    live.replace(program("request { grant () }")).unwrap();
}

#[test]
fn a_replacement_that_would_lose_a_context_is_refused() {
    let (live, _) = live(FLOW);
    assert_eq!(live.execute("linuxcompat.Supervisor", "Server", 0), Verdict::Allow);
    let error = live.replace(program("request { grant () }")).unwrap_err().to_string();
    assert!(
        error.contains("the object `f` keeps contexts of 1 processes"),
        "{error}"
    );
    let other = FLOW.replace("initial : \"a\"", "initial : \"b\"");
    assert!(live.replace(program(&other)).is_err(), "the same name, another machine");
    assert_eq!(get(&live, "Client", 1), Verdict::Allow, "the old policy goes on");
}

#[test]
fn verdicts_while_replacing_are_by_one_policy_or_the_other() {
    // The old one grants lines below 5, the new one those from 5 on; a mixture would grant both or
    // none of two questions asked at once about the same line, so each answer is checked by parity
    // of what both can say.
    let (old, new) = (
        "request dst=Server endpoint=gpio method=Get { deny (message.line >= 5) deny (message.line == 7) }",
        "request dst=Server endpoint=gpio method=Get { deny (message.line < 5) deny (message.line == 7) }",
    );
    let (live, _) = live(old);
    let asker = live.clone();
    let thread = std::thread::spawn(move || {
        for _ in 0..2000 {
            assert_eq!(get(&asker, "Client", 7), Verdict::Deny, "both deny it");
            assert_eq!(get(&asker, "Stranger", 1), Verdict::Deny, "both deny it");
        }
    });
    for round in 0..50 {
        live.replace(program(if round % 2 == 0 { new } else { old })).unwrap();
        let (granted, denied) = if round % 2 == 0 { (6, 1) } else { (1, 6) };
        assert_eq!(get(&live, "Client", granted), Verdict::Allow);
        assert_eq!(get(&live, "Client", denied), Verdict::Deny);
    }
    thread.join().unwrap();
}

#[test]
fn rules_know_whether_they_were_used() {
    let (live, _) = live(RULES);
    let used = |live: &Live| live.rules().iter().filter(|rule| rule.is_used).count();
    assert_eq!((live.rules().len(), used(&live)), (3, 0));
    assert_eq!(get(&live, "Client", 1), Verdict::Allow);
    assert_eq!(used(&live), 1);
    live.replace(program(RULES)).unwrap();
    assert_eq!(used(&live), 1);
}

/// However many domains a policy has, a message is looked up in four places at the most: the lists
/// of rules found there do not grow.
#[test]
fn tables_are_flat() {
    let make = |count: usize| {
        let mut rules = String::new();
        for i in 0..count {
            rules += &format!(
                "use EDL D{i}\nrequest src=D{i} dst=Server endpoint=gpio method=Get {{ assert (message.line \
                 == {i}) }}\n"
            );
        }
        program(&rules)
    };
    for count in [1, 50, 200] {
        let policy = make(count);
        assert_eq!(policy.entries(), count);
        assert!(policy.tables.values().all(|nodes| nodes.len() == 1));
    }
}
