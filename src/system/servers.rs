// SPDX-License-Identifier: GPL-2.0-only
//! The servers that every domain has beside its buses: its log, and firmware.

use kos_bindings::idl::{firmware, log};
use kos_bindings::nk::{Fault, Lens, Never, Parts, PartsMut, Retcode};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One line of a domain's kernel log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Linux's level: 0 (emergency) to 7 (debug).
    pub level: u8,
    /// The domain's clock, in ns since it started.
    pub time_ns: u64,
    /// The text.
    pub text: String,
}

impl LogLine {
    /// The level's name as `dmesg` writes it.
    #[must_use]
    pub fn level_name(&self) -> &'static str {
        const NAMES: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
        NAMES.get(usize::from(self.level)).copied().unwrap_or("debug")
    }

    /// Whether it is a warning or worse.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.level <= 4
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.time_ns / 1_000_000_000, self.time_ns / 1000 % 1_000_000);
        write!(f, "[{seconds:5}.{micros:06}] {}: {}", self.level_name(), self.text)
    }
}

/// Called with each line, on a thread of the kernel's.
pub type OnLog = Arc<dyn Fn(&str, &LogLine) + Send + Sync>;

/// Lines kept of each domain; older ones are forgotten.
const MAX_LINES: usize = 1024;

/// The log of one domain. Clones are the same log.
#[derive(Clone, Default)]
pub(super) struct Log {
    lines: Arc<Mutex<VecDeque<LogLine>>>,
    driver: String,
    on_line: Option<OnLog>,
}

impl Log {
    pub(super) fn new(driver: &str, on_line: Option<OnLog>) -> Self {
        Self {
            lines: Arc::default(),
            driver: driver.to_owned(),
            on_line,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.lock().iter().cloned().collect()
    }

    /// Answers a message of a domain.
    pub(super) fn answer(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
        if riid != log::RIID {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        log::dispatch(&mut &*self, request, response).map_err(|_| Retcode::INVALID_ARGUMENT)
    }
}

impl log::Server for &Log {
    fn write(&mut self, request: log::WriteReq<'_>, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        let line = LogLine {
            level: request.level.min(7),
            time_ns: request.time_ns,
            text: request.text.to_owned(),
        };
        if let Some(on_line) = &self.on_line {
            on_line(&self.driver, &line);
        }
        let mut lines = self.lock();
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
        Ok(log::WriteRes {}.encode(response)?)
    }
}

/// Firmware files below one directory; without a directory there are none.
pub(super) struct Firmware {
    dir: Option<PathBuf>,
}

const ENOENT: i32 = 2;
const EIO: i32 = 5;

impl Firmware {
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    pub(super) fn answer(&self, riid: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
        if riid != firmware::RIID {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        firmware::dispatch(&mut &*self, request, response).map_err(|_| Retcode::INVALID_ARGUMENT)
    }

    /// Opens a file. The name is the driver's: it must not lead out of the directory, not by a link either.
    fn open(&self, name: &str) -> Result<File, i32> {
        let dir = self.dir.as_ref().ok_or(ENOENT)?.canonicalize().map_err(|_| ENOENT)?;
        if !Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(ENOENT);
        }
        let path = dir.join(name).canonicalize().map_err(|_| ENOENT)?;
        if !path.starts_with(&dir) || !path.is_file() {
            return Err(ENOENT);
        }
        File::open(path).map_err(|_| EIO)
    }
}

impl firmware::Server for &Firmware {
    fn size(
        &mut self,
        request: firmware::SizeReq<'_>,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<firmware::SizeErr>> {
        let size = self
            .open(request.name)
            .and_then(|file| file.metadata().map(|data| data.len()).map_err(|_| EIO));
        match size {
            Ok(size) => Ok(firmware::SizeRes { size }.encode(response)?),
            Err(errno) => Err(firmware::SizeErr { errno }.into()),
        }
    }

    fn read(
        &mut self,
        request: firmware::ReadReq<'_>,
        mut response: PartsMut<'_>,
    ) -> Result<Lens, Fault<firmware::ReadErr>> {
        let file = self
            .open(request.name)
            .map_err(|errno| Fault::Error(firmware::ReadErr { errno }))?;
        let room = firmware::ReadRes::data_room(&mut response);
        let mut len = 0;
        // Short only at the file's end: the operating system may give less at a time.
        while let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty()) {
            let at = request.offset.saturating_add(len as u64);
            match file.read_at(rest, at) {
                Ok(0) => break,
                Ok(count) => len += count,
                Err(_) => return Err(firmware::ReadErr { errno: EIO }.into()),
            }
        }
        Ok(firmware::ReadRes::encode_in_place(response, len)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_read_like_dmesg() {
        let line = LogLine {
            level: 3,
            time_ns: 1_002_003_004,
            text: "adxl345_i2c 0-0053: bad".to_owned(),
        };
        assert_eq!(line.to_string(), "[    1.002003] err: adxl345_i2c 0-0053: bad");
        assert!(line.is_warning());
    }

    #[test]
    fn firmware_stays_in_its_directory() {
        let dir = std::env::temp_dir().join(format!("linux-compat-firmware-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("inner")).unwrap();
        std::fs::write(dir.join("secret"), "s").unwrap();
        std::fs::write(dir.join("inner/chip.bin"), "abc").unwrap();
        std::os::unix::fs::symlink("../secret", dir.join("inner/link")).unwrap();
        let firmware = Firmware::new(Some(dir.join("inner")));
        assert!(firmware.open("chip.bin").is_ok());
        for name in ["../secret", "link", "/etc/passwd", "absent", "", "./chip.bin/.."] {
            assert_eq!(firmware.open(name).err(), Some(ENOENT), "{name}");
        }
        assert_eq!(Firmware::new(None).open("chip.bin").err(), Some(ENOENT));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
