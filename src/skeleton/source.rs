// SPDX-License-Identifier: GPL-2.0-only
//! What a driver's source says of its bus and of the names that its devices have.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The buses that a driver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Buses {
    /// I²C.
    I2c,
    /// SPI.
    Spi,
    /// Either.
    Both,
}

/// What a driver drives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drives {
    /// The buses it is for.
    pub buses: Buses,
    /// The `compatible` strings of its match tables.
    pub compatibles: Vec<String>,
    /// The names of its `i2c_device_id` and `spi_device_id` tables.
    pub names: Vec<String>,
    /// The trigger that it requests its interrupt with, `IRQ_TYPE_LEVEL_LOW` for example; `None` if it leaves that to
    /// the board.
    pub trigger: Option<u32>,
}

/// What says that a file registers a driver of a bus (`include/linux/i2c.h`, `include/linux/spi/spi.h`,
/// `include/linux/spi/spi-mem.h`).
const I2C: [&str; 5] = [
    "module_i2c_driver(",
    "i2c_add_driver(",
    "i2c_register_driver(",
    "builtin_i2c_driver(",
    "struct i2c_driver ",
];
const SPI: [&str; 5] = [
    "module_spi_driver(",
    "module_spi_mem_driver(",
    "spi_register_driver(",
    "builtin_spi_driver(",
    "struct spi_driver ",
];

impl Buses {
    /// Finds out from a source; `None` if it registers no driver of either bus.
    #[must_use]
    pub fn of_source(text: &str) -> Option<Self> {
        let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
        match (has(&I2C), has(&SPI)) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::I2c),
            (false, true) => Some(Self::Spi),
            (false, false) => None,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

/// A file as text; empty if it cannot be read.
#[must_use]
pub fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

/// A source's text, and behind it the macros of the headers that it includes from its own folder and from the tree's
/// `include`.
#[must_use]
pub fn with_macros(mut text: String, file: &Path, tree: &Path) -> String {
    let included = text.lines().filter_map(|line| line.strip_prefix("#include "));
    let headers: Vec<_> = included
        .filter_map(|rest| {
            let rest = rest.trim();
            let own = rest.strip_prefix('"').and_then(|name| name.split('"').next());
            let shared = rest.strip_prefix('<').and_then(|name| name.split('>').next());
            own.map(|name| file.with_file_name(name))
                .or(shared.map(|name| tree.join("include").join(name)))
        })
        .collect();
    for header in headers {
        let macros = read(&header);
        for line in macros.lines().filter(|line| defined_text(line).is_some()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The names in a source's device tables. An SPI driver without one is matched by its own name (`spi_match_device`).
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    let found = in_tables(text, &["i2c_device_id ", "spi_device_id "], "name");
    if found.is_empty() { spi_drivers(text) } else { found }
}

/// The first trigger that a source names (`include/linux/interrupt.h`): its number is that of the device tree.
#[must_use]
pub fn trigger(text: &str) -> Option<u32> {
    const KINDS: [(&str, u32); 4] = [("RISING", 1), ("FALLING", 2), ("HIGH", 4), ("LOW", 8)];
    text.split("IRQF_TRIGGER_").skip(1).find_map(|after| {
        let kind = tokens(after).next()?;
        KINDS.iter().find(|(name, _)| *name == kind).map(|(_, number)| *number)
    })
}

/// The trigger that the sources beside a driver's name: a driver for one bus leaves its interrupt to what it shares
/// with those for others, a file that begins with the same word, or whose header it includes.
#[must_use]
pub fn trigger_beside(file: &Path) -> Option<u32> {
    let stem = |path: &Path| Some(path.file_stem()?.to_str()?.to_owned());
    let first = |stem: &str| stem.split(['-', '_']).next().unwrap_or_default().to_owned();
    let text = read(file);
    let included = text.lines().filter_map(|line| line.strip_prefix("#include \""));
    let headers: Vec<String> = included.filter_map(|name| stem(Path::new(name))).collect();
    let own = first(&stem(file)?);
    let mut beside: Vec<_> = std::fs::read_dir(file.parent()?)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "c") && path != file)
        .filter(|path| stem(path).is_some_and(|stem| first(&stem) == own || headers.contains(&stem)))
        .collect();
    beside.sort();
    beside.iter().find_map(|path| trigger(&read(path)))
}

/// The names of SPI drivers.
fn spi_drivers(text: &str) -> Vec<String> {
    let bodies = text.split("struct spi_driver ").skip(1);
    let bodies = bodies.filter_map(|after| after.split_once("= {")?.1.split("};").next());
    let name = |body: &str| {
        let after = body.split_once(".name")?.1.trim_start().strip_prefix('=')?;
        let name = tokens(after).next()?.strip_prefix('"')?.trim_end_matches('"');
        Some(name.to_owned())
    };
    bodies.filter_map(name).collect()
}

/// The `compatible` strings in a source's match tables, those too that a macro makes the entry of.
#[must_use]
pub fn compatibles(text: &str) -> Vec<String> {
    in_tables(text, &["of_device_id "], "compatible")
}

/// The first text of each entry, as it stands or by the name of a macro: `{ "text"`, `{ TEXT`, `.name = "text"`, or the
/// first argument of a macro that makes the entry.
fn in_tables(text: &str, tables: &[&str], member: &str) -> Vec<String> {
    let defined: HashMap<&str, &str> = text.lines().filter_map(defined_text).collect();
    let mut found = Vec::new();
    for table in tables {
        for after in text.split(table).skip(1) {
            let Some((head, body)) = after.split_once('{') else {
                continue;
            };
            if !head.contains("[]") || head.contains(';') {
                continue;
            }
            let body = body.split("};").next().unwrap_or_default();
            let (mut second, mut last) = ("", "");
            for token in tokens(body) {
                let opens = matches!(last, "{" | "(") || last == "=" && second == member;
                let quoted = token.strip_prefix('"').map(|rest| rest.trim_end_matches('"'));
                let value = quoted.or_else(|| defined.get(token).copied());
                if let Some(value) = value.filter(|value| opens && !value.is_empty()) {
                    found.push(value.to_owned());
                }
                (second, last) = (last, token);
            }
        }
    }
    found.dedup();
    found
}

/// `#define NAME "text"`.
fn defined_text(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("#define")?.trim().split_once(char::is_whitespace)?;
    let (text, rest) = value.trim().strip_prefix('"')?.split_once('"')?;
    rest.trim().is_empty().then_some((name, text))
}

/// The words, texts with their quotes, and single other characters of a piece of C.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match first {
            '"' => rest
                .get(1..)
                .and_then(|tail| tail.find('"'))
                .map_or(rest.len(), |at| at + 2),
            first if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (token, tail) = rest.split_at(end);
        rest = tail;
        Some(token)
    })
}
