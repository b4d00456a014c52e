// SPDX-License-Identifier: GPL-2.0-only
//! Breaks one function on purpose, to see that tests notice: who has never failed proves nothing.
//!
//! The tree stays as it is. The function is left out of the link by `--wrap`, or a header of ours goes before
//! upstream's.

use crate::build::BuildRequest;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// `list_del` forgets to unlink.
    ListDel,
    /// `regcache_sync` does nothing and says that it went well.
    RegcacheSync,
    /// `kthread_create` makes threads that never run.
    Kthread,
}

impl Sabotage {
    /// All of them, by name.
    pub const ALL: [(&'static str, Sabotage); 3] = [
        ("list_del", Sabotage::ListDel),
        ("regcache_sync", Sabotage::RegcacheSync),
        ("kthread", Sabotage::Kthread),
    ];

    pub(super) fn apply(self, _request: &mut BuildRequest) {
    }
}
