// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the doors of a domain, through a driver of our own (`tests/c/doors.c`): attributes that announce their
//! changes, open attributes, a device that is polled, firmware, random numbers, and processor hotplug's dynamic states.

mod open_policy;

use linux_compat::client::{Client, ClientError, poll};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Profile, Series};
use open_policy::open_policy;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For a busy machine.
const SOON: Duration = Duration::from_secs(20);
const BOTH: [Series; 2] = [Series::V6_12, Series::V6_1];

fn options(series: Series, clock: ClockKind) -> SystemOptions {
    SystemOptions {
        series: Some(series),
        clock,
        policy: open_policy("driver.Adxl345"),
        ..SystemOptions::default()
    }
}

fn start_with(options: SystemOptions) -> (System, Domain) {
    let system = System::new(options).expect("a system");
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/doors.c");
    // It looks at no hardware; a domain has a board all the same.
    let spec = DriverSpec::new("adxl345").expect("a board");
    let built = system.build(driver, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

fn start(series: Series, clock: ClockKind) -> (System, Domain) {
    start_with(options(series, clock))
}

fn attribute(name: &str) -> String {
    format!("class/misc/doors/{name}")
}

fn errno<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    let errno = result.as_ref().err().and_then(ClientError::errno);
    errno
        .and_then(|errno| errno.name())
        .map_or(format!("{result:?}"), str::to_owned)
}

/// A driver's `release` may sleep as long as it likes, and the kernel bounds no client's leaving.
#[test]
fn clients_that_leave_take_no_worker_from_those_that_ask() {
    const LEAVING: usize = 40;
    // A debug image watches how the workers are made.
    let profiles = [Profile::Release, Profile::Debug];
    for (series, profile) in BOTH
        .into_iter()
        .flat_map(|series| profiles.map(|profile| (series, profile)))
    {
        let (_system, domain) = start_with(SystemOptions {
            profile,
            ..options(series, ClockKind::Real)
        });
        let mut asking = domain.client().expect("a client");
        let leaving: Vec<Client> = (0..LEAVING)
            .map(|_| {
                let mut client = domain.client().expect("a client");
                client.device_open("slow", false).expect("a file");
                client
            })
            .collect();
        drop(leaving);
        let closed = attribute("closed");
        assert_eq!(asking.read_text(&closed).expect("it is served"), "0");
        asking.write(&closed, b"1").expect("it is served");
        let end = std::time::Instant::now() + SOON;
        while asking.read_text(&closed).expect("a count") != LEAVING.to_string() {
            assert!(std::time::Instant::now() < end, "all are cleaned up in the end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn an_announced_change_wakes_whoever_waits_for_it() {
    for series in BOTH {
        let (_system, domain) = start(series, ClockKind::Real);
        let mut waiting = domain.client().expect("a client");
        let mut writing = domain.client().expect("a client");
        let value = attribute("value");
        let count = waiting.attribute_wait(&value, 0, Duration::ZERO).expect("a count");
        assert_eq!(count, 0, "nothing was announced");
        let waiter = std::thread::spawn({
            let value = value.clone();
            move || {
                let count = waiting.attribute_wait(&value, 0, SOON).expect("a count");
                (count, waiting.read_text(&value).expect("the value"))
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiter.is_finished(), "it did not wait");
        writing.write(&value, b"7").expect("written");
        assert_eq!(waiter.join().expect("no panic"), (1, "7".to_owned()));
        // Who knows an older count is answered at once; who knows this one waits in vain.
        assert_eq!(writing.attribute_wait(&value, 0, SOON), Ok(1));
        assert_eq!(writing.attribute_wait(&value, 1, Duration::from_millis(20)), Ok(1));
        assert_eq!(errno(writing.attribute_wait("class/misc", 0, SOON)), "EISDIR");
        assert_eq!(errno(writing.attribute_wait("class/misc/none", 0, SOON)), "ENOENT");
        // Writing what the driver refuses announces nothing.
        assert_eq!(errno(writing.write(&value, b"seven")), "EINVAL");
        assert_eq!(writing.attribute_wait(&value, 1, Duration::ZERO), Ok(1));
    }
}

/// Of many programs that each wait for something, none keeps another from being served.
#[test]
fn programs_that_wait_take_no_worker_from_one_that_asks() {
    const WAITING: usize = 100;
    let (_system, domain) = start(Series::V6_12, ClockKind::Real);
    let mut asking = domain.client().expect("a client");
    let value = attribute("value");
    asking.attribute_wait(&value, 0, Duration::ZERO).expect("a count");
    let clients: Vec<_> = (0..WAITING).map(|_| domain.client().expect("a client")).collect();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = clients
            .into_iter()
            .map(|mut client| {
                let value = &value;
                scope.spawn(move || client.attribute_wait(value, 0, Duration::MAX))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(asking.read_text(&value).expect("it is served"), "0");
        assert!(waiting.iter().all(|waiter| !waiter.is_finished()), "they still wait");
        asking.write(&value, b"7").expect("it is served");
        for waiter in waiting {
            assert_eq!(waiter.join().expect("no panic"), Ok(1));
        }
    });
}

#[test]
fn a_wait_without_end_lets_others_be_served_under_virtual_time() {
    let (_system, domain) = start(Series::V6_12, ClockKind::Virtual);
    let mut waiting = domain.client().expect("a client");
    let mut writing = domain.client().expect("a client");
    let value = attribute("value");
    waiting.attribute_wait(&value, 0, Duration::ZERO).expect("a count");
    let waiter = std::thread::spawn({
        let value = value.clone();
        move || waiting.attribute_wait(&value, 0, Duration::MAX)
    });
    for _ in 0..20 {
        assert_eq!(writing.read_text(&value).expect("the value"), "0");
    }
    writing.write(&value, b"1").expect("written");
    assert_eq!(waiter.join().expect("no panic"), Ok(1));
}

#[test]
fn an_open_attribute_is_read_and_written_by_number() {
    let (_system, domain) = start(Series::V6_12, ClockKind::Real);
    let mut client = domain.client().expect("a client");
    let value = client.attribute_open(&attribute("value")).expect("opened");
    for text in ["1", "-20", "300"] {
        client.attribute_write(value, text.as_bytes()).expect("written");
        let read = client.attribute_read(value).expect("the value");
        assert_eq!(read, format!("{text}\n").into_bytes());
    }
    let piece = client.attribute_open(&attribute("piece")).expect("opened");
    assert_eq!(errno(client.attribute_read(piece)), "EACCES");
    let random = client.attribute_open(&attribute("random")).expect("opened");
    assert_eq!(errno(client.attribute_write(random, b"x")), "EACCES");
    client.attribute_close(value).expect("closed");
    assert_eq!(errno(client.attribute_read(value)), "EBADF");
    assert_eq!(errno(client.attribute_close(value)), "EBADF");
    assert_eq!(errno(client.attribute_open("class/misc/doors")), "EISDIR");
}

#[test]
fn a_device_is_polled_until_it_is_ready() {
    for clock in [ClockKind::Real, ClockKind::Virtual] {
        let (_system, domain) = start(Series::V6_12, clock);
        let mut reader = domain.client().expect("a client");
        let mut writer = domain.client().expect("a client");
        let from = reader.device_open("doors", false).expect("the device");
        let to = writer.device_open("doors", false).expect("the device");
        assert_eq!(reader.device_poll(from, poll::IN, Duration::from_millis(10)), Ok(0));
        assert_eq!(reader.device_poll(from, poll::IN | poll::OUT, SOON), Ok(poll::OUT));
        assert_eq!(errno(reader.device_read(from, 1)), "EAGAIN");
        let waiter = std::thread::spawn(move || {
            let ready = reader.device_poll(from, poll::IN, Duration::MAX).expect("an answer");
            (ready, reader.device_read(from, 8).expect("a byte"), reader, from)
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished(), "it did not wait");
        assert_eq!(writer.device_write(to, b"xyz"), Ok(1));
        let (ready, bytes, mut reader, from) = waiter.join().expect("no panic");
        assert_eq!((ready, bytes.as_slice()), (poll::IN, &b"x"[..]));
        // A blocking read sleeps in the driver.
        reader.device_close(from).expect("closed");
        let from = reader.device_open("doors", true).expect("the device");
        let waiter = std::thread::spawn(move || reader.device_read(from, 8));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished(), "it did not wait");
        assert_eq!(writer.device_write(to, b"!"), Ok(1));
        assert_eq!(waiter.join().expect("no panic"), Ok(b"!".to_vec()));
    }
}

/// A directory with one file of `bytes`, gone when this is dropped.
struct FirmwareDir(PathBuf);

impl FirmwareDir {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let dir = std::env::temp_dir().join(format!("linux-compat-{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("vendor")).expect("a directory");
        std::fs::write(dir.join("vendor/chip.bin"), bytes).expect("a file");
        Self(dir)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for FirmwareDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Loads a file through the driver and returns what it says of it.
fn load(client: &mut Client, how: &str, name: &str) -> Result<String, ClientError> {
    client.write(&attribute(how), name.as_bytes())?;
    client.read_text(&attribute("firmware"))
}

#[test]
fn a_driver_gets_firmware_from_the_directory_and_only_from_there() {
    // More than one message holds, so it comes in pieces.
    let bytes: Vec<u8> = (0..=250).cycle().take(200_000).collect();
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    for series in BOTH {
        let dir = FirmwareDir::new(&format!("firmware-{series}"), &bytes);
        let (_system, domain) = start_with(SystemOptions {
            firmware: Some(dir.path().to_owned()),
            ..options(series, ClockKind::Real)
        });
        let mut client = domain.client().expect("a client");
        let client = &mut client;
        assert_eq!(load(client, "firmware", "vendor/chip.bin"), Ok(format!("200000 {sum}")));
        assert_eq!(
            load(client, "piece", "vendor/chip.bin"),
            Ok("02:03:04:05:06:07:08:09".to_owned())
        );
        assert_eq!(errno(load(client, "firmware", "vendor/absent.bin")), "ENOENT");
        assert_eq!(errno(load(client, "firmware", "vendor")), "ENOENT");
        assert_eq!(errno(load(client, "firmware", "vendor/../vendor/chip.bin")), "EINVAL");
        assert_eq!(errno(load(client, "firmware", "/etc/passwd")), "ENOENT");
        let log = domain.log();
        let is_told = |text: &str| log.iter().any(|line| line.is_warning() && line.text.contains(text));
        assert!(is_told("vendor/absent.bin"), "{log:?}");
        // Asynchronously, as drivers load what is large.
        for (name, result) in [("vendor/chip.bin", "later 200000"), ("absent", "later -1")] {
            let firmware = attribute("firmware");
            let known = client.attribute_wait(&firmware, 0, Duration::ZERO).expect("a count");
            client.write(&attribute("later"), name.as_bytes()).expect("asked");
            assert_eq!(client.attribute_wait(&firmware, known, SOON), Ok(known + 1));
            assert_eq!(client.read_text(&firmware).expect("its size"), result);
        }
    }
}

#[test]
fn without_a_directory_there_is_no_firmware() {
    let (_system, domain) = start(Series::V6_12, ClockKind::Real);
    let mut client = domain.client().expect("a client");
    assert_eq!(errno(load(&mut client, "firmware", "vendor/chip.bin")), "ENOENT");
}

fn random(clock: ClockKind) -> [String; 2] {
    let (_system, domain) = start(Series::V6_12, clock);
    let mut client = domain.client().expect("a client");
    let mut read = || client.read_text(&attribute("random")).expect("numbers");
    [read(), read()]
}

#[test]
fn random_numbers_repeat_under_virtual_time_and_only_there() {
    let [first, second] = random(ClockKind::Virtual);
    assert_ne!(first, second);
    assert_eq!(random(ClockKind::Virtual), [first.clone(), second]);
    let (one, other) = (random(ClockKind::Real), random(ClockKind::Real));
    assert!(
        one.iter()
            .all(|text| text.len() == 32 && !other.contains(text) && *text != first)
    );
}

#[test]
fn a_dynamic_hotplug_state_has_a_number_of_its_own() {
    for series in BOTH {
        let (_system, domain) = start(series, ClockKind::Virtual);
        let mut client = domain.client().expect("a client");
        // Numbers from the dynamic range on; the next one; the callback's error; a freed one again; two calls each; no
        // name, no state.
        let text = client.read_text(&attribute("cpuhp")).expect("the numbers");
        assert_eq!(text, "1 1 -5 0 2 2 -22", "{series}");
        assert_eq!(
            client.read_text(&attribute("cpuhp")).expect("the numbers"),
            text,
            "states are left over"
        );
    }
}
