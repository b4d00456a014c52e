// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong when the kernel starts or makes a domain; one variant per step.

use std::fmt;
use std::io;
use std::path::Path;
use std::string::String;

use super::launcher::Step;
use crate::nk::Retcode;

/// Why there is no kernel, or no domain.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A step of building the sandbox failed.
    Sandbox {
        /// The step.
        step: Step,
        /// The system's error.
        error: io::Error,
    },
    /// The process that makes domains is gone.
    Launcher(io::Error),
    /// A port could not be made.
    Port(io::Error),
    /// The image could not be opened.
    Image(String, io::Error),
    /// The image cannot be run by a user who owns nothing: it lacks execute permission for others.
    ImageMode(String),
    /// A thread could not be started.
    Thread(io::Error),
    /// Events of the operating system could not be set up.
    Events(io::Error),
    /// The seccomp program could not be compiled.
    Seccomp(String),
    /// A channel's name is longer than a boot record holds, or there are too many channels.
    Channel(String),
    /// The device tree and arguments are larger than 4 GiB.
    Blob,
    /// The policy does not let a process of this class start.
    Policy(String),
    /// A handle could not be made.
    Handle(Retcode),
    /// A process or thread could not be made: a limit is reached, or a process of this name runs.
    Task(String, Retcode),
}

/// What an administrator can do where a sandbox cannot be made.
fn hint(step: Step, error: &io::Error) -> Option<&'static str> {
    let has = |path: &str, value: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if !matches!(
        step,
        Step::Unshare | Step::Map | Step::Mount | Step::Pivot | Step::Clone
    ) {
        return None;
    }
    if has("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return Some("allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1");
    }
    if has("/proc/sys/user/max_user_namespaces", "0") {
        return Some("allow user namespaces: sysctl -w user.max_user_namespaces=10000");
    }
    if has("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        return Some("allow user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
    }
    match error.raw_os_error() {
        Some(libc::ENOSPC) => Some("raise the limits in /proc/sys/user/max_*_namespaces"),
        Some(libc::EPERM | libc::EACCES) if Path::new("/.dockerenv").exists() => {
            Some("the container forbids namespaces: run it with --security-opt seccomp=unconfined")
        }
        Some(libc::EPERM | libc::EACCES) => {
            Some("this machine forbids user namespaces: see user.max_user_namespaces and the container's settings")
        }
        _ => None,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox { step, error } => {
                write!(f, "sandbox: {step}: {error}")?;
                hint(*step, error).map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::Launcher(error) => write!(f, "the process that makes domains is gone: {error}"),
            Self::Port(error) => write!(f, "port: {error}"),
            Self::Image(path, error) => write!(f, "image {path}: {error}"),
            Self::ImageMode(path) => {
                write!(
                    f,
                    "image {path}: not executable by others, and a domain owns nothing: chmod o+rx {path}"
                )
            }
            Self::Thread(error) => write!(f, "kernel thread: {error}"),
            Self::Events(error) => write!(f, "events: {error}"),
            Self::Seccomp(text) => write!(f, "seccomp program: {text}"),
            Self::Channel(name) => write!(f, "channel {name:?}: the name is too long, or there are too many"),
            Self::Blob => f.write_str("device tree and arguments exceed 4 GiB"),
            Self::Handle(code) => write!(f, "handle: {code}"),
            Self::Task(name, code) => write!(f, "process {name:?}: {code}"),
            Self::Policy(class) => write!(f, "the policy does not let a process of class {class} start"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sandbox { error, .. }
            | Self::Launcher(error)
            | Self::Port(error)
            | Self::Image(_, error)
            | Self::Thread(error)
            | Self::Events(error) => Some(error),
            _ => None,
        }
    }
}
