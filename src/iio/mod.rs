// SPDX-License-Identifier: GPL-2.0-only
//! Industrial I/O: sensors in physical units.
//!
//! | type | what it is |
//! |---|---|
//! | [`Device`] | a sensor: its channels, its settings |
//! | [`ChannelName`] | one quantity of it |
//! | [`Conversion`] | from raw values to SI |
//! | [`Capture`], [`Scan`] | its buffer: samples at the chip's own pace, with timestamps |
//! | [`SampleType`], [`Layout`] | how samples lie in the buffer |
//!
//! The rules are those of `Documentation/ABI/testing/sysfs-bus-iio`; nothing about a chip is known here.
//!
//! # Examples
//!
//! A gyroscope that turns by 1 rad/s about its x axis: one reading, then a capture of ten scans at 200 Hz, each started
//! by the chip's data-ready interrupt. Under virtual time the timestamps are exactly one period apart.
//!
//! ```
//! use linux_compat::System;
//! use linux_compat::iio::{CaptureOptions, Device};
//! use linux_compat::system::{ClockKind, DriverSpec, SystemOptions};
//! use std::time::Duration;
//!
//! let system = System::new(SystemOptions { clock: ClockKind::Virtual, ..Default::default() })?;
//! let mut spec = DriverSpec::new("bmg160")?;
//! spec.stimulus.rate = [1.0, 0.0, 0.0];
//! let built = system.build(&spec.name, &spec.board)?;
//! let domain = system.start(&spec, &built)?;
//! let mut client = domain.client()?;
//!
//! let device = Device::all(&mut client)?.remove(0);
//! let x = device.channel("anglvel_x")?;
//! assert_eq!(x.unit().symbol, "rad/s");
//! assert!((device.read(&mut client, x)? - 1.0).abs() < 0.001);
//!
//! device.set_sampling_frequency(&mut client, 200.0)?;
//! let options = CaptureOptions { trigger: Some("bmg160-dev0".to_owned()), ..Default::default() };
//! let mut capture = device.capture(&mut client, &options)?;
//! let scans = capture.read(10, Duration::from_secs(20))?;
//! assert!((scans[0].si[0] - 1.0).abs() < 0.001);
//! assert_eq!(scans[1].timestamp_ns.unwrap() - scans[0].timestamp_ns.unwrap(), 5_000_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buffer;
mod channel;
mod device;
mod scan;
mod units;

pub use buffer::{Capture, CaptureOptions, Scan, Trigger};
pub use channel::{Available, ChannelName, Direction, FormatError};
pub use device::{Conversion, Device};
pub use scan::{Field, Layout, SampleType};
pub use units::{Unit, unit_of};

use crate::client::ClientError;

/// Why a sensor could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum IioError {
    /// The driver or its domain.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An attribute's text is not as the ABI says.
    #[error("{attribute}: {error}")]
    Format {
        /// The attribute.
        attribute: String,
        /// What is wrong with it.
        error: FormatError,
    },
    /// The device lacks what was asked for.
    #[error("{device}: no {what}")]
    Absent {
        /// The device.
        device: String,
        /// What it does not have.
        what: String,
    },
    /// No data came.
    #[error("{device}: no data in {ms} ms; is its trigger {trigger:?} running?")]
    NoData {
        /// The device.
        device: String,
        /// How long was waited, in ms.
        ms: u128,
        /// The trigger in use; empty if there is none.
        trigger: String,
    },
}
