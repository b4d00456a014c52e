// SPDX-License-Identifier: GPL-2.0-only
/*
 * File systems that are never mounted. Upstream code keeps inodes of its own
 * for what they carry (a mapping, reference counts); they need a mount and a
 * super block to belong to, and no more (include/linux/fs.h, mount.h,
 * backing-dev.h).
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

struct backing_dev_info noop_backing_dev_info;

int bdi_init(struct backing_dev_info *bdi)
{
	kref_init(&bdi->refcnt);
	INIT_LIST_HEAD(&bdi->bdi_list);
	INIT_LIST_HEAD(&bdi->wb_list);
	init_waitqueue_head(&bdi->wb_waitq);
	return 0;
}

static struct vfsmount *new_mount(struct file_system_type *type)
{
	struct {
		struct vfsmount mount;
		struct super_block sb;
	} *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return ERR_PTR(-ENOMEM);
	m->sb.s_type = type;
	INIT_LIST_HEAD(&m->sb.s_inodes);
	m->mount.mnt_sb = &m->sb;
	return &m->mount;
}

struct vfsmount *kern_mount(struct file_system_type *type)
{
	return new_mount(type);
}

int simple_pin_fs(struct file_system_type *type, struct vfsmount **mount,
		  int *count)
{
	if (!*mount) {
		struct vfsmount *m = new_mount(type);

		if (IS_ERR(m))
			return PTR_ERR(m);
		*mount = m;
	}
	++*count;
	return 0;
}

void simple_release_fs(struct vfsmount **mount, int *count)
{
	if (!--*count)
		*mount = NULL;
}

struct inode *alloc_anon_inode(struct super_block *sb)
{
	struct inode *inode = kzalloc(sizeof(*inode), GFP_KERNEL);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_sb = sb;
	inode->i_mode = S_IRUSR | S_IWUSR;
	inode->i_mapping = &inode->i_data;
	inode->i_data.host = inode;
	xa_init_flags(&inode->i_data.i_pages,
		      XA_FLAGS_LOCK_IRQ | XA_FLAGS_ACCOUNT);
	init_rwsem(&inode->i_data.i_mmap_rwsem);
	atomic_set(&inode->i_count, 1);
	return inode;
}

/* Only mounting calls these, and nothing is mounted. */
struct pseudo_fs_context *init_pseudo(struct fs_context *fc,
				      unsigned long magic)
{
	return NULL;
}

void kill_anon_super(struct super_block *sb)
{
	BUG();
}
