// SPDX-License-Identifier: GPL-2.0-only
//! Writes the board around a chip.
//!
//! | what the chip's node names | what it gets |
//! |---|---|
//! | `interrupts`, `interrupts-extended` | lines of the board's `linux-compat,gpio`, with the trigger of the example |
//! | `*-gpios`, `*-gpio` | further lines |
//! | `*-supply` | a fixed regulator |
//! | `clocks` | a fixed clock |
//! | nodes of the example below the chip | they come with it |
//! | pins, resets, PWMs, DMA, other chips | left out, and told |

use super::Asks;
use super::example::{Example, Target};
use super::source::{Buses, Drives};
use board::tree::NodeId;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Lines of a board (`board::board::MAX_LINES`).
const MAX_LINES: u32 = 64;
/// `IRQ_TYPE_LEVEL_HIGH` (`include/dt-bindings/interrupt-controller/irq.h`).
const LEVEL_HIGH: u32 = 4;

struct Writer<'a> {
    example: &'a Example,
    chip: NodeId,
    asks: Asks,
    lines: u32,
    out: String,
}

/// The board for the chip of an example that a driver drives.
///
/// # Errors
///
/// No node of the example is one that the driver drives.
pub fn from_example(example: &Example, drives: &Drives, name: &str, document: &str) -> Result<(String, Asks), String> {
    let tree = &example.tree;
    let is_driven = |id: &NodeId| {
        let node = tree.node(*id);
        let mut names = node.strings("compatible");
        names.any(|name| drives.compatibles.iter().any(|known| known == name))
    };
    let chip = tree.ids().find(is_driven).ok_or("no node that the driver drives")?;
    let node = tree.node(chip);
    let bus_node = node.parent.map_or("", |parent| tree.node(parent).name.as_str());
    let is_spi = match drives.buses {
        Buses::I2c => false,
        Buses::Spi => true,
        Buses::Both => bus_node.starts_with("spi") || node.prop("spi-max-frequency").is_some(),
    };
    let mut writer = Writer {
        example,
        chip,
        asks: Asks::default(),
        lines: 0,
        out: String::new(),
    };
    let first = node.cells("reg").and_then(|cells| cells.first().copied()).unwrap_or(0);
    let reg = place(first, is_spi);
    let plain = node.name.split('@').next().unwrap_or("chip");
    writer.line(2, &format!("{plain}@{reg:x} {{"));
    writer.line(3, &format!("reg = <{reg:#x}>;"));
    if is_spi && node.prop("spi-max-frequency").is_none() {
        writer.line(3, "spi-max-frequency = <1000000>;");
    }
    writer.body(chip, 3);
    writer.line(2, "};");
    let Writer { asks, out, lines, .. } = writer;
    Ok(around(&out, asks, is_spi, reg, lines, name, document))
}

/// A board for a driver without an example: what most chips have.
#[must_use]
pub fn made(drives: &Drives, name: &str) -> (String, Asks) {
    let is_spi = drives.buses == Buses::Spi;
    let reg = place(0, is_spi);
    // The I²C and SPI cores match a device's name with what stands after the comma.
    let by_name = drives.names.first().map(|name| format!("name,{name}"));
    let compatible = drives.compatibles.first().cloned().or(by_name);
    let compatible = compatible.unwrap_or_else(|| format!("name,{name}"));
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(&"\t".repeat(if text.ends_with(['{', '}']) || text == "};" {
            2
        } else {
            3
        }));
        out.push_str(text);
        out.push('\n');
    };
    line(&format!("chip@{reg:x} {{"));
    line(&format!("compatible = {compatible:?};"));
    line(&format!("reg = <{reg:#x}>;"));
    if is_spi {
        line("spi-max-frequency = <1000000>;");
    }
    line("interrupt-parent = <&gpio>;");
    // A wire of another kind would rest where the driver takes it for an interrupt.
    line(&format!("interrupts = <0 {}>;", drives.trigger.unwrap_or(LEVEL_HIGH)));
    line("};");
    let asks = Asks {
        interrupts: 1,
        ..Asks::default()
    };
    around(&out, asks, is_spi, reg, 1, name, "no binding document's example")
}

/// The address of the example if a chip may have it, else one that is free for all; the chip select on SPI.
fn place(reg: u32, is_spi: bool) -> u32 {
    match (is_spi, reg) {
        (true, 0..=3) => reg,
        (true, _) => 0,
        (false, 0x08..=0x77) => reg,
        (false, _) => 0x48,
    }
}

/// The board around a chip's node.
fn around(chip: &str, mut asks: Asks, is_spi: bool, reg: u32, lines: u32, name: &str, from: &str) -> (String, Asks) {
    let bus = if is_spi { "spi" } else { "i2c" };
    bus.clone_into(&mut asks.bus);
    let mut text = format!(
        "/*\n * A board for {name}, written by linux-compat.\n * The chip's node: {from}\n */\n/dts-v1/;\n\n\
         / {{\n\tcompatible = \"linux-compat,board\";\n\tmodel = \"{name}\";\n\
         \t#address-cells = <1>;\n\t#size-cells = <0>;\n\n"
    );
    let supplies: BTreeSet<&String> = asks.supplies.iter().collect();
    for supply in supplies {
        let label = label_of(supply);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\t{label}: regulator-{} {{\n\t\tcompatible = \"regulator-fixed\";\n\t\tregulator-name = {supply:?};\n\
             \t\tregulator-min-microvolt = <3300000>;\n\t\tregulator-max-microvolt = <3300000>;\n\t}};\n\n",
            label.replace('_', "-")
        );
    }
    if asks.clocks > 0 {
        text.push_str(
            "\tclock: clock {\n\t\tcompatible = \"fixed-clock\";\n\t\t#clock-cells = <0>;\n\
             \t\tclock-frequency = <24000000>;\n\t};\n\n",
        );
    }
    let ngpios = lines.max(4);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\tgpio: gpio {{\n\t\tcompatible = \"linux-compat,gpio\";\n\t\tgpio-controller;\n\t\t#gpio-cells = <2>;\n\
         \t\tinterrupt-controller;\n\t\t#interrupt-cells = <2>;\n\t\tngpios = <{ngpios}>;\n\t}};\n\n\
         \t{bus}@0 {{\n\t\tcompatible = \"linux-compat,{bus}\";\n\t\treg = <0>;\n\
         \t\tlinux-compat,channel = \"{bus}0\";\n"
    );
    if is_spi {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\t\tnum-cs = <{}>;", reg + 1);
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\t\t#address-cells = <1>;\n\t\t#size-cells = <0>;\n\n{chip}\t}};\n}};\n"
    );
    (text, asks)
}

fn label_of(supply: &str) -> String {
    supply.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

impl Writer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.out.push_str(&"\t".repeat(depth));
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// The properties and children of a node.
    fn body(&mut self, id: NodeId, depth: usize) {
        let example = self.example;
        let node = example.tree.node(id);
        for property in node.prop_names() {
            let value = node.prop(property).unwrap_or_default();
            if let Some(text) = self.property(id, property, value) {
                self.line(depth, &text);
            }
        }
        // What hangs on a bus behind the chip is not the chip's.
        let is_bus = id != self.chip && (node.name.starts_with("i2c") || node.name.starts_with("spi"));
        for child in &node.children {
            let of_child = example.tree.node(*child);
            if is_bus && of_child.prop("compatible").is_some() {
                continue;
            }
            let label = of_child
                .u32("phandle")
                .map_or(String::new(), |_| format!("node{child}: "));
            self.line(depth, &format!("{label}{} {{", of_child.name));
            self.body(*child, depth + 1);
            self.line(depth, "};");
        }
    }

    /// A property as it stands on the board; `None` if it is left out.
    fn property(&mut self, id: NodeId, name: &str, value: &[u8]) -> Option<String> {
        let example = self.example;
        let refs = example.refs(id, name);
        let is_own = |target: &Target| matches!(target, Target::Node(node) if self.is_below(*node));
        let all_own = !refs.is_empty() && refs.iter().all(|(_, target)| is_own(target));
        let is_line = matches!(name, "gpio" | "gpios") || name.ends_with("-gpios") || name.ends_with("-gpio");
        match name {
            "phandle" | "linux,phandle" | "status" => None,
            "reg" if id == self.chip => None,
            _ if all_own => Some(format!("{name} = {};", self.cells(value, refs))),
            "interrupt-parent" => None,
            "interrupts" if self.parent_is_own(id) => Some(literal(name, value)),
            "interrupts" => Some(self.interrupts(id, value)),
            "interrupts-extended" => {
                let kinds: Vec<u32> = arguments(value, refs).iter().map(|cells| kind_of(cells)).collect();
                Some(self.interrupt_property(&kinds))
            }
            "clocks" if !refs.is_empty() => {
                self.asks.clocks += u32::try_from(refs.len()).unwrap_or(u32::MAX);
                Some(format!("clocks = {};", vec!["<&clock>"; refs.len()].join(", ")))
            }
            _ if is_line && !refs.is_empty() => {
                self.asks.lines.push(name.to_owned());
                let lines = arguments(value, refs);
                let lines: Vec<String> = lines
                    .iter()
                    .map(|cells| {
                        // The polarity, `GPIO_ACTIVE_LOW` or not; other flags are the controller's.
                        let flags = cells.last().filter(|_| cells.len() > 1).map_or(0, |flags| flags & 1);
                        format!("<&gpio {} {flags}>", self.next_line())
                    })
                    .collect();
                Some(format!("{name} = {};", lines.join(", ")))
            }
            _ if name.ends_with("-supply") && !refs.is_empty() => {
                let supply = name.trim_end_matches("-supply").to_owned();
                let text = format!("{name} = <&{}>;", label_of(&supply));
                self.asks.supplies.push(supply);
                Some(text)
            }
            _ if !refs.is_empty() || name.starts_with("pinctrl-") || name.starts_with("assigned-clock") => {
                self.asks.left_out.push(name.to_owned());
                None
            }
            _ => Some(literal(name, value)),
        }
    }

    fn is_below(&self, node: NodeId) -> bool {
        let parent = |id: &NodeId| self.example.tree.node(*id).parent;
        std::iter::successors(Some(node), parent).any(|id| id == self.chip)
    }

    /// Whether the node's interrupts go to a controller that is a part of the chip.
    fn parent_is_own(&self, id: NodeId) -> bool {
        let tree = &self.example.tree;
        let up = std::iter::successors(Some(id), |id| tree.node(*id).parent);
        let named = up
            .filter_map(|id| self.example.refs(id, "interrupt-parent").first())
            .next();
        matches!(named, Some((_, Target::Node(node))) if self.is_below(*node))
    }

    fn next_line(&mut self) -> u32 {
        // A board has no more: further lines share the last.
        let line = self.lines.min(MAX_LINES - 1);
        self.lines = (self.lines + 1).min(MAX_LINES);
        line
    }

    /// `interrupts` whose controller the example does not have: how many cells each has is a guess by their number.
    fn interrupts(&mut self, id: NodeId, value: &[u8]) -> String {
        let node = self.example.tree.node(id);
        let cells = be_cells(value);
        let names = node.strings("interrupt-names").count();
        let each = match cells.len() {
            0 => 1,
            len if names > 0 && len.is_multiple_of(names) => len / names,
            len @ 1..=3 => len,
            // `GIC_SPI` and `GIC_PPI` are 0 and 1, and stand before number and trigger.
            len if len.is_multiple_of(3) && cells[0] <= 1 => 3,
            _ => 2,
        };
        let kinds: Vec<u32> = cells.chunks(each).map(kind_of).collect();
        self.interrupt_property(&kinds)
    }

    fn interrupt_property(&mut self, kinds: &[u32]) -> String {
        self.asks.interrupts += u32::try_from(kinds.len()).unwrap_or(u32::MAX);
        let lines: Vec<String> = kinds
            .iter()
            .map(|kind| format!("<&gpio {} {kind}>", self.next_line()))
            .collect();
        format!("interrupts-extended = {};", lines.join(", "))
    }

    /// Cells with references to nodes that come with the chip.
    fn cells(&self, value: &[u8], refs: &[(usize, Target)]) -> String {
        let mut text = String::from("<");
        for (number, cell) in be_cells(value).iter().enumerate() {
            let target = refs
                .iter()
                .find(|(offset, _)| *offset == number * 4)
                .map(|(_, target)| target);
            // Writing to a String cannot fail.
            let _ = match target {
                Some(Target::Node(node)) => write!(text, " &node{node}"),
                _ => write!(text, " {cell:#x}"),
            };
        }
        text.push_str(" >");
        text
    }
}

fn be_cells(value: &[u8]) -> Vec<u32> {
    let (cells, _) = value.as_chunks::<4>();
    cells.iter().map(|cell| u32::from_be_bytes(*cell)).collect()
}

/// What stands behind each reference, up to the next.
fn arguments(value: &[u8], refs: &[(usize, Target)]) -> Vec<Vec<u32>> {
    let cells = be_cells(value);
    let starts: Vec<usize> = refs.iter().map(|(offset, _)| offset / 4).collect();
    let ends = starts.iter().skip(1).copied().chain([cells.len()]);
    let pieces = starts.iter().zip(ends).map(|(start, end)| cells.get(start + 1..end));
    pieces.map(|piece| piece.unwrap_or_default().to_vec()).collect()
}

/// The trigger type of an interrupt specifier: its last cell, if it is one.
fn kind_of(cells: &[u32]) -> u32 {
    let last = cells.last().copied().filter(|_| cells.len() > 1);
    last.filter(|kind| matches!(kind, 1..=4 | 8)).unwrap_or(LEVEL_HIGH)
}

/// A property without references, as text, cells or bytes.
fn literal(name: &str, value: &[u8]) -> String {
    if value.is_empty() {
        return format!("{name};");
    }
    let texts = value.strip_suffix(&[0]).map(|value| value.split(|byte| *byte == 0));
    let is_text = |text: &[u8]| !text.is_empty() && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if let Some(texts) = texts
        && texts.clone().all(is_text)
    {
        let texts: Vec<String> = texts
            .map(|text| format!("{:?}", String::from_utf8_lossy(text)))
            .collect();
        return format!("{name} = {};", texts.join(", "));
    }
    if value.len().is_multiple_of(4) {
        let cells: Vec<String> = be_cells(value).iter().map(|cell| format!("{cell:#x}")).collect();
        return format!("{name} = <{}>;", cells.join(" "));
    }
    let bytes: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} = [{}];", bytes.join(" "))
}
