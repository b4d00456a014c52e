// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware files (include/linux/firmware.h) from the channel "firmware". What
 * a driver may have is decided on the other side; errors are those of Linux
 * without a user-space helper.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "door.h"

/* Whose memory the data is, in struct firmware's private field. */
static char from_loader, from_caller;

/* What user space could name in one path component above is no firmware. */
static bool leads_out(const char *name)
{
	size_t n = strlen(name);

	return !strcmp(name, "..") || !strncmp(name, "../", 3) ||
	       strstr(name, "/../") || (n > 2 && !strcmp(name + n - 3, "/.."));
}

static int fetch(const char *name, size_t offset, u8 *to, size_t count)
{
	while (count) {
		ssize_t got = machine_firmware_read(name, offset, to, count);

		if (got < 0)
			return got;
		if (!got)
			return -EIO;
		offset += got;
		to += got;
		count -= got;
	}
	return 0;
}

struct wish {
	const char *name;
	struct device *dev;
	void *buf;	/* NULL: the loader allocates */
	size_t room;
	size_t offset;
	bool is_partial;
	bool is_quiet;
};

static int load(const struct wish *wish, struct firmware *fw)
{
	size_t size;
	int ret;

	ret = machine_firmware_size(wish->name, &size);
	if (ret)
		return ret;
	if (wish->is_partial) {
		if (wish->offset > size)
			return -EINVAL;
		size = min(size - wish->offset, wish->room);
	}
	if (wish->buf && size > wish->room)
		return -EFBIG;
	fw->size = size;
	fw->priv = wish->buf ? &from_caller : &from_loader;
	fw->data = wish->buf ?: vmalloc(size ?: 1);
	if (!fw->data)
		return -ENOMEM;
	ret = fetch(wish->name, wish->offset, (u8 *)fw->data, size);
	if (ret && !wish->buf)
		vfree(fw->data);
	return ret;
}

static int request(const struct firmware **out, const struct wish *wish)
{
	struct firmware *fw;
	int ret;

	if (!out)
		return -EINVAL;
	*out = NULL;
	if (!wish->name || !wish->name[0] || leads_out(wish->name))
		return -EINVAL;
	fw = kzalloc(sizeof(*fw), GFP_KERNEL);
	if (!fw)
		return -ENOMEM;
	ret = load(wish, fw);
	if (ret) {
		kfree(fw);
		if (!wish->is_quiet)
			dev_warn(wish->dev, "Direct firmware load for %s failed with error %d\n",
				 wish->name, ret);
		return ret;
	}
	*out = fw;
	return 0;
}

int request_firmware(const struct firmware **fw, const char *name,
		     struct device *device)
{
	return request(fw, &(struct wish){ .name = name, .dev = device });
}

int request_firmware_direct(const struct firmware **fw, const char *name,
			    struct device *device)
{
	return firmware_request_nowarn(fw, name, device);
}

int firmware_request_nowarn(const struct firmware **fw, const char *name,
			    struct device *device)
{
	return request(fw, &(struct wish){ .name = name, .dev = device,
					   .is_quiet = true });
}

int request_firmware_into_buf(const struct firmware **fw, const char *name,
			      struct device *device, void *buf, size_t size)
{
	return request(fw, &(struct wish){ .name = name, .dev = device,
					   .buf = buf, .room = size });
}

int request_partial_firmware_into_buf(const struct firmware **fw,
				      const char *name, struct device *device,
				      void *buf, size_t size, size_t offset)
{
	return request(fw, &(struct wish){ .name = name, .dev = device,
					   .buf = buf, .room = size,
					   .offset = offset,
					   .is_partial = true });
}

void release_firmware(const struct firmware *fw)
{
	if (!fw)
		return;
	if (fw->priv == &from_loader)
		vfree(fw->data);
	kfree(fw);
}

int firmware_request_cache(struct device *device, const char *name)
{
	/* It only hints that the file will be asked for again after resume. */
	return 0;
}

struct later {
	struct work_struct work;
	struct wish wish;
	struct module *module;
	void *context;
	void (*cont)(const struct firmware *fw, void *context);
};

static void load_later(struct work_struct *work)
{
	struct later *later = container_of(work, struct later, work);
	const struct firmware *fw;

	request(&fw, &later->wish);
	later->cont(fw, later->context);
	put_device(later->wish.dev);
	module_put(later->module);
	kfree_const(later->wish.name);
	kfree(later);
}

static int request_later(struct module *module, const struct wish *wish,
			 gfp_t gfp, void *context,
			 void (*cont)(const struct firmware *fw, void *context))
{
	struct later *later = kzalloc(sizeof(*later), gfp);

	if (!later)
		return -ENOMEM;
	later->wish = *wish;
	later->wish.name = kstrdup_const(wish->name, gfp);
	if (!later->wish.name) {
		kfree(later);
		return -ENOMEM;
	}
	if (!try_module_get(module)) {
		kfree_const(later->wish.name);
		kfree(later);
		return -EFAULT;
	}
	get_device(wish->dev);
	later->module = module;
	later->context = context;
	later->cont = cont;
	INIT_WORK(&later->work, load_later);
	schedule_work(&later->work);
	return 0;
}

int request_firmware_nowait(struct module *module, bool uevent,
			    const char *name, struct device *device, gfp_t gfp,
			    void *context,
			    void (*cont)(const struct firmware *fw,
					 void *context))
{
	return request_later(module, &(struct wish){ .name = name,
						     .dev = device },
			     gfp, context, cont);
}

int firmware_request_nowait_nowarn(struct module *module, const char *name,
				   struct device *device, gfp_t gfp,
				   void *context,
				   void (*cont)(const struct firmware *fw,
						void *context))
{
	return request_later(module, &(struct wish){ .name = name,
						     .dev = device,
						     .is_quiet = true },
			     gfp, context, cont);
}
