// SPDX-License-Identifier: GPL-2.0-only
/* What include/linux/gfp.h, vmalloc.h, percpu.h and mm.h promise of whole pages. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include "ktap.h"

static bool is_filled(const void *at, u8 value, size_t len)
{
	return !memchr_inv(at, value, len);
}

static void pages_are_aligned_to_their_order(void)
{
	unsigned int order;

	for (order = 0; order <= 5; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		if (!expect(page))
			continue;
		expect(IS_ALIGNED(page_to_pfn(page), 1UL << order));
		expect(virt_to_page(page_address(page)) == page);
		expect_eq(page_count(page), 1);
		memset(page_address(page), 0xa5, PAGE_SIZE << order);
		__free_pages(page, order);
	}
}

static void an_order_too_large_is_refused(void)
{
	expect(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 30));
}

static void zeroed_page_is_zero(void)
{
	unsigned long dirty = __get_free_page(GFP_KERNEL), page;

	memset((void *)dirty, 0xff, PAGE_SIZE);
	free_page(dirty);
	page = get_zeroed_page(GFP_KERNEL);
	expect(page && is_filled((void *)page, 0, PAGE_SIZE));
	free_page(page);
	free_pages(0, 0);
}

static void a_reference_keeps_the_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *at = page_address(page);

	*at = 0x77;
	get_page(page);
	expect_eq(page_count(page), 2);
	__free_page(page);
	expect_eq(page_count(page), 1);
	expect_eq(*at, 0x77);
	put_page(page);
}

static void folio_is_a_compound_page(void)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);

	if (!expect(folio))
		return;
	expect_eq(folio_order(folio), 2);
	expect_eq(folio_nr_pages(folio), 4);
	expect(PageTail(folio_page(folio, 3)));
	expect(compound_head(folio_page(folio, 3)) == &folio->page);
	folio_put(folio);
}

static void exact_pages_waste_nothing(void)
{
	struct sysinfo before, with, after;
	void *p, *nid;

	si_meminfo(&before);
	p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	si_meminfo(&with);
	expect(p && is_filled(p, 0, 5 * PAGE_SIZE));
	expect_eq(before.freeram - with.freeram, 5);
	nid = alloc_pages_exact_nid(0, 3 * PAGE_SIZE, GFP_KERNEL);
	expect(nid);
	free_pages_exact(p, 5 * PAGE_SIZE);
	free_pages_exact(nid, 3 * PAGE_SIZE);
	si_meminfo(&after);
	expect_eq(after.freeram, before.freeram);
}

static void split_pages_are_freed_one_by_one(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	int i;

	split_page(page, 2);
	for (i = 0; i < 4; i++)
		expect_eq(page_count(page + i), 1);
	for (i = 0; i < 4; i++)
		__free_page(page + i);
}

static void bulk_fills_the_empty_places(void)
{
	struct page *pages[6] = {}, *page, *next;
	LIST_HEAD(list);
	unsigned int count = 0;
	int i;

	pages[1] = alloc_page(GFP_KERNEL);
	page = pages[1];
	expect_eq(alloc_pages_bulk_array(GFP_KERNEL, 6, pages), 6);
	expect(pages[1] == page);
	for (i = 0; i < 6; i++) {
		expect(pages[i]);
		__free_page(pages[i]);
	}
	expect_eq(alloc_pages_bulk_list(GFP_KERNEL, 3, &list), 3);
	list_for_each_entry_safe(page, next, &list, lru) {
		count++;
		__free_page(page);
	}
	expect_eq(count, 3);
}

static void fragments_share_a_page(void)
{
	struct page_frag_cache cache = {};
	void *a = page_frag_alloc(&cache, 100, GFP_KERNEL);
	void *b = page_frag_alloc_align(&cache, 200, GFP_KERNEL, 64);
	struct page *page;

	if (!expect(a) || !expect(b))
		return;
	expect(IS_ALIGNED((unsigned long)b, 64));
	expect(a + 100 <= b || b + 200 <= a);
	memset(a, 1, 100);
	memset(b, 2, 200);
	expect(is_filled(a, 1, 100));
	page = virt_to_head_page(a);
	page_frag_free(a);
	expect(is_filled(b, 2, 200));
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	page_frag_cache_drain(&cache);
#else
	__page_frag_cache_drain(virt_to_head_page(cache.va), 1);
#endif
	page_frag_free(b);
	/* A user of many references gives them back at once. */
	page = alloc_page(GFP_KERNEL);
	page_ref_add(page, 4);
	__page_frag_cache_drain(page, 4);
	expect_eq(page_count(page), 1);
	__free_page(page);
}

static void memory_is_counted(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	expect(info.totalram > 0 && info.freeram <= info.totalram);
	expect_eq(info.mem_unit, PAGE_SIZE);
	expect(si_mem_available() > 0 && si_mem_available() <= info.totalram);
	expect_eq(totalram_pages(), info.totalram);
}

static void addresses_of_pages_are_valid(void)
{
	u8 *p = (u8 *)__get_free_page(GFP_KERNEL);
	int on_stack;

	expect(virt_addr_valid(p));
	expect(!virt_addr_valid(&on_stack));
	expect((void *)p < high_memory);
	expect(pfn_valid(page_to_pfn(virt_to_page(p))));
	expect(!pfn_valid(0));
	expect((unsigned long)p >= PAGE_OFFSET);
	free_page((unsigned long)p);
}

static void vmalloc_gives_whole_pages(void)
{
	void *p[] = {
		vmalloc(3 * PAGE_SIZE + 1),
		vmalloc_node(100, NUMA_NO_NODE),
		vmalloc_32(100),
		__vmalloc(100, GFP_KERNEL),
		vmalloc_huge(100, GFP_KERNEL),
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
		__vmalloc_node_noprof(100, 1, GFP_KERNEL, NUMA_NO_NODE, NULL),
		__vmalloc_node_range_noprof(100, 1, 0, ~0UL, GFP_KERNEL, PAGE_KERNEL,
					    0, NUMA_NO_NODE, NULL),
#else
		__vmalloc_node(100, 1, GFP_KERNEL, NUMA_NO_NODE, NULL),
		__vmalloc_node_range(100, 1, 0, ~0UL, GFP_KERNEL, PAGE_KERNEL,
				     0, NUMA_NO_NODE, NULL),
#endif
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		expect(p[i] && PAGE_ALIGNED(p[i]));
		if (p[i])
			memset(p[i], i, PAGE_SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++)
		expect(p[i] && is_filled(p[i], i, PAGE_SIZE));
	for (i = 0; i < ARRAY_SIZE(p); i++)
		vfree(p[i]);
	vfree(NULL);
}

static void vmalloc_of_users_is_zero(void)
{
	void *dirty = vmalloc(4 * PAGE_SIZE), *p[4];
	int i;

	memset(dirty, 0xff, 4 * PAGE_SIZE);
	vfree(dirty);
	p[0] = vzalloc(PAGE_SIZE);
	p[1] = vmalloc_user(PAGE_SIZE);
	p[2] = vzalloc_node(PAGE_SIZE, NUMA_NO_NODE);
	p[3] = vmalloc_32_user(PAGE_SIZE);
	for (i = 0; i < 4; i++) {
		expect(p[i] && is_filled(p[i], 0, PAGE_SIZE));
		vfree_atomic(p[i]);
	}
}

static void vmalloc_of_nothing_is_nothing(void)
{
	expect(!vmalloc(0));
	expect(!__vmalloc(~0UL, GFP_KERNEL | __GFP_NOWARN));
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static void vrealloc_keeps_what_fits(void)
{
	u8 *p = vrealloc(NULL, PAGE_SIZE, GFP_KERNEL);

	memset(p, 0x12, PAGE_SIZE);
	p = vrealloc(p, 10 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!expect(p))
		return;
	expect(is_filled(p, 0x12, PAGE_SIZE));
	expect(is_filled(p + PAGE_SIZE, 0, 9 * PAGE_SIZE));
	memset(p, 0x34, 10 * PAGE_SIZE);
	p = vrealloc(p, 100, GFP_KERNEL | __GFP_ZERO);
	p = vrealloc(p, PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	expect(is_filled(p, 0x34, 100));
	expect(is_filled(p + 100, 0, PAGE_SIZE - 100));
	expect(!vrealloc(p, 0, GFP_KERNEL));
}
#endif

static void kvmalloc_takes_either_way(void)
{
	void *small = kvmalloc(100, GFP_KERNEL);
	void *large = kvzalloc(3 << 20, GFP_KERNEL);

	expect(small);
	expect(large && is_filled(large, 0, 3 << 20));
	expect(!kvmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL));
	kvfree(small);
	kvfree(large);
	kvfree(NULL);
}

struct counters {
	u64 a, b;
};

static void percpu_memory_is_zeroed_and_aligned(void)
{
	struct counters __percpu *p = alloc_percpu(struct counters);
	struct counters __percpu *q =
		alloc_percpu_gfp(struct counters, GFP_KERNEL | __GFP_ZERO);
	void __percpu *wide = __alloc_percpu(8, 256);

	if (!expect(p) || !expect(q) || !expect(wide))
		return;
	expect(IS_ALIGNED((unsigned long)wide, 256));
	expect_eq(per_cpu_ptr(p, 0)->a, 0);
	this_cpu_inc(p->a);
	this_cpu_add(p->a, 4);
	expect_eq(per_cpu_ptr(p, 0)->a, 5);
	expect_eq(per_cpu_ptr(q, 0)->a, 0);
	expect_eq(per_cpu_ptr_to_phys(per_cpu_ptr(p, 0)),
		  (unsigned long)per_cpu_ptr(p, 0));
	free_percpu(p);
	free_percpu(q);
	free_percpu(wide);
	free_percpu(NULL);
	expect(!__alloc_percpu(0, 8));
	expect(!__alloc_percpu(8, 3));
}

static const struct ktap_case cases[] = {
	KTAP_CASE(pages_are_aligned_to_their_order),
	KTAP_CASE(an_order_too_large_is_refused),
	KTAP_CASE(zeroed_page_is_zero),
	KTAP_CASE(a_reference_keeps_the_page),
	KTAP_CASE(folio_is_a_compound_page),
	KTAP_CASE(exact_pages_waste_nothing),
	KTAP_CASE(split_pages_are_freed_one_by_one),
	KTAP_CASE(bulk_fills_the_empty_places),
	KTAP_CASE(fragments_share_a_page),
	KTAP_CASE(memory_is_counted),
	KTAP_CASE(addresses_of_pages_are_valid),
	KTAP_CASE(vmalloc_gives_whole_pages),
	KTAP_CASE(vmalloc_of_users_is_zero),
	KTAP_CASE(vmalloc_of_nothing_is_nothing),
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	KTAP_CASE(vrealloc_keeps_what_fits),
#endif
	KTAP_CASE(kvmalloc_takes_either_way),
	KTAP_CASE(percpu_memory_is_zeroed_and_aligned),
};
KTAP_MODULE(cases);
