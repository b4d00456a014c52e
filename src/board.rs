// SPDX-License-Identifier: GPL-2.0-only
//! Boards: what hangs on which bus, as a device tree.
//!
//! A [`Board`] comes from a `.dts` file and is compiled with `dtc`. The blob is read twice: in the domain by
//! upstream's `drivers/of`, and here, to know which channels the domain needs and to build the simulated hardware.

use ::board::dts::{self, DtsError};
use ::board::tree::Tree;
use ::board::{BoardOptions, SimBoard};
use linux_headers::cache;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Why there is no board.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The file cannot be read, or `dtc` refused it: in its own words, with file and line.
    #[error(transparent)]
    Source(#[from] DtsError),
    /// No board of ours has this driver's chip.
    #[error("no board for {driver:?}: give one with --board FILE.dts; ours are for {}", known.join(", "))]
    NoDefault {
        /// The driver.
        driver: String,
        /// What our boards are for.
        known: Vec<String>,
    },
    /// A node is not as it must be, or is not there.
    #[error("{}{}: {fact}", path.display(), at_line(*line))]
    Node {
        /// The board's file.
        path: PathBuf,
        /// The line where the node begins, if it is there.
        line: Option<usize>,
        /// What was expected.
        fact: String,
    },
    /// The compiled board cannot be kept.
    #[error("{}: {error}", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The first few of many, as a device tree writes them.
fn any_of(names: &[String]) -> String {
    const MOST: usize = 6;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let rest = names.len().saturating_sub(MOST);
    let more = if rest > 0 {
        format!(" or {rest} others")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(" or "))
}

fn at_line(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!(":{line}"))
}

/// What a channel of a board carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// An I²C bus.
    I2c,
    /// An SPI bus.
    Spi,
    /// GPIO and interrupt lines.
    Gpio,
}

/// A bus server that the board's domain must be able to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardChannel {
    /// What it carries.
    pub kind: ChannelKind,
    /// Its name: the node's `linux-compat,channel`.
    pub name: String,
}

/// A chip on a bus of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPart {
    /// The bus's channel.
    pub channel: String,
    /// Its node, such as `accelerometer@53`.
    pub name: String,
    /// Its address or chip select.
    pub reg: u32,
}

/// A board, compiled.
///
/// # Examples
///
/// ```
/// use linux_compat::Board;
///
/// let board = Board::of_driver("adxl345")?;
/// assert_eq!(board.chips(), ["adi,adxl345"]);
///
/// let error = Board::of_driver("nosuchchip").unwrap_err().to_string();
/// assert!(error.contains("give one with --board FILE.dts"), "{error}");
/// # Ok::<(), linux_compat::board::BoardError>(())
/// ```
#[derive(Debug)]
pub struct Board {
    path: PathBuf,
    source: String,
    dtb: Vec<u8>,
    tree: Tree,
}

/// The directory of the boards that come with this package.
#[must_use]
pub fn boards_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/boards"))
}

/// The boards that come with this package, in order.
#[must_use]
pub fn boards() -> Vec<PathBuf> {
    let files = std::fs::read_dir(boards_dir()).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    let mut boards: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "dts"))
        .collect();
    boards.sort();
    boards
}

/// The names of the boards that come with this package.
fn known_boards() -> Vec<String> {
    let boards = boards();
    let names = boards
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.collect()
}

/// The names that a driver's board may have, the likeliest first: the driver may be named by its module
/// (`adxl345_spi`), by its chip (`adxl345`), or by a `compatible` (`adi,adxl345`).
fn candidates(driver: &str) -> Vec<String> {
    let name = driver.rsplit(['/', ',']).next().unwrap_or(driver);
    let name = name.strip_suffix(".c").unwrap_or(name).replace('_', "-");
    let mut names = vec![name.clone(), format!("{name}-i2c"), format!("{name}-spi")];
    if let Some(chip) = name.strip_suffix("-i2c") {
        names.push(chip.to_owned());
    }
    names
}

/// The board that carries a chip of this name: a driver for many chips has one board.
fn with_chip(chip: &str, known: &[String]) -> Option<String> {
    let compatible = format!(",{}\"", chip.rsplit(',').next().unwrap_or(chip));
    let carries = |board: &&String| {
        std::fs::read_to_string(boards_dir().join(format!("{board}.dts"))).is_ok_and(|text| text.contains(&compatible))
    };
    known.iter().find(carries).cloned()
}

impl Board {
    /// Reads and compiles a board.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or `dtc` is absent or refuses it.
    pub fn open(path: &Path) -> Result<Self, BoardError> {
        let error = |error| DtsError::Read(path.display().to_string(), error);
        let source = std::fs::read_to_string(path).map_err(error)?;
        Self::of_source(path, source)
    }

    /// Compiles a board that is in memory; `path` is what it is called in messages.
    ///
    /// # Errors
    ///
    /// `dtc` is absent or refuses it.
    pub fn of_source(path: &Path, source: String) -> Result<Self, BoardError> {
        let dtb = dts::compile_named(&source, &path.display().to_string())?;
        let path = path.to_owned();
        match Tree::parse(&dtb) {
            Ok(tree) => Ok(Self {
                path,
                source,
                dtb,
                tree,
            }),
            Err(error) => Err(BoardError::Node {
                path,
                line: None,
                fact: error.to_string(),
            }),
        }
    }

    /// The board that comes with this package for a driver.
    ///
    /// # Errors
    ///
    /// None does; or as [`open`](Self::open).
    pub fn of_driver(driver: &str) -> Result<Self, BoardError> {
        let known = known_boards();
        let by_name = candidates(driver).into_iter().find(|name| known.contains(name));
        match by_name.or_else(|| with_chip(driver, &known)) {
            Some(name) => Self::open(&boards_dir().join(format!("{name}.dts"))),
            None => Err(BoardError::NoDefault {
                driver: driver.to_owned(),
                known,
            }),
        }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The device tree blob.
    #[must_use]
    pub fn dtb(&self) -> &[u8] {
        &self.dtb
    }

    /// Puts the blob into the cache, where the build reads it, and returns its path: the same board, the same path.
    ///
    /// # Errors
    ///
    /// The cache cannot be written.
    pub fn dtb_file(&self) -> Result<PathBuf, BoardError> {
        let name = Sha256::digest(&self.dtb).iter().fold(String::new(), |mut name, byte| {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
        let path = cache::dir().join("boards").join(format!("{name}.dtb"));
        let kept = cache::write_if_changed(&path, &self.dtb);
        kept.map_err(|error| BoardError::Cache {
            path: path.clone(),
            error,
        })?;
        Ok(path)
    }

    /// The bus servers that the board's domain needs.
    #[must_use]
    pub fn channels(&self) -> Vec<BoardChannel> {
        let kinds = [
            (ChannelKind::Gpio, "linux-compat,gpio", Some("gpio")),
            (ChannelKind::I2c, "linux-compat,i2c", None),
            (ChannelKind::Spi, "linux-compat,spi", None),
        ];
        let mut found = Vec::new();
        for (kind, compatible, default) in kinds {
            for id in self.tree.compatible(compatible) {
                let name = self.tree.node(id).string("linux-compat,channel").or(default);
                found.extend(name.map(|name| BoardChannel {
                    kind,
                    name: name.to_owned(),
                }));
            }
        }
        found
    }

    /// The chips on the buses, each with its addresses: a chip that answers at several is there several times.
    #[must_use]
    pub fn parts(&self) -> Vec<BoardPart> {
        let buses = ["linux-compat,i2c", "linux-compat,spi"]
            .into_iter()
            .flat_map(|bus| self.tree.compatible(bus));
        let mut found = Vec::new();
        for bus in buses.map(|bus| self.tree.node(bus)) {
            let Some(channel) = bus.string("linux-compat,channel") else {
                continue;
            };
            for node in bus.children.iter().map(|id| self.tree.node(*id)) {
                if !node.is_enabled() {
                    continue;
                }
                found.extend(node.cells("reg").unwrap_or_default().into_iter().map(|reg| BoardPart {
                    channel: channel.to_owned(),
                    name: node.name.clone(),
                    reg,
                }));
            }
        }
        found
    }

    /// The GPIO lines that nodes name in properties such as `reset-gpios`, in order.
    #[must_use]
    pub fn lines(&self) -> Vec<u32> {
        let mut lines = std::collections::BTreeSet::new();
        let controllers: Vec<u32> = self
            .tree
            .compatible("linux-compat,gpio")
            .filter_map(|id| self.tree.node(id).u32("phandle"))
            .collect();
        for node in self.enabled() {
            // The last is Marvell's own name (Documentation/devicetree/bindings/net/nfc/marvell,nci.yaml).
            let is_gpio = |name: &str| {
                let is_common = name.ends_with("-gpio") || name.ends_with("-gpios");
                is_common || matches!(name, "gpio" | "gpios" | "reset-n-io")
            };
            for name in node.prop_names().filter(|name| is_gpio(name)) {
                // Phandle, line, flags.
                for cells in node.cells(name).unwrap_or_default().chunks_exact(3) {
                    if let [phandle, line, _] = cells
                        && controllers.contains(phandle)
                    {
                        lines.insert(*line);
                    }
                }
            }
        }
        lines.into_iter().collect()
    }

    fn enabled(&self) -> impl Iterator<Item = &::board::tree::Node> {
        let nodes = self.tree.ids().map(|id| self.tree.node(id));
        nodes.filter(|node| node.is_enabled())
    }

    /// The firmware files that nodes name: `firmware-name`.
    #[must_use]
    pub fn firmware(&self) -> Vec<String> {
        self.enabled()
            .flat_map(|node| node.strings("firmware-name"))
            .map(str::to_owned)
            .collect()
    }

    /// The first `compatible` of each chip: of each node below a bus.
    #[must_use]
    pub fn chips(&self) -> Vec<String> {
        let buses = ["linux-compat,i2c", "linux-compat,spi"]
            .into_iter()
            .flat_map(|bus| self.tree.compatible(bus));
        let nodes = buses.flat_map(|bus| self.tree.node(bus).children.iter());
        let nodes = nodes.map(|id| self.tree.node(*id)).filter(|node| node.is_enabled());
        nodes
            .filter_map(|node| node.string("compatible").map(str::to_owned))
            .collect()
    }

    /// What is said when no device came to life on this board. `compatibles` are those that would, if they are known.
    #[must_use]
    pub fn lacks(&self, driver: &str, compatibles: &[String]) -> BoardError {
        let chips = self.chips();
        let has = if chips.is_empty() {
            "it has no chips".to_owned()
        } else {
            format!("it has {}", chips.join(", "))
        };
        let bus = self
            .tree
            .compatible("linux-compat,i2c")
            .chain(self.tree.compatible("linux-compat,spi"))
            .next();
        let line = bus.and_then(|bus| dts::line_of_node(&self.source, &self.tree.node(bus).name));
        let expected = match compatibles {
            [] => String::new(),
            known => format!(", expected compatible = {}", any_of(known)),
        };
        let fact = format!("no node below a bus that {driver:?} drives{expected}; {has}");
        BoardError::Node {
            path: self.path.clone(),
            line,
            fact,
        }
    }

    /// Looks whether hardware can be made of it.
    ///
    /// # Errors
    ///
    /// It has no bus, or a node lacks a property or has a wrong one.
    pub fn check(&self) -> Result<(), BoardError> {
        SimBoard::new(&self.dtb, BoardOptions::default())
            .map(drop)
            .map_err(|error| self.locate(&error))
    }

    /// Adds file and line to what the simulated hardware says of the tree.
    pub(crate) fn locate(&self, error: &::board::BoardError) -> BoardError {
        let line = error.node_name().and_then(|name| dts::line_of_node(&self.source, name));
        BoardError::Node {
            path: self.path.clone(),
            line,
            fact: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_driver_finds_its_board() {
        for (driver, file) in [
            ("adxl345", "adxl345-i2c.dts"),
            ("adxl345_i2c", "adxl345-i2c.dts"),
            ("adxl345_spi", "adxl345-spi.dts"),
            ("adi,adxl345", "adxl345-i2c.dts"),
            ("bmg160", "bmg160.dts"),
            ("bmg160_i2c", "bmg160.dts"),
            ("bmc150_accel_i2c", "bmc150-accel.dts"),
            ("bma255", "bmc150-accel.dts"),
            ("bosch,bma255", "bmc150-accel.dts"),
        ] {
            let board = Board::of_driver(driver).unwrap();
            assert_eq!(board.path().file_name().unwrap(), file, "{driver}");
        }
    }

    #[test]
    fn channels_come_from_the_nodes() {
        let board = Board::of_driver("adxl345_spi").unwrap();
        assert!(board.channels().contains(&BoardChannel {
            kind: ChannelKind::Spi,
            name: "spi0".to_owned()
        }));
    }

    #[test]
    fn a_board_that_does_not_parse_says_where() {
        let dir = std::env::temp_dir().join(format!("linux-compat-board-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("bad.dts");
        std::fs::write(&path, "/dts-v1/;\n/ {\n\ti2c@0 {\n\t\treg = <;\n\t};\n};\n").unwrap();
        let error = Board::open(&path).unwrap_err().to_string();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(error.contains("bad.dts:4"), "{error}");
    }

    #[test]
    fn a_board_without_the_chip_says_what_it_has() {
        let board = Board::of_driver("adxl345").unwrap();
        let text = board.lacks("bmg160", &["bosch,bmg160".to_owned()]).to_string();
        assert!(
            text.contains("adxl345-i2c.dts:")
                && text.contains("expected compatible = \"bosch,bmg160\"; it has adi,adxl345"),
            "{text}"
        );
    }
}
