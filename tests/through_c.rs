// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: what Linux promises of the machine below a driver, asked by drivers of our own (`tests/c/waist_*.c`).
//!
//! Each of them is compiled against the kernel's headers and run in a domain as any driver is, on both kernels and
//! with Linux's debugging options on and off. It writes its results into the log in the kernel's own test format.

mod ktap;
mod open_policy;

use linux_compat::board::Board;
use linux_compat::build::Built;
use linux_compat::policy::class_of_driver;
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Profile, Series};
use open_policy::open_policy;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file of `tests/c`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

/// Every kernel, without and with Linux's debugging options.
const VARIANTS: [(Series, Profile); 4] = [
    (Series::V6_12, Profile::Release),
    (Series::V6_12, Profile::Debug),
    (Series::V6_1, Profile::Release),
    (Series::V6_1, Profile::Debug),
];

fn built(options: SystemOptions, driver: &str) -> (System, DriverSpec, Built) {
    let policy = open_policy(&class_of_driver(driver));
    let system = System::new(SystemOptions { policy, ..options }).expect("a system");
    let spec = DriverSpec {
        stand_in: None,
        name: file(driver).display().to_string(),
        board: Board::open(&file("waist.dts")).expect("the board"),
        stimulus: board::Stimulus::default(),
        faults: Vec::new(),
    };
    let built = system
        .build(&spec.name, &spec.board)
        .unwrap_or_else(|e| panic!("{driver}: {e}"));
    (system, spec, built)
}

/// Runs one driver on one kernel and returns once it is initialised, or has died.
fn started(options: SystemOptions, driver: &str) -> (System, Domain) {
    let (system, spec, built) = built(options, driver);
    let domain = system.start(&spec, &built).expect("the domain starts");
    let _ = domain.client().expect("a client").state();
    (system, domain)
}

fn options((series, profile): (Series, Profile)) -> SystemOptions {
    SystemOptions {
        series: Some(series),
        profile,
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    }
}

/// Wants every case of `driver` to pass on every kernel.
fn passes(driver: &str) {
    passes_with(driver, |_| {});
}

fn passes_with(driver: &str, also: impl Fn(&mut SystemOptions)) {
    for variant in VARIANTS {
        let mut options = options(variant);
        also(&mut options);
        let (_system, domain) = started(options, driver);
        let log: Vec<String> = domain.log().into_iter().map(|line| line.text).collect();
        if let Err(why) = ktap::judge(&log) {
            let death = domain.wait_death(Duration::from_millis(100));
            panic!(
                "{driver} on {variant:?}: {why}\n{}\n{}",
                death.map(|death| death.to_string()).unwrap_or_default(),
                log.join("\n")
            );
        }
    }
}

#[test]
fn slab() {
    passes("waist_slab.c");
}

#[test]
fn pages() {
    passes("waist_pages.c");
}

#[test]
fn time() {
    passes("waist_time.c");
}

#[test]
fn dirs() {
    passes("waist_dirs.c");
}

#[test]
fn rcu() {
    passes("waist_rcu.c");
}

#[test]
fn sched() {
    passes("waist_sched.c");
}

#[test]
fn locks() {
    passes("waist_locks.c");
}

#[test]
fn work() {
    passes("waist_work.c");
}

#[test]
fn irq() {
    passes("waist_irq.c");
}

#[test]
fn bus() {
    passes("waist_bus.c");
}

#[test]
fn kernel() {
    passes("waist_kernel.c");
}

#[test]
fn random() {
    passes("waist_random.c");
}

#[test]
fn firmware() {
    let dir = std::env::temp_dir().join(format!("linux-compat-through-c-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let large: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
    std::fs::write(dir.join("small.bin"), "abcdef").expect("a file");
    std::fs::write(dir.join("large.bin"), large).expect("a file");
    let result = std::panic::catch_unwind(|| {
        passes_with("waist_firmware.c", |options| options.firmware = Some(dir.clone()));
    });
    std::fs::remove_dir_all(&dir).expect("the directory goes");
    if let Err(failure) = result {
        std::panic::resume_unwind(failure);
    }
}

/// What `waist_printk.c` prints besides its results: level and text.
const PRINTED: [(u8, &str); 27] = [
    (0, "line at 0"),
    (1, "line at 1"),
    (2, "line at 2"),
    (3, "line at 3"),
    (4, "line at 4"),
    (5, "line at 5"),
    (6, "line at 6"),
    (7, "line at 7"),
    (4, "line at default"),
    (2, "line emitted at 2"),
    (5, "line emitted at 5"),
    (6, "line of 11"),
    (6, "line 7"),
    (6, "line 8"),
    (6, "line begins, goes on and ends"),
    (6, "line left open"),
    (6, "line is another"),
    (3, "line one"),
    (3, "line two"),
    (6, "line deferred"),
    (6, "line in a deferred part"),
    (6, "line limited"),
    (6, "line limited"),
    (6, "line once"),
    (4, "line of a warning 3"),
    (4, "line of a slow warning"),
    (4, "line without a place"),
];

#[test]
fn printk() {
    passes("waist_printk.c");
    for variant in VARIANTS {
        let (_system, domain) = started(options(variant), "waist_printk.c");
        let log = domain.log();
        let mut lines: Vec<(u8, &str)> = log
            .iter()
            .filter(|line| line.text.starts_with("line"))
            .map(|line| (line.level, line.text.as_str()))
            .collect();
        // Ten of a hundred pass the limit (DEFAULT_RATELIMIT_BURST); two stand for them above.
        assert_eq!(lines.iter().filter(|(_, text)| *text == "line limited").count(), 10);
        let first = lines.iter().position(|(_, text)| *text == "line limited").unwrap_or(0);
        lines.drain(first..first + 8);
        assert_eq!(lines, PRINTED, "{variant:?}");
        let text: Vec<&str> = log.iter().map(|line| line.text.as_str()).collect();
        assert!(text.iter().any(|line| line.contains("WARNING: at")), "{text:#?}");
    }
}

/// `_IOC` of `asm-generic/ioctl.h`, group `w`.
const fn ioc(direction: u32, size: u32, number: u32) -> u32 {
    direction << 30 | size << 16 | (b'w' as u32) << 8 | number
}

const RUN_CASES: u32 = ioc(3, 64, 1);
const MAKE_FILE: u32 = ioc(0, 0, 2);
const WAKE_LATER: u32 = ioc(0, 0, 3);
const UNKNOWN: u32 = ioc(0, 0, 9);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn files() {
    for variant in VARIANTS {
        let (_system, domain) = started(options(variant), "waist_files.c");
        let mut client = domain.client().expect("a client");
        let file = client.device_open("waist", true).expect("it opens");
        let argument: Vec<u8> = (0..64).collect();
        let ran = client.device_ioctl(file, RUN_CASES, 0, &argument);
        let log: Vec<String> = domain.log().into_iter().map(|line| line.text).collect();
        if let Err(why) = ktap::judge(&log) {
            let death = domain.wait_death(Duration::from_millis(100));
            panic!("{variant:?}: {why}\n{ran:?}\n{death:?}\n{}", log.join("\n"));
        }
        assert_eq!(ran.expect("the cases ran").0, 0);
        serves_a_client(&mut client, file);
    }
}

/// The device of `waist_files.c`: reading, polling and files that a driver makes.
fn serves_a_client(client: &mut linux_compat::Client, file: linux_compat::client::DeviceFile) {
    use linux_compat::client::{Errno, poll};
    let errno = |number: i32| Some(Errno(number));
    let mut soon = |ms| client.device_ioctl(file, WAKE_LATER, ms, &[]).expect("it is taken");
    soon(5);
    assert_eq!(client.device_poll(file, poll::IN, SECOND).expect("a poll"), poll::IN);
    assert_eq!(client.device_read(file, 100).expect("data"), b"late");
    assert_eq!(
        client
            .device_poll(file, poll::IN, Duration::from_millis(2))
            .expect("a poll"),
        0
    );
    assert_eq!(client.device_poll(file, poll::OUT, SECOND).expect("a poll"), poll::OUT);
    client.device_ioctl(file, WAKE_LATER, 5, &[]).expect("it is taken");
    assert_eq!(client.device_read(file, 2).expect("a read that waits"), b"la");
    let quick = client.device_open("waist", false).expect("it opens again");
    let refusal = client.device_read(quick, 1).expect_err("there is nothing");
    assert_eq!(refusal.errno(), errno(11));
    assert_eq!(client.device_write(quick, b"abc").expect("a write"), 3);
    assert_eq!(client.device_read(quick, 10).expect("what was written"), b"abc");
    let refusal = client.device_write(quick, &[0; 33]).expect_err("too much");
    assert_eq!(refusal.errno(), errno(28));
    let refusal = client
        .device_ioctl(quick, UNKNOWN, 0, &[])
        .expect_err("no such command");
    assert_eq!(refusal.errno(), errno(25));
    client.device_close(quick).expect("it closes");
    assert!(client.device_close(quick).is_err());
    let made = client.device_ioctl(file, MAKE_FILE, 0, &[]).expect("a file is made").0;
    assert!(made >= 0);
}
