// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the devices that upstream simulates for its own tests run in a domain as they are, and say what they
//! say on Linux: the waist, checked from the other side. Values are those of each simulator's source.

#[path = "simulators/rtctest.rs"]
mod rtctest;

use linux_compat::board::Board;
use linux_compat::build::{BuildRequest, build};
use linux_compat::client::{Client, DeviceFile, poll};
use linux_compat::policy::{PolicyChoice, class_of_channel, class_of_driver};
use linux_compat::shim;
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Locate, Profile, Series, Tree};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A simulator in a domain, under virtual time.
struct Simulated {
    domain: Domain,
    client: Client,
    // It must outlive its domain.
    _system: System,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/simulators")
        .join(name)
}

impl Simulated {
    #[track_caller]
    fn start(series: Series, drivers: &str, board: &str) -> Self {
        Self::start_with(series, drivers, board, |_| {})
    }

    /// Starts drivers from an image that `change` has had its say on.
    #[track_caller]
    fn start_with(series: Series, drivers: &str, board: &str, change: impl FnOnce(&mut BuildRequest)) -> Self {
        Self::start_under(PolicyChoice::Generated, series, drivers, board, change)
    }

    #[track_caller]
    fn start_under(
        policy: PolicyChoice,
        series: Series,
        drivers: &str,
        board: &str,
        change: impl FnOnce(&mut BuildRequest),
    ) -> Self {
        let system = System::new(SystemOptions {
            series: Some(series),
            clock: ClockKind::Virtual,
            policy,
            ..SystemOptions::default()
        })
        .expect("a system");
        let spec = DriverSpec {
            name: drivers.to_owned(),
            board: Board::open(&file(&format!("{board}.dts"))).expect("a board"),
            stimulus: board::Stimulus::default(),
            faults: Vec::new(),
            stand_in: None,
        };
        let tree = Tree::locate(&Locate {
            series: Some(series),
            ..Locate::default()
        });
        let mut request = BuildRequest::new(tree.expect("a tree"), drivers);
        request.board_dtb = Some(spec.board.dtb_file().expect("a device tree"));
        request.shim_archive = Some(shim::archive(series, Profile::Release).expect("the shim"));
        request.glue_dir = Some(shim::glue_dir());
        change(&mut request);
        let built = build(&request).expect("an image");
        assert!(built.report.sources.iter().all(|source| source.pristine));
        let domain = system.start(&spec, &built).expect("a domain");
        let mut client = domain.client().expect("a client");
        assert!(client.state().expect("a state").is_booted);
        Self {
            domain,
            client,
            _system: system,
        }
    }

    fn log(&self) -> String {
        let lines = self.domain.log().into_iter().map(|line| line.text + "\n");
        lines.collect()
    }

    #[track_caller]
    fn read(&mut self, path: &str) -> String {
        let text = self.client.read_text(path);
        text.unwrap_or_else(|error| panic!("{path}: {error}"))
            .trim_end()
            .to_owned()
    }

    #[track_caller]
    fn write(&mut self, path: &str, value: &str) {
        let wrote = self.client.write(path, value.as_bytes());
        wrote.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The name of the errno that a write fails with.
    #[track_caller]
    fn refuses(&mut self, path: &str, value: &str) -> &'static str {
        let error = self.client.write(path, value.as_bytes()).expect_err("a refusal");
        error
            .errno()
            .and_then(linux_compat::client::Errno::name)
            .expect("an errno")
    }
}

fn both(check: fn(Series)) {
    for series in [Series::V6_12, Series::V6_1] {
        check(series);
    }
}

#[test]
fn test_power_reports_its_supplies() {
    both(|series| {
        let mut power = Simulated::start(series, "test_power", "plain");
        let class = "/sys/class/power_supply";
        for (file, value) in [
            ("test_ac/type", "Mains"),
            ("test_ac/online", "1"),
            ("test_usb/online", "1"),
            ("test_battery/type", "Battery"),
            ("test_battery/status", "Discharging"),
            ("test_battery/health", "Good"),
            ("test_battery/technology", "Li-ion"),
            ("test_battery/capacity", "50"),
            ("test_battery/voltage_now", "3300"),
            ("test_battery/current_now", "-1600"),
            ("test_battery/charge_counter", "-1000"),
            ("test_battery/model_name", "Test battery"),
        ] {
            assert_eq!(power.read(&format!("{class}/{file}")), value, "{file} on {series}");
        }
        // Its parameters are what it measures.
        let parameters = "/sys/module/test_power/parameters";
        power.write(&format!("{parameters}/battery_capacity"), "77");
        power.write(&format!("{parameters}/ac_online"), "off");
        assert_eq!(power.read(&format!("{class}/test_battery/capacity")), "77");
        assert_eq!(power.read(&format!("{class}/test_ac/online")), "0");
    });
}

#[test]
fn a_virtual_consumer_turns_its_supply_on_and_off() {
    let mut regulator = Simulated::start(Series::V6_12, "virtual", "regulator-virtual");
    let consumer = "/sys/devices/platform/consumer";
    let users = |regulator: &mut Simulated| {
        let class = regulator.client.list("/sys/class/regulator").expect("regulators");
        let names: Vec<String> = class.into_iter().map(|entry| entry.name).collect();
        let of = |name: &&String| regulator.read(&format!("/sys/class/regulator/{name}/name")) == "3v3";
        let name = names.iter().find(of).expect("the supply").clone();
        regulator.read(&format!("/sys/class/regulator/{name}/num_users"))
    };
    // Nothing switches this supply, so it is always on, which counts as a user (drivers/regulator/core.c).
    assert_eq!(users(&mut regulator), "1");
    regulator.write(&format!("{consumer}/min_microvolts"), "3300000");
    assert_eq!(users(&mut regulator), "1");
    regulator.write(&format!("{consumer}/max_microvolts"), "3300000");
    assert_eq!(users(&mut regulator), "2");
    regulator.write(&format!("{consumer}/min_microvolts"), "0");
    assert_eq!(users(&mut regulator), "1");
    assert!(!regulator.log().contains("failed"), "{}", regulator.log());
    // A fixed supply has no other voltage.
    regulator.write(&format!("{consumer}/max_microvolts"), "1200000");
    regulator.write(&format!("{consumer}/min_microvolts"), "1000000");
    assert!(
        regulator.log().contains("regulator_set_voltage() failed: -22"),
        "{}",
        regulator.log()
    );
}

#[test]
fn i2c_stub_keeps_what_smbus_writes() {
    both(|series| {
        let mut stub = Simulated::start(series, "CONFIG_I2C_STUB CONFIG_SENSORS_LM75", "i2c-stub");
        let bus = "/sys/bus/i2c/devices/i2c-0";
        assert_eq!(stub.read(&format!("{bus}/name")), "SMBus stub driver");
        assert!(stub.log().contains("Virtual chip at 0x48"), "{}", stub.log());
        stub.write(&format!("{bus}/new_device"), "lm75 0x48");
        let chip = "/sys/bus/i2c/devices/0-0048/hwmon/hwmon0";
        assert_eq!(stub.read(&format!("{chip}/temp1_input")), "0");
        // Words in the other byte order, in steps of half a degree.
        stub.write(&format!("{chip}/temp1_max"), "-12500");
        stub.write(&format!("{chip}/temp1_max_hyst"), "75300");
        assert_eq!(stub.read(&format!("{chip}/temp1_max")), "-12500");
        assert_eq!(stub.read(&format!("{chip}/temp1_max_hyst")), "75500");
        // Nothing answers at an address that is no parameter.
        stub.write(&format!("{bus}/new_device"), "lm75 0x49");
        let entries = stub.client.list("/sys/bus/i2c/devices/0-0049").expect("a device");
        assert!(!entries.iter().any(|entry| entry.name == "driver"), "{}", stub.log());
    });
}

#[test]
fn gpio_sim_lines_follow_their_pull() {
    both(|series| {
        let mut sim = Simulated::start(series, "gpio-sim", "gpio-sim");
        let parent = "/sys/devices/platform/gpio-sim";
        let entries = sim.client.list(parent).expect("the controller");
        let chip = entries.iter().find(|entry| entry.name.starts_with("gpiochip"));
        let chip = format!("{parent}/{}", chip.expect("a chip").name);
        assert_eq!(sim.read(&format!("{chip}/sim_gpio1/value")), "0");
        assert_eq!(sim.read(&format!("{chip}/sim_gpio1/pull")), "pull-down");
        sim.write(&format!("{chip}/sim_gpio1/pull"), "pull-up");
        assert_eq!(sim.read(&format!("{chip}/sim_gpio1/value")), "1");
        assert_eq!(sim.read(&format!("{chip}/sim_gpio2/value")), "0");
        assert_eq!(sim.refuses(&format!("{chip}/sim_gpio1/pull"), "sideways"), "EINVAL");
        // A line that the board drives.
        assert_eq!(sim.read(&format!("{chip}/sim_gpio5/value")), "1");
    });
}

/// One message moves 64 KiB one way at the most, and the test goes on to 65,537 bytes and to two transfers of as many,
/// so each length is a run of its own. 6.1's test cannot be told a length.
#[test]
fn the_loopback_test_passes_over_a_wire() {
    let board = std::fs::read_to_string(file("spi-loopback.dts")).expect("a board");
    for len in [1, 3, 32, 251, 1031, 4099] {
        let args = format!("loopback=1 spi_loopback_test.run_only_iter_len={len}");
        let name = format!("{}/loopback-{len}", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(format!("{name}.dts"), board.replace("loopback=1", &args)).expect("a board");
        let spi = Simulated::start(Series::V6_12, "spi-loopback-test", &name);
        let log = spi.log();
        assert!(
            log.contains("Finished spi-loopback-tests with return: 0"),
            "{len}: {log}"
        );
        let runs = log.matches(&format!("len = {len},")).count();
        assert!(runs > 50, "{runs} of {len}: {log}");
        assert!(!log.contains("mismatch"), "{len}: {log}");
    }
}

#[test]
fn a_sysfs_trigger_comes_and_goes() {
    both(|series| {
        let mut trigger = Simulated::start(series, "iio-trig-sysfs", "plain");
        let parent = "/sys/bus/iio/devices/iio_sysfs_trigger";
        trigger.write(&format!("{parent}/add_trigger"), "7");
        assert_eq!(trigger.read("/sys/bus/iio/devices/trigger0/name"), "sysfstrig7");
        assert_eq!(trigger.refuses(&format!("{parent}/add_trigger"), "7"), "EINVAL");
        trigger.write("/sys/bus/iio/devices/trigger0/trigger_now", "1");
        trigger.write(&format!("{parent}/remove_trigger"), "7");
        assert_eq!(trigger.refuses(&format!("{parent}/remove_trigger"), "7"), "EINVAL");
        assert!(trigger.client.read("/sys/bus/iio/devices/trigger0/name").is_err());
    });
}

/// `iio_dummy` with its events, its buffer, and the triggers that come with IIO.
const IIO_DUMMY: &str =
    "CONFIG_IIO_SIMPLE_DUMMY CONFIG_IIO_DUMMY_EVGEN CONFIG_IIO_SYSFS_TRIGGER CONFIG_IIO_HRTIMER_TRIGGER";

fn iio_dummy(series: Series) -> Simulated {
    iio_dummy_under(PolicyChoice::Generated, series)
}

fn iio_dummy_under(policy: PolicyChoice, series: Series) -> Simulated {
    Simulated::start_under(policy, series, IIO_DUMMY, "plain", |request| {
        request.extra_glue.push(file("iio_devices.c"));
        request.extra_roots.push("iio_devices_failed".to_owned());
        let wishes = ["IIO_SIMPLE_DUMMY_EVENTS", "IIO_SIMPLE_DUMMY_BUFFER"];
        request.wishes.extend(wishes.map(str::to_owned));
    })
}

const DUMMY: &str = "/sys/bus/iio/devices/iio:device0";
const SCAN: [&str; 5] = [
    "in_voltage0",
    "in_voltage1-voltage2",
    "in_voltage3-voltage4",
    "in_accel_x",
    "in_timestamp",
];

/// Lets a trigger fill the buffer, whole scans with a time stamp each.
fn captures(dummy: &mut Simulated, trigger: &str) -> DeviceFile {
    dummy.write(&format!("{DUMMY}/trigger/current_trigger"), trigger);
    for channel in SCAN {
        dummy.write(&format!("{DUMMY}/scan_elements/{channel}_en"), "1");
    }
    dummy.write(&format!("{DUMMY}/buffer/enable"), "1");
    dummy.client.device_open("iio:device0", false).expect("the device")
}

/// The four values of a scan, and when it was taken.
fn scan(bytes: &[u8]) -> ([i16; 4], i64) {
    let (values, rest) = bytes.split_first_chunk::<8>().expect("four values");
    let value = |at: usize| i16::from_le_bytes([values[2 * at], values[2 * at + 1]]);
    let time = rest.first_chunk::<8>().expect("a time stamp");
    ([value(0), value(1), value(2), value(3)], i64::from_le_bytes(*time))
}

#[test]
fn iio_dummy_reads_what_it_always_reads() {
    both(|series| {
        let mut dummy = iio_dummy(series);
        for (channel, value) in SCAN.iter().zip(["73", "33", "-34", "34"]) {
            assert_eq!(
                dummy.read(&format!("{DUMMY}/{channel}_raw")),
                value,
                "{channel} on {series}"
            );
        }
        assert_eq!(dummy.read(&format!("{DUMMY}/name")), "my_dummy_device");
        dummy.write(&format!("{DUMMY}/out_voltage0_raw"), "11");
        assert_eq!(dummy.read(&format!("{DUMMY}/out_voltage0_raw")), "11");
    });
}

#[test]
fn iio_dummy_fills_its_buffer_when_triggered() {
    both(|series| {
        let mut dummy = iio_dummy(series);
        dummy.write("/sys/bus/iio/devices/iio_sysfs_trigger/add_trigger", "3");
        let device = captures(&mut dummy, "sysfstrig3");
        let triggers = dummy.client.list("/sys/bus/iio/devices").expect("devices");
        let triggers: Vec<String> = triggers.into_iter().map(|entry| entry.name).collect();
        let is_it = |name: &&String| {
            name.starts_with("trigger") && dummy.read(&format!("/sys/bus/iio/devices/{name}/name")) == "sysfstrig3"
        };
        let trigger = triggers.iter().find(is_it).expect("the trigger").clone();
        for _ in 0..3 {
            dummy.write(&format!("/sys/bus/iio/devices/{trigger}/trigger_now"), "1");
            assert_eq!(
                dummy.client.device_poll(device, poll::IN, Duration::from_secs(1)),
                Ok(poll::IN)
            );
            let bytes = dummy.client.device_read(device, 256).expect("a scan");
            assert_eq!((bytes.len(), scan(&bytes).0), (16, [7, -33, -2, 344]), "{series}");
        }
    });
}

#[test]
fn iio_dummy_fills_its_buffer_by_the_clock() {
    both(|series| {
        let mut dummy = iio_dummy(series);
        // It holds two scans if nobody says how many.
        dummy.write(&format!("{DUMMY}/buffer/length"), "16");
        let device = captures(&mut dummy, "my_timer");
        // A hundred a second, if nobody says how many (drivers/iio/trigger/iio-trig-hrtimer.c).
        dummy.client.advance(55_000_000).expect("55 ms");
        let bytes = dummy.client.device_read(device, 1024).expect("scans");
        let scans: Vec<([i16; 4], i64)> = bytes.chunks(16).map(scan).collect();
        assert_eq!(scans.len(), 5, "{scans:?}");
        assert!(scans.iter().all(|scan| scan.0 == [7, -33, -2, 344]), "{scans:?}");
        assert!(
            scans.windows(2).all(|pair| pair[1].1 - pair[0].1 == 10_000_000),
            "{scans:?}"
        );
    });
}

/// `IIO_GET_EVENT_FD_IOCTL` (include/uapi/linux/iio/events.h).
const GET_EVENT_FD: u32 = 0x8004_6990;
/// A voltage above its threshold (include/linux/iio/events.h): type 0, direction 1, channel 0.
const VOLTAGE_ROSE: u64 = 1 << 48;

#[test]
fn iio_dummy_tells_of_events_that_are_poked() {
    both(|series| {
        // The policy that is made from an image gives clients no ioctl of IIO.
        let classes = [
            class_of_driver(IIO_DUMMY),
            "linuxcompat.Client".to_owned(),
            "linuxcompat.Supervisor".to_owned(),
        ]
        .into_iter()
        .chain(["gpio", "log", "firmware", "clock"].map(class_of_channel));
        let uses: String = classes.map(|class| format!("use EDL {class}\n")).collect();
        let grants = ["execute", "request", "response", "error"].map(|kind| format!("{kind} {{ grant () }}\n"));
        let open = PolicyChoice::Text(format!("use nk.base._\n{}{uses}", grants.concat()));
        let mut dummy = iio_dummy_under(open, series);
        dummy.write(&format!("{DUMMY}/events/in_voltage0_thresh_rising_en"), "1");
        let device = dummy.client.device_open("iio:device0", false).expect("the device");
        let (_, number) = dummy
            .client
            .device_ioctl(device, GET_EVENT_FD, 0, &[0; 4])
            .expect("a file");
        let number = u32::from_le_bytes(number.try_into().expect("a number"));
        let events = DeviceFile::made_by_driver(number);
        assert_eq!(
            dummy.client.device_poll(events, poll::IN, Duration::from_millis(10)),
            Ok(0)
        );
        // What is poked is which event it is: 0 is the voltage, 9 is none.
        for event in ["9", "0"] {
            dummy.write("/sys/bus/iio/devices/iio_evgen/poke_ev0", event);
        }
        assert_eq!(
            dummy.client.device_poll(events, poll::IN, Duration::from_secs(1)),
            Ok(poll::IN)
        );
        let bytes = dummy.client.device_read(events, 64).expect("an event");
        let (code, time) = bytes.split_first_chunk::<8>().expect("an event");
        assert_eq!((u64::from_le_bytes(*code), time.len()), (VOLTAGE_ROSE, 8), "{series}");
    });
}
