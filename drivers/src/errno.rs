// SPDX-License-Identifier: GPL-2.0-only
//! The error numbers that a bus transfer can end with.
//!
//! Positive Linux values, because that is what travels in the `error` parameter of the bus interfaces. Which
//! fault gives which number follows the kernel's `Documentation/i2c/fault-codes.rst`.

use std::fmt;

/// A positive Linux error number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $value:literal, $what:literal;)*) => {
        impl Errno {
            $(#[doc = $what] pub const $name: Errno = Errno($value);)*

            /// The symbolic name, if this module knows the number.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($name)),)* _ => None }
            }

            /// The number that bears the symbolic name `name`.
            pub fn from_name(name: &str) -> Option<Errno> {
                match name { $(stringify!($name) => Some(Errno::$name),)* _ => None }
            }

            /// All names, for messages that say what was expected.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];
        }
    };
}

errnos! {
    EPERM = 1, "The line is not the caller's to drive.";
    EIO = 5, "The transfer failed in a way that has no better name.";
    ENXIO = 6, "No device acknowledged the address.";
    EAGAIN = 11, "The bus master lost arbitration.";
    EBUSY = 16, "The bus or the line is in use.";
    ENODEV = 19, "There is no such bus.";
    EINVAL = 22, "The request makes no sense.";
    EPROTO = 71, "The peer does not follow the bus protocol.";
    EMSGSIZE = 90, "The request is larger than the bus allows.";
    EOPNOTSUPP = 95, "The bus master cannot do this.";
    ETIMEDOUT = 110, "The transfer took longer than the master waits.";
    EREMOTEIO = 121, "The device did not acknowledge a data byte.";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Errno {}
