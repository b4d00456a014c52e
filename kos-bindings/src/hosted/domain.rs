// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain in its supervisor's hands.

use std::sync::Arc;
use std::time::Duration;

use super::handles::Target;
use super::life::{Cause, Death, Life};
use super::process::Process;
use super::report::Memory;
use super::spec::Endpoint;

/// A domain, alive or dead.
#[derive(Clone, Debug)]
pub struct DomainHandle {
    process: Arc<Process>,
}

impl DomainHandle {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process }
    }

    /// Returns its number in this kernel.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.process.id
    }

    fn life(&self) -> Option<&Life> {
        self.process.life.as_ref()
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.life().map_or("", |life| &life.name)
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.life().and_then(Life::pid).unwrap_or(0)
    }

    /// Returns what others call to reach its listener.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint(Target::Process(Arc::downgrade(&self.process)))
    }

    /// Waits until it received for the first time. Returns false if it died or `limit` passed
    /// before.
    #[must_use]
    pub fn wait_ready(&self, limit: Duration) -> bool {
        self.process.wait_ready(limit)
    }

    /// Kills it. Its clients get `rcNotConnected`.
    pub fn kill(&self) {
        if let Some(life) = self.life() {
            life.kill(Cause::Stopped);
        }
    }

    /// Returns how it died, if it is dead.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        self.life().and_then(Life::death)
    }

    /// Waits for its death.
    #[must_use]
    pub fn wait_death(&self, limit: Duration) -> Option<Death> {
        self.life()?.wait(limit)
    }

    /// Reads what its process costs.
    ///
    /// # Errors
    ///
    /// If it is gone.
    pub fn memory(&self) -> std::io::Result<Memory> {
        Memory::of(self.pid())
    }
}
