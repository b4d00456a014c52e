// SPDX-License-Identifier: GPL-2.0-only
//! What a board sees of a chip: its bus pins, its interrupt pins and its need of time.
//!
//! Nearly every sensor is a set of registers behind an address byte. Such a chip implements [`RegModel`] and gets
//! its I²C and SPI behaviour from [`RegDevice`]. A chip that talks otherwise (an NFC controller with frames)
//! implements [`Chip`] itself.
//!
//! Time is pulled, never pushed: a chip has no timer. The board calls [`Chip::advance`] with the present time before
//! each transfer and at each moment that [`Status::next_event`] asked for; the chip then does all that should have
//! happened since the last call.

use crate::fault::FaultKind;
use crate::stand_in::StandIn;
use crate::stimulus::Stimulus;

/// What a chip does to the wire at one of its interrupt pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Driven low.
    Low,
    /// Driven high.
    High,
    /// Not driven: an open-drain output at rest. The board pulls such a wire up.
    Float,
}

impl Pin {
    /// The pin as an output driver makes it: `active` at polarity `active_high`, push-pull or open drain.
    ///
    /// An open-drain driver can only pull down, whatever its polarity.
    pub fn output(active: bool, active_high: bool, open_drain: bool) -> Pin {
        match (active == active_high, open_drain) {
            (false, _) => Pin::Low,
            (true, false) => Pin::High,
            (true, true) => Pin::Float,
        }
    }
}

/// The most interrupt pins that a chip has.
pub const PINS: usize = 2;

/// Value of [`Status::next_event`] when the chip wants nothing: the end of time.
pub const NEVER: u64 = u64::MAX;

/// What a chip shows after something has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// When, in ns of board time, an interrupt pin may change although nobody talks to the chip; or [`NEVER`].
    pub next_event: u64,
    /// The interrupt pins in the order of [`Chip::pin_names`].
    pub pins: [Pin; PINS],
}

/// Direction of an I²C message, seen from the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// Master to chip.
    Write,
    /// Chip to master.
    Read,
}

/// A simulated chip as the board and its buses see it.
pub trait Chip: Send {
    /// The part's name, for messages.
    fn name(&self) -> &'static str;

    /// Names of the interrupt pins, as `interrupt-names` in the device tree spells them.
    fn pin_names(&self) -> &'static [&'static str];

    /// Lets time pass until `now` (ns, never earlier than the last call) in the given physical world.
    fn advance(&mut self, now: u64, world: &Stimulus);

    /// The interrupt pins, and when the chip next needs [`advance`](Self::advance).
    fn status(&self) -> Status;

    /// The pins that the host drives, as the properties of the device tree that say by which line, such as
    /// `enable-gpios`.
    fn input_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// The level at a pin of [`input_names`](Self::input_names). A pin that the board does not wire is never told of.
    fn set_input(&mut self, _pin: usize, _level: bool) {}

    /// START or repeated START with this chip's address. Returns whether the chip acknowledges.
    fn i2c_start(&mut self, _dir: Dir) -> bool {
        false
    }

    /// Bytes from the master. Returns how many of them the chip acknowledged.
    fn i2c_write(&mut self, _bytes: &[u8]) -> usize {
        0
    }

    /// Bytes to the master.
    fn i2c_read(&mut self, bytes: &mut [u8]) {
        bytes.fill(0xff);
    }

    /// STOP.
    fn i2c_stop(&mut self) {}

    /// The transfer's bits are through: it is `now`. A chip that works on what it was sent begins here, since all of a
    /// transfer's bytes are given to it at the transfer's beginning. Not called after
    /// [`i2c_write_read`](Self::i2c_write_read).
    fn transfer_end(&mut self, _now: u64) {}

    /// A whole transfer of the most usual kind: advance, write, repeated START, read, STOP. Returns the status after
    /// it, or `None` if the chip did not acknowledge: the board then does it again step by step, to see where it
    /// fails.
    ///
    /// Says nothing that the other methods do not say. It exists because it is compiled for each chip: one call through
    /// a table instead of seven.
    fn i2c_write_read(&mut self, now: u64, world: &Stimulus, out: &[u8], into: &mut [u8]) -> Option<Status> {
        self.advance(now, world);
        if !self.i2c_start(Dir::Write) || self.i2c_write(out) < out.len() {
            return None;
        }
        self.i2c_start(Dir::Read);
        self.i2c_read(into);
        self.i2c_stop();
        Some(self.status())
    }

    /// Chip select goes active; `mode` is Linux's SPI mode word.
    fn spi_select(&mut self, _mode: u32) {}

    /// One byte in each direction.
    fn spi_byte(&mut self, _mosi: u8) -> u8 {
        0xff
    }

    /// `len` bytes in each direction: zeros go out when `tx` is shorter, and what does not fit into `rx` is lost.
    fn spi_bytes(&mut self, len: usize, tx: &[u8], rx: &mut [u8]) {
        for at in 0..len {
            let miso = self.spi_byte(tx.get(at).copied().unwrap_or(0));
            if let Some(byte) = rx.get_mut(at) {
                *byte = miso;
            }
        }
    }

    /// Chip select goes inactive.
    fn spi_deselect(&mut self) {}

    /// Makes the chip answer `id` where its identification is read: a fault to try drivers with.
    fn fake_id(&mut self, id: u8);

    /// Makes the chip or its radio misbehave. Returns false if this chip has nothing that could.
    fn misbehave(&mut self, _fault: FaultKind) -> bool {
        false
    }
}

/// How a chip reads the first byte of an SPI transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiCommand {
    /// The register that the transfer starts at.
    pub reg: u8,
    /// Whether the chip answers (true) or listens.
    pub read: bool,
    /// Whether the address moves on after each byte.
    pub increment: bool,
}

/// A chip that is a set of registers: what distinguishes it from other such chips.
pub trait RegModel: Send {
    /// See [`Chip::name`].
    const NAME: &'static str;
    /// See [`Chip::pin_names`].
    const PIN_NAMES: &'static [&'static str];
    /// The register that identifies the part.
    const ID_REG: u8;

    /// Whether this address, as the bus gives it, is that of the identification.
    fn is_id(&self, reg: u8) -> bool {
        reg == Self::ID_REG
    }

    /// See [`Chip::advance`].
    fn advance(&mut self, now: u64, world: &Stimulus);

    /// See [`Chip::status`].
    fn status(&self) -> Status;

    /// The bus reads `reg`, with all side effects that this has.
    fn read(&mut self, reg: u8) -> u8;

    /// The bus writes `reg`.
    fn write(&mut self, reg: u8, value: u8);

    /// The register that follows `reg` in a burst.
    fn next_reg(&self, reg: u8) -> u8 {
        reg.wrapping_add(1)
    }

    /// The register at which a read begins when the burst before it ended at `reg`. A chip with a pointer that does not
    /// move on goes back here.
    fn read_start(&self, reg: u8) -> u8 {
        reg
    }

    /// The burst is over: STOP, repeated START, or chip select inactive.
    fn burst_end(&mut self) {}

    /// Whether the chip understands this SPI mode word (`SPI_CPHA` 1, `SPI_CPOL` 2, `SPI_LSB_FIRST` 8,
    /// `SPI_3WIRE` 0x10 of `include/uapi/linux/spi/spi.h`). By default the chip has no SPI.
    fn spi_accepts(&self, _mode: u32) -> bool {
        false
    }

    /// How the chip reads the first byte of an SPI transfer.
    fn spi_command(&self, byte: u8) -> SpiCommand {
        SpiCommand {
            reg: byte & 0x7f,
            read: byte & 0x80 != 0,
            increment: true,
        }
    }
}

/// Where the SPI side of a register chip stands within a transfer.
#[derive(Clone, Copy)]
enum SpiPhase {
    /// Not selected, or selected in a mode that the chip does not understand.
    Deaf,
    /// Selected; the next byte is the command.
    Command,
    /// Data of this command.
    Data(SpiCommand),
}

/// The bus front ends of a register chip: I²C slave and SPI slave.
///
/// I²C, as all such chips have it: the first byte written after a START is the register address; the bytes after it
/// go to that register and those behind it; a read starts at the address last set and moves it on. A STOP keeps it.
pub struct RegDevice<M> {
    model: M,
    reg: u8,
    wants_reg: bool,
    spi: SpiPhase,
    fake_id: Option<u8>,
}

impl<M: RegModel> RegDevice<M> {
    /// Puts `model` behind the buses.
    pub fn new(model: M) -> Self {
        RegDevice {
            model,
            reg: 0,
            wants_reg: false,
            spi: SpiPhase::Deaf,
            fake_id: None,
        }
    }

    #[inline]
    fn read_reg(&mut self, reg: u8) -> u8 {
        let value = self.model.read(reg);
        match self.fake_id {
            Some(id) if self.model.is_id(reg) => id,
            _ => value,
        }
    }
}

impl<M: RegModel> Chip for RegDevice<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn pin_names(&self) -> &'static [&'static str] {
        M::PIN_NAMES
    }

    fn advance(&mut self, now: u64, world: &Stimulus) {
        self.model.advance(now, world);
    }

    fn status(&self) -> Status {
        self.model.status()
    }

    fn i2c_start(&mut self, dir: Dir) -> bool {
        self.model.burst_end();
        self.wants_reg = dir == Dir::Write;
        if dir == Dir::Read {
            self.reg = self.model.read_start(self.reg);
        }
        true
    }

    fn i2c_write(&mut self, bytes: &[u8]) -> usize {
        let mut data = bytes;
        if self.wants_reg
            && let Some((&reg, rest)) = bytes.split_first()
        {
            self.reg = reg;
            self.wants_reg = false;
            data = rest;
        }
        for &byte in data {
            self.model.write(self.reg, byte);
            self.reg = self.model.next_reg(self.reg);
        }
        bytes.len()
    }

    fn i2c_read(&mut self, bytes: &mut [u8]) {
        let mut reg = self.reg;
        for byte in bytes {
            *byte = self.read_reg(reg);
            reg = self.model.next_reg(reg);
        }
        self.reg = reg;
    }

    fn i2c_stop(&mut self) {
        self.model.burst_end();
    }

    fn spi_select(&mut self, mode: u32) {
        self.spi = if self.model.spi_accepts(mode) {
            SpiPhase::Command
        } else {
            SpiPhase::Deaf
        };
    }

    fn spi_byte(&mut self, mosi: u8) -> u8 {
        match self.spi {
            // Nobody drives the wire, and it is pulled up.
            SpiPhase::Deaf => 0xff,
            SpiPhase::Command => {
                let command = self.model.spi_command(mosi);
                self.reg = command.reg;
                self.spi = SpiPhase::Data(command);
                // While the command comes in, the chip has nothing to say yet.
                0x00
            }
            SpiPhase::Data(command) => {
                let reg = self.reg;
                if command.increment {
                    self.reg = self.model.next_reg(reg);
                }
                if command.read {
                    return self.read_reg(reg);
                }
                self.model.write(reg, mosi);
                0x00
            }
        }
    }

    fn spi_deselect(&mut self) {
        self.spi = SpiPhase::Deaf;
        self.model.burst_end();
    }

    fn fake_id(&mut self, id: u8) {
        self.fake_id = Some(id);
    }
}

/// How a kind of chip is made.
pub type Make = fn(&ChipOptions) -> Box<dyn Chip>;

/// Behaviour that all chips share and that a test may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChipOptions {
    /// When the first sample is there after measurement is switched on.
    pub start_up: StartUp,
    /// What is on the buses instead of the chips, to see what a driver does with it.
    pub stand_in: Option<StandIn>,
}

/// When the first sample is there after measurement is switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartUp {
    /// At once, as if the chip had measured all along. Differs from the hardware: a client that reads right
    /// after the driver has bound then sees the stimulus and not the zeros of an empty output register.
    #[default]
    Instant,
    /// After the start-up time of the data sheet.
    DataSheet,
}

impl StartUp {
    /// How long it takes here to do what takes `ns` by the data sheet.
    pub fn delay(self, ns: u64) -> u64 {
        match self {
            StartUp::Instant => 0,
            StartUp::DataSheet => ns,
        }
    }
}

/// The chips that a board can carry: `compatible` strings and how to make the chip.
pub const CHIPS: &[(&str, Make)] = &[
    ("adi,adxl345", |options| {
        Box::new(RegDevice::new(crate::adxl345::Adxl345::new(options)))
    }),
    ("asahi-kasei,ak8975", |options| {
        Box::new(RegDevice::new(crate::ak8975::Ak8975::new(options)))
    }),
    ("atmel,24c02", |_| Box::new(crate::at24::At24::new(&crate::at24::C02))),
    ("atmel,24c32", |_| Box::new(crate::at24::At24::new(&crate::at24::C32))),
    ("bosch,bma255", |options| {
        Box::new(RegDevice::new(crate::bma255::Bma255::new(options)))
    }),
    ("bosch,bma400", |options| {
        Box::new(RegDevice::new(crate::bma400::Bma400::new(options)))
    }),
    ("bosch,bmg160", |options| {
        Box::new(RegDevice::new(crate::bmg160::Bmg160::new(options)))
    }),
    ("bosch,bmi160", |options| {
        Box::new(RegDevice::new(crate::bmi160::Bmi160::new(options)))
    }),
    ("dallas,ds1307", |_| {
        Box::new(RegDevice::new(crate::ds1307::Ds1307::default()))
    }),
    ("fsl,mma8452", |options| {
        Box::new(RegDevice::new(crate::mma8452::Mma8452::new(options)))
    }),
    ("invensense,itg3200", |options| {
        Box::new(RegDevice::new(crate::invensense::Itg3200::new(options)))
    }),
    ("invensense,mpu3050", |options| {
        Box::new(RegDevice::new(crate::invensense::Mpu3050::new(options)))
    }),
    ("invensense,mpu6050", |options| {
        Box::new(RegDevice::new(crate::mpu6050::Mpu6050::new(options)))
    }),
    ("kionix,kxcjk1013", |options| {
        Box::new(RegDevice::new(crate::kxcjk1013::Kxcjk1013::new(options)))
    }),
    ("linux,spi-loopback-test", |_| Box::new(crate::loopback::Loopback)),
    ("maxim,ds3231", |_| {
        Box::new(RegDevice::new(crate::ds3231::Ds3231::default()))
    }),
    ("national,lm75", |_| {
        Box::new(RegDevice::new(crate::lm75::Lm75::default()))
    }),
    ("nxp,fxas21002c", |options| {
        Box::new(RegDevice::new(crate::fxas21002c::Fxas21002c::new(options)))
    }),
    ("st,l3gd20-gyro", |options| {
        Box::new(RegDevice::new(crate::l3gd20::L3gd20::new(options)))
    }),
    ("st,lis3dh-accel", |options| {
        Box::new(RegDevice::new(crate::lis3dh::Lis3dh::new(options)))
    }),
    ("st,st95hf", |options| Box::new(crate::st95hf::St95hf::new(options))),
    ("nxp,pn532", |options| Box::new(crate::pn532::Pn532::new(options))),
    ("nxp,pn7150", |options| Box::new(crate::pn7150::Pn7150::new(options))),
    ("nxp,nxp-nci-i2c", |options| {
        Box::new(crate::pn7150::Pn7150::new(options))
    }),
    ("st,lsm6dsl", |options| {
        Box::new(RegDevice::new(crate::lsm6dsl::Lsm6dsl::new(options)))
    }),
];
