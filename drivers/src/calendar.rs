// SPDX-License-Identifier: GPL-2.0-only
//! The counters of a real-time clock: seconds to years as binary-coded decimals, ticking once a second.

use crate::chip::NEVER;

/// The seven registers of the Dallas clocks, from seconds to years: values in BCD.
pub type Fields = [u8; 7];

const SECOND_NS: u64 = 1_000_000_000;
const HOURS_12: u8 = 0x40;
const PM: u8 = 0x20;
/// The month's upper bit, which turns with the century where a clock has one.
const CENTURY: u8 = 0x80;
/// Days from 1970-01-01 to 2000-01-01.
const DAYS_TO_2000: i64 = 10_957;
const DAY_S: i64 = 86_400;

fn from_bcd(value: u8) -> u8 {
    (value >> 4) * 10 + (value & 0x0f)
}

fn to_bcd(value: u8) -> u8 {
    ((value / 10) << 4) | (value % 10)
}

/// Adds one to a BCD counter that goes from `first` to `last`; says whether it began anew.
fn count(field: &mut u8, mask: u8, first: u8, last: u8) -> bool {
    let is_over = from_bcd(*field & mask) >= last;
    let next = if is_over { first } else { from_bcd(*field & mask) + 1 };
    *field = *field & !mask | to_bcd(next) & mask;
    is_over
}

/// The hour counter: 0 to 23, or 12, 1 … 11 twice if bit 6 is set.
fn count_hour(hours: &mut u8) -> bool {
    if *hours & HOURS_12 == 0 {
        return count(hours, 0x3f, 0, 23);
    }
    match from_bcd(*hours & 0x1f) {
        11 => {
            *hours = (*hours ^ PM) & !0x1f | 0x12;
            *hours & PM == 0
        }
        12 => {
            *hours = *hours & !0x1f | 0x01;
            false
        }
        _ => count(hours, 0x1f, 1, 12),
    }
}

/// Good until 2099: every fourth year is a leap year, as the chips have it.
fn days_of(month: u8, year: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Lets a clock go on by a second. `has_century` says whether the month's upper bit turns after year 99.
fn tick(fields: &mut Fields, has_century: bool) {
    let [second, minute, hour, weekday, date, month, year] = fields;
    if !count(second, 0x7f, 0, 59) || !count(minute, 0x7f, 0, 59) || !count_hour(hour) {
        return;
    }
    count(weekday, 0x07, 1, 7);
    let days = days_of(from_bcd(*month & 0x1f), from_bcd(*year));
    if count(date, 0x3f, 1, days) && count(month, 0x1f, 1, 12) && count(year, 0xff, 0, 99) && has_century {
        *month ^= CENTURY;
    }
}

/// What a clock shows `time` seconds after 1970, in 24-hour form; what lies before 2000 or after 2099 shows the nearest
/// that it can.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each number is limited first"
)]
pub fn fields(time: f64) -> Fields {
    let seconds = (time as i64 - DAYS_TO_2000 * DAY_S).clamp(0, 36_525 * DAY_S - 1);
    let (days, of_day) = (seconds / DAY_S, seconds % DAY_S);
    let (mut year, mut month, mut day) = (0u8, 1u8, days);
    while day >= i64::from(if year.is_multiple_of(4) { 366u16 } else { 365 }) {
        day -= if year.is_multiple_of(4) { 366 } else { 365 };
        year += 1;
    }
    while day >= i64::from(days_of(month, year)) {
        day -= i64::from(days_of(month, year));
        month += 1;
    }
    // 2000-01-01 was a Saturday; day 1 is a Sunday, as Linux has it and most systems.
    let weekday = (days + 6) % 7 + 1;
    let all = [of_day % 60, of_day / 60 % 60, of_day / 3600, weekday, day + 1];
    let [second, minute, hour, weekday, date] = all.map(|value| to_bcd(value as u8));
    [second, minute, hour, weekday, date, to_bcd(month), to_bcd(year)]
}

/// When the seconds of a clock pass. Default: it stands.
pub struct Ticks {
    next: u64,
}

impl Default for Ticks {
    fn default() -> Self {
        Ticks { next: NEVER }
    }
}

impl Ticks {
    /// A second begins at `now`.
    pub fn restart(&mut self, now: u64) {
        self.next = now.saturating_add(SECOND_NS);
    }

    /// The clock stands.
    pub fn stop(&mut self) {
        self.next = NEVER;
    }

    /// When the next second is over, or [`NEVER`].
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Counts one second that was over by `now`, if there is one. Call it until there is none.
    pub fn pass(&mut self, now: u64, fields: &mut Fields, has_century: bool) -> bool {
        if now < self.next {
            return false;
        }
        self.next = self.next.saturating_add(SECOND_NS);
        tick(fields, has_century);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_calendar() {
        // `date -u -d @N +%s`
        for (time, wanted) in [
            (946_684_800.0, [0x00, 0x00, 0x00, 0x07, 0x01, 0x01, 0x00]),
            (1_709_251_199.0, [0x59, 0x59, 0x23, 0x05, 0x29, 0x02, 0x24]),
            (1_709_251_200.0, [0x00, 0x00, 0x00, 0x06, 0x01, 0x03, 0x24]),
            (4_102_444_799.0, [0x59, 0x59, 0x23, 0x05, 0x31, 0x12, 0x99]),
            (0.0, [0x00, 0x00, 0x00, 0x07, 0x01, 0x01, 0x00]),
        ] {
            assert_eq!(fields(time), wanted, "{time}");
        }
    }

    #[test]
    fn ticking_agrees_with_the_calendar() {
        // Every end of a day in four years, and 100,000 seconds in a row.
        let begin = 1_704_067_200.0;
        for day in 0..1461 {
            let end = begin + f64::from(day) * 86_400.0;
            let mut shown = fields(end - 1.0);
            tick(&mut shown, true);
            assert_eq!(shown, fields(end));
        }
        let mut shown = fields(begin);
        for second in 1..100_000 {
            tick(&mut shown, true);
            assert_eq!(shown, fields(begin + f64::from(second)));
        }
    }

    #[test]
    fn twelve_hours_go_round_twice_a_day() {
        // 11:59:59 pm, then 12:00:00 am, then on to 1 am.
        let mut shown = [0x59, 0x59, 0x40 | 0x20 | 0x11, 0x07, 0x31, 0x12, 0x99];
        tick(&mut shown, true);
        assert_eq!(shown, [0x00, 0x00, 0x40 | 0x12, 0x01, 0x01, 0x81, 0x00]);
        (0..3600).for_each(|_| tick(&mut shown, true));
        assert_eq!(shown[2], 0x41);
    }
}
