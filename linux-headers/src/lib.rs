// SPDX-License-Identifier: GPL-2.0-only
//! The architecture: headers, configuration answers, the kernel tree and compiler flags.
