// SPDX-License-Identifier: GPL-2.0-only
//! The sysfs tree as scenarios name it: where a path leads, and all that is below one.

use crate::linux::machine::Failure;
use crate::run::Runner;
use crate::side::Entry;

impl Runner<'_> {
    /// Translates a path of the scenario.
    pub(crate) fn path(&mut self, path: &str) -> Result<String, Failure> {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let chip = format!("bus/i2c/devices/{}", self.chip.device);
        let base = match first {
            "chip" => chip,
            "iio" => {
                let entries = self.side.list(&chip).unwrap_or_default();
                if let Some(entry) = entries.iter().find(|entry| entry.name.starts_with("iio:device")) {
                    self.iio.clone_from(&entry.name);
                }
                format!("{chip}/{}", self.iio)
            }
            "trigger" => {
                let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let base = self.trigger(name)?;
                return Ok(format!("{base}/{rest}"));
            }
            _ => return Ok(path.to_owned()),
        };
        Ok(if rest.is_empty() {
            base
        } else {
            format!("{base}/{rest}")
        })
    }

    fn trigger(&mut self, name: &str) -> Result<String, Failure> {
        let dir = "bus/iio/devices";
        for entry in self.side.list(dir)? {
            let path = format!("{dir}/{}", entry.name);
            if entry.name.starts_with("trigger")
                && self.side.read(&format!("{path}/name"))?.trim_ascii() == name.as_bytes()
            {
                return Ok(path);
            }
        }
        const ENOENT: i32 = 2;
        Err(Failure::Errno(ENOENT))
    }

    pub(crate) fn tree(&mut self, top: &str, below: &str, lines: &mut Vec<String>) -> Result<(), Failure> {
        self.is_timed = false;
        let path = if below.is_empty() {
            top.to_owned()
        } else {
            format!("{top}/{below}")
        };
        let mut entries = self.side.list(&path)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for Entry {
            kind,
            mode,
            name,
            target,
        } in entries
        {
            let name = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            match kind {
                'd' => {
                    lines.push(format!("d {mode:04o} {name}"));
                    self.tree(top, &name, lines)?;
                }
                'l' => lines.push(format!("l {mode:04o} {name} -> {target}")),
                _ => {
                    let read = self.read_or_errno(&format!("{top}/{name}"))?;
                    lines.push(format!("f {mode:04o} {name} = {read}"));
                }
            }
        }
        Ok(())
    }
}
