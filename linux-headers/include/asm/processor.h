/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_PROCESSOR_H
#define _ASM_PROCESSOR_H

#include <asm/ptrace.h>

#define TASK_SIZE (~0UL)
#define TASK_UNMAPPED_BASE 0
#define STACK_TOP TASK_SIZE
#define STACK_TOP_MAX STACK_TOP

/* What the machine keeps of a task is in its thread_info. */
struct thread_struct {
};

#define INIT_THREAD { }
#define start_thread(regs, pc, sp) do { } while (0)
#define task_pt_regs(task) ((struct pt_regs *)0)
#define KSTK_EIP(task) 0UL
#define KSTK_ESP(task) 0UL

struct task_struct;
unsigned long __get_wchan(struct task_struct *task);

/* Interrupts are taken here: whoever spins waits for one. */
void machine_relax(void);
#define cpu_relax() machine_relax()

#define ARCH_HAS_PREFETCH
#define ARCH_HAS_PREFETCHW
#define prefetch(x) __builtin_prefetch(x)
#define prefetchw(x) __builtin_prefetch(x, 1)

#endif
