/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_TIMEX_H
#define _ASM_TIMEX_H

typedef unsigned long cycles_t;
/* Nanoseconds of the domain's clock, real or virtual. */
unsigned long machine_cycles(void);
#define get_cycles() machine_cycles()
#define random_get_entropy() machine_cycles()

#include <asm-generic/timex.h>

#endif
