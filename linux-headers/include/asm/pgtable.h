/* SPDX-License-Identifier: GPL-2.0-only */
/* No MMU: only what code without page tables still names. */
#ifndef _ASM_PGTABLE_H
#define _ASM_PGTABLE_H

#include <asm-generic/pgtable-nopud.h>
#include <linux/mm_types.h>
#include <asm/page.h>

#define PAGE_NONE __pgprot(0)
#define PAGE_SHARED __pgprot(0)
#define PAGE_COPY __pgprot(0)
#define PAGE_READONLY __pgprot(0)
#define PAGE_KERNEL __pgprot(0)
#define pgprot_noncached(prot) (prot)
#define pgprot_writecombine(prot) (prot)
#define pgprot_device(prot) (prot)

#define VMALLOC_START 0UL
#define VMALLOC_END (~0UL)
#define KMALLOC_START 0UL
#define KMALLOC_END (~0UL)

#define PTRS_PER_PTE 1
#define PMD_SHIFT PAGE_SHIFT
#define pgd_present(pgd) 1
#define pgd_none(pgd) 0
#define pgd_bad(pgd) 0
#define pgd_clear(pgdp) do { } while (0)
#define pmd_offset(a, b) ((void *)0)
#define pmd_none(pmd) 0
#define pte_file(pte) 0

#define __swp_type(x) 0
#define __swp_offset(x) 0
#define __swp_entry(typ, off) ((swp_entry_t) { ((typ) | ((off) << 7)) })
#define __pte_to_swp_entry(pte) ((swp_entry_t) { pte_val(pte) })
#define __swp_entry_to_pte(x) ((pte_t) { (x).val })

#define ZERO_PAGE(vaddr) virt_to_page(0)
#define swapper_pg_dir ((pgd_t *)0)

#endif
