/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_CACHE_H
#define _ASM_CACHE_H

#define L1_CACHE_SHIFT 6
#define L1_CACHE_BYTES (1 << L1_CACHE_SHIFT)
/* No device masters memory directly, so kmalloc need not align for DMA. */
#define ARCH_SLAB_MINALIGN 8
#define SMP_CACHE_BYTES 8

#endif
