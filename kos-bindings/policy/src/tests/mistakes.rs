// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of mistake, with its place and the whole message.

use super::{HEAD_LINES, try_program};

/// A text behind the head, the line and column of its mistake, and what is said of it.
#[track_caller]
fn refused(text: &str, line: usize, column: usize, message: &str) {
    let error = try_program(text).expect_err(text);
    assert_eq!(
        (error.place.line, error.place.column),
        (HEAD_LINES + line, column),
        "{text}\n{error}"
    );
    assert_eq!(error.message, message, "{text}");
}

#[test]
fn syntax() {
    refused(
        "requests { }",
        1,
        1,
        "expected `use`, `policy object`, `audit`, `execute`, `request`, `response`, `error`, \
         `security` or `assert`, found `requests`",
    );
    refused(
        "request src=Client {\n    grant ()\n",
        3,
        1,
        "expected a rule, `match`, `choice` or `}`, found the end of the file",
    );
    refused("request src Client { }", 1, 13, "expected `=`, found `Client`");
    refused(
        "request sorc=Client { }",
        1,
        9,
        "expected a selector or `{`, found `sorc`",
    );
    refused(
        "request src=Client src=Other { }",
        1,
        20,
        "this selector stands here twice",
    );
    refused("request src=Client, { }", 1, 21, "expected a selector, found `{`");
    refused("request src= { }", 1, 14, "expected a name, found `{`");
    refused(
        "request { grant }",
        1,
        17,
        "expected an argument: `(…)` or `{…}`, found `}`",
    );
    refused("request { grant ( }", 1, 19, "expected an expression, found `}`");
    refused("request { assert (1 ==) }", 1, 23, "expected an expression, found `)`");
    refused("request { assert (1 = 1) }", 1, 21, "expected `)`, found `=`");
    refused(
        "request { assert (1 < 2 < 3) }",
        1,
        25,
        "expected `&&`, `||`, `==>` or `)`: comparisons do not chain, found `<`",
    );
    refused(
        "request { assert (18446744073709551616 > 0) }",
        1,
        19,
        "expected a number below 2^64, found `18446744073709551616`",
    );
    refused(
        "request { assert (\"a == 1) }\n",
        1,
        19,
        "a text ends on the line where it begins, with `\"`",
    );
    refused(
        "request { assert (\"\\q\") }",
        1,
        19,
        "a text knows `\\\"`, `\\\\`, `\\n` and `\\t` only",
    );
    refused(
        "request { a.b.c () }",
        1,
        17,
        "expected an argument: `(…)` or `{…}`, after `rule` or `object.rule`, found `(`",
    );
    refused("request { match { } }", 1, 17, "expected a selector, found `{`");
    refused(
        "request { choice message.x { } }",
        1,
        18,
        "expected `(`, found `message`",
    );
    refused(
        "request { choice (1) { x : grant () } }",
        1,
        24,
        "expected a text, a number, `true`, `false`, `_` or `}`, found `x`",
    );
    refused(
        "request { choice (1) { 1 grant () } }",
        1,
        26,
        "expected `:`, found `grant`",
    );
    refused(
        "request { grant () audit empty }",
        1,
        20,
        "`audit` stands first between the braces, once",
    );
    refused(
        "request { /* } ",
        1,
        11,
        "expected a rule, `match`, `choice` or `}`, found `/`",
    );
    refused(
        "use nk.base",
        1,
        12,
        "a file is included whole: its name ends with `._`",
    );
    refused("use EDL", 1, 8, "expected a class, found the end of the file");
    refused("policy f : Flow { }", 1, 8, "expected `object`, found `f`");
    refused(
        "policy object f : Flow { states = 1 }",
        1,
        26,
        "expected `type`, `config` or `}`, found `states`",
    );
    refused(
        "policy object f : Flow { type State = {} }",
        1,
        39,
        "dictionaries, tuples and `()` as a model's type are not implemented",
    );
    refused(
        "audit trace = {}",
        1,
        7,
        "expected `default` or `profile`, found `trace`",
    );
    refused(
        "audit default = trace x",
        1,
        23,
        "expected a number below 2^64, found `x`",
    );
    refused("audit profile trace = 5", 1, 23, "expected `{`, found `5`");
    refused(
        "assert { setup { } setup { } }",
        1,
        20,
        "expected `setup`, then `sequence`s, then `finally`, or `}`, found `setup`",
    );
    refused(
        "assert { sequence { perhaps request } }",
        1,
        29,
        "expected `<-` or `~>`, found `request`",
    );
    refused(
        "assert { sequence { s <- request } }",
        1,
        26,
        "expected `execute`, found `request`",
    );
    refused(
        "assert { sequence { a ~> b : Method {} } }",
        1,
        37,
        "expected `.Method`, found `{`",
    );
    refused(
        "@INIT_EXTERNAL_ENTITIES@",
        1,
        1,
        "templates (`@…@`, `{% … %}`) are for the build system of the SDK: it must fill them in before",
    );
    refused(
        "{% if BOARD %}",
        1,
        1,
        "templates (`@…@`, `{% … %}`) are for the build system of the SDK: it must fill them in before",
    );
    refused(
        "type T = UInt8",
        1,
        1,
        "this declaration is not public outside of `policy object`, and so not implemented",
    );
}

#[test]
fn what_an_event_of_a_test_does_not_have() {
    #[track_caller]
    fn refused(case: &str, column: usize, message: &str) {
        let error = super::program("").explain(case).expect_err(case);
        assert_eq!((error.place.line, error.place.column), (1, column), "{case}\n{error}");
        assert_eq!(error.message, message, "{case}");
    }
    refused(
        "execute dst=Server interface=linuxcompat.Gpio method=Get",
        30,
        "`interface=`: an `execute` event has no methods but kl.core.Execute's",
    );
    refused(
        "execute dst=Server {line : 1}",
        20,
        "an `execute` event has no fields here",
    );
    refused(
        "security src=Client dst=Server interface=linuxcompat.Log method=Write",
        25,
        "`dst=`: a `security` event has no receiver",
    );
    let get = "request src=Client dst=Server method=Get";
    refused(
        &format!("{get} interface=linuxcompat.Gpio endpoint=spi"),
        78,
        "`spi` does not offer that interface",
    );
    refused(&format!("{get} endpoint=gpo"), 51, "there is no endpoint `gpo`");
    refused(
        &format!("{get} endpoint=gpio component=linuxcompat.I2cBus"),
        66,
        "there is no component `linuxcompat.I2cBus`",
    );
}

#[test]
fn what_can_never_be_meant() {
    let get = "request dst=Server endpoint=gpio method=Get {\n choice (message.line) {\n";
    refused(
        &format!("{get}1 : grant () 0x1 : deny () }} }}"),
        3,
        14,
        "this option stands here twice",
    );
    let flow = |states: &str, transitions: &str| {
        format!(
            "use nk.flow._\npolicy object f : Flow {{ type State = {states}\nconfig = {{ states : [\"a\"], initial : \
             \"a\",\ntransitions : {{ {transitions} }} }} }}"
        )
    };
    refused(&flow("\"a\" | \"a\"", ""), 2, 45, "the state \"a\" stands here twice");
    refused(
        &flow("\"a\"", "\"a\" : [], \"a\" : []"),
        4,
        27,
        "the state \"a\" stands here twice",
    );
    refused(
        "policy object message : Base {}",
        1,
        15,
        "`message` means something else in rules",
    );
    refused(
        "request { grant\0() }",
        1,
        16,
        "expected an argument: `(…)` or `{…}`, found `\\u{0}`",
    );
}

#[test]
fn names_and_types() {
    let gpio = |rule: &str| format!("request dst=Server\n  endpoint=gpio method=Get {{ {rule} }}");
    refused(
        "request src=Klient { grant () }",
        1,
        13,
        "the class `Klient` is not declared: `use EDL Klient`",
    );
    refused(
        "request interface=linuxcompat.Gpo { grant () }",
        1,
        19,
        "there is no interface `linuxcompat.Gpo`; there are linuxcompat.I2c, linuxcompat.Spi, linuxcompat.Gpio, \
         linuxcompat.Firmware, linuxcompat.Log, linuxcompat.Clock, linuxcompat.Epitaph, \
         linuxcompat.Sysfs, linuxcompat.Chardev, linuxcompat.Control, linuxcompat.Socket, kl.core.VMM, \
         kl.core.IO, kl.core.Handle, kl.core.CM, kl.core.Notice, kl.core.IPC",
    );
    refused(
        "request interface=linuxcompat.Gpio method=Git { grant () }",
        1,
        43,
        "no such method with a message of this kind: `Git`",
    );
    refused(
        "error interface=linuxcompat.Log { grant () }",
        1,
        17,
        "`linuxcompat.Log` has no messages of this kind",
    );
    refused(
        "request endpoint=gpo { grant () }",
        1,
        18,
        "there is no endpoint `gpo` here",
    );
    refused(
        "request component=Gpio { grant () }",
        1,
        19,
        "there is no component `Gpio` here",
    );
    refused(
        "request endpoint=gpio interface=linuxcompat.Spi { grant () }",
        1,
        18,
        "`gpio` does not offer that interface",
    );
    refused(
        "request src=Client { match src=Other { grant () } }",
        1,
        32,
        "`src=` stands further out already",
    );
    refused(
        "security dst=Server { grant () }",
        1,
        14,
        "`dst=`: a `security` event has no receiver",
    );
    refused(
        "execute method=Main { grant () }",
        1,
        16,
        "`method=`: an `execute` event has no methods but kl.core.Execute's",
    );
    refused(
        "execute dst=Server { assert (message.x == 1) }",
        1,
        30,
        "an `execute` event has no message",
    );
    refused(&gpio("grant (1)"), 2, 37, "`grant` takes `()`");
    refused(&gpio("allow ()"), 2, 30, "the model Base has no rule `allow`");
    refused(
        &gpio("x.grant ()"),
        2,
        30,
        "there is no object `x`; there are base, pred, bool, math, struct",
    );
    refused(&gpio("assert (1)"), 2, 38, "expected a Boolean, found a number");
    refused(
        &gpio("assert (1 == \"a\")"),
        2,
        43,
        "a text is not compared with a number",
    );
    refused(&gpio("assert (1 && true)"), 2, 38, "expected a Boolean, found a number");
    refused(
        &gpio("assert (true + 1 == 2)"),
        2,
        38,
        "expected a number, found a Boolean",
    );
    refused(
        &gpio("assert (message.lin == 1)"),
        2,
        46,
        "the request of linuxcompat.Gpio.Get has no field `lin`; it has line",
    );
    refused(
        &gpio("assert (message.line.x == 1)"),
        2,
        51,
        "there are no fields in it, so no `x`",
    );
    refused(
        &gpio("assert (message.line.[0] == 1)"),
        2,
        51,
        "there are no items in it",
    );
    refused(
        &gpio("assert (message == 1)"),
        2,
        38,
        "`message` is no value; its fields are: `message.name`",
    );
    refused(
        &gpio("assert (sid == 1)"),
        2,
        38,
        "`sid` is not known here: `message`, `src_sid` and `dst_sid` are",
    );
    refused(
        &gpio("assert (~1 == 1)"),
        2,
        38,
        "`~` is not implemented: how wide a literal is, is not public",
    );
    refused(
        &gpio("assert ([1] == 1)"),
        2,
        38,
        "a list stands only as the argument of a method",
    );
    refused(
        &gpio("assert (math.div (1))"),
        2,
        43,
        "the model Math has no expression `div`",
    );
    refused(
        &gpio("choice (src_sid) { 1 : grant () }"),
        2,
        38,
        "a choice is by a number, a Boolean or a text",
    );
    refused(
        &gpio("choice (1) { \"a\" : grant () }"),
        2,
        43,
        "expected a number, found a text",
    );
    refused(
        &gpio("choice (1) { _ : grant () 1 : grant () }"),
        2,
        56,
        "`_` is the last option",
    );
    refused(&gpio("audit none grant ()"), 2, 36, "there is no audit profile `none`");
    let xfer = |rule: &str| format!("use linuxcompat.each._ request endpoint=i2c method=Xfer {{\n{rule} }}");
    refused(
        &xfer("assert (message.msgs == 1)"),
        2,
        9,
        "name one item, as in `.[0]`, or use `each` for all",
    );
    refused(
        &xfer("assert (message.msgs.[64].addr == 1)"),
        2,
        22,
        "item 64 of 64 at the most",
    );
    refused(
        &xfer("assert (message.msgs.[0] == 1)"),
        2,
        9,
        "`Msg` is a struct: name one of its fields",
    );
    refused(
        &xfer("assert (message.wdata == 1)"),
        2,
        9,
        "bytes are only tested with `pred.empty`",
    );
    refused(
        &xfer("assert (each.equals {items : message.wdata, field : \"a\", value : 1})"),
        2,
        30,
        "expected a sequence of the message",
    );
    refused(
        &xfer("assert (each.equals {items : message.msgs, field : \"a\", value : 1})"),
        2,
        52,
        "Msg has no field `a`; it has addr, flags, len, reserved",
    );
    refused(
        "execute: kl.core.Other",
        1,
        10,
        "the execute interface is `kl.core.Execute`; there is no other",
    );
    refused(
        "audit default = empty 0 audit default = empty 0",
        1,
        41,
        "`audit default` stands here twice",
    );
    refused(
        "audit profile t = { 0 : { base : { kss : [\"maybe\"] } } }",
        1,
        43,
        "expected \"granted\" or \"denied\"",
    );
    refused(
        "audit profile t = { 0 : { base : { omit : [] } } }",
        1,
        36,
        "expected `kss` for the model Base",
    );
    refused(
        "audit profile t = { 0 : { base : { } } }",
        1,
        34,
        "the condition `kss` is missing",
    );
    refused(
        "audit profile t = { 0 : { pred : { kss : [] } } }",
        1,
        27,
        "the model Pred is not covered by audit",
    );
    refused("audit profile t = { a : { } }", 1, 21, "expected a level: a number");
    refused("use nk.regex._", 1, 5, "the model Regex is not implemented");
    refused(
        "use nk.new._",
        1,
        5,
        "no such description of a model; there are nk.base._, nk.basic._, nk.flow._, nk.hashmap._, nk.staticmap._, \
         nk.mic._, linuxcompat.each._",
    );
    refused("use a.b._", 1, 5, "a policy without a directory includes no files");
}
