/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "User" memory is the argument buffer of a client's request. It was copied
 * into the domain before the task started; a task may touch its own buffer
 * and nothing else, which the shim checks (shim/src/door).
 */
#ifndef _ASM_UACCESS_H
#define _ASM_UACCESS_H

#include <linux/types.h>
#include <asm/page.h>

#define user_addr_max() (~0UL)
#define TASK_SIZE_MAX (~0UL)

unsigned long machine_copy_from_user(void *to, const void __user *from,
				     unsigned long n);
unsigned long machine_copy_to_user(void __user *to, const void *from,
				   unsigned long n);
unsigned long machine_clear_user(void __user *to, unsigned long n);
#define __clear_user machine_clear_user

static inline unsigned long raw_copy_from_user(void *to,
					       const void __user *from,
					       unsigned long n)
{
	return machine_copy_from_user(to, from, n);
}

static inline unsigned long raw_copy_to_user(void __user *to,
					     const void *from,
					     unsigned long n)
{
	return machine_copy_to_user(to, from, n);
}

#define INLINE_COPY_FROM_USER
#define INLINE_COPY_TO_USER

static inline int __get_user_fn(size_t size, const void __user *ptr, void *x)
{
	return machine_copy_from_user(x, ptr, size) ? -14 /* EFAULT */ : 0;
}
#define __get_user_fn __get_user_fn

static inline int __put_user_fn(size_t size, void __user *ptr, void *x)
{
	return machine_copy_to_user(ptr, x, size) ? -14 /* EFAULT */ : 0;
}
#define __put_user_fn __put_user_fn

#include <asm-generic/uaccess.h>

#endif
