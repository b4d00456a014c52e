// SPDX-License-Identifier: GPL-2.0-only
//! What the descriptions say.

use super::{Domain, FIXED};
use crate::board::ChannelKind;
use crate::policy::{Needs, class_of_channel};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Where a class or a package is described, below an include directory.
fn path_of(name: &str, extension: &str) -> String {
    format!("{}.{extension}", name.replace('.', "/"))
}

/// Describes the class of a driver's domain.
///
/// Its doors are its endpoints: they are the same for every image, since the shim serves them all. What it calls is not
/// said here but in [`init_yaml`].
///
/// # Examples
///
/// ```
/// use linux_compat::policy::{Devices, Needs};
///
/// # let board = linux_compat::Board::of_driver("adxl345")?;
/// # let needs = Needs {
/// #     driver: "adxl345".to_owned(), board: "adxl345-i2c.dts".to_owned(), channels: board.channels(),
/// #     parts: board.parts(), lines: board.lines(), firmware: board.firmware(), devices: Devices::Buffers,
/// #     is_virtual_time: false,
/// # };
/// let text = linux_compat::solution::class_edl(&needs, "driver.Adxl345");
/// assert!(text.contains("task class driver.Adxl345") && text.contains("sysfs : linuxcompat.Sysfs"));
/// # Ok::<(), linux_compat::board::BoardError>(())
/// ```
#[must_use]
pub fn class_edl(needs: &Needs, class: &str) -> String {
    format!(
        "\
// {} on the board {}.
task class {class}

endpoints {{
    // Its sysfs tree.
    sysfs : linuxcompat.Sysfs
    // Its character devices.
    chardev : linuxcompat.Chardev
    // How far it is; it is stopped here.
    control : linuxcompat.Control
}}
",
        needs.driver, needs.board
    )
}

/// Describes the class of a bus server: what the channel `name` leads to.
#[must_use]
pub fn server_edl(kind: ChannelKind, name: &str) -> String {
    let (what, instance, component) = match kind {
        ChannelKind::I2c => ("I2C bus", "bus", "I2cBus"),
        ChannelKind::Spi => ("SPI bus", "bus", "SpiBus"),
        ChannelKind::Gpio => ("GPIO controller", "controller", "GpioController"),
    };
    let class = class_of_channel(name);
    format!(
        "\
// The {what} {name:?}.
task class {class}

components {{
    {instance} : linuxcompat.{component}
}}
"
    )
}

/// All descriptions that these domains need: path below an include directory, and text. Those that do not depend on a
/// driver are [`FIXED`].
#[must_use]
pub fn files(domains: &[Domain<'_>]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for domain in domains {
        for channel in &domain.needs.channels {
            let path = path_of(&class_of_channel(&channel.name), "edl");
            files.insert(path, server_edl(channel.kind, &channel.name));
        }
        files.insert(path_of(domain.class, "edl"), class_edl(domain.needs, domain.class));
    }
    files.extend(FIXED.map(|(path, text)| (path.to_owned(), text.to_owned())));
    files
}

/// The names of the channels that a domain calls.
fn channels(needs: &Needs) -> Vec<&str> {
    let mut names: Vec<&str> = needs.channels.iter().map(|channel| channel.name.as_str()).collect();
    names.push("log");
    if needs.is_virtual_time {
        names.push("clock");
    }
    if !needs.firmware.is_empty() {
        names.push("firmware");
    }
    names
}

/// Writes the `init.yaml` of these domains, of their servers and of a client: each process, and on the client's side
/// each static channel. Its text may be pasted into a larger one.
///
/// A domain finds a server by the channel's name, as it does on the hosted back end; the client finds a driver by its
/// class.
#[must_use]
pub fn init_yaml(domains: &[Domain<'_>]) -> String {
    let mut servers = BTreeSet::new();
    let mut out = "entities:\n".to_owned();
    for domain in domains {
        entity(&mut out, domain.class);
        let channels = channels(domain.needs);
        connections(
            &mut out,
            channels.iter().map(|name| (class_of_channel(name), (*name).to_owned())),
        );
        servers.extend(channels.into_iter().map(class_of_channel));
    }
    for server in &servers {
        entity(&mut out, server);
    }
    entity(&mut out, "linuxcompat.Client");
    let drivers = domains.iter().map(|domain| domain.class.to_owned());
    connections(&mut out, drivers.map(|class| (class.clone(), class)));
    out
}

fn entity(out: &mut String, class: &str) {
    // Writing to a string cannot fail. The file in the image is named like the class, which is the default.
    let _ = writeln!(out, "- name: {class}");
}

fn connections(out: &mut String, targets: impl Iterator<Item = (String, String)>) {
    for (i, (target, id)) in targets.enumerate() {
        if i == 0 {
            *out += "  connections:\n";
        }
        let _ = writeln!(out, "  - target: {target}\n    id: {}", scalar(&id));
    }
}

/// A text as a YAML scalar: plain if no reader could take it for anything else, else between quotes.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !matches!(
            text,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_plain {
        return text.to_owned();
    }
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
