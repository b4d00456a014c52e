// SPDX-License-Identifier: GPL-2.0-only
//! `rtc-test`, a clock that upstream simulates, under the checks of upstream's `rtctest`.

use super::{Simulated, both};
use linux_compat::client::{Client, DeviceFile, poll};
use std::time::Duration;

/// `struct rtc_time` (include/uapi/linux/rtc.h): nine words, of which six are used.
type RtcTime = [i32; 9];

const RTC_AIE_ON: u32 = 0x7001;
const RTC_AIE_OFF: u32 = 0x7002;
const RTC_UIE_ON: u32 = 0x7003;
const RTC_UIE_OFF: u32 = 0x7004;
const RTC_ALM_SET: u32 = 0x4024_7007;
const RTC_ALM_READ: u32 = 0x8024_7008;
const RTC_RD_TIME: u32 = 0x8024_7009;
const RTC_WKALM_SET: u32 = 0x4028_700f;
const RTC_WKALM_RD: u32 = 0x8028_7010;
/// Bits of what a read brings: an alarm, an update, and above them how many.
const RTC_AF: u64 = 0x20;
const RTC_UF: u64 = 0x10;

/// Seconds since 1970.
fn seconds(time: RtcTime) -> i64 {
    let [second, minute, hour, day, month, year, ..] = time.map(i64::from);
    // Days of the civil calendar, years beginning in March.
    let (year, month) = if month < 2 {
        (year + 1899, month + 10)
    } else {
        (year + 1900, month - 2)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    ((days * 24 + hour) * 60 + minute) * 60 + second
}

/// Its opposite.
fn time_of(seconds: i64) -> RtcTime {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut date = [0; 9];
    (date[3], date[5]) = (1, 70);
    while self::seconds(after_a_year(date)) <= days * 86_400 {
        date = after_a_year(date);
    }
    while self::seconds(after_a_month(date)) <= days * 86_400 {
        date = after_a_month(date);
    }
    let word = |value: i64| i32::try_from(value).expect("a small number");
    date[3] += word(days - self::seconds(date) / 86_400);
    (date[0], date[1], date[2]) = (word(second % 60), word(second / 60 % 60), word(second / 3600));
    date
}

fn after_a_year(mut date: RtcTime) -> RtcTime {
    date[5] += 1;
    date
}

fn after_a_month(mut date: RtcTime) -> RtcTime {
    date[4] += 1;
    if date[4] == 12 {
        date[4] = 0;
        date[5] += 1;
    }
    date
}

fn bytes(time: RtcTime) -> Vec<u8> {
    time.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn words(bytes: &[u8]) -> RtcTime {
    let (words, _) = bytes.as_chunks::<4>();
    let all: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
    all.try_into().expect("nine words")
}

/// A clock as a program has it: what upstream's `tools/testing/selftests/rtc/rtctest.c` does.
struct Clock<'a> {
    client: &'a mut Client,
    file: DeviceFile,
}

impl Clock<'_> {
    #[track_caller]
    fn ioctl(&mut self, command: u32, arg: &[u8]) -> Vec<u8> {
        let answer = self.client.device_ioctl(self.file, command, 0, arg);
        let (result, arg) = answer.unwrap_or_else(|error| panic!("{command:#x}: {error}"));
        assert_eq!(result, 0, "{command:#x}");
        arg
    }

    fn now(&mut self) -> i64 {
        seconds(words(&self.ioctl(RTC_RD_TIME, &[0; 36])))
    }

    fn event(&mut self) -> u64 {
        let data = self.client.device_read(self.file, 8).expect("an event");
        u64::from_le_bytes(data.try_into().expect("a word"))
    }

    /// Waits for an event as `select` does, for so many seconds.
    fn waits(&mut self, limit_s: u64) -> bool {
        let answer = self
            .client
            .device_poll(self.file, poll::IN, Duration::from_secs(limit_s));
        answer.expect("an answer") & poll::IN != 0
    }

    fn is_read_at_any_time(&mut self) {
        let begin = self.now();
        let mut last = begin;
        while last < begin + 30 {
            self.client.advance(11_000_000).expect("11 ms");
            let now = self.now();
            assert!((0..=1).contains(&(now - last)), "{last}, then {now}");
            last = now;
        }
    }

    fn tells_each_second(&mut self) {
        self.ioctl(RTC_UIE_ON, &[]);
        let mut last = self.now();
        for _ in 0..3 {
            assert!(self.waits(2));
            let event = self.event();
            assert!(event & RTC_UF != 0 && event >> 8 >= 1, "{event:#x}");
            let now = self.now();
            assert_eq!(now - last, 1);
            last = now;
        }
        self.ioctl(RTC_UIE_OFF, &[]);
    }

    fn rings(&mut self, at: i64, limit_s: u64) {
        let time = time_of(at);
        self.ioctl(RTC_ALM_SET, &bytes(time));
        let set = words(&self.ioctl(RTC_ALM_READ, &[0; 36]));
        assert_eq!(set[..3], time[..3]);
        self.ioctl(RTC_AIE_ON, &[]);
        assert!(self.waits(limit_s), "no alarm");
        self.ioctl(RTC_AIE_OFF, &[]);
        assert!(self.event() & RTC_AF != 0);
        assert_eq!(self.now(), at);
    }

    /// A timer a minute away may be up to four seconds late where a second has a thousand ticks (kernel/time/timer.c).
    fn rings_on_a_date(&mut self, at: i64, limit_s: u64, late_s: i64) {
        let time = time_of(at);
        let alarm = [vec![1, 0, 0, 0], bytes(time)].concat();
        self.ioctl(RTC_WKALM_SET, &alarm);
        let set = self.ioctl(RTC_WKALM_RD, &[0; 40]);
        assert_eq!((set[0], &words(&set[4..])[..6]), (1, &time[..6]));
        assert!(self.waits(limit_s), "no alarm");
        assert!(self.event() & RTC_AF != 0);
        let late = self.now() - at;
        assert!((0..=late_s).contains(&late), "{late} s late");
    }
}

#[test]
fn a_simulated_clock_passes_the_checks_of_rtctest() {
    assert_eq!(seconds(time_of(1_709_251_199)), 1_709_251_199);
    both(|series| {
        let mut rtc = Simulated::start(series, "rtc-test", "plain");
        for name in ["rtc0", "rtc1", "rtc2"] {
            assert!(
                rtc.read(&format!("/sys/class/rtc/{name}/since_epoch"))
                    .parse::<u64>()
                    .is_ok()
            );
        }
        let file = rtc.client.device_open("rtc1", false).expect("the device");
        let mut clock = Clock {
            client: &mut rtc.client,
            file,
        };
        clock.is_read_at_any_time();
        clock.tells_each_second();
        let now = clock.now();
        clock.rings(now + 3, 5);
        let now = clock.now();
        clock.rings_on_a_date(now + 3, 5, 0);
        let minute = clock.now() / 60 * 60 + 60;
        clock.rings(minute, 62);
        clock.rings_on_a_date(minute + 60, 66, 4);
    });
}
