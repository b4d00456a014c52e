/* SPDX-License-Identifier: GPL-2.0-only */
/* One processor: only the compiler reorders. Shared pages are the shim's. */
#ifndef _ASM_BARRIER_H
#define _ASM_BARRIER_H

#define mb() __asm__ __volatile__("" ::: "memory")
#define nop() do { } while (0)

#include <asm-generic/barrier.h>

#endif
