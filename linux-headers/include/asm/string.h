/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_STRING_H
#define _ASM_STRING_H

#include <linux/types.h>

/* The machine's own (shim/src/mm/ffi/bytes.rs); the rest is lib/string.c. */
#define __HAVE_ARCH_MEMCPY
#define __HAVE_ARCH_MEMMOVE
#define __HAVE_ARCH_MEMSET
#define __HAVE_ARCH_MEMCMP
#define __HAVE_ARCH_BCMP
#define __HAVE_ARCH_STRLEN
extern void *memcpy(void *dest, const void *src, size_t count);
extern void *memmove(void *dest, const void *src, size_t count);
extern void *memset(void *s, int c, size_t count);
extern int memcmp(const void *cs, const void *ct, size_t count);
extern int bcmp(const void *cs, const void *ct, size_t count);
extern size_t strlen(const char *s);

#endif
