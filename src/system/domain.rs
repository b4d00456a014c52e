// SPDX-License-Identifier: GPL-2.0-only
//! One driver, running.

use super::channels::{channel, channels};
use super::death::DeathReport;
use super::inproc::{InProcess, InProcessTransport};
use super::servers::{Log, LogLine};
use super::{ClockKind, DriverSpec, System, SystemError, SystemOptions};
use crate::build::{Built, Report};
use crate::client::Client;
use crate::policy::Needs;
use crate::solution::StaticChannels;
use crate::symbol::{Frame, Symbols};
use ::board::board::Events;
use ::board::{BoardOptions, ChipOptions, Clock, SharedBoard, SimBoard};
use kos_bindings::hosted::{DomainHandle, DomainSpec, Kernel, Lines, clock_ns, judge};
use kos_bindings::idl::log;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a domain is kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A sandboxed process of its own.
    #[default]
    Process,
    /// Inside this process: for debugging, and as the lower bound of measurements.
    None,
}

enum Place {
    Process(DomainHandle),
    Here(InProcess),
}

/// One driver, running. Dropping it ends the domain.
///
/// # Examples
///
/// What the chip feels may change while the driver runs; the chip notices with its next sample, 10 ms later.
///
/// ```
/// use linux_compat::System;
/// use linux_compat::iio::Device;
/// use linux_compat::system::{ClockKind, SystemOptions};
///
/// let system = System::new(SystemOptions { clock: ClockKind::Virtual, ..Default::default() })?;
/// let domain = system.run("adxl345")?;
/// let mut client = domain.client()?;
/// let device = Device::all(&mut client)?.remove(0);
/// for z in [9.81, -9.81] {
///     domain.board().with(|board| {
///         let mut world = board.stimulus().clone();
///         world.accel = [0.0, 0.0, z];
///         board.set_stimulus(world);
///     });
///     client.advance(10_000_000)?;
///     let read = device.read(&mut client, device.channel("accel_z")?)?;
///     assert!((read - z).abs() < 0.039, "{read}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Domain {
    place: Place,
    name: String,
    kernel: Arc<Kernel>,
    board: SharedBoard,
    /// Before the board's other users: it ends the thread that raises lines.
    _events: Option<Events>,
    log: Log,
    report: Report,
    image: PathBuf,
    debug: PathBuf,
    tree_dir: PathBuf,
    decided_ns: u64,
    pins_clients: bool,
    is_private: bool,
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("name", &self.name)
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

/// How long a domain may take to end in order before it is killed.
const STOP_LIMIT: Duration = Duration::from_millis(500);

impl Domain {
    /// With `only` it has these channels, else all that its board asks for.
    pub(super) fn start(
        system: &System,
        spec: &DriverSpec,
        built: &Built,
        only: Option<&StaticChannels>,
    ) -> Result<Self, SystemError> {
        let System {
            kernel,
            policies,
            options,
            tree,
            ..
        } = system;
        let needs = Needs::of(&spec.name, &spec.board, &built.report, options.clock);
        let class = policies.admit(&needs)?;
        // The measured start begins here, where everything that can be made before is made.
        let decided_ns = clock_ns();
        let board = simulate(spec, options)?;
        let lines = Lines::new();
        let wires = lines.clone();
        board.with(|sim| sim.set_line_sink(Box::new(move |line, is_high| wires.set(line, is_high))));
        let log = Log::new(&spec.name, options.on_log.clone());
        let mut domain = DomainSpec::new(&spec.name, &built.image);
        domain.class = class;
        domain.memory_bytes = options.memory_bytes.unwrap_or(domain.memory_bytes);
        domain.dtb = spec.board.dtb().to_vec();
        domain.channels = channels(kernel, &spec.board, &board, options)?;
        domain.channels.push(channel(kernel, "log", log::RIID, {
            let log = log.clone();
            move |riid, request, response| log.answer(riid, request, response)
        }));
        if let Some(only) = only {
            let channels = only.of(&domain.channels);
            let driver = spec.name.clone();
            domain.channels = channels.map_err(|class| SystemError::NoServer { driver, class })?;
            domain.is_private = !only.has_client;
        }
        let is_private = domain.is_private;
        domain.lines = lines;
        domain.is_virtual_time = options.clock == ClockKind::Virtual;
        domain.start_ns = if domain.is_virtual_time { 0 } else { decided_ns };
        domain.args = vec![format!("wall_ns={}", wall_ns(options.clock))];
        domain
            .args
            .extend(seed(options.clock).map(|seed| format!("seed={seed}")));
        domain
            .args
            .extend(options.traces_transfers.then(|| "trace=bus".to_owned()));
        let place = match options.isolation {
            Isolation::Process => Place::Process(kernel.spawn(&domain)?),
            Isolation::None => Place::Here(InProcess::start(domain, policies.live().clone())?),
        };
        let events = board.run_events().map_err(SystemError::Thread)?;
        Ok(Self {
            place,
            name: spec.name.clone(),
            kernel: Arc::clone(kernel),
            board,
            _events: Some(events),
            log,
            report: built.report.clone(),
            image: built.image.clone(),
            debug: built.debug.clone(),
            tree_dir: tree.dir.clone(),
            decided_ns,
            pins_clients: options.pins_clients,
            is_private,
        })
    }

    /// Its driver, as it was asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process; without isolation this one.
    #[must_use]
    pub fn pid(&self) -> i32 {
        match &self.place {
            Place::Process(handle) => handle.pid(),
            Place::Here(_) => i32::try_from(std::process::id()).unwrap_or(0),
        }
    }

    /// How it is kept apart.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        match self.place {
            Place::Process(_) => Isolation::Process,
            Place::Here(_) => Isolation::None,
        }
    }

    /// What went into its image.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Its image.
    #[must_use]
    pub fn image(&self) -> &std::path::Path {
        &self.image
    }

    /// The simulated hardware: to change the stimulus, to inject faults, to look at transcripts.
    #[must_use]
    pub fn board(&self) -> &SharedBoard {
        &self.board
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// Time since the decision to start it.
    #[must_use]
    pub fn since_start(&self) -> Duration {
        Duration::from_nanos(clock_ns().saturating_sub(self.decided_ns))
    }

    /// Memory that only it has and has written, in KiB.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn private_kib(&self) -> std::io::Result<u64> {
        match &self.place {
            Place::Process(handle) => Ok(handle.memory()?.private_kib),
            Place::Here(_) => Ok(hosted_memory()?),
        }
    }

    /// A new client. Each thread that asks the domain needs one of its own.
    ///
    /// # Errors
    ///
    /// There is no memory for its port, or no client has a channel to it.
    pub fn client(&self) -> Result<Client, SystemError> {
        self.check_channel(judge::CLIENT)?;
        match &self.place {
            Place::Process(handle) => {
                let transport = self.kernel.client(judge::CLIENT, handle)?;
                if self.pins_clients {
                    // Slower where it does not work, and no worse.
                    let _ = transport.pin_thread();
                }
                let to = transport.handle();
                Ok(Client::new(transport, to))
            }
            Place::Here(domain) => Ok(Client::new(InProcessTransport::new(domain), domain.handle())),
        }
    }

    /// A client with the rights of who runs the domain, which waits so long for each answer.
    ///
    /// # Errors
    ///
    /// There is no memory for its port, or the domain is no process of its own.
    pub fn supervisor(&self, limit: Duration) -> Result<Client, SystemError> {
        self.connect(judge::SUPERVISOR, limit)
    }

    /// As [`client`](Self::client), but it waits only so long for each answer.
    ///
    /// # Errors
    ///
    /// As [`supervisor`](Self::supervisor).
    pub fn client_within(&self, limit: Duration) -> Result<Client, SystemError> {
        self.connect(judge::CLIENT, limit)
    }

    /// Who runs it has a channel always.
    fn check_channel(&self, class: &str) -> Result<(), SystemError> {
        if self.is_private && class == judge::CLIENT {
            let driver = self.name.clone();
            return Err(SystemError::NoChannel { driver });
        }
        Ok(())
    }

    fn connect(&self, class: &str, limit: Duration) -> Result<Client, SystemError> {
        self.check_channel(class)?;
        let Place::Process(handle) = &self.place else {
            return self.client();
        };
        let mut transport = self.kernel.client(class, handle)?;
        transport.set_timeout_ns(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let to = transport.handle();
        Ok(Client::new(transport, to))
    }

    /// How it died, if it is dead.
    #[must_use]
    pub fn death(&self) -> Option<DeathReport> {
        match &self.place {
            Place::Process(handle) => handle
                .death()
                .map(|death| DeathReport::of_process(&death, &self.symbols())),
            Place::Here(domain) => {
                let (code, words) = domain.exit_status()?;
                Some(DeathReport::of_in_process(
                    &self.name,
                    code,
                    words.as_ref(),
                    &self.symbols(),
                ))
            }
        }
    }

    /// Waits for its death.
    #[must_use]
    pub fn wait_death(&self, limit: Duration) -> Option<DeathReport> {
        if let Place::Process(handle) = &self.place {
            // Waited for only; the report is made in one place.
            let _ = handle.wait_death(limit);
        }
        self.death()
    }

    /// The calls that led to each I²C transfer that `log` tells, the innermost first
    /// ([`SystemOptions::traces_transfers`](super::SystemOptions::traces_transfers)).
    #[must_use]
    pub fn callers(&self, log: &[LogLine]) -> Vec<Vec<Frame>> {
        let symbols = self.symbols();
        let frames = |address: &str| {
            let behind = u64::from_str_radix(address, 16).unwrap_or(0);
            symbols.frames(behind.saturating_sub(1))
        };
        log.iter()
            .filter_map(|line| line.text.strip_prefix("transfer from "))
            .map(|addresses| addresses.split(' ').flat_map(frames).collect())
            .collect()
    }

    fn symbols(&self) -> Symbols {
        let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Symbols::open(&self.debug, &[&self.tree_dir, &ours])
    }

    /// Ends it in order: devices are removed, then it exits. A domain that does not is killed.
    pub fn stop(&self) {
        if let Place::Process(handle) = &self.place {
            if handle.death().is_some() {
                return;
            }
            if let Ok(mut transport) = self.kernel.client(judge::SUPERVISOR, handle) {
                transport.set_timeout_ns(u64::try_from(STOP_LIMIT.as_nanos()).unwrap_or(u64::MAX));
                let to = transport.handle();
                let is_stopping = Client::new(transport, to).stop().is_ok();
                if is_stopping && handle.wait_death(STOP_LIMIT).is_some() {
                    return;
                }
            }
            handle.kill();
            let _ = handle.wait_death(STOP_LIMIT);
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if let Place::Process(handle) = &self.place {
            handle.kill();
        }
    }
}

fn hosted_memory() -> std::io::Result<u64> {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    Ok(kos_bindings::hosted::Memory::of(pid)?.private_kib)
}

/// Builds the simulated hardware of a driver's board.
fn simulate(spec: &DriverSpec, options: &SystemOptions) -> Result<SharedBoard, SystemError> {
    let clock = match options.clock {
        ClockKind::Virtual => Clock::Virtual,
        ClockKind::Real => Clock::Real(Box::new(clock_ns)),
    };
    let of_board = BoardOptions {
        clock,
        stimulus: spec.stimulus.clone(),
        chips: ChipOptions {
            stand_in: spec.stand_in,
            ..ChipOptions::default()
        },
    };
    let mut sim = SimBoard::new(spec.board.dtb(), of_board).map_err(|error| spec.board.locate(&error))?;
    if options.records_buses {
        sim.record();
    }
    let board = SharedBoard::new(sim);
    for fault in &spec.faults {
        board.with(|sim| sim.inject(fault))?;
    }
    Ok(board)
}

/// The wall clock that the domain starts with. Under virtual time every run must be the same: it is 2000-01-01.
fn wall_ns(clock: ClockKind) -> u128 {
    const Y2000_NS: u128 = 946_684_800_000_000_000;
    match clock {
        ClockKind::Virtual => Y2000_NS,
        ClockKind::Real => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(Y2000_NS, |now| now.as_nanos()),
    }
}

/// What the domain's random numbers begin with, in hexadecimal digits. Under virtual time every run must be the same.
fn seed(clock: ClockKind) -> Option<String> {
    let mut bytes = [0x5e; 32];
    if clock == ClockKind::Real {
        // Without ours the shim takes the processor's own numbers.
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).ok()?;
    }
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
