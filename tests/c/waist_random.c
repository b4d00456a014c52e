// SPDX-License-Identifier: GPL-2.0-only
/* include/linux/random.h. */
#include <linux/notifier.h>
#include <linux/random.h>
#include <linux/version.h>
#include "ktap.h"

static bool has_all_bits(u64 ones, u64 zeros, int width)
{
	u64 mask = GENMASK_ULL(width - 1, 0);

	return (ones & mask) == mask && (zeros & mask) == mask;
}

/* In 200 draws each bit is seen both ways, or chance has gone astray by 2^-190. */
#define ALL_BITS_MOVE(get, width)					\
	({								\
		u64 ones_ = 0, zeros_ = 0;				\
		int i_;							\
									\
		for (i_ = 0; i_ < 200; i_++) {				\
			u64 drawn_ = get();				\
									\
			ones_ |= drawn_;				\
			zeros_ |= ~drawn_;				\
		}							\
		expect(has_all_bits(ones_, zeros_, width));		\
	})

static void numbers_use_all_their_bits(void)
{
	ALL_BITS_MOVE(get_random_u8, 8);
	ALL_BITS_MOVE(get_random_u16, 16);
	ALL_BITS_MOVE(get_random_u32, 32);
	ALL_BITS_MOVE(get_random_u64, 64);
	ALL_BITS_MOVE(get_random_long, 64);
}

static void bytes_fill_their_place_and_no_more(void)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 33, 64, 65, 1000 };
	static u8 a[1010], b[1010];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(a, 0x5a, sizeof(a));
		get_random_bytes(a, sizes[i]);
		for (j = sizes[i]; j < sizeof(a) && a[j] == 0x5a; j++)
			;
		expect_eq(j, sizeof(a));
	}
	get_random_bytes(a, 1000);
	get_random_bytes(b, 1000);
	expect(memcmp(a, b, 1000));
	expect(memchr_inv(a + 936, a[936], 64));
}

static void numbers_below_a_bound_reach_all_of_it(void)
{
	u32 seen = 0, ceiling = 7;
	int i;

	for (i = 0; i < 500; i++) {
		u32 drawn = __get_random_u32_below(ceiling);

		if (!expect(drawn < 7))
			return;
		seen |= BIT(drawn);
	}
	expect_eq(seen, 0x7f);
	for (i = 0; i < 100; i++) {
		ceiling = 1u << 31 | 1;
		if (!expect(get_random_u32_below(ceiling) < ceiling))
			return;
		expect(get_random_u32_inclusive(3, 5) - 3 <= 2);
	}
	expect_eq(get_random_u32_below(1), 0);
}

static int told;

static int on_ready(struct notifier_block *nb, unsigned long action, void *data)
{
	told++;
	return 0;
}

static void the_generator_is_ready(void)
{
	struct notifier_block nb = { .notifier_call = on_ready };

	expect(rng_is_initialized());
	expect_eq(wait_for_random_bytes(), 0);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	/* It is ready, so the caller is told at once. */
	told = 0;
	expect_eq(execute_with_initialized_rng(&nb), 0);
	expect_eq(told, 1);
#endif
	expect_eq(nb.notifier_call(&nb, 0, NULL), 0);
	expect_eq(get_random_bytes_wait(&told, sizeof(told)), 0);
}

static void what_is_mixed_in_is_taken(void)
{
	u64 before = get_random_u64();

	add_device_randomness("seed", 4);
	add_device_randomness(NULL, 0);
	add_bootloader_randomness("boot", 4);
	add_input_randomness(1, 2, 3);
	add_interrupt_randomness(0);
	expect(get_random_u64() != before);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(numbers_use_all_their_bits),
	KTAP_CASE(bytes_fill_their_place_and_no_more),
	KTAP_CASE(numbers_below_a_bound_reach_all_of_it),
	KTAP_CASE(the_generator_is_ready),
	KTAP_CASE(what_is_mixed_in_is_taken),
};
KTAP_MODULE(cases);
