// SPDX-License-Identifier: MIT OR Apache-2.0
//! A port's memory, seen from the kernel: a sealed memory file, mapped here and in the domain or
//! client.
//!
//! The peer may write at any time, against the rules. So nothing is ever borrowed from here but
//! atomics: messages are copied out once, into memory of the kernel's own, and only the copy is
//! looked at.
#![expect(unsafe_code, reason = "mapped memory that another process writes")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::vec::Vec;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Result;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::nk::{Lens, Parts, PartsMut};
use crate::port::{
    AREAS_AT, ARENA_BYTES, Area, BOOT_AT, BootInfo, CAUSE_BYTES, CONSTANT_BYTES, EPITAPH_AT, Epitaph, MAX_FRAMES,
    PORT_BYTES, Port,
};
use crate::sys::{self, Timespec};
use crate::turn::Word;

/// Room for a message of each kind in a port, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// For the constant part.
    pub constant: usize,
    /// For the arena.
    pub arena: usize,
}

impl Room {
    /// A domain's.
    pub const DEFAULT: Self = Self {
        constant: CONSTANT_BYTES,
        arena: ARENA_BYTES,
    };

    /// Returns it in whole pages.
    pub(crate) const fn in_pages(self) -> Self {
        Self {
            constant: self.constant.next_multiple_of(crate::port::PAGE),
            arena: self.arena.next_multiple_of(crate::port::PAGE),
        }
    }

    /// Tells whether a message fits.
    pub(crate) const fn holds(self, parts: Parts<'_>) -> bool {
        parts.constant.len() <= self.constant && parts.arena.len() <= self.arena
    }

    const fn constant_at(self, area: Area) -> usize {
        AREAS_AT + area as usize * (self.constant + self.arena)
    }

    const fn arena_at(self, area: Area) -> usize {
        self.constant_at(area) + self.constant
    }

    const fn port_bytes(self) -> usize {
        AREAS_AT + 4 * (self.constant + self.arena)
    }
}

/// A message in memory of the kernel's own.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

impl Message {
    /// Makes room for the largest message of a port. Pages cost nothing until they are touched.
    pub(crate) fn with_room(room: Room) -> Self {
        Self {
            constant: std::vec![0; room.constant],
            arena: std::vec![0; room.arena],
        }
    }

    /// Returns the first `lens` bytes of the parts; what does not exist reads as empty.
    pub(crate) fn parts(&self, lens: Lens) -> Parts<'_> {
        Parts {
            constant: self.constant.get(..lens.constant).unwrap_or_default(),
            arena: self.arena.get(..lens.arena).unwrap_or_default(),
        }
    }

    /// Lends the constant part of a message of `lens`, to be changed.
    pub(crate) fn constant(&mut self, lens: Lens) -> &mut [u8] {
        self.constant.get_mut(..lens.constant).unwrap_or_default()
    }

    /// Lends the whole room.
    pub(crate) fn room(&mut self) -> PartsMut<'_> {
        PartsMut {
            constant: &mut self.constant,
            arena: &mut self.arena,
        }
    }

    /// Copies a message for a queue; costs what the message is long.
    pub(crate) fn copy_of(parts: Parts<'_>) -> Self {
        Self {
            constant: parts.constant.to_vec(),
            arena: parts.arena.to_vec(),
        }
    }

    /// Returns all of a message that [`Message::copy_of`] made.
    pub(crate) fn whole(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }
}

/// A mapping of a port and its blob.
#[derive(Debug)]
pub(crate) struct Shared {
    base: NonNull<u8>,
    bytes: usize,
    file: OwnedFd,
    room: Room,
    /// Who sleeps on the port's word: [`sys::EVERYWHERE`] or [`sys::HERE`].
    scope: usize,
}

/// A port's word, and who sleeps on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    word: &'a AtomicU32,
    scope: usize,
}

impl Turn<'_> {
    /// Sleeps while the word is `seen`, until a wake-up with `bit` or `deadline`; may return for no reason.
    #[inline]
    pub(crate) fn wait_until(&self, seen: u32, bit: u32, deadline: Option<Timespec>) {
        sys::futex_wait_in(self.scope, self.word, seen, bit, deadline);
    }
}

impl Word for Turn<'_> {
    #[inline]
    fn load(&self) -> u32 {
        Word::load(self.word)
    }

    #[inline]
    fn store(&self, value: u32) {
        Word::store(self.word, value);
    }

    #[inline]
    fn swap(&self, value: u32) {
        Word::swap(self.word, value);
    }

    #[inline]
    fn replace(&self, from: u32, to: u32) -> std::result::Result<(), u32> {
        self.word.replace(from, to)
    }

    #[inline]
    fn wait(&self, seen: u32, bit: u32) {
        self.wait_until(seen, bit, None);
    }

    #[inline]
    fn wake(&self, bit: u32) {
        sys::futex_wake_in(self.scope, self.word, bit);
    }
}

// SAFETY: the mapping lives as long as the value and is reached through atomics and raw copies
// only.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Makes a port whose blob is `blob`, with `boot` in its place.
    pub(crate) fn create(boot: &BootInfo, blob: &[u8]) -> Result<Self> {
        let blob_bytes = blob.len().next_multiple_of(crate::port::PAGE);
        let shared = Self::sealed(PORT_BYTES + blob_bytes, Room::DEFAULT)?;
        // SAFETY: both lie inside the mapping, which nobody else has yet.
        unsafe { shared.at(BOOT_AT).cast::<BootInfo>().write(*boot) };
        // SAFETY: as above.
        unsafe {
            shared
                .at(PORT_BYTES)
                .copy_from_nonoverlapping(blob.as_ptr(), blob.len())
        };
        Ok(shared)
    }

    /// Makes a port with `room` for each message and nothing else.
    pub(crate) fn with_room(room: Room) -> Result<Self> {
        Self::sealed(room.port_bytes(), room)
    }

    fn sealed(bytes: usize, room: Room) -> Result<Self> {
        let file = memfd_create("port", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, bytes as u64)?;
        // Without these a peer could cut the file and make the kernel fault on its own mapping.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(file, bytes, room)
    }

    /// Maps a port that somebody else made. The file must be one of [`PORT_BYTES`] at least.
    pub(crate) fn open(file: OwnedFd) -> Result<Self> {
        let size = rustix::fs::fstat(&file)?.st_size;
        if usize::try_from(size).unwrap_or(0) < PORT_BYTES {
            return Err(rustix::io::Errno::INVAL);
        }
        Self::map(file, PORT_BYTES, Room::DEFAULT)
    }

    fn map(file: OwnedFd, bytes: usize, room: Room) -> Result<Self> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address that the system chooses.
        let base = unsafe { mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED, &file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Self {
            base,
            bytes,
            file,
            room,
            scope: sys::EVERYWHERE,
        })
    }

    /// Promises that both sides of the port are threads of this process, which spares Linux a look at the page.
    pub(crate) fn private(mut self) -> Self {
        self.scope = sys::HERE;
        self
    }

    /// Returns the word that says whose turn it is.
    #[inline]
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn {
            word: &self.port().turn,
            scope: self.scope,
        }
    }

    fn at(&self, offset: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(offset)
    }

    /// Returns the base address, for a domain in this very process.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Returns how much room there is for a message.
    pub(crate) fn room_bytes(&self) -> Room {
        self.room
    }

    /// Returns the file, to be handed to the peer.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Returns the port's words.
    pub(crate) fn port(&self) -> &Port {
        // SAFETY: the mapping holds a port for as long as `self` lives, and the words are atomics.
        unsafe { self.base.cast::<Port>().as_ref() }
    }

    /// Copies a message of hostile `lens` from `area` into `to`. `None` if it claims more than
    /// fits.
    pub(crate) fn copy_in(&self, area: Area, lens: Lens, to: &mut Message) -> Option<()> {
        if lens.constant > self.room.constant || lens.arena > self.room.arena {
            return None;
        }
        let constant = to.constant.get_mut(..lens.constant)?;
        let arena = to.arena.get_mut(..lens.arena)?;
        // SAFETY: `lens` was checked against the area. The peer may write meanwhile: we get some
        // mix of bytes, which is as good as any other hostile message.
        unsafe {
            copy(
                self.at(self.room.constant_at(area)),
                constant.as_mut_ptr(),
                lens.constant,
            )
        };
        // SAFETY: as above.
        unsafe { copy(self.at(self.room.arena_at(area)), arena.as_mut_ptr(), lens.arena) };
        Some(())
    }

    /// Copies a message into `area`; its size was checked when it was copied in.
    pub(crate) fn copy_out(&self, area: Area, parts: Parts<'_>) -> Lens {
        let lens = Lens {
            constant: parts.constant.len().min(self.room.constant),
            arena: parts.arena.len().min(self.room.arena),
        };
        // SAFETY: cut to the area.
        unsafe {
            copy(
                parts.constant.as_ptr(),
                self.at(self.room.constant_at(area)),
                lens.constant,
            )
        };
        // SAFETY: as above.
        unsafe { copy(parts.arena.as_ptr(), self.at(self.room.arena_at(area)), lens.arena) };
        lens
    }

    /// Lends an area without a copy.
    ///
    /// # Safety
    ///
    /// Nobody else, in this process or another, touches the area during the borrow.
    pub(crate) unsafe fn view(&self, area: Area, lens: Lens) -> Option<Parts<'_>> {
        if lens.constant > self.room.constant || lens.arena > self.room.arena {
            return None;
        }
        Some(Parts {
            // SAFETY: checked against the area; unshared by our caller's promise.
            constant: unsafe { std::slice::from_raw_parts(self.at(self.room.constant_at(area)), lens.constant) },
            // SAFETY: as above.
            arena: unsafe { std::slice::from_raw_parts(self.at(self.room.arena_at(area)), lens.arena) },
        })
    }

    /// Lends the room of an area.
    ///
    /// # Safety
    ///
    /// As for [`Shared::view`].
    pub(crate) unsafe fn room(&self, area: Area) -> PartsMut<'_> {
        PartsMut {
            // SAFETY: an area is that long; unshared by our caller's promise.
            constant: unsafe {
                std::slice::from_raw_parts_mut(self.at(self.room.constant_at(area)), self.room.constant)
            },
            // SAFETY: as above.
            arena: unsafe { std::slice::from_raw_parts_mut(self.at(self.room.arena_at(area)), self.room.arena) },
        }
    }

    /// Copies the epitaph, cut to what it may hold.
    pub(crate) fn epitaph(&self) -> Epitaph {
        // SAFETY: it lies inside the mapping and is plain data; the peer is dead or lies.
        let mut epitaph = unsafe { self.at(EPITAPH_AT).cast::<Epitaph>().read() };
        epitaph.cause_len = epitaph.cause_len.min(u32::try_from(CAUSE_BYTES).unwrap_or(0));
        epitaph.frame_count = epitaph.frame_count.min(u32::try_from(MAX_FRAMES).unwrap_or(0));
        epitaph
    }
}

/// # Safety
///
/// `from` and `to` are valid for `bytes` and do not overlap.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    if bytes != 0 {
        // SAFETY: our caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and all borrows of it ended with `self`.
        let done = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(done.is_ok(), "a whole mapping can always be unmapped");
    }
}
