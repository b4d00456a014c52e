// SPDX-License-Identifier: GPL-2.0-only
//! A driver as a part of a KasperskyOS solution: the class of its domain, the classes of its servers, and who is
//! connected with whom.
//!
//! * [`class_edl`], [`server_edl`]: the class of one domain, and of one bus server, as EDL.
//! * [`files`]: all interface, component and class descriptions that a set of drivers needs.
//! * [`init_yaml`]: their processes and static channels. [`locator`]: who finds whom by which name.
//! * [`plan()`]: the drivers of an `init.yaml`, to be run on the channels that it gives them, and on no others.
//! * [`start()`]: the processes and channels of an `init.yaml` on the hosted kernel.
//! * [`export`]: a folder for a project of the SDK.
//!
//! All of it comes from the same [`Needs`] as the policy, and the policy speaks of the same classes. On the hosted back
//! end the same classes are judged, so what is tested there is what is shipped.

pub mod export;
mod plan;
mod start;
mod text;

pub use plan::{PlanError, Planned, StaticChannels, plan};
pub use start::{StartError, start};
pub use text::{class_edl, files, init_yaml, locator, server_edl};

use crate::policy::Needs;

/// A driver, and the class that its domain has.
///
/// Two processes of one class cannot run on KasperskyOS Community Edition, so each driver has its own.
#[derive(Clone, Copy, Debug)]
pub struct Domain<'a> {
    /// What it needs.
    pub needs: &'a Needs,
    /// Its class, such as [`class_of_driver`](crate::policy::class_of_driver) makes.
    pub class: &'a str,
}

macro_rules! fixed {
    ($path:literal) => {
        ($path, include_str!(concat!("../../kos-bindings/idl/", $path)))
    };
}

/// The interfaces, components and classes that do not depend on a driver: path below an include directory, and text.
pub const FIXED: [(&str, &str); 19] = [
    fixed!("linuxcompat/Chardev.idl"),
    fixed!("linuxcompat/Client.edl"),
    fixed!("linuxcompat/Clock.idl"),
    fixed!("linuxcompat/Control.idl"),
    fixed!("linuxcompat/Epitaph.idl"),
    fixed!("linuxcompat/Firmware.idl"),
    fixed!("linuxcompat/Gpio.idl"),
    fixed!("linuxcompat/GpioController.cdl"),
    fixed!("linuxcompat/I2c.idl"),
    fixed!("linuxcompat/I2cBus.cdl"),
    fixed!("linuxcompat/Log.idl"),
    fixed!("linuxcompat/Socket.idl"),
    fixed!("linuxcompat/Spi.idl"),
    fixed!("linuxcompat/SpiBus.cdl"),
    fixed!("linuxcompat/Supervisor.edl"),
    fixed!("linuxcompat/Sysfs.idl"),
    fixed!("server/Clock.edl"),
    fixed!("server/Firmware.edl"),
    fixed!("server/Log.edl"),
];

#[cfg(test)]
mod tests;
