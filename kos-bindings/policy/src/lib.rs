// SPDX-License-Identifier: MIT OR Apache-2.0
//! The security policy: PSL, compiled to tables that judge every message.
//!
//! ```text
//! files ─ Loaded ─▶ declarations ─ compile ─▶ Program (tables) ─ Live ─▶ verdicts, audit records
//! ```
//!
//! * [`parse`](mod@parse), [`ast`]: the language as written. [`Loaded`]: files and what they include.
//! * [`World`]: the interfaces and endpoints that a policy speaks about.
//! * [`compile()`], [`Program`]: names and types checked; for each kind of message its rules.
//! * [`Live`]: the policy at work in the hosted kernel; [`Record`]: what it writes down.
//! * [`Program::run_tests`], [`Program::explain`], [`diff()`]: for those who write policies.
//!
//! `docs/policy.md` describes the language as it is implemented, and what is left out.
//!
//! # Examples
//!
//! ```
//! use kos_policy::{Loaded, World, compile};
//!
//! let text = r#"
//! use nk.base._
//! use linuxcompat.each._
//! use EDL driver.Adxl345
//! use EDL i2c0
//! request src=driver.Adxl345 dst=i2c0 interface=linuxcompat.I2c method=Xfer {
//!     assert (each.equals {items : message.msgs, field : "addr", value : 0x53})
//! }
//! "#;
//! let policy = compile(&Loaded::text("demo.psl", text)?, World::hosted())?;
//! let to = "request src=driver.Adxl345 dst=i2c0 interface=linuxcompat.I2c method=Xfer";
//! assert!(policy.explain(&format!("{to} {{msgs : [{{addr : 0x53}}]}}"))?.granted);
//! let denied = policy.explain(&format!("{to} {{msgs : [{{addr : 0x54}}]}}"))?;
//! assert_eq!(denied.rule.as_deref(), Some("demo.psl:7"));
//! # Ok::<(), kos_policy::Error>(())
//! ```

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that unwraps an error has failed")
)]

pub mod ast;
mod audit;
mod compile;
mod diff;
mod error;
mod eval;
mod live;
mod load;
mod message;
mod pal;
pub mod parse;
mod program;
#[cfg(test)]
mod tests;
mod world;

pub use audit::{Record, Sink};
pub use compile::compile;
pub use diff::{Change, Interaction, diff};
pub use error::{Error, Mistake, Place, Pos, Source};
pub use live::{Live, ReplaceError};
pub use load::Loaded;
pub use pal::{Failure, TestResult};
pub use program::{Program, Rule};
pub use world::{Endpoint, World};
