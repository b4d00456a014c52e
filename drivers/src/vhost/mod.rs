// SPDX-License-Identifier: GPL-2.0-only
//! The board's buses and lines as virtio devices, for any virtual machine that speaks vhost-user.
//!
//! One connection is one device: an I²C adapter ([`I2cDevice`]) or a GPIO controller ([`GpioDevice`]), served by
//! [`serve`]; with a [`Calendar`] in one virtual time with its front end. And the other way round: [`I2cFrontend`] is
//! the driver's side of somebody else's I²C adapter. The front end is a stranger: what comes from it is copied once and
//! then checked. Its memory is mapped, and a front end that makes its own memory's file shorter ends us with `SIGBUS`,
//! as it does every vhost-user device: serve front ends of the same user.

mod backend;
mod frontend;
mod gpio;
#[cfg(test)]
mod gpio_tests;
#[cfg(test)]
mod hostile;
mod i2c;
mod ring;
#[cfg(test)]
mod tests;
mod travel;
#[cfg(test)]
mod travel_tests;
mod wire;

pub use backend::{Device, serve, serve_in_time};
pub use frontend::{I2cFrontend, Message};
pub use gpio::{DEVICE_ID as GPIO_DEVICE_ID, GpioDevice};
pub use i2c::{DEVICE_ID as I2C_DEVICE_ID, I2cDevice};
pub use ring::{Chain, Ring};
pub use travel::Calendar;
