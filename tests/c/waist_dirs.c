// SPDX-License-Identifier: GPL-2.0-only
/* Directories of a file system that no path leads into: include/linux/dcache.h, fs.h, fs_context.h. */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/ktime.h>
#include <linux/mount.h>
#include <linux/timekeeping.h>
#include <linux/version.h>
#include "ktap.h"

static int released, given_back;

static void on_release(struct dentry *dentry)
{
	released++;
}

static void on_iput(struct dentry *dentry, struct inode *inode)
{
	given_back++;
	iput(inode);
}

static const struct dentry_operations entry_ops = {
	.d_release = on_release,
	.d_iput = on_iput,
};

static struct inode *directory(struct super_block *sb)
{
	struct inode *inode = new_inode(sb);

	if (inode) {
		inode->i_mode = S_IFDIR | 0755;
		inode->i_mapping->a_ops = &ram_aops;
		inc_nlink(inode);
	}
	return inode;
}

static int fill(struct super_block *sb, struct fs_context *fc)
{
	sb->s_root = d_make_root(directory(sb));
	sb->s_d_op = &entry_ops;
	return sb->s_root ? 0 : -ENOMEM;
}

static int get_tree(struct fs_context *fc)
{
	return get_tree_single(fc, fill);
}

static const struct fs_context_operations context_ops = { .get_tree = get_tree };

static int init_context(struct fs_context *fc)
{
	fc->ops = &context_ops;
	return 0;
}

static struct file_system_type type = {
	.name = "dirs",
	.init_fs_context = init_context,
};

static struct dentry *root_of_mount(void)
{
	static struct vfsmount *mount;

	if (!mount)
		mount = kern_mount(&type);
	return expect(!IS_ERR(mount)) ? mount->mnt_root : NULL;
}

static void mounts_have_the_root_that_was_made(void)
{
	struct dentry *root = root_of_mount();

	expect(d_is_dir(root));
	expect(root->d_parent == root);
	expect_eq(d_inode(root)->i_nlink, 2);
	expect(d_make_root(NULL) == NULL);
}

static void entries_come_and_go(void)
{
	struct dentry *root = root_of_mount();
	struct dentry *entry = d_alloc_name(root, "a name longer than what fits into the entry itself");

	if (!expect(entry))
		return;
	released = given_back = 0;
	expect(entry->d_parent == root && entry->d_op == &entry_ops);
	expect_eq(entry->d_name.len, 50);
	d_add(entry, NULL);
	expect(!d_unhashed(entry) && d_really_is_negative(entry));
	d_instantiate(entry, directory(root->d_sb));
	expect(d_is_dir(entry));
	/* Whoever holds it keeps its inode. */
	dget(entry);
	d_delete(entry);
	expect(d_unhashed(entry) && d_really_is_positive(entry));
	dput(entry);
	d_delete(entry);
	expect(d_really_is_negative(entry));
	expect_eq(given_back, 1);
	expect_eq(released, 0);
	dput(entry);
	expect_eq(released, 1);
	expect_eq(given_back, 1);
}

static void a_removed_directory_takes_its_links_along(void)
{
	struct dentry *root = root_of_mount();
	struct dentry *entry = d_alloc_name(root, "below");
	struct inode *inode = directory(root->d_sb);

	if (!expect(entry && inode))
		return;
	d_add(entry, inode);
	inc_nlink(d_inode(root));
	dget(entry);
	expect_eq(simple_rmdir(d_inode(root), entry), 0);
	expect_eq(inode->i_nlink, 0);
	expect_eq(d_inode(root)->i_nlink, 2);
	d_drop(entry);
	expect(d_unhashed(entry));
	dput(entry);
	entry = d_alloc_name(root, "never there");
	if (!expect(entry))
		return;
	d_add(entry, NULL);
	expect(!d_unhashed(entry));
	__d_drop(entry);
	expect(d_unhashed(entry));
	dput(entry);
}

static void inodes_bear_the_time(void)
{
	struct inode *inode = d_inode(root_of_mount());
	struct timespec64 now = current_time(inode);

	expect(now.tv_sec >= ktime_get_real_seconds() - 1);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	now = simple_inode_init_ts(inode);
	expect_eq(inode_get_mtime_sec(inode), now.tv_sec);
	now = inode_set_ctime_current(inode);
	expect_eq(inode_get_ctime_sec(inode), now.tv_sec);
#endif
}

static const struct ktap_case cases[] = {
	KTAP_CASE(mounts_have_the_root_that_was_made),
	KTAP_CASE(entries_come_and_go),
	KTAP_CASE(a_removed_directory_takes_its_links_along),
	KTAP_CASE(inodes_bear_the_time),
};
KTAP_MODULE(cases);
