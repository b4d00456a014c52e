// SPDX-License-Identifier: GPL-2.0-only
//! The ADXL345's detectors: activity, inactivity, free fall and tap (data sheet, "Interrupts" and "Threshold").
//!
//! Each looks at one sample at a time and keeps moments, not counts, so that it does not matter at which rate the
//! samples come. Link mode makes activity and inactivity take turns:
//!
//! ```text
//!            inactivity              with AUTO_SLEEP
//!   active ─────────────> quiet      active = awake, quiet = asleep
//!          <─────────────
//!             activity
//! ```

use super::{int, reg};
use crate::regs::RegFile;

/// All thresholds: 62.5 mg per bit.
const THRESHOLD_G: f64 = 0.0625;
const LINK: u8 = 0x20;
const AUTO_SLEEP: u8 = 0x10;

#[derive(Default)]
pub(super) struct Motion {
    /// AUTO_SLEEP has put the chip to sleep.
    pub(super) asleep: bool,
    /// Link mode: inactivity has been seen, activity is awaited.
    quiet: bool,
    /// What AC-coupled activity and inactivity compare with: the acceleration when they began.
    act_reference: Option<[f64; 3]>,
    inact_reference: Option<[f64; 3]>,
    inactive_since: Option<u64>,
    falling_since: Option<u64>,
    tap: Tap,
    act_axes: u8,
    tap_axes: u8,
}

/// Where a tap, or a pair of them, stands.
#[derive(Default, Clone, Copy, PartialEq)]
enum Tap {
    #[default]
    Idle,
    /// Above the threshold since then; a second tap if `second`.
    Above { since: u64, second: bool },
    /// The first tap is over since then.
    Between { since: u64 },
}

impl Motion {
    /// POWER_CTL was written.
    pub(super) fn power_changed(&mut self, power: u8) {
        if power & (LINK | AUTO_SLEEP) != LINK | AUTO_SLEEP {
            self.asleep = false;
        }
        if power & LINK == 0 {
            self.quiet = false;
        }
    }

    /// ACT_TAP_STATUS.
    pub(super) fn status(&self) -> u8 {
        (self.act_axes << 4) | if self.asleep { 0x08 } else { 0 } | self.tap_axes
    }

    /// Looks at one sample (in g) and returns which events it completes.
    pub(super) fn sample(&mut self, regs: &RegFile<0x40>, now: u64, g: [f64; 3]) -> u8 {
        let enabled = regs.get(reg::INT_ENABLE);
        if enabled & int::EVENTS == 0 {
            return 0;
        }
        let mut events = 0;
        let link = regs.has(reg::POWER_CTL, LINK);
        if enabled & int::ACTIVITY != 0 && (!link || self.quiet) && self.is_active(regs, g) {
            events |= int::ACTIVITY;
            (self.quiet, self.asleep, self.inact_reference, self.inactive_since) = (false, false, None, None);
        } else if enabled & int::INACTIVITY != 0 && !(link && self.quiet) && self.is_inactive(regs, now, g) {
            events |= int::INACTIVITY;
            self.act_reference = None;
            self.quiet = link;
            self.asleep = link && regs.has(reg::POWER_CTL, AUTO_SLEEP);
        }
        if enabled & int::FREE_FALL != 0 && self.falls(regs, now, g) {
            events |= int::FREE_FALL;
        }
        if enabled & (int::SINGLE_TAP | int::DOUBLE_TAP) != 0 {
            events |= self.tapped(regs, now, g);
        }
        events
    }

    fn is_active(&mut self, regs: &RegFile<0x40>, g: [f64; 3]) -> bool {
        let ctl = regs.get(reg::ACT_INACT_CTL) >> 4;
        let reference = if ctl & 0x08 != 0 {
            *self.act_reference.get_or_insert(g)
        } else {
            [0.0; 3]
        };
        let axes = axes_above(
            ctl & 0x07,
            g,
            reference,
            f64::from(regs.get(reg::THRESH_ACT)) * THRESHOLD_G,
        );
        if axes != 0 {
            self.act_axes = axes;
            self.act_reference = None;
        }
        axes != 0
    }

    fn is_inactive(&mut self, regs: &RegFile<0x40>, now: u64, g: [f64; 3]) -> bool {
        let ctl = regs.get(reg::ACT_INACT_CTL) & 0x0f;
        let ac = ctl & 0x08 != 0;
        let reference = if ac {
            *self.inact_reference.get_or_insert(g)
        } else {
            [0.0; 3]
        };
        let threshold = f64::from(regs.get(reg::THRESH_INACT)) * THRESHOLD_G;
        if ctl & 0x07 == 0 || axes_above(ctl & 0x07, g, reference, threshold) != 0 {
            (self.inact_reference, self.inactive_since) = (None, None);
            return false;
        }
        let since = *self.inactive_since.get_or_insert(now);
        let is_over = now - since >= u64::from(regs.get(reg::TIME_INACT)) * 1_000_000_000;
        if is_over {
            self.inactive_since = None;
        }
        is_over
    }

    fn falls(&mut self, regs: &RegFile<0x40>, now: u64, g: [f64; 3]) -> bool {
        let threshold = f64::from(regs.get(reg::THRESH_FF)) * THRESHOLD_G;
        if axes_above(0x07, g, [0.0; 3], threshold) != 0 {
            self.falling_since = None;
            return false;
        }
        let since = *self.falling_since.get_or_insert(now);
        now - since >= u64::from(regs.get(reg::TIME_FF)) * 5_000_000
    }

    fn tapped(&mut self, regs: &RegFile<0x40>, now: u64, g: [f64; 3]) -> u8 {
        let time = |reg: u8, unit_ns: u64| u64::from(regs.get(reg)) * unit_ns;
        let (duration, latent) = (time(reg::DUR, 625_000), time(reg::LATENT, 1_250_000));
        let window = time(reg::WINDOW, 1_250_000);
        let threshold = f64::from(regs.get(reg::THRESH_TAP)) * THRESHOLD_G;
        let axes = axes_above(regs.get(reg::TAP_AXES) & 0x07, g, [0.0; 3], threshold);
        let mut events = 0;
        self.tap = match (self.tap, axes != 0) {
            (Tap::Idle, true) => Tap::Above {
                since: now,
                second: false,
            },
            (Tap::Between { since }, true) if now - since < latent => {
                // With "suppress", a spike during the latency time spoils the double tap.
                if regs.has(reg::TAP_AXES, 0x08) {
                    Tap::Idle
                } else {
                    Tap::Between { since }
                }
            }
            (Tap::Between { .. }, true) => Tap::Above {
                since: now,
                second: true,
            },
            (Tap::Between { since }, false) if now - since > latent + window => Tap::Idle,
            (Tap::Above { since, second }, false) if now - since <= duration => {
                events = if second { int::DOUBLE_TAP } else { int::SINGLE_TAP };
                if second || latent == 0 || window == 0 {
                    Tap::Idle
                } else {
                    Tap::Between { since: now }
                }
            }
            (Tap::Above { .. }, false) => Tap::Idle,
            (state, _) => state,
        };
        if axes != 0 {
            self.tap_axes = axes;
        }
        events
    }
}

/// Which of the axes in `enabled` (bit 2 is x, bit 0 is z) are further than `threshold` from `reference`.
fn axes_above(enabled: u8, g: [f64; 3], reference: [f64; 3], threshold: f64) -> u8 {
    let mut axes = 0;
    for (bit, (value, reference)) in [0x04, 0x02, 0x01].into_iter().zip(g.into_iter().zip(reference)) {
        if enabled & bit != 0 && (value - reference).abs() > threshold {
            axes |= bit;
        }
    }
    axes
}
