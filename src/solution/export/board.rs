// SPDX-License-Identifier: GPL-2.0-only
//! `board.c`: what a domain knows when it starts.

use super::Interrupt;
use crate::board::ChannelKind;
use crate::solution::Domain;
use kos_bindings::idl;
use std::fmt::Write;

/// A channel of the domain: its name, the endpoint in the server's class, the interface's number here.
pub(super) fn channels(domain: &Domain<'_>) -> Vec<(String, &'static str, u16)> {
    let mut found: Vec<(String, &'static str, u16)> = domain
        .needs
        .channels
        .iter()
        .map(|channel| match channel.kind {
            ChannelKind::I2c => (channel.name.clone(), "bus.i2c", idl::i2c::RIID),
            ChannelKind::Spi => (channel.name.clone(), "bus.spi", idl::spi::RIID),
            ChannelKind::Gpio => (channel.name.clone(), "controller.gpio", idl::gpio::RIID),
        })
        .collect();
    found.push(("log".to_owned(), "log", idl::log::RIID));
    if !domain.needs.firmware.is_empty() {
        found.push(("firmware".to_owned(), "firmware", idl::firmware::RIID));
    }
    found
}

/// The endpoints of a driver's class, in the order of its EDL file.
pub(super) const SERVED: [(&str, u16); 4] = [
    ("SYSFS", idl::sysfs::RIID),
    ("CHARDEV", idl::chardev::RIID),
    ("SOCKET", idl::socket::RIID),
    ("CONTROL", idl::control::RIID),
];

/// A C string.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

pub(super) fn table(domain: &Domain<'_>, dtb: &[u8], irqs: &[Interrupt]) -> String {
    let mut out = format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n\
         /* What {} on the board {} knows when it starts. Made by linux-compat. */\n\
         #include \"lc_kos.h\"\n\n",
        domain.needs.driver, domain.needs.board
    );
    // Writing to a string cannot fail, here and below.
    out += "/*\n * Numbers of the class's endpoints in messages: in the order of the EDL file, which is a guess.\n";
    out += " * The header that nk-gen-c makes has them; define these if it says otherwise.\n */\n";
    for (number, (name, _)) in SERVED.iter().enumerate() {
        let _ = writeln!(out, "#ifndef LC_RIID_{name}\n#define LC_RIID_{name} {number}\n#endif");
    }
    out += "\nstatic const struct lc_served served[] = {\n";
    for (name, riid) in SERVED {
        let _ = writeln!(out, "\t{{ {riid}, LC_RIID_{name} }},");
    }
    out += "};\n\nstatic const struct lc_channel channels[] = {\n";
    for (name, endpoint, riid) in channels(domain) {
        let name = quoted(&name);
        let _ = writeln!(out, "\t{{ {name}, {name}, {}, {riid} }},", quoted(endpoint));
    }
    out +=
        "};\n\n/* Interrupts of this machine for the GPIO lines that chips interrupt with: line, number, level. */\n";
    if irqs.is_empty() {
        out += "#define IRQS NULL\n#define IRQ_COUNT 0\n";
    } else {
        out += "static const struct lc_irq irqs[] = {\n";
        for irq in irqs {
            let _ = writeln!(out, "\t{{ {}, {}, {} }},", irq.line, irq.irq, u32::from(irq.is_level));
        }
        out += "};\n#define IRQS irqs\n#define IRQ_COUNT (sizeof(irqs) / sizeof(irqs[0]))\n";
    }
    out += "\n/* The device tree. */\nstatic const _Alignas(4096) uint8_t dtb[] = {\n";
    for line in dtb.chunks(16) {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:#04x},")).collect();
        let _ = writeln!(out, "\t{}", bytes.join(" "));
    }
    let _ = write!(
        out,
        "}};\n\n\
         const struct lc_board lc_board = {{\n\
         \t.dtb = dtb,\n\t.dtb_bytes = sizeof(dtb),\n\
         \t.channels = channels,\n\t.channel_count = sizeof(channels) / sizeof(channels[0]),\n\
         \t.served = served,\n\t.served_count = sizeof(served) / sizeof(served[0]),\n\
         \t.irqs = IRQS,\n\t.irq_count = IRQ_COUNT,\n\
         \t.memory_bytes = 16 << 20,\n\t.log_level = 7,\n\
         \t.listener = {},\n}};\n",
        quoted(domain.class)
    );
    out
}
