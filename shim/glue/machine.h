/* SPDX-License-Identifier: GPL-2.0-only */
/* What the shim's C and Rust halves ask of each other. */
#ifndef SHIM_MACHINE_H
#define SHIM_MACHINE_H

#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/of.h>
#include <linux/sched.h>

/* glue/sched.c: a task with every field that macros initialise; one reference */
struct task_struct *machine_new_task(pid_t pid, unsigned int flags,
				     const char *name);
void machine_put_task(struct task_struct *task);
void machine_get_task(struct task_struct *task);
/* glue/net.c: whose sockets the task makes; nothing without CONFIG_NET */
void machine_join_net(struct task_struct *task);
/* glue/sched.c: a signal that kills, as far as waiting code looks at one */
void machine_kill_task(struct task_struct *task);
/* glue/sched.c: one that does not, as the freezer's */
void machine_signal_task(struct task_struct *task);
void machine_forget_signals(struct task_struct *task);
/* glue/sched.c: hooks that upstream wants called around a switch */
void machine_before_switch(struct task_struct *task);
void machine_after_switch(struct task_struct *task);
/* glue/sched.c: runs exit work and tells whoever waits for the end */
void machine_exit_work(struct task_struct *task, long code);

/* glue/time.c: runs what is due at `now_ns`; returns when to be called again */
void machine_run_timers(void);
u64 machine_next_timer(u64 now_ns);
void machine_enter_irq(void);
void machine_leave_irq(void);
int machine_softirq_pending(void);

/* glue/start.c */
u32 machine_start(void *dtb, u32 *failed);
/* glue/start.c: the driver's modules, removed and inserted */
u32 machine_unload(void);
u32 machine_load(int *error);
struct machine_counts {
	u32 devices;
	u32 interrupts;
};
void machine_count(struct machine_counts *counts);
void machine_remove_devices(void);

/*
 * glue/suspend.c: 0 once all devices are suspended, or what Linux gives. After
 * 0 the caller stays until the domain is awake again.
 */
int machine_suspend(void);
void machine_stay_suspended(void);
/* Wakes the domain, and waits until all devices are resumed. */
void machine_resume(void);

/* shim/src/sched: counts a transfer; whether others have waited for long */
bool machine_is_hogged(void);
/* shim/src/sched: a transfer was done, and takes its time: others run */
void machine_transferred(void);

/* glue/time.c: sleeps for as long, interrupted by nothing */
void machine_sleep_ns(u64 ns);

#endif
