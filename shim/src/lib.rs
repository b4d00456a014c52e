// SPDX-License-Identifier: GPL-2.0-only
//! The machine a Linux driver runs on.
