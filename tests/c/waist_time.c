// SPDX-License-Identifier: GPL-2.0-only
/* Clocks and delays: include/linux/timekeeping.h, delay.h, Documentation/core-api/timekeeping.rst. */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/timex.h>
#include "ktap.h"

static void monotonic_time_passes(void)
{
	ktime_t before = ktime_get();
	u64 clock = sched_clock();
	cycles_t cycles = get_cycles();

	udelay(100);
	expect(ktime_us_delta(ktime_get(), before) >= 100);
	expect(sched_clock() - clock >= 100000);
	expect(get_cycles() > cycles);
	expect(ktime_get_raw() >= ktime_get() - NSEC_PER_SEC);
}

/* Each reads the same clock as its sister, so two readings enclose the third. */
#define BETWEEN(before, reading, after)					\
	({								\
		s64 b_ = (before), r_ = (reading), a_ = (after);	\
		expect(b_ <= r_ && r_ <= a_);				\
	})

static s64 ns_of(void (*get)(struct timespec64 *ts))
{
	struct timespec64 ts = { .tv_nsec = -1 };

	get(&ts);
	expect(ts.tv_nsec >= 0 && ts.tv_nsec < NSEC_PER_SEC);
	return timespec64_to_ns(&ts);
}

static void readings_of_monotonic_time_agree(void)
{
	BETWEEN(ktime_get(), ktime_get_ns(), ktime_get());
	BETWEEN(ktime_get(), ktime_get_mono_fast_ns(), ktime_get());
	BETWEEN(ktime_get(), ktime_get_boot_fast_ns(), ktime_get());
	BETWEEN(ktime_get(), ktime_get_boottime(), ktime_get());
	BETWEEN(ktime_get(), ns_of(ktime_get_ts64), ktime_get());
	BETWEEN(ktime_get_raw(), ktime_get_raw_fast_ns(), ktime_get_raw());
	BETWEEN(ktime_get_raw(), ns_of(ktime_get_raw_ts64), ktime_get_raw());
	/* A coarse clock may be a tick behind. */
	BETWEEN(ktime_get() - TICK_NSEC, ns_of(ktime_get_coarse_ts64), ktime_get());
	BETWEEN(ktime_get() - TICK_NSEC, ktime_get_coarse(), ktime_get());
	BETWEEN(ktime_get_seconds(), ktime_get() / NSEC_PER_SEC,
		ktime_get_seconds());
	expect(ktime_get_resolution_ns() >= 1 &&
	       ktime_get_resolution_ns() <= TICK_NSEC);
}

static void readings_of_the_wall_clock_agree(void)
{
	struct timespec64 boot;

	BETWEEN(ktime_get_real(), ns_of(ktime_get_real_ts64), ktime_get_real());
	BETWEEN(ktime_get_real(), ktime_get_real_fast_ns(), ktime_get_real());
	BETWEEN(ktime_get_real() - TICK_NSEC, ns_of(ktime_get_coarse_real_ts64),
		ktime_get_real());
	BETWEEN(ktime_get_real() - TICK_NSEC, ktime_get_coarse_real(),
		ktime_get_real());
	BETWEEN(ktime_get_real_seconds(), ktime_get_real() / NSEC_PER_SEC,
		ktime_get_real_seconds());
	getboottime64(&boot);
	BETWEEN(timespec64_to_ns(&boot), ktime_get_real() - ktime_get_boottime(),
		timespec64_to_ns(&boot) + NSEC_PER_USEC);
	/* 2000 is the start of the virtual clock's world. */
	expect(ktime_get_real_seconds() >= 946684800);
}

static void monotonic_time_converts_to_others(void)
{
	struct timespec64 boot;
	ktime_t now = ktime_get();

	getboottime64(&boot);
	expect_eq(ktime_mono_to_real(now), now + timespec64_to_ns(&boot));
	expect_eq(ktime_mono_to_any(now, TK_OFFS_BOOT), now);
	expect(ktime_get_with_offset(TK_OFFS_TAI) >= ktime_mono_to_real(now));
	expect(ktime_get_clocktai() >= ktime_mono_to_real(now));
}

static void delays_last_at_least_as_long(void)
{
	ktime_t before = ktime_get();

	ndelay(1500);
	expect(ktime_get() - before >= 1500);
	before = ktime_get();
	udelay(20);
	expect(ktime_get() - before >= 20000);
	before = ktime_get();
	mdelay(2);
	expect(ktime_get() - before >= 2000000);
	before = ktime_get();
	/* The unit is a fraction of a second, as in asm-generic/delay.h. */
	__const_udelay(20UL * 0x10c7);
	expect(ktime_get() - before >= 20000);
	__udelay(1);
	__ndelay(1);
	__delay(10);
}

static void sleeps_last_at_least_as_long(void)
{
	ktime_t before = ktime_get();

	msleep(5);
	expect_eq(min_t(s64, ktime_get() - before, 5 * NSEC_PER_MSEC), 5 * NSEC_PER_MSEC);
	before = ktime_get();
	usleep_range(300, 400);
	expect(ktime_us_delta(ktime_get(), before) >= 300);
	before = ktime_get();
	fsleep(50);
	expect(ktime_us_delta(ktime_get(), before) >= 50);
	expect_eq(msleep_interruptible(3), 0);
}

static void jiffies_follow_the_clock(void)
{
	unsigned long before = jiffies;
	u64 before64 = get_jiffies_64();

	msleep(20);
	expect(time_after_eq(jiffies, before + msecs_to_jiffies(20)));
	expect(get_jiffies_64() - before64 >= 20 * HZ / 1000);
	expect_eq(msecs_to_jiffies(1000), HZ);
	expect_eq(jiffies_to_msecs(HZ), 1000);
	expect_eq(usecs_to_jiffies(1), 1);
	expect_eq(jiffies_to_nsecs(1), TICK_NSEC);
	expect_eq(nsecs_to_jiffies(NSEC_PER_SEC), HZ);
	expect_eq(msecs_to_jiffies(-1), MAX_JIFFY_OFFSET);
}

static void jiffies_move_while_a_loop_waits_for_them(void)
{
	unsigned long end = jiffies + 3;
	ktime_t before = ktime_get();

	while (time_before(jiffies, end))
		cpu_relax();
	expect(ktime_get() - before >= 2 * TICK_NSEC);
}

static int fired;
static unsigned long fired_at;

static void on_timer(struct timer_list *t)
{
	fired++;
	fired_at = jiffies;
	expect(in_softirq());
	expect(!irqs_disabled());
}

static DEFINE_TIMER(timer, on_timer);

static void timer_fires_once_and_not_before_its_time(void)
{
	unsigned long due = jiffies + 5;

	fired = 0;
	expect_eq(mod_timer(&timer, due), 0);
	expect(timer_pending(&timer));
	msleep(2);
	expect_eq(fired, 0);
	msleep(30);
	expect_eq(fired, 1);
	expect(time_after_eq(fired_at, due));
	expect(!timer_pending(&timer));
	expect_eq(del_timer(&timer), 0);
}

static void deleted_timer_does_not_fire(void)
{
	fired = 0;
	mod_timer(&timer, jiffies + 3);
	/* mod_timer says whether it was pending. */
	expect_eq(mod_timer(&timer, jiffies + 4), 1);
	expect_eq(del_timer_sync(&timer), 1);
	msleep(10);
	expect_eq(fired, 0);
	timer.expires = jiffies + 2;
	add_timer(&timer);
	msleep(10);
	expect_eq(fired, 1);
}

static void timers_fire_in_their_order(void)
{
	struct timer_list far;

	fired = 0;
	timer_setup_on_stack(&far, on_timer, 0);
	mod_timer(&far, jiffies + 300);
	mod_timer(&timer, jiffies + 3);
	msleep(20);
	expect_eq(fired, 1);
	expect(timer_pending(&far));
	expect_eq(timer_shutdown_sync(&far), 1);
	/* After a shutdown it cannot be armed again. */
	mod_timer(&far, jiffies + 1);
	expect(!timer_pending(&far));
	destroy_timer_on_stack(&far);
}

static struct hrtimer hr;
static int hr_fired;
static ktime_t hr_due, hr_at;

static enum hrtimer_restart on_hrtimer(struct hrtimer *t)
{
	hr_at = ktime_get();
	expect(in_hardirq());
	expect(irqs_disabled());
	if (++hr_fired == 3)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(t, ns_to_ktime(200 * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

static void hrtimer_repeats_until_it_says_no(void)
{
	hr_fired = 0;
	hrtimer_init(&hr, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	hr.function = on_hrtimer;
	hr_due = ktime_add_us(ktime_get(), 200);
	hrtimer_start(&hr, ns_to_ktime(200 * NSEC_PER_USEC), HRTIMER_MODE_REL);
	expect(hrtimer_active(&hr));
	msleep(5);
	expect_eq(hr_fired, 3);
	expect(hr_at >= hr_due);
	expect(!hrtimer_active(&hr));
	expect_eq(hrtimer_cancel(&hr), 0);
}

static void cancelled_hrtimer_does_not_fire(void)
{
	hr_fired = 0;
	hrtimer_start(&hr, ms_to_ktime(2), HRTIMER_MODE_REL);
	expect(ktime_to_ns(hrtimer_get_remaining(&hr)) <= 2000000);
	expect_eq(hrtimer_cancel(&hr), 1);
	msleep(5);
	expect_eq(hr_fired, 0);
}

/* The clock of a timer is that of its start, also for the wall clock. */
static void hrtimer_of_the_wall_clock_fires(void)
{
	struct hrtimer wall;

	hr_fired = 2;
	hrtimer_init(&wall, CLOCK_REALTIME, HRTIMER_MODE_ABS);
	wall.function = on_hrtimer;
	hrtimer_start(&wall, ktime_add_ms(ktime_get_real(), 1), HRTIMER_MODE_ABS);
	msleep(5);
	expect_eq(hr_fired, 3);
	hrtimer_cancel(&wall);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(monotonic_time_passes),
	KTAP_CASE(readings_of_monotonic_time_agree),
	KTAP_CASE(readings_of_the_wall_clock_agree),
	KTAP_CASE(monotonic_time_converts_to_others),
	KTAP_CASE(delays_last_at_least_as_long),
	KTAP_CASE(sleeps_last_at_least_as_long),
	KTAP_CASE(jiffies_follow_the_clock),
	KTAP_CASE(jiffies_move_while_a_loop_waits_for_them),
	KTAP_CASE(timer_fires_once_and_not_before_its_time),
	KTAP_CASE(deleted_timer_does_not_fire),
	KTAP_CASE(timers_fire_in_their_order),
	KTAP_CASE(hrtimer_repeats_until_it_says_no),
	KTAP_CASE(cancelled_hrtimer_does_not_fire),
	KTAP_CASE(hrtimer_of_the_wall_clock_fires),
};
KTAP_MODULE(cases);
