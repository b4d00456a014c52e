// SPDX-License-Identifier: GPL-2.0-only
//! Starting other commands: cargo above all.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// The repository's top directory.
pub(crate) fn root() -> PathBuf {
    // Set by cargo for what it runs; the path of the build is right as long as the clone has not moved.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut dir = PathBuf::from(manifest);
    dir.pop();
    dir
}

/// A cargo command at the top of the repository, without the variables that this process got from its own cargo.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST") || text == "CARGO" {
            command.env_remove(name);
        }
    }
    command
}

/// Puts a limit on a command, so that an unattended run ends.
///
/// A person at a terminal has Ctrl-C, which must reach the command: there it stays as it is.
pub(crate) fn limited(command: Command, limit: Duration) -> Command {
    if std::io::stderr().is_terminal() || find("timeout").is_none() {
        return command;
    }
    let mut outer = Command::new("timeout");
    outer
        .args(["--kill-after=10", &limit.as_secs().to_string()])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        outer.current_dir(dir);
    }
    outer.stdin(Stdio::null());
    outer
}

/// The status with which `timeout` says that the limit was reached.
pub(crate) fn timed_out(status: ExitStatus) -> bool {
    matches!(status.code(), Some(124 | 137))
}

/// Runs a command and hands each line of its standard output to `each`.
pub(crate) fn lines(mut command: Command, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
    let shown = show(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{shown}: could not be started"))?;
    let stdout = child.stdout.take().context("the command's output was not caught")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.with_context(|| format!("{shown}: its output could not be read"))?;
        each(&String::from_utf8_lossy(&line));
    }
    child.wait().with_context(|| shown)
}

/// Runs a command whose output goes where ours goes; says whether it succeeded.
pub(crate) fn passes(mut command: Command) -> Result<bool> {
    let shown = show(&command);
    Ok(command
        .status()
        .with_context(|| format!("{shown}: could not be started"))?
        .success())
}

/// Runs a command that must succeed, and returns what it wrote to standard output.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let shown = show(&command);
    let out = command
        .output()
        .with_context(|| format!("{shown}: could not be started"))?;
    if !out.status.success() {
        bail!(
            "{shown}: {}\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs a command beside others: says whether it succeeded, and what it wrote, which would run into theirs.
pub(crate) fn told(mut command: Command) -> Result<(bool, String)> {
    let shown = show(&command);
    let out = command
        .output()
        .with_context(|| format!("{shown}: could not be started"))?;
    let said = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok((out.status.success(), said.concat()))
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Finds a program in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
