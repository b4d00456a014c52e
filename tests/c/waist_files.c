// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files as drivers see them: include/linux/fs.h, uaccess.h, file.h, poll.h, anon_inodes.h. The cases run in a
 * client's ioctl, whose argument is the user memory that they may touch; tests/through_c.rs is the client.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/pseudo_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/wait.h>
#include "ktap.h"

#define RUN_CASES _IOWR('w', 1, char[64])
#define MAKE_FILE _IO('w', 2)
#define WAKE_LATER _IO('w', 3)

/* What the argument is, and what it is not. */
static char __user *user;
#define USER_BYTES 64

static void user_memory_is_copied(void)
{
	char text[USER_BYTES];
	int i;

	expect_eq(copy_from_user(text, user, USER_BYTES), 0);
	for (i = 0; i < USER_BYTES && text[i] == (char)i; i++)
		;
	expect_eq(i, USER_BYTES);
	expect_eq(copy_to_user(user, "hello", 5), 0);
	expect_eq(copy_from_user(text, user, 6), 0);
	expect(!memcmp(text, "hello\5", 6));
	expect_eq(clear_user(user, 2), 0);
	expect_eq(copy_from_user(text, user, 3), 0);
	expect(!memcmp(text, "\0\0l", 3));
}

/* include/linux/uaccess.h: what could not be copied is counted, and cleared in the kernel's copy. */
static void a_copy_ends_where_user_memory_ends(void)
{
	char text[USER_BYTES];

	memset(text, 0xee, sizeof(text));
	expect_eq(copy_from_user(text, user + 60, 10), 6);
	expect_eq(text[3], 63);
	expect(!memchr_inv(text + 4, 0, 6));
	expect_eq((u8)text[10], 0xee);
	expect_eq(copy_to_user(user + 60, "0123456789", 10), 6);
	expect_eq(clear_user(user + 62, 5), 3);
	expect_eq(copy_from_user(text, user + USER_BYTES, 1), 1);
}

static void other_memory_is_no_user_memory(void)
{
	char text[8] = "secret", to[8];

	expect_eq(copy_from_user(to, (char __user *)text, 8), 8);
	expect(!memchr_inv(to, 0, 8));
	expect_eq(copy_to_user((char __user *)text, "change", 6), 6);
	expect_str(text, "secret");
	expect_eq(copy_from_user(to, NULL, 1), 1);
	expect_eq(clear_user((void __user *)-4096L, 8), 8);
}

static void words_are_read_and_written(void)
{
	u32 word = 0;
	u8 byte = 0;

	expect_eq(put_user(0x12345678, (u32 __user *)(user + 8)), 0);
	expect_eq(get_user(word, (u32 __user *)(user + 8)), 0);
	expect_eq(word, 0x12345678);
	expect_eq(get_user(byte, (u8 __user *)user + 63), 0);
	expect_eq(get_user(word, (u32 __user *)(user + 62)), -EFAULT);
	expect_eq(put_user(1, (u64 __user *)(user + 60)), -EFAULT);
	expect_eq(get_user(word, (u32 __user *)NULL), -EFAULT);
}

static void strings_are_read(void)
{
	char text[16] = "";

	expect_eq(copy_to_user(user, "word", 5), 0);
	expect_eq(strncpy_from_user(text, user, sizeof(text)), 4);
	expect_str(text, "word");
	expect_eq(strncpy_from_user(text, user, 2), 2);
	expect_eq(strnlen_user(user, 16), 5);
	expect_eq(strncpy_from_user(text, NULL, 4), -EFAULT);
}

static int releases;

static int on_release(struct inode *inode, struct file *file)
{
	releases++;
	return 0;
}

static ssize_t on_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	return simple_read_from_buffer(to, count, pos, "anonymous", 9);
}

static const struct file_operations anon_fops = {
	.owner = THIS_MODULE,
	.read = on_read,
	.release = on_release,
};

static struct file *file_of(unsigned int fd)
{
	struct fd f = fdget(fd);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	struct file *file = fd_file(f);
#else
	struct file *file = f.file;
#endif

	fdput(f);
	return file;
}

static void numbers_stand_for_files(void)
{
	struct file *file = anon_inode_getfile("[anon]", &anon_fops, &releases, O_RDONLY);
	int fd, other;

	if (!expect(!IS_ERR(file)))
		return;
	expect(file->private_data == &releases);
	expect(file->f_mode & FMODE_READ && !(file->f_mode & FMODE_WRITE));
	fd = get_unused_fd_flags(O_CLOEXEC);
	other = get_unused_fd_flags(0);
	expect(fd >= 0 && other >= 0 && fd != other);
	put_unused_fd(other);
	expect(!fget(fd));
	expect(!file_of(fd));
	fd_install(fd, file);
	expect(fget(fd) == file);
	expect(fget_raw(fd) == file);
	expect_eq(file_count(file), 3);
	expect(file_of(fd) == file);
	expect_eq(file_count(file), 3);
	fput(file);
	fput(file);
	releases = 0;
	get_file(file);
	expect_eq(close_fd(fd), 0);
	expect_eq(close_fd(fd), -EBADF);
	expect(!fget(fd));
	expect_eq(releases, 0);
	__fput_sync(file);
	expect_eq(releases, 1);
	expect(!fget(987654));
}

static void dropped_file_is_released_later(void)
{
	struct file *file = anon_inode_getfile("[anon]", &anon_fops, NULL, O_RDWR);

	releases = 0;
	fput(file);
	msleep(2);
	expect_eq(releases, 1);
}

static void buffers_are_read_piecemeal(void)
{
	char to[8] = "";
	loff_t pos = 0;

	expect_eq(simple_read_from_buffer(user, 4, &pos, "abcdef", 6), 4);
	expect_eq(pos, 4);
	expect_eq(simple_read_from_buffer(user, 4, &pos, "abcdef", 6), 2);
	expect_eq(simple_read_from_buffer(user, 4, &pos, "abcdef", 6), 0);
	pos = -1;
	expect_eq(simple_read_from_buffer(user, 4, &pos, "abcdef", 6), -EINVAL);
	pos = 0;
	expect_eq(simple_read_from_buffer(NULL, 4, &pos, "abcdef", 6), -EFAULT);
	expect_eq(pos, 0);
	expect_eq(copy_to_user(user, "wxyz", 4), 0);
	pos = 2;
	expect_eq(simple_write_to_buffer(to, 4, &pos, user, 4), 2);
	expect(!memcmp(to, "\0\0wx\0", 5));
	expect_eq(pos, 4);
	/* Behind the end there is no room, which is not an error. */
	expect_eq(simple_write_to_buffer(to, 4, &pos, user, 4), 0);
	pos = 1;
	expect_eq(memory_read_from_buffer(to, 8, &pos, "abcd", 4), 3);
	expect(!memcmp(to, "bcd", 3));
	expect_eq(pos, 4);
	pos = -5;
	expect_eq(memory_read_from_buffer(to, 8, &pos, "abcd", 4), -EINVAL);
}

static void small_operations_do_what_they_say(void)
{
	struct inode inode = { .i_private = &user };
	struct file file = {};

	expect_eq(simple_open(&inode, &file), 0);
	expect(file.private_data == &user);
	expect_eq(noop_fsync(NULL, 0, 10, 1), 0);
	kfree_link(kstrdup("link", GFP_KERNEL));
}

/* include/linux/stringhash.h: the hash ends where the name does, and knows its length. */
static void names_are_hashed(void)
{
	u64 whole = hashlen_string(names_are_hashed, "waist");

	expect_eq(hashlen_len(whole), 5);
	expect_eq(hashlen_hash(whole), full_name_hash(names_are_hashed, "waist!", 5));
	expect(full_name_hash(NULL, "ab", 2) != full_name_hash(NULL, "ba", 2));
}

/* Objects of a file system's own, with an inode inside, as sockets are. */
struct carrier {
	u64 before;
	struct inode inode;
};
static unsigned int carriers;

static struct inode *carrier_alloc(struct super_block *sb)
{
	struct carrier *carrier = kzalloc(sizeof(*carrier), GFP_KERNEL);

	if (!carrier)
		return NULL;
	carriers++;
	inode_init_once(&carrier->inode);
	return &carrier->inode;
}

static void carrier_free(struct inode *inode)
{
	carriers--;
	kfree(container_of(inode, struct carrier, inode));
}

static const struct super_operations carrier_ops = {
	.alloc_inode = carrier_alloc,
	.free_inode = carrier_free,
};

static int fills_carriers(struct fs_context *fc)
{
	struct pseudo_fs_context *pseudo = init_pseudo(fc, 0x7a58);

	if (!pseudo)
		return -ENOMEM;
	pseudo->ops = &carrier_ops;
	return 0;
}

static struct file_system_type carrying = {
	.name = "carrying",
	.init_fs_context = fills_carriers,
	.kill_sb = kill_anon_super,
};

static void files_hold_inodes_of_others(void)
{
	struct vfsmount *mount = kern_mount(&carrying);
	struct inode *inode;
	struct file *file;

	if (!expect(!IS_ERR(mount)))
		return;
	inode = new_inode_pseudo(mount->mnt_sb);
	if (!expect(inode))
		return;
	expect_eq(carriers, 1);
	expect(inode->i_sb == mount->mnt_sb);
	expect(get_next_ino() != get_next_ino());
	file = alloc_file_pseudo(inode, mount, "x", O_RDWR, &anon_fops);
	if (!expect(!IS_ERR(file))) {
		iput(inode);
		return;
	}
	expect(file_inode(file) == inode);
	__iget(inode);
	__fput_sync(file);
	rcu_barrier();
	expect_eq(carriers, 1);
	iput(inode);
	rcu_barrier();
	expect_eq(carriers, 0);
}

/* Whoever makes the inode or the mount, the file system's operations are asked. */
static void inodes_come_from_their_file_system(void)
{
	struct vfsmount *pinned = NULL;
	struct inode *inode;
	int count = 0;

	expect_eq(simple_pin_fs(&carrying, &pinned, &count), 0);
	if (!expect(pinned && pinned->mnt_sb->s_op == &carrier_ops))
		return;
	inode = alloc_anon_inode(pinned->mnt_sb);
	if (expect(!IS_ERR(inode))) {
		expect_eq(carriers, 1);
		iput(inode);
		rcu_barrier();
		expect_eq(carriers, 0);
	}
	simple_release_fs(&pinned, &count);
}

static int fills(struct fs_context *fc)
{
	return init_pseudo(fc, 0x7a57) ? 0 : -ENOMEM;
}

static struct file_system_type pseudo = {
	.name = "waist",
	.init_fs_context = fills,
	.kill_sb = kill_anon_super,
};

static void pseudo_file_systems_carry_inodes(void)
{
	struct vfsmount *mount = kern_mount(&pseudo), *pinned = NULL;
	struct inode *inode;
	int count = 0;

	if (!expect(!IS_ERR(mount)))
		return;
	inode = alloc_anon_inode(mount->mnt_sb);
	if (expect(!IS_ERR(inode))) {
		expect(inode->i_sb == mount->mnt_sb);
		expect(inode->i_mapping == &inode->i_data);
		iput(inode);
		rcu_barrier();
	}
	expect_eq(simple_pin_fs(&pseudo, &pinned, &count), 0);
	expect(pinned);
	expect_eq(simple_pin_fs(&pseudo, &pinned, &count), 0);
	expect_eq(count, 2);
	simple_release_fs(&pinned, &count);
	expect(pinned);
	simple_release_fs(&pinned, &count);
	expect(!pinned && !count);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(user_memory_is_copied),
	KTAP_CASE(a_copy_ends_where_user_memory_ends),
	KTAP_CASE(other_memory_is_no_user_memory),
	KTAP_CASE(words_are_read_and_written),
	KTAP_CASE(strings_are_read),
	KTAP_CASE(numbers_stand_for_files),
	KTAP_CASE(dropped_file_is_released_later),
	KTAP_CASE(buffers_are_read_piecemeal),
	KTAP_CASE(small_operations_do_what_they_say),
	KTAP_CASE(names_are_hashed),
	KTAP_CASE(pseudo_file_systems_carry_inodes),
	KTAP_CASE(files_hold_inodes_of_others),
	KTAP_CASE(inodes_come_from_their_file_system),
};

/* The device: what is written can be read once; poll tells of it. */
static char stored[32];
static size_t stored_len;
static DECLARE_WAIT_QUEUE_HEAD(readers);
static struct delayed_work waker;

static ssize_t waist_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	int ret;

	if (file->f_flags & O_NONBLOCK && !stored_len)
		return -EAGAIN;
	ret = wait_event_interruptible(readers, stored_len);
	if (ret)
		return ret;
	count = min(count, stored_len);
	if (copy_to_user(to, stored, count))
		return -EFAULT;
	stored_len = 0;
	return count;
}

static ssize_t waist_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	if (count > sizeof(stored))
		return -ENOSPC;
	if (copy_from_user(stored, from, count))
		return -EFAULT;
	stored_len = count;
	wake_up_interruptible(&readers);
	return count;
}

static __poll_t waist_poll(struct file *file, poll_table *table)
{
	poll_wait(file, &readers, table);
	return EPOLLOUT | EPOLLWRNORM | (stored_len ? EPOLLIN | EPOLLRDNORM : 0);
}

static void on_waker(struct work_struct *work)
{
	strscpy(stored, "late", sizeof(stored));
	stored_len = 4;
	wake_up_interruptible(&readers);
}

static long waist_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case RUN_CASES:
		user = (char __user *)arg;
		return ktap_run(cases, ARRAY_SIZE(cases));
	case MAKE_FILE:
		return anon_inode_getfd("[made]", &anon_fops, NULL, O_RDONLY | O_CLOEXEC);
	case WAKE_LATER:
		schedule_delayed_work(&waker, msecs_to_jiffies(arg));
		return 0;
	}
	return -ENOIOCTLCMD;
}

static int waist_open(struct inode *inode, struct file *file)
{
	return stream_open(inode, file);
}

static const struct file_operations waist_fops = {
	.owner = THIS_MODULE,
	.open = waist_open,
	.read = waist_read,
	.write = waist_write,
	.poll = waist_poll,
	.unlocked_ioctl = waist_ioctl,
};

static struct miscdevice waist = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "waist",
	.fops = &waist_fops,
};

static int __init waist_init(void)
{
	INIT_DELAYED_WORK(&waker, on_waker);
	return misc_register(&waist);
}
late_initcall(waist_init);
MODULE_LICENSE("GPL");
