// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for the doors' tests: a device "doors" in sysfs and in /dev, with
 * an attribute that announces its changes, a byte that readers wait for,
 * firmware, random numbers, and a state of processor hotplug; and a device
 * "slow" that closes no file before it is let go.
 */
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/firmware.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

static int value;

static ssize_t value_show(struct device *dev, struct device_attribute *attr,
			  char *text)
{
	return sysfs_emit(text, "%d\n", value);
}

static ssize_t value_store(struct device *dev, struct device_attribute *attr,
			   const char *text, size_t count)
{
	int ret = kstrtoint(text, 0, &value);

	if (ret)
		return ret;
	sysfs_notify(&dev->kobj, NULL, "value");
	return count;
}
static DEVICE_ATTR_RW(value);

static char summary[64];

static ssize_t firmware_show(struct device *dev, struct device_attribute *attr,
			     char *text)
{
	return sysfs_emit(text, "%s\n", summary);
}

/* Loads the file of this name; its size and its bytes' sum can then be read. */
static ssize_t firmware_store(struct device *dev, struct device_attribute *attr,
			      const char *text, size_t count)
{
	const struct firmware *fw;
	unsigned int sum = 0;
	char name[128];
	size_t i;
	int ret;

	if (strscpy(name, text, sizeof(name)) < 0)
		return -EINVAL;
	ret = request_firmware(&fw, strim(name), dev);
	if (ret)
		return ret;
	for (i = 0; i < fw->size; i++)
		sum += fw->data[i];
	snprintf(summary, sizeof(summary), "%zu %u", fw->size, sum);
	release_firmware(fw);
	return count;
}
static DEVICE_ATTR_RW(firmware);

/* As above, into a buffer of eight bytes, from the third byte on. */
static ssize_t piece_store(struct device *dev, struct device_attribute *attr,
			   const char *text, size_t count)
{
	const struct firmware *fw;
	char name[128];
	u8 buf[8];
	int ret;

	if (strscpy(name, text, sizeof(name)) < 0)
		return -EINVAL;
	ret = request_partial_firmware_into_buf(&fw, strim(name), dev, buf,
						sizeof(buf), 2);
	if (ret)
		return ret;
	snprintf(summary, sizeof(summary), "%*phC", (int)fw->size, fw->data);
	release_firmware(fw);
	return count;
}
static DEVICE_ATTR_WO(piece);

static void arrived(const struct firmware *fw, void *dev)
{
	snprintf(summary, sizeof(summary), "later %zd",
		 fw ? (ssize_t)fw->size : -1);
	release_firmware(fw);
	sysfs_notify(&((struct device *)dev)->kobj, NULL, "firmware");
}

static char later_name[128];

static ssize_t later_store(struct device *dev, struct device_attribute *attr,
			   const char *text, size_t count)
{
	int ret;

	if (strscpy(later_name, text, sizeof(later_name)) < 0)
		return -EINVAL;
	ret = request_firmware_nowait(THIS_MODULE, true, strim(later_name), dev,
				      GFP_KERNEL, dev, arrived);
	return ret ?: count;
}
static DEVICE_ATTR_WO(later);

static ssize_t random_show(struct device *dev, struct device_attribute *attr,
			   char *text)
{
	u8 bytes[16];

	get_random_bytes(bytes, sizeof(bytes));
	return sysfs_emit(text, "%*phN\n", (int)sizeof(bytes), bytes);
}
static DEVICE_ATTR_RO(random);

static int ups, downs;

static int cpu_up(unsigned int cpu)
{
	ups++;
	return 0;
}

static int cpu_down(unsigned int cpu)
{
	downs++;
	return 0;
}

static int refuse(unsigned int cpu)
{
	return -EIO;
}

/* Two dynamic states, one that fails, and what is left after their removal. */
static ssize_t cpuhp_show(struct device *dev, struct device_attribute *attr,
			  char *text)
{
	int one, two, bad, again;

	ups = downs = 0;
	one = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "one", cpu_up, cpu_down);
	two = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "two", cpu_up, cpu_down);
	bad = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "bad", refuse, NULL);
	if (one > 0)
		cpuhp_remove_state(one);
	again = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "again", cpu_up,
					  cpu_down);
	if (two > 0)
		cpuhp_remove_state(two);
	if (again > 0)
		cpuhp_remove_state_nocalls(again);
	return sysfs_emit(text, "%d %d %d %d %d %d %d\n",
			  one >= CPUHP_AP_ONLINE_DYN, two - one, bad,
			  again - one, ups, downs,
			  cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, NULL, NULL,
					    NULL));
}
static DEVICE_ATTR_RO(cpuhp);

static DECLARE_WAIT_QUEUE_HEAD(news);
static int closed;
static bool may_close;

static ssize_t closed_show(struct device *dev, struct device_attribute *attr,
			   char *text)
{
	return sysfs_emit(text, "%d\n", closed);
}

static ssize_t closed_store(struct device *dev, struct device_attribute *attr,
			    const char *text, size_t count)
{
	may_close = true;
	wake_up(&news);
	return count;
}
static DEVICE_ATTR_RW(closed);

static int slow_release(struct inode *inode, struct file *file)
{
	wait_event(news, may_close);
	closed++;
	return 0;
}

static const struct file_operations slow_fops = {
	.owner = THIS_MODULE,
	.release = slow_release,
};

static struct miscdevice slow = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "slow",
	.fops = &slow_fops,
};

static struct attribute *doors_attrs[] = {
	&dev_attr_value.attr, &dev_attr_firmware.attr, &dev_attr_piece.attr,
	&dev_attr_later.attr, &dev_attr_random.attr, &dev_attr_cpuhp.attr,
	&dev_attr_closed.attr, NULL,
};
ATTRIBUTE_GROUPS(doors);

static int byte = -1;

static ssize_t doors_read(struct file *file, char __user *to, size_t count,
			  loff_t *pos)
{
	int ret;

	if (byte < 0 && (file->f_flags & O_NONBLOCK))
		return -EAGAIN;
	ret = wait_event_interruptible(news, byte >= 0);
	if (ret)
		return ret;
	if (!count || put_user((u8)byte, (u8 __user *)to))
		return -EFAULT;
	byte = -1;
	wake_up_interruptible(&news);
	return 1;
}

static ssize_t doors_write(struct file *file, const char __user *from,
			   size_t count, loff_t *pos)
{
	u8 new;

	if (byte >= 0)
		return -EAGAIN;
	if (!count || get_user(new, (const u8 __user *)from))
		return -EFAULT;
	byte = new;
	wake_up_interruptible(&news);
	return 1;
}

static __poll_t doors_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &news, table);
	return byte >= 0 ? EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM;
}

static const struct file_operations doors_fops = {
	.owner = THIS_MODULE,
	.read = doors_read,
	.write = doors_write,
	.poll = doors_poll,
	.llseek = noop_llseek,
};

static struct miscdevice doors = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "doors",
	.fops = &doors_fops,
	.groups = doors_groups,
};

static int __init doors_init(void)
{
	return misc_register(&doors) ?: misc_register(&slow);
}
late_initcall(doors_init);
