/* SPDX-License-Identifier: GPL-2.0-only */
/* What the doors' C and Rust halves ask of each other. */
#ifndef SHIM_DOOR_H
#define SHIM_DOOR_H

#include <linux/firmware.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/wait.h>

/* One entry of a directory or of the list of devices; borrowed for one call. */
struct machine_entry {
	const char *name;
	const char *target;
	u16 mode;
	u8 kind; /* 'd', 'f', 'l' or 'c' */
};

/* Returns false to stop. Must not sleep. */
typedef bool (*machine_entry_fn)(void *ctx, const struct machine_entry *entry);

/*
 * glue/file.c: open files. A file is counted; machine_file_close() gives one
 * reference up, and the last one runs the driver's release.
 */
struct file *machine_file_new(const char *name,
			      const struct file_operations *fops,
			      unsigned int flags, umode_t mode);
void machine_file_set_node(struct file *file, struct kernfs_node *kn);
int machine_file_open(struct file *file);
void machine_file_get(struct file *file);
void machine_file_put(struct file *file);
int machine_file_flush(struct file *file);
void machine_file_settle(void);
bool machine_file_is_readable(struct file *file);
bool machine_file_is_writable(struct file *file);
/* `to` and `from` are windows of the running task (shim/src/door/uaccess) */
ssize_t machine_file_read(struct file *file, void *to, size_t count);
ssize_t machine_file_write(struct file *file, const void *from, size_t count);
long machine_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/* `to` and `from` are the kernel's own memory */
ssize_t machine_file_pread(struct file *file, void *to, size_t count,
			   loff_t pos);
ssize_t machine_file_pwrite(struct file *file, const void *from, size_t count,
			    loff_t pos);
/* Ready bits among `events`; 0 after the timeout (-1: none); or an errno. */
int machine_file_poll(struct file *file, u32 events, s64 timeout_ns);

/* glue/sysfs.c: nodes of sysfs, each returned with a reference. */
struct kernfs_node *machine_node_walk(const char *path, size_t len);
void machine_node_put(struct kernfs_node *kn);
void machine_node_each(struct kernfs_node *dir, machine_entry_fn fn, void *ctx);
u8 machine_node_kind(struct kernfs_node *kn);
u16 machine_node_mode(struct kernfs_node *kn);
bool machine_node_is_live(struct kernfs_node *kn);
/* What the permission bits let one ask for: FMODE_READ, FMODE_WRITE */
unsigned int machine_node_access(struct kernfs_node *kn);
/* flags: O_RDONLY, O_WRONLY or O_RDWR; an ERR_PTR if it is refused. */
struct file *machine_node_open(struct kernfs_node *kn, unsigned int flags);

/* glue/sysfs.c: counts the announcements of one file (sysfs_notify). */
struct machine_watch;
struct machine_watch *machine_watch_new(struct kernfs_node *kn, u32 count);
void machine_watch_free(struct machine_watch *watch);
struct kernfs_node *machine_watch_node(struct machine_watch *watch);
/* Waits until the count is not `known`; false after the timeout. */
bool machine_watch_wait(struct machine_watch *watch, u32 known, s64 timeout_ns);
u32 machine_watch_count(struct machine_watch *watch);

/* glue/chardev.c: the character devices, by the names that they have in /dev. */
void machine_chardev_each(machine_entry_fn fn, void *ctx);
struct file *machine_chardev_open(const char *name, unsigned int flags);

/*
 * glue/socket.c: sockets, each in a file that only these functions,
 * machine_file_poll() and machine_file_close() are called with. `addr` is the
 * kernel's own memory and no longer than a sockaddr_storage; `from` and `to`
 * are windows. Each returns a count or an errno.
 */
struct file *machine_socket_open(int family, int type, int protocol, int flags);
int machine_socket_bind(struct file *file, const void *addr, size_t len);
int machine_socket_connect(struct file *file, const void *addr, size_t len);
int machine_socket_listen(struct file *file, int backlog);
struct file *machine_socket_accept(struct file *file, int flags);
int machine_socket_name(struct file *file, void *addr);
ssize_t machine_socket_send(struct file *file, const void *from, size_t count,
			    const void *addr, size_t addr_len,
			    unsigned int flags);
ssize_t machine_socket_receive(struct file *file, void *to, size_t *count,
			       void *addr, size_t *addr_len,
			       unsigned int *flags);
int machine_socket_set_option(struct file *file, int level, int name,
			      void *value, unsigned int len);

/*
 * glue/suspend.c asks shim/src/door: no request of a client is begun any more;
 * those that were are signalled, as processes that Linux freezes, and counted;
 * all go on, and those that the signal ended begin again.
 */
void machine_hold_clients(void);
unsigned int machine_interrupt_clients(void);
void machine_release_clients(void);

/* glue/firmware.c asks shim/src/firmware. */
int machine_firmware_size(const char *name, size_t *size);
ssize_t machine_firmware_read(const char *name, size_t offset, void *to,
			      size_t count);

#endif
