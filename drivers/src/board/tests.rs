// SPDX-License-Identifier: GPL-2.0-only
//! Boards: buses, faults, lines and time.
