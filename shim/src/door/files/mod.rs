// SPDX-License-Identifier: GPL-2.0-only
//! The table of open files: numbers that clients, and drivers on their behalf, hold.
//!
//! A number belongs to the client that opened it; for others it is not open. A driver that makes a file during a
//! request (`anon_inode_getfd` in an ioctl) makes it for that client. Numbers are not used again soon: a stale one
//! is refused instead of meaning another file.

pub mod ffi;

use crate::{
    door::context::{self, Client},
    errno::Errno,
    raw::{cell::Global, file::File},
};
use alloc::vec::Vec;

/// What a number stands for; a sysfs file is no device, though both are files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Opened through `linuxcompat.Sysfs`.
    Sysfs,
    /// Opened through `linuxcompat.Chardev`, or made by a driver.
    Device,
    /// Made through `linuxcompat.Socket`.
    Socket,
}

/// Most files open at once, of all clients.
const MAX_FILES: usize = 1024;
const INDEX_BITS: u32 = 10;
/// Numbers stay positive as C's `int`.
const GENERATIONS: u32 = 1 << (31 - INDEX_BITS);

struct Slot {
    owner: Option<Client>,
    /// `None` while a driver holds the number but has not installed its file.
    file: Option<File>,
    kind: Kind,
    generation: u32,
    is_used: bool,
}

struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

static TABLE: Global<Table> = Global::new(Table {
    slots: Vec::new(),
    free: Vec::new(),
});

impl Table {
    fn take(&mut self, owner: Option<Client>, kind: Kind, file: Option<File>) -> Result<u32, Errno> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow()?,
        };
        let slot = self.slots.get_mut(index as usize).ok_or(Errno::EMFILE)?;
        slot.owner = owner;
        slot.kind = kind;
        slot.file = file;
        slot.is_used = true;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        Ok(slot.generation << INDEX_BITS | index)
    }

    fn grow(&mut self) -> Result<u32, Errno> {
        if self.slots.len() == MAX_FILES {
            return Err(Errno::EMFILE);
        }
        // Room in `free` for every slot, so that giving one back needs no memory.
        self.slots.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        let capacity = self.slots.capacity().saturating_sub(self.free.len());
        self.free.try_reserve(capacity).map_err(|_| Errno::ENOMEM)?;
        self.slots.push(Slot {
            owner: None,
            file: None,
            kind: Kind::Device,
            generation: 0,
            is_used: false,
        });
        u32::try_from(self.slots.len() - 1).map_err(|_| Errno::EMFILE)
    }

    fn slot(&mut self, id: u32) -> Option<&mut Slot> {
        let slot = self.slots.get_mut((id & ((1 << INDEX_BITS) - 1)) as usize)?;
        (slot.is_used && slot.generation == id >> INDEX_BITS).then_some(slot)
    }

    fn give_back(&mut self, id: u32) -> Option<File> {
        let slot = self.slot(id)?;
        slot.is_used = false;
        let file = slot.file.take();
        self.free.push(id & ((1 << INDEX_BITS) - 1));
        file
    }

    fn ids_of(&self, client: Client) -> Vec<u32> {
        let owned = self
            .slots
            .iter()
            .zip(0_u32..)
            .filter(|(s, _)| s.is_used && s.owner == Some(client));
        owned.map(|(s, index)| s.generation << INDEX_BITS | index).collect()
    }
}

/// Gives `file` a number that belongs to the client of the running request.
///
/// # Errors
///
/// `EMFILE`: too many are open; the file is closed.
pub fn add(file: File, kind: Kind) -> Result<u32, Errno> {
    let owner = context::client();
    let mut file = Some(file);
    // Dropped outside the table's borrow: a release may open or close files.
    TABLE.with(|t| {
        t.take(owner, kind, None).inspect(|id| {
            if let Some(slot) = t.slot(*id) {
                slot.file = file.take();
            }
        })
    })
}

/// Reserves a number for a file that comes with [`install`].
///
/// # Errors
///
/// `EMFILE`, `ENOMEM`.
pub fn reserve() -> Result<u32, Errno> {
    let owner = context::client();
    TABLE.with(|t| t.take(owner, Kind::Device, None))
}

/// Gives a reserved number its file.
pub fn install(id: u32, file: File) {
    let mut file = Some(file);
    TABLE.with(|t| {
        if let Some(slot) = t.slot(id) {
            core::mem::swap(&mut slot.file, &mut file);
        }
    });
}

/// The file behind a number that the running request's client holds.
///
/// # Errors
///
/// `EBADF`.
pub fn get(id: u32, kind: Kind) -> Result<File, Errno> {
    let owner = context::client();
    let found = TABLE.with(|t| {
        let slot = t.slot(id)?;
        if slot.owner == owner && slot.kind == kind {
            slot.file.clone()
        } else {
            None
        }
    });
    found.ok_or(Errno::EBADF)
}

/// The file behind a number, for a driver that was told it (`fget`).
#[must_use]
pub fn get_any(id: u32) -> Option<File> {
    let owner = context::client();
    TABLE.with(|t| t.slot(id).filter(|s| s.owner == owner).and_then(|s| s.file.clone()))
}

/// Closes a number. The driver's release runs now, unless another request still uses the file.
///
/// # Errors
///
/// `EBADF`, or what the driver's `flush` returns; closed is it then all the same, as in Linux.
pub fn close(id: u32, kind: Kind) -> Result<(), Errno> {
    drop(get(id, kind)?);
    let file = TABLE.with(|t| t.give_back(id)).ok_or(Errno::EBADF)?;
    file.flush()
}

/// Gives a number back; its file, if it has one, is closed.
pub fn release(id: u32) -> Option<File> {
    TABLE.with(|t| t.give_back(id))
}

/// Closes all files of a client that is gone. Runs drivers' releases, so a task calls it.
pub fn close_all(client: Client) {
    for id in TABLE.with(|t| t.ids_of(client)) {
        if let Some(file) = release(id) {
            // Nobody is left to be told.
            let _ = file.flush();
        }
    }
}
