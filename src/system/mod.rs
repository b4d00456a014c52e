// SPDX-License-Identifier: GPL-2.0-only
//! Drivers running: each in a domain of its own, on a board of its own, behind the hosted kernel.
//!
//! ```text
//!  System ── Kernel ──┬── Domain "adxl345"   image · board · log · client
//!                     └── Domain "bmg160"    image · board · log · client
//! ```

mod channels;
mod death;
mod domain;
mod inproc;
mod servers;

pub use death::DeathReport;
pub use domain::{Domain, Isolation};
pub use inproc::{InProcess, InProcessTransport};
pub use servers::{LogLine, OnLog};

use crate::board::{Board, BoardError};
use crate::build::{BuildError, BuildRequest, Built, build};
use crate::client::ClientError;
use crate::policy::{OnAudit, Policies, PolicyChoice, PolicyError};
use crate::shim::{self, NoShim};
use crate::solution::StaticChannels;
use ::board::fault::FaultError;
use ::board::{Fault, StandIn, Stimulus};
use kos_bindings::hosted::socket::{self, Door};
use kos_bindings::hosted::{self, Config, Event, Kernel};
use linux_headers::tree::TreeError;
use linux_headers::{Locate, Profile, Series, Tree};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Why a driver does not run: one variant per step.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The kernel tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The shim.
    #[error(transparent)]
    Shim(#[from] NoShim),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A fault names no part of the board.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The process that is to play the bus.
    #[error("bus vhost-user:{}: {error}", socket.display())]
    Bus {
        /// Its socket.
        socket: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// The image.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The hosted kernel, or the sandbox.
    #[error(transparent)]
    Kernel(#[from] hosted::Error),
    /// A thread could not be started.
    #[error("thread: {0}")]
    Thread(std::io::Error),
    /// The socket for clients could not be opened.
    #[error("socket for clients: {0}")]
    Door(std::io::Error),
    /// The file of the policy.
    #[error("policy: {0}")]
    PolicyText(#[from] kos_policy::Error),
    /// The driver has no place in the policy.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// A channel leads to a server that is not there.
    #[error("{driver}: nothing here serves `{class}`")]
    NoServer {
        /// The driver.
        driver: String,
        /// The class of the server.
        class: String,
    },
    /// No client has a channel to the domain.
    #[error("{driver}: no client has a channel to it")]
    NoChannel {
        /// The driver.
        driver: String,
    },
    /// The domain did not come up.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Where a domain's time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// `CLOCK_MONOTONIC`.
    #[default]
    Real,
    /// It jumps to the next timer when every task sleeps.
    Virtual,
}

/// What a domain's I²C adapters are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Adapter {
    /// A bus master that tells how a transfer failed.
    #[default]
    Native,
    /// Linux's `i2c-virtio`, which tells only after how many messages: to compare with a virtual machine.
    Virtio,
    /// As [`Virtio`](Self::Virtio), and the chips are those of another process, behind this vhost-user socket.
    VhostUser(PathBuf),
}

/// How a [`System`] is set up.
#[derive(Clone)]
pub struct SystemOptions {
    /// The kernel series; `None`: that of the tree, else the newest.
    pub series: Option<Series>,
    /// The kernel tree; `None` looks for one, and fetches it if there is none.
    pub linux: Option<PathBuf>,
    /// Optimised, or with Linux's debugging options.
    pub profile: Profile,
    /// Build sources that differ from upstream's.
    pub allow_modified: bool,
    /// Processes, or inside this one.
    pub isolation: Isolation,
    /// Where time comes from.
    pub clock: ClockKind,
    /// What the I²C adapters are like.
    pub adapter: Adapter,
    /// Records what goes over the buses, from the first transfer on.
    pub records_buses: bool,
    /// Tells each I²C transfer in the log, with the calls that led to it: see [`Domain::callers`].
    pub traces_transfers: bool,
    /// Where firmware files are; `None`: there are none.
    pub firmware: Option<PathBuf>,
    /// Hears every line of every domain's log.
    pub on_log: Option<OnLog>,
    /// What domains may do.
    pub policy: PolicyChoice,
    /// Hears what the policy refuses, and what else its audit profiles want recorded.
    pub on_audit: Option<OnAudit>,
    /// How long a domain may work on one request, its start included; `None`: as the kernel has it.
    pub patience: Option<Duration>,
    /// How much memory a domain may write, in bytes; `None`: as much as any.
    pub memory_bytes: Option<u64>,
    /// How long a domain may hold a request without entering the kernel before it is said to spin.
    pub watchdog: Option<Duration>,
    /// Keeps threads that make clients on the kernel's core: hand-overs are then several times faster.
    pub pins_clients: bool,
}

impl Default for SystemOptions {
    fn default() -> Self {
        Self {
            series: None,
            linux: None,
            profile: Profile::Release,
            allow_modified: false,
            isolation: Isolation::Process,
            clock: ClockKind::Real,
            adapter: Adapter::Native,
            records_buses: false,
            traces_transfers: false,
            firmware: None,
            on_log: None,
            policy: PolicyChoice::Generated,
            on_audit: None,
            patience: None,
            memory_bytes: None,
            watchdog: Config::default().watchdog,
            pins_clients: false,
        }
    }
}

/// A driver that is to run, and the world around it.
#[derive(Debug)]
pub struct DriverSpec {
    /// A module, a chip, a `compatible`, or a source file.
    pub name: String,
    /// The board.
    pub board: Board,
    /// What the chips feel.
    pub stimulus: Stimulus,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What is on the buses instead of the board's chips.
    pub stand_in: Option<StandIn>,
}

impl DriverSpec {
    /// A driver on the board that comes with this package, at rest.
    ///
    /// # Errors
    ///
    /// There is no such board.
    pub fn new(name: &str) -> Result<Self, BoardError> {
        let board = Board::of_driver(name)?;
        Ok(Self {
            name: name.to_owned(),
            board,
            stimulus: Stimulus::default(),
            faults: Vec::new(),
            stand_in: None,
        })
    }
}

/// A hosted kernel, and what is needed to run drivers behind it.
///
/// Dropping it ends every domain.
///
/// # Examples
///
/// ```
/// use linux_compat::system::{DriverSpec, System};
///
/// let system = System::new(Default::default())?;
/// let mut spec = DriverSpec::new("adxl345")?;
/// spec.stimulus.accel = [0.0, 0.0, 9.81];
/// let built = system.build(&spec.name, &spec.board)?;
/// assert!(built.report.sources.iter().all(|source| source.pristine));
/// let domain = system.start(&spec, &built)?;
/// let state = domain.client()?.state()?;
/// assert!(state.is_booted && state.failed == 0);
/// # Ok::<(), linux_compat::system::SystemError>(())
/// ```
pub struct System {
    kernel: Arc<Kernel>,
    policies: Policies,
    options: SystemOptions,
    tree: Tree,
    notices: Arc<Mutex<Vec<String>>>,
}

impl System {
    /// Finds the kernel tree and starts a hosted kernel.
    ///
    /// # Errors
    ///
    /// There is no tree, or this machine does not permit the sandbox.
    pub fn new(options: SystemOptions) -> Result<Self, SystemError> {
        let tree = Tree::locate(&Locate {
            linux: options.linux.clone(),
            series: options.series,
        })?;
        let notices: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&notices);
        let policies = Policies::new(&options.policy, options.on_audit.clone())?;
        let usual = Config::default();
        let config = Config {
            watchdog: options.patience.or(options.watchdog),
            call_timeout: options.patience.or(usual.call_timeout),
            policy: Box::new(policies.live().clone()),
            on_event: Box::new(move |event| {
                if let Event::ServerPanicked { server, text } = event {
                    heard
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(format!("server {server}: {text}"));
                }
            }),
            ..usual
        };
        let kernel = Arc::new(Kernel::new(config)?);
        Ok(Self {
            kernel,
            policies,
            options,
            tree,
            notices,
        })
    }

    /// How it was set up.
    #[must_use]
    pub fn options(&self) -> &SystemOptions {
        &self.options
    }

    /// The kernel tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What domains may do.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Keeps the calling thread, and those that it makes from now on, off the domains' core: a domain that boots would
    /// wait for them. Returns whether there is another core that it may use.
    pub fn leave_core(&self) -> bool {
        self.kernel.leave_core()
    }

    /// Takes what went wrong on the trusted side since the last call; empty when all is well.
    #[must_use]
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Builds a driver's image for a board, or finds it built.
    ///
    /// # Errors
    ///
    /// One variant per step; see [`BuildError`].
    pub fn build(&self, driver: &str, board: &Board) -> Result<Built, SystemError> {
        let options = &self.options;
        build_image(
            self.tree.clone(),
            driver,
            board,
            options.profile,
            options.allow_modified,
        )
    }

    /// Starts a driver in a domain of its own. It boots while this returns; a client's first request waits for it.
    ///
    /// # Errors
    ///
    /// The board is not one, a fault has no target, or the domain cannot be made.
    pub fn start(&self, spec: &DriverSpec, built: &Built) -> Result<Domain, SystemError> {
        Domain::start(self, spec, built, None)
    }

    /// As [`start`](Self::start), with these channels and no others, as an `init.yaml` gives them
    /// ([`plan`](crate::solution::plan)).
    ///
    /// # Errors
    ///
    /// As there; [`SystemError::NoServer`].
    pub fn start_connected(
        &self,
        spec: &DriverSpec,
        built: &Built,
        channels: &StaticChannels,
    ) -> Result<Domain, SystemError> {
        Domain::start(self, spec, built, Some(channels))
    }

    /// Builds and starts a driver on the board that comes with this package, and waits until it has booted.
    ///
    /// # Errors
    ///
    /// Any step fails.
    pub fn run(&self, driver: &str) -> Result<Domain, SystemError> {
        let spec = DriverSpec::new(driver)?;
        let built = self.build(driver, &spec.board)?;
        let domain = self.start(&spec, &built)?;
        domain.client()?.state()?;
        Ok(domain)
    }

    /// Lets other processes of this user in, as clients of the domains (`linux-compat cat …`), until the door is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The socket cannot be made.
    pub fn open_door(&self) -> Result<Door, SystemError> {
        Door::open(&self.kernel, &socket::directory()).map_err(SystemError::Door)
    }
}

/// Builds a driver's image for a board, or finds it built, without a hosted kernel.
///
/// # Errors
///
/// One variant per step.
pub fn build_image(
    tree: Tree,
    driver: &str,
    board: &Board,
    profile: Profile,
    allow_modified: bool,
) -> Result<Built, SystemError> {
    build_image_with(tree, driver, board, profile, allow_modified, |_| {})
}

/// The same with a request that `change` has had its say on.
pub(crate) fn build_image_with(
    tree: Tree,
    driver: &str,
    board: &Board,
    profile: Profile,
    allow_modified: bool,
    change: impl FnOnce(&mut BuildRequest),
) -> Result<Built, SystemError> {
    let mut request = BuildRequest::new(tree, driver);
    request.board_dtb = Some(board.dtb_file()?);
    request.profile = profile;
    request.shim_archive = Some(shim::archive(request.tree.series, profile)?);
    request.glue_dir = Some(shim::glue_dir());
    request.allow_modified = allow_modified;
    change(&mut request);
    let built = build(&request).map_err(|error| match error {
        BuildError::NoNode { compatibles, .. } => SystemError::Board(board.lacks(driver, &compatibles)),
        other => SystemError::Build(other),
    })?;
    if !built.report.timings.warm {
        settle(&built.image);
    }
    Ok(built)
}

/// Writes a fresh image out: until then its pages count as memory that a domain has written.
fn settle(image: &Path) {
    // It costs nothing but a true figure if this does not work.
    let _ = std::fs::File::open(image).and_then(|file| file.sync_all());
}
