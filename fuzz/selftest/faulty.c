// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that errs on demand: what the fuzzers must see in C code, each error once. Writing a number to
 * /sys/kernel/faulty/err commits it.
 */
#include <linux/i2c.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/* Not static: for a file without external names clang registers its globals in a way that the link drops. */
char faulty_table[13];
static char *volatile kept;
static volatile unsigned int one = 1;

static noinline void fill(char *at, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		((volatile char *)at)[i] = 'x';
}

/* Has the bus fill a buffer. */
static noinline void read_bus(char *into, u16 len)
{
	struct i2c_msg msg = { .addr = 0x53, .flags = I2C_M_RD, .len = len, .buf = into };
	struct i2c_adapter *adapter = i2c_get_adapter(0);

	if (!adapter)
		return;
	i2c_transfer(adapter, &msg, 1);
	i2c_put_adapter(adapter);
}

static ssize_t err_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf, size_t count)
{
	char local[10];
	char *heap = kmalloc(13, GFP_KERNEL);
	unsigned int number;

	if (!heap)
		return -ENOMEM;
	if (kstrtouint(buf, 10, &number)) {
		kfree(heap);
		return -EINVAL;
	}
	switch (number) {
	case 0:
		fill(heap, 13);
		fill(local, 10);
		fill(faulty_table, 13);
		read_bus(heap, 13);
		break;
	case 1: /* one byte behind a kmalloc'd object whose size is no multiple of eight */
		fill(heap, 13 + one);
		break;
	case 2: /* one byte in front of it */
		fill(heap - one, 1);
		break;
	case 3: /* after its life */
		kfree(heap);
		fill(heap, 1);
		return count;
	case 4: /* by a function of memory */
		memset(heap, 0, 13 + one);
		break;
	case 5: /* on the stack */
		fill(local, 10 + one);
		break;
	case 6: /* a global */
		fill(faulty_table, 13 + one);
		break;
	case 7: /* a null pointer */
		kept = NULL;
		*kept = 1;
		break;
	case 8: /* by a function that copies */
		memcpy(local, heap + 8, 5 + one);
		kept = local;
		break;
	case 9: /* by the shim, in a transfer that is longer than its buffer */
		read_bus(heap, 13 + one);
		break;
	}
	kfree(heap);
	return count;
}

static struct kobj_attribute err = __ATTR_WO(err);

static int __init faulty_init(void)
{
	struct kobject *dir = kobject_create_and_add("faulty", kernel_kobj);

	return dir ? sysfs_create_file(dir, &err.attr) : -ENOMEM;
}
late_initcall(faulty_init);
