// SPDX-License-Identifier: GPL-2.0-only
/*
 * What init/main.c does on real hardware, for this machine: the order in which
 * upstream's own parts are brought up, then the initcalls. C, because half of
 * the steps are macros or are declared in private headers only.
 */
#include <kunit/test.h>
#include <linux/async.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device/driver.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/jiffies.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/maple_tree.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_fdt.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/radix-tree.h>
#include <linux/seq_file.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/sysfs.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include "machine.h"

enum system_states system_state;
bool initcall_debug;
bool static_key_initialized;
unsigned long loops_per_jiffy = 1UL << 20;
struct kobject *kernel_kobj;
struct workqueue_struct *pm_wq;
const struct of_device_id __clk_of_table_end[0] __section("__clk_of_table");

/* Private headers of upstream declare these. */
extern void driver_init(void);
extern void kernfs_init(void);
extern int sysfs_init(void);
extern void init_timers(void);
extern void tick_init(void);
extern void of_core_init(void);
extern struct kset *devices_kset;
extern initcall_entry_t __initcall_start[], __initcall_end[], __initcall0_start[];
/* The driver's own, in images that are built as modules; else nothing. */
extern initcall_entry_t __driver_init_start[], __driver_init_end[];
extern exitcall_t __driver_exit_start[], __driver_exit_end[];

/* shim/src/sched */
extern struct task_struct *machine_spawn_task(int (*fn)(void *), void *arg,
					      const char *name);

static void bring_up_parts(void)
{
	wait_bit_init();
	jump_label_init();
	radix_tree_init();
	maple_tree_init();
	workqueue_init_early();
	rcu_init();
	early_irq_init();
	init_timers();
	hrtimers_init();
	softirq_init();
	srcu_init();
	seq_file_init();
	kernfs_init();
	sysfs_init();
#ifdef CONFIG_NET
	net_ns_init();
#endif
	/* The machine starts with interrupts off; now there is who serves them. */
	local_irq_enable();
}

static u32 run_initcalls(initcall_entry_t *from, initcall_entry_t *to)
{
	u32 failed = 0;

	for (; from < to; from++) {
		initcall_t fn = initcall_from_entry(from);
		int ret = fn();

		if (ret)
			failed++;
		if (ret && ret != -ENODEV)
			pr_warn("initcall %ps returned %d\n", fn, ret);
		if (in_interrupt() || irqs_disabled())
			panic("initcall %px left interrupts off or a lock held", fn);
	}
	return failed;
}

/*
 * kernel/ksysfs.c and kernel/power/main.c make these among the first of their
 * level: a file system of upstream's hangs its mount point below at that level.
 */
static int __init make_kernel_objects(void)
{
	kernel_kobj = kobject_create_and_add("kernel", NULL);
	if (!kernel_kobj)
		return -ENOMEM;
	/* Runtime suspend and resume run here. */
	pm_wq = alloc_workqueue("pm", WQ_FREEZABLE, 0);
	return pm_wq ? 0 : -ENOMEM;
}
pure_initcall(make_kernel_objects);

static void *alias_alloc(u64 size, u64 align)
{
	return kzalloc(size, GFP_KERNEL);
}

static void unflatten(void *dtb)
{
	if (!dtb)
		return;
	if (!of_fdt_unflatten_tree(dtb, NULL, &of_root))
		panic("the board's device tree cannot be read");
	of_alias_scan(alias_alloc);
}

extern const struct kernel_param __start___param[], __stop___param[];
/* An image has it if a driver in it has parameters. */
#pragma weak parse_args

/*
 * The parameters of drivers, as on a command line: NAME.PARAMETER=VALUE in the
 * property bootargs of the board's node chosen. The log tells of a name that no
 * driver in this image has, and of a value that its driver refuses.
 */
static void take_parameters(void)
{
	const char *args = NULL;
	char *copy;

	if (!parse_args || of_property_read_string(of_chosen, "bootargs", &args))
		return;
	copy = kstrdup(args, GFP_KERNEL);
	if (!copy)
		panic("no memory for the board's bootargs");
	/* Not freed: parameters that are text point into it. */
	parse_args("bootargs", copy, __start___param,
		   __stop___param - __start___param, -1, -1, NULL, NULL);
}

u32 machine_load(int *error)
{
	initcall_entry_t *at;

	*error = 0;
	for (at = __driver_init_start; at < __driver_init_end; at++) {
		*error = initcall_from_entry(at)();
		/* A module's failure is the end of its insertion (kernel/module/main.c). */
		if (*error)
			return at - __driver_init_start;
	}
	async_synchronize_full();
	return __driver_init_end - __driver_init_start;
}

u32 machine_unload(void)
{
	exitcall_t *at = __driver_exit_end;

	while (at > __driver_exit_start)
		(*--at)();
	async_synchronize_full();
	return __driver_exit_end - __driver_exit_start;
}

void machine_count(struct machine_counts *counts)
{
	struct irqaction *action;
	struct irq_desc *desc;
	struct list_head *at;
	unsigned int irq;

	counts->devices = 0;
	counts->interrupts = 0;
	spin_lock(&devices_kset->list_lock);
	list_for_each(at, &devices_kset->list)
		counts->devices++;
	spin_unlock(&devices_kset->list_lock);
	for_each_irq_desc(irq, desc)
		for (action = desc->action; action; action = action->next)
			counts->interrupts++;
}

/* Runs as the first task; returns how many initcalls ran. */
u32 machine_start(void *dtb, u32 *failed)
{
	bring_up_parts();
	/* From here on who synchronises waits for readers, also with SRCU. */
	rcu_scheduler_starting();
	unflatten(dtb);
	take_parameters();
	kthreadd_task = machine_spawn_task(kthreadd, NULL, "kthreadd");
	workqueue_init();
	*failed = run_initcalls(__initcall_start, __initcall0_start);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	workqueue_init_topology();
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	async_init();
#endif
	system_state = SYSTEM_SCHEDULING;
	driver_init();
	*failed += run_initcalls(__initcall0_start, __initcall_end);
	/*
	 * Upstream's own initcall has made devices of the board's nodes; asking
	 * again finds nothing new, and is what brings that file into the image.
	 */
	of_platform_default_populate(NULL, NULL, NULL);
	async_synchronize_full();
#if IS_ENABLED(CONFIG_KUNIT)
	/* No machine gets here at time 0, which upstream takes for no time at all; under virtual time ours would. */
	udelay(1);
	kunit_run_all_tests();
#endif
	system_state = SYSTEM_RUNNING;
	/* How each of a module's probes ends is told in the log. */
	initcall_debug = __driver_init_start < __driver_init_end;
	return __initcall_end - __initcall_start;
}

/* What of_platform_depopulate() does to a parent, done to the root. */
void machine_remove_devices(void)
{
	device_for_each_child_reverse(&platform_bus, NULL,
				      of_platform_device_destroy);
}
