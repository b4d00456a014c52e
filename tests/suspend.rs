// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: who runs a domain suspends and resumes it, and all that Linux does then is done: the phases of each
//! device in their order, errors that end where it began, clients that wait, devices that wake it. Through real
//! drivers, and one of our own (`tests/c/suspend.c`).

mod open_policy;

use linux_compat::client::{Client, ClientError};
use linux_compat::iio::Device;
use linux_compat::system::{ClockKind, Domain, DriverSpec, System, SystemOptions};
use linux_headers::{Profile, Series};
use open_policy::open_policy;
use std::time::Duration;

/// For a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// Long enough for what would happen at once.
const MOMENT: Duration = Duration::from_millis(50);
const BOTH: [Series; 2] = [Series::V6_12, Series::V6_1];

fn errno<T: std::fmt::Debug>(result: Result<T, ClientError>) -> String {
    let errno = result.as_ref().err().and_then(ClientError::errno);
    errno
        .and_then(|errno| errno.name())
        .map_or(format!("{result:?}"), str::to_owned)
}

fn gyroscope(series: Series) -> (System, Domain) {
    let system = System::new(SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    })
    .expect("a system");
    let mut spec = DriverSpec::new("bmg160").expect("a board");
    spec.stimulus = board::Stimulus::parse("rate=1,0,-1").expect("a stimulus");
    let built = system.build(&spec.name, &spec.board).expect("an image");
    let domain = system.start(&spec, &built).expect("a domain");
    (system, domain)
}

/// What the bus saw while `work` was done.
fn transfers(domain: &Domain, work: impl FnOnce()) -> String {
    domain.board().with(|sim| sim.record());
    work();
    domain.board().with(|sim| sim.transcript().expect("it records").text())
}

#[test]
fn a_gyroscope_sleeps_and_measures_again() {
    for series in BOTH {
        let (_system, domain) = gyroscope(series);
        let mut owner = domain.supervisor(SOON).expect("a supervisor");
        let mut client = domain.client().expect("a client");
        let device = Device::all(&mut client).expect("devices").remove(0);
        let value = |client: &mut Client| {
            let channel = device.channel("anglvel_x").expect("a channel");
            device.read(client, channel).expect("a value")
        };
        let before = value(&mut client);
        let down = transfers(&domain, || owner.suspend().expect("it sleeps"));
        // Register 0x11, bit 7: the data sheet's suspend mode.
        assert!(down.contains("w:1180"), "{series}: {down}");
        assert_eq!(errno(owner.suspend()), "EBUSY");
        assert!(client.state().expect("it answers").is_booted);
        // Nobody captures, so its driver leaves it there, until a reading.
        let up = transfers(&domain, || owner.resume().expect("it wakes"));
        assert_eq!(up, "", "{series}");
        owner.resume().expect("it is awake");
        // Longer than its driver waits before it suspends an idle chip itself.
        client.advance(3_000_000_000).expect("time passes");
        let up = transfers(&domain, || assert!((value(&mut client) - before).abs() < 0.01));
        assert!(up.contains("w:1100"), "{series}: {up}");
        // Its end needs no resume before.
        owner.suspend().expect("it sleeps again");
        domain.stop();
        let death = domain.death().expect("it ended");
        assert!(death.to_string().contains("exit"), "{death}");
    }
}

#[test]
fn clients_may_not_suspend_it() {
    let (_system, domain) = gyroscope(Series::V6_12);
    let mut client = domain.client().expect("a client");
    assert!(client.suspend().is_err());
    assert!(client.resume().is_err());
}

/// A domain of `tests/c/suspend.c`, whose owner may do all.
struct Sleeper {
    domain: Domain,
    owner: Client,
    client: Client,
    _system: System,
}

impl Sleeper {
    fn new(series: Series, profile: Profile, clock: ClockKind) -> Self {
        let system = System::new(SystemOptions {
            series: Some(series),
            profile,
            clock,
            policy: open_policy("driver.Adxl345"),
            ..SystemOptions::default()
        })
        .expect("a system");
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/suspend.c");
        let spec = DriverSpec::new("adxl345").expect("a board");
        let built = system.build(driver, &spec.board).expect("an image");
        let domain = system.start(&spec, &built).expect("the driver runs");
        Self {
            owner: domain.supervisor(SOON).expect("a supervisor"),
            client: domain.client().expect("a client"),
            domain,
            _system: system,
        }
    }

    fn write(&mut self, name: &str, text: &str) {
        let path = format!("class/misc/suspend/{name}");
        self.client.write(&path, text.as_bytes()).expect("it is written");
    }

    /// What was noted since the last time.
    fn phases(&mut self) -> Vec<String> {
        let text = self.client.read_text("class/misc/suspend/phases").expect("phases");
        self.write("phases", "none");
        text.lines().map(str::to_owned).collect()
    }
}

/// In the order of the kernel's documentation (`Documentation/driver-api/pm/devices.rst`): parents are prepared first
/// and suspended last.
const DOWN: [&str; 9] = [
    "listener before",
    "parent prepare",
    "child prepare",
    "child suspend",
    "parent suspend",
    "child suspend_late",
    "parent suspend_late",
    "child suspend_noirq",
    "parent suspend_noirq",
];
const UP: [&str; 9] = [
    "parent resume_noirq",
    "child resume_noirq",
    "parent resume_early",
    "child resume_early",
    "parent resume",
    "child resume",
    "child complete",
    "parent complete",
    "listener after",
];

#[test]
fn devices_go_through_all_phases_in_their_order() {
    for (series, profile) in BOTH
        .into_iter()
        .flat_map(|series| [Profile::Release, Profile::Debug].map(|profile| (series, profile)))
    {
        let mut sleeper = Sleeper::new(series, profile, ClockKind::Real);
        for _ in 0..3 {
            sleeper.owner.suspend().expect("it sleeps");
            sleeper.owner.resume().expect("it wakes");
            assert_eq!(sleeper.phases(), [DOWN, UP].concat(), "{series} {profile:?}");
        }
    }
}

#[test]
fn whoever_refuses_ends_it_where_it_began() {
    for series in BOTH {
        let mut sleeper = Sleeper::new(series, Profile::Debug, ClockKind::Real);
        // The phase that the child refuses, and how many phases after the first are then undone.
        let refusals: [(&str, &str, &[&str]); 5] = [
            ("before", "EPERM", &["listener before"]),
            (
                "prepare",
                "EIO",
                &[
                    "listener before",
                    "parent prepare",
                    "child prepare",
                    "parent complete",
                    "listener after",
                ],
            ),
            ("suspend", "EIO", &[]),
            ("suspend_late", "EIO", &[]),
            ("suspend_noirq", "EIO", &[]),
        ];
        for (phase, error, seen) in refusals {
            sleeper.write("refused", phase);
            assert_eq!(errno(sleeper.owner.suspend()), error, "{series} {phase}");
            let phases = sleeper.phases();
            match phase {
                "before" | "prepare" => assert_eq!(phases, seen, "{series} {phase}"),
                _ => {
                    let refused = format!("child {phase}");
                    let at = phases.iter().position(|seen| *seen == refused).expect("the phase");
                    assert_eq!(phases[..=at], DOWN[..=at], "{series} {phase}");
                    assert_eq!(phases[phases.len() - 3..], UP[6..], "{series} {phase}");
                    // The child's phase did not happen, so there is nothing of it to undo.
                    let undone = format!(
                        "child {}",
                        UP_OF.iter().find(|(down, _)| *down == phase).expect("a phase").1
                    );
                    assert!(!phases.contains(&undone), "{series} {phase}: {phases:?}");
                }
            }
            // It works on, and would sleep.
            sleeper.write("refused", "none");
            sleeper.owner.suspend().expect("it sleeps");
            sleeper.owner.resume().expect("it wakes");
            assert_eq!(sleeper.phases(), [DOWN, UP].concat(), "{series} after {phase}");
        }
        let log = sleeper.domain.log();
        let said = |text: &str| log.iter().any(|line| line.text.contains(text));
        assert!(said("PM: late suspend of devices failed"), "{log:?}");
        assert!(said("PM: noirq suspend of devices failed"), "{log:?}");
    }
}

/// A phase, and the one that undoes it.
const UP_OF: [(&str, &str); 3] = [
    ("suspend", "resume"),
    ("suspend_late", "resume_early"),
    ("suspend_noirq", "resume_noirq"),
];

#[test]
fn clients_wait_until_it_is_awake() {
    for series in BOTH {
        let mut sleeper = Sleeper::new(series, Profile::Debug, ClockKind::Real);
        // One that is served and cannot be interrupted is waited for.
        let mut busy = sleeper.domain.client().expect("a client");
        let busy = std::thread::spawn(move || busy.write("class/misc/suspend/busy", b"200"));
        // One that could be is, and begins again when the domain is awake; one that comes later is not served.
        let mut napping = sleeper.domain.client().expect("a client");
        let napping = std::thread::spawn(move || napping.write("class/misc/suspend/nap", b"100000"));
        let mut watching = sleeper.domain.client().expect("a client");
        let watching = std::thread::spawn(move || watching.attribute_wait("class/misc/suspend/phases", 0, MOMENT * 20));
        let mut reader = sleeper.domain.client().expect("a client");
        let file = reader.device_open("suspend", true).expect("the device");
        let reader = std::thread::spawn(move || reader.device_read(file, 8));
        std::thread::sleep(MOMENT);
        sleeper.write("say", "400");
        sleeper.owner.suspend().expect("it sleeps");
        let mut late = sleeper.domain.client().expect("a client");
        let late = std::thread::spawn(move || late.read_text("class/misc/suspend/phases"));
        std::thread::sleep(MOMENT * 10);
        assert!(
            !reader.is_finished() && !late.is_finished() && !watching.is_finished(),
            "{series}"
        );
        napping.join().expect("no panic").expect("it was served");
        busy.join().expect("no panic").expect("it was served");
        sleeper.owner.resume().expect("it wakes");
        assert_eq!(reader.join().expect("no panic"), Ok(b"word".to_vec()));
        late.join().expect("no panic").expect("it was served");
        assert_eq!(watching.join().expect("no panic"), Ok(0));
        let phases = sleeper.phases();
        let at = |what: &str| phases.iter().position(|seen| seen == what);
        assert!(at("busy done") < at("parent prepare"), "{phases:?}");
        assert!(at("nap cut short") < at("parent prepare"), "{phases:?}");
        assert!(at("reader awake").is_some(), "{phases:?}");
    }
}

#[test]
fn timers_run_on_and_work_that_may_be_frozen_is() {
    for series in BOTH {
        let mut sleeper = Sleeper::new(series, Profile::Debug, ClockKind::Virtual);
        sleeper.write("work", "20");
        sleeper.owner.suspend().expect("it sleeps");
        sleeper.owner.advance(100_000_000).expect("time passes");
        sleeper.owner.resume().expect("it wakes");
        sleeper.owner.advance(1_000_000).expect("time passes");
        let wanted = [DOWN.as_slice(), &UP, &["work awake"]].concat();
        let phases = sleeper.phases();
        assert!(phases.contains(&"work awake".to_owned()) && !phases.contains(&"work asleep".to_owned()));
        assert_eq!(phases.len(), wanted.len(), "{series}: {phases:?}");
    }
}

#[test]
fn a_device_may_wake_it() {
    for series in BOTH {
        let mut sleeper = Sleeper::new(series, Profile::Debug, ClockKind::Virtual);
        sleeper.write("alarm", "20");
        sleeper.owner.suspend().expect("it sleeps");
        sleeper.owner.advance(100_000_000).expect("time passes");
        let wanted = [DOWN.as_slice(), &["timer asleep"], &UP].concat();
        assert_eq!(sleeper.phases(), wanted, "{series}");
        // An event on the way ends it there.
        sleeper.owner.suspend().expect("it sleeps");
        sleeper.owner.resume().expect("it wakes");
    }
}
