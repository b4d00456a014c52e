// SPDX-License-Identifier: GPL-2.0-only
//! Virtual time: the same run twice gives the same log, timestamps included, and the same readings, also over a long
//! stretch in which drivers suspend and resume their chips. What leads to each transfer is known.

mod common;

use common::Place;
use linux_compat::iio::Device;
use linux_compat::symbol::Frame;
use linux_compat::system::{ClockKind, DriverSpec, LogLine, System, SystemOptions};
use linux_headers::Profile;
use std::time::{Duration, Instant};

const SECOND_NS: u64 = 1_000_000_000;

/// What a client saw of one run.
#[derive(Debug, PartialEq)]
struct Run {
    log: Vec<LogLine>,
    readings: Vec<(u64, String, f64)>,
    status: Vec<String>,
    transcript: String,
}

/// Reads all channels of a driver's devices again and again, with virtual seconds between: longer ones than drivers
/// wait before they suspend a chip.
fn run(driver: &str, profile: Profile) -> Run {
    let system = System::new(SystemOptions {
        clock: ClockKind::Virtual,
        profile,
        ..SystemOptions::default()
    })
    .expect("a system");
    let mut spec = DriverSpec::new(driver).expect("a board");
    let stimulus = "accel=1,-2,9.81 rate=1,0,-1 accel-noise=0.3 rate-noise=0.1 seed=7";
    spec.stimulus = board::Stimulus::parse(stimulus).expect("a stimulus");
    let built = system.build(&spec.name, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("a domain");
    let mut client = domain.client().expect("a client");
    // The domain runs already: what it did to the chip until it was up is in its log and in what it reads.
    assert!(client.state().expect("a state").is_booted);
    domain.board().with(|sim| sim.record());
    let devices = Device::all(&mut client).expect("devices");
    let (mut readings, mut status) = (Vec::new(), Vec::new());
    for step in 0..40u64 {
        for channel in devices[0].channels() {
            let value = devices[0].read(&mut client, channel).expect("a value");
            readings.push((client.state().expect("a state").now_ns, channel.id.clone(), value));
        }
        client.advance(step % 4 * SECOND_NS + 250_000_000).expect("it advances");
        let chip = format!("{}/../power/runtime_status", devices[0].path());
        status.push(client.read_text(&chip).expect("a status"));
    }
    client.advance(600 * SECOND_NS).expect("ten minutes");
    readings.push((client.state().expect("a state").now_ns, "end".to_owned(), 0.0));
    let log = domain.log();
    let transcript = domain
        .board()
        .with(|sim| sim.transcript().map(|seen| seen.text()).unwrap_or_default());
    Run {
        log,
        readings,
        status,
        transcript,
    }
}

fn is_the_same_twice(driver: &str, profile: Profile) -> Run {
    let begun = Instant::now();
    let (one, two) = (run(driver, profile), run(driver, profile));
    assert!(!one.readings.is_empty());
    assert_eq!(one, two);
    // Eleven minutes pass in each.
    assert!(
        begun.elapsed() < Duration::from_secs(600),
        "virtual time was waited for"
    );
    one
}

#[test]
fn an_accelerometer_runs_the_same_twice() {
    is_the_same_twice("adxl345", Profile::Release);
}

#[test]
fn a_gyroscope_that_suspends_and_resumes_runs_the_same_twice() {
    let run = is_the_same_twice("bmg160", Profile::Release);
    for wanted in ["active", "suspended"] {
        assert!(
            run.status.iter().any(|status| status == wanted),
            "never {wanted}: {:?}",
            run.status
        );
    }
}

#[test]
fn a_debug_image_logs_the_same_twice() {
    let run = is_the_same_twice("bmg160", Profile::Debug);
    assert!(!run.log.is_empty());
    assert!(run.log.iter().any(|line| line.time_ns > 0), "{:?}", run.log);
}

#[test]
fn the_command_says_the_same_twice() {
    let place = Place::new();
    let say = || {
        let words = ["run", "bmg160", "--once", "--json", "--clock", "virtual", "--verbose"];
        let said = place.run(&words).succeeds();
        let mut report = said.json();
        // What the machine costs is another matter.
        report["domain"] = serde_json::Value::Null;
        (report, said.err)
    };
    let (one, two) = (say(), say());
    assert!(one.1.contains("] "), "a log with timestamps: {}", one.1);
    assert_eq!(one, two);
}

#[test]
fn the_source_line_behind_each_transfer_is_told() {
    let system = System::new(SystemOptions {
        clock: ClockKind::Virtual,
        records_buses: true,
        traces_transfers: true,
        ..SystemOptions::default()
    })
    .expect("a system");
    let spec = DriverSpec::new("adxl345").expect("a board");
    let built = system.build(&spec.name, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("a domain");
    let mut client = domain.client().expect("a client");
    client
        .read_text("bus/iio/devices/iio:device0/in_accel_x_raw")
        .expect("a reading");
    let transfers = domain
        .board()
        .with(|sim| sim.transcript().map_or(0, |seen| seen.transfers().len()));
    let callers = domain.callers(&domain.log());
    assert_eq!(callers.len(), transfers, "each transfer, and no other line");
    let has = |frames: &[Frame], name: &str| {
        frames.iter().any(|frame| {
            let place = (frame.function.as_deref(), frame.file.as_deref());
            place == (Some(name), Some("drivers/iio/accel/adxl345_core.c")) && frame.line.is_some()
        })
    };
    let (first, last) = (callers.first().expect("one"), callers.last().expect("one"));
    assert!(has(first, "adxl345_core_probe"), "{first:#?}");
    assert!(has(last, "adxl345_read_raw"), "{last:#?}");
}
