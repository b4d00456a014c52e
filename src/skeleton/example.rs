// SPDX-License-Identifier: GPL-2.0-only
//! One example of a binding document, compiled as upstream's `make dt_binding_check` does: inside a node of its own,
//! and as a plugin, so that what it refers to need not be there.

use board::dts;
use board::tree::{NodeId, Tree as DeviceTree};
use linux_headers::Tree;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// What a cell of a property refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A label that the example does not have.
    Outside(String),
    /// A node of the example.
    Node(NodeId),
}

/// A compiled example.
#[derive(Debug)]
pub struct Example {
    /// Its nodes.
    pub tree: DeviceTree,
    /// The references of a node's property: offset in bytes, and to what.
    refs: HashMap<(NodeId, String), Vec<(usize, Target)>>,
}

impl Example {
    /// Compiles an example's text.
    ///
    /// # Errors
    ///
    /// What the preprocessor or `dtc` said.
    pub fn compile(tree: &Tree, text: &str) -> Result<Self, String> {
        let is_whole = text
            .lines()
            .any(|line| line.starts_with("    / {") || line.starts_with("    &"));
        let source = if is_whole {
            format!("/dts-v1/;\n/plugin/;\n{text}\n")
        } else {
            let (includes, nodes): (Vec<&str>, Vec<&str>) = text
                .lines()
                .partition(|line| line.trim_start().starts_with('#') && line.contains("include"));
            format!(
                "{}\n/dts-v1/;\n/plugin/;\n/ {{ example {{ #address-cells = <1>; #size-cells = <1>;\n{}\n}}; }};\n",
                includes.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"),
                nodes.join("\n")
            )
        };
        let source = preprocess(tree, &source)?;
        let blob = dts::compile_named(&source, "example").map_err(|error| error.to_string())?;
        let tree = DeviceTree::parse(&blob).map_err(|error| error.to_string())?;
        let refs = references(&tree);
        Ok(Self { tree, refs })
    }

    /// What a property refers to, in order.
    #[must_use]
    pub fn refs(&self, node: NodeId, property: &str) -> &[(usize, Target)] {
        let refs = self.refs.get(&(node, property.to_owned()));
        refs.map_or(&[], Vec::as_slice)
    }
}

/// Runs the C preprocessor, as upstream's `scripts/Makefile.lib` does for device trees (`dtc_cpp_flags`).
fn preprocess(tree: &Tree, source: &str) -> Result<String, String> {
    let mut cpp = Command::new("gcc")
        .args([
            "-E",
            "-P",
            "-nostdinc",
            "-undef",
            "-D__DTS__",
            "-x",
            "assembler-with-cpp",
            "-I",
        ])
        .arg(tree.dir.join("include"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("gcc: {error}"))?;
    if let Some(mut stdin) = cpp.stdin.take() {
        // Should it stop early, its words say why.
        let _ = stdin.write_all(source.as_bytes());
    }
    let out = cpp.wait_with_output().map_err(|error| format!("gcc: {error}"))?;
    if !out.status.success() {
        let words = String::from_utf8_lossy(&out.stderr);
        return Err(words
            .lines()
            .find(|line| line.contains("error"))
            .unwrap_or("gcc failed")
            .to_owned());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Reads `__fixups__` and `__local_fixups__`, which `dtc` writes for a plugin.
fn references(tree: &DeviceTree) -> HashMap<(NodeId, String), Vec<(usize, Target)>> {
    let paths: HashMap<String, NodeId> = tree.ids().map(|id| (tree.path(id), id)).collect();
    let mut refs: HashMap<(NodeId, String), Vec<(usize, Target)>> = HashMap::new();
    if let Some(id) = paths.get("/__fixups__") {
        let fixups = tree.node(*id);
        for label in fixups.prop_names() {
            for place in fixups.strings(label) {
                let mut parts = place.rsplitn(3, ':');
                let (Some(offset), Some(property), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
                    continue;
                };
                if let (Some(node), Ok(offset)) = (paths.get(path), offset.parse()) {
                    let of_property = refs.entry((*node, property.to_owned())).or_default();
                    of_property.push((offset, Target::Outside(label.to_owned())));
                }
            }
        }
    }
    for (path, id) in &paths {
        let Some(node) = path.strip_prefix("/__local_fixups__").and_then(|path| paths.get(path)) else {
            continue;
        };
        let fixups = tree.node(*id);
        for property in fixups.prop_names() {
            for offset in fixups.cells(property).unwrap_or_default() {
                let offset = offset as usize;
                let value = tree
                    .node(*node)
                    .prop(property)
                    .and_then(|value| value.get(offset..offset + 4));
                let phandle = value
                    .and_then(|value| <[u8; 4]>::try_from(value).ok())
                    .map(u32::from_be_bytes);
                if let Some(target) = phandle.and_then(|phandle| tree.by_phandle(phandle)) {
                    let of_property = refs.entry((*node, property.to_owned())).or_default();
                    of_property.push((offset, Target::Node(target)));
                }
            }
        }
    }
    for of_property in refs.values_mut() {
        of_property.sort_by_key(|(offset, _)| *offset);
    }
    refs
}
