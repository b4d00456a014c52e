// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of mistake, with its place; and texts that nobody would write.

use proptest::prelude::*;

use super::{HEAD_LINES, try_program};
use crate::Loaded;

/// A text behind the head, the line and column of its mistake, and what is said of it.
#[track_caller]
fn refused(text: &str, line: usize, column: usize, message: &str) {
    let error = try_program(text).expect_err(text);
    assert_eq!(
        (error.place.line, error.place.column),
        (HEAD_LINES + line, column),
        "{text}\n{error}"
    );
    assert!(error.message.contains(message), "{text}\n{error}");
}

#[test]
fn syntax() {
    let declarations = "expected `use`, `policy object`, `audit`, `execute`";
    refused("requests { }", 1, 1, declarations);
    refused(
        "request src=Client {\n    grant ()\n",
        3,
        1,
        "found the end of the file",
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
    refused("request src=Client, { }", 1, 21, "expected a selector");
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
    refused("request { assert (1 < 2 < 3) }", 1, 25, "comparisons do not chain");
    refused(
        "request { assert (18446744073709551616 > 0) }",
        1,
        19,
        "expected a number below 2^64",
    );
    refused(
        "request { assert (\"a == 1) }\n",
        1,
        19,
        "a text ends on the line where it begins",
    );
    refused("request { assert (\"\\q\") }", 1, 19, "a text knows");
    refused("request { a.b.c () }", 1, 17, "expected an argument");
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
        "expected a text, a number",
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
        "`audit` stands first between the braces",
    );
    refused("request { /* } ", 1, 11, "found `/`");
    refused("use nk.base", 1, 12, "its name ends with `._`");
    refused("use EDL", 1, 8, "expected a class, found the end of the file");
    refused("policy f : Flow { }", 1, 8, "expected `object`, found `f`");
    refused(
        "policy object f : Flow { states = 1 }",
        1,
        26,
        "expected `type`, `config` or `}`",
    );
    refused(
        "policy object f : Flow { type State = {} }",
        1,
        39,
        "are not implemented",
    );
    refused("audit trace = {}", 1, 7, "expected `default` or `profile`");
    refused("audit default = trace x", 1, 23, "expected a number");
    refused("audit profile trace = 5", 1, 23, "expected `{`");
    refused("assert { setup { } setup { } }", 1, 20, "expected `setup`, then");
    refused(
        "assert { sequence { perhaps request } }",
        1,
        29,
        "expected `<-` or `~>`, found `request`",
    );
    refused("assert { sequence { s <- request } }", 1, 26, "expected `execute`");
    refused(
        "assert { sequence { a ~> b : Method {} } }",
        1,
        37,
        "expected `.Method`",
    );
    refused("@INIT_EXTERNAL_ENTITIES@", 1, 1, "templates");
    refused("{% if BOARD %}", 1, 1, "templates");
    refused("type T = UInt8", 1, 1, "not public outside of `policy object`");
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
        "there is no interface `linuxcompat.Gpo`; there are",
    );
    refused(
        "request interface=linuxcompat.Gpio method=Git { grant () }",
        1,
        43,
        "no such method",
    );
    refused(
        "error interface=linuxcompat.Log { grant () }",
        1,
        17,
        "has no messages of this kind",
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
        "does not offer that interface",
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
        "a `security` event has no receiver",
    );
    refused(
        "execute method=Main { grant () }",
        1,
        16,
        "an `execute` event has no methods",
    );
    refused(
        "execute dst=Server { assert (message.x == 1) }",
        1,
        30,
        "an `execute` event has no message",
    );
    refused(&gpio("grant (1)"), 2, 37, "`grant` takes `()`");
    refused(&gpio("allow ()"), 2, 30, "the model Base has no rule `allow`");
    refused(&gpio("x.grant ()"), 2, 30, "there is no object `x`; there are base,");
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
        "there are no fields in it",
    );
    refused(
        &gpio("assert (message.line.[0] == 1)"),
        2,
        51,
        "there are no items in it",
    );
    refused(&gpio("assert (message == 1)"), 2, 38, "`message` is no value");
    refused(&gpio("assert (sid == 1)"), 2, 38, "`sid` is not known here");
    refused(&gpio("assert (~1 == 1)"), 2, 38, "`~` is not implemented");
    refused(&gpio("assert ([1] == 1)"), 2, 38, "a list stands only as the argument");
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
        "a choice is by a number",
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
    refused(&xfer("assert (message.msgs == 1)"), 2, 9, "name one item");
    refused(
        &xfer("assert (message.msgs.[64].addr == 1)"),
        2,
        22,
        "item 64 of 64 at the most",
    );
    refused(&xfer("assert (message.msgs.[0] == 1)"), 2, 9, "`Msg` is a struct");
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
        "expected a sequence",
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
        "the execute interface is `kl.core.Execute`",
    );
    refused(
        "audit default = empty 0 audit default = empty 0",
        1,
        41,
        "stands here twice",
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
        "is not covered by audit",
    );
    refused("audit profile t = { a : { } }", 1, 21, "expected a level: a number");
    refused("use nk.regex._", 1, 5, "the model Regex is not implemented");
    refused(
        "use nk.new._",
        1,
        5,
        "no such description of a model; there are nk.base._",
    );
    refused("use a.b._", 1, 5, "a policy without a directory includes no files");
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [
        ("(", ")"),
        ("!", ""),
        ("[", "]"),
        ("{a : ", "}"),
        ("1 + ", "1"),
        ("1 ==> ", "1"),
    ] {
        let text = format!(
            "request {{ assert ({}1{}) }}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let error = try_program(&text).expect_err("too deep");
        assert!(error.message.contains("128 levels are the limit"), "{error}");
    }
    let text = format!(
        "request {}{}",
        "{ match method=Get ".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(try_program(&text).is_err());
}

#[test]
fn included_files_are_found_and_named() {
    let dir = std::env::temp_dir().join(format!("kos-policy-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("parts")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write(
        "top.psl",
        "use nk.base._\nuse parts.one._\nuse parts.one._\nrequest src=A { grant () }\n",
    );
    write("parts/one.psl", "use EDL A\nuse parts.one._\n");
    let loaded = Loaded::open(&dir.join("top.psl")).unwrap();
    assert_eq!(loaded.sources.len(), 2);
    assert!(crate::compile(&loaded, crate::World::hosted()).is_ok());
    write("parts/one.psl", "use EDL A\nuse EDL\n");
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(error.contains("parts/one.psl:3:1: expected a class"), "{error}");
    write("top.psl", "use parts.two._");
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(
        error.contains("top.psl:1:5: ") && error.contains("parts/two.psl: No such file"),
        "{error}"
    );
    std::fs::remove_dir_all(&dir).unwrap();
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(error.contains("top.psl:1:1: No such file"), "{error}");
}

/// Words of the language, put together as they come.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "request",
        "response",
        "error",
        "execute",
        "security",
        "use",
        "EDL",
        "policy",
        "object",
        "audit",
        "profile",
        "default",
        "match",
        "choice",
        "grant",
        "assert",
        "deny",
        "src=",
        "dst=",
        "interface=",
        "method=",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        ",",
        ".",
        "\"",
        "\"a\"",
        "1",
        "0x",
        "==",
        "&&",
        "==>",
        "-",
        "!",
        "message",
        "src_sid",
        "Client",
        "linuxcompat.I2c",
        "Xfer",
        "msgs",
        "_",
        "<-",
        "~>",
        "sequence",
        "setup",
        "\n",
        "//",
        "/*",
        "*/",
        "§",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![soup(), ".{0,200}"]) {
        // Whatever comes of it, it comes.
        let _ = try_program(&text);
        let _ = Loaded::text("t", &text);
    }

    #[test]
    fn no_message_in_words_panics(text in prop_oneof![soup(), ".{0,100}"]) {
        let policy = try_program("request { grant () }").expect("it is right");
        let _ = policy.explain(&text);
    }
}
