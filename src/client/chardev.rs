// SPDX-License-Identifier: GPL-2.0-only
//! The character devices of a domain.

use super::{Client, ClientError};
use kos_bindings::idl::{chardev, entries};
use kos_bindings::nk::Transport;
use std::time::Duration;

/// Bits of [`Client::device_poll`], as Linux's `EPOLL*`.
pub mod poll {
    /// There is data to read.
    pub const IN: u32 = 0x001;
    /// There is room to write.
    pub const OUT: u32 = 0x004;
    /// The device has failed.
    pub const ERR: u32 = 0x008;
    /// The device is gone.
    pub const HUP: u32 = 0x010;
}

/// A character device below `/dev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNode {
    /// Its name, such as `iio:device0`.
    pub name: String,
    /// Its number as `major:minor`.
    pub number: String,
}

/// An open character device, by its number in the domain. It stays open until [`Client::device_close`], or until the
/// client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceFile(u32);

impl DeviceFile {
    /// The file whose number a driver has told in a command's argument (`IIO_GET_EVENT_FD_IOCTL`): it is open for the
    /// client that ran the command.
    #[must_use]
    pub fn made_by_driver(number: u32) -> Self {
        Self(number)
    }
}

/// Access mode read and write (`include/uapi/asm-generic/fcntl.h`, `O_RDWR`).
const READ_WRITE: u32 = 2;

impl Client {
    fn chardev(&mut self) -> chardev::Client<&mut (dyn Transport + Send + 'static)> {
        chardev::Client::new(&mut *self.transport, self.handle)
    }

    /// Lists the character devices.
    ///
    /// # Errors
    ///
    /// The domain has ended or does not answer.
    pub fn devices(&mut self) -> Result<Vec<DeviceNode>, ClientError> {
        let what = "list /dev";
        let mut server = self.chardev();
        let answer = server.list().map_err(|error| ClientError::never(what, error))?;
        let node = |entry: Result<entries::Entry<'_>, _>| match entry {
            Ok(entry) => Ok(DeviceNode {
                name: entry.name.to_owned(),
                number: entry.target.to_owned(),
            }),
            Err(error) => Err(ClientError::Message {
                what: what.to_owned(),
                error,
            }),
        };
        entries::iter(answer.entries).map(node).collect()
    }

    /// Opens a device for reading and writing. With `is_blocking`, reads wait for data.
    ///
    /// # Errors
    ///
    /// `ENOENT`, or what the driver's `open` returns; the domain has ended or does not answer.
    pub fn device_open(&mut self, name: &str, is_blocking: bool) -> Result<DeviceFile, ClientError> {
        let name = name.strip_prefix("/dev/").unwrap_or(name);
        let flags = READ_WRITE | if is_blocking { 0 } else { chardev::FLAG_NONBLOCK };
        let request = chardev::OpenReq { name, flags };
        let opened = self.chardev().open(&request);
        let opened =
            opened.map_err(|error| ClientError::new(format!("open /dev/{name}"), error, |error| error.errno))?;
        Ok(DeviceFile(opened.id))
    }

    /// Reads at most `count` bytes.
    ///
    /// # Errors
    ///
    /// `EAGAIN` without data if it was opened so, or what the driver's `read` returns.
    pub fn device_read(&mut self, file: DeviceFile, count: usize) -> Result<Vec<u8>, ClientError> {
        let count = u32::try_from(count).unwrap_or(chardev::MAX_DATA).min(chardev::MAX_DATA);
        let request = chardev::ReadReq { id: file.0, count };
        let mut server = self.chardev();
        let answer = server
            .read(&request)
            .map_err(|error| device_failed("read", error, |error| error.errno))?;
        Ok(answer.data.to_vec())
    }

    /// Writes; returns how many bytes the driver took.
    ///
    /// # Errors
    ///
    /// What the driver's `write` returns.
    pub fn device_write(&mut self, file: DeviceFile, data: &[u8]) -> Result<u32, ClientError> {
        let request = chardev::WriteReq { id: file.0, data };
        let answer = self.chardev().write(&request);
        Ok(answer
            .map_err(|error| device_failed("write", error, |error| error.errno))?
            .written)
    }

    /// Runs a device command whose argument is a pointer to `arg`; returns the driver's result and what the argument
    /// holds afterwards. For a command whose argument is a plain number, that number is `value`.
    ///
    /// # Errors
    ///
    /// `ENOTTY`, or what the driver's `ioctl` returns.
    pub fn device_ioctl(
        &mut self,
        file: DeviceFile,
        cmd: u32,
        value: u64,
        arg: &[u8],
    ) -> Result<(i64, Vec<u8>), ClientError> {
        let request = chardev::IoctlReq {
            id: file.0,
            cmd,
            value,
            arg,
        };
        let mut server = self.chardev();
        let answer = server
            .ioctl(&request)
            .map_err(|error| device_failed("ioctl", error, |error| error.errno))?;
        Ok((answer.result, answer.arg.to_vec()))
    }

    /// Waits until one of `events` ([`poll`]) is there; 0 after `limit`.
    ///
    /// # Errors
    ///
    /// The device is not open; the domain has ended or does not answer.
    pub fn device_poll(&mut self, file: DeviceFile, events: u32, limit: Duration) -> Result<u32, ClientError> {
        let timeout_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        let request = chardev::PollReq {
            id: file.0,
            events,
            timeout_ms,
        };
        let answer = self.chardev().poll(&request);
        Ok(answer
            .map_err(|error| device_failed("poll", error, |error| error.errno))?
            .revents)
    }

    /// Closes a device.
    ///
    /// # Errors
    ///
    /// It is not open; the domain has ended or does not answer.
    pub fn device_close(&mut self, file: DeviceFile) -> Result<(), ClientError> {
        let request = chardev::CloseReq { id: file.0 };
        let answer = self.chardev().close(&request);
        answer
            .map(drop)
            .map_err(|error| device_failed("close", error, |error| error.errno))
    }
}

fn device_failed<E>(verb: &str, error: kos_bindings::nk::CallError<E>, errno: impl Fn(E) -> i32) -> ClientError {
    ClientError::new(format!("{verb} device"), error, errno)
}
