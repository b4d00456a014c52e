// SPDX-License-Identifier: GPL-2.0-only
//! A driver boots within this process, with neither a hosted kernel nor a sandbox: so this also runs where there can be
//! none, such as under `qemu-aarch64` (`cargo xtask aarch64`).

use board::server::{ClockServer, GpioServer, I2cServer};
use board::{BoardOptions, Clock, SharedBoard, SimBoard, Stimulus};
use kos_bindings::hosted::{ChannelSpec, DomainSpec, Endpoint, Lines, Rights};
use kos_bindings::idl::{clock, gpio, i2c, log};
use kos_bindings::nk::{Lens, Parts, PartsMut, Retcode};
use linux_compat::board::{Board, ChannelKind};
use linux_compat::client::Client;
use linux_compat::iio::Device;
use linux_compat::policy::{Needs, Policies, PolicyChoice, class_of_channel};
use linux_compat::system::{ClockKind, InProcess, InProcessTransport, build_image};
use linux_headers::{Locate, Profile, Series, Tree};

const DRIVER: &str = "adxl345";

type Answer = Result<Lens, Retcode>;

fn endpoint(
    name: &str,
    riid: u16,
    server: impl Fn(u16, Parts<'_>, PartsMut<'_>) -> Answer + Send + Sync + 'static,
) -> ChannelSpec {
    ChannelSpec {
        name: name.to_owned(),
        riid,
        endpoint: Endpoint::of_server(&class_of_channel(name), server),
        rights: Rights::CALL,
    }
}

/// The domain on a board that feels `stimulus`, under virtual time, with its place in the policy.
fn spec(stimulus: Stimulus, policies: &Policies) -> DomainSpec {
    let board = Board::of_driver(DRIVER).expect("a board");
    let tree = Tree::locate(&Locate {
        series: Some(Series::V6_12),
        ..Locate::default()
    });
    let built = build_image(tree.expect("a tree"), DRIVER, &board, Profile::Release, false).expect("an image");
    let options = BoardOptions {
        clock: Clock::Virtual,
        stimulus,
        ..BoardOptions::default()
    };
    let sim = SharedBoard::new(SimBoard::new(board.dtb(), options).expect("a simulated board"));
    let mut spec = DomainSpec::new(DRIVER, &built.image);
    let needs = Needs::of(DRIVER, &board, &built.report, ClockKind::Virtual);
    spec.class = policies.admit(&needs).expect("a place in the policy");
    spec.dtb = board.dtb().to_vec();
    spec.lines = Lines::new();
    let wires = spec.lines.clone();
    sim.with(|sim| sim.set_line_sink(Box::new(move |line, is_high| wires.set(line, is_high))));
    spec.is_virtual_time = true;
    spec.args = vec!["wall_ns=0".to_owned()];
    for wanted in board.channels() {
        let name = &wanted.name;
        spec.channels.push(match wanted.kind {
            ChannelKind::I2c => {
                let server = I2cServer::new(&sim, name).expect("the board's bus");
                endpoint(name, i2c::RIID, move |riid, request, room| {
                    server.answer(riid, request, room)
                })
            }
            ChannelKind::Gpio => {
                let server = GpioServer::new(&sim);
                endpoint(name, gpio::RIID, move |riid, request, room| {
                    server.answer(riid, request, room)
                })
            }
            ChannelKind::Spi => panic!("this board has no SPI"),
        });
    }
    let time = ClockServer::new(&sim).expect("virtual time");
    spec.channels
        .push(endpoint("clock", clock::RIID, move |riid, request, room| {
            time.answer(riid, request, room)
        }));
    spec.channels.push(endpoint("log", log::RIID, |_, request, room| {
        let line = log::WriteReq::decode(request).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        println!("{}", line.text);
        log::WriteRes {}.encode(room).map_err(|_| Retcode::INVALID_ARGUMENT)
    }));
    spec
}

#[test]
fn a_driver_boots_and_measures_without_a_kernel() {
    let stimulus = Stimulus {
        accel: [1.5, -2.5, 9.81],
        ..Stimulus::default()
    };
    let policies = Policies::new(&PolicyChoice::Generated, None).expect("a policy");
    let domain = InProcess::start(spec(stimulus, &policies), policies.live().clone()).expect("the domain starts");
    let mut client = Client::new(InProcessTransport::new(&domain), domain.handle());
    let state = client.state().expect("its state");
    assert!(state.is_booted && state.failed == 0, "{state:?}");
    let device = Device::all(&mut client).expect("devices").remove(0);
    client.advance(100_000_000).expect("time passes");
    for (axis, felt) in [("accel_x", 1.5), ("accel_y", -2.5), ("accel_z", 9.81)] {
        let channel = device.channel(axis).expect("the axis");
        let read = device.read(&mut client, channel).expect("a reading");
        // One step of the chip is 0.038 m/s².
        assert!((read - felt).abs() < 0.039, "{axis}: {read}, not {felt}");
        println!("{axis} {read}");
    }
}
