/* SPDX-License-Identifier: GPL-2.0-only */
/* See cmpxchg.h: between the points where interrupts are taken, C is atomic. */
#ifndef _ASM_ATOMIC_H
#define _ASM_ATOMIC_H

#include <asm/cmpxchg.h>
#include <asm/barrier.h>

#define arch_atomic_read(v) READ_ONCE((v)->counter)
#define arch_atomic_set(v, i) WRITE_ONCE(((v)->counter), (i))
#define arch_atomic64_read(v) READ_ONCE((v)->counter)
#define arch_atomic64_set(v, i) WRITE_ONCE(((v)->counter), (i))

#ifndef ATOMIC64_INIT
#define ATOMIC64_INIT(i) { (i) }
#endif

#define MACHINE_ATOMIC_OP(prefix, type, num, op, expr)				\
static __always_inline void prefix##_##op(num i, type *v)			\
{										\
	num was = v->counter;							\
	v->counter = (expr);							\
}										\
static __always_inline num prefix##_fetch_##op(num i, type *v)			\
{										\
	num was = v->counter;							\
	v->counter = (expr);							\
	return was;								\
}

#define MACHINE_ATOMIC_RETURN(prefix, type, num, op, expr)			\
static __always_inline num prefix##_##op##_return(num i, type *v)		\
{										\
	num was = v->counter;							\
	return v->counter = (expr);						\
}

#define MACHINE_ATOMIC_FAMILY(prefix, type, num, unum)				\
MACHINE_ATOMIC_OP(prefix, type, num, add, (num)((unum)was + (unum)i))		\
MACHINE_ATOMIC_OP(prefix, type, num, sub, (num)((unum)was - (unum)i))		\
MACHINE_ATOMIC_OP(prefix, type, num, and, was & i)				\
MACHINE_ATOMIC_OP(prefix, type, num, andnot, was & ~i)				\
MACHINE_ATOMIC_OP(prefix, type, num, or, was | i)				\
MACHINE_ATOMIC_OP(prefix, type, num, xor, was ^ i)				\
MACHINE_ATOMIC_RETURN(prefix, type, num, add, (num)((unum)was + (unum)i))	\
MACHINE_ATOMIC_RETURN(prefix, type, num, sub, (num)((unum)was - (unum)i))

MACHINE_ATOMIC_FAMILY(arch_atomic, atomic_t, int, unsigned int)
MACHINE_ATOMIC_FAMILY(arch_atomic64, atomic64_t, s64, u64)

#define arch_atomic_add arch_atomic_add
#define arch_atomic_sub arch_atomic_sub
#define arch_atomic_and arch_atomic_and
#define arch_atomic_andnot arch_atomic_andnot
#define arch_atomic_or arch_atomic_or
#define arch_atomic_xor arch_atomic_xor
#define arch_atomic_fetch_add arch_atomic_fetch_add
#define arch_atomic_fetch_sub arch_atomic_fetch_sub
#define arch_atomic_fetch_and arch_atomic_fetch_and
#define arch_atomic_fetch_andnot arch_atomic_fetch_andnot
#define arch_atomic_fetch_or arch_atomic_fetch_or
#define arch_atomic_fetch_xor arch_atomic_fetch_xor
#define arch_atomic_add_return arch_atomic_add_return
#define arch_atomic_sub_return arch_atomic_sub_return
#define arch_atomic64_andnot arch_atomic64_andnot
#define arch_atomic64_fetch_add arch_atomic64_fetch_add
#define arch_atomic64_fetch_sub arch_atomic64_fetch_sub
#define arch_atomic64_fetch_and arch_atomic64_fetch_and
#define arch_atomic64_fetch_andnot arch_atomic64_fetch_andnot
#define arch_atomic64_fetch_or arch_atomic64_fetch_or
#define arch_atomic64_fetch_xor arch_atomic64_fetch_xor
#define arch_atomic64_add_return arch_atomic64_add_return
#define arch_atomic64_sub_return arch_atomic64_sub_return

/* Linux 6.1 wants these two under their own names. */
#define arch_atomic_xchg(v, new) arch_xchg(&((v)->counter), (new))
#define arch_atomic_cmpxchg(v, old, new) arch_cmpxchg(&((v)->counter), (old), (new))
#define arch_atomic64_xchg(v, new) arch_xchg(&((v)->counter), (new))
#define arch_atomic64_cmpxchg(v, old, new) arch_cmpxchg(&((v)->counter), (old), (new))

#endif
