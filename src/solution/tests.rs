// SPDX-License-Identifier: GPL-2.0-only
//! What descriptions say of our drivers.

use super::{Domain, FIXED, StartError, files, init_yaml, locator, plan, start};
use crate::Board;
use crate::policy::{Devices, Needs};
use kos_idl::{Files, Library};
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

/// What a policy calls an endpoint is what the SDK calls it, since both read it in the class.
#[test]
fn endpoints_in_policies_are_those_of_the_classes() {
    let (i2c, spi) = (needs("adxl345"), needs("adxl345_spi"));
    let domains = [(&i2c, "driver.Adxl345"), (&spi, "driver.Adxl345Spi")];
    let files = files(&domains.map(|(needs, class)| Domain { needs, class }));
    let world = kos_policy::World::hosted();
    let mut seen = 0;
    let mut library = Library::new(Files::texts(files.clone()));
    for path in files.keys().filter(|path| path.ends_with(".edl")) {
        let class = path.trim_end_matches(".edl").replace('/', ".");
        for served in &library.class(&class).unwrap().endpoints {
            let known = world
                .endpoints
                .iter()
                .find(|known| known.interface.name == served.interface);
            let known = known.unwrap_or_else(|| panic!("{} of {class}", served.interface));
            assert_eq!((&known.name, &known.class), (&served.name, &None), "{class}");
            seen += 1;
            let Some(component) = &known.component else {
                assert!(!served.name.contains('.'), "{class} has {} in a component", served.name);
                continue;
            };
            let component = library.component(component).unwrap();
            let (_, inner) = served.name.split_once('.').unwrap();
            let is_it = |of: &kos_idl::model::Endpoint| of.name == inner && of.interface == served.interface;
            assert!(component.endpoints.iter().any(is_it), "{}", component.name);
        }
    }
    assert!(seen >= 14, "of two drivers and their servers: {seen}");
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

/// A house with two clocks and one who looks at them: endpoints of one interface, numbered by their class.
const HOUSE: &str = "
entities:
- name: demo.House
- name: demo.Guest
  connections:
  - target: demo.House
    id: clocks
- name: demo.Stranger
";

fn house(interface: &str) -> kos_init::System {
    let class = format!("task class demo.House endpoints {{ hall : {interface} attic : {interface} }}");
    let mut library = kos_idl::Library::new(kos_idl::Files::texts([
        (
            "linuxcompat/Clock.idl",
            include_str!("../../kos-bindings/idl/linuxcompat/Clock.idl"),
        ),
        ("demo/Lamp.idl", "package demo.Lamp interface { Set(in UInt8 level); }"),
        ("demo/House.edl", class.as_str()),
        (
            "linuxcompat/Log.idl",
            include_str!("../../kos-bindings/idl/linuxcompat/Log.idl"),
        ),
        ("demo/Guest.edl", "task class demo.Guest security linuxcompat.Log"),
        ("demo/Stranger.edl", "task class demo.Stranger"),
    ]));
    let init = kos_init::Init::parse("init.yaml", HOUSE).unwrap();
    kos_init::System::check(&init, &mut library, &kos_init::Rules::default()).unwrap()
}

#[test]
fn what_an_init_yaml_describes_runs_on_the_hosted_kernel_and_nothing_else() {
    use kos_bindings::hosted::{Config, Kernel};
    use kos_bindings::idl::clock::{AdvanceReq, AdvanceRes};
    use kos_bindings::nk::{Handle, Retcode, Transport};

    let kernel = Kernel::new(Config::default()).unwrap();
    let tasks = start(&kernel, &house("linuxcompat.Clock")).unwrap();
    assert_eq!(
        tasks.keys().collect::<Vec<_>>(),
        ["demo.Guest", "demo.House", "demo.Stranger"]
    );
    let mut server = tasks["demo.House"].attach().unwrap();
    std::thread::spawn(move || {
        let listener = server.service_locator_register("clocks");
        while let Ok(received) = server.recv(listener) {
            let (handle, client) = (received.reply_handle, received.thread);
            let riid = u16::from_le_bytes([received.message.constant[4], received.message.constant[5]]);
            let lens = AdvanceRes {
                now_ns: 100 + u64::from(riid),
            }
            .encode(server.response())
            .unwrap();
            server.response().constant[4..6].copy_from_slice(&riid.to_le_bytes());
            let _ = server.reply(handle, client, lens);
        }
    });
    let mut guest = tasks["demo.Guest"].attach().unwrap();
    let clocks = guest.service_locator_connect("clocks");
    let mut ask = |riid: u16| {
        let lens = AdvanceReq { until_ns: 7 }.encode(guest.request()).unwrap();
        guest.request().constant[4..6].copy_from_slice(&riid.to_le_bytes());
        guest.call(clocks, lens).map(|answer| answer.constant[24])
    };
    assert_eq!(ask(0), Ok(100), "the hall's");
    assert_eq!(ask(1), Ok(101), "the attic's");
    assert_eq!(ask(2), Err(Retcode::INVALID_ARGUMENT), "there is no third");
    assert_eq!(guest.service_locator_get_riid(clocks, "attic"), Some(1));
    assert!(
        guest.kn().handle_security_connect().is_ok(),
        "its class has a security interface"
    );
    let mut stranger = tasks["demo.Stranger"].attach().unwrap();
    assert_eq!(stranger.kn().handle_security_connect(), Err(Retcode::NOT_CONNECTED));
    assert_eq!(stranger.service_locator_connect("clocks"), Handle::INVALID);
}

#[test]
fn an_interface_that_the_kernel_does_not_know_is_not_served_unchecked() {
    use kos_bindings::hosted::{Config, Kernel};

    let kernel = Kernel::new(Config::default()).unwrap();
    let error = start(&kernel, &house("demo.Lamp")).unwrap_err();
    assert!(matches!(error, StartError::Interface { .. }));
    assert_eq!(
        error.to_string(),
        "demo.House: endpoint hall: the kernel has no interface `demo.Lamp`"
    );
}

/// The drivers of our boards, each by its class alone.
#[test]
fn an_init_yaml_names_drivers_by_their_classes() {
    for driver in [
        "adxl345",
        "adxl345_spi",
        "bmg160",
        "st95hf",
        "nxp-nci",
        "pn533_i2c",
        "inv-mpu6050",
        "rtc-ds1307",
    ] {
        let needs = needs(driver);
        let class = crate::policy::class_of_driver(driver);
        let domain = Domain {
            needs: &needs,
            class: &class,
        };
        let planned = plan("init.yaml", &init_yaml(&[domain]).to_string()).unwrap_or_else(|error| panic!("{error}"));
        let [planned] = &planned[..] else { panic!("{planned:?}") };
        assert_eq!(
            planned.board.path(),
            Board::of_driver(driver).unwrap().path(),
            "{driver}"
        );
        assert!(planned.channels.has_client);
        let names: Vec<_> = planned.channels.servers.iter().map(|(id, _)| id.as_str()).collect();
        let wanted: Vec<_> = needs.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names[..wanted.len()], wanted[..], "{driver}");
    }
}

#[test]
fn an_init_yaml_that_cannot_run_here_says_why() {
    let driver = "entities:\n- name: driver.Adxl345\n";
    for (text, message) in [
        ("entities: []", "init.yaml"),
        ("entities:\n- name: server.Log\n", "init.yaml: no process is a driver"),
        (
            "entities:\n- name: driver.Nosuch\n",
            "init.yaml:2:9: class `driver.Nosuch`: no board for \"nosuch\"",
        ),
        (
            "entities:\n- name: driver.Adxl345\n  path: bmg160\n",
            "init.yaml:3:9: the class of the driver \"bmg160\" is `driver.Bmg160`, not `driver.Adxl345`",
        ),
        (
            "entities:\n- name: kl.core.DCM\n",
            "init.yaml:2:9: class `kl.core.DCM`: only drivers, their servers and linuxcompat.Client run here",
        ),
        (
            &format!("{driver}  connections: [{{target: server.Log, id: log}}]\n"),
            "init.yaml:3:26: there is no task `server.Log`",
        ),
        (
            &format!("{driver}  args: [--fast]\n"),
            "init.yaml:3:10: `args`: the processes that run here take none",
        ),
        (
            &format!("{driver}  env: {{A: b}}\n"),
            "init.yaml:3:9: `env`: the processes that run here take none",
        ),
        (
            &format!("{driver}  dynamic_connection_manager: true\n"),
            "init.yaml:2:9: `dynamic_connection_manager`: the processes",
        ),
        (
            &format!("{driver}- name: server.I2c7\n"),
            "init.yaml:3:9: class `server.I2c7`",
        ),
        (
            &format!("{driver}{}", driver.replace("entities:\n", "")),
            "already there",
        ),
    ] {
        let error = plan("init.yaml", text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}\n{error}");
    }
}
