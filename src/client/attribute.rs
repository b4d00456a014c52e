// SPDX-License-Identifier: GPL-2.0-only
//! Attributes that are used often: opened once and read by number, or waited for.

use super::sysfs::failed;
use super::{Client, ClientError};
use kos_bindings::idl::sysfs;
use std::time::Duration;

/// An open attribute, by its number in the domain. It stays open until [`Client::attribute_close`], or until the client
/// goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute(u32);

const OPEN: &str = "open attribute";

impl Client {
    /// Opens an attribute for all that its permissions allow. A read by number spares the walk along the path.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `EISDIR`, `EMFILE`; the domain has ended or does not answer.
    pub fn attribute_open(&mut self, path: &str) -> Result<Attribute, ClientError> {
        self.canonical_if_needed(path, |client, path| {
            let opened = client.sysfs().open(&sysfs::OpenReq { path });
            opened
                .map(|opened| Attribute(opened.id))
                .map_err(|error| failed("open", path, error, |error| error.errno))
        })
    }

    /// Reads an open attribute, whole.
    ///
    /// # Errors
    ///
    /// What the driver's `show` returns; `EACCES` if it cannot be read, `ENODEV` if its device is gone, `EBADF` if
    /// it is not open.
    pub fn attribute_read(&mut self, file: Attribute) -> Result<Vec<u8>, ClientError> {
        let request = sysfs::ReadIdReq { id: file.0, offset: 0 };
        let mut server = self.sysfs();
        let answer = server.read_id(&request);
        answer
            .map(|answer| answer.data.to_vec())
            .map_err(|error| failed("read", OPEN, error, |error| error.errno))
    }

    /// Writes an open attribute.
    ///
    /// # Errors
    ///
    /// What the driver's `store` returns; `EACCES` if it cannot be written, otherwise as
    /// [`attribute_read`](Self::attribute_read).
    pub fn attribute_write(&mut self, file: Attribute, data: &[u8]) -> Result<(), ClientError> {
        let request = sysfs::WriteIdReq {
            id: file.0,
            offset: 0,
            data,
        };
        let answer = self.sysfs().write_id(&request);
        answer
            .map(drop)
            .map_err(|error| failed("write", OPEN, error, |error| error.errno))
    }

    /// Closes an attribute.
    ///
    /// # Errors
    ///
    /// `EBADF`; the domain has ended or does not answer.
    pub fn attribute_close(&mut self, file: Attribute) -> Result<(), ClientError> {
        let answer = self.sysfs().close(&sysfs::CloseReq { id: file.0 });
        answer
            .map(drop)
            .map_err(|error| failed("close", OPEN, error, |error| error.errno))
    }

    /// Waits until the driver announces a new value of an attribute (`sysfs_notify`), and returns the count of its
    /// announcements. The wait ends at once if the count is not `known`, and in any case after `limit`. The count
    /// begins with the first question.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `EISDIR`, `ENODEV` if the attribute went away meanwhile; the domain has ended or does not answer.
    pub fn attribute_wait(&mut self, path: &str, known: u32, limit: Duration) -> Result<u32, ClientError> {
        let timeout_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        self.canonical_if_needed(path, |client, path| {
            let request = sysfs::PollReq {
                path,
                event: known,
                timeout_ms,
            };
            let answer = client.sysfs().poll(&request);
            answer
                .map(|answer| answer.current)
                .map_err(|error| failed("wait for", path, error, |error| error.errno))
        })
    }
}
