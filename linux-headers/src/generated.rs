// SPDX-License-Identifier: GPL-2.0-only
//! The headers that a kernel build generates: `autoconf.h`, versions, constants, and `asm/` wrappers.
//!
//! Linux's `Kbuild` and `scripts/Makefile.asm-generic` say which; what they hold is computed here.

use crate::cache;
use crate::flags::{Arch, architecture_dir};
use crate::kconfig::{Config, Kconfig};
use crate::tree::{Tree, TreeError};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Makes `include/generated` for one tree and configuration. Returns the directory above it, and the directory above
/// what all configurations have in common.
pub(crate) fn make(
    tree: &Tree,
    kconfig: &Kconfig,
    config: &Config,
    arch: Arch,
) -> Result<(PathBuf, PathBuf), TreeError> {
    let autoconf = config.autoconf(kconfig);
    let place = |name: &str| {
        cache::dir()
            .join("generated")
            .join(format!("{}-{name}", tree.full_version))
    };
    let dir_name = tree.dir.as_os_str().as_encoded_bytes();
    let root = place(&short_hash(&[
        dir_name,
        autoconf.as_bytes(),
        format!("{arch:?} 3").as_bytes(),
    ]));
    let hz = config.get("HZ");
    let shared = place(&short_hash(&[
        dir_name,
        hz.as_bytes(),
        format!("{arch:?} shared").as_bytes(),
    ]));
    in_common(tree, &shared, hz)?;
    write(&root.join("include/generated/autoconf.h"), &autoconf)?;
    for dir in ["include/generated", "init"] {
        link_all(&shared.join(dir), &root.join(dir))?;
    }
    Ok((root, shared))
}

fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut name = String::new();
    for byte in hash.finalize().iter().take(8) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Makes what does not depend on the configuration, once a process: another one may have other headers of our own.
fn in_common(tree: &Tree, root: &Path, hz: &str) -> Result<(), TreeError> {
    static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if made.contains(root) {
        return Ok(());
    }
    let dir = root.join("include/generated");
    write(
        &dir.join("utsrelease.h"),
        &format!("#define UTS_RELEASE \"{}-linux-compat\"\n", tree.full_version),
    )?;
    write(&dir.join("utsversion.h"), "#define UTS_VERSION \"#1\"\n")?;
    write(
        &dir.join("compile.h"),
        "#define UTS_MACHINE \"linux-compat\"\n#define LINUX_COMPILE_BY \"linux-compat\"\n\
         #define LINUX_COMPILE_HOST \"domain\"\n#define LINUX_COMPILER \"cc\"\n",
    )?;
    // init/Makefile has it included before init/version.c.
    write(&root.join("init/utsversion-tmp.h"), "#define UTS_VERSION \"#1\"\n")?;
    // Debian's own addition to the messages of an oops.
    write(&dir.join("package.h"), "#define LINUX_PACKAGE_ID \"\"\n")?;
    write(&dir.join("uapi/linux/version.h"), &version(&tree.full_version))?;
    write(&dir.join("timeconst.h"), &timeconst(hz.parse().unwrap_or(100)))?;
    write(
        &dir.join("asm-offsets.h"),
        "/* nothing is written in assembly against a C structure */\n",
    )?;
    wrappers(tree, &dir)?;
    made.insert(root.to_owned());
    Ok(())
}

/// Links everything in `from` into `to`.
fn link_all(from: &Path, to: &Path) -> Result<(), TreeError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| TreeError::Io { path, error }
    };
    fs::create_dir_all(to).map_err(io(to))?;
    for entry in fs::read_dir(from).map_err(io(from))?.flatten() {
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Links by the way from the one to the other: the cache may be reached by another name, which goes before it does.
fn link(from: &Path, to: &Path) -> Result<(), TreeError> {
    match symlink(way(from, to), to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(TreeError::Io {
            path: to.to_owned(),
            error,
        }),
        _ => Ok(()),
    }
}

/// The way to `target` from the directory that `link` is in.
fn way(target: &Path, link: &Path) -> PathBuf {
    let both = target.components().zip(link.components());
    let common = both.take_while(|(a, b)| a == b).count();
    let up = link.components().count().saturating_sub(common + 1);
    let down = target.components().skip(common);
    std::iter::repeat_n(Component::ParentDir, up).chain(down).collect()
}

fn write(path: &Path, text: &str) -> Result<(), TreeError> {
    cache::write_if_changed(path, text.as_bytes()).map_err(|error| TreeError::Io {
        path: path.to_owned(),
        error,
    })
}

/// `CC_IS_GCC` and friends, which Kconfig asks the compiler.
pub(crate) fn compiler_answers(arch: Arch) -> Vec<(String, String)> {
    let version = Command::new(arch.tool("gcc")).args(["-dumpfullversion"]).output().ok();
    let text = version
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .unwrap_or_default();
    let mut parts = text.trim().split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let number = next() * 10_000 + next() * 100 + next();
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        set("CC_IS_GCC", "y"),
        set("GCC_VERSION", &number.to_string()),
        set("CLANG_VERSION", "0"),
        set("AS_IS_GNU", "y"),
        set("LD_IS_BFD", "y"),
        set("CC_HAS_ASM_GOTO_OUTPUT", "y"),
        set("CC_HAS_ASM_INLINE", "y"),
        set("CC_VERSION_TEXT", &format!("gcc {}", text.trim())),
    ]
}

fn version(full: &str) -> String {
    let mut parts = full.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (major, patch, sub) = (next(), next(), next());
    // The sublevel has one byte; the tree's Makefile clamps it in the same way.
    let code = major * 65_536 + patch * 256 + sub.min(255);
    format!(
        "#define LINUX_VERSION_CODE {code}\n#define KERNEL_VERSION(a,b,c) (((a) << 16) + ((b) << 8) + ((c) > \
         255 ? 255 : (c)))\n\
         #define LINUX_VERSION_MAJOR {major}\n#define LINUX_VERSION_PATCHLEVEL {patch}\n\
          #define LINUX_VERSION_SUBLEVEL {sub}\n"
    )
}

/// A wrapper for each header in `asm-generic` that we have none of our own for: the ones that its `Kbuild` calls
/// mandatory, and the ones that each architecture of upstream asks for with `generic-y`.
fn wrappers(tree: &Tree, generated: &Path) -> Result<(), TreeError> {
    let ours = architecture_dir().join("include");
    for (generic, own, out) in [
        ("include/asm-generic", ours.join("asm"), generated.join("asm")),
        (
            "include/uapi/asm-generic",
            ours.join("uapi/asm"),
            generated.join("uapi/asm"),
        ),
    ] {
        let path = tree.dir.join(generic);
        let entries = fs::read_dir(&path).map_err(|error| TreeError::Io { path, error })?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".h") {
                continue;
            }
            let wrapper = out.join(&name);
            if own.join(&name).exists() {
                // A wrapper from before we had our own would be found first by a quoted include.
                let _ = fs::remove_file(&wrapper);
                continue;
            }
            write(&wrapper, &format!("#include <asm-generic/{name}>\n"))?;
        }
    }
    Ok(())
}

/// `bounds.h`: numbers that only the compiler knows, read from the assembly that it makes of `kernel/bounds.c`
/// (its macros come from `include/linux/kbuild.h`). Configurations that agree on what its headers ask share one.
pub(crate) fn bounds(
    tree: &Tree,
    root: &Path,
    shared: &Path,
    config: &Config,
    flags: &[String],
    arch: Arch,
) -> Result<(), TreeError> {
    let path = root.join("include/generated/bounds.h");
    if path.exists() {
        return Ok(());
    }
    let dir = shared.join("bounds");
    let asked = dir.join("symbols");
    let name_of = |symbols: &str| {
        let values: Vec<&str> = symbols.split_whitespace().map(|symbol| config.get(symbol)).collect();
        short_hash(&[values.join(" ").as_bytes(), symbols.as_bytes()])
    };
    if let Ok(symbols) = fs::read_to_string(&asked) {
        let known = dir.join(format!("{}.h", name_of(&symbols)));
        if known.exists() {
            return link(&known, &path);
        }
    }
    let (text, symbols) = compile_bounds(tree, root, flags, arch)?;
    write(&asked, &symbols)?;
    let known = dir.join(format!("{}.h", name_of(&symbols)));
    write(&known, &text)?;
    link(&known, &path)
}

/// The text of `bounds.h`, and the configuration symbols that the headers behind it name.
fn compile_bounds(tree: &Tree, root: &Path, flags: &[String], arch: Arch) -> Result<(String, String), TreeError> {
    let source = tree.dir.join("kernel/bounds.c");
    let gcc = arch.tool("gcc");
    // Threads of one process may make the same configuration's.
    static SERIAL: AtomicUsize = AtomicUsize::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let depends = root.join(format!(".bounds-{}-{serial}.d", std::process::id()));
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| TreeError::Io { path, error }
    };
    let mut command = Command::new(&gcc);
    command.args(flags).args(["-S", "-o", "-", "-MD", "-MF"]);
    let out = command
        .arg(&depends)
        .arg(&source)
        .output()
        .map_err(io(Path::new(&gcc)))?;
    if !out.status.success() {
        let message = String::from_utf8_lossy(&out.stderr).into_owned();
        return Err(TreeError::Compiler { path: source, message });
    }
    let read = fs::read_to_string(&depends).map_err(io(&depends))?;
    // It is in nobody's way if it stays.
    let _ = fs::remove_file(&depends);
    let mut symbols = BTreeSet::new();
    for file in read.replace("\\\n", " ").split_whitespace().skip(1) {
        if file.ends_with("generated/autoconf.h") {
            continue;
        }
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        symbols.extend(text.split("CONFIG_").skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            name.strip_suffix("_MODULE").unwrap_or(name).to_owned()
        }));
    }
    let mut text = String::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let Some((_, entry)) = line.split_once("\"->") else {
            continue;
        };
        let mut words = entry.split_whitespace();
        if let (Some(name), Some(value)) = (words.next(), words.next()) {
            let value = value.trim_start_matches(['$', '#']);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "#define {name} {value}");
        }
    }
    Ok((text, symbols.into_iter().collect::<Vec<_>>().join(" ")))
}

/// `timeconst.h`: factors between jiffies and units of time for one `HZ`, as `kernel/time/timeconst.bc` gives them.
///
/// A conversion `x * to / from` becomes `(x * mul + adj) >> shift` with the largest `mul` of 32 bits.
fn timeconst(hz: u64) -> String {
    let mut text = format!(
        "#include <linux/param.h>\n#include <linux/types.h>\n#if HZ != {hz}\n\
         #error \"timeconst.h was made for another HZ\"\n#endif\n"
    );
    for (unit, per_second) in [("MSEC", 1_000u64), ("USEC", 1_000_000), ("NSEC", 1_000_000_000)] {
        let common = gcd(hz, per_second);
        let (a, b) = (hz / common, per_second / common);
        // Writing to a String cannot fail.
        if unit != "NSEC" {
            let _ = write!(
                text,
                "{}{}",
                scale(&format!("HZ_TO_{unit}"), b, a),
                scale(&format!("{unit}_TO_HZ"), a, b)
            );
        }
        let _ = write!(
            text,
            "#define HZ_TO_{unit}_NUM {b}\n#define HZ_TO_{unit}_DEN {a}\n#define {unit}_TO_HZ_NUM {a}\n\
             #define {unit}_TO_HZ_DEN {b}\n"
        );
    }
    text
}

fn scale(name: &str, to: u64, from: u64) -> String {
    let (to, from) = (u128::from(to), u128::from(from));
    let mut shift = 0u32;
    // The multiplier has to fill bit 31 and no more.
    let at = |shift: u32| (to << shift).div_ceil(from);
    while at(shift) < 1 << 31 && shift < 95 {
        shift += 1;
    }
    let multiplier = at(shift);
    // What a division by `from` loses to rounding up, in the same fixed point.
    let adjust = ((from - 1) << shift) / from;
    format!(
        "#define {name}_MUL32 U64_C(0x{multiplier:X})\n#define {name}_ADJ32 U64_C(0x{adjust:X})\n\
         #define {name}_SHR32 {shift}\n"
    )
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_under_every_name_of_the_cache() {
        let place = std::env::temp_dir().join(format!("generated-{}", std::process::id()));
        let (cache, alias) = (place.join("cache"), place.join("alias"));
        fs::create_dir_all(cache.join("shared/include/asm")).expect("a directory");
        fs::create_dir_all(cache.join("root/include")).expect("a directory");
        fs::write(cache.join("shared/include/asm/types.h"), "").expect("a file");
        symlink("cache", &alias).expect("a link");
        link_all(&alias.join("shared/include"), &alias.join("root/include")).expect("links");
        fs::remove_file(&alias).expect("the link");
        assert!(cache.join("root/include/asm/types.h").exists());
        fs::remove_dir_all(&place).expect("the directory");
    }

    #[test]
    fn the_way_goes_up_and_down() {
        let way = |target: &str, link: &str| way(Path::new(target), Path::new(link));
        assert_eq!(way("/c/s/include/a", "/c/r/include/a"), Path::new("../../s/include/a"));
        assert_eq!(way("/c/a", "/c/b"), Path::new("a"));
    }
}
