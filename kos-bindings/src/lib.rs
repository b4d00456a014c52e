// SPDX-License-Identifier: MIT OR Apache-2.0
//! The microkernel: KasperskyOS's IPC model and its hosted back end.
