// SPDX-License-Identifier: GPL-2.0-only
//! A driver's domain inside a fuzzer, with a device that answers what the fuzzer says.
//!
//! ```text
//!  libFuzzer ── input ──▶ script (from its end): bind, read, write, interrupt, unbind …
//!      ▲                  answers (from its start): what the chip says to each transfer
//!      │ counters, comparisons
//!  image: driver, upstream, shim ── I2C, SPI, Gpio, Clock messages ──▶ [`device`]
//! ```
//!
//! * [`image`]: where the instrumented image is, and what is where in it.
//! * [`input`]: bytes of the fuzzer as decisions. [`device`]: the bus servers that ask for them.
//! * [`machine`]: the domain: booted once, put back to that moment before each input.
//! * [`script`]: what is done with the driver's devices. [`reader`]: readers of tags, whose chips are our models with a
//!   [`liar`] between; [`netlink`]: messages of their family.
//! * [`finding`]: a domain that died: where, whose fault, and whether it is known.
//! * [`ffi`]: the sanitizer's shadow, the fuzzer's hooks, and faults.
#![cfg(feature = "images")]

pub mod device;
pub mod ffi;
pub mod finding;
pub mod image;
pub mod input;
pub mod liar;
pub mod machine;
pub mod netlink;
pub mod reader;
pub mod script;

pub use image::Image;
pub use machine::Machine;
pub use script::{Device, run};
