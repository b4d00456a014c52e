// SPDX-License-Identifier: GPL-2.0-only
//! The two sides: a driver in a domain, and the same driver on real Linux, asked the same questions.

use crate::ioctl::Command;
use crate::linux::build::Kernel;
use crate::linux::machine::{Failure, Machine};
use crate::scenario::Scenario;
use crate::sockets::Sockets;
use anyhow::{Context, Result, anyhow};
use board::{BoardOptions, Clock, Fault, SharedBoard, SimBoard, Stimulus, board::Events};
use linux_compat::build::Built;
use linux_compat::client::{Client, ClientError, DeviceFile, EntryKind, Socket, poll};
use linux_compat::system::{Domain, DriverSpec, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `d`, `f` or `l`.
    pub(crate) kind: char,
    pub(crate) mode: u32,
    pub(crate) name: String,
    pub(crate) target: String,
}

/// A driver running somewhere. Paths are relative to `/sys`.
pub(crate) trait Side: Sockets {
    fn board(&self) -> &SharedBoard;
    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Failure>;
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Failure>;
    /// Reads a file so many times, as a user would; returns how long that took.
    fn time_reads(&mut self, path: &str, count: u32) -> Result<Duration, Failure>;
    fn write(&mut self, path: &str, data: &[u8]) -> Result<(), Failure>;
    /// Reads a page at the most from a byte on.
    fn read_at(&mut self, path: &str, offset: u64) -> Result<Vec<u8>, Failure>;
    /// Writes from a byte on; returns how many were taken.
    fn write_at(&mut self, path: &str, offset: u64, data: &[u8]) -> Result<i64, Failure>;
    /// Opens a character device for reading that does not wait.
    fn open(&mut self, device: &str) -> Result<i64, Failure>;
    fn poll_in(&mut self, file: i64, limit: Duration) -> Result<bool, Failure>;
    fn read_open(&mut self, file: i64, count: usize) -> Result<Vec<u8>, Failure>;
    fn write_open(&mut self, file: i64, data: &[u8]) -> Result<i64, Failure>;
    /// Asks an IIO device for the file that its events come out of; the same numbers as those of `open`.
    fn event_file(&mut self, file: i64) -> Result<i64, Failure>;
    /// Runs a command; returns its result, and what its argument points to afterwards.
    fn ioctl(&mut self, file: i64, command: &Command) -> Result<(i64, Vec<u8>), Failure>;
    fn close(&mut self, file: i64) -> Result<(), Failure>;
    fn wait(&mut self, time: Duration) -> Result<(), Failure>;
    /// Suspends all devices, lets seconds pass, and resumes them.
    fn suspend(&mut self, seconds: u64) -> Result<(), Failure>;
    /// Puts a firmware file where the kernel looks for it.
    fn has_firmware(&mut self, name: &str, content: &[u8]) -> Result<(), Failure>;
    /// Level and text of each line of the kernel's log since the last time.
    fn log(&mut self) -> Result<Vec<(u8, String)>, Failure>;
}

/// What both sides begin with.
pub(crate) struct Start<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) stimulus: Stimulus,
    pub(crate) faults: Vec<Fault>,
    /// Where the domains' firmware server looks.
    pub(crate) firmware: &'a Path,
}

/// How long a domain may take to suspend or resume, in real time.
const SUSPEND_LIMIT: Duration = Duration::from_secs(60);

/// The driver in a domain.
pub(crate) struct DomainSide {
    domain: Domain,
    pub(crate) client: Client,
    /// Who runs the domain.
    owner: Client,
    files: Vec<DeviceFile>,
    pub(crate) sockets: Vec<Socket>,
    logged: usize,
    firmware: PathBuf,
}

/// `IIO_GET_EVENT_FD_IOCTL` (`include/uapi/linux/iio/events.h`): the number of a new file.
fn get_event_fd() -> Command {
    Command {
        number: 0x8004_6990,
        value: 0,
        arg: vec![0; 4],
    }
}

fn file_number(arg: &[u8]) -> Result<u32, Failure> {
    let number = arg
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes);
    number.ok_or_else(|| Failure::Machine(anyhow!("a command's argument is cut off: {arg:?}")))
}

pub(crate) fn failure(error: ClientError) -> Failure {
    match error.errno() {
        Some(errno) => Failure::Errno(errno.0),
        None => Failure::Machine(error.into()),
    }
}

/// Begins with no firmware file, as real Linux's archive does.
fn make_empty(dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())
}

impl DomainSide {
    pub(crate) fn start(system: &System, built: &Built, start: &Start<'_>) -> Result<Self> {
        make_empty(start.firmware)?;
        let spec = DriverSpec {
            stand_in: None,
            name: start.scenario.driver.clone(),
            board: start.scenario.board()?,
            stimulus: start.stimulus.clone(),
            faults: start.faults.clone(),
        };
        let domain = system.start(&spec, built)?;
        let mut client = domain.client()?;
        if let Err(error) = client.state() {
            // Why it ended says more than that it did.
            let death = domain.wait_death(Duration::from_secs(1));
            return Err(death.map_or_else(|| error.into(), |death| anyhow!("{death}")));
        }
        let owner = domain.supervisor(SUSPEND_LIMIT)?;
        Ok(Self {
            domain,
            client,
            owner,
            files: Vec::new(),
            sockets: Vec::new(),
            logged: 0,
            firmware: start.firmware.to_owned(),
        })
    }

    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }

    fn file(&self, file: i64) -> Result<DeviceFile, Failure> {
        let index = usize::try_from(file).ok();
        let file = index.and_then(|index| self.files.get(index)).copied();
        file.ok_or_else(|| Failure::Machine(anyhow!("no such open file")))
    }
}

impl Side for DomainSide {
    fn board(&self) -> &SharedBoard {
        self.domain.board()
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Failure> {
        let entries = self.client.list(path).map_err(failure)?;
        let entry = |entry: linux_compat::client::Entry| Entry {
            kind: match entry.kind {
                EntryKind::Directory => 'd',
                EntryKind::File => 'f',
                EntryKind::Link => 'l',
            },
            mode: u32::from(entry.mode),
            name: entry.name,
            target: entry.target,
        };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        self.client.read(path).map_err(failure)
    }

    fn time_reads(&mut self, path: &str, count: u32) -> Result<Duration, Failure> {
        let begun = Instant::now();
        for _ in 0..count {
            self.client.read(path).map_err(failure)?;
        }
        Ok(begun.elapsed())
    }

    fn write(&mut self, path: &str, data: &[u8]) -> Result<(), Failure> {
        self.client.write(path, data).map_err(failure)
    }

    fn read_at(&mut self, path: &str, offset: u64) -> Result<Vec<u8>, Failure> {
        self.client.read_at(path, offset).map_err(failure)
    }

    fn write_at(&mut self, path: &str, offset: u64, data: &[u8]) -> Result<i64, Failure> {
        self.client.write_at(path, offset, data).map(i64::from).map_err(failure)
    }

    fn open(&mut self, device: &str) -> Result<i64, Failure> {
        let file = self.client.device_open(device, false).map_err(failure)?;
        self.files.push(file);
        i64::try_from(self.files.len() - 1).map_err(|error| Failure::Machine(error.into()))
    }

    fn poll_in(&mut self, file: i64, limit: Duration) -> Result<bool, Failure> {
        let file = self.file(file)?;
        let events = self.client.device_poll(file, poll::IN, limit).map_err(failure)?;
        Ok(events & poll::IN != 0)
    }

    fn read_open(&mut self, file: i64, count: usize) -> Result<Vec<u8>, Failure> {
        let file = self.file(file)?;
        self.client.device_read(file, count).map_err(failure)
    }

    fn write_open(&mut self, file: i64, data: &[u8]) -> Result<i64, Failure> {
        let file = self.file(file)?;
        self.client.device_write(file, data).map(i64::from).map_err(failure)
    }

    fn event_file(&mut self, file: i64) -> Result<i64, Failure> {
        let (_, arg) = self.ioctl(file, &get_event_fd())?;
        self.files.push(DeviceFile::made_by_driver(file_number(&arg)?));
        i64::try_from(self.files.len() - 1).map_err(|error| Failure::Machine(error.into()))
    }

    fn ioctl(&mut self, file: i64, command: &Command) -> Result<(i64, Vec<u8>), Failure> {
        let file = self.file(file)?;
        let Command { number, value, arg } = command;
        self.client.device_ioctl(file, *number, *value, arg).map_err(failure)
    }

    fn close(&mut self, file: i64) -> Result<(), Failure> {
        let file = self.file(file)?;
        self.client.device_close(file).map_err(failure)
    }

    fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.client.advance(ns).map(drop).map_err(failure)
    }

    fn suspend(&mut self, seconds: u64) -> Result<(), Failure> {
        self.owner.suspend().map_err(failure)?;
        let passed = self.wait(Duration::from_secs(seconds));
        self.owner.resume().map_err(failure)?;
        passed
    }

    fn has_firmware(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let written = std::fs::write(self.firmware.join(name), content);
        written.map_err(|error| Failure::Machine(error.into()))
    }

    fn log(&mut self) -> Result<Vec<(u8, String)>, Failure> {
        let log = self.domain.log();
        let new = log.get(self.logged..).unwrap_or_default();
        let lines = new.iter().map(|line| (line.level, line.text.clone())).collect();
        self.logged = log.len();
        Ok(lines)
    }
}

/// The driver on real Linux.
pub(crate) struct LinuxSide {
    pub(crate) machine: Machine,
    board: SharedBoard,
    /// Where time is real, it makes the chips' interrupts.
    _events: Events,
}

impl LinuxSide {
    pub(crate) fn start(kernel: &Kernel, start: &Start<'_>) -> Result<Self> {
        let begun = Instant::now();
        let clock = match start.scenario.is_real_time {
            true => Clock::Real(Box::new(move || nanoseconds(begun.elapsed()))),
            false => Clock::Virtual,
        };
        let options = BoardOptions {
            clock,
            stimulus: start.stimulus.clone(),
            ..BoardOptions::default()
        };
        let described = start.scenario.board()?;
        let mut sim = SimBoard::new(described.dtb(), options)?;
        sim.record();
        for fault in &start.faults {
            sim.inject(fault)?;
        }
        let board = SharedBoard::new(sim);
        let machine = Machine::start(kernel, described.dtb(), &board, &place())?;
        let events = board.run_events()?;
        Ok(Self {
            machine,
            board,
            _events: events,
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A directory for a machine's sockets, short enough for a socket's name.
fn place() -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("oracle-{}-{serial}", std::process::id()))
}

/// `O_RDWR | O_NONBLOCK`, as the domain's clients have it.
const FLAGS: i32 = 0o2 | 0o4000;

impl Side for LinuxSide {
    fn board(&self) -> &SharedBoard {
        &self.board
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Failure> {
        let text = self.machine.list(&format!("/sys/{path}"))?;
        let entry = |line: &str| {
            let (head, target) = line.split_once('\t')?;
            let (kind, head) = head.split_once(' ')?;
            let (mode, name) = head.split_once(' ')?;
            Some(Entry {
                kind: kind.chars().next()?,
                mode: u32::from_str_radix(mode, 8).ok()?,
                name: name.to_owned(),
                target: target.to_owned(),
            })
        };
        Ok(text.lines().filter_map(entry).collect())
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        self.machine.read(&format!("/sys/{path}"))
    }

    fn time_reads(&mut self, path: &str, count: u32) -> Result<Duration, Failure> {
        self.machine.time_reads(&format!("/sys/{path}"), count)
    }

    fn write(&mut self, path: &str, data: &[u8]) -> Result<(), Failure> {
        self.machine.write(&format!("/sys/{path}"), data).map(drop)
    }

    fn read_at(&mut self, path: &str, offset: u64) -> Result<Vec<u8>, Failure> {
        self.machine.read_at(&format!("/sys/{path}"), offset)
    }

    fn write_at(&mut self, path: &str, offset: u64, data: &[u8]) -> Result<i64, Failure> {
        self.machine.write_at(&format!("/sys/{path}"), offset, data)
    }

    fn open(&mut self, device: &str) -> Result<i64, Failure> {
        self.machine.open(&format!("/dev/{device}"), FLAGS)
    }

    fn poll_in(&mut self, file: i64, limit: Duration) -> Result<bool, Failure> {
        let events = self.machine.poll(file, poll::IN, limit)?;
        Ok(events & i64::from(poll::IN) != 0)
    }

    fn read_open(&mut self, file: i64, count: usize) -> Result<Vec<u8>, Failure> {
        self.machine.read_open(file, count)
    }

    fn write_open(&mut self, file: i64, data: &[u8]) -> Result<i64, Failure> {
        self.machine.write_open(file, data)
    }

    fn event_file(&mut self, file: i64) -> Result<i64, Failure> {
        let (_, arg) = self.ioctl(file, &get_event_fd())?;
        Ok(file_number(&arg)?.into())
    }

    fn ioctl(&mut self, file: i64, command: &Command) -> Result<(i64, Vec<u8>), Failure> {
        self.machine.ioctl(file, command)
    }

    fn close(&mut self, file: i64) -> Result<(), Failure> {
        self.machine.close(file)
    }

    fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        self.machine.sleep(time)
    }

    /// The kernel's own test of suspend-to-idle (`Documentation/power/basic-pm-debugging.rst`): it stops before the
    /// processor idles, when all devices are suspended, waits, and goes back.
    fn suspend(&mut self, seconds: u64) -> Result<(), Failure> {
        let delay = seconds.to_string();
        self.write("module/suspend/parameters/pm_test_delay", delay.as_bytes())?;
        self.write("power/pm_test", b"platform")?;
        self.write("power/state", b"freeze")
    }

    fn has_firmware(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        self.machine.make_file(&format!("/lib/firmware/{name}"), content)
    }

    fn log(&mut self) -> Result<Vec<(u8, String)>, Failure> {
        self.machine.log()
    }
}
