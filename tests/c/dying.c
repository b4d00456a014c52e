// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that errs when it is asked to: /sys/dying has one attribute for each way to die. Reading it is dying of it.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

struct sample {
	int value;
	int *where;
};

/* Globals, so that the compiler cannot know what they hold. */
static struct sample *volatile nothing;
static volatile unsigned long wild_address = 0x123456789000;
static volatile int bottom;
static volatile unsigned long turns;

static noinline int follow_nothing(struct sample *sample)
{
	return *sample->where;
}

static ssize_t null_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", follow_nothing(nothing));
}

static void (*volatile no_function)(void);

static noinline int call_nothing(void)
{
	no_function();
	return bottom;
}

static ssize_t call_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", call_nothing());
}

static ssize_t divide_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", 1000 / bottom);
}

static noinline void write_wildly(unsigned long address)
{
	*(volatile int *)address = 42;
}

static ssize_t wild_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	write_wildly(wild_address);
	return sysfs_emit(buf, "written\n");
}

static noinline int dig_deeper(int depth)
{
	volatile char shovel[512];

	shovel[depth & 511] = (char)depth;
	if (depth == bottom)
		return 0;
	return dig_deeper(depth + 1) + shovel[depth & 511];
}

static ssize_t overflow_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", dig_deeper(1));
}

static noinline void spin_for_ever(void)
{
	for (;;)
		turns++;
}

static ssize_t spin_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	spin_for_ever();
	return sysfs_emit(buf, "done\n");
}

/* A driver that does not look at what kmalloc returns. */
static noinline void take_everything(void)
{
	for (;;)
		memset(kmalloc(16384, GFP_KERNEL), 1, 16384);
}

static ssize_t exhaust_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	take_everything();
	return sysfs_emit(buf, "done\n");
}

/* A driver that does: it gets NULL, and lives. */
static ssize_t hoard_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	void **last = NULL, **next;
	int blocks = 0;

	while ((next = kmalloc(16384, GFP_KERNEL | __GFP_NOWARN))) {
		*next = last;
		last = next;
		blocks++;
	}
	while (last) {
		next = *last;
		kfree(last);
		last = next;
	}
	return sysfs_emit(buf, "%d\n", blocks);
}

static unsigned int asleep;

/* A request that stays open: the domain serves others meanwhile. */
static ssize_t sleep_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	asleep++;
	msleep(3600 * 1000);
	asleep--;
	return sysfs_emit(buf, "slept\n");
}

static ssize_t asleep_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", asleep);
}

static ssize_t alive_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "yes\n");
}

static struct kobj_attribute null_attribute = __ATTR_RO(null);
static struct kobj_attribute call_attribute = __ATTR_RO(call);
static struct kobj_attribute divide_attribute = __ATTR_RO(divide);
static struct kobj_attribute wild_attribute = __ATTR_RO(wild);
static struct kobj_attribute overflow_attribute = __ATTR_RO(overflow);
static struct kobj_attribute spin_attribute = __ATTR_RO(spin);
static struct kobj_attribute exhaust_attribute = __ATTR_RO(exhaust);
static struct kobj_attribute hoard_attribute = __ATTR_RO(hoard);
static struct kobj_attribute sleep_attribute = __ATTR_RO(sleep);
static struct kobj_attribute asleep_attribute = __ATTR_RO(asleep);
static struct kobj_attribute alive_attribute = __ATTR_RO(alive);

static struct attribute *dying_attrs[] = {
	&null_attribute.attr,
	&call_attribute.attr,
	&divide_attribute.attr,
	&wild_attribute.attr,
	&overflow_attribute.attr,
	&spin_attribute.attr,
	&exhaust_attribute.attr,
	&hoard_attribute.attr,
	&sleep_attribute.attr,
	&asleep_attribute.attr,
	&alive_attribute.attr,
	NULL,
};

static const struct attribute_group dying_group = { .attrs = dying_attrs };

static int __init dying_init(void)
{
	struct kobject *dying = kobject_create_and_add("dying", NULL);

	return dying ? sysfs_create_group(dying, &dying_group) : -ENOMEM;
}
late_initcall(dying_init);
