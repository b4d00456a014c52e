// SPDX-License-Identifier: MIT OR Apache-2.0
//! The models with contexts: what their rules grant, what they refuse, and what is taken back.

use super::{holds, try_program};

const FLOW: &str = "use nk.flow._
policy object f : Flow {
    type State = \"sleep\" | \"started\" | \"stopped\"
    config = { states : [\"sleep\", \"started\", \"stopped\"], initial : \"sleep\",
               transitions : { \"sleep\" : [\"started\"], \"started\" : [\"stopped\"] } }
}
execute dst=Server { f.init {sid : dst_sid} }
";

/// One rule for each method of Gpio, to be called as `Client ~> Server : gpio.X {}`.
fn gpio(rules: &[(&str, &str)]) -> String {
    let one =
        |(method, rule): &(&str, &str)| format!("request dst=Server endpoint=gpio method={method} {{ {rule} }}\n");
    rules.iter().map(one).collect()
}

#[test]
fn flow_moves_along_its_transitions_only() {
    let rules = gpio(&[
        ("Get", "f.enter {sid : dst_sid, state : \"started\"}"),
        ("Set", "f.enter {sid : dst_sid, state : \"stopped\"}"),
        ("Lines", "f.allow {sid : dst_sid, states : [\"started\", \"stopped\"]}"),
        (
            "Direction",
            "choice (f.query {sid : dst_sid}) { \"sleep\" : grant () _ : deny () }",
        ),
        ("SetDirection", "f.fini {sid : dst_sid}"),
    ]);
    let ask =
        |word: &str, method: &str| format!("{word} request src=Client dst=Server endpoint=gpio method={method} {{}}\n");
    let g = |method| ask("grant", method);
    let d = |method| ask("deny", method);
    // Before the start there is no machine: every rule and expression of it denies.
    let none = [d("Get"), d("Set"), d("Lines"), d("Direction"), d("SetDirection")].concat();
    let some = [
        g("Direction"),
        d("Lines"),
        d("Set"),
        g("Get"),
        d("Direction"),
        g("Lines"),
        d("Get"),
        g("Set"),
        g("Lines"),
        g("SetDirection"),
    ]
    .concat();
    holds(
        &format!("{FLOW}{rules}"),
        &format!("{none} s <- execute dst=Server {some} {none}"),
    );
    // Each start is a new process with a new machine.
    let twice = format!("execute dst=Server {} execute dst=Server {}", g("Get"), g("Direction"));
    holds(&format!("{FLOW}{rules}"), &twice);
}

#[test]
fn what_is_denied_changes_nothing() {
    let rules = gpio(&[
        (
            "Get",
            "f.enter {sid : dst_sid, state : \"started\"} deny (message.line == 1)",
        ),
        ("Lines", "f.allow {sid : dst_sid, states : [\"sleep\"]}"),
    ]);
    holds(
        &format!("{FLOW}{rules}"),
        "execute dst=Server
         deny \"the second rule\" request src=Client dst=Server endpoint=gpio method=Get {line : 1}
         Client ~> Server : gpio.Lines {}
         Client ~> Server : gpio.Get {}
         deny request src=Client dst=Server endpoint=gpio method=Lines {}",
    );
    // A start that is denied forgets nothing of the process that runs.
    holds(
        &format!("{FLOW}{rules} execute src=Client {{ deny () }}"),
        "execute dst=Server
         Client ~> Server : gpio.Get {}
         deny execute src=Client dst=Server
         deny request src=Client dst=Server endpoint=gpio method=Lines {}",
    );
}

#[test]
fn hash_sets_have_a_size_and_pools_an_end() {
    let object = "use nk.hashmap._
        policy object s : HashSet { type Entry = UInt32 config = { set_size : 2, pool_size : 1 } }
        execute { s.init {sid : dst_sid} }";
    let rules = gpio(&[
        ("Set", "s.add {sid : dst_sid, entry : message.line}"),
        ("SetDirection", "s.remove {sid : dst_sid, entry : message.line}"),
        ("Get", "assert (s.contains {sid : dst_sid, entry : message.line})"),
        ("Lines", "s.fini {sid : dst_sid}"),
    ]);
    let ask = |word: &str, method: &str, line: u32| {
        format!("{word} request src=Client dst=Server endpoint=gpio method={method} {{line : {line}}}\n")
    };
    let (g, d) = (|m, l| ask("grant", m, l), |m, l| ask("deny", m, l));
    let cases = [
        d("Set", 1),
        d("Get", 1),
        "execute dst=Server deny \"the pool\" execute dst=Client ".to_owned(),
        d("Get", 1),
        g("Set", 1),
        g("Set", 1),
        g("Set", 2),
        d("Set", 3),
        g("Get", 2),
        g("SetDirection", 2),
        g("SetDirection", 2),
        d("Get", 2),
        g("Set", 3),
    ]
    .concat();
    let end = "Client ~> Server : gpio.Lines {} execute dst=Client";
    holds(&format!("{object}{rules}"), &format!("{cases}{end}"));
}

#[test]
fn static_maps_have_two_instances() {
    let object = "use nk.staticmap._
        policy object m : StaticMap { type Value = UInt32 config = { keys : { \"a\" : 7, \"b\" : 0 }, pool_size : 2 } }
        execute { m.init {sid : dst_sid} }";
    let rules = gpio(&[
        ("Set", "m.set {sid : dst_sid, key : \"a\", value : message.line}"),
        ("Get", "assert (m.get {sid : dst_sid, key : \"a\"} == message.line)"),
        (
            "Direction",
            "assert (m.get_uncommitted {sid : dst_sid, key : \"a\"} == message.line)",
        ),
        (
            "SetDirection",
            "choice (message.line) { 0 : m.commit {sid : dst_sid} _ : m.rollback {sid : dst_sid} }",
        ),
    ]);
    let ask = |method: &str, line: u32| {
        format!("grant request src=Client dst=Server endpoint=gpio method={method} {{line : {line}}}\n")
    };
    let cases = [
        "deny request src=Client dst=Server endpoint=gpio method=Set {} execute dst=Server ".to_owned(),
        ask("Get", 7),
        ask("Set", 9),
        ask("Get", 7),
        ask("Direction", 9),
        ask("SetDirection", 1),
        ask("Direction", 7),
        ask("Set", 8),
        ask("SetDirection", 0),
        ask("Get", 8),
    ]
    .concat();
    holds(&format!("{object}{rules}"), &cases);
}

#[test]
fn integrity_flows_downwards() {
    let object = "use nk.mic._
        policy object mic : Mic { config = [\"LOW\", \"MEDIUM\", \"HIGH\"] }
        execute dst=Server { mic.execute {image : (), target : dst_sid, level : \"HIGH\", levelR : ()} }
        execute dst=Client { mic.execute {image : (), target : dst_sid, level : \"LOW\", levelR : ()} }
        execute dst=Other { mic.execute {image : (), target : dst_sid, level : \"HIGH\", levelR : \"LOW\"} }
        request interface=linuxcompat.Gpio { match method=Get { mic.call {source : src_sid, target : dst_sid} }
            match method=Set { mic.invoke {source : src_sid, target : dst_sid} }
            match method=Lines { choice (mic.query_level {source : src_sid}) { \"HIGH\" : grant () } } }";
    let ask = |word: &str, src: &str, dst: &str, method: &str| {
        format!("{word} request src={src} dst={dst} interface=linuxcompat.Gpio method={method} {{}}\n")
    };
    let start = "execute dst=Server execute dst=Client execute dst=Other ";
    let cases = [
        ask("deny", "Client", "Server", "Get"),
        ask("deny", "Client", "Server", "Lines"),
        start.to_owned(),
        // `call`: data comes back from the target.
        ask("grant", "Client", "Server", "Get"),
        ask("deny", "Server", "Client", "Get"),
        ask("grant", "Other", "Client", "Get"),
        // `invoke`: data goes to the target.
        ask("deny", "Client", "Server", "Set"),
        ask("grant", "Server", "Client", "Set"),
        ask("grant", "Server", "Server", "Lines"),
        ask("deny", "Client", "Server", "Lines"),
    ]
    .concat();
    holds(object, &cases);
}

#[test]
fn integrity_of_resources_is_bounded_by_those_who_make_them() {
    // Levels with categories: some cannot be compared. The resource is the third process.
    let make = |level: &str| {
        format!(
            "use nk.mic._
            policy object mic : Mic {{ config = {{ degrees : [\"low\", \"high\"], categories : [\"net\", \"log\"] }} }}
            execute dst=Server {{ mic.execute {{image : (), target : dst_sid, levelR : (),
                level : {{degree : \"high\", categories : [\"net\"]}}}} }}
            execute dst=Other {{ mic.create {{source : src_sid, target : dst_sid, container : (), driver : src_sid,
                level : {level}}} }}
            request src=Server dst=Other interface=linuxcompat.Gpio {{
                match method=Set {{ mic.upgrade {{source : src_sid, target : dst_sid, container : (), driver : src_sid,
                    level : {{degree : \"high\", categories : [\"net\"]}}}} }}
                match method=Get {{ mic.delete {{source : src_sid, target : dst_sid, \
                    container : (), driver : src_sid}} }}
            }}"
        )
    };
    let ask =
        |word: &str, method: &str| format!("{word} request src=Server dst=Other endpoint=gpio method={method} {{}}\n");
    for (level, word) in [
        ("\"low\"", "grant"),
        ("{degree : \"high\", categories : [\"net\"]}", "grant"),
        ("{degree : \"low\", categories : [\"log\"]}", "deny"),
        ("{degree : \"high\", categories : [\"net\", \"log\"]}", "deny"),
    ] {
        holds(
            &make(level),
            &format!("execute dst=Server {word} execute src=Server dst=Other"),
        );
    }
    let cases = [
        "deny execute src=Server dst=Other execute dst=Server ".to_owned(),
        ask("deny", "Get"),
        "execute src=Server dst=Other ".to_owned(),
        ask("grant", "Set"),
        ask("deny", "Set"),
        ask("grant", "Get"),
        ask("deny", "Get"),
    ]
    .concat();
    holds(&make("\"low\""), &cases);
}

#[test]
fn models_that_are_misused_are_refused_with_their_place() {
    let flow = |what: &str| format!("{FLOW}request dst=Server endpoint=gpio {{ {what} }}");
    let set =
        "use nk.hashmap._\npolicy object s : HashSet { type Entry = UInt8 config = { set_size : 2, pool_size : 1 } }\n";
    let map = "use nk.staticmap._\npolicy object m : StaticMap { type Value = UInt8 config = { keys : {a : \
     1}, pool_size : 1 } }\n";
    let mic = "use nk.mic._\npolicy object i : Mic { config = [\"LOW\", \"HIGH\"] }\n";
    for (text, message) in [
        (
            flow("f.enter {sid : dst_sid, state : \"gone\"}"),
            "\"gone\" is no state; there are sleep, started, stopped",
        ),
        (
            flow("f.enter {sid : dst_sid}"),
            "the field `state` is missing: expected {sid : …, state : …}",
        ),
        (
            flow("f.enter {sid : 5, state : \"sleep\"}"),
            "expected a security id, found a number",
        ),
        (flow("f.query {sid : dst_sid}"), "the model Flow has no rule `query`"),
        (
            flow("assert (f.allow {sid : dst_sid})"),
            "the model Flow has no expression `allow`",
        ),
        (
            flow("choice (f.query {sid : dst_sid}) { \"gone\" : grant () }"),
            "the value is never \"gone\"",
        ),
        (
            format!("{set}request {{ s.add {{sid : src_sid, entry : 256}} }}"),
            "256 is not between 0 and 255",
        ),
        (
            format!("{set}request {{ s.add {{sid : src_sid, entry : \"a\"}} }}"),
            "expected a number, found a text",
        ),
        (
            format!("{set}request {{ s.add {{sid : src_sid, sid : src_sid}} }}"),
            "`sid` stands here twice",
        ),
        (
            format!("{set}request {{ s.add {{sid : src_sid, entri : 1}} }}"),
            "unknown field `entri`",
        ),
        (
            format!("{map}request {{ m.set {{sid : src_sid, key : \"b\", value : 1}} }}"),
            "there is no key \"b\"",
        ),
        (
            format!("{map}request {{ m.set {{sid : src_sid, key : \"a\", value : 999}} }}"),
            "999 is not between",
        ),
        (
            format!(
                "{mic}execute {{ i.execute {{image : (), target : dst_sid, level : \"MID\", levelR : ()}} \
         }}"
            ),
            "\"MID\" is no degree",
        ),
        (
            format!(
                "{mic}execute {{ i.execute {{image : (), target : dst_sid, level : (), levelR : ()}} \
         }}"
            ),
            "is not public",
        ),
        (
            format!(
                "{mic}execute {{ i.execute {{image : dst_sid, target : dst_sid, level : \"LOW\", levelR : \
         ()}} }}"
            ),
            "image files have no security id",
        ),
        (
            format!("{mic}request {{ i.fly {{source : src_sid}} }}"),
            "the model Mic has no rule `fly`",
        ),
        (
            "policy object f : Flow { }".into(),
            "the model Flow is not included: `use nk.flow._`",
        ),
        (
            "policy object f : Regex { }".into(),
            "the model Regex is not implemented",
        ),
        ("policy object base : Base { }".into(), "`base` is already declared"),
        (
            "policy object b : Base { config = 1 }".into(),
            "the model Base has no configuration",
        ),
        (
            "use nk.flow._ policy object f : Flow { config = {} }".into(),
            "the field `states` is missing",
        ),
        (
            "use nk.flow._ policy object f : Flow { type State = \"a\" }".into(),
            "`f` lacks its `config`",
        ),
        (
            "use nk.flow._ policy object f : Flow { type State = \"a\" config = { states : [\"b\"], initial : \
         \"b\", transitions : {} } }"
                .into(),
            "`State` and `states` must name the same states",
        ),
        (
            "use nk.flow._ policy object f : Flow { type State = \"a\" config = { states : [\"a\", \"a\"], \
         initial : \"a\", transitions : {} } }"
                .into(),
            "stands here twice",
        ),
        (
            "use nk.hashmap._ policy object s : HashSet { type Entry = Text config = { set_size : 2, pool_size \
         : 1 } }"
                .into(),
            "`Entry` is one integer type",
        ),
        (
            "use nk.hashmap._ policy object s : HashSet { type Entry = UInt8 config = { set_size : 0, pool_size \
         : 1 } }"
                .into(),
            "a size is from 1 to 65535",
        ),
        (
            "use nk.staticmap._ policy object m : StaticMap { type Value = UInt8 config = { keys : {a : 256}, \
         pool_size : 1 } }"
                .into(),
            "256 is not between 0 and 255",
        ),
        (
            "use nk.mic._ policy object i : Mic { config = [] }".into(),
            "there is at least one degree",
        ),
        (
            "policy object p : Pred { }".into(),
            "the model Pred has one object, which is there",
        ),
    ] {
        let error = try_program(&text).expect_err(&text);
        assert!(error.message.contains(message), "{text}\n{error}");
        assert!(
            error.place.line > super::HEAD_LINES && error.place.column > 1,
            "{text}\n{error}"
        );
    }
}
