// SPDX-License-Identifier: GPL-2.0-only
//! What differs between two runs, and what may.

use crate::run::{Record, Run};
use crate::sites::Sites;
use std::fmt::Write;

/// A difference that is none: how a line is made equal on both sides, and why it may differ.
struct Allowed {
    /// What it is.
    what: &'static str,
    /// Why that is no difference to a user, a client or the chip.
    reason: &'static str,
    /// Brings a line into the form that both sides share; `None` leaves it as it is, and an
    /// empty one is not compared at all.
    shared: fn(&str) -> Option<String>,
}

/// All differences that are allowed.
const ALLOWED: &[Allowed] = &[
    Allowed {
        what: "the way from a device's directory to one outside of it",
        reason: "the chip's bus hangs on a virtio device there and on a bus server here: another depth, other parents",
        shared: |line| {
            let (head, target) = line.strip_prefix("l ").and_then(|_| line.split_once(" -> "))?;
            let outside = target.trim_start_matches("../");
            // Below `bus` and `class` all is shared; elsewhere only the last name is.
            let is_shared = ["bus/", "class/"].iter().any(|top| outside.starts_with(top));
            let target = if is_shared {
                outside
            } else {
                outside.rsplit('/').next()?
            };
            Some(format!("{head} -> {target}"))
        },
    },
    Allowed {
        what: "the virtio device in a device's path in the log",
        reason: "the chip's bus hangs on it there",
        shared: |line| {
            let (head, rest) = line.split_once("/virtio")?;
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            (line.starts_with("log ") && rest.starts_with("/i2c-")).then(|| format!("{head}{rest}"))
        },
    },
    Allowed {
        what: "the number of a bus behind a chip",
        reason: "the wire on which real Linux is asked is a bus there, which comes before it",
        shared: |line| {
            let (head, number) = line.split_once(" -> i2c-")?;
            let is_channel = line.starts_with("l ") && head.split(' ').nth(2)?.starts_with("channel-");
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
            (is_channel && is_number).then(|| format!("{head} -> i2c-NUMBER"))
        },
    },
    Allowed {
        what: "how long a device was active and suspended",
        reason: "time passes there by itself, and here only when the scenario waits",
        shared: |line| {
            let (head, rest) = line.split_once(" = ")?;
            let is_time = head.ends_with("power/runtime_active_time") || head.ends_with("power/runtime_suspended_time");
            // Still a number of milliseconds, or what else was read.
            let is_number = rest
                .trim_matches('"')
                .trim_end_matches("\\n")
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            (is_time && is_number).then(|| format!("{head} = TIME"))
        },
    },
    Allowed {
        what: "a major number that Linux chose by itself",
        reason: "it depends on what else is in the kernel: real Linux holds the drivers of all scenarios",
        shared: |line| {
            let is_node = line.starts_with("f ") && (line.contains("/dev = \"") || line.contains("/uevent = \""));
            let key = if line.contains("MAJOR=") { "MAJOR=" } else { "/dev = \"" };
            let (head, rest) = line.split_once(key)?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let (major, rest) = rest.split_at(end);
            // `include/linux/fs.h`: chosen downwards from 254, then from 511.
            let is_chosen = matches!(major.parse(), Ok(234..=254_u32 | 384..=511));
            (is_node && is_chosen).then(|| format!("{head}{key}CHOSEN{rest}"))
        },
    },
    Allowed {
        what: "lines that Debian adds to the firmware loader's",
        reason: "a domain's firmware comes from a server, not from the loader; upstream's own words are compared",
        shared: |line| {
            let text = line.strip_prefix("log <")?.split_once("> ")?.1;
            let (_, said) = text.split_once(": ")?;
            let is_debians = said.starts_with("firmware: failed to load ")
                || said.starts_with("firmware: direct-loading firmware ")
                || said.starts_with("See https://wiki.debian.org/Firmware ");
            is_debians.then(String::new)
        },
    },
    Allowed {
        what: "a function in the log of a device that does not suspend or resume",
        reason: "a domain has no names of functions, and says an address; device and errno are compared",
        shared: |line| {
            let (head, rest) = line.split_once(" dpm_run_callback(): ")?;
            let (_, returned) = rest.split_once(" returns ")?;
            Some(format!("{head} dpm_run_callback(): FUNCTION returns {returned}"))
        },
    },
    Allowed {
        what: "the full name of a device tree node",
        reason: "the same node, below a bus of another name",
        shared: |line| {
            let (head, rest) = line.split_once("OF_FULLNAME=/")?;
            let (path, rest) = rest.split_once("\\n")?;
            let name = path.rsplit('/').next()?;
            Some(format!("{head}OF_FULLNAME={name}\\n{rest}"))
        },
    },
    Allowed {
        what: "an interrupt's number in the log",
        reason: "Linux gives one to each line that is used: there the console and the virtio devices have some",
        shared: |line| {
            let (head, number) = line.rsplit_once(" IRQ ")?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            (line.starts_with("log ") && is_number).then(|| format!("{head} IRQ NUMBER"))
        },
    },
    Allowed {
        what: "the calls and the processor's state that Linux prints with a warning",
        reason: "they are addresses in two images; that it warns, from which file and line, and its words are compared",
        shared: |line| {
            let text = line.strip_prefix("log <4> ")?;
            if let Some(rest) = text.strip_prefix("WARNING: ") {
                // `WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION` there, `WARNING: at FILE:LINE, called from` here.
                let place = rest.split_once("at ")?.1.split([',', ' ']).next()?;
                return Some(format!("log <4> WARNING: at {place}"));
            }
            is_dump(text).then(String::new)
        },
    },
];

/// Whether a line is of the dump that follows a warning (`__warn` in `kernel/panic.c`, `show_stack` in
/// `arch/um/kernel/sysrq.c`).
fn is_dump(text: &str) -> bool {
    const HEADS: [&str; 6] = [
        "------------[ cut here ]",
        "---[ end trace ",
        "CPU: ",
        "Tainted: ",
        "Modules linked in:",
        " [<",
    ];
    let is_stack = |text: &str| {
        let mut words = text.split_whitespace().peekable();
        text.starts_with(' ') && words.peek().is_some() && words.all(|word| u64::from_str_radix(word, 16).is_ok())
    };
    matches!(text, "Stack:" | "Call Trace:") || HEADS.iter().any(|head| text.starts_with(head)) || is_stack(text)
}

/// The list for people.
pub(crate) fn allowed() -> String {
    ALLOWED.iter().fold(String::new(), |mut text, allowed| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "* {}: {}", allowed.what, allowed.reason);
        text
    })
}

fn shared(line: &str) -> String {
    ALLOWED
        .iter()
        .fold(line.to_owned(), |line, allowed| (allowed.shared)(&line).unwrap_or(line))
}

/// The differences of one step, side by side.
pub(crate) struct Difference {
    pub(crate) step: String,
    /// The step's place.
    pub(crate) number: usize,
    /// Lines of the domain and of real Linux; one is absent where the other has more.
    pub(crate) pairs: Vec<(Option<String>, Option<String>)>,
}

/// Compares two runs of one scenario.
pub(crate) fn compare(domain: &Run, linux: &Run) -> Vec<Difference> {
    let steps = domain.records.iter().zip(&linux.records).enumerate();
    steps
        .filter_map(|(number, (ours, theirs))| differ(number, ours, theirs))
        .collect()
}

fn differ(number: usize, ours: &Record, theirs: &Record) -> Option<Difference> {
    let [ours_shared, theirs_shared] = [ours, theirs].map(|record| {
        record
            .lines
            .iter()
            .map(|line| shared(line))
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
    });
    let mut pairs = pairs(&ours_shared, &theirs_shared);
    if pairs.is_empty() && ours.is_timed {
        pairs = waits(ours, theirs);
    }
    (!pairs.is_empty()).then(|| Difference {
        step: ours.step.clone(),
        number,
        pairs,
    })
}

/// What may lie between two transfers without anybody having waited.
const WAIT_NS: u64 = 1_000_000;

/// How much longer one of two waits may be that are the same, the longer of which is `ns`: two ticks, since it begins
/// somewhere within one, or as much as a timer of so far ahead is late (`kernel/time/timer.c`: an eighth). Drivers give
/// `usleep_range` a range from a time to its double.
fn tolerance(ns: u64, is_ranged: bool) -> u64 {
    let part = if is_ranged { 2 } else { 8 };
    (2 * WAIT_NS).max(ns / part)
}

/// The waits between the transfers of a step that had the same ones on both sides, where they are not the same.
fn waits(ours: &Record, theirs: &Record) -> Vec<(Option<String>, Option<String>)> {
    let gaps = |record: &Record| -> Vec<u64> {
        let pairs = record.begun.windows(2);
        pairs.map(|pair| pair[1].ns.saturating_sub(pair[0].ns)).collect()
    };
    let bus = ours.lines.iter().filter(|line| line.starts_with("bus "));
    let next = bus.zip(&ours.begun).skip(1);
    let told = |gap: u64, line: &str| Some(format!("{:.1} ms to {line}", gap as f64 / 1e6));
    let gaps = gaps(ours).into_iter().zip(gaps(theirs));
    gaps.zip(next)
        .filter(|((a, b), (_, begun))| {
            let longer = (*a).max(*b);
            longer >= WAIT_NS && a.abs_diff(*b) > tolerance(longer, begun.is_ranged)
        })
        .map(|((a, b), (line, _))| (told(a, line), told(b, line)))
        .collect()
}

/// The lines that are not in a longest common subsequence, paired in their order.
fn pairs(ours: &[String], theirs: &[String]) -> Vec<(Option<String>, Option<String>)> {
    let width = theirs.len() + 1;
    let mut longest = vec![0_u32; (ours.len() + 1) * width];
    for (i, a) in ours.iter().enumerate().rev() {
        for (j, b) in theirs.iter().enumerate().rev() {
            longest[i * width + j] = if a == b {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut found, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
    let mut flush = |left: &mut Vec<String>, right: &mut Vec<String>| {
        let (mut a, mut b) = (left.drain(..), right.drain(..));
        loop {
            match (a.next(), b.next()) {
                (None, None) => return,
                pair => found.push(pair),
            }
        }
    };
    while i < ours.len() || j < theirs.len() {
        if i < ours.len() && j < theirs.len() && ours[i] == theirs[j] {
            flush(&mut left, &mut right);
            (i, j) = (i + 1, j + 1);
        } else if j == theirs.len() || (i < ours.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
            left.push(ours[i].clone());
            i += 1;
        } else {
            right.push(theirs[j].clone());
            j += 1;
        }
    }
    flush(&mut left, &mut right);
    found
}

impl Difference {
    /// The domain's lines and Linux's, with the line of the driver behind each transfer of the domain's.
    pub(crate) fn table(&self, sites: Option<&Sites>) -> String {
        const MOST: usize = 40;
        let mut text = format!("  step {}\n", self.step);
        for (ours, theirs) in self.pairs.iter().take(MOST) {
            let shown = |line: &Option<String>| line.clone().unwrap_or_else(|| "(nothing)".to_owned());
            let _ = writeln!(text, "    domain {}\n    linux  {}", shown(ours), shown(theirs));
            let site = sites.and_then(|sites| match (ours, theirs) {
                (Some(ours), _) => Some(("from", sites.of(self.number, ours)?)),
                (None, Some(theirs)) => Some(("here such comes from", sites.like(theirs)?)),
                (None, None) => None,
            });
            if let Some((word, site)) = site {
                let _ = writeln!(text, "           {word} {site}");
            }
        }
        if self.pairs.len() > MOST {
            let _ = writeln!(text, "    and {} more", self.pairs.len() - MOST);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Begun;
    use std::time::Duration;

    fn run(lines: &[&str]) -> Run {
        let record = Record {
            step: "step".to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            begun: Vec::new(),
            is_timed: true,
            transfers: 0..0,
            end_ns: 0,
        };
        Run {
            records: vec![record],
            transfers: 0,
            reads_per_s: None,
            start: Duration::ZERO,
            whole: Duration::ZERO,
        }
    }

    fn pairs_of(ours: &[&str], theirs: &[&str]) -> Vec<(Option<String>, Option<String>)> {
        let found = compare(&run(ours), &run(theirs));
        found.into_iter().flat_map(|difference| difference.pairs).collect()
    }

    fn pair(ours: &str, theirs: &str) -> (Option<String>, Option<String>) {
        let side = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (side(ours), side(theirs))
    }

    #[test]
    fn a_wait_that_is_longer_or_not_there_is_told() {
        let run = |ms: &[u64], is_timed| {
            let mut run = run(&["= written", "bus a", "bus b", "bus c"]);
            let begun = ms.iter().zip([false, false, true]).map(|(ms, is_ranged)| Begun {
                ns: ms * 1_000_000,
                is_ranged,
            });
            run.records[0].begun = begun.collect();
            run.records[0].is_timed = is_timed;
            run
        };
        let waits = |ours: &[u64], theirs: &[u64], is_timed| {
            let found = compare(&run(ours, is_timed), &run(theirs, is_timed));
            found
                .into_iter()
                .flat_map(|difference| difference.pairs)
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(&[0, 20, 20], &[5, 25, 25], true), []);
        assert_eq!(waits(&[0, 20, 20], &[0, 22, 22], true), []);
        assert_eq!(waits(&[0, 2000, 2000], &[0, 2200, 2200], true), []);
        assert_eq!(
            waits(&[0, 20, 20], &[0, 25, 25], true),
            [pair("20.0 ms to bus b", "25.0 ms to bus b")]
        );
        assert_eq!(
            waits(&[0, 0, 0], &[0, 0, 5], true),
            [pair("0.0 ms to bus c", "5.0 ms to bus c")]
        );
        assert_eq!(waits(&[0, 0, 0], &[0, 0, 5], false), []);
        assert_eq!(waits(&[0, 0, 320], &[0, 0, 161], true), []);
        assert_eq!(waits(&[0, 0, 320], &[0, 0, 159], true).len(), 1);
    }

    #[test]
    fn what_is_the_same_is_no_difference() {
        assert_eq!(pairs_of(&["a", "b"], &["a", "b"]), []);
    }

    #[test]
    fn a_changed_a_missing_and_a_further_line_are_told() {
        assert_eq!(pairs_of(&["a", "b", "c"], &["a", "x", "c"]), [pair("b", "x")]);
        assert_eq!(pairs_of(&["a", "c"], &["a", "b", "c"]), [pair("", "b")]);
        assert_eq!(pairs_of(&["a", "b"], &["b"]), [pair("a", "")]);
        assert_eq!(pairs_of(&["a", "b"], &["b", "a"]).len(), 2);
    }

    #[test]
    fn the_way_out_of_the_device_may_differ_and_its_end_may_not() {
        let ours = "l 0777 subsystem -> ../../../bus/i2c";
        assert_eq!(pairs_of(&[ours], &["l 0777 subsystem -> ../../../../../bus/i2c"]), []);
        assert_ne!(pairs_of(&[ours], &["l 0777 subsystem -> ../../../../../bus/spi"]), []);
        assert_ne!(pairs_of(&[ours], &["l 0755 subsystem -> ../../../../../bus/i2c"]), []);
        assert_ne!(pairs_of(&["l 0777 a -> ../x"], &["f 0777 a -> ../x"]), []);
    }

    #[test]
    fn only_times_may_differ_where_times_stand() {
        let line = |text: &str| format!("f 0444 power/runtime_active_time = {text}");
        let differ = |ours: &str, theirs: &str| !pairs_of(&[&line(ours)], &[&line(theirs)]).is_empty();
        assert!(!differ("\"88\\n\"", "\"238\\n\""));
        assert!(differ("\"88\\n\"", "! EIO"));
        assert!(differ("\"88\\n\"", "\"x\\n\""));
        assert_ne!(
            pairs_of(&["f 0444 power/control = \"1\""], &["f 0444 power/control = \"2\""]),
            []
        );
    }

    #[test]
    fn the_function_that_refuses_to_resume_may_be_an_address_and_what_it_returns_not() {
        let line = |function: &str, errno: i32| {
            shared(&format!(
                "log <3> a 0-0020: PM: dpm_run_callback(): {function} returns {errno}"
            ))
        };
        assert_eq!(line("0x000000000045d0bc", -5), line("fxas21002c_resume", -5));
        assert_ne!(line("0x000000000045d0bc", -5), line("fxas21002c_resume", -6));
    }

    #[test]
    fn what_debian_adds_to_the_loader_may_be_missing_and_upstreams_words_not() {
        let line = |text: &str| format!("log <6> nxp-nci_i2c 0-0028: {text}");
        for debians in [
            "firmware: failed to load a.bin (-2)",
            "firmware: direct-loading firmware a.bin",
        ] {
            assert_eq!(shared(&line(debians)), "");
        }
        let upstreams = line("Direct firmware load for a.bin failed with error -2");
        assert_eq!(shared(&upstreams), upstreams);
    }

    #[test]
    fn a_chosen_major_may_differ_and_a_minor_may_not() {
        let line = |number: &str| format!("f 0444 iio:device0/dev = \"{number}\\n\"");
        assert_eq!(pairs_of(&[&line("253:0")], &[&line("252:0")]), []);
        assert_ne!(pairs_of(&[&line("253:0")], &[&line("252:1")]), []);
        assert_ne!(pairs_of(&[&line("89:0")], &[&line("90:0")]), []);
        let uevent = |major: u32| format!("f 0644 uevent = \"MAJOR={major}\\nMINOR=0\\n\"");
        assert_ne!(pairs_of(&[&uevent(89)], &[&uevent(90)]), []);
    }

    #[test]
    fn only_an_interrupts_number_may_differ_in_the_log() {
        let line = |number: &str| format!("log <3> iio iio:device0: Failed to setup IRQ {number}");
        assert_eq!(pairs_of(&[&line("1")], &[&line("64")]), []);
        assert_ne!(pairs_of(&[&line("1")], &[&line("-22")]), []);
        assert_ne!(pairs_of(&["= \"IRQ 1\""], &["= \"IRQ 2\""]), []);
    }

    #[test]
    fn a_warnings_place_and_words_are_compared_and_its_dump_is_not() {
        let ours = [
            "log <4> WARNING: at drivers/a.c:3, called from 0000000000434373",
            "log <4> unbalanced disables for x",
            "log <4>  [<0x434373>]",
        ];
        let theirs = [
            "log <4> ------------[ cut here ]------------",
            "log <4> WARNING: CPU: 0 PID: 1 at drivers/a.c:3 f+0x10f/0x1b0",
            "log <4> unbalanced disables for x",
            "log <4> Stack:",
            "log <4>  00000000 73c37b10 603ba405 602ecd2f",
            "log <4> Call Trace:",
            "log <4>  [<6002f590>] ? um_set_signals+0x0/0x60",
            "log <4> ---[ end trace 0000000000000000 ]---",
        ];
        assert_eq!(pairs_of(&ours, &theirs), []);
        assert_eq!(pairs_of(&ours[..1], &theirs).len(), 1);
        assert_ne!(
            pairs_of(&["log <4> WARNING: at drivers/a.c:4, called from 0"], &theirs[1..2]),
            []
        );
        assert_ne!(shared("log <3> CPU: 0"), "");
        assert_ne!(shared("log <4> adxl345_i2c 0-0053: x"), "");
    }

    #[test]
    fn a_bus_transfer_and_a_log_line_are_never_made_equal() {
        assert_ne!(
            pairs_of(&["bus i2c0 53 w:00 r:e5 = 2"], &["bus i2c0 53 w:00 r:e6 = 2"]),
            []
        );
        assert_ne!(
            pairs_of(&["log <3> adxl345_i2c 0-0053: x"], &["log <4> adxl345_i2c 0-0053: x"]),
            []
        );
    }
}
