// SPDX-License-Identifier: GPL-2.0-only
//! A `kernfs_node` as a value (`glue/sysfs.c`), lists of entries, and watches on a file's announcements.

use crate::{
    bindings::{self, kernfs_node, machine_entry, machine_watch},
    errno::Errno,
    raw::file::{File, flags, to_timeout},
};
use core::{
    ffi::{CStr, c_char, c_void},
    ptr::{self, NonNull},
};

/// One reference to a node of sysfs.
#[derive(PartialEq, Eq)]
pub struct Node(NonNull<kernfs_node>);

/// One entry of a directory, or one device.
pub struct Entry<'a> {
    /// `d`, `f`, `l` or `c`.
    pub kind: u8,
    /// Permission bits.
    pub mode: u16,
    /// The name.
    pub name: &'a CStr,
    /// A link's text, or a device's numbers; else empty.
    pub target: &'a CStr,
}

/// # Safety
///
/// `text` is a C string that stays for `'a`.
unsafe fn text<'a>(text: *const c_char) -> &'a CStr {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }
}

/// # Safety
///
/// `ctx` points to an `F`; `entry` and its strings stay for the call.
unsafe extern "C" fn hand_over<F: FnMut(&Entry<'_>) -> bool>(ctx: *mut c_void, entry: *const machine_entry) -> bool {
    // SAFETY: the caller's promise; nobody else holds the closure during the walk.
    let f = unsafe { &mut *ctx.cast::<F>() };
    // SAFETY: the caller's promise.
    let raw = unsafe { &*entry };
    f(&Entry {
        kind: raw.kind,
        mode: raw.mode,
        // SAFETY: the caller's promise.
        name: unsafe { text(raw.name) },
        // SAFETY: the caller's promise.
        target: unsafe { text(raw.target) },
    })
}

/// Hands each character device to `f`, which must not sleep, until it returns false.
pub fn each_chardev<F: FnMut(&Entry<'_>) -> bool>(mut f: F) {
    // SAFETY: the callback fits its context, which outlives the call.
    unsafe { bindings::machine_chardev_each(Some(hand_over::<F>), ptr::from_mut(&mut f).cast()) };
}

impl Node {
    /// Walks from sysfs's root, links followed.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `ENAMETOOLONG` (a component over 255 bytes).
    pub fn walk(path: &str) -> Result<Node, Errno> {
        if path.as_bytes().contains(&0) {
            return Err(Errno::ENOENT);
        }
        // SAFETY: the bytes stay for the call.
        let node = unsafe { bindings::machine_node_walk(path.as_ptr().cast(), path.len()) };
        let at = node.expose_provenance().cast_signed();
        match NonNull::new(node) {
            Some(node) if !(-4095..0).contains(&at) => Ok(Node(node)),
            _ => Err(Errno::check(at).err().unwrap_or(Errno::ENOENT)),
        }
    }

    fn as_ptr(&self) -> *mut kernfs_node {
        self.0.as_ptr()
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        // SAFETY: a live node (we hold a reference).
        unsafe { bindings::machine_node_kind(self.as_ptr()) == b'd' }
    }

    /// Permission bits.
    #[must_use]
    pub fn mode(&self) -> u16 {
        // SAFETY: as above.
        unsafe { bindings::machine_node_mode(self.as_ptr()) }
    }

    /// Whether it was not removed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        // SAFETY: as above.
        unsafe { bindings::machine_node_is_live(self.as_ptr()) }
    }

    /// Hands each entry of a directory to `f`, which must not sleep, until it returns false.
    pub fn each<F: FnMut(&Entry<'_>) -> bool>(&self, mut f: F) {
        // SAFETY: a live node; the callback fits its context, which outlives the call.
        unsafe { bindings::machine_node_each(self.as_ptr(), Some(hand_over::<F>), ptr::from_mut(&mut f).cast()) };
    }

    /// Opens the file with `O_` bits.
    ///
    /// # Errors
    ///
    /// `EISDIR`, `EACCES` (the permission bits or the attribute do not allow it), `ENODEV` (removed), `ENOMEM`.
    pub fn open(&self, flags: u32) -> Result<File, Errno> {
        // SAFETY: a live node; called by a task that may sleep.
        File::from_c(unsafe { bindings::machine_node_open(self.as_ptr(), flags) })
    }

    /// Opens the file for all that its permission bits allow.
    ///
    /// # Errors
    ///
    /// As for [`Node::open`].
    pub fn open_any(&self) -> Result<File, Errno> {
        const BOTH: u32 = 3;
        if self.is_dir() {
            return Err(Errno::EISDIR);
        }
        // SAFETY: a live node, and a file.
        match unsafe { bindings::machine_node_access(self.as_ptr()) } {
            BOTH => self.open(flags::READ_WRITE),
            2 => self.open(flags::WRITE),
            _ => self.open(flags::READ),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: our reference, given up once.
        unsafe { bindings::machine_node_put(self.as_ptr()) };
    }
}

/// Counts the announcements of one file from its making on.
pub struct Watch(NonNull<machine_watch>);

impl Watch {
    /// Starts to count at `count`.
    ///
    /// # Errors
    ///
    /// As for [`Node::open`].
    pub fn new(node: &Node, count: u32) -> Result<Watch, Errno> {
        // SAFETY: a live node; the watch's open file holds it from then on.
        let watch = unsafe { bindings::machine_watch_new(node.as_ptr(), count) };
        let at = watch.expose_provenance().cast_signed();
        match NonNull::new(watch) {
            Some(watch) if !(-4095..0).contains(&at) => Ok(Watch(watch)),
            _ => Err(Errno::check(at).err().unwrap_or(Errno::ENOMEM)),
        }
    }

    /// Whether it watches `node`.
    #[must_use]
    pub fn is_of(&self, node: &Node) -> bool {
        // SAFETY: a live watch, ours.
        unsafe { bindings::machine_watch_node(self.0.as_ptr()) == node.as_ptr() }
    }

    /// Announcements so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        // SAFETY: as above.
        unsafe { bindings::machine_watch_count(self.0.as_ptr()) }
    }

    /// Sleeps until the count is not `known`, at most so long; `None` for ever.
    pub fn wait(&self, known: u32, timeout_ns: Option<u64>) {
        // SAFETY: as above; called by a task that may sleep.
        unsafe { bindings::machine_watch_wait(self.0.as_ptr(), known, to_timeout(timeout_ns)) };
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: ours, freed once; whoever waits holds the watch.
        unsafe { bindings::machine_watch_free(self.0.as_ptr()) };
    }
}
