// SPDX-License-Identifier: GPL-2.0-only
/*
 * printk: C variadics, formatted by upstream's vsprintf, handed to the shim a
 * line at a time (include/linux/printk.h).
 */
#include <linux/console.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/dev_printk.h>
#include <linux/ratelimit.h>
#include <linux/version.h>

/* shim/src/log: one piece of text at a level; it joins pieces into lines. */
extern void machine_log(int level, int is_continuation, const char *text,
			size_t len);

int console_printk[4] = {
	CONSOLE_LOGLEVEL_DEFAULT, MESSAGE_LOGLEVEL_DEFAULT,
	CONSOLE_LOGLEVEL_MIN, CONSOLE_LOGLEVEL_DEFAULT,
};
int oops_in_progress;
int printk_delay_msec;

/* Upstream's lock debugging wants everything shown from its first finding on. */
void console_verbose(void)
{
	if (console_loglevel)
		console_loglevel = CONSOLE_LOGLEVEL_MOTORMOUTH;
}

int vprintk_emit(int facility, int level,
		 const struct dev_printk_info *dev_info, const char *fmt,
		 va_list args)
{
	static char text[1024];
	const char *start = text;
	int is_continuation = 0;
	int len = vscnprintf(text, sizeof(text), fmt, args);

	while (len >= 2 && start[0] == KERN_SOH_ASCII) {
		if (start[1] >= '0' && start[1] <= '7') {
			if (level == LOGLEVEL_DEFAULT)
				level = start[1] - '0';
		} else if (start[1] == 'c') {
			is_continuation = 1;
		}
		start += 2;
		len -= 2;
	}
	if (level == LOGLEVEL_DEFAULT || level < 0)
		level = MESSAGE_LOGLEVEL_DEFAULT;
	machine_log(level, is_continuation, start, len);
	return len;
}

int vprintk(const char *fmt, va_list args)
{
	return vprintk_emit(0, LOGLEVEL_DEFAULT, NULL, fmt, args);
}

int vprintk_default(const char *fmt, va_list args)
{
	return vprintk(fmt, args);
}

int _printk(const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vprintk(fmt, args);
	va_end(args);
	return len;
}

int _printk_deferred(const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vprintk(fmt, args);
	va_end(args);
	return len;
}

/* What kernel/printk/printk.c sets as the default: ten lines in five seconds. */
DEFINE_RATELIMIT_STATE(printk_ratelimit_state, 5 * HZ, 10);

int __printk_ratelimit(const char *func)
{
	return ___ratelimit(&printk_ratelimit_state, func);
}

/* Nothing below printk takes a lock, so there is nothing to defer. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
void __printk_deferred_enter(void) { }
void __printk_deferred_exit(void) { }
#else
void __printk_safe_enter(void) { }
void __printk_safe_exit(void) { }
#endif
