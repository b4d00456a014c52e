// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for the tests of suspension: two devices, one the other's child,
 * that write down each phase, and of which the child refuses one when asked to;
 * a listener; work on a queue that is frozen; a timer that wakes the system;
 * and a device whose readers wait.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/pm_wakeup.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/uaccess.h>


static char phases[1024];
static char refused[32];
static bool is_said;
static DECLARE_WAIT_QUEUE_HEAD(readers);

static void append(const char *text)
{
	size_t len = strlen(phases);

	strscpy(phases + len, text, sizeof(phases) - len);
}

static int note(const char *who, const char *phase)
{
	append(who);
	append(phase);
	append("\n");
	return !strcmp(refused, phase) && !strcmp(who, "child ") ? -EIO : 0;
}

static DEFINE_MUTEX(naps);

static void guard_naps(void)
{
	mutex_lock(&naps);
	mutex_unlock(&naps);
}

static int note_device(struct device *dev, const char *phase)
{
	/* As drivers do, whose other calls sleep with it. */
	guard_naps();
	return note(dev->parent ? "child " : "parent ", phase);
}

#define PHASE(_name) \
	static int _name(struct device *dev) { return note_device(dev, #_name); }
PHASE(prepare)
PHASE(suspend)
PHASE(suspend_late)
PHASE(suspend_noirq)
PHASE(resume_noirq)
PHASE(resume_early)
PHASE(resume)

static void complete_phase(struct device *dev)
{
	note_device(dev, "complete");
}

static const struct dev_pm_ops ops = {
	.prepare = prepare,
	.suspend = suspend,
	.suspend_late = suspend_late,
	.suspend_noirq = suspend_noirq,
	.resume_noirq = resume_noirq,
	.resume_early = resume_early,
	.resume = resume,
	.complete = complete_phase,
};

static const struct device_type type = { .pm = &ops };
static struct device *parent, *child;

static int listen(struct notifier_block *nb, unsigned long event, void *data)
{
	int ret = note("listener ", event == PM_SUSPEND_PREPARE ? "before" : "after");

	if (event == PM_SUSPEND_PREPARE && !strcmp(refused, "before"))
		ret = -EPERM;
	return notifier_from_errno(ret);
}
static struct notifier_block listener = { .notifier_call = listen };

static void work(struct work_struct *work)
{
	note("work ", pm_suspend_target_state == PM_SUSPEND_ON ? "awake" : "asleep");
}
static DECLARE_DELAYED_WORK(later, work);

static struct wakeup_source *source;

static void ring(struct timer_list *timer)
{
	note("timer ", pm_suspend_target_state == PM_SUSPEND_ON ? "awake" : "asleep");
	pm_wakeup_ws_event(source, 0, true);
}
static DEFINE_TIMER(alarm, ring);

static ssize_t phases_show(struct device *dev, struct device_attribute *attr, char *text)
{
	return sysfs_emit(text, "%s", phases);
}

static ssize_t phases_store(struct device *dev, struct device_attribute *attr,
			    const char *text, size_t count)
{
	phases[0] = 0;
	return count;
}
static DEVICE_ATTR_RW(phases);

static ssize_t refused_store(struct device *dev, struct device_attribute *attr,
			     const char *text, size_t count)
{
	if (strscpy(refused, text, sizeof(refused)) < 0)
		return -EINVAL;
	return count;
}
static DEVICE_ATTR_WO(refused);

/* After so many ms work is done on a queue that is frozen. */
static ssize_t work_store(struct device *dev, struct device_attribute *attr,
			  const char *text, size_t count)
{
	unsigned int ms;

	if (kstrtouint(text, 0, &ms))
		return -EINVAL;
	queue_delayed_work(system_freezable_wq, &later, msecs_to_jiffies(ms));
	return count;
}
static DEVICE_ATTR_WO(work);

/* After so many ms the system is woken. */
static ssize_t alarm_store(struct device *dev, struct device_attribute *attr,
			   const char *text, size_t count)
{
	unsigned int ms;

	if (kstrtouint(text, 0, &ms))
		return -EINVAL;
	mod_timer(&alarm, jiffies + msecs_to_jiffies(ms));
	return count;
}
static DEVICE_ATTR_WO(alarm);

/* So long it sleeps where no signal reaches it. */
static ssize_t busy_store(struct device *dev, struct device_attribute *attr,
			  const char *text, size_t count)
{
	unsigned int ms;

	if (kstrtouint(text, 0, &ms))
		return -EINVAL;
	msleep(ms);
	note("busy ", "done");
	return count;
}
static DEVICE_ATTR_WO(busy);

/* So long it sleeps where a signal reaches it, with a lock that both devices need. */
static ssize_t nap_store(struct device *dev, struct device_attribute *attr,
			 const char *text, size_t count)
{
	unsigned int ms;

	if (kstrtouint(text, 0, &ms))
		return -EINVAL;
	mutex_lock(&naps);
	note("nap ", msleep_interruptible(ms) ? "cut short" : "done");
	mutex_unlock(&naps);
	return count;
}
static DEVICE_ATTR_WO(nap);

static void say(struct timer_list *timer)
{
	is_said = true;
	wake_up_interruptible(&readers);
}
static DEFINE_TIMER(saying, say);

/* After so many ms the device's readers get what they wait for. */
static ssize_t say_store(struct device *dev, struct device_attribute *attr,
			 const char *text, size_t count)
{
	unsigned int ms;

	if (kstrtouint(text, 0, &ms))
		return -EINVAL;
	mod_timer(&saying, jiffies + msecs_to_jiffies(ms));
	return count;
}
static DEVICE_ATTR_WO(say);

static struct attribute *suspend_attrs[] = {
	&dev_attr_phases.attr, &dev_attr_refused.attr, &dev_attr_work.attr,
	&dev_attr_alarm.attr, &dev_attr_busy.attr, &dev_attr_say.attr,
	&dev_attr_nap.attr, NULL,
};
ATTRIBUTE_GROUPS(suspend);

static ssize_t read_word(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	int ret = wait_event_interruptible(readers, is_said);

	if (ret)
		return ret;
	note("reader ", pm_suspend_target_state == PM_SUSPEND_ON ? "awake" : "asleep");
	return count > 3 && !copy_to_user(to, "word", 4) ? 4 : -EINVAL;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.read = read_word,
};

static struct miscdevice misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "suspend",
	.fops = &fops,
	.groups = suspend_groups,
};

static void release(struct device *dev)
{
	kfree(dev);
}

static struct device *add(const char *name, struct device *parent)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	dev->type = &type;
	dev->parent = parent;
	dev->release = release;
	dev_set_name(dev, "%s", name);
	if (device_register(dev)) {
		put_device(dev);
		return NULL;
	}
	return dev;
}

static int __init start(void)
{
	parent = add("parent", NULL);
	child = parent ? add("child", parent) : NULL;
	source = wakeup_source_register(NULL, "alarm");
	if (!child || !source)
		return -ENOMEM;
	return register_pm_notifier(&listener) ?: misc_register(&misc);
}
device_initcall(start);
