// SPDX-License-Identifier: GPL-2.0-only
//! What descriptions say of our drivers.

use super::{Domain, FIXED, files, init_yaml, locator};
use crate::Board;
use crate::policy::{Devices, Needs};
use std::path::Path;

fn needs(driver: &str) -> Needs {
    let board = Board::of_driver(driver).unwrap();
    Needs {
        driver: driver.to_owned(),
        board: "board.dts".to_owned(),
        channels: board.channels(),
        parts: board.parts(),
        lines: board.lines(),
        firmware: board.firmware(),
        devices: Devices::Buffers,
        has_sockets: false,
        is_module: false,
        is_virtual_time: false,
    }
}

/// Every description of the repository is one of those that are shipped.
#[test]
fn fixed_descriptions_are_all_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("kos-bindings/idl");
    let mut found = Vec::new();
    for dir in ["linuxcompat", "server"] {
        let names = std::fs::read_dir(root.join(dir)).unwrap();
        found.extend(names.map(|name| format!("{dir}/{}", name.unwrap().file_name().into_string().unwrap())));
    }
    found.sort();
    assert_eq!(found, FIXED.map(|(path, _)| path));
}

#[test]
fn a_driver_is_connected_with_what_it_needs() {
    let mut needs = needs("adxl345");
    needs.is_virtual_time = true;
    needs.firmware = vec!["chip.bin".to_owned()];
    let domain = Domain {
        needs: &needs,
        class: "driver.Adxl345",
    };
    insta::assert_snapshot!(init_yaml(&[domain]).to_string(), @r"
    entities:
    - name: driver.Adxl345
      connections:
      - target: server.Gpio
        id: gpio
      - target: server.I2c0
        id: i2c0
      - target: server.Log
        id: log
      - target: server.Clock
        id: clock
      - target: server.Firmware
        id: firmware
    - name: server.Clock
    - name: server.Firmware
    - name: server.Gpio
    - name: server.I2c0
    - name: server.Log
    - name: linuxcompat.Client
      connections:
      - target: driver.Adxl345
        id: driver.Adxl345
    ");
    let files = files(&[domain]);
    insta::assert_snapshot!(files["driver/Adxl345.edl"], @r"
    // adxl345 on the board board.dts.
    task class driver.Adxl345

    endpoints {
        // Its sysfs tree.
        sysfs : linuxcompat.Sysfs
        // Its character devices.
        chardev : linuxcompat.Chardev
        // Its sockets, if Linux's socket layer is in its image.
        socket : linuxcompat.Socket
        // How far it is; it is stopped here.
        control : linuxcompat.Control
    }
    ");
    insta::assert_snapshot!(files["server/I2c0.edl"], @r#"
    // The I2C bus "i2c0".
    task class server.I2c0

    components {
        bus : linuxcompat.I2cBus
    }
    "#);
}

/// Every board of ours, as one solution: all descriptions are right, and everybody finds whom he needs.
#[test]
fn descriptions_of_all_boards_fit_together() {
    let (i2c, spi, gyro) = (needs("adxl345"), needs("adxl345_spi"), needs("bmg160"));
    let domain = |needs, class| Domain { needs, class };
    let domains = [
        domain(&i2c, "driver.Adxl345"),
        domain(&spi, "driver.Adxl345Spi"),
        domain(&gyro, "driver.Bmg160"),
    ];
    let system = locator(&domains).unwrap_or_else(|error| panic!("{error}"));
    let riid = |client, id, endpoint| system.riid(client, id, endpoint);
    assert_eq!(
        riid("driver.Adxl345", "i2c0", "bus.i2c"),
        Some(kos_bindings::idl::i2c::RIID)
    );
    assert_eq!(
        riid("driver.Adxl345Spi", "spi0", "bus.spi"),
        Some(kos_bindings::idl::spi::RIID)
    );
    assert_eq!(riid("driver.Bmg160", "log", "log"), Some(kos_bindings::idl::log::RIID));
    assert_eq!(
        riid("driver.Bmg160", "gpio", "controller.gpio"),
        Some(kos_bindings::idl::gpio::RIID)
    );
    let (client, driver) = ("linuxcompat.Client", "driver.Bmg160");
    assert_eq!(riid(client, driver, "sysfs"), Some(kos_bindings::idl::sysfs::RIID));
    assert_eq!(
        riid(client, driver, "driver.Bmg160.chardev"),
        Some(kos_bindings::idl::chardev::RIID)
    );
    // Nobody has a channel that his board does not ask for.
    assert_eq!(riid("driver.Adxl345", "spi0", "bus.spi"), None);
    assert_eq!(riid("driver.Bmg160", "firmware", "firmware"), None);
    assert_eq!(system.listeners("server.Log")["log"].len(), 3);

    let twice = locator(&[domains[0], domains[0]]).unwrap_err();
    assert_eq!(twice.message, "task `driver.Adxl345` is already there, at line 0");
}
