// SPDX-License-Identifier: GPL-2.0-only
//! The policy of a running system: it grows with the domains that come, and can be replaced.

use super::{COMMON, Needs, class_of_driver, generate};
use kos_policy::{Error, Live, Loaded, Program, Record, ReplaceError, World, compile};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Which policy a system has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PolicyChoice {
    /// For each driver the one made from its board.
    #[default]
    Generated,
    /// The one in this file, for all.
    File(PathBuf),
    /// This text, for all.
    Text(String),
}

/// Hears every audit record, on the kernel thread of the sender: it must not block.
pub type OnAudit = Arc<dyn Fn(&Record) + Send + Sync>;

/// The policy of a system.
pub struct Policies {
    live: Live,
    /// The drivers' policies by class; `None`: the policy is the user's.
    made: Option<Mutex<BTreeMap<String, String>>>,
}

fn all(made: &BTreeMap<String, String>) -> Result<Program, Error> {
    let common = [("common.psl", COMMON)];
    let named: Vec<_> = made
        .iter()
        .map(|(class, text)| (format!("{class}.psl"), text))
        .collect();
    let named = named.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    compile(&Loaded::texts(common.into_iter().chain(named))?, World::hosted())
}

impl Policies {
    /// Sets the policy of a system up.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no policy.
    pub fn new(choice: &PolicyChoice, on_audit: Option<OnAudit>) -> Result<Self, Error> {
        let sink = move |record: &Record| {
            if let Some(on_audit) = &on_audit {
                on_audit(record);
            }
        };
        let program = match choice {
            PolicyChoice::Generated => all(&BTreeMap::new())?,
            PolicyChoice::File(path) => compile(&Loaded::open(path)?, World::hosted())?,
            PolicyChoice::Text(text) => compile(&Loaded::text("policy", text)?, World::hosted())?,
        };
        Ok(Self {
            live: Live::new(program, Box::new(sink)),
            made: (*choice == PolicyChoice::Generated).then(Mutex::default),
        })
    }

    /// The policy at work.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Makes room for a driver, and returns its class. A driver of the same name with other needs gets another class.
    ///
    /// # Errors
    ///
    /// The policy was not replaced.
    pub fn admit(&self, needs: &Needs) -> Result<String, PolicyError> {
        let base = class_of_driver(&needs.driver);
        let Some(made) = &self.made else { return Ok(base) };
        let mut made: MutexGuard<'_, BTreeMap<String, String>> = made.lock().unwrap_or_else(PoisonError::into_inner);
        for number in 1.. {
            let class = if number == 1 {
                base.clone()
            } else {
                format!("{base}No{number}")
            };
            let text = generate(needs, &class);
            match made.get(&class) {
                Some(known) if *known == text => return Ok(class),
                Some(_) => {}
                None => {
                    let mut more = made.clone();
                    more.insert(class.clone(), text);
                    self.live.replace(all(&more)?)?;
                    *made = more;
                    return Ok(class);
                }
            }
        }
        Ok(base)
    }

    /// Forgets a driver, none of whose domains runs any more: its rules go when the next one is admitted.
    pub fn dismiss(&self, driver: &str) {
        let Some(made) = &self.made else { return };
        let base = class_of_driver(driver);
        let is_of_driver = |class: &str| {
            let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
            class
                .strip_prefix(&base)
                .is_some_and(|rest| rest.is_empty() || rest.strip_prefix("No").is_some_and(is_number))
        };
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|class, _| !is_of_driver(class));
    }
}

/// Why a driver has no place in the policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is no policy.
    #[error(transparent)]
    Text(#[from] Error),
    /// It cannot take the place of the present one.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// An audit log in a file, one JSON object a line. A thread of its own writes it.
pub struct Audit {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<std::io::Result<()>>>,
}

/// Records that wait to be written; a flood of more is lost, and counted in the log.
const MAX_WAITING: usize = 4096;

impl Audit {
    /// Opens a log.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        let (lines, waiting) = sync_channel::<String>(MAX_WAITING);
        let write = move || {
            while let Ok(line) = waiting.recv() {
                writeln!(file, "{line}")?;
                // What is there is read by those who follow the file.
                while let Ok(line) = waiting.try_recv() {
                    writeln!(file, "{line}")?;
                }
                file.flush()?;
            }
            file.flush()
        };
        let writer = std::thread::Builder::new().name("audit".to_owned()).spawn(write)?;
        Ok(Self {
            lines: Some(lines),
            writer: Some(writer),
        })
    }

    /// What the policy is to call.
    #[must_use]
    pub fn sink(&self) -> OnAudit {
        let lines = self.lines.clone();
        let lost = std::sync::atomic::AtomicU64::new(0);
        Arc::new(move |record| {
            use std::sync::atomic::Ordering::Relaxed;
            let Some(lines) = &lines else { return };
            let missed = lost.load(Relaxed);
            if missed > 0 && lines.try_send(format!("{{\"lost\":{missed}}}")).is_ok() {
                lost.fetch_sub(missed, Relaxed);
            }
            if let Err(TrySendError::Full(_)) = lines.try_send(record.json()) {
                lost.fetch_add(1, Relaxed);
            }
        })
    }

    /// Waits until all is written. The sinks must be gone.
    ///
    /// # Errors
    ///
    /// The file could not be written.
    pub fn close(mut self) -> std::io::Result<()> {
        self.lines = None;
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Ok(()),
        }
    }
}
