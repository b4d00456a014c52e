// SPDX-License-Identifier: GPL-2.0-only
//! From a device tree to a board.
//!
//! | node | what the board makes of it |
//! |---|---|
//! | `compatible = "linux-compat,i2c"` | an I²C bus; its children are chips by `reg` |
//! | `compatible = "linux-compat,spi"` | an SPI bus; its children are chips by `reg` (chip select) |
//! | `compatible = "linux-compat,gpio"` | the lines, `ngpios` of them (64 if it does not say) |
//!
//! Everything else (supplies, clocks) concerns only the domain.

use super::lines::MAX_LINES;
use super::{BoardOptions, Bus, BusKind, Input, Lines, NO_CHIP, SimBoard, Slot};
use crate::chip::{CHIPS, Chip, Make, NEVER, PINS, Pin};
use crate::fault::Faults;
use crate::stand_in::StandIn;
use crate::tree::{Node, NodeId, Tree, TreeError};
use std::fmt;

/// Why a device tree makes no board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// The blob is damaged.
    Tree(TreeError),
    /// The tree has no bus of ours.
    NoBus,
    /// A node is not as it must be: its path, and what was expected.
    Node(String, String),
}

impl BoardError {
    /// The name of the node at fault, to find its line with [`crate::dts::line_of_node`].
    pub fn node_name(&self) -> Option<&str> {
        match self {
            BoardError::Node(path, _) => path.rsplit('/').next(),
            _ => None,
        }
    }
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoardError::Tree(err) => err.fmt(f),
            BoardError::NoBus => f.write_str(
                "board: no bus, expected a node with compatible = \"linux-compat,i2c\" or \"linux-compat,spi\"",
            ),
            BoardError::Node(path, fact) => write!(f, "board: {path}: {fact}"),
        }
    }
}

impl std::error::Error for BoardError {}

fn bad_node<T>(path: String, fact: impl Into<String>) -> Result<T, BoardError> {
    Err(BoardError::Node(path, fact.into()))
}

impl SimBoard {
    /// Builds the board that the compiled device tree `dtb` describes.
    ///
    /// A chip for which there is no model stays away from its bus (its address is not acknowledged) and is named in
    /// [`warnings`](Self::warnings).
    ///
    /// # Errors
    ///
    /// If the blob is damaged, has no bus, or a node lacks a property.
    pub fn new(dtb: &[u8], options: BoardOptions) -> Result<SimBoard, BoardError> {
        let tree = Tree::parse(dtb).map_err(BoardError::Tree)?;
        let mut board = SimBoard {
            clock: options.clock,
            now: 0,
            next_event: NEVER,
            world: options.stimulus,
            chip_options: options.chips,
            slots: Vec::new(),
            buses: Vec::new(),
            lines: Lines::default(),
            inputs: Vec::new(),
            transcript: None,
            liar: None,
            is_watched: false,
            warnings: Vec::new(),
        };
        board.now = board.now_ns();
        board.world.since_ns = board.now;
        let gpio = board.build_lines(&tree)?;
        for (kind, compatible) in [(BusKind::I2c, "linux-compat,i2c"), (BusKind::Spi, "linux-compat,spi")] {
            for node in tree.compatible(compatible) {
                board.build_bus(&tree, node, kind, gpio)?;
            }
        }
        if board.buses.is_empty() {
            return Err(BoardError::NoBus);
        }
        Ok(board)
    }

    fn build_lines(&mut self, tree: &Tree) -> Result<Option<NodeId>, BoardError> {
        let mut nodes = tree.compatible("linux-compat,gpio");
        let Some(gpio) = nodes.next() else {
            return Ok(None);
        };
        if let Some(second) = nodes.next() {
            return bad_node(
                tree.path(second),
                "a board has one linux-compat,gpio node, this is a second",
            );
        }
        let count = tree.node(gpio).u32("ngpios").unwrap_or(MAX_LINES);
        if count > MAX_LINES {
            return bad_node(
                tree.path(gpio),
                format!("ngpios is {count}, expected at most {MAX_LINES}"),
            );
        }
        self.lines = Lines::new(count);
        Ok(Some(gpio))
    }

    fn build_bus(&mut self, tree: &Tree, id: NodeId, kind: BusKind, gpio: Option<NodeId>) -> Result<(), BoardError> {
        let (node, path) = (tree.node(id), tree.path(id));
        let Some(channel) = node.string("linux-compat,channel") else {
            return bad_node(
                path,
                "no channel, expected a property such as linux-compat,channel = \"i2c0\"",
            );
        };
        if self.bus(channel).is_some() {
            return bad_node(path, format!("channel {channel:?} is the channel of another bus too"));
        }
        let default_hz = if kind == BusKind::I2c { 400_000 } else { 1_000_000 };
        let hz = node.u32("clock-frequency").unwrap_or(default_hz);
        if hz == 0 {
            return bad_node(path, "clock-frequency is 0, expected Hz");
        }
        let mut bus = Bus {
            channel: channel.to_owned(),
            node: path,
            kind,
            ns_per_bit: 1_000_000_000u64.div_ceil(u64::from(hz)),
            chips: [NO_CHIP; 128],
            faults: Faults::default(),
            held: false,
            kept: None,
        };
        for &child in node.children.iter().filter(|&&child| tree.node(child).is_enabled()) {
            match self.chip_options.stand_in {
                Some(_) => self.rest_pins(tree, child, gpio)?,
                None => self.build_chip(tree, child, &mut bus, gpio)?,
            }
        }
        self.build_stand_in(&mut bus)?;
        self.buses.push(bus);
        Ok(())
    }

    fn build_chip(&mut self, tree: &Tree, id: NodeId, bus: &mut Bus, gpio: Option<NodeId>) -> Result<(), BoardError> {
        let (node, path) = (tree.node(id), tree.path(id));
        let Some(reg) = node.cells("reg").and_then(|cells| cells.first().copied()) else {
            return bad_node(path, "no reg, expected the chip's address or chip select");
        };
        let Some(make) = model_of(node) else {
            let names = node.strings("compatible").collect::<Vec<_>>().join(", ");
            self.warnings
                .push(format!("{path}: no model for \"{names}\": it will not answer"));
            return Ok(());
        };
        let index = u8::try_from(self.slots.len()).ok().filter(|&index| index != NO_CHIP);
        let (Some(index), Some(place)) = (index, bus.chips.get_mut(reg as usize)) else {
            return bad_node(
                path,
                format!("reg is {reg:#x}, expected 0x00 to 0x7f, or the board has too many chips"),
            );
        };
        if *place != NO_CHIP {
            return bad_node(path, format!("reg {reg:#x} is the address of another chip too"));
        }
        *place = index;
        let mut chip = make(&self.chip_options);
        chip.advance(self.now, &self.world);
        self.wire_inputs(tree, id, gpio, chip.as_mut())?;
        let drivers = self.wire_pins(tree, id, gpio, chip.pin_names())?;
        let (pins, faults) = ([None; PINS], Faults::default());
        self.slots.push(Slot {
            chip,
            make,
            node: path,
            drivers,
            pins,
            status: None,
            next_event: NEVER,
            faults,
            fake_id: None,
        });
        self.settle(usize::from(index));
        Ok(())
    }

    /// Which line drives each input pin of the chip: a GPIO specifier of our lines. It starts low, as the lines do.
    fn wire_inputs(
        &mut self,
        tree: &Tree,
        id: NodeId,
        gpio: Option<NodeId>,
        chip: &mut dyn Chip,
    ) -> Result<(), BoardError> {
        for (pin, name) in chip.input_names().iter().enumerate() {
            let Some(cells) = tree.node(id).cells(name) else {
                continue;
            };
            let [phandle, line, ..] = cells[..] else {
                return bad_node(
                    tree.path(id),
                    format!("{name} has too few cells, expected <&gpio LINE FLAGS>"),
                );
            };
            if tree.by_phandle(phandle) != gpio {
                continue;
            }
            let count = self.lines.count();
            if line >= count {
                return bad_node(
                    tree.path(id),
                    format!("{name} is line {line}, expected less than {count}"),
                );
            }
            self.inputs.push(Input {
                line,
                slot: self.slots.len(),
                pin,
            });
            chip.set_input(pin, self.lines.level(line) == Some(true));
        }
        Ok(())
    }

    /// Puts a stand-in at every address of a bus, if the board is to have them.
    fn build_stand_in(&mut self, bus: &mut Bus) -> Result<(), BoardError> {
        let Some(chip) = self.chip_options.stand_in.and_then(StandIn::chip) else {
            return Ok(());
        };
        let Some(index) = u8::try_from(self.slots.len()).ok().filter(|&index| index != NO_CHIP) else {
            return bad_node(bus.node.clone(), "the board has too many buses");
        };
        bus.chips.fill(index);
        self.slots.push(Slot {
            chip,
            make: |options| {
                let chip = options.stand_in.and_then(StandIn::chip);
                // It was made with the same options before.
                chip.unwrap_or_else(|| unreachable!("a stand-in that was there"))
            },
            node: bus.node.clone(),
            drivers: [None; PINS],
            pins: [None; PINS],
            status: None,
            next_event: NEVER,
            faults: Faults::default(),
            fake_id: None,
        });
        Ok(())
    }

    /// Keeps the interrupt lines of a chip, and of what is on it, at the level at which nothing happens.
    fn rest_pins(&mut self, tree: &Tree, id: NodeId, gpio: Option<NodeId>) -> Result<(), BoardError> {
        // `IRQ_TYPE_EDGE_FALLING` 2, `IRQ_TYPE_LEVEL_LOW` 8 (include/dt-bindings/interrupt-controller/irq.h).
        const RESTS_HIGH: [u32; 2] = [2, 8];
        for (controller, line, kind) in interrupts(tree, id)? {
            if Some(controller) != gpio {
                continue;
            }
            if let Some(driver) = self.lines.connect(line) {
                let is_high = kind.is_some_and(|kind| RESTS_HIGH.contains(&kind));
                self.lines.drive(driver, if is_high { Pin::High } else { Pin::Low });
            }
        }
        let node = tree.node(id);
        for &child in node.children.iter().filter(|&&child| tree.node(child).is_enabled()) {
            self.rest_pins(tree, child, gpio)?;
        }
        Ok(())
    }

    /// Which line each interrupt pin of the chip drives: `interrupt-names` says which pin, else the order.
    fn wire_pins(
        &mut self,
        tree: &Tree,
        id: NodeId,
        gpio: Option<NodeId>,
        pin_names: &[&str],
    ) -> Result<[Option<super::lines::Driver>; PINS], BoardError> {
        let mut drivers = [None; PINS];
        let node = tree.node(id);
        let names: Vec<&str> = node.strings("interrupt-names").collect();
        for (position, (controller, line, _)) in interrupts(tree, id)?.into_iter().enumerate() {
            let pin = match names.get(position) {
                Some(name) => pin_names.iter().position(|pin| pin.eq_ignore_ascii_case(name)),
                None => Some(position).filter(|&pin| pin < PINS),
            };
            let Some(pin) = pin else {
                return bad_node(
                    tree.path(id),
                    format!("interrupt {position} is no pin, expected {}", pin_names.join(", ")),
                );
            };
            if Some(controller) != gpio {
                // Some other controller of the tree: not ours to drive.
                continue;
            }
            drivers[pin] = self.lines.connect(line);
            if drivers[pin].is_none() {
                let count = self.lines.count();
                return bad_node(
                    tree.path(id),
                    format!("interrupt line {line}, expected less than {count}"),
                );
            }
        }
        Ok(drivers)
    }
}

fn model_of(node: &Node) -> Option<Make> {
    node.strings("compatible")
        .find_map(|name| CHIPS.iter().find(|(known, _)| *known == name))
        .map(|&(_, make)| make)
}

/// The interrupts of a node as (controller, line, trigger type): `interrupts-extended`, else `interrupts` with the
/// `interrupt-parent` of the node or of the nearest node above (Devicetree Specification, 2.4.1).
fn interrupts(tree: &Tree, id: NodeId) -> Result<Vec<(NodeId, u32, Option<u32>)>, BoardError> {
    let fail = |fact: &str| Err(BoardError::Node(tree.path(id), fact.to_owned()));
    let node = tree.node(id);
    let mut found = Vec::new();
    if let Some(cells) = node.cells("interrupts-extended") {
        let mut rest = cells.as_slice();
        while let Some((&phandle, after)) = rest.split_first() {
            let Some(controller) = tree.by_phandle(phandle) else {
                return fail("interrupts-extended refers to no node");
            };
            let Some(((line, kind), after)) = split_spec(tree.node(controller), after) else {
                return fail("interrupts-extended has too few cells");
            };
            found.push((controller, line, kind));
            rest = after;
        }
    } else if let Some(cells) = node.cells("interrupts") {
        let parent = std::iter::successors(Some(id), |&id| tree.node(id).parent)
            .find_map(|id| tree.node(id).u32("interrupt-parent"))
            .and_then(|phandle| tree.by_phandle(phandle));
        let Some(controller) = parent else {
            return fail("interrupts without an interrupt-parent");
        };
        let mut rest = cells.as_slice();
        while !rest.is_empty() {
            let Some(((line, kind), after)) = split_spec(tree.node(controller), rest) else {
                return fail("interrupts has too few cells");
            };
            found.push((controller, line, kind));
            rest = after;
        }
    }
    Ok(found)
}

/// An interrupt's line, and its trigger type if it has one.
type Spec = (u32, Option<u32>);

/// Takes one interrupt specifier: its line and, if it has a second cell, its trigger type; and what follows.
fn split_spec<'a>(controller: &Node, cells: &'a [u32]) -> Option<(Spec, &'a [u32])> {
    let count = controller.u32("#interrupt-cells").filter(|&count| count > 0)? as usize;
    let kind = cells.get(1).copied().filter(|_| count > 1);
    Some(((*cells.first()?, kind), cells.get(count..)?))
}
