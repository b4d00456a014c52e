// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs without a mount: its root, the walk along a path, and files opened at
 * a node. Nodes, attributes and their operations are upstream's kernfs and
 * sysfs (include/linux/kernfs.h, sysfs.h).
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kernfs.h>
#include <linux/limits.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <net/net_namespace.h>
#include "door.h"

/* fs/kernfs/kernfs-internal.h */
extern const struct file_operations kernfs_file_fops;
extern const struct inode_operations kernfs_symlink_iops;
/* fs/sysfs/sysfs.h; kernel/kernfs callers name it */
struct kernfs_node *sysfs_root_kn;
int sysfs_init(void);

/* The flag makes open refuse what the permission bits refuse, even to root. */
int __init sysfs_init(void)
{
	struct kernfs_root *root;

	root = kernfs_create_root(NULL, KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK, NULL);
	if (IS_ERR(root))
		return PTR_ERR(root);
	sysfs_root_kn = kernfs_root_to_node(root);
	return 0;
}

/* Nodes of network classes exist once per namespace; there is one. */
static const void *namespace_of(struct kernfs_node *dir)
{
#ifdef CONFIG_NET
	return kernfs_ns_enabled(dir) ? &init_net : NULL;
#else
	return NULL;
#endif
}

bool machine_node_is_live(struct kernfs_node *kn)
{
	return atomic_read(&kn->active) >= 0;
}

void machine_node_put(struct kernfs_node *kn)
{
	kernfs_put(kn);
}

u8 machine_node_kind(struct kernfs_node *kn)
{
	switch (kernfs_type(kn)) {
	case KERNFS_DIR:
		return 'd';
	case KERNFS_LINK:
		return 'l';
	default:
		return 'f';
	}
}

u16 machine_node_mode(struct kernfs_node *kn)
{
	return kn->mode & S_IALLUGO;
}

/* One step down or up; takes over the reference to `dir`. */
static struct kernfs_node *step(struct kernfs_node *dir, const char *name)
{
	struct kernfs_node *kn;

	if (kernfs_type(dir) != KERNFS_DIR)
		kn = ERR_PTR(-ENOTDIR);
	else if (!strcmp(name, ".."))
		kn = kernfs_get_parent(dir) ?: (kernfs_get(dir), dir);
	else
		kn = kernfs_find_and_get_ns(dir, name, namespace_of(dir)) ?:
		     ERR_PTR(-ENOENT);
	kernfs_put(dir);
	if (IS_ERR(kn))
		return kn;
	if (kernfs_type(kn) == KERNFS_LINK) {
		struct kernfs_node *target = kn->symlink.target_kn;

		kernfs_get(target);
		kernfs_put(kn);
		kn = target;
	}
	if (!machine_node_is_live(kn)) {
		kernfs_put(kn);
		return ERR_PTR(-ENOENT);
	}
	return kn;
}

/*
 * Follows links, also the last; "." and ".." mean what they mean in Linux. A
 * link's target is a directory or file, never a link, so there are no loops.
 */
struct kernfs_node *machine_node_walk(const char *path, size_t len)
{
	struct kernfs_node *kn = sysfs_root_kn;
	const char *end = path + len;
	char name[NAME_MAX + 1];

	if (!kn)
		return ERR_PTR(-ENOENT);
	kernfs_get(kn);
	while (path < end) {
		const char *slash = memchr(path, '/', end - path) ?: end;
		size_t n = slash - path;

		if (n > NAME_MAX) {
			kernfs_put(kn);
			return ERR_PTR(-ENAMETOOLONG);
		}
		memcpy(name, path, n);
		name[n] = '\0';
		path = slash + 1;
		if (n && strcmp(name, "."))
			kn = step(kn, name);
		else if (kernfs_type(kn) != KERNFS_DIR) {
			kernfs_put(kn);
			kn = ERR_PTR(-ENOTDIR);
		}
		if (IS_ERR(kn))
			return kn;
		if (slash + 1 == end && kernfs_type(kn) != KERNFS_DIR) {
			kernfs_put(kn);
			return ERR_PTR(-ENOTDIR);
		}
	}
	return kn;
}

/* The text that readlink gives; the caller runs `done`. */
static const char *link_text(struct kernfs_node *kn, struct delayed_call *done)
{
	struct inode inode = { .i_private = kn };
	struct dentry dentry = { .d_inode = &inode };
	const char *text = kernfs_symlink_iops.get_link(&dentry, &inode, done);

	return IS_ERR(text) ? "" : text;
}

/*
 * Nothing here sleeps, and writers of the tree do not sleep in the middle of a
 * change, so the tree stands still.
 */
void machine_node_each(struct kernfs_node *dir, machine_entry_fn fn, void *ctx)
{
	struct rb_node *rb;
	bool more = true;

	if (kernfs_type(dir) != KERNFS_DIR)
		return;
	for (rb = rb_first(&dir->dir.children); rb && more; rb = rb_next(rb)) {
		struct kernfs_node *kn = rb_entry(rb, struct kernfs_node, rb);
		struct machine_entry entry = { .name = kn->name, .target = "" };
		DEFINE_DELAYED_CALL(done);

		if (!machine_node_is_live(kn) || kn->ns != namespace_of(dir))
			continue;
		entry.mode = machine_node_mode(kn);
		entry.kind = machine_node_kind(kn);
		if (entry.kind == 'l')
			entry.target = link_text(kn, &done);
		more = fn(ctx, &entry);
		do_delayed_call(&done);
	}
}

unsigned int machine_node_access(struct kernfs_node *kn)
{
	const struct kernfs_ops *ops = kn->attr.ops;
	unsigned int access = 0;

	if ((kn->mode & S_IRUGO) && (ops->seq_show || ops->read || ops->mmap))
		access |= (__force unsigned int)FMODE_READ;
	if ((kn->mode & S_IWUGO) && (ops->write || ops->mmap))
		access |= (__force unsigned int)FMODE_WRITE;
	return access;
}

struct file *machine_node_open(struct kernfs_node *kn, unsigned int flags)
{
	struct file *file;
	int ret;

	if (kernfs_type(kn) == KERNFS_DIR)
		return ERR_PTR(-EISDIR);
	file = machine_file_new(kn->name, &kernfs_file_fops, flags,
				(kn->mode & S_IALLUGO) | S_IFREG);
	if (IS_ERR(file))
		return file;
	kernfs_get(kn);
	machine_file_set_node(file, kn);
	i_size_write(file->f_inode, kn->attr.size);
	ret = machine_file_open(file);
	return ret ? ERR_PTR(ret) : file;
}

/*
 * kernfs counts announcements only while a file is open, so a watch keeps one
 * open, and stands in its wait queue.
 */
struct machine_watch {
	poll_table table;
	struct kernfs_node *kn;
	struct file *file;
	wait_queue_head_t *head;
	wait_queue_entry_t wait;
	u32 count;
	wait_queue_head_t waiting;
};

static int announced(wait_queue_entry_t *wait, unsigned int mode, int flags,
		     void *key)
{
	struct machine_watch *watch =
		container_of(wait, struct machine_watch, wait);

	watch->count++;
	wake_up_all(&watch->waiting);
	return 0;
}

static void watch_queue(struct file *file, wait_queue_head_t *head,
			poll_table *table)
{
	struct machine_watch *watch =
		container_of(table, struct machine_watch, table);

	if (watch->head)
		return;
	watch->head = head;
	add_wait_queue(head, &watch->wait);
}

struct machine_watch *machine_watch_new(struct kernfs_node *kn, u32 count)
{
	struct machine_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	unsigned int access;

	if (kernfs_type(kn) == KERNFS_DIR || !watch) {
		kfree(watch);
		return ERR_PTR(watch ? -EISDIR : -ENOMEM);
	}
	access = machine_node_access(kn);
	watch->count = count;
	init_waitqueue_head(&watch->waiting);
	init_waitqueue_func_entry(&watch->wait, announced);
	watch->file = machine_node_open(kn, access == (unsigned int)FMODE_WRITE ?
						    O_WRONLY : O_RDONLY);
	if (IS_ERR(watch->file)) {
		struct file *refused = watch->file;

		kfree(watch);
		return ERR_CAST(refused);
	}
	watch->kn = kn;
	init_poll_funcptr(&watch->table, watch_queue);
	vfs_poll(watch->file, &watch->table);
	return watch;
}

void machine_watch_free(struct machine_watch *watch)
{
	if (watch->head)
		remove_wait_queue(watch->head, &watch->wait);
	machine_file_put(watch->file);
	kfree(watch);
}

struct kernfs_node *machine_watch_node(struct machine_watch *watch)
{
	return watch->kn;
}

u32 machine_watch_count(struct machine_watch *watch)
{
	return watch->count;
}

bool machine_watch_wait(struct machine_watch *watch, u32 known, s64 timeout_ns)
{
	if (timeout_ns < 0)
		return wait_event_interruptible(watch->waiting,
						watch->count != known) == 0;
	wait_event_interruptible_hrtimeout(watch->waiting,
					   watch->count != known,
					   ns_to_ktime(timeout_ns));
	return watch->count != known;
}
