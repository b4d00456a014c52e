// SPDX-License-Identifier: GPL-2.0-only
//! Simulated hardware: chip models, buses and boards.
//!
//! A [`SimBoard`] is built from a compiled device tree, the same one that the driver's domain reads, and plays the
//! machine of that domain: its I²C and SPI buses with the chips on them, and its GPIO and interrupt lines. What
//! the chips feel is a [`Stimulus`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`board`] | [`SimBoard`]: buses, lines and time; [`SharedBoard`] for several threads |
//! | [`chip`] | what a board sees of a chip, and the bus front ends of register chips |
//! | [`regs`] | the declarative register map |
//! | [`adxl345`], [`bma255`] and others, all in [`chip::CHIPS`] | the chips |
//! | [`nfc`] | tags, and the air between them and a reader chip |
//! | [`calendar`] | the counters of real-time clocks |
//! | [`stand_in`] | what answers in a chip's place: nobody, all zeros, all ones |
//! | [`stimulus`] | the physical world |
//! | [`fault`] | what can go wrong, on request |
//! | [`transcript`] | what went over the buses |
//! | [`server`] | the buses, lines and clock as servers over IPC |
//! | [`vhost`] | the buses and lines as virtio devices, for virtual machines |
//! | [`tree`], [`dts`] | reading and compiling device trees |
//! | [`convert`], [`ring`], [`sampler`], [`errno`] | small parts |

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that unwraps an error has failed")
)]

pub mod adxl345;
pub mod ak8975;
#[cfg(test)]
mod any_bytes;
pub mod at24;
#[cfg(test)]
mod bench;
pub mod bma255;
pub mod bma400;
pub mod bmg160;
pub mod bmi160;
pub mod board;
pub mod calendar;
pub mod chip;
pub mod convert;
mod data_status;
pub mod ds1307;
pub mod ds3231;
pub mod dts;
pub mod errno;
pub mod fault;
pub mod fxas21002c;
pub mod invensense;
pub mod kxcjk1013;
pub mod l3gd20;
pub mod lis3dh;
pub mod lm75;
pub mod loopback;
pub mod lsm6dsl;
pub mod mma8452;
pub mod mpu6050;
pub mod nfc;
pub mod pn532;
pub mod pn7150;
pub mod regs;
pub mod ring;
pub mod sampler;
pub mod server;
pub mod st95hf;
pub mod stand_in;
pub mod stimulus;
pub mod transcript;
pub mod tree;
pub mod vhost;

pub use board::{BoardError, BoardOptions, BusId, Clock, I2cData, I2cMsg, LineSink, SharedBoard, SimBoard, SpiXfer};
pub use chip::ChipOptions;
pub use errno::Errno;
pub use fault::Fault;
pub use stand_in::StandIn;
pub use stimulus::Stimulus;
pub use transcript::Transcript;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
