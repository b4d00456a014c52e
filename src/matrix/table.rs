// SPDX-License-Identifier: GPL-2.0-only
//! What a run comes to: totals for each subsystem, and what holds most modules back.

use super::{Level, Row};
use serde::Serialize;
use std::collections::BTreeMap;

/// The totals of one subsystem, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The subsystem.
    pub subsystem: String,
    /// Modules that were tried.
    pub modules: u32,
    /// Their own lines.
    pub lines: u64,
    /// Modules that reached each level or a higher one, in the order of [`Level::ALL`].
    pub reached: [u32; Level::ALL.len()],
    /// Lines of the modules that unload clean.
    pub clean_lines: u64,
    /// Files that differ from upstream's.
    pub changed: u32,
    /// Time, in ms.
    pub time_ms: u64,
}

impl Total {
    fn add(&mut self, row: &Row) {
        self.modules += 1;
        self.lines += u64::from(row.lines);
        for (count, level) in self.reached.iter_mut().zip(Level::ALL) {
            *count += u32::from(row.level >= level);
        }
        if row.level == Level::UnloadsClean {
            self.clean_lines += u64::from(row.lines);
        }
        self.changed += row.changed;
        self.time_ms += row.time_ms;
    }

    /// Modules that reached a level.
    #[must_use]
    pub fn reached(&self, level: Level) -> u32 {
        let at = Level::ALL.iter().position(|known| *known == level);
        at.and_then(|at| self.reached.get(at)).copied().unwrap_or_default()
    }
}

/// A run's rows and what they come to.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The kernel's full version.
    pub kernel: String,
    /// All modules together.
    pub total: Total,
    /// Each subsystem.
    pub subsystems: Vec<Total>,
    /// Missing symbols, and how many modules each holds back; the heaviest first.
    pub missing: Vec<(String, u32)>,
    /// The programs that tried the modules, and how many each.
    pub programs: BTreeMap<String, u32>,
    /// The upstream files in the images of modules that unload clean, and in how many images each is.
    pub clean_files: BTreeMap<String, u32>,
    /// The modules.
    pub rows: Vec<Row>,
}

impl Table {
    /// Adds rows up.
    #[must_use]
    pub fn new(kernel: &str, mut rows: Vec<Row>) -> Self {
        let mut total = Total {
            subsystem: "all".to_owned(),
            ..Total::default()
        };
        let mut subsystems: BTreeMap<&str, Total> = BTreeMap::new();
        let mut missing: BTreeMap<&str, u32> = BTreeMap::new();
        for row in &rows {
            total.add(row);
            let of = subsystems.entry(&row.subsystem).or_insert_with(|| Total {
                subsystem: row.subsystem.clone(),
                ..Total::default()
            });
            of.add(row);
            for symbol in &row.missing {
                *missing.entry(&symbol.name).or_default() += 1;
            }
        }
        let mut clean_files: BTreeMap<String, u32> = BTreeMap::new();
        let mut subsystems: Vec<Total> = subsystems.into_values().collect();
        subsystems.sort_by_key(|total| std::cmp::Reverse(total.modules));
        let mut missing: Vec<(String, u32)> = missing
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        missing.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut programs: BTreeMap<String, u32> = BTreeMap::new();
        for row in &mut rows {
            *programs.entry(row.program.clone()).or_default() += 1;
            // A thousand images have the same hundred files: named once each, they are a page and not a book.
            let image = std::mem::take(&mut row.image);
            for path in image.into_iter().filter(|_| row.level == Level::UnloadsClean) {
                *clean_files.entry(path).or_default() += 1;
            }
        }
        Self {
            kernel: kernel.to_owned(),
            total,
            subsystems,
            missing,
            programs,
            clean_files,
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::matrix::{Level, Row};

    fn row(module: &str, level: Level, program: &str) -> Row {
        Row {
            module: module.to_owned(),
            kernel: "6.12".to_owned(),
            subsystem: "iio/accel".to_owned(),
            buses: "i2c".to_owned(),
            files: vec![format!("{module}.c")],
            lines: 10,
            image_files: 2,
            image_lines: 30,
            image: vec![format!("{module}.c"), "core.c".to_owned()],
            changed: 0,
            level,
            reason: None,
            missing: Vec::new(),
            config: Vec::new(),
            board: None,
            asks: crate::skeleton::Asks::default(),
            meetings: Vec::new(),
            time_ms: 1,
            program: program.to_owned(),
        }
    }

    #[test]
    fn a_file_of_several_clean_images_is_named_once() {
        let rows = vec![
            row("a", Level::UnloadsClean, "new"),
            row("b", Level::UnloadsClean, "new"),
            row("c", Level::MeetsHardware, "old"),
        ];
        let table = Table::new("6.12.1", rows);
        let files: Vec<(&str, u32)> = table.clean_files.iter().map(|(path, n)| (path.as_str(), *n)).collect();
        assert_eq!(files, [("a.c", 1), ("b.c", 1), ("core.c", 2)]);
        assert!(table.rows.iter().all(|row| row.image.is_empty()));
        assert!(
            table
                .programs
                .iter()
                .map(|(name, n)| (name.as_str(), *n))
                .eq([("new", 2), ("old", 1)])
        );
    }
}
