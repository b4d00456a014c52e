// SPDX-License-Identifier: GPL-2.0-only
/* Errs on request: what is written into the attribute "err" names the error. Debug images must catch each. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static DEFINE_SPINLOCK(spinlock);
static DEFINE_MUTEX(mutex);
static DECLARE_RWSEM(rwsem);

static void *hidden(void *p)
{
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static void double_free(void)
{
	void *p = kmalloc(48, GFP_KERNEL), *q = hidden(p);

	kfree(p);
	kfree(q);
}

static void double_vfree(void)
{
	void *p = vmalloc(PAGE_SIZE), *q = hidden(p);

	vfree(p);
	vfree(q);
}

static void double_page_free(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	__free_page(page);
	__free_page(hidden(page));
}

static void use_after_free(void)
{
	u8 *p = kmalloc(48, GFP_KERNEL), *q = hidden(p);
	int i;

	kfree(p);
	q[5] = 1;
	/* It is found when the memory is handed out again. */
	for (i = 0; i < 1000; i++)
		kfree(kmalloc(48, GFP_KERNEL));
}

static void overrun(void)
{
	u8 *p = hidden(kmalloc(40, GFP_KERNEL));

	p[40] = 1;
	kfree(p);
}

static void free_of_no_object(void)
{
	int on_stack;

	kfree(hidden(&on_stack));
}

static void free_inside_an_object(void)
{
	u8 *p = hidden(kmalloc(64, GFP_KERNEL));

	kfree(p + 8);
}

static void free_to_another_cache(void)
{
	struct kmem_cache *a = kmem_cache_create("cache-a", 40, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create("cache-b", 72, 0, 0, NULL);

	kmem_cache_free(b, kmem_cache_alloc(a, GFP_KERNEL));
}

static void leak_in_a_cache(void)
{
	struct kmem_cache *cache = kmem_cache_create("leaky", 40, 0, 0, NULL);

	hidden(kmem_cache_alloc(cache, GFP_KERNEL));
	kmem_cache_destroy(cache);
}

static void sleep_under_a_spinlock(void)
{
	spin_lock(&spinlock);
	msleep(1);
	spin_unlock(&spinlock);
}

static void sleep_with_interrupts_off(void)
{
	local_irq_disable();
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	local_irq_enable();
}

static void allocation_that_may_sleep_in_atomic(void)
{
	void *p;

	spin_lock(&spinlock);
	p = kmalloc(10, GFP_KERNEL);
	spin_unlock(&spinlock);
	kfree(p);
}

static void schedule_in_atomic(void)
{
	preempt_disable();
	schedule();
	preempt_enable();
}

static void on_sleepy_tasklet(struct tasklet_struct *unused)
{
	msleep(1);
	/* So that the call is no jump, which would leave no trace. */
	barrier();
}
static DECLARE_TASKLET(sleepy, on_sleepy_tasklet);

static void sleep_in_a_softirq(void)
{
	tasklet_schedule(&sleepy);
	msleep(5);
}

static void unlock_of_a_free_mutex(void)
{
	mutex_unlock(&mutex);
}

static int takes_the_mutex(void *unused)
{
	mutex_lock(&mutex);
	while (!kthread_should_stop())
		msleep(1);
	return 0;
}

static void unlock_of_another_s_mutex(void)
{
	kthread_run(takes_the_mutex, NULL, "owner");
	msleep(2);
	mutex_unlock(&mutex);
}

static void up_of_a_free_rwsem(void)
{
	up_write(&rwsem);
}

static LIST_HEAD(list);

static void list_entry_added_twice(void)
{
	static struct list_head entry;

	list_add(&entry, &list);
	list_add(&entry, &list);
}

static void list_entry_deleted_twice(void)
{
	static struct list_head entry;

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
}

static void refcount_below_zero(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
	refcount_dec(&count);
}

static noinline int deep(int level)
{
	volatile char room[512];

	room[level % 512] = level;
	return level < 0 ? room[3] : deep(level + 1) + room[level % 512];
}

static void stack_overflow(void)
{
	deep(1);
}

static void null_pointer(void)
{
	*(volatile int *)hidden(NULL) = 1;
}

static void zero_size_pointer(void)
{
	*(volatile int *)hidden(kmalloc(0, GFP_KERNEL)) = 1;
}

static void bug(void)
{
	BUG();
}

static void leaves_a_lock(struct work_struct *unused)
{
	spin_lock(&spinlock);
}
static DECLARE_WORK(leaver, leaves_a_lock);

static void work_that_leaves_a_lock(void)
{
	schedule_work(&leaver);
	msleep(5);
}

static irqreturn_t on_irq(int irq, void *unused)
{
	return IRQ_HANDLED;
}

static void enable_of_an_enabled_interrupt(void)
{
	int irq = irq_alloc_desc(0);

	irq_set_chip_and_handler(irq, &dummy_irq_chip, handle_simple_irq);
	if (!request_irq(irq, on_irq, 0, "enabled", NULL))
		enable_irq(irq);
}

static void sleep_while_not_running(void)
{
	set_current_state(TASK_INTERRUPTIBLE);
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	__set_current_state(TASK_RUNNING);
}

static void hardware_that_must_be_saved(void)
{
	hw_protection_shutdown("too hot", 0);
}

#define ERROR(function) { #function, function }
static const struct {
	const char *name;
	void (*commit)(void);
} errors[] = {
	ERROR(double_free),
	ERROR(double_vfree),
	ERROR(double_page_free),
	ERROR(use_after_free),
	ERROR(overrun),
	ERROR(free_of_no_object),
	ERROR(free_inside_an_object),
	ERROR(free_to_another_cache),
	ERROR(leak_in_a_cache),
	ERROR(sleep_under_a_spinlock),
	ERROR(sleep_with_interrupts_off),
	ERROR(allocation_that_may_sleep_in_atomic),
	ERROR(schedule_in_atomic),
	ERROR(sleep_in_a_softirq),
	ERROR(unlock_of_a_free_mutex),
	ERROR(unlock_of_another_s_mutex),
	ERROR(up_of_a_free_rwsem),
	ERROR(list_entry_added_twice),
	ERROR(list_entry_deleted_twice),
	ERROR(refcount_below_zero),
	ERROR(stack_overflow),
	ERROR(null_pointer),
	ERROR(zero_size_pointer),
	ERROR(bug),
	ERROR(work_that_leaves_a_lock),
	ERROR(enable_of_an_enabled_interrupt),
	ERROR(sleep_while_not_running),
	ERROR(hardware_that_must_be_saved),
};

static ssize_t err_store(struct device *dev, struct device_attribute *attr,
			 const char *buf, size_t count)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (!sysfs_streq(buf, errors[i].name))
			continue;
		errors[i].commit();
		return count;
	}
	return -EINVAL;
}

static ssize_t err_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	int i, len = 0;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		len += sysfs_emit_at(buf, len, "%s\n", errors[i].name);
	return len;
}
static DEVICE_ATTR_RW(err);

static int __init misuse_init(void)
{
	struct platform_device *pdev =
		platform_device_register_simple("misuse", -1, NULL, 0);

	return PTR_ERR_OR_ZERO(pdev) ?: device_create_file(&pdev->dev, &dev_attr_err);
}
module_init(misuse_init);
MODULE_LICENSE("GPL");
