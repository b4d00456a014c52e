// SPDX-License-Identifier: GPL-2.0-only
/* What include/linux/slab.h and Documentation/core-api/memory-allocation.rst promise. */
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/version.h>
#include "ktap.h"

/* Not a constant for the compiler, so that no inline chooses the class. */
static size_t any(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

static bool is_filled(const void *at, u8 value, size_t len)
{
	return !memchr_inv(at, value, len);
}

static void kmalloc_is_aligned(void)
{
	size_t size;

	for (size = 1; size <= SZ_64K; size = size * 3 / 2 + 1) {
		void *p = kmalloc(size, GFP_KERNEL);

		expect(p && IS_ALIGNED((unsigned long)p, ARCH_KMALLOC_MINALIGN));
		if (p)
			memset(p, 0xa5, size);
		kfree(p);
	}
}

static void power_of_two_is_aligned_to_its_size(void)
{
	size_t size;

	for (size = 8; size <= SZ_128K; size *= 2) {
		void *first = kmalloc(size, GFP_KERNEL);
		void *second = kmalloc(size, GFP_KERNEL);

		expect(IS_ALIGNED((unsigned long)first, size));
		expect(IS_ALIGNED((unsigned long)second, size));
		kfree(first);
		kfree(second);
	}
}

static void constant_sizes_get_what_others_get(void)
{
	void *tiny = kmalloc(8, GFP_KERNEL);
	void *odd = kmalloc_node(96, GFP_KERNEL, 0);
	void *large = kmalloc(5 * PAGE_SIZE, GFP_KERNEL);
	void *large_node = kmalloc_node(5 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
	void *any_node = kmalloc_node(any(96), GFP_KERNEL, NUMA_NO_NODE);

	expect_eq(ksize(tiny), 8);
	expect_eq(ksize(odd), 96);
	expect_eq(ksize(any_node), 96);
	expect_eq(ksize(large), 8 * PAGE_SIZE);
	expect_eq(ksize(large_node), 8 * PAGE_SIZE);
	kfree(tiny);
	kfree(odd);
	kfree(large);
	kfree(large_node);
	kfree(any_node);
}

static void size_zero_is_no_memory(void)
{
	void *p = kmalloc(any(0), GFP_KERNEL);

	expect(p == ZERO_SIZE_PTR);
	expect(ZERO_OR_NULL_PTR(p));
	expect_eq(ksize(p), 0);
	kfree(p);
	kfree(NULL);
	kfree_sensitive(NULL);
	kfree_sensitive(ZERO_SIZE_PTR);
	expect(!ksize(NULL));
}

static void too_much_is_refused(void)
{
	expect(!kmalloc(any(KMALLOC_MAX_SIZE) + 1, GFP_KERNEL | __GFP_NOWARN));
	expect(!kmalloc(any(SIZE_MAX), GFP_KERNEL | __GFP_NOWARN));
	expect(!kmalloc_array(any(SIZE_MAX / 2), 3, GFP_KERNEL));
	expect(!kcalloc(any(SIZE_MAX / 2), 3, GFP_KERNEL));
}

/* Dirties what the allocator will hand out next. */
static void dirty(size_t size)
{
	void *p[8];
	int i;

	for (i = 0; i < 8; i++) {
		p[i] = kmalloc(size, GFP_KERNEL);
		if (p[i])
			memset(p[i], 0xff, size);
	}
	for (i = 0; i < 8; i++)
		kfree(p[i]);
}

static void gfp_zero_clears(void)
{
	static const size_t sizes[] = { 1, 8, 24, 96, 100, 192, 1000, 4096, 8192, 20000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p;

		dirty(sizes[i]);
		p = kzalloc(sizes[i], GFP_KERNEL);
		expect(p && is_filled(p, 0, sizes[i]));
		kfree(p);
		p = kcalloc(2, sizes[i], GFP_KERNEL);
		expect(p && is_filled(p, 0, 2 * sizes[i]));
		kfree(p);
	}
}

static void krealloc_keeps_what_fits(void)
{
	u8 *p = krealloc(NULL, 100, GFP_KERNEL);

	if (!expect(p))
		return;
	memset(p, 0x11, 100);
	p = krealloc(p, 5000, GFP_KERNEL);
	expect(p && is_filled(p, 0x11, 100));
	memset(p, 0x22, 5000);
	p = krealloc(p, 40, GFP_KERNEL);
	expect(p && is_filled(p, 0x22, 40));
	p = krealloc(p, 300000, GFP_KERNEL);
	expect(p && is_filled(p, 0x22, 40));
	expect(krealloc(p, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
}

static void krealloc_that_fails_leaves_the_object(void)
{
	u8 *p = kmalloc(64, GFP_KERNEL);

	memset(p, 0x33, 64);
	expect(!krealloc(p, any(KMALLOC_MAX_SIZE) + 1, GFP_KERNEL | __GFP_NOWARN));
	expect(is_filled(p, 0x33, 64));
	kfree(p);
}

/* kernel-doc of krealloc(): with __GFP_ZERO from the first call on, new bytes are zero. */
static void krealloc_with_gfp_zero_grows_with_zeroes(void)
{
	static const size_t big[] = { 64, 90, 200, 9000 };
	int i;

	for (i = 0; i < ARRAY_SIZE(big); i++) {
		u8 *p = kmalloc(big[i], GFP_KERNEL | __GFP_ZERO);

		memset(p, 0x44, big[i]);
		p = krealloc(p, 40, GFP_KERNEL | __GFP_ZERO);
		p = krealloc(p, big[i], GFP_KERNEL | __GFP_ZERO);
		if (expect(p)) {
			expect(is_filled(p, 0x44, 40));
			expect(is_filled(p + 40, 0, big[i] - 40));
		}
		kfree(p);
	}
}

static void ksize_tells_what_may_be_used(void)
{
	static const size_t sizes[] = { 1, 9, 65, 97, 129, 193, 257, 4097, 8193 };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p = kmalloc(sizes[i], GFP_KERNEL);
		size_t size;

		expect(__ksize(p) >= sizes[i]);
		size = ksize(p);
		expect_eq(size, kmalloc_size_roundup(any(sizes[i])));
		/* Debug images would report an overrun when it is freed. */
		memset(p, 0x55, size);
		kfree(p);
	}
	expect_eq(kmalloc_size_roundup(any(0)), 0);
}

static void sensitive_memory_is_wiped(void)
{
	u8 *p = kmalloc(64, GFP_KERNEL), *again;

	memset(p, 0x66, 64);
	kfree_sensitive(p);
	again = kmalloc(64, GFP_KERNEL);
	expect(again && !memchr(again, 0x66, 64));
	kfree(again);
}

static void copies_are_made(void)
{
	char *text = kstrdup("abc", GFP_KERNEL);
	void *data = kmemdup("\1\2\3", 3, GFP_KERNEL);
	char *made = kasprintf(GFP_KERNEL, "%d-%s", 7, "x");

	expect_str(text, "abc");
	expect(!memcmp(data, "\1\2\3", 3));
	expect_str(made, "7-x");
	kfree(text);
	kfree(data);
	kfree(made);
}

struct point {
	int x, y, z;
};

static void cache_gives_objects_of_its_size(void)
{
	struct kmem_cache *cache = KMEM_CACHE(point, SLAB_HWCACHE_ALIGN);
	struct point *p[100];
	int i, j;

	if (!expect(cache))
		return;
	/* Caches that are alike may be one; then objects are a little larger. */
	expect(kmem_cache_size(cache) >= sizeof(struct point));
	for (i = 0; i < 100; i++) {
		p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		p[i]->x = i;
		p[i]->y = -i;
	}
	for (i = 0, j = 0; i < 100; i++)
		j += p[i]->x == i && p[i]->y == -i;
	expect_eq(j, 100);
	for (i = 0; i < 100; i++)
		kmem_cache_free(cache, p[i]);
	expect_eq(kmem_cache_shrink(cache), 0);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(NULL);
}

static void cache_aligns_as_asked(void)
{
	struct kmem_cache *cache =
		kmem_cache_create("aligned", 24, 256, 0, NULL);
	void *first = kmem_cache_alloc(cache, GFP_KERNEL);
	void *second = kmem_cache_alloc_node(cache, GFP_KERNEL, NUMA_NO_NODE);

	expect(first && IS_ALIGNED((unsigned long)first, 256));
	expect(second && IS_ALIGNED((unsigned long)second, 256));
	kmem_cache_free(cache, first);
	kmem_cache_free(cache, second);
	kmem_cache_destroy(cache);
}

static void cache_clears_on_request(void)
{
	struct kmem_cache *cache = KMEM_CACHE(point, 0);
	struct point *p = kmem_cache_alloc(cache, GFP_KERNEL);

	memset(p, 0xff, sizeof(*p));
	kmem_cache_free(cache, p);
	p = kmem_cache_zalloc(cache, GFP_KERNEL);
	expect(p && is_filled(p, 0, sizeof(*p)));
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
}

static int constructed;

static void construct(void *object)
{
	struct point *p = object;

	p->x = 0x5eed;
	constructed++;
}

/* mm/slab_common.c: the constructor runs when pages are made objects, not at each allocation. */
static void constructor_prepares_every_object_once(void)
{
	struct kmem_cache *cache =
		kmem_cache_create("constructed", sizeof(struct point), 0, 0, construct);
	struct point *p = kmem_cache_alloc(cache, GFP_KERNEL);
	struct point *other = kmem_cache_alloc(cache, GFP_KERNEL), *again;
	int before = constructed;

	expect_eq(p->x, 0x5eed);
	expect_eq(other->x, 0x5eed);
	expect(before >= 2);
	kmem_cache_free(cache, p);
	again = kmem_cache_alloc(cache, GFP_KERNEL);
	expect_eq(again->x, 0x5eed);
	/* It is another object if freed ones are held back, as in debug images. */
	expect(again != p || constructed == before);
	kmem_cache_free(cache, again);
	kmem_cache_free(cache, other);
	kmem_cache_destroy(cache);
}

static void usercopy_cache_works_as_another(void)
{
	struct kmem_cache *cache =
		kmem_cache_create_usercopy("usercopy", 64, 0, 0, 8, 16, NULL);
	void *p;

	if (!expect(cache))
		return;
	expect(kmem_cache_size(cache) >= 64);
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	expect(p);
	/* kfree() may free what any cache gave. */
	kfree(p);
	kmem_cache_destroy(cache);
}

static void bulk_gives_all_or_nothing(void)
{
	struct kmem_cache *cache = KMEM_CACHE(point, 0);
	void *p[20] = {};
	int i;

	expect_eq(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 20, p), 20);
	for (i = 0; i < 20; i++)
		expect(p[i] && is_filled(p[i], 0, sizeof(struct point)));
	kmem_cache_free_bulk(cache, 20, p);
	p[0] = kmalloc(30, GFP_KERNEL);
	p[1] = kmalloc(3000, GFP_KERNEL);
	kfree_bulk(2, p);
	kmem_cache_destroy(cache);
}

static void an_object_can_be_described(void)
{
	u8 *p = kmalloc(64, GFP_KERNEL);
	int on_stack;

	expect(kmem_dump_obj(p + 5));
	expect(!kmem_dump_obj(&on_stack));
	expect(slab_is_available());
	kfree(p);
}

static void lru_allocation_is_an_allocation(void)
{
	struct kmem_cache *cache = KMEM_CACHE(point, 0);
	void *p = kmem_cache_alloc_lru(cache, NULL, GFP_KERNEL);

	expect(p);
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static void buckets_are_kmalloc_without_their_option(void)
{
	kmem_buckets *b = kmem_buckets_create("b", 0, 0, UINT_MAX, NULL);
	void *p = kmem_buckets_alloc(b, any(100), GFP_KERNEL | __GFP_ZERO);

	expect(b);
	expect(p && is_filled(p, 0, 100));
	expect(kmem_cache_charge(p, GFP_KERNEL));
	kfree(p);
}
#endif

static const struct ktap_case cases[] = {
	KTAP_CASE(kmalloc_is_aligned),
	KTAP_CASE(power_of_two_is_aligned_to_its_size),
	KTAP_CASE(constant_sizes_get_what_others_get),
	KTAP_CASE(size_zero_is_no_memory),
	KTAP_CASE(too_much_is_refused),
	KTAP_CASE(gfp_zero_clears),
	KTAP_CASE(krealloc_keeps_what_fits),
	KTAP_CASE(krealloc_that_fails_leaves_the_object),
	KTAP_CASE(krealloc_with_gfp_zero_grows_with_zeroes),
	KTAP_CASE(ksize_tells_what_may_be_used),
	KTAP_CASE(sensitive_memory_is_wiped),
	KTAP_CASE(copies_are_made),
	KTAP_CASE(cache_gives_objects_of_its_size),
	KTAP_CASE(cache_aligns_as_asked),
	KTAP_CASE(cache_clears_on_request),
	KTAP_CASE(constructor_prepares_every_object_once),
	KTAP_CASE(usercopy_cache_works_as_another),
	KTAP_CASE(bulk_gives_all_or_nothing),
	KTAP_CASE(an_object_can_be_described),
	KTAP_CASE(lru_allocation_is_an_allocation),
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	KTAP_CASE(buckets_are_kmalloc_without_their_option),
#endif
};
KTAP_MODULE(cases);
