// SPDX-License-Identifier: GPL-2.0-only
//! Simulated hardware: chip models, buses and boards.
