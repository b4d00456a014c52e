// SPDX-License-Identifier: GPL-2.0-only
//! Unmodified Linux drivers, each in its own isolated domain.
//!
//! | module | what it holds |
//! |---|---|
//! | [`build`] | from the name of a driver to one static image |
//! | [`board`] | [`Board`]: what hangs on which bus, as a device tree |
//! | [`system`] | [`System`] and [`Domain`]: drivers running behind the hosted kernel |
//! | [`client`] | [`Client`]: a domain's sysfs tree, character devices and sockets |
//! | [`policy`] | what each driver may do, made from its board |
//! | [`solution`] | a driver as a part of a KasperskyOS solution: EDL and init.yaml |
//! | [`iio`] | sensors in physical units, single readings and buffered capture |
//! | [`kunit`] | Linux's own unit tests in a domain |
//! | [`diff`] | how large a port's change is |
//! | [`figures`] | this project's own figures |
//! | [`skeleton`] | a board for a driver, from its binding document |
//! | [`port`] | whether one driver can run, and what is missing |
//! | [`matrix`] | how far each of many drivers comes |
//! | [`html`], [`output`] | reports as pages, and files that are whole or not there |
//! | [`nfc`] | readers and tags |
//! | [`symbol`] | from addresses to functions and lines |
//! | [`shim`] | where the machine's archives are |

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that unwraps an error has failed")
)]

pub mod board;
pub mod build;
pub mod client;
pub mod diff;
pub mod figures;
pub mod gauge;
pub mod html;
pub mod iio;
pub mod kunit;
pub mod matrix;
pub mod nfc;
pub mod output;
pub mod policy;
pub mod port;
pub mod shim;
pub mod skeleton;
pub mod solution;
pub mod symbol;
pub mod system;

pub use self::board::Board;
pub use client::Client;
pub use system::{Domain, System};
