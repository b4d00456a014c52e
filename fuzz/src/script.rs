// SPDX-License-Identifier: GPL-2.0-only
//! What a user does with a driver's devices: bind, read, write, buffers, interrupts, time, unbind.

use crate::device::Identity;
use crate::image::Image;
use crate::machine::Machine;
use kos_bindings::idl::{chardev, control, entries, sysfs};
use kos_bindings::nk::Transport;

/// A device under test.
pub struct Device {
    /// The image.
    pub image: Image,
    /// Its chip's identity.
    pub identity: Identity,
    /// The driver's directory below `/sys`.
    pub driver: &'static str,
    /// The device's name on its bus.
    pub name: &'static str,
    /// The trigger that the driver makes, if it makes one.
    pub trigger: &'static str,
}

/// The most steps of one script.
const STEPS: usize = 48;
/// Attributes whose content is no business of the driver and whose use ends the script.
const LEFT_OUT: [&str; 3] = ["uevent", "of_node", "driver_override"];
/// What is written into attributes, besides the fuzzer's own bytes.
const VALUES: [&str; 16] = [
    "0",
    "1",
    "-1",
    "auto",
    "on",
    "100",
    "0.000266",
    "2147483648",
    "-2147483648.999999",
    "4096",
    "0.5",
    "12.5",
    "3200",
    "none",
    "\n",
    "99999999999999999999",
];

/// A booted domain with what its device offers.
pub struct Bench {
    machine: Machine,
    device: Device,
    attributes: Vec<String>,
}

impl Bench {
    /// Boots the device's image, learns what the bound device offers, and keeps the moment before it was bound.
    ///
    /// # Panics
    ///
    /// The domain does not boot, or the driver does not bind to a healthy device: nothing would be fuzzed.
    #[must_use]
    pub fn new(device: Device) -> Self {
        let machine = Machine::boot(device.image.clone(), device.identity);
        let mut bench = Self {
            machine,
            device,
            attributes: Vec::new(),
        };
        bench.machine.keep();
        bench.machine.reset(&[]);
        if !bench.bind() {
            panic!(
                "the driver does not bind to a healthy device: {:#?}",
                bench.machine.log.take()
            );
        }
        // The devices of a bus are links to where they hang in the tree.
        let bus = format!("bus/{}/devices", self_bus(&bench.device));
        let links = bench.list(&bus);
        let link = links.iter().find(|(_, name, _)| name == bench.device.name);
        let target = link.map(|(_, _, target)| target.trim_start_matches("../").to_owned());
        let root = target.unwrap_or_else(|| panic!("no {} in {bus}: {links:?}", bench.device.name));
        bench.find_attributes(&root, 0);
        assert!(
            bench.attributes.len() > 10,
            "too little to fuzz: {:?}",
            bench.attributes
        );
        eprintln!("{}: {} attributes", bench.device.name, bench.attributes.len());
        bench
    }

    fn sysfs(&mut self) -> sysfs::Client<&mut dyn Transport> {
        let handle = self.machine.domain.handle();
        sysfs::Client::new(&mut self.machine.domain as &mut dyn Transport, handle)
    }

    fn chardev(&mut self) -> chardev::Client<&mut dyn Transport> {
        let handle = self.machine.domain.handle();
        chardev::Client::new(&mut self.machine.domain as &mut dyn Transport, handle)
    }

    fn write(&mut self, path: &str, data: &[u8]) -> bool {
        let request = sysfs::WriteReq { path, offset: 0, data };
        self.sysfs().write(&request).is_ok()
    }

    fn bind(&mut self) -> bool {
        let path = format!("{}/bind", self.device.driver);
        let name = self.device.name;
        self.write(&path, name.as_bytes())
    }

    fn unbind(&mut self) -> bool {
        let path = format!("{}/unbind", self.device.driver);
        let name = self.device.name;
        self.write(&path, name.as_bytes())
    }

    fn list(&mut self, path: &str) -> Vec<(u8, String, String)> {
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let request = sysfs::ListReq { path, from };
            let mut client = self.sysfs();
            let Ok(piece) = client.list(&request) else {
                return found;
            };
            let all = entries::iter(piece.entries).flatten();
            found.extend(all.map(|entry| (entry.kind, entry.name.to_owned(), entry.target.to_owned())));
            if piece.next <= from {
                return found;
            }
            from = piece.next;
        }
    }

    fn find_attributes(&mut self, dir: &str, depth: u8) {
        for (kind, name, _) in self.list(dir) {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            let path = format!("{dir}/{name}");
            match kind {
                b'f' => self.attributes.push(path),
                b'd' if depth < 4 => self.find_attributes(&path, depth + 1),
                _ => {}
            }
        }
    }

    /// An attribute of the fuzzer's choice.
    fn attribute(&mut self) -> Option<String> {
        let choice = usize::from(self.machine.input.user()?);
        self.attributes.get(choice % self.attributes.len()).cloned()
    }

    fn value(&mut self) -> Vec<u8> {
        let input = self.machine.input.clone();
        match input.user() {
            Some(byte) if byte < 0x80 => VALUES[usize::from(byte) % VALUES.len()].as_bytes().to_vec(),
            Some(byte) if byte < 0xa0 => self.device.trigger.as_bytes().to_vec(),
            Some(byte) => (0..byte & 0x1f).map_while(|_| input.user()).collect(),
            None => Vec::new(),
        }
    }

    /// Does one step; false when the script is over.
    fn step(&mut self) -> Option<()> {
        let choice = self.machine.input.user()?;
        match choice % 16 {
            0..=4 => {
                let path = self.attribute()?;
                let _ = self.sysfs().read(&sysfs::ReadReq { path: &path, offset: 0 });
            }
            5..=8 => {
                let path = self.attribute()?;
                let value = self.value();
                self.write(&path, &value);
            }
            9 | 10 => {
                let level = self.machine.input.user()?;
                self.machine.lines.set(u32::from(level >> 1 & 1), level & 1 != 0);
                self.advance(1_000);
            }
            11 => {
                let exponent = self.machine.input.user()?;
                self.advance(1 << (exponent % 36));
            }
            12 => self.capture(),
            13 => self.start_buffer(),
            14 => {
                self.unbind();
            }
            _ => {
                self.bind();
            }
        }
        Some(())
    }

    fn advance(&mut self, ns: u64) {
        let handle = self.machine.domain.handle();
        let mut client = control::Client::new(&mut self.machine.domain as &mut dyn Transport, handle);
        let _ = client.advance(&control::AdvanceReq { ns });
    }

    /// Reads the device's buffer without waiting.
    fn capture(&mut self) {
        let flags = chardev::FLAG_NONBLOCK;
        let name = "iio:device0";
        let opened = self
            .chardev()
            .open(&chardev::OpenReq { name, flags })
            .map(|opened| opened.id);
        if let Ok(id) = opened {
            let count = u32::from(self.machine.input.user().unwrap_or(64));
            let _ = self.chardev().poll(&chardev::PollReq {
                id,
                events: 1,
                timeout_ms: 10,
            });
            let _ = self.chardev().read(&chardev::ReadReq { id, count });
            let _ = self.chardev().close(&chardev::CloseReq { id });
        }
    }

    /// Enables channels, sets the trigger and switches the buffer on: what no fuzzer finds by chance.
    fn start_buffer(&mut self) {
        let mask = self.machine.input.user().unwrap_or(0xff);
        let paths = self.attributes.clone();
        let enabled = paths
            .iter()
            .filter(|path| path.contains("scan_elements/") && path.ends_with("_en"));
        for (number, path) in enabled.enumerate() {
            if mask >> (number % 8) & 1 != 0 {
                self.write(path, b"1");
            }
        }
        let trigger = self.device.trigger;
        for (end, value) in [
            ("trigger/current_trigger", trigger.as_bytes()),
            ("buffer/length", b"4"),
            ("buffer/enable", b"1"),
        ] {
            if let Some(path) = paths.iter().find(|path| path.ends_with(end)) {
                self.write(path, value);
            }
        }
    }

    /// Runs one input.
    pub fn run(&mut self, data: &[u8]) {
        self.machine.reset(data);
        self.bind();
        for _ in 0..STEPS {
            if self.machine.domain.exit_status().is_some() || self.step().is_none() {
                break;
            }
        }
        if self.machine.domain.exit_status().is_none() {
            self.unbind();
        }
        if let Some(finding) = self.machine.finding() {
            finding.judge();
        }
    }

    /// The machine, for a test of the harness itself.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

fn self_bus(device: &Device) -> &'static str {
    device.driver.split('/').nth(1).unwrap_or_default()
}

/// Runs one input on a bench that lives as long as the thread.
pub fn run(bench: &std::cell::RefCell<Option<Bench>>, data: &[u8]) {
    if let Some(bench) = bench.borrow_mut().as_mut() {
        bench.run(data);
    }
}
