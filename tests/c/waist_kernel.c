// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else of the kernel's core a driver or a core file that it pulls in may ask: the one processor, tasks as
 * kernel/fork.c makes them, capabilities, memory functions that the compiler calls, the roots of sysfs.
 */
#include <linux/backing-dev.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/kernel_stat.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/mm_types.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/pm_runtime.h>
#include <linux/reboot.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>
#include <linux/tick.h>
#include <linux/tracepoint-defs.h>
#include <linux/user_namespace.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include "ktap.h"

/* Private headers of upstream declare these. */
extern const struct trace_print_flags pageflag_names[], gfpflag_names[], vmaflag_names[];
extern struct kernfs_node *sysfs_root_kn;
extern struct workqueue_struct *pm_wq;
extern int cap_capable(const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts);
extern bool initcall_debug;
#ifdef CONFIG_PREEMPT_COUNT
extern void __cant_sleep(const char *file, int line, int preempt_offset);
#endif
extern void __set_task_comm(struct task_struct *task, const char *name, bool exec);
extern void schedule_preempt_disabled(void);
extern void ignore_signals(struct task_struct *task);

static int ups, downs;

static int on_up(unsigned int cpu)
{
	ups += cpu == 0;
	return 0;
}

static int on_down(unsigned int cpu)
{
	downs++;
	return 0;
}

static int fails(unsigned int cpu)
{
	return -ENOSPC;
}

/* Documentation/core-api/cpu_hotplug.rst: the callback runs on each processor that is up already. */
static void hotplug_callbacks_run_on_the_processor_that_is_up(void)
{
	int state;

	ups = downs = 0;
	expect(cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "waist:up", on_up, on_down) >= 0);
	expect_eq(ups, 1);
	expect(cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "waist:no", on_up, on_down) >= 0);
	expect_eq(ups, 1);
	expect(cpuhp_setup_state_cpuslocked(CPUHP_AP_ONLINE_DYN, "waist:locked", on_up, NULL) >= 0);
	expect_eq(ups, 2);
	expect_eq(cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "waist:fails", fails, NULL), -ENOSPC);
	expect_eq(downs, 0);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "waist:gone", on_up, on_down);
	/* To take a callback away undoes what it did; without calls it is forgotten only. */
	cpuhp_remove_state(state);
	expect_eq(downs, 1);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "waist:forgotten", on_up, on_down);
	__cpuhp_remove_state_cpuslocked(state, false);
	expect_eq(downs, 1);
}

static void there_is_one_processor(void)
{
	int cpu, count = 0;

	for_each_possible_cpu(cpu)
		count++;
	for_each_present_cpu(cpu)
		count++;
	for_each_online_cpu(cpu)
		count++;
	expect_eq(count, 3);
	expect(cpumask_test_cpu(0, &__cpu_possible_mask));
	expect(cpumask_test_cpu(0, &__cpu_present_mask));
	expect(cpumask_test_cpu(0, &__cpu_online_mask));
	expect(cpumask_test_cpu(0, &__cpu_active_mask));
	expect(cpumask_empty(&__cpu_dying_mask));
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	expect(cpumask_test_cpu(0, &__cpu_enabled_mask));
#endif
	expect(kcpustat_cpu(0).cpustat[CPUTIME_IDLE] == 0);
	expect_eq(READ_ONCE(kstat_cpu(0).irqs_sum), kstat_cpu_irqs_sum(0));
	expect(loops_per_jiffy > 0);
}

static int marks(void *argument)
{
	*(int *)argument += 1;
	return 0;
}

static int sleeps(void *argument)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(5);
	return 0;
}

static void a_kernel_thread_has_a_pid(void)
{
	int mark = 0;
	pid_t pid, other;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	pid = kernel_thread(marks, &mark, "marks", CLONE_FS);
	other = kernel_thread(marks, &mark, NULL, CLONE_FS);
#else
	pid = kernel_thread(marks, &mark, CLONE_FS);
	other = kernel_thread(marks, &mark, CLONE_FS);
#endif
	expect(pid > 0 && other > 0 && pid != other);
	expect_eq(mark, 0);
	msleep(2);
	expect_eq(mark, 2);
}

static void a_task_can_be_named_and_waited_for(void)
{
	struct task_struct *task = kthread_create(sleeps, NULL, "before");

	set_task_comm(task, "a name that is much too long");
	expect_str(task->comm, "a name that is ");
	__set_task_comm(task, "after", false);
	expect_str(task->comm, "after");
	set_tsk_thread_flag(task, TIF_SIGPENDING);
	expect(signal_pending(task));
	flush_signals(task);
	expect(!signal_pending(task));
	ignore_signals(task);
	expect(!signal_pending(task));
	get_task_struct(task);
	wake_up_process(task);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	/* It runs until it sleeps, and is not in another state. */
	expect(wait_task_inactive(task, TASK_UNINTERRUPTIBLE));
	expect_eq(READ_ONCE(task->__state), TASK_UNINTERRUPTIBLE);
	expect_eq(wait_task_inactive(task, TASK_INTERRUPTIBLE), 0);
#endif
	msleep(20);
	expect(task->flags & PF_EXITING);
	put_task_struct(task);
}

static void sleeping_with_preemption_off_puts_it_back(void)
{
	int before = preempt_count();

	preempt_disable();
#ifdef CONFIG_PREEMPT_COUNT
	expect_eq(preempt_count(), before + 1);
	__cant_sleep(__FILE__, __LINE__, 0);
#endif
	schedule_preempt_disabled();
	preempt_enable();
	expect_eq(preempt_count(), before);
}

static void the_kernel_may_all(void)
{
	expect_eq(cap_capable(NULL, &init_user_ns, CAP_SYS_ADMIN, 0), 0);
	expect(capable(CAP_SYS_RAWIO));
}

static void memory_functions_are_c_s(void)
{
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	void *(*volatile move)(void *, const void *, size_t) = memmove;
	void *(*volatile set)(void *, int, size_t) = memset;
	int (*volatile compare)(const void *, const void *, size_t) = memcmp;
	int (*volatile differ)(const void *, const void *, size_t) = bcmp;
	size_t (*volatile length)(const char *) = strlen;
	u8 a[300], b[300];
	size_t size, at;
	int i;

	for (i = 0; i < 300; i++)
		a[i] = i * 7 + (i >> 8);
	for (size = 0; size < 130; size++) {
		for (at = 0; at < 9; at++) {
			set(b, 0xee, 300);
			expect(copy(b + at, a + 3, size) == b + at);
			expect_eq(compare(b + at, a + 3, size), 0);
			expect_eq(differ(b + at, a + 3, size), 0);
			expect(b[at + size] == 0xee && (!at || b[at - 1] == 0xee));
		}
	}
	/* What is long is filled in other ways. */
	for (size = 2040; size < 20000; size += size < 2300 ? 1 : 997) {
		u8 *room = kmalloc(size + 2, GFP_KERNEL);

		expect(room);
		room[0] = room[size + 1] = 0x11;
		expect(set(room + 1, 0xee, size) == room + 1);
		expect(!memchr_inv(room + 1, 0xee, size));
		expect(room[0] == 0x11 && room[size + 1] == 0x11);
		kfree(room);
	}
	for (at = 0; at < 40; at++) {
		/* Overlapping both ways. */
		copy(b, a, 300);
		move(b + at, b, 200);
		expect_eq(compare(b + at, a, 200), 0);
		copy(b, a, 300);
		move(b, b + at, 200);
		expect_eq(compare(b, a + at, 200), 0);
	}
	expect(compare("abc", "abd", 3) < 0 && compare("abd", "abc", 3) > 0);
	expect(compare("\x80", "\x7f", 1) > 0);
	expect(differ("abc", "abd", 3));
	for (i = 0; i < 40; i++) {
		set(b, 'x', 41);
		b[i] = 0;
		expect_eq(length((char *)b), i);
	}
}

static void an_allocation_can_name_its_caller(void)
{
	char *p = kmalloc_track_caller(30, GFP_KERNEL | __GFP_ZERO);

	expect(p && !memchr_inv(p, 0, 30));
	kfree(p);
}

static bool has_name(const struct trace_print_flags *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return true;
	return false;
}

static void tables_of_flags_have_an_end(void)
{
	expect(has_name(pageflag_names, "referenced"));
	expect(!has_name(pageflag_names, "no such flag"));
	expect(has_name(gfpflag_names, "GFP_KERNEL"));
	expect(has_name(vmaflag_names, "read"));
}

static void the_roots_are_there(void)
{
	struct kernfs_node *kn = kernfs_find_and_get(sysfs_root_kn, "kernel");

	expect(kernel_kobj && kernel_kobj->sd == kn);
	kernfs_put(kn);
	expect(pm_wq);
	/* Modules are initialised while the system starts. */
	expect(system_state == SYSTEM_SCHEDULING || system_state == SYSTEM_RUNNING);
	expect(!initcall_debug);
	expect(tick_nohz_tick_stopped() == true);
}

static void a_backing_device_can_be_made(void)
{
	struct backing_dev_info bdi = {};

	expect_eq(bdi_init(&bdi), 0);
	expect_eq(kref_read(&bdi.refcnt), 1);
	expect(list_empty(&bdi.bdi_list));
	expect(!noop_backing_dev_info.dev);
}

static int never_called(struct notifier_block *nb, unsigned long event, void *data)
{
	return NOTIFY_BAD;
}

static struct notifier_block listener = { .notifier_call = never_called };

static void nobody_suspends_or_restarts_the_domain(void)
{
	expect_eq(pm_suspend_target_state, PM_SUSPEND_ON);
	expect(!pm_suspend_via_firmware() && !pm_resume_via_firmware());
	expect(!pm_power_off);
	expect_eq(register_pm_notifier(&listener), 0);
	expect_eq(unregister_pm_notifier(&listener), 0);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	dpm_save_failed_dev("nobody");
	dpm_save_failed_step(SUSPEND_PREPARE);
#endif
	expect_eq(register_reboot_notifier(&listener), 0);
	expect_eq(unregister_reboot_notifier(&listener), 0);
	expect_eq(unregister_reboot_notifier(&listener), -ENOENT);
	expect_eq(register_restart_handler(&listener), 0);
	expect_eq(unregister_restart_handler(&listener), 0);
}

static int never_off(struct sys_off_data *data)
{
	return NOTIFY_BAD;
}

static void a_device_s_part_in_switching_off_ends_with_it(void)
{
	struct device *dev = root_device_register("off");

	expect(!IS_ERR(dev));
	expect_eq(devm_register_sys_off_handler(dev, SYS_OFF_MODE_POWER_OFF_PREPARE,
						SYS_OFF_PRIO_FIRMWARE, never_off, NULL), 0);
	expect_eq(devm_register_power_off_handler(dev, never_off, NULL), 0);
	expect_eq(devm_register_restart_handler(dev, never_off, NULL), 0);
	root_device_unregister(dev);
}

static void nobody_asks_for_sigio(void)
{
	struct fasync_struct *list = NULL;

	expect_eq(fasync_helper(0, NULL, 1, &list), -EOPNOTSUPP);
	kill_fasync(&list, SIGIO, POLL_IN);
	expect_eq(fasync_helper(-1, NULL, 0, &list), 0);
	expect(!list);
}

static void nobody_has_a_number_in_a_namespace(void)
{
	struct pid pid = { .count = REFCOUNT_INIT(1) };

	expect_eq(pid_vnr(NULL), 0);
	expect_eq(pid_vnr(get_pid(&pid)), 0);
	put_pid(&pid);
	put_pid(NULL);
	expect_eq(refcount_read(&pid.count), 1);
}

static DEFINE_STATIC_KEY_FALSE(key);

static void a_static_key_turns(void)
{
	expect(static_key_initialized);
	expect(!static_branch_unlikely(&key));
	static_branch_enable(&key);
	expect(static_branch_unlikely(&key));
	static_branch_disable(&key);
	expect(!static_branch_unlikely(&key));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(hotplug_callbacks_run_on_the_processor_that_is_up),
	KTAP_CASE(there_is_one_processor),
	KTAP_CASE(a_kernel_thread_has_a_pid),
	KTAP_CASE(a_task_can_be_named_and_waited_for),
	KTAP_CASE(sleeping_with_preemption_off_puts_it_back),
	KTAP_CASE(the_kernel_may_all),
	KTAP_CASE(memory_functions_are_c_s),
	KTAP_CASE(an_allocation_can_name_its_caller),
	KTAP_CASE(tables_of_flags_have_an_end),
	KTAP_CASE(the_roots_are_there),
	KTAP_CASE(a_backing_device_can_be_made),
	KTAP_CASE(nobody_suspends_or_restarts_the_domain),
	KTAP_CASE(a_device_s_part_in_switching_off_ends_with_it),
	KTAP_CASE(nobody_asks_for_sigio),
	KTAP_CASE(nobody_has_a_number_in_a_namespace),
	KTAP_CASE(a_static_key_turns),
};
KTAP_MODULE(cases);
