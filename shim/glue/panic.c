// SPDX-License-Identifier: GPL-2.0-only
/*
 * panic, WARN and stack dumps: C variadics in front of shim/src/fatal.rs
 * (include/linux/panic.h, include/asm-generic/bug.h, include/linux/printk.h).
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/sched/debug.h>
#include <linux/slab.h>

extern void machine_fatal(const char *text, size_t len) __noreturn;
extern void machine_backtrace(int level);

int panic_timeout;
int panic_on_warn;
int panic_on_oops = 1;
unsigned long panic_on_taint;
static unsigned long taint_mask;

void panic(const char *fmt, ...)
{
	static char text[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	machine_fatal(text, len);
}

void dump_stack_lvl(const char *log_lvl)
{
	machine_backtrace(log_lvl && log_lvl[0] ? log_lvl[1] - '0' :
						  LOGLEVEL_WARNING);
}

void dump_stack(void)
{
	dump_stack_lvl(KERN_WARNING);
}

void show_stack(struct task_struct *task, unsigned long *sp,
		const char *loglvl)
{
	dump_stack_lvl(loglvl);
}

void add_taint(unsigned int flag, enum lockdep_ok lockdep_ok)
{
	taint_mask |= 1UL << flag;
}

int test_taint(unsigned int flag)
{
	return !!(taint_mask & (1UL << flag));
}

unsigned long get_taint(void)
{
	return taint_mask;
}

const char *print_tainted(void)
{
	return "";
}

static void warn(const char *file, int line, void *caller, unsigned int taint,
		 const char *fmt, va_list args)
{
	pr_warn("WARNING: at %s:%d, called from %px\n", file, line, caller);
	if (fmt)
		vprintk(fmt, args);
	add_taint(taint, LOCKDEP_STILL_OK);
	dump_stack();
}

void warn_slowpath_fmt(const char *file, int line, unsigned int taint,
		       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	warn(file, line, __builtin_return_address(0), taint, fmt, args);
	va_end(args);
}

void __warn_printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintk(fmt, args);
	va_end(args);
}
