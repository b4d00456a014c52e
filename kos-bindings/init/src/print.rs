// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an [`Init`] back to text. What is as it is by default is not printed.

use std::fmt::{self, Display, Formatter};

use crate::read::{Entity, Init};

impl Display for Init {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.entities.is_empty() {
            return f.write_str("entities: []\n");
        }
        f.write_str("entities:\n")?;
        self.entities.iter().try_for_each(|entity| entity.fmt(f))
    }
}

impl Display for Entity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "- name: {}", scalar(&self.name.text))?;
        let by_default = Self::of_class(&self.name.text);
        if self.task.text != by_default.task.text {
            writeln!(f, "  task: {}", scalar(&self.task.text))?;
        }
        if self.path.text != by_default.path.text {
            writeln!(f, "  path: {}", scalar(&self.path.text))?;
        }
        if self.is_dynamic {
            f.write_str("  dynamic_connection_manager: true\n")?;
        }
        if !self.connections.is_empty() {
            f.write_str("  connections:\n")?;
        }
        for connection in &self.connections {
            let (target, id) = (scalar(&connection.target.text), scalar(&connection.id.text));
            write!(f, "  - target: {target}\n    id: {id}\n")?;
        }
        if !self.args.is_empty() {
            f.write_str("  args:\n")?;
        }
        for arg in &self.args {
            writeln!(f, "  - {}", scalar(&arg.text))?;
        }
        if !self.env.is_empty() {
            f.write_str("  env:\n")?;
        }
        for (name, value) in &self.env {
            writeln!(f, "    {}: {}", scalar(&name.text), scalar(&value.text))?;
        }
        Ok(())
    }
}

/// A text as a YAML scalar: plain if no reader could take it for anything else, else in quotes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c if c.is_alphanumeric() => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
