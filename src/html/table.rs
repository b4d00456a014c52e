// SPDX-License-Identifier: GPL-2.0-only
//! Tables whose reader sorts by any column and filters by words and by choices.

use super::{escape, grouped, put};
use std::collections::BTreeSet;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    is_number: bool,
    is_summed: bool,
    is_choice: bool,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub fn text(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            is_number: false,
            is_summed: false,
            is_choice: false,
        }
    }

    /// A column of few different texts: the reader filters by one of them.
    #[must_use]
    pub fn choice(title: &str) -> Self {
        Self {
            is_choice: true,
            ..Self::text(title)
        }
    }

    /// A column of numbers.
    #[must_use]
    pub fn number(title: &str) -> Self {
        Self {
            is_number: true,
            ..Self::text(title)
        }
    }

    /// A column of counts, whose sum over the rows that are shown stands below.
    #[must_use]
    pub fn count(title: &str) -> Self {
        Self {
            is_summed: true,
            ..Self::number(title)
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    key: Option<f64>,
    count: u64,
    link: Option<String>,
    note: Option<String>,
    class: &'static str,
}

impl Cell {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A count.
    #[must_use]
    pub fn count(count: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a key to sort by: neighbours may be one")]
        let key = count as f64;
        Self {
            count,
            ..Self::number(key, grouped(count))
        }
    }

    /// A number, as it is shown.
    #[must_use]
    pub fn number(key: f64, shown: impl Into<String>) -> Self {
        Self {
            text: shown.into(),
            key: Some(key),
            ..Self::default()
        }
    }

    /// Text that is sorted by a rank, such as a level's.
    #[must_use]
    pub fn ranked(rank: f64, text: impl Into<String>) -> Self {
        Self::number(rank, text)
    }

    /// Leads to a part of the page, by its `id`.
    #[must_use]
    pub fn to(mut self, id: impl Into<String>) -> Self {
        self.link = Some(id.into());
        self
    }

    /// Has a remark below, in small letters.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Is shown as well done.
    #[must_use]
    pub fn good(mut self) -> Self {
        self.class = " good";
        self
    }

    /// Is shown as what somebody should look at.
    #[must_use]
    pub fn bad(mut self) -> Self {
        self.class = " bad";
        self
    }

    fn write(&self, column: &Column, out: &mut String) {
        put(
            out,
            format_args!(
                "<td class=\"{}{}\"",
                if column.is_number { "n" } else { "t" },
                self.class
            ),
        );
        if let Some(key) = self.key.filter(|key| key.is_finite()) {
            put(out, format_args!(" data-key=\"{key}\""));
        }
        if column.is_choice {
            put(out, format_args!(" data-choice=\"{}\"", escape(&self.text)));
        }
        out.push('>');
        let text = escape(&self.text);
        match &self.link {
            Some(id) => put(out, format_args!("<a href=\"#{}\">{text}</a>", escape(id))),
            None => out.push_str(&text),
        }
        if let Some(note) = &self.note {
            put(out, format_args!("<small>{}</small>", escape(note)));
        }
        out.push_str("</td>");
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(caption: &str, columns: Vec<Column>) -> Self {
        Self {
            caption: caption.to_owned(),
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells that it lacks are empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// `serial` tells this table from the page's others.
    pub(super) fn write(&self, serial: usize, out: &mut String) {
        out.push_str("<section>");
        self.controls(serial, out);
        put(
            out,
            format_args!(
                "<div class=scroll tabindex=0 role=region aria-label=\"{0}\">\
                 <table class=data id=table{serial}><caption>{0}</caption><thead><tr>",
                escape(&self.caption)
            ),
        );
        for column in &self.columns {
            put(
                out,
                format_args!(
                    "<th scope=col class={}{}><button type=button>{}</button></th>",
                    if column.is_number { "n" } else { "t" },
                    if column.is_summed { " data-sum" } else { "" },
                    escape(&column.title)
                ),
            );
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (index, column) in self.columns.iter().enumerate() {
                row.get(index).unwrap_or(&Cell::default()).write(column, out);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>");
        self.sums(out);
        out.push_str("</table></div></section>\n");
    }

    fn sums(&self, out: &mut String) {
        if !self.columns.iter().any(|column| column.is_summed) {
            return;
        }
        out.push_str("<tfoot><tr>");
        for (index, column) in self.columns.iter().enumerate() {
            let text = if column.is_summed {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                grouped(cells.map(|cell| cell.count).sum())
            } else if index == 0 {
                "shown rows".to_owned()
            } else {
                String::new()
            };
            put(
                out,
                format_args!("<td class={}>{text}</td>", if column.is_number { "n" } else { "t" }),
            );
        }
        out.push_str("</tr></tfoot>");
    }

    fn controls(&self, serial: usize, out: &mut String) {
        put(
            out,
            format_args!(
                "<div class=controls><input type=search placeholder=\"Filter by words\" aria-label=\"Filter {}\" \
                 aria-controls=table{serial}>",
                escape(&self.caption)
            ),
        );
        for (index, column) in self.columns.iter().enumerate().filter(|(_, column)| column.is_choice) {
            let texts: BTreeSet<&str> = self
                .rows
                .iter()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.text.as_str())
                .filter(|text| !text.is_empty())
                .collect();
            put(
                out,
                format_args!(
                    "<select data-column={index} aria-label=\"{0}\"><option value=\"\">{0}: all</option>",
                    escape(&column.title)
                ),
            );
            for text in texts {
                put(out, format_args!("<option value=\"{0}\">{0}</option>", escape(text)));
            }
            out.push_str("</select>");
        }
        put(out, format_args!("<output>{0} of {0}</output></div>", self.rows.len()));
    }
}
