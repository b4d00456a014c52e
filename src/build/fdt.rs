// SPDX-License-Identifier: GPL-2.0-only
//! Reads a device tree blob as far as the build needs it: which `compatible` sits on which bus.

use super::error::BuildError;
use board::tree::{NodeId, Tree, TreeError};
use std::path::Path;

/// A node that names what it is compatible with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path: `/i2c/accelerometer@53`.
    pub path: String,
    /// What it is compatible with, the most special first.
    pub compatible: Vec<String>,
}

impl Device {
    /// The name of the bus node above it, without its address.
    #[must_use]
    pub fn bus(&self) -> &str {
        let above = self.path.rsplit_once('/').map_or("", |(above, _)| above);
        let name = above.rsplit('/').next().unwrap_or("");
        name.split('@')
            .next()
            .unwrap_or("")
            .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-')
    }
}

/// Reads the devices of the blob at `path`; nodes whose status is not `okay` are left out.
///
/// # Errors
///
/// The file cannot be read or is no device tree blob.
pub fn read(path: &Path) -> Result<Vec<Device>, BuildError> {
    let data = std::fs::read(path).map_err(|error| BuildError::Io {
        path: path.to_owned(),
        error,
    })?;
    parse(&data).map_err(|error| BuildError::Board {
        path: path.to_owned(),
        what: error.to_string(),
    })
}

fn parse(data: &[u8]) -> Result<Vec<Device>, TreeError> {
    let tree = Tree::parse(data)?;
    let mut out = Vec::new();
    if let Some(root) = tree.ids().next() {
        collect(&tree, root, &mut out);
    }
    Ok(out)
}

/// Children stand before their parents; what is below a node that is off is off too.
fn collect(tree: &Tree, id: NodeId, out: &mut Vec<Device>) {
    let node = tree.node(id);
    if !node.is_enabled() {
        return;
    }
    for child in &node.children {
        collect(tree, *child, out);
    }
    let compatible: Vec<String> = node.strings("compatible").map(str::to_owned).collect();
    if !compatible.is_empty() {
        out.push(Device {
            path: tree.path(id),
            compatible,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, parse};

    fn property(out: &mut Vec<u8>, name: u32, value: &[u8]) {
        for word in [3, u32::try_from(value.len()).expect("is short"), name] {
            out.extend(word.to_be_bytes());
        }
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    fn blob() -> Vec<u8> {
        let strings = b"compatible\0status\0";
        let mut body = Vec::new();
        let node = |body: &mut Vec<u8>, name: &str| {
            body.extend(1u32.to_be_bytes());
            body.extend(name.as_bytes());
            body.push(0);
            body.resize(body.len().next_multiple_of(4), 0);
        };
        node(&mut body, "");
        node(&mut body, "i2c0");
        property(&mut body, 0, b"x,i2c\0");
        node(&mut body, "chip@53");
        property(&mut body, 0, b"adi,adxl345\0adi,adxl34x\0");
        body.extend(2u32.to_be_bytes());
        node(&mut body, "off@54");
        property(&mut body, 0, b"x,off\0");
        property(&mut body, 11, b"disabled\0");
        body.extend([2u32, 2, 2, 9].iter().flat_map(|word| word.to_be_bytes()));
        let start = 40;
        let mut out = Vec::new();
        let end = start + body.len();
        for word in [
            0xd00d_feed,
            end + strings.len(),
            start,
            end,
            0,
            17,
            16,
            0,
            strings.len(),
            body.len(),
        ] {
            out.extend(u32::try_from(word).expect("is small").to_be_bytes());
        }
        out.extend(body);
        out.extend(strings);
        out
    }

    #[test]
    fn devices_that_are_on_are_found_with_their_bus() {
        let devices = parse(&blob()).expect("is a blob");
        let chip = Device {
            path: "/i2c0/chip@53".to_owned(),
            compatible: vec!["adi,adxl345".to_owned(), "adi,adxl34x".to_owned()],
        };
        assert_eq!(devices[0], chip);
        assert_eq!(chip.bus(), "i2c");
        assert_eq!(devices.len(), 2);
    }

    #[test]
    fn a_damaged_blob_is_refused() {
        let blob = blob();
        for len in 0..blob.len() - 20 {
            assert!(parse(&blob[..len]).is_err(), "cut to {len}");
        }
    }
}
