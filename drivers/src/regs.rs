// SPDX-License-Identifier: GPL-2.0-only
//! A small declarative layer for register maps.
//!
//! A chip's registers are one table, written with [`registers!`](crate::registers): address, name, reset value, which
//! bits the bus can write, and whether reading or writing does something beyond storing:
//!
//! ```
//! board::registers! {
//!     /// Registers of the example chip (its data sheet, table 5).
//!     pub mod reg: [0x04];
//!     0x00 ID     = 0x42 ro;
//!     0x01 STATUS = 0x00 ro live;       // reading asks the chip
//!     0x02 CTRL   = 0x08 rw 0x0f act;   // writing tells the chip
//! }
//! let mut file = board::regs::RegFile::new(&reg::MAP);
//! assert_eq!(file.write(reg::CTRL, 0xff), 0x0f); // the upper bits do not exist
//! assert_eq!(file.write(reg::ID, 0xff), 0x42); // read-only
//! assert_eq!(file.write(reg::ID + 3, 0xff), 0x00); // no such register
//! ```
//!
//! `live` and `act` do nothing by themselves: the chip's model asks with [`RegFile::is_live`] and
//! [`RegFile::is_act`], so that the common case, a plain register, never enters its `match`.

/// Reading this register asks the chip ([`RegFile::is_live`]).
pub const LIVE: u8 = 1;
/// Writing this register tells the chip ([`RegFile::is_act`]).
pub const ACT: u8 = 2;

/// A register map: the fixed part of a chip's registers. `N` is a power of two.
pub struct RegMap<const N: usize> {
    /// Value after reset; 0 where there is no register.
    pub reset: [u8; N],
    /// Bits that the bus can write.
    pub mask: [u8; N],
    /// [`LIVE`] and [`ACT`].
    pub hooks: [u8; N],
}

impl<const N: usize> RegMap<N> {
    /// A map without registers, to which [`with`](Self::with) adds them.
    pub const fn empty() -> Self {
        assert!(
            N.is_power_of_two() && N <= 256,
            "the size of a register map is a power of two up to 256"
        );
        RegMap {
            reset: [0; N],
            mask: [0; N],
            hooks: [0; N],
        }
    }

    /// Adds one register. In a constant: an address outside the map does not compile.
    pub const fn with(mut self, addr: u8, reset: u8, mask: u8, hooks: u8) -> Self {
        self.reset[addr as usize] = reset;
        self.mask[addr as usize] = mask;
        self.hooks[addr as usize] = hooks;
        self
    }
}

/// The registers of one chip: the map and the present values.
pub struct RegFile<const N: usize> {
    map: &'static RegMap<N>,
    value: [u8; N],
}

impl<const N: usize> RegFile<N> {
    /// Registers at their reset values.
    pub fn new(map: &'static RegMap<N>) -> Self {
        RegFile { map, value: map.reset }
    }

    /// Puts all registers back to their reset values.
    pub fn reset(&mut self) {
        self.value = self.map.reset;
    }

    /// Addresses beyond the map wrap: the chip has only log2(N) address bits.
    const fn index(addr: u8) -> usize {
        addr as usize & (N - 1)
    }

    /// The stored value.
    #[inline]
    pub fn get(&self, addr: u8) -> u8 {
        self.value[Self::index(addr)]
    }

    /// Stores a value from inside the chip: no mask.
    #[inline]
    pub fn set(&mut self, addr: u8, value: u8) {
        self.value[Self::index(addr)] = value;
    }

    /// Stores a value from the bus: only the bits of the mask change. Returns what the register holds now.
    #[inline]
    pub fn write(&mut self, addr: u8, value: u8) -> u8 {
        let i = Self::index(addr);
        let mask = self.map.mask[i];
        self.value[i] = (self.value[i] & !mask) | (value & mask);
        self.value[i]
    }

    /// Whether a bit of `bits` is set.
    #[inline]
    pub fn has(&self, addr: u8, bits: u8) -> bool {
        self.get(addr) & bits != 0
    }

    /// Whether reading `addr` asks the chip.
    #[inline]
    pub fn is_live(&self, addr: u8) -> bool {
        self.map.hooks[Self::index(addr)] & LIVE != 0
    }

    /// Whether writing `addr` tells the chip.
    #[inline]
    pub fn is_act(&self, addr: u8) -> bool {
        self.map.hooks[Self::index(addr)] & ACT != 0
    }
}

/// Declares a register map; see the [module](crate::regs).
#[macro_export]
macro_rules! registers {
    (
        $(#[$doc:meta])*
        $vis:vis mod $module:ident: [$size:literal];
        $($addr:literal $name:ident = $reset:literal $access:ident $($mask:literal)? $($hook:ident)*;)*
    ) => {
        $(#[$doc])*
        $vis mod $module {
            $(
                #[doc = concat!("Register ", stringify!($name), " at ", stringify!($addr), ".")]
                pub const $name: u8 = $addr;
            )*
            /// All registers with their reset values, write masks and hooks.
            pub static MAP: $crate::regs::RegMap<$size> = $crate::regs::RegMap::empty()
                $(.with(
                    $addr,
                    $reset,
                    $crate::registers!(@mask $access $($mask)?),
                    0 $(| $crate::registers!(@hook $hook))*
                ))*;
        }
    };
    (@mask ro) => { 0 };
    (@mask rw) => { 0xff };
    (@mask rw $mask:literal) => { $mask };
    (@hook live) => { $crate::regs::LIVE };
    (@hook act) => { $crate::regs::ACT };
}
