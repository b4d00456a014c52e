// SPDX-License-Identifier: GPL-2.0-only
//! The domain's board as User-Mode Linux wants it: the same chips, with the same properties, on virtio devices.
//!
//! A bus or a line controller of ours becomes a platform device `virtio,uml`, which connects to a socket, and in it
//! the node of the virtio device with all properties and children of ours. Everything else stays as it is.

use board::tree::{NodeId, Tree};
use board::vhost::{GPIO_DEVICE_ID, I2C_DEVICE_ID};
use std::fmt::Write;
use std::path::Path;

/// A device that the machine will connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The bus with this channel.
    I2c(String),
    /// The lines.
    Gpio,
    /// The wire to the machine's one process.
    Control,
}

impl Wanted {
    /// The name of its socket.
    pub(crate) fn socket(&self) -> String {
        match self {
            Self::I2c(channel) => format!("{channel}.sock"),
            Self::Gpio => "gpio.sock".to_owned(),
            Self::Control => "control.sock".to_owned(),
        }
    }

    fn device_id(&self) -> u32 {
        match self {
            Self::I2c(_) | Self::Control => I2C_DEVICE_ID,
            Self::Gpio => GPIO_DEVICE_ID,
        }
    }
}

/// Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $depth:expr, $($text:tt)*) => {{
        $out.extend(std::iter::repeat_n('\t', $depth));
        let _ = writeln!($out, $($text)*);
    }};
}

/// Makes the machine's device tree, as source, and says what it will connect to below `sockets`.
pub(crate) fn convert(tree: &Tree, sockets: &Path) -> (String, Vec<Wanted>) {
    let mut out = String::from("/dts-v1/;\n");
    let mut wanted = Vec::new();
    emit(tree, 0, 0, sockets, &mut out, &mut wanted);
    // The last device, so that the board's buses have the numbers that they have without it.
    let end = out.trim_end().strip_suffix("};").map_or(out.len(), str::len);
    out.truncate(end);
    out.push_str("\tcontrol {\n");
    adapter(&Wanted::Control, 2, sockets, &mut out);
    out.push_str("\t};\n};\n");
    wanted.push(Wanted::Control);
    (out, wanted)
}

/// The properties of a device that connects to a socket.
fn adapter(device: &Wanted, depth: usize, sockets: &Path, out: &mut String) {
    let (number, socket) = (device.device_id(), sockets.join(device.socket()));
    put!(out, depth, "compatible = \"virtio,uml\";");
    put!(out, depth, "socket-path = \"{}\";", socket.display());
    put!(out, depth, "virtio-device-id = <{number:#x}>;");
}

fn kind(tree: &Tree, id: NodeId) -> Option<Wanted> {
    let node = tree.node(id);
    let is = |name| node.is_enabled() && node.strings("compatible").any(|known| known == name);
    if is("linux-compat,i2c") {
        return Some(Wanted::I2c(
            node.string("linux-compat,channel").unwrap_or("i2c0").to_owned(),
        ));
    }
    is("linux-compat,gpio").then_some(Wanted::Gpio)
}

fn emit(tree: &Tree, id: NodeId, depth: usize, sockets: &Path, out: &mut String, wanted: &mut Vec<Wanted>) {
    let node = tree.node(id);
    let name = if node.name.is_empty() { "/" } else { &node.name };
    let Some(device) = kind(tree, id) else {
        put!(out, depth, "{name} {{");
        properties(tree, id, depth + 1, out, |_| true);
        children(tree, id, depth + 1, sockets, out, wanted);
        put!(out, depth, "}};");
        return;
    };
    let number = device.device_id();
    // The same name as on our board: links to suppliers are named by it.
    put!(out, depth, "{name} {{");
    adapter(&device, depth + 1, sockets, out);
    // Messages about lines name this node.
    put!(out, depth + 1, "{name} {{");
    put!(out, depth + 2, "compatible = \"virtio,device{number:x}\";");
    properties(tree, id, depth + 2, out, |name| {
        !name.starts_with("linux-compat,") && !matches!(name, "compatible" | "reg")
    });
    children(tree, id, depth + 2, sockets, out, wanted);
    put!(out, depth + 1, "}};");
    put!(out, depth, "}};");
    wanted.push(device);
}

fn properties(tree: &Tree, id: NodeId, depth: usize, out: &mut String, is_kept: impl Fn(&str) -> bool) {
    let node = tree.node(id);
    for name in node.prop_names().filter(|name| is_kept(name)) {
        let bytes = node.prop(name).unwrap_or_default();
        if bytes.is_empty() {
            put!(out, depth, "{name};");
        } else {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            put!(out, depth, "{name} = [{}];", hex.join(" "));
        }
    }
}

fn children(tree: &Tree, id: NodeId, depth: usize, sockets: &Path, out: &mut String, wanted: &mut Vec<Wanted>) {
    for child in &tree.node(id).children {
        emit(tree, *child, depth, sockets, out, wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use board::dts::compile_text;

    #[test]
    fn buses_become_virtio_devices_and_chips_stay_as_they_are() {
        let described = linux_compat::Board::of_driver("bmg160").expect("a board");
        let before = Tree::parse(described.dtb()).expect("a tree");
        let (source, wanted) = convert(&before, Path::new("/run/x"));
        assert_eq!(wanted, [Wanted::Gpio, Wanted::I2c("i2c0".to_owned()), Wanted::Control]);
        let after = Tree::parse(&compile_text(&source).expect("it compiles")).expect("a tree");
        let chip = |tree: &Tree| tree.compatible("bosch,bmg160").next().expect("the chip");
        let (old, new) = (before.node(chip(&before)), after.node(chip(&after)));
        assert!(old.prop_names().eq(new.prop_names()));
        assert!(old.prop_names().all(|name| old.prop(name) == new.prop(name)));
        let bus = after.node(new.parent.expect("a bus"));
        assert_eq!(bus.string("compatible"), Some("virtio,device22"));
        let device = after.node(bus.parent.expect("a device"));
        assert_eq!(device.string("socket-path"), Some("/run/x/i2c0.sock"));
        assert_eq!(device.u32("virtio-device-id"), Some(0x22));
    }
}
