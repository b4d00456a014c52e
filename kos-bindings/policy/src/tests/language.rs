// SPDX-License-Identifier: MIT OR Apache-2.0
//! Selectors, sections, expressions: what covers what.

use super::{holds, passes, program};
use crate::{Endpoint, Loaded, World, compile};

const GET: &str = "request src=Client dst=Server interface=linuxcompat.Gpio method=Get";

#[test]
fn what_no_rule_covers_is_denied() {
    holds("", &format!("deny {GET} {{}}"));
    holds("request src=Other { grant () }", &format!("deny {GET} {{}}"));
    holds("response { grant () } error { grant () }", &format!("deny {GET} {{}}"));
    holds("request { }", &format!("deny {GET} {{}}"));
}

#[test]
fn any_denial_wins() {
    for rules in [
        "request { grant () } request src=Client { deny () }",
        "request src=Client { deny () } request { grant () }",
        "request dst=Server { deny () } request src=Client dst=Server { grant () }",
        "request src=Client { grant () match method=Get { deny () } }",
        "request { grant () deny (true) }",
        "request { assert (1 == 1) assert (1 == 2) }",
    ] {
        holds(rules, &format!("deny {GET} {{}}"));
    }
    holds("request { grant () deny (false) }", &format!("{GET} {{}}"));
}

#[test]
fn selectors_narrow() {
    let rules = "request src=Client, dst=Server, interface=linuxcompat.Gpio { match method=Get { grant () } }";
    let same = |rest: &str| format!("src=Client dst=Server interface=linuxcompat.Gpio method={rest}");
    holds(
        rules,
        &format!(
            "request {} {{line : 3}} deny request {} {{}} deny response {} {{}}
             deny request src=Other dst=Server interface=linuxcompat.Gpio method=Get {{}}
             deny request src=Client dst=Other interface=linuxcompat.Gpio method=Get {{}}",
            same("Get"),
            same("Set"),
            same("Get")
        ),
    );
}

#[test]
fn an_answer_goes_from_the_server_to_the_client() {
    holds(
        "response src=Server dst=Client { assert (message.value == 1) }
         error src=Server dst=Client { grant () }"
            .replace("Client {", "Client interface=linuxcompat.Gpio method=Get {")
            .as_str(),
        "grant \"high\" response src=Server dst=Client interface=linuxcompat.Gpio method=Get {value : 1}
         deny \"low\" response src=Server dst=Client interface=linuxcompat.Gpio method=Get {value : 0}
         deny response src=Client dst=Server interface=linuxcompat.Gpio method=Get {value : 1}
         error src=Server dst=Client interface=linuxcompat.Gpio method=Get {errno : -22}",
    );
}

#[test]
fn messages_are_read_by_their_fields() {
    let xfer = "request src=Client dst=Server endpoint=i2c method=Xfer";
    let rules = format!(
        "{xfer} {{ assert (message.msgs.[0].addr == 0x53 && message.msgs.[1].flags == 1) }}
         request src=Client dst=Server endpoint=firmware method=Size {{ assert (message.name == \"a.bin\") }}
         response src=Server dst=Client endpoint=chardev method=Ioctl {{ assert (message.result < -1) }}"
    );
    holds(
        &rules,
        &format!(
            "{xfer} {{msgs : [{{addr : 0x53}}, {{addr : 1, flags : 1}}], wdata : [1, 2]}}
             deny \"the flag\" {xfer} {{msgs : [{{addr : 0x53}}, {{}}]}}
             deny \"no second item\" {xfer} {{msgs : [{{addr : 0x53}}]}}
             deny \"none at all\" {xfer} {{}}
             Client ~> Server : firmware.Size {{name : \"a.bin\"}}
             deny request src=Client dst=Server endpoint=firmware method=Size {{name : \"a.bi\"}}
             response src=Server dst=Client endpoint=chardev method=Ioctl {{result : -2}}
             deny response src=Server dst=Client endpoint=chardev method=Ioctl {{result : 2}}"
        ),
    );
}

#[test]
fn operators_and_auxiliary_expressions() {
    for (expr, is) in [
        ("1 + 2 * 3 == 7", true),
        ("(1 + 2) * 3 == 9", true),
        ("2 - 3 == -1", true),
        ("0x10 | 3 == 19", true),
        ("0o17 & 9 == 9", true),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2", true),
        ("false || ! false", true),
        ("true ==> false", false),
        ("false ==> false ==> false", true),
        ("math.neg (5) == -5 && math.abs (-5) == 5", true),
        ("math.sum ([]) == 0 && math.product ([]) == 1", true),
        ("math.sum ([1, 2, 3]) == 6 && math.product ([2, 3]) == 6", true),
        ("math.uint32 (5) == 5", true),
        ("math.uint8 (256) == 256", false),
        ("18446744073709551615 + 1 > 0", false),
        ("bool.all ([]) && ! bool.any ([])", true),
        ("bool.all ([true, false])", false),
        ("bool.any ([true, false])", true),
        ("bool.cond {if : 1 == 1, then : 2, else : 3} == 2", true),
        ("bool.cond {if : 1 == 2, then : \"a\", else : \"b\"} == \"b\"", true),
        ("pred.empty (\"\") && pred.empty ([]) && pred.empty ()", true),
        ("\"a\" == \"b\"", false),
        ("src_sid == src_sid && src_sid != dst_sid", true),
    ] {
        let word = if is { "grant" } else { "deny" };
        holds(
            &format!("request {{ assert ({expr}) }}"),
            &format!("{word} \"{}\" {GET} {{}}", expr.replace('"', "'")),
        );
    }
}

#[test]
fn a_message_that_lies_within_its_layout_is_still_looked_at_whole() {
    let xfer = "request src=Client dst=Server interface=linuxcompat.I2c method=Xfer";
    let every = |what: &str| format!("use linuxcompat.each._\n{xfer} {{ assert (each.{what}) }}");
    let cases = |good: &str, bad: &str| {
        format!("{xfer} {{msgs : [{good}, {good}]}} deny {xfer} {{msgs : [{good}, {bad}]}} {xfer} {{}}")
    };
    holds(
        &every("equals {items : message.msgs, field : \"addr\", value : 0x53}"),
        &cases("{addr : 0x53}", "{addr : 0x54}"),
    );
    holds(
        &every("among {items : message.msgs, field : \"addr\", values : [0x53, 0x69]}"),
        &cases("{addr : 0x69}", "{addr : 0x54}"),
    );
    holds(
        &every("clear {items : message.msgs, field : \"flags\", mask : 0x10}"),
        &cases("{flags : 1}", "{flags : 0x11}"),
    );
}

#[test]
fn a_choice_takes_one_option() {
    let set = "request src=Client dst=Server endpoint=gpio method=Set";
    let rules = format!(
        "{set} {{ choice (message.line) {{ 0 : grant () 1 : {{ assert (message.value == 1) }} -1 : deny () }} }}
         request src=Client dst=Server endpoint=gpio method=Get \
         {{ choice (message.line == 2) {{ true : grant () _ : deny () }} }}"
    );
    holds(
        &rules,
        &format!(
            "{set} {{line : 0}} {set} {{line : 1, value : 1}} deny {set} {{line : 1}}
             deny \"no option fits\" {set} {{line : 2}}
             Client ~> Server : gpio.Get {{line : 2}} deny request src=Client dst=Server endpoint=gpio method=Get {{}}"
        ),
    );
}

#[test]
fn processes_are_started_under_the_policy() {
    passes(
        "execute src=linuxcompat.Supervisor dst=Server { grant () }
         assert \"start\" {
             setup { s <- execute dst=Server }
             sequence \"one\" { deny c <- execute dst=Client }
             sequence \"two\" { deny execute src=Client dst=Server }
             finally { any execute dst=Client }
         }",
    );
}

#[test]
fn a_failing_test_says_what_was_decided() {
    let rules = format!(
        "{GET} {{ assert (message.line == 1) }}\nassert \"set\" {{ sequence \"seq\" {{ {GET} {{line : 2}} }} }}"
    );
    let results = program(&rules).run_tests().unwrap();
    let [result] = &results[..] else { panic!("one test") };
    assert_eq!((result.set.as_str(), result.name.as_str()), ("set", "seq"));
    let [failure] = &result.failures[..] else {
        panic!("one failure")
    };
    assert_eq!(failure.expected, "granted");
    assert_eq!(
        failure.record.text(),
        "policy: denied request Client → Server linuxcompat.Gpio.Get {\"line\":2}: the condition does not \
         hold (p.psl:6)"
    );
}

#[test]
fn components_and_endpoints_are_those_of_the_class() {
    let interface = kos_bindings::idl::gpio::RIID;
    let interface = kos_bindings::idl::interface(interface).unwrap();
    let spi = kos_bindings::idl::interface(kos_bindings::idl::spi::RIID).unwrap();
    let endpoint = |component: &str, name: &str, interface| Endpoint {
        class: Some("Server".to_owned()),
        component: Some(component.to_owned()),
        name: name.to_owned(),
        interface,
    };
    let world = || World {
        interfaces: vec![interface, spi],
        endpoints: vec![
            endpoint("Lines", "lines.gpio", interface),
            endpoint("Bus", "bus.spi", spi),
        ],
    };
    let make = |rules: &str| compile(&Loaded::text("p", rules).unwrap(), world());
    let head = "use nk.base._ use EDL Server use EDL Client\n";
    let policy = make(&format!("{head} request dst=Server component=Lines {{ grant () }}")).unwrap();
    let asks = |rest: &str| {
        policy
            .explain(&format!("request src=Client dst=Server {rest}"))
            .unwrap()
            .granted
    };
    assert!(asks("endpoint=lines.gpio method=Get"));
    assert!(!asks("endpoint=bus.spi method=Transfer"));
    let error = make(&format!("{head} request dst=Client endpoint=lines.gpio {{ grant () }}")).unwrap_err();
    assert_eq!(error.to_string(), "p:2:30: there is no endpoint `lines.gpio` here");
    let mut twins = world();
    twins.endpoints.push(endpoint("More", "more.gpio", interface));
    let text = format!("{head} request dst=Server endpoint=lines.gpio {{ grant () }}");
    let error = compile(&Loaded::text("p", &text).unwrap(), twins).unwrap_err();
    assert!(error.message.contains("cannot be told apart"), "{error}");
}

#[test]
fn a_difference_is_by_interaction() {
    let old = program(&format!(
        "{GET} {{ grant () }} request src=Client dst=Server endpoint=gpio method=Set {{ grant () }}"
    ));
    let new = program(&format!(
        "{GET} {{ assert (message.line == 1) }} execute dst=Server {{ grant () }}"
    ));
    let lines: Vec<_> = crate::diff(&old, &new)
        .into_iter()
        .map(|change| format!("{}: {:?} → {:?}", change.interaction, change.before, change.after))
        .collect();
    assert_eq!(
        lines,
        [
            "execute * → Server: [] → [\"grant ()\"]",
            "request Client → Server linuxcompat.Gpio.Get: [\"grant ()\"] → [\"assert (message.line == 1)\"]",
            "request Client → Server linuxcompat.Gpio.Set: [\"grant ()\"] → []",
        ]
    );
    assert!(crate::diff(&old, &old).is_empty());
}

#[test]
fn a_difference_shows_choices_as_written_and_objects_that_decide_otherwise() {
    let policy = |target: &str, option: &str| {
        program(&format!(
            "use nk.flow._ policy object f : Flow {{ type State = \"a\" | \"b\"
             config = {{ states : [\"a\", \"b\"], initial : \"a\", transitions : {{ \"a\" : [\"{target}\"] }} }} }}
             {GET} {{ choice (message . line) {{ {option} : f.enter {{sid : dst_sid, state : \"b\"}} _ : deny () }} }}
             request dst=Server endpoint=gpio method=Set {{ grant () }}"
        ))
    };
    let changes = crate::diff(&policy("b", "1"), &policy("a", "1"));
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(change.before, change.after);
    assert_eq!(change.objects, ["f"], "the same rule, another machine");
    let changes = crate::diff(&policy("b", "1"), &policy("b", "2"));
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(
        change.after,
        [
            "choice (message . line)",
            "2 :",
            "f.enter {sid : dst_sid, state : \"b\"}",
            "_ :",
            "deny ()"
        ]
    );
    assert!(change.objects.is_empty());
}

#[test]
fn what_decides_is_told_from_what_stands_on_the_same_line() {
    let policy = program(&format!(
        "{GET} {{ assert (message.line == 1) deny (message.line == 2) grant () }}"
    ));
    let decided = |line: u32| {
        let record = policy.explain(&format!("{GET} {{line : {line}}}")).unwrap();
        (record.granted, record.text.unwrap())
    };
    assert_eq!(decided(1), (true, "grant ()".to_owned()));
    assert_eq!(decided(2), (false, "assert (message.line == 1)".to_owned()));
}

#[test]
fn endpoints_are_called_as_in_the_classes_that_have_them() {
    let head = "use nk.base._ use EDL server.I2c0 use EDL driver.A use EDL kl.core.Core\n";
    let make = |rules: &str| compile(&Loaded::text("p", &format!("{head}{rules}")).unwrap(), World::hosted());
    for (rules, message) in [
        (
            "request dst=server.I2c0 endpoint=bus.i2c { grant () }",
            "driver.A ~> server.I2c0 : bus.i2c.Functionality {}",
        ),
        (
            "request dst=server.I2c0 component=linuxcompat.I2cBus { grant () }",
            "request src=driver.A dst=server.I2c0 component=linuxcompat.I2cBus method=Functionality",
        ),
        (
            "request dst=kl.core.Core endpoint=io.IO method=RegisterIrq { assert (message.irq == 7) }",
            "driver.A ~> kl.core.Core : io.IO.RegisterIrq {irq : 7}",
        ),
        (
            "request dst=driver.A endpoint=sysfs { grant () }",
            "request src=server.I2c0 dst=driver.A endpoint=sysfs interface=linuxcompat.Sysfs method=List",
        ),
    ] {
        let policy = make(rules).unwrap_or_else(|error| panic!("{error}"));
        let record = policy.explain(message).unwrap_or_else(|error| panic!("{error}"));
        assert!(record.granted, "{}", record.text());
    }
    let error = make("request dst=server.I2c0 endpoint=io.IO { grant () }").unwrap_err();
    assert_eq!(
        error.to_string(),
        "p:2:34: there is no endpoint `io.IO` here",
        "the kernel's alone"
    );
}
