// SPDX-License-Identifier: GPL-2.0-only
//! The command as a user starts it: to its end, or beside a test, in a place of its own.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::fmt;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far more than anything here takes, also on a busy machine and with an image to build.
pub const LIMIT: Duration = Duration::from_secs(900);

/// The package's directory, from which all commands are started.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
pub const ADXL345_BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/boards/adxl345-i2c.dts");
pub const BMG160_BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/drivers/boards/bmg160.dts");

/// A directory that goes away with its value, and is where the commands of one test find each other.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        loop {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let name = format!("linux-compat-test-{}-{serial}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // A test of the same number that was killed left it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linux-compat"));
        command
            .args(args)
            .current_dir(ROOT)
            .env("XDG_RUNTIME_DIR", &self.0)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Said {
        self.start(args).end()
    }

    /// Starts a command.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    /// What is left of the sockets of those who ran here.
    pub fn sockets(&self) -> Vec<PathBuf> {
        let dir = std::fs::read_dir(self.0.join("linux-compat"));
        dir.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A test that failed matters more than what it left behind.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a command said, and how it ended.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "status {:?}\n-- stdout\n{}-- stderr\n{}",
            self.code, self.out, self.err
        )
    }
}

impl Said {
    /// Wants this exit status, and each of `texts` on stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in {self}");
        }
    }

    /// Wants success.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// The first line on stdout, as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let line = self.out.lines().next().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {self}"))
    }
}

/// A command that runs beside its test. Dropping it kills it.
pub struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

fn collect(mut from: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text: Arc<Mutex<String>> = Arc::default();
    let to = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            to.lock()
                .expect("the text")
                .push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    (text, reader)
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("linux-compat starts");
        let (out, out_reader) = collect(child.stdout.take().expect("stdout"));
        let (err, err_reader) = collect(child.stderr.take().expect("stderr"));
        Self {
            child,
            out,
            err,
            readers: vec![out_reader, err_reader],
        }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    pub fn out(&self) -> String {
        self.out.lock().expect("the text").clone()
    }

    pub fn err(&self) -> String {
        self.err.lock().expect("the text").clone()
    }

    /// Waits until `is_so`, and panics with `what` and all that was said if it does not come.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let ended = self.child.try_wait().expect("a status");
            // What it said before its end may still be on its way.
            if ended.is_some() && self.readers.iter().all(JoinHandle::is_finished) && !is_so(self) {
                panic!("ended with {ended:?} before {what}:\n{}{}", self.out(), self.err());
            }
            assert!(begun.elapsed() < LIMIT, "not {what}:\n{}{}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for a text on stdout.
    #[track_caller]
    pub fn wait_out(&mut self, text: &str) {
        self.wait_until(text, |running| running.out().contains(text));
    }

    /// Waits for a text on stderr.
    #[track_caller]
    pub fn wait_err(&mut self, text: &str) {
        self.wait_until(text, |running| running.err().contains(text));
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("it lives");
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Said {
        let status = self.wait();
        let Some(status) = status else {
            panic!("it does not end:\n{}{}", self.out(), self.err());
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("the reader");
        }
        Said {
            code: status.code(),
            out: self.out(),
            err: self.err(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process, told from a later one with the same number by its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessId {
    pub pid: i32,
    started: String,
}

/// Parent and start of a process, out of `/proc/PID/stat`; `None` if there is none, or only its exit status.
fn stat(pid: i32) -> Option<(i32, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    (*fields.first()? != "Z").then_some(())?;
    Some((fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned()))
}

/// All processes below `pid`.
pub fn descendants(pid: i32) -> Vec<ProcessId> {
    let all: Vec<(i32, i32, String)> = std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| stat(pid).map(|(parent, started)| (pid, parent, started)))
        .collect();
    let (mut found, mut parents) = (Vec::new(), vec![pid]);
    while let Some(above) = parents.pop() {
        for (pid, _, started) in all.iter().filter(|(_, parent, _)| *parent == above) {
            parents.push(*pid);
            found.push(ProcessId {
                pid: *pid,
                started: started.clone(),
            });
        }
    }
    found
}

/// Waits until none of `processes` is there any more.
pub fn wait_gone(processes: &[ProcessId]) {
    let begun = Instant::now();
    let lives = |process: &&ProcessId| stat(process.pid).is_some_and(|(_, started)| started == process.started);
    while let Some(process) = processes.iter().find(lives) {
        assert!(begun.elapsed() < LIMIT, "{process:?} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The SI value of a channel in a `--json` report or reading.
pub fn si(device: &serde_json::Value, channel: &str) -> f64 {
    let value = device["si"][channel].as_f64();
    value.unwrap_or_else(|| panic!("no {channel} in {device}"))
}
