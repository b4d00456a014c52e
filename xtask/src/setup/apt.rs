// SPDX-License-Identifier: GPL-2.0-only
//! Installing Debian packages: unattended, with sizes and progress, and with the lists renewed only if they must be.

use super::NeedsRoot;
use crate::run;
use anyhow::{Context, Result, bail};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::process::{Command, Stdio};

/// Installs one alternative of each of `wanted`; an alternative is one or more packages.
pub(super) fn install(wanted: &[&'static [&'static str]]) -> Result<()> {
    if run::find("apt-get").is_none() {
        let names: Vec<&str> = wanted
            .iter()
            .filter_map(|alternatives| alternatives.first().copied())
            .collect();
        bail!(
            "apt-get is not there: install by this system's own means what Debian calls {}",
            names.join(" ")
        );
    }
    let is_root = is_root();
    let mut plan = choose(wanted);
    if plan.is_none() {
        if !is_root {
            let firsts: Vec<&str> = wanted
                .iter()
                .filter_map(|alternatives| alternatives.first().copied())
                .collect();
            let install = install_line(&firsts);
            return Err(NeedsRoot {
                command: format!("sudo sh -c 'apt-get update && {install}'"),
            }
            .into());
        }
        update()?;
        plan = choose(wanted);
    }
    let packages = plan.context("the package lists know no package for what is missing")?;
    if !is_root {
        return Err(NeedsRoot {
            command: format!("sudo {}", install_line(&packages)),
        }
        .into());
    }
    if fetch_and_unpack(&packages).is_ok() {
        return Ok(());
    }
    // Lists that are days old name files that the mirror has since replaced.
    update()?;
    fetch_and_unpack(&packages)
}

/// Sees to it that the package lists know `packages`, which need not be installed for that.
pub(super) fn know(packages: &[String]) -> Result<()> {
    let is_known = |name: &String| {
        let shown = Command::new("apt-cache")
            .args(["show", name])
            .stdin(Stdio::null())
            .output();
        shown.is_ok_and(|out| !out.stdout.is_empty())
    };
    if packages.iter().all(is_known) {
        return Ok(());
    }
    if !is_root() {
        return Err(NeedsRoot {
            command: "sudo apt-get update".to_owned(),
        }
        .into());
    }
    update()
}

/// Lets packages of another architecture be installed beside this one's.
pub(super) fn add_architecture(name: &str) -> Result<()> {
    let mut list = Command::new("dpkg");
    list.arg("--print-foreign-architectures");
    if run::output(list)?.lines().any(|known| known == name) {
        return Ok(());
    }
    if !is_root() {
        return Err(NeedsRoot {
            command: format!("sudo sh -c 'dpkg --add-architecture {name} && apt-get update'"),
        }
        .into());
    }
    let mut add = Command::new("dpkg");
    add.args(["--add-architecture", name]);
    run::output(add)?;
    update()
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

fn install_line(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args([
        "-y",
        "-q",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=120",
        "-o",
        "Acquire::Retries=3",
    ]);
    command
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// The first alternative of each that the lists can install; `None` if there is one without.
fn choose(wanted: &[&'static [&'static str]]) -> Option<Vec<&'static str>> {
    let known = |packages: &str| {
        let names: Vec<&str> = std::iter::once("--simulate")
            .chain(["install"])
            .chain(packages.split(' '))
            .collect();
        apt(&names).output().is_ok_and(|out| out.status.success())
    };
    let first_known =
        |alternatives: &&'static [&'static str]| alternatives.iter().copied().find(|packages| known(packages));
    let chosen: Option<Vec<&str>> = wanted.iter().map(first_known).collect();
    Some(chosen?.into_iter().flat_map(|packages| packages.split(' ')).collect())
}

fn update() -> Result<()> {
    eprintln!("set-up: renewing the package lists (apt-get update)");
    watch(apt(&["-o", "APT::Status-Fd=1", "update"]), "package lists")
}

fn fetch_and_unpack(packages: &[&str]) -> Result<()> {
    let uris = run::output(apt(&[&["-qq", "--print-uris", "install"], packages].concat()))?;
    let sizes = uris
        .lines()
        .filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok());
    let total: u64 = sizes.sum();
    let count = uris.lines().count();
    eprintln!(
        "set-up: installing {} ({count} packages, {} to fetch)",
        packages.join(" "),
        HumanBytes(total)
    );
    watch(
        apt(&[&["-o", "APT::Status-Fd=1", "install"], packages].concat()),
        "packages",
    )
}

/// Runs apt-get and turns its status lines (`dlstatus:item:percent:text`, `pmstatus:package:percent:text`;
/// apt's `doc/progress-reporting.md`) into a bar. What else it says is shown only if it fails.
fn watch(mut command: Command, what: &str) -> Result<()> {
    let style = ProgressStyle::with_template("  {prefix:<14} [{bar:30}] {percent:>3} %  {wide_msg}")?;
    let bar = ProgressBar::new(100)
        .with_style(style.progress_chars("=> "))
        .with_prefix(what.to_owned());
    let mut log = String::new();
    command.stderr(Stdio::piped());
    let shown = run::show(&command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| shown.clone())?;
    let errors = child
        .stderr
        .take()
        .map(|stderr| std::thread::spawn(move || std::io::read_to_string(stderr)));
    if let Some(stdout) = child.stdout.take() {
        use std::io::BufRead;
        for line in std::io::BufReader::new(stdout).lines() {
            let line = line?;
            match status(&line) {
                Some((percent, text)) => {
                    bar.set_position(percent);
                    bar.set_message(text.to_owned());
                }
                None => log.extend([line.as_str(), "\n"]),
            }
        }
    }
    let status = child.wait()?;
    bar.finish_and_clear();
    if let Some(Ok(Ok(text))) = errors.map(std::thread::JoinHandle::join) {
        log.push_str(&text);
    }
    if !status.success() {
        bail!("{shown}: {status}\n{}", log.trim_end());
    }
    Ok(())
}

/// Reads a status line: the bar's first half is the download, its second half the unpacking.
fn status(line: &str) -> Option<(u64, &str)> {
    let (kind, rest) = line.split_once(':')?;
    let mut parts = rest.splitn(3, ':');
    let _item = parts.next()?;
    let percent = parts.next()?.split('.').next()?.parse::<u64>().ok()?.min(100);
    let text = parts.next()?;
    match kind {
        "dlstatus" => Some((percent / 2, text)),
        "pmstatus" => Some((50 + percent / 2, text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn status_lines_move_the_bar() {
        assert_eq!(
            status("dlstatus:1:80.5:Retrieving file 1 of 3"),
            Some((40, "Retrieving file 1 of 3"))
        );
        assert_eq!(
            status("pmstatus:libllvm14:50.0000:Unpacking: it"),
            Some((75, "Unpacking: it"))
        );
        assert_eq!(status("Reading package lists..."), None);
        assert_eq!(status("pmerror:x"), None);
    }
}
