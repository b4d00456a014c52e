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
//! ```no_run
//! use linux_compat::{System, iio};
//!
//! let system = System::new(Default::default())?;
//! let domain = system.run("adxl345")?;
//! let mut client = domain.client()?;
//! for device in iio::Device::all(&mut client)? {
//!     for channel in device.channels() {
//!         println!("{} {} {}", channel.id, device.read(&mut client, channel)?, channel.unit().symbol);
//!     }
//! }
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
