// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generates the interfaces in `idl/` as Rust, for `src/idl.rs` to include.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use kos_idl::rust::{doc_lines, generate, module_name};
use kos_idl::{Files, Library};

/// The interfaces and their numbers in message headers. On KasperskyOS the numbers come from the
/// task class instead, so nothing may store them.
const INTERFACES: [(&str, u16); 17] = [
    // What a driver domain calls.
    ("linuxcompat/I2c.idl", 1),
    ("linuxcompat/Spi.idl", 2),
    ("linuxcompat/Gpio.idl", 3),
    ("linuxcompat/Firmware.idl", 4),
    ("linuxcompat/Log.idl", 5),
    ("linuxcompat/Clock.idl", 6),
    ("linuxcompat/Epitaph.idl", 7),
    // What a driver domain serves.
    ("linuxcompat/Sysfs.idl", 16),
    ("linuxcompat/Chardev.idl", 17),
    ("linuxcompat/Control.idl", 18),
    ("linuxcompat/Socket.idl", 19),
    // What the kernel serves: their numbers of edition 1.3, moved out of the way of ours, since here an interface has
    // one number whoever serves it.
    ("kl/core/VMM.idl", 0x100),
    ("kl/core/IO.idl", 0x101),
    ("kl/core/Handle.idl", 0x103),
    ("kl/core/CM.idl", 0x10f),
    ("kl/core/Notice.idl", 0x111),
    ("kl/core/IPC.idl", 0x112),
];

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=idl");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("idl");
    let mut library = Library::new(Files::dirs([&root]));
    let mut modules = String::new();
    let mut arms = String::new();
    let mut list = String::new();
    for (file, riid) in INTERFACES {
        let (module, text) = module(&mut library, file, riid)?;
        modules += &text;
        arms += &format!("        {module}::RIID => Some(&{module}::INTERFACE),\n");
        list += &format!("    &{module}::INTERFACE,\n");
    }
    check_all_listed(&root.join("linuxcompat"))?;
    check_all_listed(&root.join("kl/core"))?;
    let count = INTERFACES.len();
    modules += &format!(
        "
/// Every interface, in the order of their numbers.
pub static INTERFACES: [&Interface; {count}] = [
{list}];

/// Finds an interface by the number in a message's header.
#[must_use]
pub fn interface(riid: u16) -> Option<&'static Interface> {{
    match riid {{
{arms}        _ => None,
    }}
}}
"
    );
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("interfaces.rs"), modules)?;
    let (_, types) = module(&mut library, "test/Types.idl", 0)?;
    let (_, everything) = module(&mut library, "test/Everything.idl", u16::MAX)?;
    fs::write(out.join("everything.rs"), types + &everything)?;
    Ok(())
}

/// Generates one interface; returns its module's name and text.
fn module(library: &mut Library, file: &str, riid: u16) -> Result<(String, String), Box<dyn Error>> {
    let package = file.trim_end_matches(".idl").replace('/', ".");
    let interface = library.package(&package)?;
    let (name, doc) = (module_name(&interface), doc_lines(&interface.doc));
    let body = generate(&interface, riid);
    Ok((name.clone(), format!("{doc}pub mod {name} {{\n{body}}}\n\n")))
}

/// A file without a number would silently have no interface.
fn check_all_listed(directory: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if Path::new(&name).extension().is_none_or(|end| end != "idl") {
            continue;
        }
        let is_listed = |file: &str| Path::new(file).file_name() == Some(&*name);
        if !INTERFACES.iter().any(|(file, _)| is_listed(file)) {
            let name = name.display();
            let directory = directory.display();
            return Err(format!("{directory}/{name}: has no number in build.rs").into());
        }
    }
    Ok(())
}
