// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files: struct file with an inode and a dentry of its own, as far as
 * drivers and kernfs look at them (include/linux/fs.h, file.h, poll.h,
 * anon_inodes.h). There is no file system and no path walk: the doors open
 * sysfs nodes and character devices directly.
 */
#include <linux/anon_inodes.h>
#include <linux/cdev.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <asm/ioctls.h>
#include "door.h"

struct opened {
	struct file file;
	struct inode inode;
	struct dentry dentry;
	struct kernfs_node *node;
};

static struct kmem_cache *cache;

/* Only its limit is looked at, by generic_file_llseek(). */
static struct super_block nowhere = { .s_maxbytes = MAX_LFS_FILESIZE };
static const struct inode_operations no_inode_ops;

static void init_inode(struct inode *inode, umode_t mode,
		       const struct file_operations *fops)
{
	inode->i_mode = mode;
	inode->i_fop = fops;
	inode->i_op = &no_inode_ops;
	inode->i_sb = &nowhere;
	inode->i_blkbits = PAGE_SHIFT;
	inode->i_mapping = &inode->i_data;
	inode->i_data.host = inode;
	atomic_set(&inode->i_count, 1);
	spin_lock_init(&inode->i_lock);
	init_rwsem(&inode->i_rwsem);
	INIT_LIST_HEAD(&inode->i_devices);
	inode->__i_nlink = 1;
}

static void init_dentry(struct dentry *dentry, struct inode *inode,
			const char *name)
{
	dentry->d_inode = inode;
	dentry->d_parent = dentry;
	dentry->d_sb = &nowhere;
	dentry->d_name.name = (const unsigned char *)name;
	dentry->d_name.len = strlen(name);
	spin_lock_init(&dentry->d_lockref.lock);
	dentry->d_lockref.count = 1;
}

/* `name` outlives the file. */
struct file *machine_file_new(const char *name,
			      const struct file_operations *fops,
			      unsigned int flags, umode_t mode)
{
	struct opened *opened;
	struct file *file;

	if (!cache)
		cache = kmem_cache_create("opened", sizeof(*opened), 0,
					  SLAB_PANIC, NULL);
	opened = kmem_cache_zalloc(cache, GFP_KERNEL);
	if (!opened)
		return ERR_PTR(-ENOMEM);
	init_inode(&opened->inode, mode, fops);
	init_dentry(&opened->dentry, &opened->inode, name);
	file = &opened->file;
	atomic_long_set(&file->f_count, 1);
	spin_lock_init(&file->f_lock);
	mutex_init(&file->f_pos_lock);
	file->f_flags = flags;
	file->f_mode = OPEN_FMODE(flags) | FMODE_LSEEK | FMODE_PREAD |
		       FMODE_PWRITE;
	file->f_op = fops_get(fops);
	file->f_inode = &opened->inode;
	file->f_mapping = opened->inode.i_mapping;
	file->f_path.dentry = &opened->dentry;
	if (!file->f_op) {
		kmem_cache_free(cache, opened);
		return ERR_PTR(-ENODEV);
	}
	return file;
}

/* Takes over a reference to `kn`. */
void machine_file_set_node(struct file *file, struct kernfs_node *kn)
{
	container_of(file, struct opened, file)->node = kn;
	file->f_inode->i_private = kn;
}

static void free_file(struct file *file)
{
	struct opened *opened = container_of(file, struct opened, file);

	fops_put(file->f_op);
	if (file->f_inode != &opened->inode)
		iput(file->f_inode);
	if (S_ISCHR(opened->inode.i_mode))
		cd_forget(&opened->inode);
	kernfs_put(opened->node);
	kmem_cache_free(cache, opened);
}

static void set_opened(struct file *file)
{
	const struct file_operations *ops = file->f_op;

	file->f_mode |= FMODE_OPENED;
	if ((file->f_mode & FMODE_READ) && (ops->read || ops->read_iter))
		file->f_mode |= FMODE_CAN_READ;
	if ((file->f_mode & FMODE_WRITE) && (ops->write || ops->write_iter))
		file->f_mode |= FMODE_CAN_WRITE;
	if (!ops->llseek)
		file->f_mode &= ~FMODE_LSEEK;
	file->f_iocb_flags = iocb_flags(file);
}

/* Runs the driver's open; a file that it refuses is freed. */
int machine_file_open(struct file *file)
{
	int ret = 0;

	if (file->f_op->open)
		ret = file->f_op->open(file->f_inode, file);
	if (ret) {
		free_file(file);
		return ret;
	}
	set_opened(file);
	return 0;
}

static void release(struct file *file)
{
	struct inode *inode = file->f_inode;

	if ((file->f_flags & FASYNC) && file->f_op->fasync)
		file->f_op->fasync(-1, file, 0);
	if (file->f_op->release)
		file->f_op->release(inode, file);
	if (S_ISCHR(inode->i_mode) && inode->i_cdev)
		cdev_put(inode->i_cdev);
	free_file(file);
}

void machine_file_get(struct file *file)
{
	get_file(file);
}

/* The caller holds no lock of a driver. */
void machine_file_put(struct file *file)
{
	if (atomic_long_dec_and_test(&file->f_count))
		release(file);
}

int machine_file_flush(struct file *file)
{
	return file->f_op->flush ? file->f_op->flush(file, NULL) : 0;
}

/*
 * Drivers drop references with locks held; as in Linux, the release is run
 * later: at the end of the request, or by a worker for everybody else.
 */
static LLIST_HEAD(dropped);

static void release_dropped(struct work_struct *unused)
{
	struct llist_node *list = llist_del_all(&dropped);
	struct file *file, *next;

	llist_for_each_entry_safe(file, next, list, f_llist)
		release(file);
}
static DECLARE_WORK(release_work, release_dropped);

void machine_file_settle(void)
{
	if (!llist_empty(&dropped))
		release_dropped(NULL);
}

void fput(struct file *file)
{
	if (!atomic_long_dec_and_test(&file->f_count))
		return;
	if (llist_add(&file->f_llist, &dropped))
		schedule_work(&release_work);
}

void __fput_sync(struct file *file)
{
	machine_file_put(file);
}

bool machine_file_is_readable(struct file *file)
{
	return file->f_mode & FMODE_READ;
}

bool machine_file_is_writable(struct file *file)
{
	return file->f_mode & FMODE_WRITE;
}

static ssize_t run_iter(struct file *file, struct iov_iter *iter, loff_t *pos,
			ssize_t (*fn)(struct kiocb *, struct iov_iter *))
{
	struct kiocb kiocb;
	ssize_t ret;

	init_sync_kiocb(&kiocb, file);
	kiocb.ki_pos = pos ? *pos : 0;
	ret = fn(&kiocb, iter);
	if (pos)
		*pos = kiocb.ki_pos;
	return ret;
}

static loff_t *position(struct file *file)
{
	return file->f_mode & FMODE_STREAM ? NULL : &file->f_pos;
}

ssize_t machine_file_read(struct file *file, void *to, size_t count)
{
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (!(file->f_mode & FMODE_CAN_READ))
		return -EINVAL;
	if (file->f_op->read)
		return file->f_op->read(file, (char __user *)to, count,
					position(file));
	iov_iter_ubuf(&iter, ITER_DEST, (void __user *)to, count);
	return run_iter(file, &iter, position(file), file->f_op->read_iter);
}

ssize_t machine_file_write(struct file *file, const void *from, size_t count)
{
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (!(file->f_mode & FMODE_CAN_WRITE))
		return -EINVAL;
	if (file->f_op->write)
		return file->f_op->write(file, (const char __user *)from, count,
					 position(file));
	iov_iter_ubuf(&iter, ITER_SOURCE, (void __user *)from, count);
	return run_iter(file, &iter, position(file), file->f_op->write_iter);
}

ssize_t machine_file_pread(struct file *file, void *to, size_t count,
			   loff_t pos)
{
	struct kvec vec = { .iov_base = to, .iov_len = count };
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	if (pos < 0 || !file->f_op->read_iter)
		return -EINVAL;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, count);
	return run_iter(file, &iter, &pos, file->f_op->read_iter);
}

ssize_t machine_file_pwrite(struct file *file, const void *from, size_t count,
			    loff_t pos)
{
	struct kvec vec = { .iov_base = (void *)from, .iov_len = count };
	struct iov_iter iter;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (pos < 0 || !file->f_op->write_iter)
		return -EINVAL;
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, count);
	return run_iter(file, &iter, &pos, file->f_op->write_iter);
}

static int set_nonblock(struct file *file, unsigned long arg)
{
	int on;

	if (get_user(on, (int __user *)arg))
		return -EFAULT;
	spin_lock(&file->f_lock);
	if (on)
		file->f_flags |= O_NONBLOCK;
	else
		file->f_flags &= ~O_NONBLOCK;
	file->f_iocb_flags = iocb_flags(file);
	spin_unlock(&file->f_lock);
	return 0;
}

long machine_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long ret;

	/* The one command that Linux answers itself and that means something here. */
	if (cmd == FIONBIO)
		return set_nonblock(file, arg);
	if (!file->f_op->unlocked_ioctl)
		return -ENOTTY;
	ret = file->f_op->unlocked_ioctl(file, cmd, arg);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

/* No driver waits on more queues in one poll. */
#define MAX_QUEUES 8

struct polling {
	poll_table table;
	struct task_struct *task;
	bool is_woken;
	int error;
	unsigned int used;
	struct {
		struct polling *polling;
		__poll_t key;
		wait_queue_head_t *head;
		wait_queue_entry_t wait;
	} queues[MAX_QUEUES];
};

static int woken(wait_queue_entry_t *wait, unsigned int mode, int flags,
		 void *key)
{
	typeof(((struct polling *)0)->queues[0]) *queue =
		container_of(wait, typeof(*queue), wait);

	if (key && !(key_to_poll(key) & queue->key))
		return 0;
	queue->polling->is_woken = true;
	return wake_up_process(queue->polling->task);
}

static void add_queue(struct file *file, wait_queue_head_t *head,
		      poll_table *table)
{
	struct polling *p = container_of(table, struct polling, table);
	unsigned int i = p->used;

	if (i == MAX_QUEUES) {
		p->error = -ENOMEM;
		return;
	}
	p->used++;
	p->queues[i].polling = p;
	p->queues[i].key = table->_key;
	p->queues[i].head = head;
	init_waitqueue_func_entry(&p->queues[i].wait, woken);
	add_wait_queue(head, &p->queues[i].wait);
}

/* Sleeps until `*is_woken`; false after the deadline (NULL: there is none). */
static bool sleep_until(bool *is_woken, ktime_t *deadline)
{
	bool in_time = true;

	set_current_state(TASK_INTERRUPTIBLE);
	if (!*is_woken)
		in_time = schedule_hrtimeout_range(deadline, 0,
						   HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);
	*is_woken = false;
	return in_time;
}

int machine_file_poll(struct file *file, u32 events, s64 timeout_ns)
{
	ktime_t deadline = ktime_add_ns(ktime_get(), max_t(s64, timeout_ns, 0));
	__poll_t wanted = (__force __poll_t)events | EPOLLERR | EPOLLHUP;
	struct polling p = { .task = current };
	bool in_time = timeout_ns != 0;
	__poll_t ready;

	init_poll_funcptr(&p.table, in_time ? add_queue : NULL);
	p.table._key = wanted;
	for (;;) {
		ready = vfs_poll(file, &p.table) & wanted;
		p.table._qproc = NULL;
		if (ready || p.error || !in_time)
			break;
		if (signal_pending(current)) {
			p.error = -ERESTARTNOHAND;
			break;
		}
		in_time = sleep_until(&p.is_woken,
				      timeout_ns < 0 ? NULL : &deadline);
	}
	while (p.used--)
		remove_wait_queue(p.queues[p.used].head,
				  &p.queues[p.used].wait);
	if (ready)
		return (__force int)ready;
	return p.error;
}

struct file *anon_inode_getfile(const char *name,
				const struct file_operations *fops, void *priv,
				int flags)
{
	struct file *file;

	file = machine_file_new(name, fops, flags & (O_ACCMODE | O_NONBLOCK),
				0600);
	if (IS_ERR(file))
		return PTR_ERR(file) == -ENODEV ? ERR_PTR(-ENOENT) : file;
	file->private_data = priv;
	set_opened(file);
	return file;
}

/* A file of an inode that somebody else made, whose reference it takes over. */
struct file *alloc_file_pseudo(struct inode *inode, struct vfsmount *mount,
			       const char *name, int flags,
			       const struct file_operations *fops)
{
	struct file *file;

	file = machine_file_new("", fops, flags, inode->i_mode);
	if (IS_ERR(file))
		return file;
	file->f_inode = inode;
	file->f_mapping = inode->i_mapping;
	file->f_path.mnt = mount;
	file->f_path.dentry->d_inode = inode;
	set_opened(file);
	return file;
}

int anon_inode_getfd(const char *name, const struct file_operations *fops,
		     void *priv, int flags)
{
	int fd = get_unused_fd_flags(flags);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, priv, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

/*
 * SIGIO is asked for with fcntl(), which no client has: nobody is ever on such
 * a list, and to leave one is to have left it.
 */
int fasync_helper(int fd, struct file *file, int on, struct fasync_struct **list)
{
	return on ? -EOPNOTSUPP : 0;
}

void kill_fasync(struct fasync_struct **list, int sig, int band)
{
	BUG_ON(*list);
}
