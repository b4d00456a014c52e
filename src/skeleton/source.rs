// SPDX-License-Identifier: GPL-2.0-only
//! What a driver's source says of its bus and of the names that its devices have.

use serde::{Deserialize, Serialize};

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
}

/// What says that a file registers a driver of a bus (`include/linux/i2c.h`, `include/linux/spi/spi.h`).
const I2C: [&str; 5] = [
    "module_i2c_driver(",
    "i2c_add_driver(",
    "i2c_register_driver(",
    "builtin_i2c_driver(",
    "struct i2c_driver ",
];
const SPI: [&str; 4] = [
    "module_spi_driver(",
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

/// The names in a source's device tables.
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["i2c_device_id ", "spi_device_id "] {
        for after in text.split(table).skip(1) {
            let Some((head, body)) = after.split_once('{') else {
                continue;
            };
            if !head.contains("[]") || head.contains(';') {
                continue;
            }
            let body = body.split("};").next().unwrap_or_default();
            let mut before = "";
            for (number, part) in body.split('"').enumerate() {
                let opens = before.trim_end().ends_with('{') || before.trim_end().ends_with(".name =");
                if number % 2 == 1 && opens && !part.is_empty() {
                    found.push(part.to_owned());
                }
                before = part;
            }
        }
    }
    found.dedup();
    found
}
