// SPDX-License-Identifier: GPL-2.0-only
//! The commands of character devices that scenarios know, by their names in Linux's headers.

use anyhow::{Context, Result, bail};

/// How a command's argument is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arg {
    /// It has none, or a plain number.
    Value,
    /// It points to so many bytes, all of them 32-bit numbers.
    Pointer(u32),
}

const READ: u32 = 2;
const WRITE: u32 = 1;
const NONE: u32 = 0;
const RTC_TIME: Arg = Arg::Pointer(36);
const RTC_ALARM: Arg = Arg::Pointer(40);
const RTC_PARAM: Arg = Arg::Pointer(24);

/// Name, type, number, direction, argument (`include/uapi/linux/rtc.h`). The size field of a command with a plain
/// number is that of an `unsigned long`.
const KNOWN: &[(&str, u8, u32, u32, Arg)] = &[
    ("RTC_AIE_ON", b'p', 0x01, NONE, Arg::Value),
    ("RTC_AIE_OFF", b'p', 0x02, NONE, Arg::Value),
    ("RTC_UIE_ON", b'p', 0x03, NONE, Arg::Value),
    ("RTC_UIE_OFF", b'p', 0x04, NONE, Arg::Value),
    ("RTC_PIE_ON", b'p', 0x05, NONE, Arg::Value),
    ("RTC_PIE_OFF", b'p', 0x06, NONE, Arg::Value),
    ("RTC_WIE_ON", b'p', 0x0f, NONE, Arg::Value),
    ("RTC_ALM_SET", b'p', 0x07, WRITE, RTC_TIME),
    ("RTC_ALM_READ", b'p', 0x08, READ, RTC_TIME),
    ("RTC_RD_TIME", b'p', 0x09, READ, RTC_TIME),
    ("RTC_SET_TIME", b'p', 0x0a, WRITE, RTC_TIME),
    ("RTC_IRQP_READ", b'p', 0x0b, READ, Arg::Pointer(8)),
    ("RTC_IRQP_SET", b'p', 0x0c, WRITE, Arg::Value),
    ("RTC_EPOCH_SET", b'p', 0x0e, WRITE, Arg::Value),
    ("RTC_WKALM_SET", b'p', 0x0f, WRITE, RTC_ALARM),
    ("RTC_WKALM_RD", b'p', 0x10, READ, RTC_ALARM),
    ("RTC_PARAM_GET", b'p', 0x13, WRITE, RTC_PARAM),
    ("RTC_PARAM_SET", b'p', 0x14, WRITE, RTC_PARAM),
    ("RTC_VL_READ", b'p', 0x13, READ, Arg::Pointer(4)),
    ("RTC_VL_CLR", b'p', 0x14, NONE, Arg::Value),
];

/// A command, ready to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) number: u32,
    /// The argument, if it is a plain number.
    pub(crate) value: u64,
    /// What the argument points to; empty if it is a plain number.
    pub(crate) arg: Vec<u8>,
}

impl Command {
    /// Reads `NAME NUMBER…`: what a pointer leads to are 32-bit numbers, the missing ones 0.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let name = words.next().context("a command's name is wanted")?;
        let known = KNOWN.iter().find(|(known, ..)| *known == name);
        let Some((_, kind, number, direction, arg)) = known.copied() else {
            bail!("{name:?} is no command that scenarios know");
        };
        let given: Vec<i64> = words
            .map(str::parse)
            .collect::<Result<_, _>>()
            .context(text.to_owned())?;
        let (size, value, bytes) = match arg {
            Arg::Value => {
                let value = given.first().copied().unwrap_or(0);
                let size = if direction == NONE { 0 } else { 8 };
                (size, value.cast_unsigned(), Vec::new())
            }
            Arg::Pointer(size) => {
                let mut bytes = Vec::new();
                for number in given {
                    bytes.extend(i32::try_from(number)?.to_le_bytes());
                }
                bytes.resize(usize::try_from(size)?, 0);
                (size, 0, bytes)
            }
        };
        Ok(Self {
            number: direction << 30 | size << 16 | u32::from(kind) << 8 | number,
            value,
            arg: bytes,
        })
    }
}

/// An answer's argument as 32-bit numbers.
pub(crate) fn numbers(arg: &[u8]) -> Vec<i32> {
    let (words, _) = arg.as_chunks::<4>();
    words.iter().map(|word| i32::from_le_bytes(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_numbers_of_the_headers() {
        for (text, number, len) in [
            ("RTC_UIE_ON", 0x7003, 0),
            ("RTC_RD_TIME", 0x8024_7009, 36),
            ("RTC_SET_TIME 1 2", 0x4024_700a, 36),
            ("RTC_IRQP_SET 64", 0x4008_700c, 0),
            ("RTC_WKALM_RD", 0x8028_7010, 40),
            ("RTC_PARAM_GET", 0x4018_7013, 24),
        ] {
            let command = Command::parse(text).expect("a command");
            assert_eq!((command.number, command.arg.len()), (number, len), "{text}");
        }
        assert_eq!(Command::parse("RTC_IRQP_SET 64").expect("a command").value, 64);
        let set = Command::parse("RTC_SET_TIME 1 -2").expect("a command");
        assert_eq!(numbers(&set.arg)[..3], [1, -2, 0]);
        assert!(Command::parse("RTC_NOTHING").is_err());
    }
}
