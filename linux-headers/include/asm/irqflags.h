/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt flag is a variable: lines that become active while it is set
 * stay pending in the port, and are taken when it is cleared.
 */
#ifndef _ASM_IRQFLAGS_H
#define _ASM_IRQFLAGS_H

extern unsigned long machine_irqs_off;

/* The interrupt lines in the port, which the microkernel writes. */
struct machine_lines {
	unsigned long level;
	unsigned long rise;
	unsigned long fall;
};
extern volatile struct machine_lines *machine_lines;
void machine_take_irqs(void);

#define ARCH_IRQ_DISABLED 1UL
#define ARCH_IRQ_ENABLED 0UL

static inline unsigned long arch_local_save_flags(void)
{
	return machine_irqs_off;
}

static inline void arch_local_irq_restore(unsigned long flags)
{
	__asm__ __volatile__("" ::: "memory");
	machine_irqs_off = flags;
	if (!flags &&
	    __builtin_expect(!!(machine_lines->rise | machine_lines->fall), 0))
		machine_take_irqs();
}

#include <asm-generic/irqflags.h>

#endif
