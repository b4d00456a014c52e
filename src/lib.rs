// SPDX-License-Identifier: GPL-2.0-only
//! Unmodified Linux drivers, each in its own isolated domain.

pub mod build;
