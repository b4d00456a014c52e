/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_PTRACE_H
#define _ASM_PTRACE_H

/* There is no user mode in a domain, so no registers are ever saved. */
struct pt_regs {
	unsigned long ip;
};

#define user_mode(regs) 0
#define instruction_pointer(regs) ((regs)->ip)
#define profile_pc(regs) instruction_pointer(regs)
#define user_stack_pointer(regs) 0UL
#define kernel_stack_pointer(regs) 0UL
#define regs_return_value(regs) 0L
#define arch_has_single_step() 0
#define current_pt_regs() ((struct pt_regs *)0)

#endif
