// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of mistake, with its place and the whole message.

use super::{HEAD_LINES, try_program};

/// A text behind the head, the line and column of its mistake, and what is said of it.
#[track_caller]
pub(super) fn refused(text: &str, line: usize, column: usize, message: &str) {
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
