// SPDX-License-Identifier: GPL-2.0-only
//! GPIO and interrupt lines: wires with several drivers.
//!
//! | who drives | level |
//! |---|---|
//! | the domain (direction out) | what the domain set |
//! | any chip low | low: an open-drain wire, or a short circuit that the low side wins |
//! | a chip high, none low | high |
//! | only open-drain outputs at rest | high: the board's pull-up |
//! | nobody | low: the board's pull-down |

use super::SimBoard;
use crate::chip::Pin;
use crate::errno::Errno;

/// Told of each change of a line: its number and its new level. Called with the board locked: it must not call back.
pub type LineSink = Box<dyn Fn(u32, bool) + Send>;

/// The most lines of a board: what the kernel's line words hold.
pub const MAX_LINES: u32 = 64;

/// One output on a wire: its line and its place there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Driver {
    line: u32,
    index: usize,
}

#[derive(Default)]
struct Line {
    /// The first is the outside world: a button, a test.
    drivers: Vec<Option<Pin>>,
    level: bool,
    is_out: bool,
    out_value: bool,
}

#[derive(Default)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    sink: Option<LineSink>,
}

impl Lines {
    pub(crate) fn new(count: u32) -> Self {
        let mut lines = Lines::default();
        for _ in 0..count.min(MAX_LINES) {
            lines.lines.push(Line {
                drivers: vec![None],
                ..Line::default()
            });
        }
        lines
    }

    pub(crate) fn count(&self) -> u32 {
        // `new` made at most MAX_LINES of them.
        u32::try_from(self.lines.len()).unwrap_or(MAX_LINES)
    }

    /// Connects an output; `None` if there is no such line.
    pub(crate) fn connect(&mut self, line: u32) -> Option<Driver> {
        let drivers = &mut self.lines.get_mut(line as usize)?.drivers;
        drivers.push(None);
        Some(Driver {
            line,
            index: drivers.len() - 1,
        })
    }

    pub(crate) fn set_sink(&mut self, sink: LineSink) {
        for (number, line) in (0..).zip(&self.lines) {
            if line.level {
                sink(number, true);
            }
        }
        self.sink = Some(sink);
    }

    pub(crate) fn level(&self, line: u32) -> Option<bool> {
        Some(self.lines.get(line as usize)?.level)
    }

    pub(crate) fn is_out(&self, line: u32) -> Option<bool> {
        Some(self.lines.get(line as usize)?.is_out)
    }

    /// Whether a chip's output is connected.
    pub(crate) fn has_chip(&self, line: u32) -> bool {
        self.lines.get(line as usize).is_some_and(|line| line.drivers.len() > 1)
    }

    pub(crate) fn drive(&mut self, driver: Driver, pin: Pin) {
        if let Some(line) = self.lines.get_mut(driver.line as usize) {
            line.drivers[driver.index] = Some(pin);
            self.update(driver.line);
        }
    }

    /// Drives the line from outside the board; `None` lets go.
    pub(crate) fn drive_outside(&mut self, number: u32, pin: Option<Pin>) -> Option<()> {
        self.lines.get_mut(number as usize)?.drivers[0] = pin;
        self.update(number);
        Some(())
    }

    pub(crate) fn set_out(&mut self, number: u32, is_out: bool, value: bool) -> Option<()> {
        let line = self.lines.get_mut(number as usize)?;
        (line.is_out, line.out_value) = (is_out, value);
        self.update(number);
        Some(())
    }

    fn update(&mut self, number: u32) {
        let line = &mut self.lines[number as usize];
        let level = if line.is_out {
            line.out_value
        } else {
            level_of(&line.drivers)
        };
        if level != line.level {
            line.level = level;
            if let Some(sink) = &self.sink {
                sink(number, level);
            }
        }
    }
}

fn level_of(drivers: &[Option<Pin>]) -> bool {
    let any = |pin| drivers.contains(&Some(pin));
    !any(Pin::Low) && (any(Pin::High) || any(Pin::Float))
}

impl SimBoard {
    /// Sets who is told of line changes; lines that are high already are told at once.
    pub fn set_line_sink(&mut self, sink: LineSink) {
        self.lines.set_sink(sink);
    }

    /// Number of GPIO lines.
    pub fn line_count(&self) -> u32 {
        self.lines.count()
    }

    /// Level of a line.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such line.
    pub fn line(&mut self, line: u32) -> Result<bool, Errno> {
        self.catch_up();
        self.lines.level(line).ok_or(Errno::EINVAL)
    }

    /// Sets the value of a line that the domain drives.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such line, `EPERM` if it is an input.
    pub fn set_line(&mut self, line: u32, value: bool) -> Result<(), Errno> {
        self.catch_up();
        if !self.line_is_output(line)? {
            return Err(Errno::EPERM);
        }
        self.lines.set_out(line, true, value).ok_or(Errno::EINVAL)?;
        self.tell_inputs(line);
        Ok(())
    }

    /// Whether the domain drives the line.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such line.
    pub fn line_is_output(&self, line: u32) -> Result<bool, Errno> {
        self.lines.is_out(line).ok_or(Errno::EINVAL)
    }

    /// Makes the line an output with this value, or an input.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such line, `EBUSY` if a chip drives it: two outputs on a wire burn.
    pub fn set_line_direction(&mut self, line: u32, is_output: bool, value: bool) -> Result<(), Errno> {
        self.catch_up();
        if is_output && self.lines.has_chip(line) {
            return Err(Errno::EBUSY);
        }
        self.lines.set_out(line, is_output, value).ok_or(Errno::EINVAL)?;
        self.tell_inputs(line);
        Ok(())
    }

    /// Drives a line from outside the board, as a button or a test does; `None` lets go of it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such line.
    pub fn drive_line(&mut self, line: u32, pin: Option<Pin>) -> Result<(), Errno> {
        self.catch_up();
        self.lines.drive_outside(line, pin).ok_or(Errno::EINVAL)?;
        self.tell_inputs(line);
        Ok(())
    }

    /// After a line may have changed: tells the chips that it drives. A chip's output does not drive another's input.
    fn tell_inputs(&mut self, line: u32) {
        for at in 0..self.inputs.len() {
            let input = self.inputs[at];
            if input.line == line {
                let level = self.lines.level(line) == Some(true);
                let chip = &mut self.slots[input.slot].chip;
                chip.advance(self.now, &self.world);
                chip.set_input(input.pin, level);
                self.settle(input.slot);
            }
        }
    }
}
