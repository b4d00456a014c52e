// SPDX-License-Identifier: MIT OR Apache-2.0
//! KasperskyOS's description languages, and Rust from interfaces written in them.
//!
//! | language | a file describes | here |
//! |---|---|---|
//! | IDL | a package: constants, types, one interface | [`model::Interface`] |
//! | CDL | a component: endpoints, components in it | [`model::Component`] |
//! | EDL | a class of processes: the same | [`model::Component`] |
//!
//! ```text
//! text ─ parse ─▶ ast ─ check ─▶ model (offsets, sizes, endpoints) ─ rust ─▶ Rust text
//!                  └─ print ─▶ text
//! ```
//!
//! * [`Library`]: descriptions by their names; it follows imports, interfaces and components through
//!   [`Files`].
//! * [`ast`], [`parse`](mod@parse), [`print`](mod@print): the languages as written, every name with
//!   its place in the file.
//! * [`model`], `check`, `layout`: the languages as meant, and where every byte of a message lies.
//! * [`rust`]: messages, clients, servers and validators as `no_std` Rust.
//! * [`Error`]: file, line, column, and what was expected there.
//!
//! The languages are those of the public documents. What these leave open is refused by name:
//! operators other than `<<`, `+`, `*` and `**`; strings, bytes, sequences and handles inside of
//! structs, unions, arrays and sequences. Imported names are used as they are; what an imported
//! package imports itself is not seen.
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
mod check;
mod error;
mod files;
mod layout;
mod library;
pub mod model;
pub mod parse;
pub mod print;
pub mod rust;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use files::Files;
pub use library::Library;

/// Parses and checks one package that imports nothing.
///
/// `file` is for messages, and its end must be the package's name: `a.b.Name` stands in
/// `a/b/Name.idl`.
///
/// # Errors
///
/// The first mistake in `text`.
pub fn load(file: &str, text: &str) -> Result<model::Interface, Error> {
    let read = parse::package(text).and_then(|package| match package.imports.first() {
        Some(import) => Err(error::Mistake::new(import.at, "a package alone imports nothing")),
        None => check::check(file, &package, &[]),
    });
    read.map_err(|mistake| Error::new(file, text, mistake))
}
