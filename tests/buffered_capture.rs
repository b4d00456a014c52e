// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: the gyroscope's data-ready trigger fills its buffer, and scans come out of its character device with
//! timestamps, on each kernel series.

use linux_compat::client::{Client, Errno, poll};
use linux_compat::iio::{CaptureOptions, Device, IioError, Layout, SampleType, Scan, Trigger};
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::time::Duration;

/// What the chip feels, in rad/s.
const RATE: [f64; 3] = [1.0, 0.0, -1.0];
/// 1/65.6 °/s: the driver sets the chip to ±500 °/s. The driver's scale has three digits of it, which is less than
/// half a step at this rate.
const RATE_LSB: f64 = 0.000_266;
/// For a busy machine, not for the driver.
const SOON: Duration = Duration::from_secs(20);

fn start(series: Series, driver: &str, clock: ClockKind) -> (System, Domain) {
    let options = SystemOptions {
        series: Some(series),
        clock,
        ..SystemOptions::default()
    };
    let system = System::new(options).expect("a system");
    let mut spec = DriverSpec::new(driver).expect("a board");
    spec.stimulus.rate = RATE;
    let built = system.build(driver, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("the driver runs");
    (system, domain)
}

fn device(client: &mut Client) -> Device {
    let found = Device::all(client).expect("the sensors");
    let [device] = <[Device; 1]>::try_from(found).expect("one sensor");
    device
}

/// The data-ready trigger's name.
fn data_ready(client: &mut Client) -> String {
    let triggers = Trigger::all(client).expect("the triggers");
    let names: Vec<&str> = triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    assert_eq!(names, ["bmg160-dev0", "bmg160-any-motion-dev0"]);
    triggers[0].name.clone()
}

fn is_what_was_put_in(scan: &Scan) {
    assert_eq!(scan.si.len(), RATE.len());
    for (found, wanted) in scan.si.iter().zip(RATE) {
        assert!((found - wanted).abs() <= RATE_LSB, "{scan:?}");
    }
}

fn timestamps(scans: &[Scan]) -> Vec<i64> {
    scans
        .iter()
        .map(|scan| scan.timestamp_ns.expect("a timestamp"))
        .collect()
}

/// Captures at `hz` and returns the differences of the timestamps in ns.
fn periods(client: &mut Client, device: &Device, hz: f64, count: usize) -> Vec<i64> {
    device
        .set_sampling_frequency(client, hz)
        .expect("a frequency that the chip has");
    let options = CaptureOptions {
        trigger: Some(data_ready(client)),
        ..CaptureOptions::default()
    };
    let mut capture = device.capture(client, &options).expect("a capture");
    let channels: Vec<String> = capture.channels().map(|channel| channel.id.clone()).collect();
    assert_eq!(channels, ["anglvel_x", "anglvel_y", "anglvel_z"]);
    // Three axes of two bytes, two bytes of padding, eight bytes of time.
    assert_eq!(capture.layout().bytes(), 16);
    let scans = capture.read(count, SOON).expect("scans");
    assert!(scans.len() >= count);
    scans.iter().for_each(is_what_was_put_in);
    timestamps(&scans).windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn keeps_the_chips_pace(series: Series) {
    let (_system, domain) = start(series, "bmg160", ClockKind::Virtual);
    let mut client = domain.client().expect("a client");
    let device = device(&mut client);
    for hz in [100_i64, 1000, 2000] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let found = periods(&mut client, &device, hz as f64, 40);
        assert_eq!(found, vec![1_000_000_000 / hz; found.len()], "{hz} Hz on {series}");
    }
    let log = domain.log();
    assert!(!log.iter().any(|line| line.is_warning()), "{log:?}");
}

#[test]
fn timestamps_are_one_period_apart_in_virtual_time_on_6_12() {
    keeps_the_chips_pace(Series::V6_12);
}

#[test]
fn timestamps_are_one_period_apart_in_virtual_time_on_6_1() {
    keeps_the_chips_pace(Series::V6_1);
}

fn runs_in_real_time(series: Series) {
    let (_system, domain) = start(series, "bmg160", ClockKind::Real);
    let mut client = domain.client().expect("a client");
    let device = device(&mut client);
    let found = periods(&mut client, &device, 100.0, 30);
    assert!(found.iter().all(|period| *period > 0), "{found:?}");
}

#[test]
fn timestamps_rise_in_real_time_on_6_12() {
    runs_in_real_time(Series::V6_12);
}

#[test]
fn timestamps_rise_in_real_time_on_6_1() {
    runs_in_real_time(Series::V6_1);
}

/// What a program does that knows only the kernel's documentation (`Documentation/iio/iio_devbuf.rst`), with reads that
/// wait.
fn reads_wait_for_scans(series: Series) {
    let (_system, domain) = start(series, "bmg160", ClockKind::Virtual);
    let mut client = domain.client().expect("a client");
    let client = &mut client;
    let device = device(client);
    let file = |name: &str| format!("{}/{name}", device.path());
    let trigger = data_ready(client);
    client
        .write(&file("trigger/current_trigger"), trigger.as_bytes())
        .expect("a trigger");
    let mut elements = Vec::new();
    for channel in device.scan_elements(client).expect("a buffer") {
        let element = |info: &str| file(&format!("scan_elements/{}", channel.attribute(info)));
        client.write(&element("en"), b"1").expect("an element");
        assert_eq!(client.read_text(&element("en")).expect("its state"), "1");
        let index: u32 = client
            .read_text(&element("index"))
            .expect("an index")
            .parse()
            .expect("a number");
        let sample: SampleType = client
            .read_text(&element("type"))
            .expect("a type")
            .parse()
            .expect("a known type");
        elements.push((channel, index, sample));
    }
    let layout = Layout::new(elements);
    client.write(&file("buffer/length"), b"32").expect("a length");
    client.write(&file("buffer/watermark"), b"4").expect("a watermark");
    let opened = client.device_open(device.node(), true).expect("the device");
    client.write(&file("buffer/enable"), b"1").expect("a running buffer");
    // One reading of a channel would disturb the scans: the driver refuses it.
    let refused = client.read(&file("in_anglvel_x_raw")).expect_err("a busy device");
    assert_eq!(refused.errno().and_then(Errno::name), Some("EBUSY"), "{refused}");
    let bytes = client.device_read(opened, 8 * layout.bytes()).expect("scans");
    assert!(
        bytes.len() >= 4 * layout.bytes(),
        "woken before the watermark: {} bytes",
        bytes.len()
    );
    let scans: Vec<Vec<i64>> = bytes
        .chunks_exact(layout.bytes())
        .filter_map(|scan| layout.decode(scan))
        .collect();
    for scan in &scans {
        let [x, y, z, _] = scan.as_slice() else {
            panic!("{scan:?}")
        };
        // 1 rad/s is 3758.6 steps.
        assert_eq!((*x, *y, *z), (3759, 0, -3759));
    }
    for pair in scans.windows(2) {
        assert_eq!(pair[1][3] - pair[0][3], 10_000_000, "{scans:?}");
    }
    // The buffer fills again while nobody reads, and poll sees it.
    assert_eq!(client.device_poll(opened, poll::IN, SOON).expect("an answer"), poll::IN);
    client.write(&file("buffer/enable"), b"0").expect("a stopped buffer");
    client.device_close(opened).expect("closed");
    assert!(
        client.read_text(&file("in_anglvel_x_raw")).is_ok(),
        "single readings come again"
    );
}

#[test]
fn a_blocking_read_waits_for_the_watermark_on_6_12() {
    reads_wait_for_scans(Series::V6_12);
}

#[test]
fn a_blocking_read_waits_for_the_watermark_on_6_1() {
    reads_wait_for_scans(Series::V6_1);
}

#[test]
fn chosen_channels_without_timestamps_make_short_scans() {
    let (_system, domain) = start(Series::V6_12, "bmg160", ClockKind::Virtual);
    let mut client = domain.client().expect("a client");
    let device = device(&mut client);
    let options = CaptureOptions {
        channels: vec!["anglvel_z".to_owned()],
        trigger: Some(data_ready(&mut client)),
        has_timestamp: false,
        ..CaptureOptions::default()
    };
    let mut capture = device.capture(&mut client, &options).expect("a capture");
    assert_eq!(capture.layout().bytes(), 2);
    for scan in capture.read(5, SOON).expect("scans") {
        assert_eq!((scan.raw.as_slice(), scan.timestamp_ns), (&[-3759][..], None));
    }
}

#[test]
fn a_trigger_that_does_not_run_is_named() {
    let (_system, domain) = start(Series::V6_12, "bmg160", ClockKind::Real);
    let mut client = domain.client().expect("a client");
    let device = device(&mut client);
    let options = CaptureOptions {
        trigger: Some("bmg160-any-motion-dev0".to_owned()),
        ..CaptureOptions::default()
    };
    // The chip turns steadily, which is no change of its rate.
    let mut capture = device.capture(&mut client, &options).expect("a capture");
    match capture.read(1, Duration::from_millis(100)) {
        Err(IioError::NoData { trigger, .. }) => assert_eq!(trigger, "bmg160-any-motion-dev0"),
        other => panic!("{other:?}"),
    }
    drop(capture);
    let options = CaptureOptions {
        trigger: Some("nobody".to_owned()),
        ..CaptureOptions::default()
    };
    let refused = device.capture(&mut client, &options).expect_err("no such trigger");
    assert!(refused.to_string().contains("invalid argument"), "{refused}");
}

#[test]
fn a_driver_without_buffer_says_so() {
    // The ADXL345's driver has none in these series.
    for series in [Series::V6_12, Series::V6_1] {
        let (_system, domain) = start(series, "adxl345", ClockKind::Virtual);
        let mut client = domain.client().expect("a client");
        let device = device(&mut client);
        match device.capture(&mut client, &CaptureOptions::default()) {
            Err(IioError::Absent { what, .. }) => assert_eq!(what, "buffer"),
            other => panic!("{other:?}"),
        }
    }
}
