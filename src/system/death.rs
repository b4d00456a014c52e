// SPDX-License-Identifier: GPL-2.0-only
//! How a domain died, in words that name functions and lines.

use crate::symbol::{Frame, Symbols};
use kos_bindings::hosted::{Cause, Death, LastWords, Status};
use std::fmt;

/// The report on a domain's death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathReport {
    /// The domain's driver.
    pub driver: String,
    /// Its process, which is gone; 0 if it had none of its own.
    pub pid: i32,
    /// What happened.
    pub cause: String,
    /// Where, innermost first.
    pub trace: Vec<Frame>,
    /// Somebody stopped it on purpose: nothing went wrong.
    pub is_orderly: bool,
}

impl DeathReport {
    /// Makes the report on the death of a domain process.
    pub(super) fn of_process(death: &Death, symbols: &Symbols) -> Self {
        let is_orderly =
            death.cause == Cause::Stopped || (death.status == Status::Exited(0) && death.last_words.is_none());
        let how = match (death.cause, death.status) {
            (Cause::Stopped, _) => "it was stopped".to_owned(),
            (Cause::Watchdog, _) => "it spins: it held a request too long without entering the kernel".to_owned(),
            (Cause::Protocol, _) => "it broke the protocol of its port, and was stopped".to_owned(),
            (Cause::Itself, Status::Exited(code)) => format!("it exited with status {code}"),
            (Cause::Itself, Status::Signaled(signal)) => format!("it was ended by {}", signal_name(signal)),
            (Cause::Itself, Status::Unknown) => "it ended".to_owned(),
        };
        let mut report = Self {
            driver: death.name.clone(),
            pid: death.pid,
            cause: how,
            trace: Vec::new(),
            is_orderly,
        };
        report.add_words(death.cause, death.last_words.as_ref(), symbols);
        report
    }

    /// Makes the report on the end of a domain without isolation.
    pub(super) fn of_in_process(driver: &str, code: i32, words: Option<&LastWords>, symbols: &Symbols) -> Self {
        let cause = format!("it exited with status {code}");
        let is_orderly = code == 0 && words.is_none();
        let mut report = Self {
            driver: driver.to_owned(),
            pid: 0,
            cause,
            trace: Vec::new(),
            is_orderly,
        };
        report.add_words(Cause::Itself, words, symbols);
        report
    }

    fn add_words(&mut self, cause: Cause, words: Option<&LastWords>, symbols: &Symbols) {
        let Some(words) = words else { return };
        // Who spins does not know it; it only says where it was.
        self.cause = match cause {
            Cause::Watchdog => format!("{}; {}", self.cause, words.cause),
            _ => words.cause.clone(),
        };
        if let Some(name) = symbols.missing(words.addr).or_else(|| symbols.missing(words.ip)) {
            self.cause = format!("{name}: used, but nothing in this image provides it; {}", words.cause);
        }
        if words.ip != 0 {
            self.trace.extend(symbols.frames(words.ip));
        }
        // A return address points behind its call, which may be in the next line or function already.
        let calls = words
            .frames
            .iter()
            .filter(|frame| **frame != words.ip)
            .map(|frame| frame.saturating_sub(1));
        let top = Some(words.top).filter(|top| *top != 0 && symbols.is_left_out(words.ip, *top));
        let calls = top.map(|top| top.saturating_sub(1)).into_iter().chain(calls);
        self.trace.extend(calls.flat_map(|call| symbols.frames(call)));
    }
}

fn signal_name(signal: i32) -> String {
    let known = rustix::process::Signal::from_named_raw(signal);
    known.map_or_else(|| format!("signal {signal}"), |signal| format!("{signal:?}"))
}

impl fmt::Display for DeathReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the domain died: {}", self.driver, self.cause)?;
        for frame in &self.trace {
            write!(f, "\n    {frame}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn symbols() -> Symbols {
        Symbols::open(Path::new("/nonexistent"), &[])
    }

    fn death(cause: Cause, status: Status, words: Option<LastWords>) -> Death {
        Death {
            domain: 1,
            name: "adxl345".to_owned(),
            pid: 7,
            status,
            cause,
            last_words: words,
        }
    }

    #[test]
    fn last_words_come_first_and_calls_point_at_calls() {
        let words = LastWords {
            cause: "SIGSEGV at 0x0".to_owned(),
            ip: 0x1000,
            frames: vec![0x2001],
            ..LastWords::default()
        };
        let report = DeathReport::of_process(&death(Cause::Itself, Status::Exited(101), Some(words)), &symbols());
        assert_eq!(
            report.to_string(),
            "adxl345: the domain died: SIGSEGV at 0x0\n    0x1000\n    0x2000"
        );
        assert!(!report.is_orderly);
    }

    #[test]
    fn a_stopped_domain_died_in_order() {
        assert!(DeathReport::of_process(&death(Cause::Stopped, Status::Signaled(9), None), &symbols()).is_orderly);
        assert!(!DeathReport::of_process(&death(Cause::Watchdog, Status::Signaled(9), None), &symbols()).is_orderly);
    }
}
