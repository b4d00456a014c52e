// SPDX-License-Identifier: GPL-2.0-only
//! A kernel tree of a few lines: what is pulled in, what is not, what is missing.

use super::{Closure, Origin, Parts, close};
use crate::build::compile::Compiler;
use crate::build::hash::Memory;
use crate::build::index::Index;
use crate::build::kbuild::Object;
use crate::build::lookup;
use crate::build::script::Script;
use crate::build::waist::Waist;
use linux_headers::flags::Setup;
use linux_headers::kconfig::{Answers, Config, Kconfig};
use linux_headers::{Series, Tree};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

const FILES: [(&str, &str); 10] = [
    ("Kbuild", "obj-y += drivers/ core/ mm/\n"),
    (
        "drivers/Makefile",
        "obj-$(CONFIG_CHIP) += chip.o\nobj-$(CONFIG_EXTRA) += extra.o\n",
    ),
    (
        "drivers/chip.c",
        "int used(void), absent(void), by_shim(void), slab(void), extra(void), soft(void), clash(void);\n\
         extern int data;\n\
         static __attribute__((section(\".initcall6.init\"), used)) int (*init)(void);\n\
         static int probe(void) {\n\
         return used() + absent() + by_shim() + slab() + extra() + soft() + clash() + data; }\n\
         static __attribute__((section(\".initcall6.init\"), used)) int (*init)(void) = probe;\n\
         int never(void); int dead(void) { return never(); }\n",
    ),
    (
        "drivers/extra.c",
        "int extra(void) { return 0; }\nEXPORT_SYMBOL(extra);\n",
    ),
    ("core/Makefile", "obj-y += used.o soft.o strong.o clash.o\n"),
    (
        "core/used.c",
        "int used(void) { return 1; }\nint other(void); int unused(void) { return other(); }\n",
    ),
    (
        "core/soft.c",
        "int __attribute__((weak)) __weak_name(void);\nint __weak soft(void) { return 1; }\n",
    ),
    ("core/strong.c", "int soft(void) { return 2; }\n"),
    (
        "core/clash.c",
        "int clash(void) { return 1; }\nint by_shim(void) { return 1; }\n",
    ),
    ("mm/Makefile", "obj-y += slab.o\n"),
];

struct World {
    tree: Tree,
    index: Index,
    setup: Setup,
    memory: Memory,
}

impl World {
    fn new(name: &str, answers: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("closure-{name}-{}", std::process::id()));
        for (path, text) in FILES.iter().chain(&[
            ("mm/slab.c", "int slab(void) { return 1; }\n"),
            ("shim.c", "int by_shim(void) { return 1; }\n"),
        ]) {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("makes a directory");
            fs::write(path, text).expect("writes");
        }
        let tree = Tree {
            dir: dir.clone(),
            series: Series::V6_12,
            full_version: "6.12.0".to_owned(),
            manifest: None,
        };
        let config = Config::resolve(&Kconfig::default(), &Answers::parse(answers).expect("answers"), &[]);
        let flags = [
            "-O1",
            "-w",
            "-fno-pic",
            "-ffunction-sections",
            "-D__weak=__attribute__((weak))",
            "-DEXPORT_SYMBOL(x)=",
        ];
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let setup = Setup {
            base: config.clone(),
            config,
            generated: dir.join("generated"),
            shared: dir.join("shared"),
            flags,
        };
        Self {
            index: Index::make(&tree),
            tree,
            setup,
            memory: Memory::default(),
        }
    }

    fn close(&self) -> (Closure, usize) {
        let mut compiler = Compiler::new(
            &self.tree,
            &self.index.kbuild,
            &self.setup,
            &self.memory,
            "gcc",
            Vec::new(),
        );
        compiler.objects = self.tree.dir.join("objects");
        let script = Script::parse("KEEP(*(.initcall6.init))");
        let waist = Waist::parse("# comment\nmm/\n");
        let roots = lookup::driver(&self.tree, &self.index, "chip", &[])
            .expect("is there")
            .objects;
        let glue = [Object::outside(
            &self.tree.dir.join("shim.c").display().to_string(),
            "shim",
        )];
        let parts = Parts {
            roots: &roots,
            beside: &[],
            is_removable: false,
            read: None,
            outside: &[],
            glue: &glue,
            idle: &[],
            shim: Vec::new(),
            entry: &[],
        };
        let closed = close(&compiler, &self.index, &waist, &script, parts).expect("closes");
        (closed, compiler.ran.load(Ordering::Relaxed))
    }

    fn pulled(&self, closed: &Closure) -> Vec<String> {
        let upstream = closed.in_link_order().filter_map(|node| match node.origin {
            Origin::Upstream(file) => Some(self.index.kbuild.objects[file as usize].source.clone()),
            _ => None,
        });
        upstream.collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(PathBuf::from(&self.tree.dir));
    }
}

#[test]
fn a_file_comes_in_only_for_code_that_can_run() {
    let world = World::new("pull", "CONFIG_CHIP=y");
    let (closed, _) = world.close();
    // Of two definitions the strong one; nothing for `dead` and `unused`, which nobody reaches.
    assert_eq!(
        world.pulled(&closed),
        ["drivers/chip.c", "core/used.c", "core/strong.c"]
    );
    let missing: Vec<&str> = closed.missing.keys().map(String::as_str).collect();
    assert_eq!(missing, ["absent", "clash", "data", "extra", "slab"]);
}

#[test]
fn what_is_missing_says_who_calls_it_and_where_upstream_has_it() {
    let world = World::new("missing", "CONFIG_CHIP=y");
    let (closed, _) = world.close();
    let hint = |name: &str| closed.missing[name].hint.clone().unwrap_or_default();
    assert_eq!(hint("extra"), "drivers/extra.c: needs CONFIG_EXTRA");
    assert_eq!(hint("slab"), "mm/slab.c: below the waist");
    assert_eq!(
        hint("clash"),
        "core/clash.c: also defines by_shim, which the shim provides"
    );
    assert!(
        closed.missing["absent"].callers.contains("drivers/chip.c: probe"),
        "{:?}",
        closed.missing["absent"]
    );
    assert!(closed.missing["absent"].is_called && !closed.missing["data"].is_called);
}

#[test]
fn an_object_is_compiled_again_only_for_what_it_depends_on() {
    let mut world = World::new("cache", "CONFIG_CHIP=y");
    let (_, first) = world.close();
    assert!(first > 0);
    assert_eq!(world.close().1, 0);
    // A symbol that no file names.
    let answers = Answers::parse("CONFIG_CHIP=y\nCONFIG_UNRELATED=y").expect("answers");
    world.setup.config = Config::resolve(&Kconfig::default(), &answers, &[]);
    assert_eq!(world.close().1, 0);
    fs::write(world.tree.dir.join("core/used.c"), "int used(void) { return 77; }\n").expect("writes");
    assert_eq!(world.close().1, 1);
}
