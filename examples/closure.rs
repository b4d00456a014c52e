// SPDX-License-Identifier: GPL-2.0-only
//! Closes the link of a driver without a shim and prints what the machine would have to provide.
//!
//! `cargo run --example closure -- adxl345_i2c [SHIM.a]`, with `LINUX_TREE` naming the tree.

use linux_compat::build::{BuildError, closure, compile::Compiler, hash::Memory, index::Index, objfile::ObjFile, waist::Waist};
use linux_headers::{Arch, Profile, Tree, cache, flags, kconfig::Kconfig};
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), BuildError> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "adxl345_i2c".to_owned());
    let shim = arguments.next();
    let tree = Tree::open(Path::new(&std::env::var("LINUX_TREE").unwrap_or_default()))?;
    let start = Instant::now();
    let index = Index::load(&tree)?;
    eprintln!("index: {} objects, {:?}", index.kbuild.objects.len(), start.elapsed());
    let kconfig = Kconfig::read(&tree.dir);
    let of_module: Vec<_> = index.kbuild.objects.iter().filter(|object| object.module.replace('-', "_") == name).collect();
    let wishes: Vec<String> = of_module.iter().flat_map(|object| object.symbols()).map(str::to_owned).collect();
    let setup = flags::setup(&tree, &kconfig, Profile::Release, Arch::host(), &wishes)?;
    eprintln!("configuration: {} symbols, wished for {wishes:?}, {:?}", setup.config.iter().count(), start.elapsed());
    for unmet in &setup.config.unmet {
        eprintln!("CONFIG_{} wants {}", unmet.symbol, unmet.depends);
    }
    let memory = Memory::load(cache::dir().join("files"));
    let compiler = Compiler::new(&tree, &index.kbuild, &setup, &memory, "gcc", Vec::new());
    let waist = Waist::read(&flags::architecture_dir().join("config/waist"))?;
    let roots: Vec<u32> = (0u32..).zip(&index.kbuild.objects).filter(|(_, o)| o.module.replace('-', "_") == name && o.is_enabled(&setup.config)).map(|(n, _)| n).collect();
    let shim = match shim {
        Some(path) => ObjFile::read_archive(Path::new(&path))?,
        None => Vec::new(),
    };
    let entry = ["driver_init", "radix_tree_init", "maple_tree_init", "unflatten_device_tree", "of_platform_populate"];
    let closed = closure::close(&compiler, &index, &waist, &roots, &[], shim, &entry)?;
    memory.save();
    for node in &closed.nodes {
        if let (closure::Origin::Upstream(file), why) = (node.origin, &node.why) {
            let source = index.kbuild.objects.get(file as usize).map_or("", |o| o.source.as_str());
            match why {
                Some((who, symbol)) => eprintln!("  {source}  ({who} needs {symbol})"),
                None => eprintln!("  {source}"),
            }
        }
    }
    for (symbol, missing) in &closed.missing {
        println!("{symbol}\t{}\t{}", missing.hint.as_deref().unwrap_or(""), missing.callers.iter().take(3).cloned().collect::<Vec<_>>().join(", "));
    }
    eprintln!("{} files, {} compiled now, {} missing, {:?}", closed.nodes.len(), compiler.ran.load(std::sync::atomic::Ordering::Relaxed), closed.missing.len(), start.elapsed());
    Ok(())
}
