// SPDX-License-Identifier: GPL-2.0-only
/*
 * Character devices as /dev would show them (include/linux/cdev.h). Linux
 * keeps /sys/dev/char, a link for each number that a device holds: that list
 * is walked, and the device says its own name, as devtmpfs asks it to.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kdev_t.h>
#include <linux/kernfs.h>
#include <linux/slab.h>
#include <linux/version.h>
#include "door.h"

/* fs/internal.h */
extern void chrdev_init(void);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
/* drivers/base/base.h */
extern const char *device_get_devnode(const struct device *dev, umode_t *mode,
				      kuid_t *uid, kgid_t *gid,
				      const char **tmp);
#endif

/* Before any initcall that adds a device. */
static int __init chardev_doors_init(void)
{
	chrdev_init();
	return 0;
}
early_initcall(chardev_doors_init);

struct found {
	struct device *dev;
	const char *name;
	const char *to_free;
	umode_t mode;
};

/* What lies behind one link of /sys/dev/char. */
static bool identify(struct kernfs_node *link, struct found *found)
{
	struct kernfs_node *target = link->symlink.target_kn;
	kuid_t uid = GLOBAL_ROOT_UID;
	kgid_t gid = GLOBAL_ROOT_GID;

	if (kernfs_type(link) != KERNFS_LINK || !machine_node_is_live(link) ||
	    !machine_node_is_live(target))
		return false;
	found->dev = kobj_to_dev(target->priv);
	found->mode = 0;
	found->name = device_get_devnode(found->dev, &found->mode, &uid, &gid,
					 &found->to_free);
	if (!found->mode)
		found->mode = 0600;
	return found->name;
}

/* Calls `fn` until it returns false; nothing sleeps, so the list stands still. */
static void each_device(bool (*fn)(void *ctx, struct found *found), void *ctx)
{
	struct kernfs_node *dir = machine_node_walk("dev/char", 8);
	struct rb_node *rb;
	bool more = true;

	if (IS_ERR(dir))
		return;
	for (rb = rb_first(&dir->dir.children); rb && more; rb = rb_next(rb)) {
		struct found found = {};

		if (identify(rb_entry(rb, struct kernfs_node, rb), &found))
			more = fn(ctx, &found);
		kfree(found.to_free);
	}
	kernfs_put(dir);
}

struct listing {
	machine_entry_fn fn;
	void *ctx;
};

static bool list_one(void *ctx, struct found *found)
{
	struct listing *listing = ctx;
	char number[16];
	struct machine_entry entry = {
		.name = found->name,
		.target = number,
		.mode = found->mode,
		.kind = 'c',
	};

	format_dev_t(number, found->dev->devt);
	return listing->fn(listing->ctx, &entry);
}

void machine_chardev_each(machine_entry_fn fn, void *ctx)
{
	struct listing listing = { fn, ctx };

	each_device(list_one, &listing);
}

struct search {
	const char *name;
	struct device *dev;
};

static bool compare(void *ctx, struct found *found)
{
	struct search *search = ctx;

	if (strcmp(found->name, search->name))
		return true;
	search->dev = get_device(found->dev);
	return false;
}

struct file *machine_chardev_open(const char *name, unsigned int flags)
{
	struct search search = { .name = name };
	struct file *file;
	int ret;

	each_device(compare, &search);
	if (!search.dev)
		return ERR_PTR(-ENOENT);
	file = machine_file_new("", &def_chr_fops, flags, S_IFCHR | 0600);
	if (!IS_ERR(file)) {
		file->f_inode->i_rdev = search.dev->devt;
		ret = machine_file_open(file);
		if (ret)
			file = ERR_PTR(ret);
	}
	put_device(search.dev);
	return file;
}
