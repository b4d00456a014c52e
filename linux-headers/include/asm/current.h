/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_CURRENT_H
#define _ASM_CURRENT_H

/* One OS thread, so the running task is a plain variable of the shim. */
struct task_struct;
extern struct task_struct *machine_current;
#define current machine_current
#define get_current() machine_current

#endif
