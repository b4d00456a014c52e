// SPDX-License-Identifier: GPL-2.0-only
/* Takes a mutex under a spinlock: debug images must catch it. */
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(outer);
static DEFINE_MUTEX(inner);

static int __init atomic_sleep_init(void)
{
	spin_lock(&outer);
	mutex_lock(&inner);
	mutex_unlock(&inner);
	spin_unlock(&outer);
	return 0;
}
late_initcall(atomic_sleep_init);
