// SPDX-License-Identifier: GPL-2.0-only
//! What generated policies say.

use super::{COMMON, Devices, Needs, Policies, PolicyChoice, class_of_channel, class_of_driver, generate};
use crate::Board;
use kos_policy::{Loaded, Program, World, compile};

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

fn policy(needs: &Needs) -> Program {
    let text = generate(needs, "driver.D");
    let texts = [("common.psl", COMMON), ("d.psl", text.as_str())];
    compile(&Loaded::texts(texts).unwrap(), World::hosted()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn granted(policy: &Program, message: &str) -> bool {
    policy
        .explain(message)
        .unwrap_or_else(|error| panic!("{error}"))
        .granted
}

#[test]
fn classes_are_words_of_the_language() {
    for (driver, class) in [
        ("adxl345", "driver.Adxl345"),
        ("adxl345_spi", "driver.Adxl345Spi"),
        ("adi,adxl345", "driver.AdiAdxl345"),
        ("drivers/iio/gyro/bmg160_i2c.c", "driver.Bmg160I2c"),
        ("9axis", "driver.Chip9axis"),
    ] {
        assert_eq!(class_of_driver(driver), class);
    }
    for (channel, class) in [
        ("i2c0", "server.I2c0"),
        ("i2c-0", "server.I2cX2d0"),
        ("I2c0", "server.X492c0"),
        ("0", "server.X30"),
        ("log", "server.Log"),
    ] {
        assert_eq!(class_of_channel(channel), class);
    }
}

#[test]
fn an_i2c_driver_reaches_its_chip_only() {
    let policy = policy(&needs("adxl345"));
    let xfer = "request src=driver.D dst=server.I2c0 interface=linuxcompat.I2c method=Xfer";
    assert!(granted(
        &policy,
        &format!("{xfer} {{msgs : [{{addr : 0x53}}, {{addr : 0x53, flags : 1}}]}}")
    ));
    for bad in [
        "{addr : 0x54}",
        "{addr : 0x53}, {addr : 0x1d}",
        "{addr : 0x53, flags : 0x10}",
        "{addr : 0x53, flags : 0x11}",
    ] {
        assert!(!granted(&policy, &format!("{xfer} {{msgs : [{bad}]}}")), "{bad}");
    }
    // Nobody else's bus, nobody else on its bus, no other way round.
    assert!(!granted(
        &policy,
        &xfer.replace("src=driver.D", "src=linuxcompat.Client")
    ));
    assert!(!granted(&policy, &xfer.replace("dst=server.I2c0", "dst=server.Gpio")));
    assert!(!granted(
        &policy,
        &xfer.replace(
            "request src=driver.D dst=server.I2c0",
            "request src=server.I2c0 dst=driver.D"
        )
    ));
}

#[test]
fn an_spi_driver_reaches_its_chip_select_only() {
    let policy = policy(&needs("adxl345_spi"));
    let transfer = "request src=driver.D dst=server.Spi0 interface=linuxcompat.Spi method=Transfer";
    assert!(granted(&policy, &format!("{transfer} {{cs : 0}}")));
    assert!(!granted(&policy, &format!("{transfer} {{cs : 1}}")));
}

#[test]
fn lines_firmware_and_time_are_there_if_they_are_needed() {
    let bare = policy(&needs("bmg160"));
    let line = "request src=driver.D dst=server.Gpio interface=linuxcompat.Gpio method=Set";
    assert!(!granted(&bare, &format!("{line} {{line : 0}}")), "it is an interrupt");
    let read = "request src=driver.D dst=server.Firmware interface=linuxcompat.Firmware method=Read";
    let advance = "request src=driver.D dst=server.Clock interface=linuxcompat.Clock method=Advance";
    assert!(bare.explain(read).is_err() && bare.explain(advance).is_err());

    let mut more = needs("bmg160");
    more.lines = vec![2, 5];
    more.firmware = vec!["chip.bin".to_owned()];
    more.is_virtual_time = true;
    let full = policy(&more);
    for (line_number, is_granted) in [(2, true), (5, true), (0, false), (3, false)] {
        assert_eq!(granted(&full, &format!("{line} {{line : {line_number}}}")), is_granted);
    }
    assert!(granted(&full, &format!("{read} {{name : \"chip.bin\"}}")));
    assert!(!granted(&full, &format!("{read} {{name : \"../chip.bin\"}}")));
    assert!(granted(&full, advance));
}

#[test]
fn clients_do_what_files_are_for_and_the_supervisor_stops() {
    let policy = policy(&needs("adxl345"));
    let ask = |src: &str, what: &str| granted(&policy, &format!("request src={src} dst=driver.D {what}"));
    let (client, supervisor) = ("linuxcompat.Client", "linuxcompat.Supervisor");
    assert!(ask(client, "endpoint=sysfs method=Read"));
    assert!(ask(client, "endpoint=chardev method=Poll"));
    assert!(ask(client, "endpoint=chardev method=Open {name : \"iio:device0\"}"));
    assert!(!ask(client, "endpoint=chardev method=Open {name : \"gpiochip0\"}"));
    assert!(!ask(client, "endpoint=chardev method=Ioctl"));
    assert!(ask(supervisor, "endpoint=control method=Stop"));
    assert!(!ask(client, "endpoint=control method=Stop"));
    assert!(!ask(supervisor, "endpoint=sysfs method=Write"));
    assert!(granted(&policy, "execute src=linuxcompat.Supervisor dst=driver.D"));
    assert!(!granted(&policy, "execute src=linuxcompat.Client dst=driver.D"));
}

#[test]
fn the_rules_of_a_driver_that_was_dismissed_go_with_the_next_one() {
    let policies = Policies::new(&PolicyChoice::Generated, None).unwrap();
    let speaks_of = |class: &str| {
        policies
            .live()
            .rules()
            .iter()
            .any(|rule| rule.place.file == format!("{class}.psl"))
    };
    let first = policies.admit(&needs("adxl345")).unwrap();
    let mut other = needs("adxl345");
    other.is_virtual_time = true;
    let second = policies.admit(&other).unwrap();
    assert_ne!(first, second, "other needs, another class");
    policies.dismiss("adxl3");
    let third = policies.admit(&needs("bmg160")).unwrap();
    assert!([&first, &second, &third].iter().all(|class| speaks_of(class)));
    policies.dismiss("adxl345");
    let fourth = policies.admit(&needs("itg3200")).unwrap();
    assert!(!speaks_of(&first) && speaks_of(&third) && speaks_of(&fourth));
}
