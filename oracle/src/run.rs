// SPDX-License-Identifier: GPL-2.0-only
//! One scenario on one side: each step is done, and all that a user, a client or the chip could see is written down.

use crate::ioctl::{self, Command};
use crate::linux::machine::{Failure, unhex};
use crate::nfc;
use crate::scenario::{self, Capture, Events, Scenario, Step};
use crate::side::Side;
use anyhow::{Result, anyhow};
use board::{Fault, Stimulus};
use linux_compat::client::Errno;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The beginning of a transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// The board's time.
    pub(crate) ns: u64,
    /// Whether the driver slept for a range before it.
    pub(crate) is_ranged: bool,
}

/// What one step did.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The step, as it stands in the scenario.
    pub(crate) step: String,
    /// What was seen, one fact a line; lines of the bus begin with `bus`, those of the log with `log`.
    pub(crate) lines: Vec<String>,
    /// The beginning of each of its transfers that is in `lines`, in their order.
    pub(crate) begun: Vec<Begun>,
    /// Whether the time between them is the driver's: not where real Linux's clock also goes on between one question
    /// and the next, or the scenario waits itself.
    pub(crate) is_timed: bool,
    /// Its transfers' places among all of the run.
    pub(crate) transfers: Range<usize>,
    /// The board's time when it was over.
    pub(crate) end_ns: u64,
}

/// What a whole run did.
pub(crate) struct Run {
    pub(crate) records: Vec<Record>,
    /// Transfers over the buses.
    pub(crate) transfers: usize,
    /// Readings in a second, if the scenario asks.
    pub(crate) reads_per_s: Option<f64>,
    /// From the beginning to the bound driver, and the whole.
    pub(crate) start: Duration,
    pub(crate) whole: Duration,
}

/// Where the chip is: its I²C device, and its driver.
pub(crate) struct Chip {
    /// Such as `0-0053`.
    pub(crate) device: String,
    /// Such as `adxl345_i2c`.
    pub(crate) driver: String,
}

pub(crate) struct Runner<'a> {
    pub(crate) side: &'a mut dyn Side,
    pub(crate) chip: &'a Chip,
    streams: &'a [String],
    ranges: &'a [String],
    pace: Duration,
    transfers: usize,
    /// Of the IIO device, as long as it was seen.
    pub(crate) iio: String,
    reads_per_s: Option<f64>,
    nfc: nfc::User,
    /// Whether the start is over.
    is_up: bool,
    is_real_time: bool,
    /// Whether the running step's time is the driver's ([`Record::is_timed`]).
    pub(crate) is_timed: bool,
}

pub(crate) type Outcome = Result<Vec<String>, Failure>;

/// What an interrupt's thread may do at the chip after it has given a sample.
const SETTLE: Duration = Duration::from_millis(10);

/// How long real Linux may take for samples; the domain's time is virtual.
const SAMPLES_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn errno(number: i32) -> String {
    Errno(number)
        .name()
        .map_or_else(|| format!("errno {number}"), str::to_owned)
}

fn text(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs all steps. `begun` is when the side's start began.
pub(crate) fn run(side: &mut dyn Side, chip: &Chip, scenario: &Scenario, begun: Instant) -> Result<Run> {
    let mut runner = Runner {
        side,
        chip,
        streams: &scenario.streams,
        ranges: &scenario.ranges,
        pace: Duration::from_millis(scenario.pace),
        transfers: 0,
        iio: "iio:device0".to_owned(),
        reads_per_s: None,
        nfc: nfc::User::default(),
        is_up: false,
        is_real_time: scenario.is_real_time,
        is_timed: true,
    };
    let mut records = vec![runner.record("start", false, |_| Ok(Vec::new()))?];
    let start = begun.elapsed();
    for step in &scenario.steps {
        let is_capture = matches!(step, Step::Capture(_));
        records.push(runner.record(&format!("{step:?}"), is_capture, |runner| runner.step(step))?);
    }
    // Whatever failed on the way, both must end alike.
    let end = Step::Tree("chip".to_owned());
    records.push(runner.record("end", false, |runner| runner.step(&end))?);
    Ok(Run {
        records,
        transfers: runner.transfers,
        reads_per_s: runner.reads_per_s,
        start,
        whole: begun.elapsed(),
    })
}

/// The transfers from number `from` on: when each began, and its line.
pub(crate) fn transcript(side: &dyn Side, from: usize) -> Vec<(u64, String)> {
    side.board().with(|sim| {
        let transfers = sim.transcript().map(|record| record.transfers()).unwrap_or_default();
        let new = transfers.get(from..).unwrap_or_default().iter();
        new.map(|transfer| (transfer.time_ns, format!("bus {}", transfer.line())))
            .collect()
    })
}

impl Runner<'_> {
    /// The transfers of a stream of samples come as often as time passes, which real Linux does by itself. They are
    /// compared once in each capture: which there were.
    fn record(&mut self, step: &str, is_capture: bool, work: impl FnOnce(&mut Self) -> Outcome) -> Result<Record> {
        let before = self.transfers;
        let mut lines = match work(self) {
            Ok(lines) => lines,
            Err(Failure::Errno(number)) => vec![format!("! {}", errno(number))],
            Err(Failure::Machine(error)) => return Err(error.context(step.to_owned())),
        };
        // Asked first: real Linux answers when no transfer is under way, as a domain does, and the bus is read then.
        let log = self.log()?;
        let is_stream = |(_, line): &(u64, String)| self.streams.iter().any(|part| line.contains(part.as_str()));
        let (stream, bus): (Vec<_>, Vec<_>) = self.bus()?.into_iter().partition(is_stream);
        let is_ranged = |line: &str| self.ranges.iter().any(|part| line.contains(part.as_str()));
        let begun = bus.iter().map(|(ns, line)| Begun {
            ns: *ns,
            is_ranged: is_ranged(line),
        });
        let begun = begun.collect();
        lines.extend(bus.into_iter().map(|(_, line)| line));
        if is_capture {
            let kinds: BTreeSet<String> = stream.into_iter().map(|(_, line)| line).collect();
            lines.extend(kinds.into_iter().map(|line| format!("streams {line}")));
        }
        lines.extend(log);
        Ok(Record {
            step: step.to_owned(),
            lines,
            begun,
            is_timed: std::mem::replace(&mut self.is_timed, true) && !self.is_real_time,
            transfers: before..self.transfers,
            end_ns: self.side.board().with(|sim| sim.now_ns()),
        })
    }

    /// The transfers since the last time.
    fn bus(&mut self) -> Result<Vec<(u64, String)>> {
        let lines = transcript(self.side, self.transfers);
        self.transfers += lines.len();
        Ok(lines)
    }

    /// The log lines of the chip's device and its children, and all warnings.
    fn log(&mut self) -> Result<Vec<String>> {
        let lines = match self.side.log() {
            Ok(lines) => lines,
            Err(Failure::Errno(number)) => return Err(anyhow!("the kernel's log: {}", errno(number))),
            Err(Failure::Machine(error)) => return Err(error),
        };
        // While it boots, real Linux has much to say of itself; later, a warning is one wherever it comes from.
        let is_up = std::mem::replace(&mut self.is_up, true);
        let names = [self.chip.device.as_str(), self.chip.driver.as_str()];
        let is_ours = |text: &str| text.starts_with("iio") || names.iter().any(|name| text.contains(name));
        const WARNING: u8 = 4;
        let ours = lines
            .into_iter()
            .filter(|(level, text)| is_ours(text) || (is_up && *level <= WARNING));
        Ok(ours.map(|(level, text)| format!("log <{level}> {text}")).collect())
    }

    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Tree(path) => {
                let path = self.path(path)?;
                let mut lines = Vec::new();
                self.tree(&path, "", &mut lines)?;
                Ok(lines)
            }
            Step::Read(path) => {
                let path = self.path(path)?;
                self.let_sample(&path)?;
                Ok(vec![format!("= {}", text(&self.side.read(&path)?))])
            }
            Step::Time(path, count) => {
                let path = self.path(path)?;
                self.is_timed = false;
                let time = self.side.time_reads(&path, *count)?;
                self.reads_per_s = Some(f64::from(*count) / time.as_secs_f64());
                Ok(Vec::new())
            }
            Step::Write(path, value) => {
                let path = self.path(path)?;
                self.side.write(&path, value.as_bytes())?;
                Ok(vec!["= written".to_owned()])
            }
            Step::ReadAt(path, offset) => {
                let path = self.path(path)?;
                let bytes = self.side.read_at(&path, *offset)?;
                Ok(vec![format!("= {} bytes {}", bytes.len(), digits(&bytes))])
            }
            Step::WriteAt(path, offset, bytes) => {
                let path = self.path(path)?;
                let bytes = unhex(bytes).ok_or_else(|| anyhow!("{bytes:?}: no hexadecimal digits"))?;
                let written = self.side.write_at(&path, *offset, &bytes)?;
                Ok(vec![format!("= {written} written")])
            }
            Step::Try(path, values) => {
                let path = self.path(path)?;
                self.try_all(&path, values)
            }
            Step::Stimulus(values) => self.stimulus(values),
            Step::Fault(fault) => {
                for fault in Fault::parse(fault).map_err(anyhow::Error::from)? {
                    let injected = self.side.board().with(|sim| sim.inject(&fault));
                    injected.map_err(anyhow::Error::from)?;
                }
                Ok(Vec::new())
            }
            Step::Unbind => self.bind("unbind"),
            Step::Bind => self.bind("bind"),
            Step::Wait(ms) => {
                self.side.wait(Duration::from_millis(*ms))?;
                Ok(Vec::new())
            }
            Step::Suspend(seconds) => {
                self.side.suspend(*seconds)?;
                Ok(vec!["= resumed".to_owned()])
            }
            Step::Firmware(name, content) => {
                self.side.has_firmware(name, &scenario::content(content)?)?;
                Ok(Vec::new())
            }
            Step::Events(events) => self.events(events),
            Step::Capture(capture) => {
                self.is_timed = false;
                self.capture(capture)
            }
            Step::Device(words) => {
                self.path("iio")?;
                let node = self.iio.clone();
                self.device(&node, words)
            }
            Step::Node(node, words) => self.device(node, words),
            Step::Nfc(words) => self.nfc.run(self.side, words),
        }
    }

    fn stimulus(&mut self, values: &str) -> Outcome {
        let world = Stimulus::parse_all(values.split_whitespace()).map_err(anyhow::Error::from)?;
        self.side.board().with(|sim| sim.set_stimulus(world));
        Ok(Vec::new())
    }

    /// What each event says: its code, and whether it has a time; the time itself is each kernel's own.
    fn events(&mut self, events: &Events) -> Outcome {
        self.path("iio")?;
        let device = self.side.open(&self.iio.clone())?;
        let file = self.side.event_file(device);
        self.side.close(device)?;
        let file = file?;
        let found = self.take_events(file, events);
        self.side.close(file)?;
        found
    }

    fn take_events(&mut self, file: i64, events: &Events) -> Outcome {
        self.stimulus(&events.stimulus)?;
        let limit = events.limit.map_or(SAMPLES_LIMIT, Duration::from_millis);
        let mut lines = Vec::new();
        for _ in 0..events.count {
            if !self.side.poll_in(file, limit)? {
                lines.push("no event".to_owned());
                break;
            }
            // `struct iio_event_data`: the code, then the time in ns, 64 bits each.
            let event = self.side.read_open(file, 16)?;
            let (code, time) = event.split_at(event.len().min(8));
            let code: String = code.iter().rev().map(|byte| format!("{byte:02x}")).collect();
            let is_timed = time.iter().any(|byte| *byte != 0);
            lines.push(format!(
                "event {code}, {}",
                if is_timed { "with its time" } else { "without a time" }
            ));
        }
        Ok(lines)
    }

    /// A user of a device's node; whatever is still open at the end is closed.
    fn device(&mut self, node: &str, words: &[String]) -> Outcome {
        let (mut open, mut lines) = (Vec::new(), Vec::new());
        for word in words {
            let done = self.device_word(node, word, &mut open);
            lines.push(match done {
                Ok(text) => format!("{word}: {text}"),
                Err(Failure::Errno(number)) => format!("{word}: ! {}", errno(number)),
                Err(error) => return Err(error),
            });
        }
        for file in open {
            self.side.close(file)?;
        }
        Ok(lines)
    }

    fn device_word(&mut self, node: &str, word: &str, open: &mut Vec<i64>) -> Result<String, Failure> {
        if open.is_empty() && word != "open" {
            // There is no node after a bind that failed: both sides say so, and the scenario goes on.
            return Ok("nothing is open".to_owned());
        }
        if let (Some(text), Some(file)) = (word.strip_prefix("ioctl "), open.last()) {
            let (result, arg) = self.side.ioctl(*file, &Command::parse(text)?)?;
            return Ok(format!("{result} {:?}", ioctl::numbers(&arg)));
        }
        let (verb, number) = word.split_once(' ').unwrap_or((word, "0"));
        let number: u64 = number.parse().map_err(anyhow::Error::from)?;
        let count = usize::try_from(number).map_err(anyhow::Error::from)?;
        let last = open.last().copied();
        match (verb, last) {
            ("open", _) => {
                let file = self.side.open(node)?;
                open.push(file);
                Ok("opened".to_owned())
            }
            ("events", Some(file)) => {
                let file = self.side.event_file(file)?;
                open.push(file);
                Ok("opened".to_owned())
            }
            ("read", Some(file)) => Ok(format!("{} bytes", self.side.read_open(file, count)?.len())),
            ("write", Some(file)) => Ok(format!("{} bytes", self.side.write_open(file, &vec![0; count])?)),
            ("poll", Some(file)) => Ok(self.side.poll_in(file, Duration::from_millis(number))?.to_string()),
            ("close", Some(file)) => {
                open.pop();
                self.side.close(file)?;
                Ok("closed".to_owned())
            }
            _ => Err(Failure::Machine(anyhow!("{word:?}: no such word"))),
        }
    }

    fn bind(&mut self, verb: &str) -> Outcome {
        let path = format!("bus/i2c/drivers/{}/{verb}", self.chip.driver);
        self.side.write(&path, self.chip.device.as_bytes())?;
        Ok(vec!["= written".to_owned()])
    }

    /// Each value is written and read back.
    fn try_all(&mut self, path: &str, values: &[String]) -> Outcome {
        let mut lines = Vec::new();
        for value in values {
            let written = match self.side.write(path, value.as_bytes()) {
                Ok(()) => "written".to_owned(),
                Err(Failure::Errno(number)) => format!("! {}", errno(number)),
                Err(error) => return Err(error),
            };
            let read = self.read_or_errno(path)?;
            lines.push(format!("{value:?}: {written}, then {read}"));
        }
        Ok(lines)
    }

    /// Time passes there by itself, and here only when the scenario says so.
    fn let_sample(&mut self, path: &str) -> Result<(), Failure> {
        let is_channel = path.ends_with("_raw") || path.ends_with("_input");
        if is_channel && !self.pace.is_zero() {
            self.is_timed = false;
            self.side.wait(self.pace)?;
        }
        Ok(())
    }

    pub(crate) fn read_or_errno(&mut self, path: &str) -> Result<String, Failure> {
        self.let_sample(path)?;
        match self.side.read(path) {
            Ok(bytes) => Ok(text(&bytes)),
            Err(Failure::Errno(number)) => Ok(format!("! {}", errno(number))),
            Err(error) => Err(error),
        }
    }

    fn capture(&mut self, capture: &Capture) -> Outcome {
        let iio = self.path("iio")?;
        for channel in &capture.channels {
            self.side.write(&format!("{iio}/scan_elements/{channel}_en"), b"1")?;
        }
        if let Some(trigger) = &capture.trigger {
            self.side
                .write(&format!("{iio}/trigger/current_trigger"), trigger.as_bytes())?;
        }
        let file = self.side.open(&self.iio.clone())?;
        let scans = self.scans(&iio, file, capture);
        if let Err(Failure::Machine(_)) = scans {
            // Its next answer would be another question's.
            return scans;
        }
        // The interrupt's thread, which has just given the last scan, may still be at the chip (docs/oracle.md).
        self.side.wait(capture.settle.map_or(SETTLE, Duration::from_millis))?;
        let off = self.side.write(&format!("{iio}/buffer/enable"), b"0");
        self.side.close(file)?;
        for channel in &capture.channels {
            self.side.write(&format!("{iio}/scan_elements/{channel}_en"), b"0")?;
        }
        off?;
        scans
    }

    fn scans(&mut self, iio: &str, file: i64, capture: &Capture) -> Outcome {
        self.side.write(&format!("{iio}/buffer/enable"), b"1")?;
        let wanted = capture.scans.saturating_mul(capture.scan_bytes);
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            if !self.side.poll_in(file, SAMPLES_LIMIT)? {
                return Ok(vec![format!("no samples after {} of {wanted} bytes", bytes.len())]);
            }
            bytes.extend(self.side.read_open(file, wanted - bytes.len())?);
        }
        Ok(bytes
            .chunks(capture.scan_bytes.max(1))
            .map(|scan| format!("scan {}", digits(scan)))
            .collect())
    }
}
