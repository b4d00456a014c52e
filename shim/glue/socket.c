// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets of clients: upstream's, each in a struct file of its own
 * (include/linux/net.h, socket.h). Addresses are the kernel's own memory, data
 * lies in a window of the running task (shim/src/door/uaccess).
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/sockptr.h>
#include <linux/uio.h>
#include <net/sock.h>
#include "door.h"

#ifdef CONFIG_NET

/* What a client may ask of one message; the rest is the kernel's own. */
#define SENT_FLAGS (MSG_DONTWAIT | MSG_EOR | MSG_NOSIGNAL)
#define RECEIVED_FLAGS (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_WAITALL)

struct file *machine_socket_open(int family, int type, int protocol, int flags)
{
	struct socket *sock;
	int ret;

	if (type & ~SOCK_TYPE_MASK)
		return ERR_PTR(-EINVAL);
	ret = sock_create(family, type, protocol, &sock);
	if (ret < 0)
		return ERR_PTR(ret);
	return sock_alloc_file(sock, flags & O_NONBLOCK, NULL);
}

/* An address as the protocols take it: as long as any, and zero behind its end. */
static int copy_address(struct sockaddr_storage *to, const void *from,
			size_t len)
{
	if (len > sizeof(*to))
		return -EINVAL;
	memset(to, 0, sizeof(*to));
	memcpy(to, from, len);
	return 0;
}

int machine_socket_bind(struct file *file, const void *addr, size_t len)
{
	struct socket *sock = sock_from_file(file);
	struct sockaddr_storage to;
	int ret = copy_address(&to, addr, len);

	return ret ?: kernel_bind(sock, (struct sockaddr *)&to, len);
}

int machine_socket_connect(struct file *file, const void *addr, size_t len)
{
	struct socket *sock = sock_from_file(file);
	struct sockaddr_storage to;
	int ret = copy_address(&to, addr, len);

	return ret ?: kernel_connect(sock, (struct sockaddr *)&to, len,
				     sock->file->f_flags);
}

int machine_socket_listen(struct file *file, int backlog)
{
	return kernel_listen(sock_from_file(file), clamp(backlog, 0, SOMAXCONN));
}

struct file *machine_socket_accept(struct file *file, int flags)
{
	struct socket *sock = sock_from_file(file), *peer;
	int ret = kernel_accept(sock, &peer, sock->file->f_flags);

	if (ret < 0)
		return ERR_PTR(ret);
	return sock_alloc_file(peer, flags & O_NONBLOCK, NULL);
}

/* `addr` has room for a sockaddr_storage; returns how long the name is. */
int machine_socket_name(struct file *file, void *addr)
{
	return kernel_getsockname(sock_from_file(file), addr);
}

static unsigned int waits(struct file *file)
{
	return file->f_flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

ssize_t machine_socket_send(struct file *file, const void *from, size_t count,
			    const void *addr, size_t addr_len,
			    unsigned int flags)
{
	struct sockaddr_storage to;
	struct msghdr msg = {};
	int ret = copy_address(&to, addr, addr_len);

	if (ret)
		return ret;
	if (flags & ~SENT_FLAGS)
		return -EINVAL;
	if (addr_len) {
		msg.msg_name = &to;
		msg.msg_namelen = addr_len;
	}
	msg.msg_flags = flags | waits(file);
	iov_iter_ubuf(&msg.msg_iter, ITER_SOURCE, (void __user *)from, count);
	return sock_sendmsg(sock_from_file(file), &msg);
}

/*
 * What is returned is the protocol's word; `*count` becomes what it wrote. The
 * two differ with MSG_TRUNC, and when a protocol reports an error as a length.
 */
ssize_t machine_socket_receive(struct file *file, void *to, size_t *count,
			       void *addr, size_t *addr_len,
			       unsigned int *flags)
{
	struct msghdr msg = { .msg_name = addr };
	ssize_t ret;

	if (*flags & ~RECEIVED_FLAGS)
		return -EINVAL;
	iov_iter_ubuf(&msg.msg_iter, ITER_DEST, (void __user *)to, *count);
	ret = sock_recvmsg(sock_from_file(file), &msg, *flags | waits(file));
	*count -= iov_iter_count(&msg.msg_iter);
	*addr_len = clamp_t(int, msg.msg_namelen, 0,
			    sizeof(struct sockaddr_storage));
	*flags = msg.msg_flags & ~MSG_CMSG_CLOEXEC;
	return ret;
}

/* `value` is the kernel's own memory. Filters and devices hang on SOL_SOCKET. */
int machine_socket_set_option(struct file *file, int level, int name,
			      void *value, unsigned int len)
{
	struct socket *sock = sock_from_file(file);

	if (level == SOL_SOCKET || !sock->ops->setsockopt)
		return -ENOPROTOOPT;
	return sock->ops->setsockopt(sock, level, name, KERNEL_SOCKPTR(value),
				     len);
}

#else

struct file *machine_socket_open(int family, int type, int protocol, int flags)
{
	return ERR_PTR(-EAFNOSUPPORT);
}

/* Without the socket layer no file is a socket. */
int machine_socket_bind(struct file *file, const void *addr, size_t len)
{
	return -ENOTSOCK;
}

int machine_socket_connect(struct file *file, const void *addr, size_t len)
{
	return -ENOTSOCK;
}

int machine_socket_listen(struct file *file, int backlog)
{
	return -ENOTSOCK;
}

struct file *machine_socket_accept(struct file *file, int flags)
{
	return ERR_PTR(-ENOTSOCK);
}

int machine_socket_name(struct file *file, void *addr)
{
	return -ENOTSOCK;
}

ssize_t machine_socket_send(struct file *file, const void *from, size_t count,
			    const void *addr, size_t addr_len,
			    unsigned int flags)
{
	return -ENOTSOCK;
}

ssize_t machine_socket_receive(struct file *file, void *to, size_t *count,
			       void *addr, size_t *addr_len,
			       unsigned int *flags)
{
	return -ENOTSOCK;
}

int machine_socket_set_option(struct file *file, int level, int name,
			      void *value, unsigned int len)
{
	return -ENOTSOCK;
}

#endif
