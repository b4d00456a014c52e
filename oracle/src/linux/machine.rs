// SPDX-License-Identifier: GPL-2.0-only
//! One User-Mode Linux, running: started with a board's chips behind sockets, asked line by line (`init/init.c`).

use super::build::Kernel;
use super::control::{Control, Questions};
use super::dts::{self, Wanted};
use crate::ioctl;
use anyhow::{Context, Result, anyhow, bail};
use board::vhost::{Calendar, Device, GpioDevice, I2cDevice, serve, serve_in_time};
use board::{BoardOptions, SharedBoard, SimBoard, dts as compile};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Far more than any answer takes while virtual time stands still, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// The most such times for one answer: who waits 20 s for samples while a chip interrupts has thousands of transfers.
const MOST_LIMITS: usize = 10;
const MEMORY: &str = "mem=32M";

/// A running machine. Dropping it ends it.
pub(crate) struct Machine {
    child: Child,
    board: SharedBoard,
    calendar: Option<Calendar>,
    questions: Questions,
    lines: Receiver<String>,
    /// What the kernel said that is no answer: told when it dies.
    noise: Arc<Mutex<Vec<String>>>,
    dir: PathBuf,
}

/// The process groups and directories of all machines that run, for [`end_all`].
static RUNNING: Mutex<Vec<(Pid, PathBuf)>> = Mutex::new(Vec::new());

/// Ends all machines: a kernel in user mode does not notice that whoever started it is gone.
pub(crate) fn end_all() {
    let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
    for (group, dir) in running {
        end(group, &dir);
    }
}

/// A kernel in user mode is several processes: all of its group.
fn end(group: Pid, dir: &Path) {
    // It may have ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = std::fs::remove_dir_all(dir);
}

/// What a question failed with: Linux's errno, or the machine itself.
pub(crate) enum Failure {
    Errno(i32),
    Machine(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Machine(error)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// What devices are made of.
struct Offer<'a> {
    board: &'a SharedBoard,
    calendar: Option<Calendar>,
    answers: Sender<String>,
    dir: &'a Path,
}

/// A board with nothing on its bus.
const EMPTY: &str =
    "/dts-v1/;\n/ {\n\ti2c {\n\t\tcompatible = \"linux-compat,i2c\";\n\t\tlinux-compat,channel = \"i2c0\";\n\t};\n};\n";

/// Its wall clock when it starts in virtual time: the domain's (2000-01-01).
const WALL_NS: u64 = 946_684_800_000_000_000;

impl Machine {
    /// Boots a kernel with a board: its device tree, and its chips. If the board's clock is virtual, so is Linux's,
    /// and both are the same.
    pub(crate) fn start(kernel: &Kernel, dtb: &[u8], board: &SharedBoard, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let tree = board::tree::Tree::parse(dtb)?;
        let (source, wanted) = dts::convert(&tree, dir);
        let blob = compile::compile_text(&source)?;
        let dtb_path = dir.join("board.dtb");
        std::fs::write(&dtb_path, blob).with_context(|| dtb_path.display().to_string())?;
        let mut args = vec![format!("dtb={}", dtb_path.display())];
        let is_virtual = board.with(|sim| sim.is_virtual());
        let calendar = is_virtual.then(|| Calendar::new(board)).transpose()?;
        if let Some(calendar) = &calendar {
            args.push(format!("time-travel=ext:{}", keep_time(calendar, dir)?.display()));
        }
        let (answers, lines) = channel();
        let offer = Offer {
            board,
            calendar: calendar.clone(),
            answers,
            dir,
        };
        let mut questions = None;
        for device in &wanted {
            questions = offer.offer(device)?.or(questions);
        }
        let buses = wanted.iter().filter(|device| matches!(device, Wanted::I2c(_))).count();
        // The process finds it in its environment. (Whatever begins with "con" is for the console.)
        args.push(format!("wire=/dev/i2c-{buses}"));
        let questions = questions.context("no wire to the machine")?;
        Self::boot(kernel, &args, dir, (board, calendar), questions, lines)
    }

    /// Finds out whether a kernel starts on this machine at all: with an empty board.
    pub(crate) fn probe(kernel: &Kernel) -> Result<()> {
        let dir = std::env::temp_dir().join(format!("oracle-{}-probe", std::process::id()));
        let dtb = compile::compile_text(EMPTY)?;
        let board = SharedBoard::new(SimBoard::new(&dtb, BoardOptions::default())?);
        Self::start(kernel, &dtb, &board, &dir).map(drop)
    }

    fn boot(
        kernel: &Kernel,
        args: &[String],
        dir: &Path,
        (board, calendar): (&SharedBoard, Option<Calendar>),
        questions: Questions,
        lines: Receiver<String>,
    ) -> Result<Self> {
        let mut command = Command::new(&kernel.linux);
        command
            .arg(MEMORY)
            .arg(format!("initrd={}", kernel.initrd.display()))
            .args(args)
            .arg(format!("uml_dir={}", dir.display()))
            .args(["con=null", "con0=null,fd:1", "loglevel=4", "panic=-1"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = command.spawn().with_context(|| kernel.linux.display().to_string())?;
        if let Some(group) = group_of(&child) {
            let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            running.push((group, dir.to_owned()));
        }
        let stdout = child.stdout.take().context("stdout")?;
        let noise: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&noise);
        std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = line.trim_end_matches('\r').to_owned();
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        })?;
        let mut machine = Self {
            child,
            board: board.clone(),
            calendar,
            questions,
            lines,
            noise,
            dir: dir.to_owned(),
        };
        match machine.line()?.as_str() {
            "@ready" => Ok(machine),
            first => bail!("the machine's first word is {first:?}"),
        }
    }

    fn line(&mut self) -> Result<String> {
        for _ in 0..MOST_LIMITS {
            let begun_ns = self.board.with(|sim| sim.now_ns());
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) if self.board.with(|sim| sim.now_ns()) > begun_ns => {}
                Err(_) => break,
            }
        }
        Err(self.silent("real Linux does not answer"))
    }

    fn silent(&self, what: &str) -> anyhow::Error {
        let noise = self.noise.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = noise.iter().rev().take(60).rev().map(String::as_str).collect();
        let clock = self.calendar.as_ref().map(Calendar::recent).unwrap_or_default();
        anyhow!("{what}; it said last:\n{}\nits clock:\n{clock}", last.join("\n"))
    }

    pub(super) fn ask(&mut self, question: &str) -> Result<Vec<u8>, Failure> {
        self.questions.ask(&format!("{question}\n"));
        let answer = self.line()?;
        if let Some(number) = answer.strip_prefix("@err ") {
            let errno = number.parse().with_context(|| answer.clone())?;
            return Err(Failure::Errno(errno));
        }
        let data = answer.strip_prefix("@ok ").and_then(unhex);
        data.ok_or_else(|| Failure::Machine(anyhow!("the machine answered {answer:?}")))
    }

    pub(super) fn number(&mut self, question: &str) -> Result<i64, Failure> {
        let data = self.ask(question)?;
        let text = String::from_utf8_lossy(&data);
        Ok(text.parse().with_context(|| text.clone().into_owned())?)
    }

    /// The entries of a directory, as the program writes them.
    pub(crate) fn list(&mut self, path: &str) -> Result<String, Failure> {
        let data = self.ask(&format!("L {}", hex(path.as_bytes())))?;
        Ok(String::from_utf8_lossy(&data).into_owned())
    }

    pub(crate) fn read(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        self.ask(&format!("R {}", hex(path.as_bytes())))
    }

    /// Reads a file so many times; returns how long that took there.
    pub(crate) fn time_reads(&mut self, path: &str, count: u32) -> Result<Duration, Failure> {
        let ns = self.number(&format!("T {} {count}", hex(path.as_bytes())))?;
        Ok(Duration::from_nanos(u64::try_from(ns).unwrap_or(0)))
    }

    pub(crate) fn write(&mut self, path: &str, data: &[u8]) -> Result<i64, Failure> {
        self.number(&format!("W {} {}", hex(path.as_bytes()), hex(data)))
    }

    pub(crate) fn read_at(&mut self, path: &str, offset: u64) -> Result<Vec<u8>, Failure> {
        self.ask(&format!("r {} {offset}", hex(path.as_bytes())))
    }

    /// Makes a file with this content.
    pub(crate) fn make_file(&mut self, path: &str, content: &[u8]) -> Result<(), Failure> {
        self.ask(&format!("n {} {}", hex(path.as_bytes()), hex(content)))
            .map(drop)
    }

    pub(crate) fn write_at(&mut self, path: &str, offset: u64, data: &[u8]) -> Result<i64, Failure> {
        self.number(&format!("w {} {} {offset}", hex(path.as_bytes()), hex(data)))
    }

    pub(crate) fn ioctl(&mut self, file: i64, command: &ioctl::Command) -> Result<(i64, Vec<u8>), Failure> {
        let ioctl::Command { number, value, arg } = command;
        let answer = self.ask(&format!("I {file} {number} {value} {}", hex(arg)))?;
        let Some((result, arg)) = answer.split_first_chunk::<8>() else {
            return Err(Failure::Machine(anyhow!("an ioctl answered {answer:?}")));
        };
        Ok((i64::from_le_bytes(*result), arg.to_vec()))
    }

    pub(crate) fn open(&mut self, path: &str, flags: i32) -> Result<i64, Failure> {
        self.number(&format!("O {} {flags}", hex(path.as_bytes())))
    }

    pub(crate) fn read_open(&mut self, file: i64, count: usize) -> Result<Vec<u8>, Failure> {
        self.ask(&format!("F {file} {count}"))
    }

    pub(crate) fn write_open(&mut self, file: i64, data: &[u8]) -> Result<i64, Failure> {
        self.number(&format!("D {file} {}", hex(data)))
    }

    pub(crate) fn poll(&mut self, file: i64, events: u32, limit: Duration) -> Result<i64, Failure> {
        self.number(&format!("P {file} {events} {}", limit.as_millis()))
    }

    pub(crate) fn close(&mut self, file: i64) -> Result<(), Failure> {
        self.ask(&format!("C {file}")).map(drop)
    }

    pub(crate) fn sleep(&mut self, time: Duration) -> Result<(), Failure> {
        self.ask(&format!("S {}", time.as_millis())).map(drop)
    }

    /// The kernel's log since the last time: level and text of each line.
    pub(crate) fn log(&mut self) -> Result<Vec<(u8, String)>, Failure> {
        let data = self.ask("K")?;
        let text = String::from_utf8_lossy(&data);
        // `PRIORITY,NUMBER,TIME,FLAGS;TEXT`, then lines with a blank before them (Documentation/ABI/testing/dev-kmsg).
        let record = |line: &str| {
            let (head, text) = line.split_once(';')?;
            let priority: u32 = head.split(',').next()?.parse().ok()?;
            Some((u8::try_from(priority & 7).ok()?, text.to_owned()))
        };
        Ok(text
            .lines()
            .filter(|line| !line.starts_with(' '))
            .filter_map(record)
            .collect())
    }
}

/// Runs a kernel that ends by itself, without a board or a process, and returns what it said.
///
/// What it says goes into a file: its console drops what a full pipe does not take.
pub(crate) fn run_alone(linux: &Path, args: &[&str], limit: Duration) -> Result<Vec<String>> {
    let dir = std::env::temp_dir().join(format!("oracle-{}-alone", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let path = dir.join("console");
    let console = File::create(&path).with_context(|| path.display().to_string())?;
    let mut command = Command::new(linux);
    command
        .args(args)
        .arg(format!("uml_dir={}", dir.display()))
        .args(["con=null", "con0=null,fd:1"])
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(console)
        .stderr(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().with_context(|| linux.display().to_string())?;
    let group = group_of(&child).context("the machine's process")?;
    RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((group, dir.clone()));
    let end = Instant::now() + limit;
    let is_over = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(100)),
            ended => break ended?.is_some(),
        }
    };
    // Tests print names in any bytes.
    let said = std::fs::read(&path).with_context(|| path.display().to_string());
    end_group(group, &dir);
    let _ = child.wait();
    let said = said?;
    let log = said.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let log: Vec<String> = log.map(|line| line.trim_end().to_owned()).collect();
    if is_over {
        return Ok(log);
    }
    let last: Vec<&str> = log.iter().rev().take(40).rev().map(String::as_str).collect();
    bail!(
        "it did not end within {} s; it said last:\n{}",
        limit.as_secs(),
        last.join("\n")
    )
}

/// Ends a machine and forgets it.
fn end_group(group: Pid, dir: &Path) {
    RUNNING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|(running, _)| *running != group);
    end(group, dir);
}

/// Listens for the machine's clock; returns where.
fn keep_time(calendar: &Calendar, dir: &Path) -> Result<PathBuf> {
    let path = dir.join("time.sock");
    let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
    let (calendar, name) = (calendar.clone(), path.clone());
    std::thread::Builder::new().name("calendar".to_owned()).spawn(move || {
        let Ok((stream, _)) = listener.accept() else { return };
        report(&name, calendar.serve(stream, WALL_NS));
    })?;
    Ok(path)
}

/// A machine that is ended in the middle of a message is none that breaks a protocol.
fn report(place: &Path, served: std::io::Result<()>) {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match served {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => {}
        Err(error) => eprintln!("oracle: {}: {error}", place.display()),
    }
}

impl Offer<'_> {
    /// Listens for the machine and serves it a device, for as long as it lives.
    fn offer(&self, wanted: &Wanted) -> Result<Option<Questions>> {
        let path = self.dir.join(wanted.socket());
        let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
        let mut questions = None;
        let calendar = self.calendar.clone();
        let mut device: Box<dyn Device> = match (wanted, &calendar) {
            (Wanted::I2c(channel), _) => {
                let bus = I2cDevice::new(self.board, channel);
                let bus = bus.with_context(|| format!("the board has no bus {channel}"))?;
                match &calendar {
                    Some(calendar) => Box::new(bus.in_time(calendar)?),
                    None => Box::new(bus),
                }
            }
            (Wanted::Gpio, Some(calendar)) => Box::new(GpioDevice::in_time(self.board, calendar)?),
            (Wanted::Gpio, None) => Box::new(GpioDevice::new(self.board)?),
            (Wanted::Control, _) => {
                let (control, near) = Control::new(calendar.clone(), self.answers.clone())?;
                questions = Some(near);
                Box::new(control)
            }
        };
        std::thread::Builder::new().name(wanted.socket()).spawn(move || {
            let Ok((stream, _)) = listener.accept() else { return };
            let served = match &calendar {
                Some(calendar) => serve_in_time(stream, &mut *device, calendar),
                None => serve(stream, &mut *device),
            };
            report(&path, served);
        })?;
        Ok(questions)
    }
}

fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(group) = group_of(&self.child) {
            end_group(group, &self.dir);
        }
        let _ = self.child.wait();
    }
}
