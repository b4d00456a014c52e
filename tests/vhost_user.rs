// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: chips of one process on the bus of another, over vhost-user. A device that goes away or stalls gives the
//! driver the errno that it has on Linux, where `i2c-virtio` tells no more than that a transfer was cut short.

mod common;

use board::vhost::{I2cDevice, serve};
use board::{BoardOptions, SharedBoard, SimBoard, Stimulus};
use common::Place;
use linux_compat::Board;
use linux_compat::client::{Client, ClientError, Errno};
use linux_compat::iio::Device;
use linux_compat::system::{Adapter, DriverSpec, System, SystemOptions};
use rustix::process::Signal;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const STEP_FAILED: i32 = 1;

/// Plays the bus at a socket; each connection is handed over too, for the test to spoil.
fn play(socket: &Path) -> Receiver<UnixStream> {
    let described = Board::of_driver("adxl345").expect("a board");
    let options = BoardOptions {
        stimulus: Stimulus::parse("accel=0,0,9.81").expect("a stimulus"),
        ..BoardOptions::default()
    };
    let board = SharedBoard::new(SimBoard::new(described.dtb(), options).expect("a board"));
    let mut device = I2cDevice::new(&board, "i2c0").expect("a bus");
    let listener = UnixListener::bind(socket).expect("a socket");
    let (sender, connections) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if sender.send(stream.try_clone().expect("a stream")).is_err() {
                return;
            }
            // How it ends is the front end's matter here.
            let _ = serve(stream, &mut device);
        }
    });
    connections
}

fn start(socket: &Path) -> (System, linux_compat::Domain) {
    let system = System::new(SystemOptions {
        adapter: Adapter::VhostUser(socket.to_owned()),
        ..SystemOptions::default()
    })
    .expect("a system");
    let spec = DriverSpec::new("adxl345").expect("a board");
    let built = system.build("adxl345", &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

fn raw(client: &mut Client) -> Result<String, ClientError> {
    client.read_text("bus/iio/devices/iio:device0/in_accel_z_raw")
}

fn errno(result: Result<String, ClientError>) -> Option<Errno> {
    result.expect_err("no value").errno()
}

const EIO: Option<Errno> = Some(Errno(5));

#[test]
fn chips_of_one_command_are_on_the_bus_of_another() {
    let place = Place::new();
    let socket = place.path().join("bus");
    let socket = socket.to_str().expect("text");
    let mut chip = place.start(&[
        "chip",
        "adxl345",
        "bmg160@68",
        "--vhost-user",
        socket,
        "--stimulus",
        "accel=0,0,9.81",
    ]);
    chip.wait_out("listening on");
    let bus = format!("vhost-user:{socket}");
    let said = place
        .run(&["run", "adxl345", "--once", "--json", "--bus", &bus])
        .succeeds();
    let z = common::si(&said.json()["devices"][0], "accel_z");
    assert!((z - 9.81).abs() < 0.04, "{said}");
    // On its own board the gyroscope is elsewhere: nobody answers there.
    let said = place.run(&["run", "bmg160", "--once", "--bus", &bus]);
    said.fails(STEP_FAILED, &["bmg160_i2c 0-0069: Error reading reg_chip_id", "(EIO)"]);
    chip.signal(Signal::TERM);
    assert_eq!(chip.end().code, Some(0));
    assert!(!Path::new(socket).exists());
}

#[test]
fn a_bus_that_is_not_there_is_told_in_words() {
    let place = Place::new();
    let said = place.run(&["run", "adxl345", "--once", "--bus", "vhost-user:/nonexistent/bus"]);
    said.fails(
        STEP_FAILED,
        &["bus vhost-user:/nonexistent/bus: No such file or directory"],
    );
    let said = place.run(&["chip", "lm99", "--vhost-user", "/nonexistent/bus"]);
    said.fails(
        STEP_FAILED,
        &["no model \"lm99\"; there are adi,adxl345, asahi-kasei,ak8975"],
    );
}

#[test]
fn a_device_that_goes_away_gives_eio_until_it_is_back() {
    let place = Place::new();
    let socket = place.path().join("bus");
    let connections = play(&socket);
    let (_system, domain) = start(&socket);
    let mut client = domain.client().expect("a client");
    assert_eq!(Device::all(&mut client).expect("sensors").len(), 1);
    assert_eq!(raw(&mut client).expect("a value"), "256");
    let first = connections.recv().expect("a connection");
    first.shutdown(Shutdown::Both).expect("it is open");
    // Until the other side has noticed, too.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(errno(raw(&mut client)), EIO);
    assert_eq!(raw(&mut client).expect("a value"), "256");
}

#[test]
fn a_device_that_stalls_gives_eio_after_a_second() {
    let place = Place::new();
    let socket = place.path().join("bus");
    let connections = play(&socket);
    let (_system, domain) = start(&socket);
    let mut client = domain.client().expect("a client");
    assert_eq!(raw(&mut client).expect("a value"), "256");
    // Whoever listens there now takes the connection and says nothing.
    std::fs::remove_file(&socket).expect("it is there");
    let silent = UnixListener::bind(&socket).expect("a socket");
    let held = std::thread::spawn(move || silent.accept().expect("a connection").0);
    let first = connections.recv().expect("a connection");
    first.shutdown(Shutdown::Both).expect("it is open");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(errno(raw(&mut client)), EIO);
    let begun = Instant::now();
    assert_eq!(errno(raw(&mut client)), EIO);
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
    drop(held.join().expect("a connection"));
    assert!(domain.death().is_none());
}
