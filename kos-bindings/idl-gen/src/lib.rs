// SPDX-License-Identifier: MIT OR Apache-2.0
//! IDL parser and Rust generator.
