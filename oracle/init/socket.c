// SPDX-License-Identifier: GPL-2.0-only
/* Requests about sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "init.h"

/* What no message is full of. */
#define UNWRITTEN 0xe5

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	addf("%d", fd);
	return fd < 0 ? errno : 0;
}

static int receive(int fd, size_t count)
{
	static char data[1 << 16];
	size_t room = count < sizeof(data) ? count : sizeof(data);
	size_t written = 0;
	long long len;

	/* A raw NFC socket may return a length and write nothing (docs/upstream-findings.md, "becomes a length"). */
	memset(data, UNWRITTEN, sizeof(data));
	/* As long as the message was, whatever there is room for; the protocol may say something else. */
	len = recv(fd, data, room, MSG_TRUNC);
	if (len < 0)
		return errno;
	for (size_t i = 0; i < room && i < (size_t)len; i++)
		if ((unsigned char)data[i] != UNWRITTEN)
			written = (size_t)len < room ? (size_t)len : room;
	add(&len, sizeof(len));
	add(data, written);
	return 0;
}

int socket_request(char *words[], int count)
{
	if (words[0][0] == 's' && count == 4)
		return open_socket(atoi(words[1]), atoi(words[2]), atoi(words[3]));
	if (words[0][0] == 'f' && count == 3)
		return receive(atoi(words[1]), (size_t)atoi(words[2]));
	if (words[0][0] == 'b' && count == 3) {
		size_t len = decode(words[2]);

		return bind(atoi(words[1]), (struct sockaddr *)words[2], (socklen_t)len) ? errno : 0;
	}
	if (words[0][0] == 'c' && count == 3) {
		size_t len = decode(words[2]);

		return connect(atoi(words[1]), (struct sockaddr *)words[2], (socklen_t)len) ? errno : 0;
	}
	if (words[0][0] == 'o' && count == 5) {
		size_t len = decode(words[4]);

		return setsockopt(atoi(words[1]), atoi(words[2]), atoi(words[3]), words[4], (socklen_t)len) ? errno : 0;
	}
	return EINVAL;
}
