// SPDX-License-Identifier: GPL-2.0-only
//! A reader for compiled device trees.
//!
//! Turns a blob (Devicetree Specification v0.4, chapter 5) into owned nodes. It exists because the blob comes from a
//! file that the user names: every offset in it is checked, and a damaged blob is an error, never a panic. The
//! crate `fdt` 0.1.5 is not used because its parser unwraps what it reads.

use std::fmt;

/// A device tree.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A node's place in its tree.
pub type NodeId = usize;

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Name with unit address, such as `i2c@0`; empty for the root.
    pub name: String,
    /// `None` for the root.
    pub parent: Option<NodeId>,
    /// In the order of the blob.
    pub children: Vec<NodeId>,
    props: Vec<(String, Vec<u8>)>,
}

/// A blob that is not a device tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeError {
    /// Where in the blob, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device tree blob: byte {}: {}", self.offset, self.what)
    }
}

impl std::error::Error for TreeError {}

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;
/// Deeper trees are refused, as the kernel's own reader does.
const MAX_DEPTH: usize = 64;

/// Reads big-endian words and strings out of the blob.
struct Reader<'a> {
    blob: &'a [u8],
    at: usize,
    strings: &'a [u8],
}

impl<'a> Reader<'a> {
    fn err<T>(&self, what: &'static str) -> Result<T, TreeError> {
        Err(TreeError { offset: self.at, what })
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], TreeError> {
        let Some(bytes) = self.at.checked_add(len).and_then(|end| self.blob.get(self.at..end)) else {
            return self.err("the blob ends too early");
        };
        // All tokens are aligned to 4 bytes.
        self.at = (self.at + len).next_multiple_of(4);
        Ok(bytes)
    }

    fn word(&mut self) -> Result<u32, TreeError> {
        let bytes = self.bytes(4)?;
        Ok(bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)))
    }

    fn size(&mut self) -> Result<usize, TreeError> {
        Ok(self.word()? as usize)
    }

    fn node_name(&mut self) -> Result<String, TreeError> {
        let Some(name) = self.blob.get(self.at..).and_then(c_string) else {
            return self.err("a node's name has no end or is not text");
        };
        self.bytes(name.len() + 1)?;
        Ok(name.to_owned())
    }
}

fn c_string(bytes: &[u8]) -> Option<&str> {
    let len = bytes.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(bytes.get(..len)?).ok()
}

impl Tree {
    /// Reads a compiled device tree.
    ///
    /// # Errors
    ///
    /// Where the blob stops being a device tree, and why.
    pub fn parse(blob: &[u8]) -> Result<Tree, TreeError> {
        let mut header = Reader {
            blob,
            at: 0,
            strings: &[],
        };
        if header.word()? != MAGIC {
            return Err(TreeError {
                offset: 0,
                what: "this is not a compiled device tree (dtc makes one)",
            });
        }
        let total = header.size()?;
        let structure = header.size()?;
        let strings = header.size()?;
        let Some(blob) = blob.get(..total) else {
            return header.err("the blob is shorter than its header says");
        };
        let Some(strings) = blob.get(strings..) else {
            return header.err("the strings lie outside the blob");
        };
        Self::parse_structure(&mut Reader {
            blob,
            at: structure,
            strings,
        })
    }

    fn parse_structure(reader: &mut Reader<'_>) -> Result<Tree, TreeError> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut open: Vec<NodeId> = Vec::new();
        loop {
            match reader.word()? {
                BEGIN_NODE => {
                    let parent = open.last().copied();
                    if open.len() == MAX_DEPTH || (parent.is_none() && !nodes.is_empty()) {
                        return reader.err("nodes are nested too deep, or there is a second root");
                    }
                    let id = nodes.len();
                    let name = reader.node_name()?;
                    nodes.push(Node {
                        name,
                        parent,
                        children: Vec::new(),
                        props: Vec::new(),
                    });
                    if let Some(parent) = parent {
                        nodes[parent].children.push(id);
                    }
                    open.push(id);
                }
                END_NODE => {
                    if open.pop().is_none() {
                        return reader.err("a node ends that has not begun");
                    }
                }
                PROP => {
                    let (len, name_at) = (reader.size()?, reader.size()?);
                    let Some(name) = reader.strings.get(name_at..).and_then(c_string) else {
                        return reader.err("a property's name is not in the strings");
                    };
                    let value = reader.bytes(len)?.to_vec();
                    let Some(&node) = open.last() else {
                        return reader.err("a property stands outside all nodes");
                    };
                    nodes[node].props.push((name.to_owned(), value));
                }
                NOP => {}
                END if open.is_empty() && !nodes.is_empty() => return Ok(Tree { nodes }),
                _ => return reader.err("unexpected token"),
            }
        }
    }

    /// The node; the root is node 0.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// All nodes, each after its parent.
    pub fn ids(&self) -> std::ops::Range<NodeId> {
        0..self.nodes.len()
    }

    /// The full path of a node.
    pub fn path(&self, id: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            names.push(self.nodes[id].name.as_str());
            at = self.nodes[id].parent;
        }
        names.reverse();
        if names.len() == 1 {
            "/".to_owned()
        } else {
            names.join("/")
        }
    }

    /// The node with this phandle.
    pub fn by_phandle(&self, phandle: u32) -> Option<NodeId> {
        self.ids().find(|&id| {
            let node = self.node(id);
            node.u32("phandle").or_else(|| node.u32("linux,phandle")) == Some(phandle)
        })
    }

    /// The nodes that list `compatible` and are not switched off with `status`.
    pub fn compatible<'a>(&'a self, compatible: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.ids().filter(move |&id| {
            let node = self.node(id);
            node.is_enabled() && node.strings("compatible").any(|name| name == compatible)
        })
    }
}

impl Node {
    /// A property's bytes.
    pub fn prop(&self, name: &str) -> Option<&[u8]> {
        self.props
            .iter()
            .find(|(prop, _)| prop == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The names of its properties.
    pub fn prop_names(&self) -> impl Iterator<Item = &str> {
        self.props.iter().map(|(name, _)| name.as_str())
    }

    /// A property of one cell.
    pub fn u32(&self, name: &str) -> Option<u32> {
        let bytes: [u8; 4] = self.prop(name)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    /// A property of cells; a remainder that is no whole cell is left out.
    pub fn cells(&self, name: &str) -> Option<Vec<u32>> {
        let (cells, _) = self.prop(name)?.as_chunks::<4>();
        Some(cells.iter().map(|cell| u32::from_be_bytes(*cell)).collect())
    }

    /// A property of one or more strings; empty if there is no such property.
    pub fn strings<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + 'a {
        let value = self.prop(name).unwrap_or_default();
        value
            .split(|&byte| byte == 0)
            .filter_map(|text| std::str::from_utf8(text).ok())
            .filter(|text| !text.is_empty())
    }

    /// A property of one string.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.strings(name).next()
    }

    /// Whether `status` is absent or okay.
    pub fn is_enabled(&self) -> bool {
        self.string("status")
            .is_none_or(|status| matches!(status, "okay" | "ok"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob() -> Vec<u8> {
        let source = "/dts-v1/; / { a@1 { reg = <1 2>; label: b { s = \"x\", \"y\"; }; }; c { p = <&label>; \
         status = \"disabled\"; }; };";
        crate::dts::compile_text(source).unwrap()
    }

    #[test]
    fn reads_nodes_properties_and_phandles() {
        let tree = Tree::parse(&blob()).unwrap();
        let names: Vec<String> = tree.ids().map(|id| tree.path(id)).collect();
        assert_eq!(names, ["/", "/a@1", "/a@1/b", "/c"]);
        assert_eq!(tree.node(1).cells("reg"), Some(vec![1, 2]));
        assert_eq!(tree.node(2).strings("s").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(tree.by_phandle(tree.node(3).u32("p").unwrap()), Some(2));
        assert!(!tree.node(3).is_enabled());
    }

    #[test]
    fn damaged_blobs_are_errors_not_panics() {
        let good = blob();
        for len in 0..good.len() {
            assert!(Tree::parse(&good[..len]).is_err());
        }
        for at in 0..good.len() {
            for value in [0x00, 0x01, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = Tree::parse(&bad);
            }
        }
    }
}
