// SPDX-License-Identifier: GPL-2.0-only
//! A KasperskyOS solution on the hosted kernel: a driver that was built for KasperskyOS, its servers and a client.
//!
//! `tests/kasperskyos.rs` makes the driver's folder, compiles the folder's C files against the declarations in
//! `kos-bindings/kasperskyos/include`, and builds this program with them (`--cfg linked`). It is what `Einit` is on
//! KasperskyOS: it makes processes and static channels as `init.yaml` says.
#![allow(unexpected_cfgs, reason = "`linked` is for the test that builds this with a library")]
#![cfg_attr(linked, allow(unsafe_code, reason = "calls the driver's library"))]

#[cfg(not(linked))]
fn main() {
    eprintln!("kasperskyos_solution: built by tests/kasperskyos.rs, with a driver's library");
    std::process::exit(2);
}

#[cfg(linked)]
fn main() {
    linked::main();
}

#[cfg(linked)]
mod linked {
    use board::server::{GpioServer, I2cServer};
    use board::{BoardOptions, Clock, SharedBoard, SimBoard, Stimulus};
    use kos_bindings::hosted::{Config, Kernel, Task, TaskSpec, Thread, clock_ns};
    use kos_bindings::idl::{chardev, control, gpio, i2c, log, socket, sysfs};
    use kos_bindings::nk::{Handle, Header, Lens, Parts, PartsMut, Retcode};
    use linux_compat::Board;
    use linux_compat::board::ChannelKind;
    use linux_compat::client::Client;
    use linux_compat::iio::Device;
    use linux_compat::policy::{
        COMMON, Needs, OnAudit, Policies, PolicyChoice, class_of_channel, class_of_driver, generate,
    };
    use std::ffi::c_void;
    use std::sync::Arc;

    const DRIVER: &str = "adxl345";

    unsafe extern "C" {
        /// `board.c`'s table.
        static lc_board: [u8; 0];
        /// `lc_kos.h`.
        fn lc_domain_start(board: *const c_void) -> !;
    }

    type Answer = Result<Lens, Retcode>;
    type Server = Box<dyn FnMut(u16, Parts<'_>, PartsMut<'_>) -> Answer + Send>;

    /// Serves the channel `name` for ever.
    fn serve(mut thread: Thread, name: String, mut server: Server) {
        std::thread::spawn(move || {
            let listener = thread.service_locator_register(&name);
            let (mut constant, mut arena) = (vec![0; 8192], vec![0; 128 << 10]);
            while let Ok(got) = thread.recv(listener) {
                let (reply_handle, client) = (got.reply_handle, got.thread);
                let riid = Header::read(got.message.constant).map_or(0, |header| header.riid);
                let room = PartsMut {
                    constant: &mut constant,
                    arena: &mut arena,
                };
                let lens = server(riid, got.message, room).unwrap_or_default();
                let to = thread.response();
                to.constant[..lens.constant].copy_from_slice(&constant[..lens.constant]);
                to.arena[..lens.arena].copy_from_slice(&arena[..lens.arena]);
                // The client may be gone.
                let _ = thread.reply(reply_handle, client, lens);
            }
        });
    }

    fn log_line(request: Parts<'_>, room: PartsMut<'_>) -> Answer {
        let line = log::WriteReq::decode(request).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        println!("log: {}", line.text);
        log::WriteRes {}.encode(room).map_err(|_| Retcode::INVALID_ARGUMENT)
    }

    /// What the driver asks the hosted kernel for, and that the solution's other processes may start.
    fn rest(class: &str, board: &Board) -> String {
        let mut others: Vec<String> = board.channels().iter().map(|one| class_of_channel(&one.name)).collect();
        others.extend([class_of_channel("log"), "linuxcompat.Client".to_owned()]);
        let others = others
            .iter()
            .map(|one| format!("execute src=linuxcompat.Supervisor dst={one} {{ grant () }}\n"));
        let others: String = others.collect();
        others
            + &format!(
                "use EDL kl.core.Core\n\
             request src={class} dst=kl.core.Core interface=kl.core.IPC {{ grant () }}\n\
             request src={class} dst=kl.core.Core interface=kl.core.IO {{ grant () }}\n\
             response src=kl.core.Core dst={class} {{ grant () }}\n"
            )
    }

    pub(super) fn main() {
        std::hint::black_box(kos_c::symbols::all());
        let board = Board::of_driver(DRIVER).expect("a board");
        let report: linux_compat::build::Report =
            serde_json::from_str(&std::env::var("REPORT").expect("a report")).expect("a report");
        let needs = Needs::of(DRIVER, &board, &report, linux_compat::system::ClockKind::Real);
        let class = class_of_driver(DRIVER);
        let text = format!("{COMMON}{}{}", generate(&needs, &class), rest(&class, &board));
        let refused: OnAudit = Arc::new(|record| eprintln!("refused: {record:?}"));
        let policies = Policies::new(&PolicyChoice::Text(text), Some(refused)).expect("a policy");
        let config = Config {
            policy: Box::new(policies.live().clone()),
            ..Config::default()
        };
        let kernel = Kernel::new(config).expect("this machine permits the sandbox");
        let task = |name: &str| {
            let spec = TaskSpec::new(name);
            Arc::new(kernel.task(&spec).unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        let driver = task(&class);
        let options = BoardOptions {
            clock: Clock::Real(Box::new(clock_ns)),
            stimulus: Stimulus {
                accel: [1.5, -2.5, 9.81],
                ..Stimulus::default()
            },
            ..BoardOptions::default()
        };
        let sim = SharedBoard::new(SimBoard::new(board.dtb(), options).expect("a simulated board"));
        let machine = kernel.interrupts();
        sim.with(|sim| {
            sim.set_line_sink(Box::new(move |line, is_high| {
                machine.set_level(line, is_high);
            }));
        });
        let _events = sim.run_events().expect("a thread");
        let mut servers: Vec<Arc<Task>> = Vec::new();
        let mut connect = |name: &str, endpoint: &str, riid: u16, server: Server| {
            let task = task(&class_of_channel(name));
            kernel
                .connect(&driver, &task, name, &[(endpoint, riid)])
                .expect("a channel");
            serve(task.attach().expect("a thread"), name.to_owned(), server);
            servers.push(task);
        };
        for channel in board.channels() {
            let name = channel.name.as_str();
            match channel.kind {
                ChannelKind::I2c => {
                    let server = I2cServer::new(&sim, name).expect("the board's bus");
                    let server: Server = Box::new(move |riid, request, room| server.answer(riid, request, room));
                    connect(name, "bus.i2c", i2c::RIID, server);
                }
                ChannelKind::Gpio => {
                    let server = GpioServer::new(&sim);
                    let server: Server = Box::new(move |riid, request, room| server.answer(riid, request, room));
                    connect(name, "controller.gpio", gpio::RIID, server);
                }
                ChannelKind::Spi => panic!("this board has no SPI"),
            }
        }
        connect(
            "log",
            "log",
            log::RIID,
            Box::new(|_, request, room| log_line(request, room)),
        );
        let client = task("linuxcompat.Client");
        let endpoints = [
            ("sysfs", sysfs::RIID),
            ("chardev", chardev::RIID),
            ("socket", socket::RIID),
            ("control", control::RIID),
        ];
        kernel.connect(&client, &driver, &class, &endpoints).expect("a channel");
        let entered = Arc::clone(&driver);
        std::thread::spawn(move || {
            // SAFETY: the library is linked to this program, and this is the one call of it.
            let start = || unsafe { lc_domain_start((&raw const lc_board).cast()) };
            let Err(error) = kos_c::enter(&entered, start);
            panic!("the driver's thread: {error}");
        });
        measure(&client, &class);
        // The driver's thread never ends.
        std::process::exit(0);
    }

    /// What a client sees of the driver.
    fn measure(client: &Task, class: &str) {
        let thread = client.attach().expect("a thread");
        let channel: Handle = thread.service_locator_connect(class);
        let mut client = Client::new(thread, channel);
        let state = client.state().expect("its state");
        assert!(state.is_booted && state.failed == 0, "{state:?}");
        println!("booted: {} initcalls", state.initcalls);
        let device = Device::all(&mut client).expect("devices").remove(0);
        // The chip notices with its next sample, 10 ms later.
        std::thread::sleep(std::time::Duration::from_millis(50));
        for axis in ["accel_x", "accel_y", "accel_z"] {
            let channel = device.channel(axis).expect("the axis");
            println!("{axis} {:.4}", device.read(&mut client, channel).expect("a reading"));
        }
    }
}
