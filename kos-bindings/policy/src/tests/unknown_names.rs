// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that stand for nothing, and values of another type than is wanted.

use super::mistakes::refused;

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
