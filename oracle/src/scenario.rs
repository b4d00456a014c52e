// SPDX-License-Identifier: GPL-2.0-only
//! A scenario: what a user does with one driver, as data (`scenarios/*.toml`).
//!
//! Paths begin with a name that both kernels translate: `chip/` is the chip's directory, `iio/` that of its IIO
//! device, `trigger/NAME/` that of the trigger with this name.

use crate::linux::machine::unhex;
use anyhow::{Context, Result};
use linux_compat::Board;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The directory of the scenarios.
const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// Its name: that of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it shows, in a sentence.
    pub(crate) about: String,
    /// The driver's module.
    pub(crate) driver: String,
    /// The driver's name on its bus, if that is not the module's.
    #[serde(default)]
    pub(crate) bus_name: Option<String>,
    /// A board of ours other than the driver's own, such as `ds1307`.
    #[serde(default)]
    pub(crate) board: Option<String>,
    /// A firmware file that the chip's node names, for the domain's firmware server: it gives no others.
    #[serde(default)]
    pub(crate) firmware_name: Option<String>,
    /// What the chips feel at first.
    #[serde(default)]
    pub(crate) stimulus: String,
    /// Faults that are there from the start.
    #[serde(default)]
    pub(crate) faults: Vec<String>,
    /// The chip or bus whose n-th transfer fails in the runs after the first, if there are any.
    #[serde(default)]
    pub(crate) fail_nth: Option<String>,
    /// Parts of the transfers that fetch samples as time passes: their number is not compared.
    #[serde(default)]
    pub(crate) streams: Vec<String>,
    /// Parts of transfers before which the driver sleeps for a range (`usleep_range`), within which the kernel chooses.
    #[serde(default)]
    pub(crate) ranges: Vec<String>,
    /// Time that passes before a channel is read, in ms: if it is longer than a sample's period, a new one is there on
    /// both kernels.
    #[serde(default)]
    pub(crate) pace: u64,
    /// Real Linux runs in real time: for figures. Nothing that depends on time is the same on both sides then.
    #[serde(default)]
    pub(crate) is_real_time: bool,
    /// What is done.
    pub(crate) steps: Vec<Step>,
}

/// What is done.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Lists a directory and all below it: kinds, modes, names, links, and the text of each file.
    Tree(String),
    /// Reads a file.
    Read(String),
    /// Reads a file so many times, for the figures.
    Time(String, u32),
    /// Writes a text into a file.
    Write(String, String),
    /// Reads what a file has from a byte on, a page at the most: shown as hexadecimal digits.
    ReadAt(String, u64),
    /// Writes bytes, given as hexadecimal digits, into a file from a byte on.
    WriteAt(String, u64, String),
    /// Writes several texts into a file, each followed by reading it.
    Try(String, Vec<String>),
    /// Changes what the chips feel.
    Stimulus(String),
    /// Puts a fault on the board.
    Fault(String),
    /// Takes the driver off the chip.
    Unbind,
    /// Binds the driver to the chip.
    Bind,
    /// Lets time pass, in ms.
    Wait(u64),
    /// Suspends the whole system, lets so many seconds pass, and resumes it.
    Suspend(u64),
    /// Makes a firmware file: name, and content in hexadecimal digits; `5a*900` is so many of a byte.
    Firmware(String, String),
    /// What is done with the IIO device's node, a word and a number each: `open`, `read BYTES`, `poll MS`,
    /// `write BYTES`, `ioctl NAME NUMBER…` (`ioctl.rs`), `events` (opens the file that events come out of), `close`;
    /// all but the first on the file that was opened last.
    Device(Vec<String>),
    /// The same with the node that is named, such as `rtc0`.
    Node(String, Vec<String>),
    /// What is done with an NFC controller, through Linux's own doors (`nfc.rs`).
    Nfc(Vec<String>),
    /// Opens the IIO device's events, changes what the chips feel, and waits for events.
    Events(Events),
    /// Fills the buffer: enables channels, chooses a trigger, takes scans, switches the buffer off.
    Capture(Capture),
}

/// How a buffer is filled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capture {
    /// Channels as the buffer names them, such as `in_accel_x`.
    pub(crate) channels: Vec<String>,
    /// The trigger's name; none if the device has its own buffer.
    #[serde(default)]
    pub(crate) trigger: Option<String>,
    /// Bytes of one scan.
    pub(crate) scan_bytes: usize,
    /// How many scans are taken.
    pub(crate) scans: usize,
    /// Time between the last scan and the end of the capture, in ms; [`run::SETTLE`](crate::run) if there is none.
    #[serde(default)]
    pub(crate) settle: Option<u64>,
}

/// How events are waited for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    /// What makes them.
    pub(crate) stimulus: String,
    /// How many are taken.
    pub(crate) count: usize,
    /// For how long, in ms, if they are not to come.
    #[serde(default)]
    pub(crate) limit: Option<u64>,
}

impl Scenario {
    /// Its board.
    pub(crate) fn board(&self) -> Result<Board> {
        let board = Board::of_driver(self.board.as_ref().unwrap_or(&self.driver))?;
        let Some(name) = &self.firmware_name else {
            return Ok(board);
        };
        // The chip's node is the last one that has an address.
        let mut source = board.source().to_owned();
        let at = source.rfind("reg = <").context("the board has no chip")?;
        source.insert_str(at, &format!("firmware-name = \"{name}\"; "));
        Ok(Board::of_source(board.path(), source)?)
    }

    fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut scenario: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(scenario)
    }

    /// Finds scenarios by name or by file; all of them if nothing is named.
    ///
    /// # Errors
    ///
    /// There is no such scenario, or it has a step that is none: file, line and what was expected.
    pub(crate) fn find(wanted: &[String]) -> Result<Vec<Self>> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(DIR).context(DIR)? {
            paths.push(entry?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        paths.sort();
        if wanted.is_empty() {
            return paths.iter().map(|path| Self::open(path)).collect();
        }
        let mut found = Vec::new();
        for name in wanted {
            let is_it = |path: &&PathBuf| {
                path.file_stem()
                    .is_some_and(|stem| stem.to_string_lossy() == name.as_str())
            };
            let named = paths
                .iter()
                .find(is_it)
                .map_or_else(|| PathBuf::from(name), PathBuf::clone);
            if !named.exists() {
                let known: Vec<_> = paths
                    .iter()
                    .filter_map(|path| path.file_stem())
                    .map(|stem| stem.to_string_lossy())
                    .collect();
                anyhow::bail!("no scenario {name:?}; there are {}", known.join(", "));
            }
            found.push(Self::open(&named)?);
        }
        Ok(found)
    }
}

/// Hexadecimal digits, in words; `5a*900` is so many of a byte.
pub(crate) fn content(text: &str) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    for word in text.split_whitespace() {
        let (digits, count) = word.split_once('*').unwrap_or((word, "1"));
        let bytes = unhex(digits).with_context(|| format!("{word:?}: no hexadecimal digits"))?;
        content.extend(bytes.repeat(count.parse().with_context(|| word.to_owned())?));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_scenarios_can_be_read() {
        let all = Scenario::find(&[]).expect("scenarios");
        assert!(all.len() > 10);
        assert!(all.iter().all(|scenario| !scenario.steps.is_empty()));
    }

    #[test]
    fn an_unknown_step_is_told_with_its_place() {
        let text = "about = \"\"\ndriver = \"x\"\nsteps = [ { red = \"y\" } ]\n";
        let error = toml::from_str::<Scenario>(text).expect_err("no scenario").to_string();
        assert!(
            error.contains("line 3") && error.contains("unknown variant `red`"),
            "{error}"
        );
    }
}
