// SPDX-License-Identifier: GPL-2.0-only
//! What can be written on the command line.

use super::diff::{self, DiffArgs};
use super::figures::FiguresArgs;
use super::matrix::{self, MatrixArgs};
use super::policy::PolicyArgs;
use super::port::{self, PortArgs};
use ::board::{Fault, Stimulus};
use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use linux_compat::Board;
use linux_compat::kunit::sabotage::Sabotage;
use linux_compat::policy::PolicyChoice;
use linux_compat::solution::export::Interrupt;
use linux_compat::system::{Adapter, ClockKind, Isolation, SystemOptions};
use linux_headers::{Locate, Profile, Series, Tree};
use std::path::PathBuf;
use std::time::Duration;

/// Shown below every command's help.
pub(crate) const EXIT_STATUS: &str = "\
Exit status:
  0    all went well
  1    a step failed; the message says which, and what to do
  2    the command line is wrong
  3    a domain died; its report is on stderr
  130  a signal ended it before anything ran";

/// Shown below the help of `policy`.
const POLICY_EXIT_STATUS: &str = "\
Exit status:
  0  the policy is right, its tests pass, the message is granted, nothing differs
  1  it is not so, or a step failed; the message says which
  2  the command line is wrong";

/// Shown below the help of `kunit`.
const KUNIT_EXIT_STATUS: &str = "\
Exit status:
  0  every case passed, and none is missing or skipped that Linux passes
  1  it is not so, or a step failed; stderr says what
  2  the command line is wrong, or names no suite";

/// Unmodified Linux drivers, each in its own isolated domain
#[derive(Debug, Parser)]
#[command(name = "linux-compat", version, after_help = EXIT_STATUS)]
pub(crate) struct Options {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run drivers, each in a domain of its own, and show what they measure
    #[command(after_help = EXIT_STATUS)]
    Run(RunArgs),
    /// List a directory of a running domain's sysfs tree, or its devices (/dev)
    Ls(LsArgs),
    /// Read an attribute of a running domain, or a device (/dev/NAME)
    Cat(PathArgs),
    /// Write an attribute of a running domain
    Write(WriteArgs),
    /// Print an attribute of a running domain whenever it changes; without PATH, all readings
    Watch(WatchArgs),
    /// Find, read and write tags through a running domain that has a reader
    Nfc(NfcArgs),
    /// Build a driver's image and say what went into it
    Build(BuildArgs),
    /// Say whether a driver can run here and what is missing; then build, load and probe it
    #[command(after_help = port::EXIT_STATUS)]
    Port(PortArgs),
    /// Try many drivers, each in a domain of its own, and say how far each comes
    #[command(after_help = matrix::EXIT_STATUS)]
    Matrix(MatrixArgs),
    /// Serve chip models as virtio I2C and GPIO devices to a virtual machine
    Chip(ChipArgs),
    /// Check, test, explain, compare and show security policies
    #[command(after_help = POLICY_EXIT_STATUS)]
    Policy(PolicyArgs),
    /// Run Linux's own KUnit suites in domains; KTAP on stdout
    #[command(after_help = KUNIT_EXIT_STATUS)]
    Kunit(KunitArgs),
    /// Measure how large a port's change is: two folders, files or git revisions
    #[command(after_help = diff::EXIT_STATUS)]
    Diff(DiffArgs),
    /// Compute this project's own figures: lines reused, changed and written by hand, and levels reached
    Report(FiguresArgs),
    /// Say what is missing on this machine, and what mends it
    #[command(after_help = "Exit status: 0 nothing is missing, 1 something is")]
    Doctor(DoctorArgs),
}

/// Which kernel.
#[derive(Clone, Debug, Args)]
pub(crate) struct KernelArgs {
    /// Kernel series [default: that of --linux DIR, else 6.12]
    #[arg(long, value_name = "6.12|6.1", value_parser = series)]
    pub(crate) kernel: Option<Series>,
    /// Kernel tree to use instead of the one that was set up
    #[arg(long, value_name = "DIR")]
    pub(crate) linux: Option<PathBuf>,
    /// Build sources that differ from upstream's; every report says so
    #[arg(long)]
    pub(crate) allow_modified: bool,
    /// Turn Linux's debugging options on: misuse is caught and named
    #[arg(long)]
    pub(crate) debug: bool,
}

impl KernelArgs {
    pub(crate) fn profile(&self) -> Profile {
        if self.debug { Profile::Debug } else { Profile::Release }
    }

    pub(crate) fn tree(&self) -> Result<Tree> {
        Ok(Tree::locate(&Locate {
            linux: self.linux.clone(),
            series: self.kernel,
        })?)
    }
}

pub(crate) fn series(text: &str) -> Result<Series, String> {
    let known = || Series::ALL.map(|series| series.to_string()).join(" or ");
    Series::of_version(text).ok_or_else(|| format!("expected {}", known()))
}

/// `run`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// Drivers: modules, chips, compatibles, or source files
    #[arg(required_unless_present = "init", value_name = "DRIVER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) drivers: Vec<String>,
    /// Run the drivers of an init.yaml, with the channels that it gives them and no others
    #[arg(long, value_name = "FILE.yaml", conflicts_with_all = ["drivers", "board"])]
    pub(crate) init: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// The board, instead of the one that comes with this package
    #[arg(long, value_name = "FILE.dts")]
    pub(crate) board: Option<PathBuf>,
    /// What the chips feel, such as accel=0,0,9.81 (m/s²), rate=1,0,0 (rad/s), temp=25 (°C)
    #[arg(long, value_name = "KEY=VALUES", value_parser = stimulus)]
    pub(crate) stimulus: Vec<String>,
    /// What goes wrong, such as chip@53=absent, chip@53=whoami=0x42, i2c0=hold, chip@53=fail-nth=3:EIO
    #[arg(long, value_name = "CHIP=FAULT", value_parser = fault)]
    pub(crate) fault: Vec<Faults>,
    /// The I2C bus, instead of the board's own chips: any vhost-user I2C device
    #[arg(long, value_name = "vhost-user:SOCKET", value_parser = bus)]
    pub(crate) bus: Option<PathBuf>,
    /// Where time comes from
    #[arg(long, value_enum, default_value = "real")]
    pub(crate) clock: ClockArg,
    /// How domains are kept apart; none is for debugging
    #[arg(long, value_enum, default_value = "process")]
    pub(crate) isolation: IsolationArg,
    /// Take one reading, then end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print JSON, one object a line, and nothing else on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Time between readings in ms [default: 100 on a terminal, else 1000]
    #[arg(long, value_name = "MS")]
    pub(crate) interval: Option<u64>,
    /// Where drivers find firmware
    #[arg(long, value_name = "DIR")]
    pub(crate) firmware: Option<PathBuf>,
    /// The security policy, instead of what is made from each driver's board
    #[arg(long, value_name = "FILE.psl")]
    pub(crate) policy: Option<PathBuf>,
    /// Write what the policy refuses to a file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Print all of the domains' logs to stderr, not only warnings
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

/// The faults of one `--fault`.
#[derive(Clone, Debug)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

fn stimulus(text: &str) -> Result<String, String> {
    Stimulus::parse(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

fn bus(text: &str) -> Result<PathBuf, String> {
    let socket = text.strip_prefix("vhost-user:").filter(|path| !path.is_empty());
    socket
        .map(PathBuf::from)
        .ok_or_else(|| "expected vhost-user:SOCKET".to_owned())
}

fn fault(text: &str) -> Result<Faults, String> {
    Fault::parse(text).map(Faults).map_err(|error| error.to_string())
}

impl RunArgs {
    /// All stimuli together; later ones win.
    pub(crate) fn stimulus(&self) -> Result<Stimulus> {
        Ok(Stimulus::parse_all(self.stimulus.iter().map(String::as_str))?)
    }

    pub(crate) fn interval(&self, default_ms: u64) -> Duration {
        Duration::from_millis(self.interval.unwrap_or(default_ms))
    }

    pub(crate) fn system(&self) -> SystemOptions {
        SystemOptions {
            series: self.kernel.kernel,
            linux: self.kernel.linux.clone(),
            profile: self.kernel.profile(),
            allow_modified: self.kernel.allow_modified,
            isolation: match self.isolation {
                IsolationArg::Process => Isolation::Process,
                IsolationArg::None => Isolation::None,
            },
            clock: match self.clock {
                ClockArg::Real => ClockKind::Real,
                ClockArg::Virtual => ClockKind::Virtual,
            },
            adapter: self.bus.clone().map_or(Adapter::Native, Adapter::VhostUser),
            records_buses: false,
            traces_transfers: false,
            firmware: self.firmware.clone(),
            on_log: None,
            policy: self.policy.clone().map_or(PolicyChoice::Generated, PolicyChoice::File),
            on_audit: None,
            patience: None,
            memory_bytes: None,
            watchdog: SystemOptions::default().watchdog,
            pins_clients: true,
        }
    }
}

/// `--clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockArg {
    /// The machine's clock
    Real,
    /// Time jumps to the next timer when everything sleeps: the same run twice gives the same log
    Virtual,
}

/// `--isolation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IsolationArg {
    /// A sandboxed process of its own
    Process,
    /// Inside this process
    None,
}

/// `chip`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChipArgs {
    /// Models, such as adxl345 or bmg160@68 (the address in hexadecimal digits); all on one bus
    #[arg(required = true, value_name = "MODEL[@ADDRESS]")]
    pub(crate) models: Vec<String>,
    /// Where the virtual machine finds the I2C adapter
    #[arg(long, value_name = "SOCKET")]
    pub(crate) vhost_user: PathBuf,
    /// Where it finds the GPIO controller; the n-th chip interrupts on line n, from 0
    #[arg(long, value_name = "SOCKET")]
    pub(crate) vhost_user_gpio: Option<PathBuf>,
    /// What the chips feel, as with `run`
    #[arg(long, value_name = "KEY=VALUES", value_parser = stimulus)]
    pub(crate) stimulus: Vec<String>,
    /// What goes wrong, as with `run`
    #[arg(long, value_name = "CHIP=FAULT", value_parser = fault)]
    pub(crate) fault: Vec<Faults>,
}

impl ChipArgs {
    /// All stimuli together; later ones win.
    pub(crate) fn stimulus(&self) -> Result<Stimulus> {
        Ok(Stimulus::parse_all(self.stimulus.iter().map(String::as_str))?)
    }
}

/// `ls`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LsArgs {
    /// A driver that `linux-compat run` runs
    pub(crate) driver: String,
    /// A directory below /sys, or /dev
    #[arg(default_value = "")]
    pub(crate) path: String,
}

/// `cat`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PathArgs {
    /// A driver that `linux-compat run` runs
    pub(crate) driver: String,
    /// An attribute below /sys, an attribute's name alone, or /dev/NAME
    pub(crate) path: String,
}

/// `write`.
#[derive(Clone, Debug, Args)]
pub(crate) struct WriteArgs {
    /// A driver that `linux-compat run` runs
    pub(crate) driver: String,
    /// An attribute below /sys, or an attribute's name alone
    pub(crate) path: String,
    /// What to write
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
}

/// `watch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// A driver that `linux-compat run` runs
    pub(crate) driver: String,
    /// An attribute below /sys, or an attribute's name alone
    pub(crate) path: Option<String>,
    /// Time between looks in ms
    #[arg(long, value_name = "MS", default_value_t = 200)]
    pub(crate) interval: u64,
}

/// `nfc`.
#[derive(Clone, Debug, Args)]
pub(crate) struct NfcArgs {
    /// A driver that `linux-compat run` runs
    pub(crate) driver: String,
    /// What to do
    #[command(subcommand)]
    pub(crate) action: NfcAction,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long to wait for a tag, in s
    #[arg(long, global = true, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: f64,
}

/// What `nfc` does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum NfcAction {
    /// Say which readers there are
    Info,
    /// Wait for tags, and say which they are
    Poll,
    /// Wait for a tag, and say what is written on it
    Read,
    /// Wait for a tag, and write an address on it
    Write {
        /// The address, such as https://example.org
        uri: String,
    },
    /// Wait for a card, and send it commands of ISO/IEC 7816-4
    Apdu {
        /// Commands, each in hexadecimal digits
        #[arg(required = true, value_name = "HEX", value_parser = hex_bytes)]
        apdus: Vec<Vec<u8>>,
    },
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s: &f64| (0.0..=86_400.0).contains(s));
    seconds.ok_or_else(|| "expected seconds, up to a day".to_owned())
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || "expected pairs of hexadecimal digits, such as 00a4040000".to_owned();
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| Some(u8::try_from(c.to_digit(16)?).unwrap_or(0)))
        .collect();
    let digits = digits
        .filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2))
        .ok_or_else(wrong)?;
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// `build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    /// A module, a chip, a compatible, or a source file
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) driver: String,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// The board, instead of the one that comes with this package
    #[arg(long, value_name = "FILE.dts")]
    pub(crate) board: Option<PathBuf>,
    /// What to build for; kasperskyos writes a folder for a project of its SDK
    #[arg(long, value_enum, default_value = "hosted")]
    pub(crate) target: TargetArg,
    /// Where the folder goes [default: DRIVER-kasperskyos]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The interrupt of a GPIO line on the machine with KasperskyOS, such as 3=145 or 3=145:level
    #[arg(long, value_name = "LINE=NUMBER", value_parser = interrupt)]
    pub(crate) irq: Vec<Interrupt>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an image is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetArg {
    /// Sandboxed Linux processes
    Hosted,
    /// `KasperskyOS`, on aarch64
    Kasperskyos,
}

fn interrupt(text: &str) -> Result<Interrupt, String> {
    let expected = || "expected LINE=NUMBER or LINE=NUMBER:level, LINE up to 63".to_owned();
    let (line, number) = text.split_once('=').ok_or_else(expected)?;
    let (number, is_level) = match number.split_once(':') {
        None => (number, false),
        Some((number, "level")) => (number, true),
        Some(_) => return Err(expected()),
    };
    let line = line.parse().ok().filter(|line| *line < 64).ok_or_else(expected)?;
    let irq = number.parse().ok().filter(|irq| *irq >= 0).ok_or_else(expected)?;
    Ok(Interrupt { line, irq, is_level })
}

/// `kunit`.
#[derive(Clone, Debug, Args)]
pub(crate) struct KunitArgs {
    /// Suites, modules, symbols (CONFIG_X) or source files; all that can run here if there are none
    #[arg(value_name = "SUITE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) suites: Vec<String>,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// Print JSON, one object per suite and line, instead of KTAP
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the rows of the table in docs/kunit.md instead of KTAP
    #[arg(long, hide = true, conflicts_with = "json")]
    pub(crate) table: bool,
    /// List the suites, and why those that cannot run here cannot
    #[arg(long)]
    pub(crate) list: bool,
    /// Break a function on purpose: the suites that use it must fail
    #[arg(long, hide = true, value_parser = sabotage)]
    pub(crate) sabotage: Option<Sabotage>,
}

fn sabotage(text: &str) -> Result<Sabotage, String> {
    let known = || Sabotage::ALL.map(|(name, _)| name).join(" or ");
    let found = Sabotage::ALL.into_iter().find(|(name, _)| *name == text);
    found
        .map(|(_, what)| what)
        .ok_or_else(|| format!("expected {}", known()))
}

/// `doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The board of a driver: the one given, or ours. When neither is there, and the tree has no such driver either, the
/// error names the nearest ones.
pub(crate) fn board(given: Option<&PathBuf>, driver: &str, tree: &Tree) -> Result<Board> {
    use linux_compat::build::{index::Index, lookup};
    if let Some(path) = given {
        let board = Board::open(path)?;
        board.check()?;
        return Ok(board);
    }
    match Board::of_driver(driver) {
        Ok(board) => Ok(board),
        Err(no_board) => {
            lookup::driver(tree, &Index::load(tree)?, driver, &[])?;
            Err(no_board.into())
        }
    }
}

#[cfg(test)]
mod tests;
