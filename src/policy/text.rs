// SPDX-License-Identifier: GPL-2.0-only
//! A driver's policy as text.
//!
//! It is written to be read: one paragraph for each server and each door, with the reason above it, and one rule for
//! each kind of message, so that what a rule lets through can be said in one sentence.

use super::{Devices, Needs, class_of_channel};
use crate::board::{BoardPart, ChannelKind};

/// What the policies of all drivers have in common: it stands once before them.
pub const COMMON: &str = "\
// What all drivers have in common.
use nk.base._
use linuxcompat.each._

// Whoever runs drivers, and whoever uses their files.
use EDL linuxcompat.Supervisor
use EDL linuxcompat.Client

// Every refusal is recorded.
audit profile refusals = { 0 : { base : { kss : [\"denied\"] } } }
audit default = refusals 0
";

/// A policy while it is written.
struct Text<'a> {
    out: String,
    class: &'a str,
}

impl Text<'_> {
    fn line(&mut self, text: &str) {
        self.out += text;
        self.out.push('\n');
    }

    /// Opens a paragraph.
    fn paragraph(&mut self, why: &str) {
        self.line("");
        self.line(&format!("// {why}"));
    }

    /// What the driver asks a server, method by method, and that it is answered.
    fn asks(&mut self, server: &str, interface: &str, rules: &[(&str, String)], may_fail: bool) {
        let class = self.class;
        self.line(&format!(
            "request src={class} dst={server} interface=linuxcompat.{interface} {{"
        ));
        self.matches(rules);
        self.answers(server, class, interface, may_fail);
    }

    /// What a client asks the driver.
    fn is_asked(&mut self, client: &str, interface: &str, methods: &[&str], may_fail: bool) {
        let rules: Vec<_> = methods.iter().map(|method| (*method, "grant ()".to_owned())).collect();
        self.is_asked_so(client, interface, &rules, may_fail);
    }

    fn is_asked_so(&mut self, client: &str, interface: &str, rules: &[(&str, String)], may_fail: bool) {
        let class = self.class;
        self.line(&format!(
            "request src={client} dst={class} interface=linuxcompat.{interface} {{"
        ));
        self.matches(rules);
        self.answers(class, client, interface, may_fail);
    }

    fn matches(&mut self, rules: &[(&str, String)]) {
        for (method, rule) in rules {
            self.line(&format!("    match method={method} {{ {rule} }}"));
        }
        self.line("}");
    }

    fn answers(&mut self, from: &str, to: &str, interface: &str, may_fail: bool) {
        let words = if may_fail {
            &["response", "error"][..]
        } else {
            &["response"]
        };
        for word in words {
            self.line(&format!(
                "{word} src={from} dst={to} interface=linuxcompat.{interface} {{ grant () }}"
            ));
        }
    }
}

/// Writes the policy of one driver, whose class is `class`. [`COMMON`] must stand before it.
///
/// # Examples
///
/// ```
/// use linux_compat::policy::{Devices, Needs, generate};
///
/// let board = linux_compat::Board::of_driver("adxl345")?;
/// let needs = Needs {
///     driver: "adxl345".to_owned(),
///     board: "adxl345-i2c.dts".to_owned(),
///     channels: board.channels(),
///     parts: board.parts(),
///     lines: board.lines(),
///     firmware: board.firmware(),
///     devices: Devices::Buffers,
///     has_sockets: false,
///     is_module: false,
///     is_virtual_time: false,
/// };
/// let text = generate(&needs, "driver.Adxl345");
/// assert!(text.contains("each.equals {items : message.msgs, field : \"addr\", value : 0x53}"));
/// # Ok::<(), linux_compat::board::BoardError>(())
/// ```
#[must_use]
pub fn generate(needs: &Needs, class: &str) -> String {
    let mut text = Text {
        out: format!(
            "// What {} may do on the board {}.\nuse EDL {class}\n",
            needs.driver, needs.board
        ),
        class,
    };
    let mut servers: Vec<_> = needs
        .channels
        .iter()
        .map(|channel| class_of_channel(&channel.name))
        .collect();
    servers.push(class_of_channel("log"));
    if needs.is_virtual_time {
        servers.push(class_of_channel("clock"));
    }
    if !needs.firmware.is_empty() {
        servers.push(class_of_channel("firmware"));
    }
    for server in &servers {
        text.line(&format!("use EDL {server}"));
    }
    text.paragraph("It is started, suspended and resumed, and stopped in order.");
    text.line(&format!(
        "execute src=linuxcompat.Supervisor dst={class} {{ grant () }}"
    ));
    if needs.is_module {
        let methods = ["Stop", "Suspend", "Resume", "Unload", "Load", "Census"];
        text.is_asked("linuxcompat.Supervisor", "Control", &methods, true);
    } else {
        text.is_asked(
            "linuxcompat.Supervisor",
            "Control",
            &["Stop", "Suspend", "Resume"],
            true,
        );
    }
    for channel in &needs.channels {
        let parts: Vec<_> = needs.parts.iter().filter(|part| part.channel == channel.name).collect();
        let server = class_of_channel(&channel.name);
        match channel.kind {
            ChannelKind::I2c => i2c(&mut text, &server, &parts),
            ChannelKind::Spi => spi(&mut text, &server, &parts),
            ChannelKind::Gpio => gpio(&mut text, &server, &needs.lines),
        }
    }
    text.paragraph("Its kernel log.");
    text.asks(
        &class_of_channel("log"),
        "Log",
        &[("Write", "grant ()".to_owned())],
        false,
    );
    if needs.is_virtual_time {
        text.paragraph("Its time, which the board holds.");
        text.asks(
            &class_of_channel("clock"),
            "Clock",
            &[("Advance", "grant ()".to_owned())],
            false,
        );
    }
    firmware(&mut text, &needs.firmware);
    doors(&mut text, needs);
    text.out
}

/// `a == 1 || a == 2`, of numbers or texts as they are written.
fn one_of(what: &str, values: &[String]) -> String {
    let each: Vec<_> = values.iter().map(|value| format!("{what} == {value}")).collect();
    each.join(" || ")
}

fn hex(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|number| format!("{number:#04x}")).collect()
}

fn i2c(text: &mut Text<'_>, server: &str, parts: &[&BoardPart]) {
    /// Linux's `I2C_M_TEN`: an address of ten bits is another address. `include/uapi/linux/i2c.h`.
    const TEN_BITS: &str = "0x10";
    let addresses = hex(&parts.iter().map(|part| part.reg).collect::<Vec<_>>());
    let can = ("Functionality", "grant ()".to_owned());
    if addresses.is_empty() {
        text.paragraph(&format!(
            "The bus {server}: no chip is on it; what it can do, and no transfer."
        ));
        text.asks(server, "I2c", &[can], false);
        return;
    }
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    text.paragraph(&format!(
        "The bus {server}: {}, at its address of seven bits and no other.",
        names.join(", ")
    ));
    let which = match &addresses[..] {
        [one] => format!("each.equals {{items : message.msgs, field : \"addr\", value : {one}}}"),
        more => format!(
            "each.among {{items : message.msgs, field : \"addr\", values : [{}]}}",
            more.join(", ")
        ),
    };
    let flags = format!("each.clear {{items : message.msgs, field : \"flags\", mask : {TEN_BITS}}}");
    let rules = [can, ("Xfer", format!("assert ({which} && {flags})"))];
    text.asks(server, "I2c", &rules, true);
}

fn spi(text: &mut Text<'_>, server: &str, parts: &[&BoardPart]) {
    let selects: Vec<_> = parts.iter().map(|part| part.reg.to_string()).collect();
    if selects.is_empty() {
        return;
    }
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    text.paragraph(&format!(
        "The bus {server}: {}, at its chip select and no other.",
        names.join(", ")
    ));
    let rules = [("Transfer", format!("assert ({})", one_of("message.cs", &selects)))];
    text.asks(server, "Spi", &rules, true);
}

fn gpio(text: &mut Text<'_>, server: &str, lines: &[u32]) {
    // Interrupts come without a message.
    let mut rules = vec![("Lines", "grant ()".to_owned())];
    let mut why = "The lines: how many there are, and which way each works".to_owned();
    if !lines.is_empty() {
        let words: Vec<_> = lines.iter().map(u32::to_string).collect();
        why += &format!("; its chips are given {}", words.join(", "));
        for method in ["Get", "Set", "SetDirection"] {
            rules.push((method, format!("assert ({})", one_of("message.line", &words))));
        }
    }
    text.paragraph(&format!("{why}."));
    text.asks(server, "Gpio", &rules, false);
}

fn firmware(text: &mut Text<'_>, files: &[String]) {
    if files.is_empty() {
        return;
    }
    text.paragraph("The firmware that its chips name.");
    let names: Vec<_> = files.iter().map(|file| format!("{file:?}")).collect();
    let rule = format!("assert ({})", one_of("message.name", &names));
    let server = class_of_channel("firmware");
    text.asks(&server, "Firmware", &[("Size", rule.clone()), ("Read", rule)], true);
}

fn doors(text: &mut Text<'_>, needs: &Needs) {
    const CLIENT: &str = "linuxcompat.Client";
    text.paragraph("Its doors: how far it is, its sysfs tree, its devices.");
    if needs.is_virtual_time {
        text.is_asked(CLIENT, "Control", &["State", "Advance"], false);
    } else {
        text.is_asked(CLIENT, "Control", &["State"], false);
    }
    let files = ["List", "Read", "Write", "Open", "ReadId", "WriteId", "Close", "Poll"];
    text.is_asked(CLIENT, "Sysfs", &files, true);
    // The controllers of the lines have devices too, which are not for clients.
    let controllers = needs
        .channels
        .iter()
        .filter(|channel| channel.kind == ChannelKind::Gpio);
    let names: Vec<_> = (0..controllers.count())
        .map(|i| format!("message.name != \"gpiochip{i}\""))
        .collect();
    let open = if names.is_empty() {
        "grant ()".to_owned()
    } else {
        format!("assert ({})", names.join(" && "))
    };
    match needs.devices {
        // There are none, and whoever asks is told so.
        Devices::No => {
            let rules = [("Open", open), ("List", "grant ()".to_owned())];
            text.is_asked_so(CLIENT, "Chardev", &rules, true);
        }
        Devices::Buffers => {
            let mut rules = vec![("Open", open)];
            rules.extend(["List", "Read", "Poll", "Close"].map(|method| (method, "grant ()".to_owned())));
            text.is_asked_so(CLIENT, "Chardev", &rules, true);
        }
        Devices::Any => {
            let mut rules = vec![("Open", open)];
            rules.extend(
                ["List", "Read", "Write", "Ioctl", "Poll", "Close"].map(|method| (method, "grant ()".to_owned())),
            );
            text.is_asked_so(CLIENT, "Chardev", &rules, true);
        }
    }
    if needs.has_sockets {
        sockets(text, CLIENT);
    }
}

/// Generic netlink and NFC, and no other family: `include/linux/socket.h`, `include/uapi/linux/netlink.h`.
fn sockets(text: &mut Text<'_>, client: &str) {
    const OPEN: &str = "assert (message.family == 39 || message.family == 16 && message.protocol == 16)";
    let mut rules = vec![("Open", OPEN.to_owned())];
    let methods = [
        "Bind",
        "Connect",
        "Listen",
        "Accept",
        "Name",
        "Send",
        "Receive",
        "SetOption",
        "Poll",
        "Close",
    ];
    rules.extend(methods.map(|method| (method, "grant ()".to_owned())));
    text.paragraph("Its sockets: generic netlink, and NFC.");
    text.is_asked_so(client, "Socket", &rules, true);
}
