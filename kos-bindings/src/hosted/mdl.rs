// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that processes share: sealed memory files, and their mappings into processes that are this one.
//!
//! A sandboxed domain maps them itself, one [`Grant`] at a time; see [`super::share`].
#![expect(unsafe_code, reason = "maps and unmaps memory files")]

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::quota::Charge;
use crate::idl::vmm::{PROT_READ, PROT_WRITE};
use crate::nk::Retcode;
use crate::port::PAGE;

/// A memory file and what it costs its maker.
#[derive(Debug)]
struct Memory {
    file: OwnedFd,
    _charge: Charge,
}

/// Shared memory, or a part of one.
#[derive(Debug)]
pub(crate) struct Mdl {
    memory: Arc<Memory>,
    offset: u64,
    pub(crate) bytes: u64,
    /// The most that a mapping may do.
    prot: u32,
}

/// Checks that a range is whole pages within `all` bytes and not empty.
fn check(offset: u64, bytes: u64, all: u64) -> Result<(), Retcode> {
    let page = PAGE as u64;
    let end = offset.checked_add(bytes).ok_or(Retcode::INVALID_ARGUMENT)?;
    let is_whole = offset.is_multiple_of(page) && bytes.is_multiple_of(page);
    if is_whole && bytes != 0 && end <= all {
        Ok(())
    } else {
        Err(Retcode::INVALID_ARGUMENT)
    }
}

/// Checks that `prot` asks for something, and for nothing that does not exist: memory is never executable.
pub(crate) fn check_prot(prot: u32) -> Result<(), Retcode> {
    if prot & PROT_READ != 0 && prot & !(PROT_READ | PROT_WRITE) == 0 {
        Ok(())
    } else {
        Err(Retcode::INVALID_ARGUMENT)
    }
}

impl Mdl {
    /// Makes `bytes` of zeroed memory; `charge` is what it costs.
    pub(crate) fn create(bytes: u64, prot: u32, charge: Charge) -> Result<Self, Retcode> {
        check(0, bytes, u64::MAX)?;
        check_prot(prot)?;
        let file = Self::file(bytes).map_err(|_| Retcode::FAIL)?;
        let memory = Arc::new(Memory { file, _charge: charge });
        Ok(Self {
            memory,
            offset: 0,
            bytes,
            prot,
        })
    }

    fn file(bytes: u64) -> rustix::io::Result<OwnedFd> {
        let file = memfd_create("mdl", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, bytes)?;
        // Who cuts the file would make others fault in their mappings.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(file)
    }

    /// Makes an MDL of the same pages, from `offset`.
    pub(crate) fn part(&self, offset: u64, bytes: u64) -> Result<Self, Retcode> {
        check(offset, bytes, self.bytes)?;
        Ok(Self {
            memory: Arc::clone(&self.memory),
            offset: self.offset + offset,
            bytes,
            prot: self.prot,
        })
    }

    fn check_mapping(&self, offset: u64, bytes: u64, prot: u32) -> Result<(), Retcode> {
        check(offset, bytes, self.bytes)?;
        check_prot(prot)?;
        if prot & !self.prot != 0 {
            return Err(Retcode::SECURITY_DISALLOW);
        }
        Ok(())
    }

    /// Copies from the memory. What is not there was checked by the caller.
    pub(crate) fn read_at(&self, offset: u64, to: &mut [u8]) -> rustix::io::Result<()> {
        match rustix::io::pread(&self.memory.file, &mut *to, self.offset + offset)? == to.len() {
            true => Ok(()),
            false => Err(rustix::io::Errno::IO),
        }
    }

    /// Copies into the memory.
    pub(crate) fn write_at(&self, offset: u64, from: &[u8]) -> rustix::io::Result<()> {
        match rustix::io::pwrite(&self.memory.file, from, self.offset + offset)? == from.len() {
            true => Ok(()),
            false => Err(rustix::io::Errno::IO),
        }
    }

    /// Lets a domain map a part; `charge` is what that costs it.
    ///
    /// # Errors
    ///
    /// As [`Mdl::map`].
    pub(crate) fn grant(&self, offset: u64, bytes: u64, prot: u32, charge: Charge) -> Result<Grant, Retcode> {
        self.check_mapping(offset, bytes, prot)?;
        let file = match prot & PROT_WRITE {
            // What was not opened for writing is never mapped for it, nor made writable later.
            0 => {
                let path = std::format!("/proc/self/fd/{}", self.memory.file.as_raw_fd());
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                rustix::fs::open(path, flags, Mode::empty()).map_err(|_| Retcode::FAIL)?
            }
            _ => self.memory.file.try_clone().map_err(|_| Retcode::FAIL)?,
        };
        Ok(Grant {
            file,
            offset: self.offset + offset,
            bytes,
            prot,
            keep: Kept {
                _memory: Arc::clone(&self.memory),
                _charge: charge,
            },
        })
    }

    /// Maps a part into this process; `charge` is what that costs.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` outside it, off pages or for impossible `prot`; `rcSecurityDisallow` if it was not made for
    /// that; `rcFail` without address space.
    pub(crate) fn map(&self, offset: u64, bytes: u64, prot: u32, charge: Charge) -> Result<Mapping, Retcode> {
        self.check_mapping(offset, bytes, prot)?;
        let len = usize::try_from(bytes).map_err(|_| Retcode::INVALID_ARGUMENT)?;
        let mut flags = ProtFlags::READ;
        flags.set(ProtFlags::WRITE, prot & PROT_WRITE != 0);
        let from = self.offset + offset;
        // SAFETY: a fresh mapping at an address that the system chooses takes no memory from anybody.
        let at = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                flags,
                MapFlags::SHARED,
                &self.memory.file,
                from,
            )
        };
        let at = at.map_err(|_| Retcode::FAIL)?;
        Ok(Mapping {
            at: at.expose_provenance(),
            len,
            _memory: Arc::clone(&self.memory),
            _charge: charge,
        })
    }
}

/// A mapping that a domain may make once.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(super) file: OwnedFd,
    /// In the file.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) prot: u32,
    pub(super) keep: Kept,
}

/// What a mapping in a domain costs, for as long as the domain lives: whether it still has it is not seen from here.
#[derive(Debug)]
pub(crate) struct Kept {
    _memory: Arc<Memory>,
    _charge: Charge,
}

/// A mapping; the memory lives at least as long.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) at: usize,
    pub(crate) len: usize,
    _memory: Arc<Memory>,
    _charge: Charge,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `Mdl::map`, and whoever was told its address asked for this, or all threads
        // of its process are gone.
        let done = unsafe { munmap(std::ptr::with_exposed_provenance_mut(self.at), self.len) };
        debug_assert!(done.is_ok(), "a whole mapping can always be unmapped");
    }
}
