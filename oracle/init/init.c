// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle's one process on real Linux: does what the host asks, one line
 * after the other, and answers each with one line.
 *
 * A request is a letter and words; an answer is "@ok WORD" or "@err ERRNO".
 * Texts, paths and data are words in hexadecimal digits, "-" if empty.
 *
 * Both go over an I2C adapter of its own (linux/control.rs), whose node is in
 * the environment: what comes over a virtio device comes at a virtual time.
 *
 *   L path          entries of a directory: kind, mode, name, link's target
 *   R path          the first page of a file
 *   T path count    reads a file count times; answers with the ns that took
 *   W path data     one write; answers with the count
 *   O path flags    opens; answers with the number
 *   F fd count      reads from an open file
 *   r path offset   a page from a byte on
 *   w path data offset   one write at a byte; answers with the count
 *   I fd number value arg   a command: its argument is a pointer to arg, or value
 *                   if arg is empty; answers with the result (8 bytes) and arg
 *   D fd data       one write to an open file; answers with the count
 *   P fd events ms  polls; answers with what is there
 *   C fd            closes
 *   s family type protocol   a socket that does not wait; answers with the number
 *   b fd addr       binds it
 *   c fd addr       connects it
 *   o fd level name value    sets an option
 *   f fd count      receives one message: what recv() returned (8 bytes), and what came
 *   n path data     makes a file
 *   K               the kernel's log since the last K, as /dev/kmsg has it
 *   S ms            sleeps
 *   Q               powers off
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c.h>
#include <linux/i2c-dev.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define MAX_ANSWER (1 << 18)
#define MAX_LINE (1 << 14)
/* Of one message; i2c-dev takes 8192. */
#define MAX_PART 4096

static int control;

/* One message over the wire; without the wire there is nobody to live for. */
static void transfer(int flags, const void *data, size_t len)
{
	struct i2c_msg message = {
		.addr = 0x10, .flags = (__u16)flags, .len = (__u16)len, .buf = (void *)data,
	};
	struct i2c_rdwr_ioctl_data request = { .msgs = &message, .nmsgs = 1 };

	if (ioctl(control, I2C_RDWR, &request) != 1) {
		fprintf(stderr, "oracle's init: the wire: %s\n", strerror(errno));
		reboot(RB_POWER_OFF);
	}
}

static unsigned char answer[MAX_ANSWER];
static size_t answer_len;

void add(const void *data, size_t len)
{
	if (len > MAX_ANSWER - answer_len)
		len = MAX_ANSWER - answer_len;
	memcpy(answer + answer_len, data, len);
	answer_len += len;
}

void addf(const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0)
		add(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static void put(const char *text, size_t len)
{
	while (len > 0) {
		size_t part = len < MAX_PART ? len : MAX_PART;

		transfer(0, text, part);
		text += part;
		len -= part;
	}
}

static void reply(int failed)
{
	static const char digits[] = "0123456789abcdef";
	static char line[2 * MAX_ANSWER + 16];
	size_t len;

	if (failed) {
		len = (size_t)sprintf(line, "@err %d\n", failed);
	} else {
		len = (size_t)sprintf(line, "@ok ");
		for (size_t i = 0; i < answer_len; i++) {
			line[len++] = digits[answer[i] >> 4];
			line[len++] = digits[answer[i] & 15];
		}
		if (answer_len == 0)
			line[len++] = '-';
		line[len++] = '\n';
	}
	put(line, len);
}

static int digit(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

size_t decode(char *word)
{
	size_t len = 0;

	if (word[0] != '-')
		for (; word[2 * len] && word[2 * len + 1]; len++)
			word[len] = (char)(digit(word[2 * len]) << 4 | digit(word[2 * len + 1]));
	word[len] = 0;
	return len;
}

static int list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return errno;
	while ((entry = readdir(dir))) {
		char target[1024] = "";
		struct stat st;
		char kind = 'f';

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISDIR(st.st_mode))
			kind = 'd';
		if (S_ISLNK(st.st_mode)) {
			ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

			kind = 'l';
			target[len < 0 ? 0 : len] = 0;
		}
		addf("%c %o ", kind, (unsigned)st.st_mode & 07777);
		add(entry->d_name, strlen(entry->d_name));
		add("\t", 1);
		add(target, strlen(target));
		add("\n", 1);
	}
	closedir(dir);
	return 0;
}

static int read_file(const char *path)
{
	char page[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int failed;

	if (fd < 0)
		return errno;
	len = read(fd, page, sizeof(page));
	failed = len < 0 ? errno : 0;
	close(fd);
	if (!failed)
		add(page, (size_t)len);
	return failed;
}

static int time_reads(const char *path, long count)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < count; i++) {
		int failed;

		answer_len = 0;
		failed = read_file(path);
		if (failed)
			return failed;
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	answer_len = 0;
	addf("%lld", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
	return 0;
}

static int write_file(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int failed;

	if (fd < 0)
		return errno;
	done = write(fd, data, len);
	failed = done < 0 ? errno : 0;
	close(fd);
	if (!failed)
		addf("%zd", done);
	return failed;
}

static int make_file(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int failed = 0;

	if (fd < 0)
		return errno;
	while (len > 0 && !failed) {
		ssize_t done = write(fd, data, len);

		failed = done < 0 ? errno : 0;
		data += done < 0 ? 0 : done;
		len -= done < 0 ? 0 : (size_t)done;
	}
	close(fd);
	return failed;
}

static int read_at(const char *path, long long offset)
{
	char page[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int failed;

	if (fd < 0)
		return errno;
	len = pread(fd, page, sizeof(page), offset);
	failed = len < 0 ? errno : 0;
	close(fd);
	if (!failed)
		add(page, (size_t)len);
	return failed;
}

static int write_at(const char *path, const char *data, size_t len, long long offset)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int failed;

	if (fd < 0)
		return errno;
	done = pwrite(fd, data, len, offset);
	failed = done < 0 ? errno : 0;
	close(fd);
	if (!failed)
		addf("%zd", done);
	return failed;
}

static int command(int fd, unsigned long number, unsigned long value, char *arg, size_t len)
{
	long long result = ioctl(fd, number, len ? (unsigned long)arg : value);

	if (result < 0)
		return errno;
	add(&result, sizeof(result));
	add(arg, len);
	return 0;
}

static int read_fd(int fd, size_t count)
{
	static char data[1 << 16];
	ssize_t len = read(fd, data, count < sizeof(data) ? count : sizeof(data));

	if (len < 0)
		return errno;
	add(data, (size_t)len);
	return 0;
}

static int poll_fd(int fd, short events, int ms)
{
	struct itimerspec limit = { .it_value = { ms / 1000, ms % 1000 * 1000000L } };
	struct pollfd wait[] = {
		{ .fd = fd, .events = events },
		{ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), .events = POLLIN },
	};
	int failed = 0;

	/* poll()'s own limit may be late by a thousandth of it (select_estimate_accuracy in fs/select.c). */
	if (wait[1].fd < 0)
		return errno;
	if (timerfd_settime(wait[1].fd, 0, &limit, NULL) || poll(wait, 2, ms ? -1 : 0) < 0)
		failed = errno;
	close(wait[1].fd);
	if (!failed)
		addf("%d", wait[0].revents);
	return failed;
}

static int kernel_log(int fd)
{
	char record[8192];

	for (;;) {
		ssize_t len = read(fd, record, sizeof(record));

		if (len < 0 && errno == EPIPE)
			continue;	/* lines were lost; the next read goes on */
		if (len <= 0)
			return 0;
		add(record, (size_t)len);
	}
}

static void run(char *line, int log)
{
	char *words[5] = { "", "", "", "", "" };
	int count = 0;
	int failed = EINVAL;

	for (char *word = strtok(line, " "); word && count < 5; word = strtok(NULL, " "))
		words[count++] = word;
	answer_len = 0;
	if (strchr("LRTWOrwn", words[0][0]) && count > 1)
		decode(words[1]);
	switch (words[0][0]) {
	case 'L':
		failed = list(words[1]);
		break;
	case 'R':
		failed = read_file(words[1]);
		break;
	case 'T':
		failed = time_reads(words[1], atol(words[2]));
		break;
	case 'W':
		if (count == 3) {
			size_t len = decode(words[2]);

			failed = write_file(words[1], words[2], len);
		}
		break;
	case 'n':
		if (count == 3) {
			size_t len = decode(words[2]);

			failed = make_file(words[1], words[2], len);
		}
		break;
	case 'O': {
		int fd = open(words[1], atoi(words[2]) | O_CLOEXEC);

		failed = fd < 0 ? errno : 0;
		addf("%d", fd);
		break;
	}
	case 'r':
		failed = read_at(words[1], atoll(words[2]));
		break;
	case 'w':
		if (count == 4) {
			size_t len = decode(words[2]);

			failed = write_at(words[1], words[2], len, atoll(words[3]));
		}
		break;
	case 'I':
		if (count == 5) {
			size_t len = decode(words[4]);

			failed = command(atoi(words[1]), strtoul(words[2], NULL, 10),
					 strtoul(words[3], NULL, 10), words[4], len);
		}
		break;
	case 'F':
		failed = read_fd(atoi(words[1]), (size_t)atoi(words[2]));
		break;
	case 'D': {
		size_t len = decode(words[2]);
		ssize_t done = write(atoi(words[1]), words[2], len);

		failed = done < 0 ? errno : 0;
		addf("%zd", done);
		break;
	}
	case 'P':
		failed = poll_fd(atoi(words[1]), (short)atoi(words[2]), atoi(words[3]));
		break;
	case 's':
	case 'b':
	case 'c':
	case 'o':
	case 'f':
		failed = socket_request(words, count);
		break;
	case 'C':
		failed = close(atoi(words[1])) ? errno : 0;
		break;
	case 'K':
		failed = kernel_log(log);
		break;
	case 'S': {
		int ms = atoi(words[1]);
		struct timespec rest = { ms / 1000, ms % 1000 * 1000000L };

		while (nanosleep(&rest, &rest) && errno == EINTR)
			;
		failed = 0;
		break;
	}
	case 'Q':
		reply(0);
		reboot(RB_POWER_OFF);
		break;
	}
	reply(failed);
}

int main(void)
{
	static unsigned char part[2 + MAX_PART];
	static char line[MAX_LINE];
	const char *node = getenv("wire");
	size_t len = 0;
	int log;

	/* Else each sleep is 50 us longer than asked for, in which an interrupt may come. */
	prctl(PR_SET_TIMERSLACK, 1);
	mkdir("/lib", 0755);
	mkdir("/lib/firmware", 0755);
	mkdir("/sys", 0755);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	control = open(node ? node : "", O_RDWR | O_CLOEXEC);
	if (control < 0)
		fprintf(stderr, "oracle's init: %s: %s\n", node ? node : "no wire", strerror(errno));
	put("@ready\n", 7);
	for (;;) {
		size_t count;

		transfer(I2C_M_RD, part, sizeof(part));
		count = (size_t)part[0] | (size_t)part[1] << 8;
		for (size_t i = 0; i < count && i < MAX_PART; i++) {
			line[len] = (char)part[2 + i];
			if (line[len] == '\n') {
				line[len] = 0;
				run(line, log);
				len = 0;
			} else if (++len == sizeof(line) - 1) {
				len = 0;
			}
		}
	}
}
