/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_ELF_H
#define _ASM_ELF_H

#include <asm/ptrace.h>

/* A domain loads no programs; these only let the headers parse. */
#define ELF_CLASS ELFCLASS64
#define ELF_DATA ELFDATA2LSB
#define ELF_ARCH EM_NONE
#define ELF_NGREG 1
typedef unsigned long elf_greg_t;
typedef elf_greg_t elf_gregset_t[ELF_NGREG];
typedef unsigned long elf_fpregset_t;
#define elf_check_arch(x) 0
#define ELF_ET_DYN_BASE 0
#define ELF_EXEC_PAGESIZE 4096
#define CORE_DUMP_USE_REGSET
#define ELF_HWCAP 0
#define ELF_PLATFORM ((char *)0)

#endif
