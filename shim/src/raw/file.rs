// SPDX-License-Identifier: GPL-2.0-only
//! A `struct file` as a value (`glue/file.c`): counted, released with the last reference.

use crate::{
    bindings::{self, file},
    errno::Errno,
};
use core::{
    ffi::{CStr, c_uint},
    ptr::NonNull,
};

/// One reference to an open file.
pub struct File(NonNull<file>);

impl File {
    /// Takes over a reference from C, or the errno in its place.
    pub(super) fn from_c(file: *mut file) -> Result<File, Errno> {
        let at = file.expose_provenance().cast_signed();
        match NonNull::new(file) {
            Some(file) if !(-4095..0).contains(&at) => Ok(File(file)),
            Some(_) => Err(Errno::check(at).err().unwrap_or(Errno::EIO)),
            None => Err(Errno::ENOENT),
        }
    }

    /// Takes over the reference that a driver's caller owns (`fd_install`).
    pub fn from_raw(file: *mut file) -> Option<File> {
        NonNull::new(file).map(File)
    }

    /// Gives the reference to C (`fget`).
    #[must_use]
    pub fn into_raw(self) -> *mut file {
        let file = self.0.as_ptr();
        core::mem::forget(self);
        file
    }

    /// The pointer, borrowed (`fdget`).
    #[must_use]
    pub fn as_ptr(&self) -> *mut file {
        self.0.as_ptr()
    }

    /// Opens the character device of this name; `flags` are `O_` bits.
    ///
    /// # Errors
    ///
    /// `ENOENT`: no such device; `ENXIO`: its driver is gone; else what the driver's `open` returns.
    pub fn open_chardev(name: &CStr, flags: u32) -> Result<File, Errno> {
        // SAFETY: a C string; called by a task that may sleep.
        File::from_c(unsafe { bindings::machine_chardev_open(name.as_ptr(), flags) })
    }

    /// Whether it was opened for reading.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        // SAFETY: a live file (we hold a reference).
        unsafe { bindings::machine_file_is_readable(self.as_ptr()) }
    }

    /// Whether it was opened for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        // SAFETY: as above.
        unsafe { bindings::machine_file_is_writable(self.as_ptr()) }
    }

    /// Reads at `offset` into the machine's own memory; for sysfs.
    ///
    /// # Errors
    ///
    /// What the file's `read` returns.
    pub fn pread(&self, to: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a live file; the buffer is ours for the whole call.
        let ret = unsafe { bindings::machine_file_pread(self.as_ptr(), to.as_mut_ptr().cast(), to.len(), offset) };
        Errno::check(ret).map(|n| n.min(to.len()))
    }

    /// Writes at `offset` from the machine's own memory; for sysfs.
    ///
    /// # Errors
    ///
    /// What the file's `write` returns.
    pub fn pwrite(&self, from: &[u8], offset: u64) -> Result<usize, Errno> {
        let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a live file; the buffer is only read.
        let ret = unsafe { bindings::machine_file_pwrite(self.as_ptr(), from.as_ptr().cast(), from.len(), offset) };
        Errno::check(ret)
    }

    /// Reads into the `len` bytes of user memory at `window`.
    ///
    /// # Errors
    ///
    /// What the driver's `read` returns.
    pub fn read(&self, window: usize, len: usize) -> Result<usize, Errno> {
        let to = core::ptr::with_exposed_provenance_mut(window);
        // SAFETY: a live file; the driver reaches `to` through the checked window only.
        Errno::check(unsafe { bindings::machine_file_read(self.as_ptr(), to, len) }).map(|n| n.min(len))
    }

    /// Writes the `len` bytes of user memory at `window`.
    ///
    /// # Errors
    ///
    /// What the driver's `write` returns.
    pub fn write(&self, window: usize, len: usize) -> Result<usize, Errno> {
        let from = core::ptr::with_exposed_provenance(window);
        // SAFETY: as for `read`.
        Errno::check(unsafe { bindings::machine_file_write(self.as_ptr(), from, len) })
    }

    /// Runs a command.
    ///
    /// # Errors
    ///
    /// What the driver's `ioctl` returns; `ENOTTY` if it knows no such command.
    pub fn ioctl(&self, cmd: u32, arg: u64) -> Result<usize, Errno> {
        // SAFETY: a live file; what the driver takes for a pointer it reaches through the checked window only.
        let ret = unsafe { bindings::machine_file_ioctl(self.as_ptr(), cmd, arg) };
        Errno::check(isize::try_from(ret).unwrap_or(isize::MIN))
    }

    /// Waits for one of `events`; returns the ready bits, 0 after the timeout. `None` waits for ever.
    ///
    /// # Errors
    ///
    /// `ENOMEM`: the driver waits on too many queues.
    pub fn poll(&self, events: u32, timeout_ns: Option<u64>) -> Result<u32, Errno> {
        // SAFETY: a live file; called by a task that may sleep.
        let ret = unsafe { bindings::machine_file_poll(self.as_ptr(), events, to_timeout(timeout_ns)) };
        Errno::check(isize::try_from(ret).unwrap_or(isize::MIN)).map(|bits| u32::try_from(bits).unwrap_or(0))
    }

    /// What `close` does before it gives its reference up (`flush`).
    ///
    /// # Errors
    ///
    /// What the driver's `flush` returns.
    pub fn flush(&self) -> Result<(), Errno> {
        // SAFETY: a live file.
        let ret = unsafe { bindings::machine_file_flush(self.as_ptr()) };
        Errno::check(isize::try_from(ret).unwrap_or(isize::MIN)).map(|_| ())
    }
}

/// The glue's form of a timeout: negative for none.
pub(super) fn to_timeout(timeout_ns: Option<u64>) -> i64 {
    timeout_ns.map_or(-1, |ns| i64::try_from(ns).unwrap_or(i64::MAX))
}

impl Clone for File {
    fn clone(&self) -> File {
        // SAFETY: a live file.
        unsafe { bindings::machine_file_get(self.as_ptr()) };
        File(self.0)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: our reference, given up once; doors hold no driver's lock.
        unsafe { bindings::machine_file_put(self.as_ptr()) };
    }
}

/// Runs the releases that drivers asked for during a request.
pub fn settle() {
    // SAFETY: called by a door's task between two requests.
    unsafe { bindings::machine_file_settle() };
}

/// The `O_` bits as unsigned numbers.
pub mod flags {
    use super::{bindings, c_uint};
    /// `O_RDONLY`.
    pub const READ: c_uint = bindings::O_RDONLY;
    /// `O_WRONLY`.
    pub const WRITE: c_uint = bindings::O_WRONLY;
    /// `O_RDWR`.
    pub const READ_WRITE: c_uint = bindings::O_RDWR;
    /// `O_ACCMODE`.
    pub const ACCESS: c_uint = bindings::O_ACCMODE;
    /// `O_NONBLOCK`.
    pub const NONBLOCK: c_uint = bindings::O_NONBLOCK;
}
