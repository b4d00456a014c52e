// SPDX-License-Identifier: GPL-2.0-only
//! Breaks one function on purpose, to see that tests notice: a suite that cannot fail proves nothing.
//!
//! The tree stays as it is: a function is exchanged by the linker (`--wrap`), an inline one by a header of ours that is
//! read before the tests' own files. What is put in its place is in `sabotage/`.

use crate::build::BuildRequest;
use std::path::{Path, PathBuf};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// `list_del` forgets to unlink.
    ListDel,
    /// `regcache_sync` writes nothing and says that it went well.
    RegcacheSync,
    /// The threads that tests run in never run.
    Kthread,
}

impl Sabotage {
    /// All of them, by name.
    pub const ALL: [(&'static str, Sabotage); 3] = [
        ("list_del", Sabotage::ListDel),
        ("regcache_sync", Sabotage::RegcacheSync),
        ("kthread", Sabotage::Kthread),
    ];

    /// Changes what is asked of the build.
    pub(super) fn apply(self, request: &mut BuildRequest) {
        match self {
            Sabotage::ListDel => {
                let header = file("list_del.h").display().to_string();
                request.driver_cflags.extend(["-include".to_owned(), header]);
            }
            Sabotage::RegcacheSync => wrap(request, "regcache_sync", "regcache_sync.c"),
            Sabotage::Kthread => wrap(request, "wake_up_process", "kthread.c"),
        }
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/kunit/sabotage")
        .join(name)
}

fn wrap(request: &mut BuildRequest, function: &str, source: &str) {
    request.extra_glue.push(file(source));
    request.extra_roots.push(format!("__wrap_{function}"));
    request.extra_ldflags.push(format!("--wrap={function}"));
}
