/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results in the kernel's own test format (Documentation/dev-tools/ktap.rst),
 * a line of the log each, which tests/through_c reads:
 *
 *	KTAP version 1
 *	1..2
 *	ok 1 size_zero_is_no_memory
 *	# waist_mm.c:12: ksize(p): expected 64, found 32
 *	not ok 2 ksize_is_the_size_of_the_class
 */
#ifndef TESTS_KTAP_H
#define TESTS_KTAP_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>

struct ktap_case {
	const char *name;
	void (*run)(void);
};

#define KTAP_CASE(function) { #function, function }

/* Expectations that the running case did not meet, or met. */
static unsigned int ktap_failed, ktap_met;

static inline bool ktap_judge(bool is_met)
{
	if (is_met)
		ktap_met++;
	else
		ktap_failed++;
	return is_met;
}

/* Is true if the condition holds, for checks that others build on. */
#define expect(condition)						\
	({								\
		bool is_met_ = ktap_judge(!!(condition));		\
		if (!is_met_)						\
			pr_info("# %s:%d: expected %s\n",		\
				kbasename(__FILE__), __LINE__, #condition); \
		is_met_;						\
	})

#define expect_eq(expression, value)					\
	({								\
		long long found_ = (long long)(expression);		\
		long long value_ = (long long)(value);			\
		bool is_met_ = ktap_judge(found_ == value_);		\
		if (!is_met_)						\
			pr_info("# %s:%d: %s: expected %lld, found %lld\n", \
				kbasename(__FILE__), __LINE__,		\
				#expression, value_, found_);		\
		is_met_;						\
	})

#define expect_str(expression, value)					\
	({								\
		const char *found_ = (expression);			\
		bool is_met_ = ktap_judge(!strcmp(found_, value));	\
		if (!is_met_)						\
			pr_info("# %s:%d: %s: expected \"%s\", found \"%s\"\n", \
				kbasename(__FILE__), __LINE__,		\
				#expression, value, found_);		\
		is_met_;						\
	})

/* A case that expects nothing proves nothing, so it fails. */
static int ktap_run(const struct ktap_case *cases, unsigned int count)
{
	unsigned int i, all_failed = 0;

	pr_info("KTAP version 1\n");
	pr_info("1..%u\n", count);
	for (i = 0; i < count; i++) {
		bool is_ok;

		ktap_failed = ktap_met = 0;
		cases[i].run();
		is_ok = !ktap_failed && ktap_met;
		all_failed += !is_ok;
		pr_info("%s %u %s\n", is_ok ? "ok" : "not ok", i + 1,
			cases[i].name);
	}
	return all_failed ? -EINVAL : 0;
}

/* Runs `cases`, an array in the same file, when the driver is initialised. */
#define KTAP_MODULE(cases)						\
	static int __init ktap_module_init(void)			\
	{								\
		return ktap_run(cases, ARRAY_SIZE(cases));		\
	}								\
	module_init(ktap_module_init);					\
	MODULE_LICENSE("GPL")

#endif
