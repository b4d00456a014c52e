/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_SYSCALL_H
#define _ASM_SYSCALL_H

/* No system calls enter a domain. */
#define NR_syscalls 0

#endif
