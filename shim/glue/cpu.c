// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one processor, always online (include/linux/cpumask.h, cpuhotplug.h,
 * kernel_stat.h).
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/interrupt.h>
#include <asm/irq_regs.h>

#define ONE { .bits = { 1UL } }
struct cpumask __cpu_possible_mask = ONE;
struct cpumask __cpu_online_mask = ONE;
struct cpumask __cpu_present_mask = ONE;
struct cpumask __cpu_active_mask = ONE;
struct cpumask __cpu_enabled_mask = ONE;
struct cpumask __cpu_dying_mask;
const DECLARE_BITMAP(cpu_all_bits, NR_CPUS) = { 1UL };
const unsigned long cpu_bit_bitmap[BITS_PER_LONG + 1][BITS_TO_LONGS(NR_CPUS)] = {
	[1] = { 1UL },
};

DEFINE_PER_CPU(struct kernel_stat, kstat);
DEFINE_PER_CPU(struct kernel_cpustat, kernel_cpustat);

/*
 * The processor came up before anything could register for it: callbacks for
 * a state that is already reached run at once, as kernel/cpu.c does it.
 */
int __cpuhp_setup_state(enum cpuhp_state state, const char *name, bool invoke,
			int (*startup)(unsigned int cpu),
			int (*teardown)(unsigned int cpu), bool multi_instance)
{
	if (invoke && startup && !multi_instance)
		return startup(0);
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
