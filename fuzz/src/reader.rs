// SPDX-License-Identifier: GPL-2.0-only
//! Readers of tags: the three controllers, as our models play them, with a liar between them and their drivers.
//!
//! No fuzzer finds a controller's whole conversation by chance. So the chips are the models that the tests use,
//! and what a driver reads is theirs, until the liar ([`crate::liar`]) has a hand in it.

use crate::device::spi_bus;
use crate::image::Image;
use crate::liar::{Bounded, Liar};
use crate::machine::{Machine, channel};
use crate::netlink;
use board::server::{ClockServer, GpioServer, I2cServer, SpiServer};
use board::{BoardOptions, Clock, SharedBoard, SimBoard, Stimulus};
use kos_bindings::hosted::{ChannelSpec, Lines};
use kos_bindings::idl::{clock, control, gpio, i2c, socket, spi, sysfs};
use kos_bindings::nk::{Parts, PartsMut, Transport};

/// Drivers, and their devices.
const DRIVERS: [(&str, &str); 3] = [
    ("bus/i2c/drivers/nxp-nci_i2c", "0-0028"),
    ("bus/i2c/drivers/pn533_i2c", "0-0024"),
    ("bus/spi/drivers/st95hf", "spi0.0"),
];
/// This one is not unbound while it is fuzzed: upstream frees its device with work and an exchange under way
/// (`docs/upstream-findings.md`), and a freed work item is found in functions that all work has.
const STAYS_BOUND: &str = "spi0.0";
/// `nfcsim` has the first two.
const ADAPTER: u32 = 2;
const TAGS: &str = "tag=ntag213:https://example.org@0s..100ms,200ms.. tag=type4:tel:1@50ms..";
const STEPS: usize = 48;

/// `enum nfc_commands` and `enum nfc_attrs`.
const DEV_UP: u8 = 2;
const START_POLL: u8 = 6;
const GET_TARGET: u8 = 8;
const DEVICE_INDEX: u16 = 1;
const PROTOCOLS: u16 = 3;
const TARGET_INDEX: u16 = 4;
const IM_PROTOCOLS: u16 = 13;
/// `NFC_PROTO_MIFARE_MASK | NFC_PROTO_ISO14443_MASK`: what the tags speak.
const TAG_PROTOCOLS: u32 = 1 << 2 | 1 << 4;
/// `NLM_F_DUMP`.
const DUMP: u16 = 0x300;

/// The hardware: it is made anew for each input.
struct World {
    shared: SharedBoard,
    dtb: Vec<u8>,
    liar: Liar,
    lines: Lines,
}

fn fresh(dtb: &[u8]) -> SimBoard {
    let options = BoardOptions {
        clock: Clock::Virtual,
        stimulus: Stimulus::parse(TAGS).expect("a stimulus"),
        ..BoardOptions::default()
    };
    SimBoard::new(dtb, options).expect("the board")
}

impl World {
    /// New chips, at this time.
    fn renew(&self, now_ns: u64) {
        let mut sim = fresh(&self.dtb);
        while sim.now_ns() < now_ns {
            sim.advance(now_ns);
        }
        let (lines, liar) = (self.lines.clone(), self.liar.clone());
        liar.forget();
        sim.set_line_sink(Box::new(move |line, is_high| lines.set(line, is_high)));
        sim.set_liar(Box::new(move |bytes| liar.lie(bytes)));
        self.shared.with(|board| *board = sim);
    }
}

fn channels(shared: &SharedBoard, liar: &Liar) -> Vec<ChannelSpec> {
    let i2c = I2cServer::new(shared, "i2c0").expect("a bus");
    let spi = SpiServer::new(shared, "spi0").expect("a bus");
    let spi = Bounded::new(spi, liar.clone());
    let gpio = GpioServer::new(shared);
    let time = ClockServer::new(shared).expect("virtual time");
    vec![
        channel("i2c0", i2c::RIID, move |riid, req: Parts<'_>, res: PartsMut<'_>| {
            i2c.answer(riid, req, res)
        }),
        channel("spi0", spi::RIID, spi_bus(spi)),
        channel("gpio", gpio::RIID, move |riid, req: Parts<'_>, res: PartsMut<'_>| {
            gpio.answer(riid, req, res)
        }),
        channel("clock", clock::RIID, move |riid, req: Parts<'_>, res: PartsMut<'_>| {
            time.answer(riid, req, res)
        }),
    ]
}

/// A booted domain whose drivers have let go of their chips.
pub struct Reader {
    /// The domain.
    pub machine: Machine,
    world: World,
    /// When the domain is put back to.
    since_ns: u64,
    /// The family `nfc`.
    pub family: u16,
    netlink: u32,
    raw: Option<u32>,
}

impl Reader {
    /// Boots the image, sees that all three drivers have their chips, and keeps the moment after they let them go.
    ///
    /// # Panics
    ///
    /// It does not boot, or a driver does not bind: nothing would be fuzzed.
    #[must_use]
    pub fn new(image: Image) -> Self {
        let dtb = std::fs::read(&image.dtb).expect("the board");
        let shared = SharedBoard::new(fresh(&dtb));
        let made = shared.clone();
        let liar = std::cell::OnceCell::new();
        let mut machine = Machine::boot_with(image, &|input, lines: &Lines| {
            let lines = lines.clone();
            made.with(|board| board.set_line_sink(Box::new(move |line, is_high| lines.set(line, is_high))));
            channels(&made, liar.get_or_init(|| Liar::new(input.clone())))
        });
        for (driver, device) in DRIVERS {
            assert!(
                write(&mut machine, driver, "unbind", device),
                "{device}: {:#?}",
                machine.log.take()
            );
        }
        let family = netlink::family(&mut machine.domain);
        let world = World {
            shared,
            dtb,
            liar: liar.into_inner().expect("made with the hardware"),
            lines: machine.lines.clone(),
        };
        let since_ns = world.shared.with(|board| board.now_ns());
        machine.keep();
        let mut reader = Self {
            machine,
            world,
            since_ns,
            family,
            netlink: 0,
            raw: None,
        };
        for (driver, device) in DRIVERS {
            reader.reset(&[]);
            assert!(
                write(&mut reader.machine, driver, "bind", device),
                "{device} does not bind"
            );
            assert!(
                reader.finds_a_tag(),
                "{device} finds no tag: {:#?}",
                reader.machine.log.take()
            );
        }
        reader
    }

    /// Puts everything back and takes the next input.
    pub fn reset(&mut self, data: &[u8]) {
        self.machine.reset(data);
        self.world.renew(self.since_ns);
        self.raw = None;
        self.netlink = netlink::open_generic(&mut self.machine.domain).unwrap_or(0);
    }

    fn ask(&mut self, flags: u16, command: u8, more: &[u8]) {
        let attrs = [netlink::attr(DEVICE_INDEX, &ADAPTER.to_ne_bytes()), more.to_vec()].concat();
        let message = netlink::request(self.family, flags, command, &attrs);
        netlink::send(&mut self.machine.domain, self.netlink, &message, &[]);
    }

    /// Lets time pass.
    pub fn advance(&mut self, ns: u64) {
        let handle = self.machine.domain.handle();
        let mut client = control::Client::new(&mut self.machine.domain as &mut dyn Transport, handle);
        let _ = client.advance(&control::AdvanceReq { ns });
    }

    /// Switches the adapter on and polls: what every input begins with.
    fn poll(&mut self) {
        self.ask(0, DEV_UP, &[]);
        self.ask(
            0,
            START_POLL,
            &netlink::attr(IM_PROTOCOLS, &TAG_PROTOCOLS.to_ne_bytes()),
        );
        self.advance(30_000_000);
    }

    fn finds_a_tag(&mut self) -> bool {
        self.poll();
        while !netlink::receive(&mut self.machine.domain, self.netlink).is_empty() {}
        self.ask(DUMP, GET_TARGET, &[]);
        let found = netlink::receive(&mut self.machine.domain, self.netlink);
        found.get(4..6) == Some(&self.family.to_ne_bytes()[..])
    }

    /// Activates a target, as a socket that connects does.
    fn connect(&mut self) {
        let target = self.machine.input.user().unwrap_or(0);
        let protocol = u32::from(self.machine.input.user().unwrap_or(2));
        let Some(id) = netlink::open_raw(&mut self.machine.domain) else {
            return;
        };
        let mut addr = netlink::AF_NFC.to_ne_bytes().to_vec();
        addr.extend([0; 2]);
        for number in [ADAPTER, u32::from(target), protocol % 9] {
            addr.extend(number.to_ne_bytes());
        }
        let mut client = netlink::sockets(&mut self.machine.domain);
        if client.connect(&socket::ConnectReq { id, addr: &addr }).is_ok() {
            self.raw = Some(id);
        } else {
            let _ = client.close(&socket::CloseReq { id });
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let input = &self.machine.input;
        let len = input.user().unwrap_or(0);
        (0..len & 0x3f).map_while(|_| input.user()).collect()
    }

    fn step(&mut self, (driver, device): (&str, &str)) -> Option<()> {
        let choice = self.machine.input.user()?;
        match (choice % 12, self.raw) {
            (0 | 1, _) => {
                let command = self.machine.input.user()? % 32;
                let value = u32::from(self.machine.input.user()?).to_ne_bytes();
                let kind = [PROTOCOLS, TARGET_INDEX, IM_PROTOCOLS, 21][usize::from(choice >> 4) % 4];
                self.ask(
                    if choice & 0x80 != 0 { DUMP } else { 0 },
                    command,
                    &netlink::attr(kind, &value),
                );
            }
            (2, _) => drop(netlink::receive(&mut self.machine.domain, self.netlink)),
            (3 | 4, None) => self.connect(),
            (3..=6, Some(id)) => {
                let data = self.bytes();
                netlink::send(&mut self.machine.domain, id, &data, &[]);
            }
            (7, Some(id)) => drop(netlink::receive(&mut self.machine.domain, id)),
            (8, Some(id)) => {
                let _ = netlink::sockets(&mut self.machine.domain).close(&socket::CloseReq { id });
                self.raw = None;
            }
            (9, _) => self.poll(),
            (10, _) if choice >= 0xf0 && device != STAYS_BOUND => {
                write(&mut self.machine, driver, "unbind", device);
            }
            _ => {
                let exponent = self.machine.input.user()?;
                self.advance(1 << (exponent % 34));
            }
        }
        Some(())
    }

    /// Runs one input: its first byte says which controller it is about.
    pub fn run(&mut self, data: &[u8]) {
        let Some((which, rest)) = data.split_first() else {
            return;
        };
        let driver = DRIVERS[usize::from(*which) % DRIVERS.len()];
        self.reset(rest);
        write(&mut self.machine, driver.0, "bind", driver.1);
        self.poll();
        for _ in 0..STEPS {
            if self.machine.domain.exit_status().is_some() || self.step(driver).is_none() {
                break;
            }
        }
        if self.machine.domain.exit_status().is_none() && driver.1 != STAYS_BOUND {
            write(&mut self.machine, driver.0, "unbind", driver.1);
        }
        if let Some(finding) = self.machine.finding() {
            finding.judge();
        }
    }
}

fn write(machine: &mut Machine, driver: &str, verb: &str, device: &str) -> bool {
    let handle = machine.domain.handle();
    let mut client = sysfs::Client::new(&mut machine.domain as &mut dyn Transport, handle);
    let request = sysfs::WriteReq {
        path: &format!("{driver}/{verb}"),
        offset: 0,
        data: device.as_bytes(),
    };
    client.write(&request).is_ok()
}
