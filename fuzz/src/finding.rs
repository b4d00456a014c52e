// SPDX-License-Identifier: GPL-2.0-only
//! A domain that died: where, in functions and lines, and whether it is a known error of upstream's.
//!
//! Errors of upstream's own code are not worked around: each has an entry in `docs/upstream-findings.md`, and here, so
//! that the fuzzer goes on to what is not known. Whatever is not in the list ends the fuzzer, upstream's or ours.

use crate::image::Image;
use kos_bindings::hosted::LastWords;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A known error of upstream's: what the report says, and the innermost function.
struct Known {
    cause: &'static str,
    innermost: &'static str,
    /// The error may as well show in what that function calls.
    or_below: bool,
}

/// See `docs/upstream-findings.md`. The first two are the poll function that was freed and is still called: its first
/// half in interrupt context, its second half in the interrupt's thread. The third is a poll that outlives its adapter.
/// Of st95hf: a length that it believes, and an interrupt that it did not expect.
const KNOWN: &[Known] = &[
    Known {
        cause: "heap-use-after-free",
        innermost: "iio_pollfunc_store_time",
        or_below: false,
    },
    Known {
        cause: "heap-use-after-free",
        innermost: "bmg160_trigger_handler",
        or_below: true,
    },
    Known {
        cause: "heap-use-after-free",
        innermost: "pn533_send_poll_frame",
        or_below: false,
    },
    Known {
        cause: "buffer-overflow: write of",
        innermost: "st95hf_spi_recv_response",
        or_below: false,
    },
    Known {
        cause: "WARNING: at drivers/nfc/st95hf/core.c",
        innermost: "st95hf_irq_thread_handler",
        or_below: false,
    },
];

/// One function of a call trace.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its name.
    pub function: String,
    /// File and line.
    pub place: String,
}

impl Frame {
    /// Whether it only reports the error: the sanitizer, the shim's last words, its formatting.
    fn reports(&self) -> bool {
        let places = [
            "/glue/sanitizer.c",
            "/glue/panic.c",
            "shim/src/mm/raw/shadow.rs",
            "shim/src/fatal",
            "shim/src/raw/frames.rs",
        ];
        places.iter().any(|place| self.place.contains(place))
    }

    /// Whether it hands a driver's buffer on to the bus: whose buffer it is says the driver's own function.
    fn delivers(&self) -> bool {
        let places = [
            "shim/src/bus/",
            "/glue/i2c.c",
            "/glue/spi.c",
            "drivers/i2c/i2c-core",
            "drivers/spi/spi.c",
        ];
        places.iter().any(|place| self.place.contains(place))
    }

    /// Whether it is code of this repository, or of its dependencies.
    fn is_ours(&self) -> bool {
        let places = ["/shim/", "shim/src", "/fuzz/", "/kos-bindings/", ".cargo/registry"];
        places.iter().any(|place| self.place.contains(place))
    }
}

/// How a domain died.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The first line of its last words.
    pub cause: String,
    /// Where, innermost first.
    pub trace: Vec<Frame>,
    log: Vec<String>,
}

impl Finding {
    /// Reads the last words of a domain.
    #[must_use]
    pub fn of_death(image: &Image, code: i32, words: Option<LastWords>, log: Vec<String>) -> Self {
        let words = words.unwrap_or_default();
        let cause = if words.cause.is_empty() {
            format!("the domain exited with status {code}")
        } else {
            words.cause
        };
        Self {
            cause,
            trace: symbolise(&image.debug, &words.frames),
            log,
        }
    }

    /// Finds a warning in the log of a domain that lives, the first that is not known, if there is one.
    #[must_use]
    pub fn of_warning(image: &Image, log: &[String]) -> Option<Self> {
        let all: Vec<Self> = (0..log.len()).filter_map(|at| Self::at_line(image, log, at)).collect();
        let unknown = all.iter().position(|finding| !finding.is_known());
        all.into_iter().nth(unknown.unwrap_or(0))
    }

    /// A warning in line `at`: a line that says so, then a trace of addresses (`shim/glue/panic.c`).
    fn at_line(image: &Image, log: &[String], at: usize) -> Option<Self> {
        let (_, cause) = log.get(at)?.split_once("WARNING: at ")?;
        let address = |line: &String| {
            let (_, rest) = line.split_once("[<0x")?;
            u64::from_str_radix(rest.split('>').next()?, 16).ok()
        };
        let behind = log.iter().skip(at + 1).skip_while(|line| address(line).is_none());
        let addresses: Vec<u64> = behind.map_while(address).collect();
        // The line ends with an address, which is no part of what is known of it.
        let cause = cause.split(", called").next().unwrap_or(cause);
        Some(Self {
            cause: format!("WARNING: at {cause}"),
            trace: symbolise(&image.debug, &addresses),
            log: log.to_vec(),
        })
    }

    /// The frames that are neither the reporter's nor, if a buffer was refused on its way to a bus, those in between.
    fn essence(&self) -> impl Iterator<Item = &Frame> {
        let is_on_its_way = self.trace.iter().find(|frame| !frame.reports());
        let is_on_its_way = is_on_its_way.is_some_and(Frame::delivers);
        let is_beside = move |frame: &&Frame| frame.reports() || (is_on_its_way && frame.delivers());
        self.trace.iter().skip_while(is_beside)
    }

    /// Whether the innermost function is upstream's. It may still be ours that misled it.
    #[must_use]
    pub fn is_in_upstream(&self) -> bool {
        self.essence().next().is_some_and(|frame| !frame.is_ours())
    }

    fn is_known(&self) -> bool {
        let functions: Vec<&str> = self.essence().map(|frame| frame.function.as_str()).collect();
        KNOWN.iter().any(|known| {
            let depth = functions.iter().position(|function| *function == known.innermost);
            self.cause.contains(known.cause) && depth.is_some_and(|depth| depth == 0 || known.or_below)
        })
    }

    /// Ends the process unless the finding is known; libFuzzer then keeps the input.
    pub fn judge(&self) {
        if self.is_known() {
            return;
        }
        eprintln!("{self}");
        std::process::abort();
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "  log: {line}")?;
        }
        let whose = if self.is_in_upstream() {
            "upstream's code"
        } else {
            "our code"
        };
        writeln!(f, "==finding in {whose}: {}", self.cause)?;
        for frame in &self.trace {
            writeln!(f, "    {} at {}", frame.function, frame.place)?;
        }
        Ok(())
    }
}

/// Names return addresses with binutils' addr2line; the fuzzer meets a known error many times, so traces are kept.
fn symbolise(debug: &PathBuf, addresses: &[u64]) -> Vec<Frame> {
    static TRACES: Mutex<Option<HashMap<Vec<u64>, Vec<Frame>>>> = Mutex::new(None);
    let mut traces = TRACES.lock().unwrap_or_else(PoisonError::into_inner);
    let traces = traces.get_or_insert_default();
    if let Some(trace) = traces.get(addresses) {
        return trace.clone();
    }
    let mut command = Command::new("addr2line");
    command.arg("-e").arg(debug).args(["-f", "-i", "-C"]);
    // A return address points behind its call.
    command.args(
        addresses
            .iter()
            .map(|address| format!("{:#x}", address.saturating_sub(1))),
    );
    let text = command.output().map(|out| out.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let frames = lines.chunks_exact(2).map(|pair| Frame {
        function: pair[0].to_owned(),
        place: pair[1].to_owned(),
    });
    let trace: Vec<Frame> = frames.collect();
    traces.insert(addresses.to_vec(), trace.clone());
    trace
}
