// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one processor, always online (include/linux/cpumask.h, cpuhotplug.h,
 * kernel_stat.h).
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/kernel_stat.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <asm/irq_regs.h>

#define ONE { .bits = { 1UL } }
struct cpumask __cpu_possible_mask = ONE;
struct cpumask __cpu_online_mask = ONE;
struct cpumask __cpu_present_mask = ONE;
struct cpumask __cpu_active_mask = ONE;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
struct cpumask __cpu_enabled_mask = ONE;
#endif
struct cpumask __cpu_dying_mask;
const DECLARE_BITMAP(cpu_all_bits, NR_CPUS) = { 1UL };
const unsigned long cpu_bit_bitmap[BITS_PER_LONG + 1][BITS_TO_LONGS(NR_CPUS)] = {
	[1] = { 1UL },
};

DEFINE_PER_CPU(struct kernel_stat, kstat);
DEFINE_PER_CPU(struct kernel_cpustat, kernel_cpustat);

/* What registered for processors that come and go, by state. */
struct step {
	struct list_head list;
	enum cpuhp_state state;
	const char *name;
	int (*startup)(unsigned int cpu);
	int (*teardown)(unsigned int cpu);
	bool is_multi;
};

static LIST_HEAD(steps);
static DEFINE_MUTEX(steps_lock);

static struct step *find_step(enum cpuhp_state state)
{
	struct step *step;

	list_for_each_entry(step, &steps, list)
		if (step->state == state)
			return step;
	return NULL;
}

/* The state itself, or a free number for one that asks for any. */
static int number(enum cpuhp_state state)
{
	int last = state;

	if (state == CPUHP_AP_ONLINE_DYN)
		last = CPUHP_AP_ONLINE_DYN_END;
	else if (state == CPUHP_BP_PREPARE_DYN)
		last = CPUHP_BP_PREPARE_DYN_END;
	else
		return find_step(state) ? -EBUSY : state;
	for (; state <= last; state++)
		if (!find_step(state))
			return state;
	return -ENOSPC;
}

static int register_step(const struct step *wanted, bool invoke)
{
	int state = number(wanted->state);
	struct step *step;
	int ret = 0;

	if (state < 0)
		return state;
	step = kmemdup(wanted, sizeof(*step), GFP_KERNEL);
	if (!step)
		return -ENOMEM;
	step->state = state;
	list_add_tail(&step->list, &steps);
	if (invoke && step->startup && !step->is_multi)
		ret = step->startup(0);
	if (ret) {
		list_del(&step->list);
		kfree(step);
	}
	return ret ?: state;
}

/*
 * The processor came up before anything could register for it: callbacks run
 * at once. As in kernel/cpu.c the number is returned of a dynamic state only.
 */
int __cpuhp_setup_state(enum cpuhp_state state, const char *name, bool invoke,
			int (*startup)(unsigned int cpu),
			int (*teardown)(unsigned int cpu), bool multi_instance)
{
	struct step step = {
		.state = state,
		.name = name,
		.startup = startup,
		.teardown = teardown,
		.is_multi = multi_instance,
	};
	int ret;

	if (state <= CPUHP_OFFLINE || state >= CPUHP_ONLINE || !name)
		return -EINVAL;
	mutex_lock(&steps_lock);
	ret = register_step(&step, invoke);
	mutex_unlock(&steps_lock);
	if (ret < 0 || state == CPUHP_AP_ONLINE_DYN ||
	    state == CPUHP_BP_PREPARE_DYN)
		return ret;
	return 0;
}

int __cpuhp_setup_state_cpuslocked(enum cpuhp_state state, const char *name,
				   bool invoke,
				   int (*startup)(unsigned int cpu),
				   int (*teardown)(unsigned int cpu),
				   bool multi_instance)
{
	return __cpuhp_setup_state(state, name, invoke, startup, teardown,
				   multi_instance);
}

void __cpuhp_remove_state(enum cpuhp_state state, bool invoke)
{
	struct step *step;

	mutex_lock(&steps_lock);
	step = find_step(state);
	if (step) {
		if (invoke && step->teardown && !step->is_multi)
			step->teardown(0);
		list_del(&step->list);
		kfree(step);
	}
	mutex_unlock(&steps_lock);
}

void __cpuhp_remove_state_cpuslocked(enum cpuhp_state state, bool invoke)
{
	__cpuhp_remove_state(state, invoke);
}
