// SPDX-License-Identifier: MIT OR Apache-2.0
//! `init.yaml`: which processes a KasperskyOS solution starts, and who is connected with whom.
//!
//! ```text
//! text ─ yaml ─▶ nodes ─ read ─▶ Init ─ check ─▶ System: the service locator's table
//!                                  └─ print ─▶ text
//! ```
//!
//! * [`Init::parse`]: the file as written, every text with its place.
//! * [`System::check`]: the same against the classes' EDL files. What comes out answers what the
//!   service locator is asked: which channel has this name, which number has this endpoint.
//! * [`Error`]: file, line, column, what is wrong and what was expected.
//!
//! The file is data and comes from anybody: anchors, aliases and tags are refused, since nothing in
//! it needs them, and nesting is bounded.
//!
//! # Examples
//!
//! ```
//! use kos_idl::{Files, Library};
//! use kos_init::{Init, Rules, System};
//!
//! let mut library = Library::new(Files::texts([
//!     ("demo/Lamp.idl", "package demo.Lamp interface { Set(in UInt8 level); }"),
//!     ("demo/House.edl", "task class demo.House endpoints { hall : demo.Lamp attic : demo.Lamp }"),
//!     ("demo/Hand.edl", "task class demo.Hand"),
//! ]));
//! let text = "
//! entities:
//! - name: demo.House
//! - name: demo.Hand
//!   connections:
//!   - target: demo.House
//!     id: lamps
//! ";
//! let init = Init::parse("init.yaml", text)?;
//! let system = System::check(&init, &mut library, &Rules::default())?;
//! assert_eq!(system.riid("demo.Hand", "lamps", "attic"), Some(1));
//!
//! let text = text.replace("target: demo.House", "target: demo.Home");
//! let error = System::check(&Init::parse("init.yaml", &text)?, &mut library, &Rules::default());
//! let message = "init.yaml:6:13: there is no task `demo.Home`";
//! assert_eq!(error.unwrap_err().to_string(), message);
//! # Ok::<(), kos_init::Error>(())
//! ```

mod check;
mod error;
mod print;
mod read;
#[cfg(test)]
mod tests;
mod yaml;

pub use check::{Channel, Process, Rules, Served, System};
pub use error::{Error, Place, text_of};
pub use read::{Connection, Entity, Init, Text};
