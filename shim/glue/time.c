// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tick: upstream's timer wheel and hrtimers, driven by the machine's clock
 * through entry points that private headers declare.
 */
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/tick.h>
#include <linux/time.h>
#include <linux/timer.h>
#include "machine.h"

/* kernel/time/tick-internal.h */
extern u64 get_next_timer_interrupt(unsigned long basej, u64 basem);
extern void timer_clear_idle(void);
extern u64 hrtimer_get_next_event(void);

/* shim/src/time: nanoseconds since the domain started, and of that instant */
extern u64 machine_uptime_ns(void);

static void update_jiffies(u64 uptime_ns)
{
	jiffies_64 = INITIAL_JIFFIES + div_u64(uptime_ns, TICK_NSEC);
}

static unsigned long softirq_raised_at;

/* What is queued for the moment when interrupts are taken (kernel/irq_work.c). */
static bool has_irq_work(void)
{
	return IS_ENABLED(CONFIG_IRQ_WORK) && irq_work_needs_cpu();
}

void machine_run_timers(void)
{
	update_jiffies(machine_uptime_ns());
	if (IS_ENABLED(CONFIG_IRQ_WORK))
		irq_work_tick();
	hrtimer_run_queues();
	if (softirq_raised_at != jiffies) {
		softirq_raised_at = jiffies;
		raise_softirq(TIMER_SOFTIRQ);
	}
}

/* Uptime at which the next timer is due, or KTIME_MAX. */
u64 machine_next_timer(u64 uptime_ns)
{
	u64 wheel, hr;
	unsigned long basej;

	WARN_ON_ONCE(!irqs_disabled());
	update_jiffies(uptime_ns);
	basej = jiffies;
	wheel = get_next_timer_interrupt(basej,
		(u64)(jiffies_64 - INITIAL_JIFFIES) * TICK_NSEC);
	timer_clear_idle();
	hr = hrtimer_get_next_event();
	return min(wheel, hr);
}

void machine_enter_irq(void)
{
	irq_enter_rcu();
}

void machine_leave_irq(void)
{
	irq_exit_rcu();
}

/* This machine has no interrupt that it sends itself: such work waits here, too. */
int machine_softirq_pending(void)
{
	return local_softirq_pending() != 0 || has_irq_work();
}

/* There is no tick device to switch to another mode. */
int tick_check_oneshot_change(int allow_nohz)
{
	return 0;
}

bool tick_nohz_tick_stopped(void)
{
	return true;
}

/* The clock never stops, so nothing was missed while the domain waited. */
void tick_irq_enter(void) { }
void tick_nohz_irq_exit(void) { }

void machine_sleep_ns(u64 ns)
{
	ktime_t left = min_t(u64, ns, KTIME_MAX);

	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout(&left, HRTIMER_MODE_REL);
}
