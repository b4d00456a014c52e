// SPDX-License-Identifier: GPL-2.0-only
//! Kbuild files of the kinds that the tree has, in small.

use super::Kbuild;
use linux_headers::kconfig::{Answers, Config, Kconfig};
use std::fs;
use std::path::PathBuf;

fn tree(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = std::env::temp_dir().join(format!("kbuild-{name}-{}", std::process::id()));
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("has a parent")).expect("makes a directory");
        fs::write(path, text).expect("writes");
    }
    root
}

fn config(text: &str) -> Config {
    Config::resolve(&Kconfig::default(), &Answers::parse(text).expect("answers"), &[])
}

fn sources(kbuild: &Kbuild, config: &Config) -> Vec<String> {
    kbuild
        .objects
        .iter()
        .filter(|o| o.is_enabled(config))
        .map(|o| format!("{}:{}", o.module, o.source))
        .collect()
}

#[test]
fn composite_module_takes_conditional_parts() {
    let root = tree(
        "composite",
        &[
            ("Kbuild", "obj-y += drivers/\n"),
            (
                "drivers/Makefile",
                "obj-$(CONFIG_IIO) += iio/\nobj-$(CONFIG_OFF) += off.o\n",
            ),
            (
                "drivers/iio/Makefile",
                "obj-$(CONFIG_IIO) += core.o\ncore-y := a.o \\\n\tb.o\ncore-$(CONFIG_BUF) += buf.o\n",
            ),
            ("drivers/iio/a.c", ""),
            ("drivers/iio/b.c", ""),
            ("drivers/iio/buf.c", ""),
            ("drivers/off.c", ""),
        ],
    );
    let kbuild = Kbuild::read(&root);
    let small = sources(&kbuild, &config("CONFIG_IIO=y"));
    assert_eq!(small, ["core:drivers/iio/a.c", "core:drivers/iio/b.c"]);
    let large = sources(&kbuild, &config("CONFIG_IIO=m\nCONFIG_BUF=y\nCONFIG_OFF=y"));
    assert_eq!(
        large,
        [
            "core:drivers/iio/a.c",
            "core:drivers/iio/b.c",
            "core:drivers/iio/buf.c",
            "off:drivers/off.c"
        ]
    );
    fs::remove_dir_all(root).expect("removes");
}

#[test]
fn conditionals_guard_what_they_hold() {
    let root = tree(
        "conditional",
        &[
            (
                "Kbuild",
                "ifeq ($(CONFIG_A)$(CONFIG_B),yy)\nobj-y += both.o\nelse ifdef CONFIG_A\nobj-y += one.o\n\
                 else\nobj-y += none.o\nendif\nobj-$(subst m,y,$(CONFIG_A)) += sub.o\n\
                 ccflags-$(CONFIG_A) += -DA -I$(srctree)/x\nCFLAGS_sub.o := -DSUB\nlist = sub.o none.o\n\
                 $(foreach f, $(list), \\\n\t$(eval CFLAGS_$(f) += -I $(srctree)/each))\n",
            ),
            ("both.c", ""),
            ("one.c", ""),
            ("none.c", ""),
            ("sub.c", ""),
        ],
    );
    let kbuild = Kbuild::read(&root);
    assert_eq!(sources(&kbuild, &config("")), ["none:none.c"]);
    let one = config("CONFIG_A=m");
    assert_eq!(sources(&kbuild, &one), ["one:one.c", "sub:sub.c"]);
    assert_eq!(
        sources(&kbuild, &config("CONFIG_A=y\nCONFIG_B=y")),
        ["both:both.c", "sub:sub.c"]
    );
    let sub = kbuild.objects.iter().find(|o| o.source == "sub.c").expect("is there");
    let flags = kbuild.flags(sub, &one, &root);
    assert!(
        flags.contains(&"-DSUB".to_owned()) && flags.contains(&"-DA".to_owned()),
        "{flags:?}"
    );
    assert!(flags.contains(&format!("-I{}/x", root.display())), "{flags:?}");
    assert!(flags.contains(&format!("-I{}/each", root.display())), "{flags:?}");
    fs::remove_dir_all(root).expect("removes");
}
