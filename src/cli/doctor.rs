// SPDX-License-Identifier: GPL-2.0-only
//! `doctor`: what is missing on this machine, and the command that mends it.

use super::Outcome;
use super::args::DoctorArgs;
use anyhow::Result;
use kos_bindings::hosted::{Config, Kernel, socket};
use linux_compat::shim;
use linux_headers::{Profile, Series, Tree, cache};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing that is needed.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    /// What was found, or what is wrong.
    detail: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Check {
    fn new(name: &str, found: Result<String, String>, mend: &str) -> Self {
        let ok = found.is_ok();
        let (Ok(detail) | Err(detail)) = found;
        Self {
            name: name.to_owned(),
            ok,
            detail,
            mend: (!ok).then(|| mend.to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Diagnosis {
    ok: bool,
    checks: Vec<Check>,
}

/// Examines the machine.
///
/// # Errors
///
/// The output cannot be written.
pub(crate) fn command(args: &DoctorArgs) -> Result<Outcome> {
    let mut checks = vec![
        tool("gcc", "apt-get install gcc"),
        tool("ld", "apt-get install binutils"),
        tool("dtc", "apt-get install device-tree-compiler"),
        Check::new("libclang", libclang(), "apt-get install libclang-dev"),
    ];
    for series in Series::ALL {
        checks.push(Check::new(
            &format!("kernel tree {series}"),
            tree(series),
            "cargo xtask setup",
        ));
        for (profile, name) in [(Profile::Release, "release"), (Profile::Debug, "debug")] {
            let archive = shim::archive(series, profile).map(|path| path.display().to_string());
            let mend = "cargo xtask setup && cargo build --release";
            checks.push(Check::new(
                &format!("shim {series} {name}"),
                archive.map_err(|error| error.to_string()),
                mend,
            ));
        }
    }
    checks.push(Check::new(
        "seccomp",
        seccomp(),
        "boot a kernel with CONFIG_SECCOMP_FILTER=y",
    ));
    checks.push(namespaces());
    checks.push(Check::new(
        "sandbox",
        sandbox(),
        "see the message; without a sandbox only --isolation none runs",
    ));
    checks.push(Check::new(
        "cache",
        writable(&cache::dir()),
        "set LINUX_COMPAT_CACHE to a directory that you can write",
    ));
    let socket = socket::directory();
    let parent = socket.parent().unwrap_or(Path::new("/tmp")).to_owned();
    checks.push(Check::new(
        "socket directory",
        writable(&parent),
        "set XDG_RUNTIME_DIR to a directory that you can write",
    ));
    let diagnosis = Diagnosis {
        ok: checks.iter().all(|check| check.ok),
        checks,
    };
    if args.json {
        println!("{}", serde_json::to_string(&diagnosis)?);
    } else {
        print(&diagnosis);
    }
    Ok(if diagnosis.ok {
        Outcome::Success
    } else {
        Outcome::Failed
    })
}

fn print(diagnosis: &Diagnosis) {
    for check in &diagnosis.checks {
        let mark = if check.ok { "ok     " } else { "MISSING" };
        println!("{mark}  {:<20} {}", check.name, check.detail);
        if let Some(mend) = &check.mend {
            println!("{:>29} {mend}", "mend:");
        }
    }
    println!(
        "{}",
        if diagnosis.ok {
            "nothing is missing"
        } else {
            "something is missing"
        }
    );
}

fn tool(name: &str, mend: &str) -> Check {
    let output = Command::new(name).arg("--version").output();
    let found = match output {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()),
        Err(error) => Err(format!("{name}: {error}")),
    };
    Check::new(name, found, mend)
}

/// Where bindgen's loader looks (crate `clang-sys`): `LIBCLANG_PATH`, then LLVM's and the system's library directories.
fn libclang() -> Result<String, String> {
    let mut dirs: Vec<PathBuf> = std::env::var_os("LIBCLANG_PATH")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    for parent in ["/usr/lib", "/usr/local"] {
        let llvms = std::fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(
            llvms
                .filter(|dir| dir.file_name().to_string_lossy().starts_with("llvm"))
                .map(|dir| dir.path().join("lib")),
        );
    }
    dirs.extend(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    dirs.push(PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH)));
    for dir in dirs {
        let files = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            if name.starts_with("libclang") && !name.starts_with("libclang-cpp") && name.contains(".so") {
                return Ok(file.path().display().to_string());
            }
        }
    }
    Err("libclang.so: not found".to_owned())
}

/// The tree in the cache; it is complete when its manifest is there. Looking for it must not fetch it.
fn tree(series: Series) -> Result<String, String> {
    let place = cache::dir().join("trees").join(series.to_string());
    if !place.join("manifest").exists() {
        return Err(format!("not in {}", place.display()));
    }
    let tree = Tree::open(&place.join("linux")).map_err(|error| error.to_string())?;
    Ok(format!("Linux {} in {}", tree.full_version, tree.dir.display()))
}

fn seccomp() -> Result<String, String> {
    let path = "/proc/sys/kernel/seccomp/actions_avail";
    match std::fs::read_to_string(path) {
        Ok(actions) if actions.contains("kill_process") => Ok("filters that kill the process".to_owned()),
        Ok(actions) => Err(format!("no kill_process among {}", actions.trim())),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// The switches with which administrators forbid user namespaces.
fn namespaces() -> Check {
    const SWITCHES: [(&str, &str, &str); 3] = [
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "0", "10000"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ];
    for (name, bad, good) in SWITCHES {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        if std::fs::read_to_string(path).is_ok_and(|value| value.trim() == bad) {
            return Check::new(
                "user namespaces",
                Err(format!("{name} is {bad}")),
                &format!("sudo sysctl -w {name}={good}"),
            );
        }
    }
    Check::new("user namespaces", Ok("not forbidden".to_owned()), "")
}

/// Builds the sandbox, which is the one test that counts.
fn sandbox() -> Result<String, String> {
    match Kernel::new(Config::default()) {
        Ok(_) => Ok(format!("namespaces {}", kos_bindings::hosted::NAMESPACES.join(", "))),
        Err(error) => Err(error.to_string()),
    }
}

fn writable(dir: &Path) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir).map_err(fail)?;
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, b"").map_err(fail)?;
    std::fs::remove_file(&probe).map_err(fail)?;
    Ok(dir.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_its_remedy() {
        let check = tool("linux-compat-no-such-tool", "apt-get install it");
        assert!(!check.ok);
        assert_eq!(check.mend.as_deref(), Some("apt-get install it"));
        assert!(tool("gcc", "").mend.is_none());
    }

    #[test]
    fn an_unwritable_directory_is_told() {
        assert!(writable(Path::new("/proc/nowhere")).is_err());
        assert!(writable(&std::env::temp_dir()).is_ok());
    }
}
