// SPDX-License-Identifier: GPL-2.0-only
/* Frees twice, with another free between: debug images must catch it. */
#include <linux/init.h>
#include <linux/slab.h>

static int __init double_free_init(void)
{
	void *first = kmalloc(48, GFP_KERNEL);
	void *second = kmalloc(48, GFP_KERNEL);

	kfree(first);
	kfree(second);
	kfree(first);
	return 0;
}
late_initcall(double_free_init);
