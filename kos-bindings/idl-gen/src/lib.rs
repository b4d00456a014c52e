// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust from interface descriptions in KasperskyOS's IDL.
//!
//! ```text
//! text ─ parse ─▶ ast::Package ─ check ─▶ model::Interface (offsets, sizes) ─ rust ─▶ Rust text
//! ```
//!
//! * [`ast`], [`parse`](mod@parse): the language as written, every name with its place in the file.
//! * [`model`], [`check`](mod@check), `layout`: the language as meant, and where every byte of a
//!   message lies.
//! * [`rust`]: messages, clients, servers and validators as `no_std` Rust.
//! * [`Error`]: file, line, column, and what was expected there.
//!
//! The subset: integers, `Handle`, `bytes`, `string`, `sequence`, `array`, `struct`, `typedef`,
//! `const` with arithmetic, and one `interface` per package. Not there, and refused by name:
//! `import`, `union`, the platform-sized integers and typed handles of edition 1.4, sequences of
//! items that are themselves of variable size.
//!
//! # Examples
//!
//! ```
//! let idl = "// A lamp.\npackage demo.Lamp\ninterface { Set(in UInt8 level); }";
//! let lamp = kos_idl::load("demo/Lamp.idl", idl).expect("the text above is right");
//! assert!(kos_idl::rust::generate(&lamp, 7).contains("pub const RIID: u16 = 7;"));
//!
//! let idl = "package demo.Lamp\ninterface { Set(UInt8 level); }";
//! let error = kos_idl::load("demo/Lamp.idl", idl).expect_err("it lacks the direction");
//! let message = "demo/Lamp.idl:2:17: expected `in`, `out` or `error`, found `UInt8`";
//! assert_eq!(error.to_string(), message);
//! ```

pub mod ast;
pub mod check;
mod error;
mod layout;
pub mod model;
pub mod parse;
pub mod rust;
#[cfg(test)]
mod tests;

pub use error::Error;

/// Parses and checks one package.
///
/// `file` is for messages, and its end must be the package's name: `a.b.Name` stands in
/// `a/b/Name.idl`.
///
/// # Errors
///
/// The first mistake in `text`.
pub fn load(file: &str, text: &str) -> Result<model::Interface, Error> {
    parse::parse(text)
        .and_then(|package| check::check(file, &package))
        .map_err(|mistake| Error::new(file, text, mistake))
}
