// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small helpers that drivers' file operations are made of (include/linux/fs.h,
 * string.h), without the file systems that stand beside them in Linux.
 */
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>

/* How much of `available` bytes a read of `count` at `pos` gets. */
static ssize_t bytes_at(loff_t pos, size_t count, size_t available)
{
	if (pos < 0)
		return -EINVAL;
	if (pos >= available)
		return 0;
	return min_t(size_t, count, available - pos);
}

ssize_t memory_read_from_buffer(void *to, size_t count, loff_t *ppos,
				const void *from, size_t available)
{
	ssize_t n = bytes_at(*ppos, count, available);

	if (n > 0) {
		memcpy(to, from + *ppos, n);
		*ppos += n;
	}
	return n;
}

ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *ppos,
				const void *from, size_t available)
{
	ssize_t n = bytes_at(*ppos, count, available);
	size_t left;

	if (n <= 0)
		return n;
	left = copy_to_user(to, from + *ppos, n);
	if (left == n)
		return -EFAULT;
	*ppos += n - left;
	return n - left;
}

ssize_t simple_write_to_buffer(void *to, size_t available, loff_t *ppos,
			       const void __user *from, size_t count)
{
	ssize_t n = bytes_at(*ppos, count, available);
	size_t left;

	if (n <= 0)
		return n;
	left = copy_from_user(to + *ppos, from, n);
	if (left == n)
		return -EFAULT;
	*ppos += n - left;
	return n - left;
}

int simple_open(struct inode *inode, struct file *file)
{
	if (inode->i_private)
		file->private_data = inode->i_private;
	return 0;
}

/* Nothing is cached, so there is nothing to write back. */
int noop_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return 0;
}

void kfree_link(void *text)
{
	kfree(text);
}

/*
 * Hashes of names, byte by byte, as include/linux/stringhash.h defines them;
 * fs/namei.c, which has them in Linux, is the way into all file systems.
 */
unsigned int full_name_hash(const void *salt, const char *name,
			    unsigned int len)
{
	unsigned long hash = init_name_hash(salt);
	unsigned int i;

	for (i = 0; i < len; i++)
		hash = partial_name_hash((unsigned char)name[i], hash);
	return end_name_hash(hash);
}

u64 hashlen_string(const void *salt, const char *name)
{
	unsigned int len = strlen(name);

	return hashlen_create(full_name_hash(salt, name, len), len);
}
