// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of directories in file systems that no path leads into. configfs keeps
 * its groups of items as directories, and drivers register theirs whether
 * anybody ever makes one or not (include/linux/dcache.h, fs.h, fs_context.h).
 * There is no cache here: an entry lives as long as somebody holds it.
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

/* Files in directories have pages elsewhere; here nobody reads a page. */
const struct address_space_operations ram_aops;

static struct dentry *alloc_entry(struct super_block *sb, struct dentry *parent,
				  const char *name)
{
	struct dentry *dentry = kzalloc(sizeof(*dentry), GFP_KERNEL);
	const char *copy = kstrdup(name, GFP_KERNEL);

	if (!dentry || !copy) {
		kfree(dentry);
		kfree(copy);
		return NULL;
	}
	dentry->d_name.name = copy;
	dentry->d_name.len = strlen(copy);
	dentry->d_lockref.count = 1;
	spin_lock_init(&dentry->d_lock);
	seqcount_spinlock_init(&dentry->d_seq, &dentry->d_lock);
	dentry->d_parent = parent ? dget(parent) : dentry;
	dentry->d_sb = sb;
	dentry->d_op = sb->s_d_op;
	return dentry;
}

struct dentry *d_alloc_name(struct dentry *parent, const char *name)
{
	return alloc_entry(parent->d_sb, parent, name);
}

void d_instantiate(struct dentry *dentry, struct inode *inode)
{
	BUG_ON(dentry->d_inode);
	if (!inode)
		return;
	dentry->d_inode = inode;
	dentry->d_flags |= S_ISDIR(inode->i_mode) ? DCACHE_DIRECTORY_TYPE
						  : DCACHE_REGULAR_TYPE;
}

struct dentry *d_make_root(struct inode *inode)
{
	struct dentry *root;

	if (!inode)
		return NULL;
	root = alloc_entry(inode->i_sb, NULL, "/");
	if (root)
		d_instantiate(root, inode);
	else
		iput(inode);
	return root;
}

/* Being hashed is being found by name; who looks only wants to know whether. */
void d_add(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dentry->d_hash.pprev = &dentry->d_hash.next;
}

void __d_drop(struct dentry *dentry)
{
	dentry->d_hash.pprev = NULL;
}

void d_drop(struct dentry *dentry)
{
	__d_drop(dentry);
}

static void give_up_inode(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	if (!inode)
		return;
	dentry->d_inode = NULL;
	dentry->d_flags &= ~DCACHE_ENTRY_TYPE;
	if (dentry->d_op && dentry->d_op->d_iput)
		dentry->d_op->d_iput(dentry, inode);
	else
		iput(inode);
}

/* Who holds an entry that is deleted keeps its inode until it lets go. */
void d_delete(struct dentry *dentry)
{
	if (dentry->d_lockref.count == 1)
		give_up_inode(dentry);
	else
		__d_drop(dentry);
}

void dput(struct dentry *dentry)
{
	while (dentry && --dentry->d_lockref.count == 0) {
		struct dentry *parent = dentry->d_parent;

		give_up_inode(dentry);
		if (dentry->d_op && dentry->d_op->d_release)
			dentry->d_op->d_release(dentry);
		kfree(dentry->d_name.name);
		parent = parent == dentry ? NULL : parent;
		kfree(dentry);
		dentry = parent;
	}
}

struct inode *new_inode(struct super_block *sb)
{
	return new_inode_pseudo(sb);
}

void inc_nlink(struct inode *inode)
{
	inode->__i_nlink++;
}

int simple_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	/* Its own two links, and the one of its ".." in its parent. */
	inode->__i_nlink -= 2;
	dir->__i_nlink--;
	dput(dentry);
	return 0;
}

struct timespec64 current_time(struct inode *inode)
{
	struct timespec64 now;

	ktime_get_coarse_real_ts64(&now);
	return now;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
struct timespec64 inode_set_ctime_current(struct inode *inode)
{
	return inode_set_ctime_to_ts(inode, current_time(inode));
}

struct timespec64 simple_inode_init_ts(struct inode *inode)
{
	struct timespec64 now = inode_set_ctime_current(inode);

	inode_set_atime_to_ts(inode, now);
	return inode_set_mtime_to_ts(inode, now);
}
#endif

/* The one super block of a type; it stays, as mounts here do. */
int get_tree_single(struct fs_context *fc,
		    int (*fill_super)(struct super_block *sb,
				      struct fs_context *fc))
{
	struct super_block *sb = kzalloc(sizeof(*sb), GFP_KERNEL);
	int ret;

	if (!sb)
		return -ENOMEM;
	sb->s_type = fc->fs_type;
	INIT_LIST_HEAD(&sb->s_inodes);
	ret = fill_super(sb, fc);
	if (ret) {
		kfree(sb);
		return ret;
	}
	fc->root = dget(sb->s_root);
	return 0;
}
