/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thread runs all tasks and interrupts are taken only at known points, so
 * nothing can come between a load and the store that follows it: plain C is
 * atomic here, and costs no bus lock.
 */
#ifndef _ASM_CMPXCHG_H
#define _ASM_CMPXCHG_H

#define arch_xchg(ptr, new)					\
({								\
	__typeof__(ptr) __xp = (ptr);				\
	__typeof__(*(ptr)) __xval = *__xp;			\
	*__xp = (__typeof__(*(ptr)))(new);			\
	__xval;							\
})

#define arch_cmpxchg(ptr, old, new)				\
({								\
	__typeof__(ptr) __cp = (ptr);				\
	__typeof__(*(ptr)) __cexp = (__typeof__(*(ptr)))(old);	\
	__typeof__(*(ptr)) __cval = *__cp;			\
	if (__cval == __cexp)					\
		*__cp = (__typeof__(*(ptr)))(new);		\
	__cval;							\
})

#define arch_cmpxchg_local arch_cmpxchg
#define arch_cmpxchg64 arch_cmpxchg
#define arch_cmpxchg64_local arch_cmpxchg

#endif
