// SPDX-License-Identifier: GPL-2.0-only
//! The sysfs tree of a domain. Paths begin below `/sys`; a leading `/sys/` or `/` may be written.

use super::{Client, ClientError, Errno};
use kos_bindings::idl::{entries, sysfs};
use kos_bindings::nk::{CallError, Transport};

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// An attribute.
    File,
    /// A symbolic link.
    Link,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u16,
    /// Its name.
    pub name: String,
    /// Where a link points, relative to the directory; otherwise empty.
    pub target: String,
}

impl Entry {
    /// Whether it is an attribute that can be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.kind == EntryKind::File && self.mode & 0o444 != 0
    }
}

/// Links that are followed before a path counts as a loop, as in Linux (`include/linux/namei.h`, `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Brings a path into the form of the wire: no root, no `.`, no `..`, no doubled slash.
pub(crate) fn normal(path: &str) -> String {
    let path = path
        .strip_prefix("/sys/")
        .unwrap_or(if path == "/sys" { "" } else { path });
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The path that a link named `name` in `dir` leads to.
pub(crate) fn follow(dir: &str, target: &str) -> String {
    if target.starts_with('/') {
        normal(target)
    } else {
        normal(&format!("{dir}/{target}"))
    }
}

impl Client {
    pub(super) fn sysfs(&mut self) -> sysfs::Client<&mut (dyn Transport + Send + 'static)> {
        sysfs::Client::new(&mut *self.transport, self.handle)
    }

    /// Lists a directory.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`; the domain has ended or does not answer.
    pub fn list(&mut self, path: &str) -> Result<Vec<Entry>, ClientError> {
        let path = self.canonical_if_needed(path, |client, path| client.list_here(path))?;
        Ok(path)
    }

    fn list_here(&mut self, path: &str) -> Result<Vec<Entry>, ClientError> {
        let what = || format!("list {}", if path.is_empty() { "/" } else { path });
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let request = sysfs::ListReq { path, from };
            let mut server = self.sysfs();
            let piece = server.list(&request);
            let piece = piece.map_err(|error| ClientError::new(what(), error, |error| error.errno))?;
            for entry in entries::iter(piece.entries) {
                let entry = entry.map_err(|error| ClientError::Message { what: what(), error })?;
                let kind = match entry.kind {
                    b'd' => EntryKind::Directory,
                    b'l' => EntryKind::Link,
                    _ => EntryKind::File,
                };
                found.push(Entry {
                    kind,
                    mode: entry.mode,
                    name: entry.name.to_owned(),
                    target: entry.target.to_owned(),
                });
            }
            // A piece that does not lead on would be asked for without end.
            if piece.next <= from {
                return Ok(found);
            }
            from = piece.next;
        }
    }

    /// Reads an attribute, whole.
    ///
    /// # Errors
    ///
    /// What the driver's `show` returns, `ENOENT`, `EISDIR`, `EACCES`; the domain has ended or does not answer.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.read_at(path, 0)
    }

    /// Reads what a file has from `offset` on, a page (4096 bytes) at the most: binary attributes can be longer. Empty
    /// at the end.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_at(&mut self, path: &str, offset: u64) -> Result<Vec<u8>, ClientError> {
        self.canonical_if_needed(path, |client, path| {
            let request = sysfs::ReadReq { path, offset };
            let mut server = client.sysfs();
            let answer = server.read(&request);
            // An attribute is one page at the most (Documentation/filesystems/sysfs.rst), and so is an answer.
            answer
                .map(|answer| answer.data.to_vec())
                .map_err(|error| failed("read", path, error, |error| error.errno))
        })
    }

    /// Reads an attribute as text, without its last line end.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_text(&mut self, path: &str) -> Result<String, ClientError> {
        let mut text = String::from_utf8_lossy(&self.read(path)?).into_owned();
        if text.ends_with('\n') {
            text.pop();
        }
        Ok(text)
    }

    /// Writes an attribute.
    ///
    /// # Errors
    ///
    /// What the driver's `store` returns, `ENOENT`, `EISDIR`, `EACCES`; the domain has ended or does not answer.
    pub fn write(&mut self, path: &str, data: &[u8]) -> Result<(), ClientError> {
        self.write_at(path, 0, data).map(drop)
    }

    /// Writes into a binary attribute at `offset`; returns how many bytes the driver took.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_at(&mut self, path: &str, offset: u64, data: &[u8]) -> Result<u32, ClientError> {
        self.canonical_if_needed(path, |client, path| {
            let request = sysfs::WriteReq { path, offset, data };
            let answer = client.sysfs().write(&request);
            answer
                .map(|answer| answer.written)
                .map_err(|error| failed("write", path, error, |error| error.errno))
        })
    }

    /// Follows all links of a path.
    ///
    /// # Errors
    ///
    /// `ENOENT`, or `ELOOP` after 40 links; the domain has ended or does not answer.
    pub fn canonical(&mut self, path: &str) -> Result<String, ClientError> {
        let fail = |errno| ClientError::Errno {
            what: format!("find {path}"),
            errno: Errno(errno),
        };
        const ELOOP: i32 = 40;
        let mut links = 0;
        let mut rest: Vec<String> = normal(path).split('/').rev().map(str::to_owned).collect();
        let mut at = String::new();
        while let Some(part) = rest.pop() {
            if part.is_empty() {
                continue;
            }
            let entry = self.list_here(&at)?.into_iter().find(|entry| entry.name == part);
            let entry = entry.ok_or_else(|| fail(Errno::ENOENT.0))?;
            if entry.kind != EntryKind::Link {
                at = normal(&format!("{at}/{part}"));
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(fail(ELOOP));
            }
            let target = follow(&at, &entry.target);
            rest.extend(target.split('/').rev().map(str::to_owned));
            at = String::new();
        }
        Ok(at)
    }

    /// Does `work` with the path as given and, if there is no such thing, with its links followed.
    pub(super) fn canonical_if_needed<R>(
        &mut self,
        path: &str,
        work: impl Fn(&mut Self, &str) -> Result<R, ClientError>,
    ) -> Result<R, ClientError> {
        let path = normal(path);
        let first = work(self, &path);
        match &first {
            Err(error) if error.errno() == Some(Errno::ENOENT) => match self.canonical(&path) {
                Ok(real) if real != path => work(self, &real),
                _ => first,
            },
            _ => first,
        }
    }
}

pub(super) fn failed<E>(verb: &str, path: &str, error: CallError<E>, errno: impl Fn(E) -> i32) -> ClientError {
    ClientError::new(format!("{verb} {path}"), error, errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_users_become_paths_of_the_wire() {
        for (given, wire) in [
            ("", ""),
            ("/", ""),
            ("/sys", ""),
            ("/sys/bus/iio/", "bus/iio"),
            ("a//b/./c", "a/b/c"),
            ("a/../../b", "b"),
        ] {
            assert_eq!(normal(given), wire);
        }
    }

    #[test]
    fn links_are_relative_to_their_directory() {
        assert_eq!(
            follow("bus/iio/devices", "../../../devices/i2c-0/iio:device0"),
            "devices/i2c-0/iio:device0"
        );
        assert_eq!(follow("bus", "/sys/devices"), "devices");
    }
}
