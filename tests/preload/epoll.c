// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll as a program for Linux uses it: sockets of generic netlink beside pipes in one set. It says the same of real
 * Linux's sockets and, with linux-compat-preload, of a domain's. 77: this machine has no generic netlink.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                               \
	do {                                                                           \
		if (!(condition)) {                                                    \
			fprintf(stderr, "%d: %s (%s)\n", __LINE__, #condition, strerror(errno)); \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

#define SOON_MS 20000

static int netlink_socket(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 && errno == EPROTONOSUPPORT)
		exit(77);
	CHECK(fd >= 0);
	CHECK(!bind(fd, (struct sockaddr *)&addr, sizeof(addr)));
	return fd;
}

/* Asks for the controller's family, which answers at once. */
static void ask(int fd)
{
	struct {
		struct nlmsghdr head;
		struct genlmsghdr generic;
		struct nlattr attr;
		char name[8];
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = GENL_ID_CTRL, .nlmsg_flags = NLM_F_REQUEST },
		.generic = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.attr = { .nla_len = NLA_HDRLEN + sizeof("nlctrl"), .nla_type = CTRL_ATTR_FAMILY_NAME },
		.name = "nlctrl",
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	CHECK(sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel, sizeof(kernel)) == sizeof(request));
}

static void hear(int fd)
{
	char answer[8192];

	CHECK(recv(fd, answer, sizeof(answer), 0) > 20);
}

static int change(int set, int op, int fd, unsigned int events, unsigned long long data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(set, op, fd, &event);
}

/* The data of all events that are there, as bits; *bits has what they said. */
static unsigned int ready(int set, int most, int timeout, unsigned int *bits)
{
	struct epoll_event events[8];
	unsigned int all = 0;
	int count = epoll_wait(set, events, most, timeout);

	CHECK(count >= 0);
	*bits = 0;
	while (count--) {
		all |= events[count].data.u64;
		*bits |= events[count].events;
	}
	return all;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void levels(int set, int fd, int pipe_out, int pipe_in)
{
	unsigned int bits, seen = 0;
	long long begun;
	char byte;
	int turn;

	CHECK(!change(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
	begun = now_ms();
	CHECK(ready(set, 8, 50, &bits) == 0);
	CHECK(now_ms() - begun >= 49);
	ask(fd);
	CHECK(ready(set, 8, SOON_MS, &bits) == 1 && bits == EPOLLIN);
	CHECK(ready(set, 8, SOON_MS, &bits) == 1);
	CHECK(!change(set, EPOLL_CTL_ADD, pipe_in, EPOLLIN, 2));
	CHECK(write(pipe_out, "x", 1) == 1);
	CHECK(ready(set, 8, SOON_MS, &bits) == 3 && bits == EPOLLIN);
	/* With room for one, each has its turn. */
	for (turn = 0; turn < 4; turn++)
		seen |= ready(set, 1, SOON_MS, &bits);
	CHECK(seen == 3);
	hear(fd);
	CHECK(ready(set, 8, SOON_MS, &bits) == 2);
	CHECK(read(pipe_in, &byte, 1) == 1);
	CHECK(ready(set, 8, 0, &bits) == 0);
	/* It can be written to at any time. */
	CHECK(!change(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT, 1));
	CHECK(ready(set, 8, SOON_MS, &bits) == 1 && bits == EPOLLOUT);
	CHECK(!change(set, EPOLL_CTL_DEL, pipe_in, 0, 0));
}

static void shots_and_edges(int set, int fd)
{
	unsigned int bits;

	ask(fd);
	CHECK(!change(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 4));
	CHECK(ready(set, 8, SOON_MS, &bits) == 4);
	CHECK(ready(set, 8, 50, &bits) == 0);
	CHECK(!change(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 4));
	CHECK(ready(set, 8, SOON_MS, &bits) == 4);
	CHECK(!change(set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 8));
	CHECK(ready(set, 8, SOON_MS, &bits) == 8);
	CHECK(ready(set, 8, 50, &bits) == 0);
	hear(fd);
	CHECK(ready(set, 8, 0, &bits) == 0);
	ask(fd);
	CHECK(ready(set, 8, SOON_MS, &bits) == 8);
	hear(fd);
}

static void mistakes(int set, int fd, int pipe_in)
{
	struct epoll_event event;
	int copy;

	CHECK(change(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1) == -1 && errno == EEXIST);
	CHECK(epoll_ctl(set, EPOLL_CTL_MOD, fd, NULL) == -1 && errno == EFAULT);
	CHECK(epoll_ctl(set, 99, fd, &event) == -1 && errno == EINVAL);
	CHECK(change(pipe_in, EPOLL_CTL_ADD, fd, EPOLLIN, 1) == -1 && errno == EINVAL);
	CHECK(change(-1, EPOLL_CTL_ADD, fd, EPOLLIN, 1) == -1 && errno == EBADF);
	CHECK(epoll_wait(set, &event, 0, 0) == -1 && errno == EINVAL);
	CHECK(!epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
	CHECK(change(set, EPOLL_CTL_MOD, fd, EPOLLIN, 1) == -1 && errno == ENOENT);
	CHECK(epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) == -1 && errno == ENOENT);
	/* A copy of the descriptor is one more, and a copy of the set is the same. */
	copy = dup(fd);
	CHECK(!change(set, EPOLL_CTL_ADD, copy, EPOLLIN, 1));
	CHECK(!change(set, EPOLL_CTL_ADD, fd, EPOLLIN, 2));
	CHECK(!close(copy));
	copy = dup(set);
	ask(fd);
	CHECK(epoll_wait(copy, &event, 1, SOON_MS) == 1);
	hear(fd);
	CHECK(!close(copy));
}

static void *adds_later(void *arg)
{
	int *both = arg;

	usleep(100000);
	ask(both[1]);
	CHECK(!change(both[0], EPOLL_CTL_ADD, both[1], EPOLLIN, 16));
	return NULL;
}

/* Who waits already is woken by what another thread adds: first when there is nothing, then for a second one. */
static void threads(void)
{
	int set = epoll_create(1), both[2][2];
	unsigned int bits;
	pthread_t thread;
	long long begun;
	int turn;

	CHECK(set >= 0);
	for (turn = 0; turn < 2; turn++) {
		both[turn][0] = set;
		both[turn][1] = netlink_socket();
		begun = now_ms();
		CHECK(!pthread_create(&thread, NULL, adds_later, both[turn]));
		CHECK(ready(set, 8, -1, &bits) == 16);
		CHECK(now_ms() - begun < SOON_MS);
		CHECK(!pthread_join(thread, NULL));
		hear(both[turn][1]);
		CHECK(ready(set, 8, 0, &bits) == 0);
	}
	/* What is closed is in no set. */
	ask(both[0][1]);
	CHECK(ready(set, 8, SOON_MS, &bits) == 16);
	CHECK(!close(both[0][1]));
	CHECK(ready(set, 8, 50, &bits) == 0);
	CHECK(!close(both[1][1]));
	CHECK(!close(set));
	CHECK(epoll_wait(set, (struct epoll_event[1]){ 0 }, 1, 0) == -1 && errno == EBADF);
}

int main(void)
{
	int set = epoll_create1(EPOLL_CLOEXEC), fd = netlink_socket(), ends[2];

	CHECK(set >= 0 && !pipe(ends));
	levels(set, fd, ends[1], ends[0]);
	shots_and_edges(set, fd);
	mistakes(set, fd, ends[0]);
	CHECK(!close(fd));
	threads();
	puts("epoll: as on Linux");
	return 0;
}
