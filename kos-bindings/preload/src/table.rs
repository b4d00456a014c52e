// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the program's descriptors are ours.

use crate::domain::lock;
use crate::object::Object;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

struct Table {
    /// The process that they are open in.
    pid: u32,
    objects: BTreeMap<i32, Arc<Object>>,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    pid: 0,
    objects: BTreeMap::new(),
});
/// Most calls of most programs are about other descriptors: they cost a load.
static IS_ANY: AtomicBool = AtomicBool::new(false);

/// What `fd` stands for, if it is ours.
#[must_use]
pub fn get(fd: i32) -> Option<Arc<Object>> {
    if !IS_ANY.load(Relaxed) {
        return None;
    }
    let table = lock(&TABLE);
    if table.pid != std::process::id() {
        return None;
    }
    table.objects.get(&fd).cloned()
}

/// Makes `fd` stand for `object`. What it stood for is let go.
pub fn insert(fd: i32, object: Arc<Object>) {
    IS_ANY.store(true, Relaxed);
    let pid = std::process::id();
    // Let go outside of the table: that closes descriptors, and comes back here.
    let mut stale = BTreeMap::new();
    let mut table = lock(&TABLE);
    if table.pid != pid {
        // A child: these are its parent's, where they stay open.
        stale = std::mem::take(&mut table.objects);
        table.pid = pid;
    }
    let before = table.objects.insert(fd, object);
    drop(table);
    drop((before, stale));
}

/// Forgets `fd`.
pub fn remove(fd: i32) -> Option<Arc<Object>> {
    if !IS_ANY.load(Relaxed) {
        return None;
    }
    lock(&TABLE).objects.remove(&fd)
}
