// SPDX-License-Identifier: GPL-2.0-only
//! Measures attribute reads, and the machine's parts inside a domain. Prints `figure NAME VALUE UNIT` lines.
//!
//! `cargo xtask bench` runs it and makes the table; alone: `cargo bench --package xtask --bench figures`, with
//! `-- outside`, `-- inside`, `-- machine` or `-- reader` for a part.

mod reader;

use anyhow::{Context, Result, bail};
use board::server::{ClockServer, GpioServer, I2cServer};
use board::{BoardOptions, Clock, SharedBoard, SimBoard};
use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::socket::Connection;
use kos_bindings::hosted::{ChannelSpec, Config, DomainSpec, Kernel, Lines, Rights};
use kos_bindings::idl::{clock, gpio, i2c, log, sysfs};
use kos_bindings::nk::{Handle, Lens, Parts, PartsMut, Retcode, Transport};
use linux_compat::board::ChannelKind;
use linux_compat::system::{Domain, DriverSpec, SystemOptions};
use linux_compat::{Board, System};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DRIVER: &str = "adxl345";
/// The argument with which this program is its own client.
const CLIENT: &str = "client";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, what, path] = &args[..]
        && what == CLIENT
    {
        return client(path);
    }
    let wanted = |part: &str| {
        let named: Vec<&String> = args.iter().skip(1).filter(|arg| !arg.starts_with('-')).collect();
        named.is_empty() || named.iter().any(|name| *name == part)
    };
    let options = SystemOptions {
        pins_clients: true,
        ..SystemOptions::default()
    };
    let system = System::new(options)?;
    if wanted("outside") || wanted("inside") {
        let domain = system.run(DRIVER)?;
        let path = attribute(&domain)?;
        if wanted("outside") {
            outside(&system, &path)?;
        }
        domain.stop();
        drop(domain);
        if wanted("inside") {
            inside(&system, &path)?;
        }
    }
    if wanted("machine") {
        machine(&system)?;
    }
    if wanted("reader") {
        drop(system);
        reader::measure()?;
    }
    Ok(())
}

/// The real path of an attribute whose read is one transfer on the bus.
fn attribute(domain: &Domain) -> Result<String> {
    let mut client = domain.client()?;
    Ok(client.canonical("bus/iio/devices/iio:device0/in_accel_x_raw")?)
}

/// The best of many short runs, in ns: others use the machine too.
fn best(rounds: u32, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = Duration::MAX;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        for _ in 0..rounds {
            work()?;
        }
        best = best.min(start.elapsed());
    }
    Ok(best.as_secs_f64() * 1e9 / f64::from(rounds))
}

/// Opens the attribute and reads it again and again.
fn read(transport: &mut impl Transport, handle: Handle, path: &str) -> Result<f64> {
    let mut client = sysfs::Client::new(transport, handle);
    let opened = client.open(&sysfs::OpenReq { path });
    let id = opened.map_err(|error| anyhow::anyhow!("open {path}: {error:?}"))?.id;
    best(200, || match client.read_id(&sysfs::ReadIdReq { id, offset: 0 }) {
        Ok(answer) if !answer.data.is_empty() => Ok(()),
        Ok(_) => bail!("{path}: nothing read"),
        Err(error) => bail!("{path}: {error:?}"),
    })
}

/// From another process, which came in by the socket.
fn outside(system: &System, path: &str) -> Result<()> {
    let _door = system.open_door()?;
    let me = std::env::current_exe()?;
    let status = Command::new(me).args([CLIENT, path]).stdin(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "the client process: {status}");
    Ok(())
}

fn client(path: &str) -> Result<()> {
    let mut far = Connection::open(DRIVER).context("no way into the domain")?;
    // Slower where it does not work, and no worse.
    let _ = far.pin_thread();
    let handle = far.handle();
    println!("figure read_outside {:.0} ns", read(&mut far, handle, path)?);
    Ok(())
}

type Answer = Result<Lens, Retcode>;
/// A channel to `server`, which is called as directly as those of a system.
fn channel(
    kernel: &Kernel,
    name: &str,
    riid: u16,
    server: impl Fn(u16, Parts<'_>, PartsMut<'_>) -> Answer + Send + Sync + 'static,
) -> ChannelSpec {
    ChannelSpec {
        name: name.to_owned(),
        riid,
        endpoint: kernel.register(name, server),
        rights: Rights::CALL,
    }
}

/// Within this process, on this thread, under virtual time: what the code alone takes.
fn inside(system: &System, path: &str) -> Result<()> {
    let driver = DriverSpec::new(DRIVER)?;
    let built = system.build(DRIVER, &driver.board)?;
    let kernel = Kernel::new(Config::default())?;
    let options = BoardOptions {
        clock: Clock::Virtual,
        ..BoardOptions::default()
    };
    let sim = SharedBoard::new(SimBoard::new(driver.board.dtb(), options)?);
    let mut spec = DomainSpec::new(DRIVER, &built.image);
    spec.dtb = driver.board.dtb().to_vec();
    spec.lines = Lines::new();
    let wires = spec.lines.clone();
    sim.with(|sim| sim.set_line_sink(Box::new(move |line, is_high| wires.set(line, is_high))));
    spec.is_virtual_time = true;
    spec.args = vec!["wall_ns=0".to_owned()];
    for wanted in driver.board.channels() {
        let name = &wanted.name;
        spec.channels.push(match wanted.kind {
            ChannelKind::I2c => {
                let server = I2cServer::new(&sim, name).context("the board has no such bus")?;
                channel(&kernel, name, i2c::RIID, move |riid, req, res| {
                    server.answer(riid, req, res)
                })
            }
            ChannelKind::Gpio => {
                let server = GpioServer::new(&sim);
                channel(&kernel, name, gpio::RIID, move |riid, req, res| {
                    server.answer(riid, req, res)
                })
            }
            ChannelKind::Spi => bail!("the measured board is one with I2C"),
        });
    }
    let time = ClockServer::new(&sim).context("the board has no virtual clock")?;
    let time = move |riid: u16, req: Parts<'_>, res: PartsMut<'_>| time.answer(riid, req, res);
    spec.channels.push(channel(&kernel, "clock", clock::RIID, time));
    let log = |_: u16, _: Parts<'_>, response: PartsMut<'_>| no_log(response);
    spec.channels.push(channel(&kernel, "log", log::RIID, log));
    let mut domain = InProc::start(&spec, Options::default())?;
    let handle = domain.handle();
    println!("figure read_inside {:.0} ns", read(&mut domain, handle, path)?);
    Ok(())
}

/// Takes a log line and forgets it.
fn no_log(response: PartsMut<'_>) -> Answer {
    log::WriteRes {}.encode(response).map_err(|_| Retcode::INVALID_ARGUMENT)
}

/// `benches/machine.c`, built and run like a driver; its log has the figures.
fn machine(system: &System) -> Result<()> {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches"));
    let board = Board::open(&dir.join("machine.dts"))?;
    let name = dir.join("machine.c").canonicalize()?.display().to_string();
    let built = system.build(&name, &board)?;
    let mut spec = DriverSpec::new(DRIVER)?;
    spec.name = name;
    spec.board = board;
    let domain = system.start(&spec, &built)?;
    let begun = Instant::now();
    loop {
        let log = domain.log();
        if log.iter().any(|line| line.text.contains("figures end")) {
            for line in log.iter().filter(|line| line.text.contains("figure ")) {
                println!("{}", line.text.trim());
            }
            return Ok(());
        }
        if let Some(death) = domain.death() {
            bail!("the machine's benchmark died: {death}");
        }
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("the machine's benchmark does not end; its log: {log:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
