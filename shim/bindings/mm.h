/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/string.h>
#include <linux/slab.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <linux/percpu.h>
#include <linux/page-flags.h>
#include <linux/version.h>
/*
 * Constants whose definition goes through macros with casts, which bindgen
 * cannot evaluate by itself.
 */
enum mm_constants {
	MM_GFP_ZERO = (unsigned int)__GFP_ZERO,
	MM_GFP_NOWARN = (unsigned int)__GFP_NOWARN,
	MM_GFP_NOFAIL = (unsigned int)__GFP_NOFAIL,
	MM_GFP_COMP = (unsigned int)__GFP_COMP,
	MM_GFP_DIRECT_RECLAIM = (unsigned int)__GFP_DIRECT_RECLAIM,
	MM_GFP_KERNEL = (unsigned int)GFP_KERNEL,
	MM_GFP_ATOMIC = (unsigned int)GFP_ATOMIC,
	MM_SLAB_PANIC = (unsigned int)SLAB_PANIC,
	MM_SLAB_HWCACHE_ALIGN = (unsigned int)SLAB_HWCACHE_ALIGN,
	MM_SLAB_TYPESAFE_BY_RCU = (unsigned int)SLAB_TYPESAFE_BY_RCU,
	MM_PAGE_SHIFT = PAGE_SHIFT,
	MM_PAGE_SIZE = PAGE_SIZE,
	MM_KMALLOC_TYPES = NR_KMALLOC_TYPES,
	MM_KMALLOC_SHIFT_LOW = KMALLOC_SHIFT_LOW,
	MM_KMALLOC_SHIFT_HIGH = KMALLOC_SHIFT_HIGH,
	MM_KMALLOC_SHIFT_MAX = KMALLOC_SHIFT_MAX,
	MM_SLAB_MINALIGN = ARCH_SLAB_MINALIGN,
	MM_CACHE_LINE = L1_CACHE_BYTES,
	MM_PG_HEAD = PG_head,
	/* The order moved into the second flags word in 6.6. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	MM_FOLIO_ORDER = offsetof(struct folio, _folio_order),
#else
	MM_FOLIO_ORDER = offsetof(struct folio, _flags_1),
#endif
	MM_FOLIO_NR_PAGES = offsetof(struct folio, _folio_nr_pages),
};
