// SPDX-License-Identifier: GPL-2.0-only
/*
 * File systems that are never mounted. Upstream code keeps inodes of its own
 * for what they carry (a mapping, reference counts); they need a mount and a
 * super block to belong to, and no more (include/linux/fs.h, mount.h,
 * backing-dev.h).
 */
#include <linux/backing-dev.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/version.h>

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

/* What a type says of its super block when it is mounted. */
static int ask(struct file_system_type *type, struct vfsmount *mount)
{
	struct fs_context fc = { .fs_type = type };
	struct pseudo_fs_context *pseudo;
	int ret;

	if (!type->init_fs_context)
		return 0;
	ret = type->init_fs_context(&fc);
	if (ret)
		return ret;
	/* One with a tree of its own makes its super block itself. */
	if (fc.ops && fc.ops->get_tree) {
		ret = fc.ops->get_tree(&fc);
		if (ret)
			return ret;
		mount->mnt_root = fc.root;
		mount->mnt_sb = fc.root->d_sb;
		return 0;
	}
	pseudo = fc.fs_private;
	mount->mnt_sb->s_op = pseudo->ops;
	kfree(pseudo);
	return 0;
}

struct vfsmount *kern_mount(struct file_system_type *type)
{
	struct vfsmount *mount = new_mount(type);
	int ret;

	if (IS_ERR(mount))
		return mount;
	ret = ask(type, mount);
	/* A mount stays, so one that failed is no loss to speak of. */
	return ret ? ERR_PTR(ret) : mount;
}

int simple_pin_fs(struct file_system_type *type, struct vfsmount **mount,
		  int *count)
{
	if (!*mount) {
		struct vfsmount *m = kern_mount(type);

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

void inode_init_once(struct inode *inode)
{
	memset(inode, 0, sizeof(*inode));
	INIT_HLIST_NODE(&inode->i_hash);
	INIT_LIST_HEAD(&inode->i_devices);
	INIT_LIST_HEAD(&inode->i_sb_list);
	spin_lock_init(&inode->i_lock);
	init_rwsem(&inode->i_rwsem);
	xa_init_flags(&inode->i_data.i_pages,
		      XA_FLAGS_LOCK_IRQ | XA_FLAGS_ACCOUNT);
	init_rwsem(&inode->i_data.i_mmap_rwsem);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* Later an inline function. */
void __iget(struct inode *inode)
{
	atomic_inc(&inode->i_count);
}
#endif

/* An inode, inside an object of the file system's own if it has such. */
struct inode *new_inode_pseudo(struct super_block *sb)
{
	const struct super_operations *ops = sb->s_op;
	struct inode *inode;

	if (ops && ops->alloc_inode)
		inode = ops->alloc_inode(sb);
	else
		inode = kmalloc(sizeof(*inode), GFP_KERNEL);
	if (!inode)
		return NULL;
	/* The object may have been another's before. */
	inode_init_once(inode);
	inode->i_sb = sb;
	inode->i_blkbits = PAGE_SHIFT;
	inode->i_mapping = &inode->i_data;
	inode->i_data.host = inode;
	inode->__i_nlink = 1;
	atomic_set(&inode->i_count, 1);
	return inode;
}

struct inode *alloc_anon_inode(struct super_block *sb)
{
	struct inode *inode = new_inode_pseudo(sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_mode = S_IRUSR | S_IWUSR;
	return inode;
}

static void free_inode(struct rcu_head *head)
{
	struct inode *inode = container_of(head, struct inode, i_rcu);
	const struct super_operations *ops = inode->i_sb->s_op;

	if (ops && ops->free_inode)
		ops->free_inode(inode);
	else
		kfree(inode);
}

void iput(struct inode *inode)
{
	if (inode && atomic_dec_and_test(&inode->i_count))
		call_rcu(&inode->i_rcu, free_inode);
}

unsigned int get_next_ino(void)
{
	static unsigned int last;

	return ++last ?: ++last;
}

struct pseudo_fs_context *init_pseudo(struct fs_context *fc,
				      unsigned long magic)
{
	struct pseudo_fs_context *pseudo = kzalloc(sizeof(*pseudo), GFP_KERNEL);

	fc->fs_private = pseudo;
	return pseudo;
}

/* Only unmounting calls it, and nothing is unmounted. */
void kill_anon_super(struct super_block *sb)
{
	BUG();
}
