// SPDX-License-Identifier: GPL-2.0-only
//! A board for a driver that has none: made from the example of the driver's own binding document.
//!
//! ```text
//! binding document ──examples:──▶ cpp, dtc ──▶ the chip's node ──▶ our buses, lines, supplies, clocks ──▶ .dts
//! ```
//!
//! * [`bindings`]: which document has an example for which `compatible`. * [`example`]: one example, compiled.
//! * [`mod@write`]: the board around the chip. * [`source`]: what a driver's source says of its bus and its names.

pub mod bindings;
pub mod example;
pub mod source;
#[cfg(test)]
mod tests;
pub mod write;

pub use bindings::Bindings;
pub use source::{Buses, Drives};

use crate::board::{Board, BoardError};
use example::Example;
use linux_headers::Tree;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where a skeleton came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An example of a binding document.
    Example {
        /// The document, relative to the tree.
        document: String,
        /// Which of its examples, from 1.
        number: usize,
    },
    /// Somebody wrote it.
    Given,
    /// There is no example for the driver: a node with its `compatible`, an address and an interrupt.
    Made,
}

/// What a driver asks of its board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    /// The kind of bus: `i2c` or `spi`.
    pub bus: String,
    /// Interrupts.
    pub interrupts: u32,
    /// Properties that name GPIO lines.
    pub lines: Vec<String>,
    /// Properties that name supplies.
    pub supplies: Vec<String>,
    /// Clocks.
    pub clocks: u32,
    /// Properties that were left out, since nothing here provides what they refer to.
    pub left_out: Vec<String>,
}

/// A board for a driver.
#[derive(Debug)]
pub struct Skeleton {
    /// The board, compiled.
    pub board: Board,
    /// Where it came from.
    pub origin: Origin,
    /// What the driver asks of it.
    pub asks: Asks,
    /// Examples that `dtc` rejected, with its words.
    pub rejected: Vec<String>,
}

impl Skeleton {
    /// Makes a board for a driver. `name` is what the board is called.
    ///
    /// # Errors
    ///
    /// `dtc` is absent.
    pub fn new(tree: &Tree, bindings: &Bindings, drives: &Drives, name: &str) -> Result<Self, BoardError> {
        let path = format!("{name}.dts");
        let mut rejected = Vec::new();
        for place in bindings.examples(drives) {
            let made = Example::compile(tree, place.text)
                .and_then(|example| write::from_example(&example, drives, name, &place.document))
                .map(|(text, asks)| (Board::of_source(Path::new(&path), text), asks));
            match made {
                Ok((Ok(board), asks)) => {
                    let origin = Origin::Example {
                        document: place.document,
                        number: place.number,
                    };
                    return Ok(Self {
                        board,
                        origin,
                        asks,
                        rejected,
                    });
                }
                Ok((Err(error), _)) => rejected.push(format!("{}, example {}: {error}", place.document, place.number)),
                Err(words) => rejected.push(format!("{}, example {}: {words}", place.document, place.number)),
            }
        }
        let (text, asks) = write::made(drives, name);
        Ok(Self {
            board: Board::of_source(Path::new(&path), text)?,
            origin: Origin::Made,
            asks,
            rejected,
        })
    }
}
