// SPDX-License-Identifier: GPL-2.0-only
//! Repository tasks.
fn main() {}
