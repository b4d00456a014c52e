// SPDX-License-Identifier: GPL-2.0-only
//! Updates as lines: for people without a terminal, and for programs.

use super::args::RunArgs;
use super::report::{DomainReport, ErrorReport, digits};
use super::run::{Reading, Update, View};
use anyhow::Result;
use linux_compat::gauge::Input;
use linux_compat::iio::unit_of;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;

/// One update, one line or a few.
pub(crate) struct Plain {
    is_json: bool,
    is_verbose: bool,
}

/// A reading, for programs.
#[derive(Serialize)]
struct ReadingLine<'a> {
    driver: &'a str,
    device: &'a str,
    time_s: f64,
    si: std::collections::BTreeMap<&'a str, f64>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    errors: std::collections::BTreeMap<&'a str, &'a str>,
}

impl Plain {
    pub(crate) fn new(args: &RunArgs) -> Self {
        Self {
            is_json: args.json,
            is_verbose: args.verbose || args.kernel.debug,
        }
    }

    fn print(&self, value: &impl Serialize, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.is_json {
            serde_json::to_writer(&mut out, value)?;
            writeln!(out)?;
        } else {
            out.write_all(text.as_bytes())?;
        }
        // Whoever reads a pipe wants each line when it is there.
        out.flush()?;
        Ok(())
    }

    fn error(&self, report: &ErrorReport<'_>, text: &str) -> Result<()> {
        eprintln!("linux-compat: {text}");
        if self.is_json { self.print(report, "") } else { Ok(()) }
    }
}

impl View for Plain {
    fn show(&mut self, update: &Update) -> Result<()> {
        match update {
            Update::Up(report) => self.print(report, &describe(report)),
            Update::Log(driver, line) => {
                if self.is_verbose || line.is_warning() {
                    eprintln!("{driver}: {line}");
                }
                Ok(())
            }
            Update::Reading(reading) => self.print(&line(reading), &text(reading)),
            Update::Died(death) => self.error(&ErrorReport::of_death(death), &death.to_string()),
            Update::Failed { driver, error } => {
                let report = ErrorReport {
                    driver,
                    error: error.clone(),
                    trace: Vec::new(),
                };
                self.error(&report, &format!("{driver}: {error}"))
            }
            Update::Ended => Ok(()),
        }
    }
}

fn line(reading: &Reading) -> ReadingLine<'_> {
    let good = reading
        .values
        .iter()
        .filter_map(|(channel, value)| Some((channel.id.as_str(), *value.as_ref().ok()?)));
    let bad = reading
        .values
        .iter()
        .filter_map(|(channel, value)| Some((channel.id.as_str(), value.as_ref().err()?.as_str())));
    ReadingLine {
        driver: &reading.driver,
        device: &reading.device,
        time_s: reading.time_s,
        si: good.collect(),
        errors: bad.collect(),
    }
}

fn text(reading: &Reading) -> String {
    let mut out = format!("{:9.3} s  {}", reading.time_s, reading.device);
    for (channel, value) in &reading.values {
        // Writing to a string cannot fail.
        let _ = match value {
            Ok(value) => write!(out, "  {} {} {}", channel.id, digits(*value), channel.unit.symbol),
            Err(error) => write!(out, "  {} {error}", channel.id),
        };
    }
    out.push('\n');
    out
}

/// What is said of a domain that is up, in a few lines.
pub(crate) fn headline(report: &DomainReport) -> String {
    let lines: u64 = report.sources.iter().map(|source| u64::from(source.lines)).sum();
    let changed = report.sources.iter().filter(|source| !source.pristine).count();
    let pristine = match (report.modified, changed) {
        (true, _) => format!("MODIFIED: not upstream's: {}", report.changed.join(", ")),
        (false, 0) => "0 changed".to_owned(),
        (false, changed) => format!("{changed} unchecked"),
    };
    let cost = &report.domain;
    let calls = cost.isolation.syscalls.map_or("no isolation".to_owned(), |calls| {
        format!("{} namespaces, {calls} system calls", cost.isolation.namespaces.len())
    });
    format!(
        "{}: Linux {}, {} files, {lines} lines, {pristine}; pid {}, {calls}, {} KiB private, first sample after {} µs",
        report.driver,
        report.kernel,
        report.sources.len(),
        cost.pid,
        cost.private_kib,
        cost.start_us
    )
}

/// The unit of a quantity of a device of this class.
fn symbol(class: &str, quantity: &str) -> &'static str {
    if class == "rtc" {
        return "s";
    }
    if let Some(input) = Input::of(class, &format!("{quantity}_input")) {
        return input.unit.symbol;
    }
    let kind = quantity.split(['_', '-']).next().unwrap_or(quantity);
    unit_of(kind.trim_end_matches(|digit: char| digit.is_ascii_digit())).symbol
}

fn describe(report: &DomainReport) -> String {
    let mut out = headline(report) + "\n";
    for device in &report.devices {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {} ({})", device.name, device.class);
        for (channel, value) in &device.si {
            let symbol = symbol(&device.class, channel);
            let _ = writeln!(out, "    {channel:<16} {:>12} {symbol}", digits(*value));
        }
        // Groups that every device has (`power/…`) hold attributes that may not be read now; that is no news.
        for (attribute, error) in device.errors.iter().filter(|(attribute, _)| !attribute.contains('/')) {
            let _ = writeln!(out, "    {attribute}: {error}");
        }
    }
    out
}
