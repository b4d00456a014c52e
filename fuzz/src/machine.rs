// SPDX-License-Identifier: GPL-2.0-only
//! A domain that is booted once, and put back to that moment before each input.
//!
//! It boots with a device that answers nothing, so the driver's probe fails and the device is left without a driver. An
//! input begins by binding it, which is the same probe.

use crate::device::{Chip, Identity, Log, Rest, gpio_lines, i2c_bus, kernel_log, spi_bus, virtual_clock};
use crate::ffi;
use crate::finding::Finding;
use crate::image::Image;
use crate::input::Input;
use kos_bindings::hosted::inproc::{InProc, Options, Snapshot};
use kos_bindings::hosted::{ChannelSpec, DomainSpec, Endpoint, Lines, Rights, Server};
use kos_bindings::idl::{clock, gpio, i2c, log, spi};
use std::time::Duration;

/// What the domain is connected to, made of what it answers from and its interrupt lines.
pub type Hardware<'a> = &'a dyn Fn(&Input, &Lines) -> Vec<ChannelSpec>;

/// What the domain may write. More costs time: each input ends with a look at which pages it touched.
const MEMORY_BYTES: u64 = 6 << 20;

/// The domain and the hardware around it.
pub struct Machine {
    /// The domain; requests go to it.
    pub domain: InProc,
    /// What the device answers from.
    pub input: Input,
    /// Its interrupt lines.
    pub lines: Lines,
    /// Its log.
    pub log: Log,
    image: Image,
    snapshot: Option<(Snapshot, Vec<Vec<u8>>)>,
}

/// A channel to a server.
pub fn channel(name: &str, riid: u16, server: impl Server + 'static) -> ChannelSpec {
    ChannelSpec {
        name: name.to_owned(),
        riid,
        endpoint: Endpoint::of_server(name, server),
        rights: Rights::CALL,
    }
}

impl Machine {
    /// Boots the image.
    ///
    /// # Panics
    ///
    /// It does not boot: there is nothing to fuzz then.
    #[must_use]
    pub fn boot(image: Image, identity: Identity) -> Self {
        Self::boot_with(image, &|input, lines| {
            let chip = Chip::new(input.clone(), lines.clone(), identity);
            let rest = Rest::new(input.clone());
            vec![
                channel("i2c0", i2c::RIID, i2c_bus(chip.clone())),
                channel("spi0", spi::RIID, spi_bus(chip)),
                channel("gpio", gpio::RIID, gpio_lines(rest.clone())),
                channel("clock", clock::RIID, virtual_clock(rest)),
            ]
        })
    }

    /// Boots the image with hardware of the caller's.
    ///
    /// # Panics
    ///
    /// As [`Machine::boot`].
    #[must_use]
    pub fn boot_with(image: Image, hardware: Hardware<'_>) -> Self {
        let (input, lines, log) = (Input::default(), Lines::new(), Log::default());
        let mut spec = DomainSpec::new("fuzzed", &image.path);
        spec.dtb = std::fs::read(&image.dtb).expect("the board");
        spec.memory_bytes = MEMORY_BYTES;
        spec.is_virtual_time = true;
        spec.start_ns = 0;
        spec.args = vec!["wall_ns=946684800000000000".to_owned()];
        spec.lines = lines.clone();
        spec.channels = hardware(&input, &lines);
        spec.channels.push(channel("log", log::RIID, kernel_log(log.clone())));
        ffi::catch_faults(&image);
        // A request that nothing can answer any more is given up at once: time is virtual.
        let options = Options {
            call_timeout: Some(Duration::ZERO),
            ..Options::default()
        };
        let domain = InProc::start(&spec, options).expect("the domain starts");
        ffi::connect(&image);
        let mut machine = Self {
            domain,
            input,
            lines,
            log,
            image,
            snapshot: None,
        };
        if let Some(finding) = machine.finding() {
            panic!("the domain died while it booted:\n{finding}");
        }
        machine
    }

    /// Keeps the domain as it is now: [`Machine::reset`] brings it back here.
    ///
    /// # Panics
    ///
    /// The system does not say which pages exist.
    pub fn keep(&mut self) {
        let counters = self.image.counters.clone();
        let snapshot = self.domain.snapshot(&[counters]).expect("a domain that listens");
        let shadow = snapshot.memory().map(|memory| ffi::shadow_of(&memory)).collect();
        self.snapshot = Some((snapshot, shadow));
    }

    /// Puts everything back and takes the next input.
    ///
    /// # Panics
    ///
    /// As [`Machine::keep`].
    pub fn reset(&mut self, data: &[u8]) {
        for line in 0..8 {
            self.lines.set(line, false);
        }
        if let Some((snapshot, shadow)) = &mut self.snapshot {
            self.domain.restore(snapshot).expect("a snapshot of this domain");
            for (number, memory) in snapshot.memory().enumerate() {
                ffi::set_shadow(&memory, shadow.get(number));
            }
        }
        let _ = self.log.take();
        self.input.set(data);
    }

    /// How the domain died, if it did, or what it warned of, if it lives: a `WARN` that a device can cause is an error
    /// (`include/asm-generic/bug.h`).
    #[must_use]
    pub fn finding(&mut self) -> Option<Finding> {
        let log = self.log.take();
        match self.domain.exit_status() {
            Some((code, words)) => Some(Finding::of_death(&self.image, code, words, log)),
            None => Finding::of_warning(&self.image, &log),
        }
    }
}
