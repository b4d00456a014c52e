// SPDX-License-Identifier: GPL-2.0-only
//! What nothing can go below: a process that does nothing, on this machine, in this run.

use super::Figures;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Starts to take the median of.
const STARTS: usize = 51;

/// A static program without a C library: with an argument it waits for a signal, without it ends at once.
const EMPTY: &str = r#"
static long call(long number, long a)
{
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8) : "memory");
    result = x0;
#endif
    return result;
}
#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov (%rsp), %rdi\n and $-16, %rsp\n call begin\n");
enum { PAUSE = 34, EXIT = 231 };
void begin(long arguments) { if (arguments > 1) call(PAUSE, 0); call(EXIT, 0); }
#else
__asm__(".globl _start\n_start: ldr x0, [sp]\n bl begin\n");
enum { SIGSUSPEND = 133, EXIT = 94 };
void begin(long arguments) { if (arguments > 1) call(SIGSUSPEND, 0); call(EXIT, 0); }
#endif
"#;

/// A directory of our own that goes when it is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("linux-compat-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(Self(dir))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that stays behind is in the system's place for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Start (until its end is noticed) and private memory of an empty static process.
pub(super) fn empty_process(figures: &mut Figures) -> Result<()> {
    let scratch = Scratch::new("floor")?;
    let source = scratch.path().join("empty.c");
    let program = scratch.path().join("empty");
    std::fs::write(&source, EMPTY)?;
    let flags = [
        "-Os",
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-o",
    ];
    let status = Command::new("gcc")
        .args(flags)
        .arg(&program)
        .arg(&source)
        .status()
        .context("gcc")?;
    ensure!(status.success(), "the empty program does not compile");
    // A file that was just written is dirty itself, and would be counted as the process's.
    std::fs::File::open(&program)?.sync_all()?;
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let begun = Instant::now();
        Command::new(&program).stdin(Stdio::null()).status()?;
        starts.push(begun.elapsed());
    }
    figures.set("empty_start", median(&mut starts).as_secs_f64() * 1e6);
    let mut waiting = Command::new(&program).arg("wait").stdin(Stdio::null()).spawn()?;
    std::thread::sleep(Duration::from_millis(20));
    let kib = private_kib(waiting.id());
    waiting.kill()?;
    waiting.wait()?;
    figures.set("empty_private", kib?);
    Ok(())
}

fn private_kib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).context(path)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"))
        .context("no Private_Dirty")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The middle one.
pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
