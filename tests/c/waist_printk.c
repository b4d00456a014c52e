// SPDX-License-Identifier: GPL-2.0-only
/*
 * printk and what stands beside it: include/linux/printk.h, kern_levels.h, panic.h, bug.h; formats are those of
 * Documentation/core-api/printk-formats.rst. tests/through_c.rs reads the lines that start with "line".
 */
#include <linux/bug.h>
#include <linux/console.h>
#include <linux/device.h>
#include <linux/i2c.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/debug.h>
#include <linux/uuid.h>
#include "ktap.h"

/* Headers that drivers do not include declare these. */
extern int vprintk_default(const char *fmt, va_list args);
extern void __warn_printk(const char *fmt, ...);
extern __printf(4, 5) void warn_slowpath_fmt(const char *file, int line,
					     unsigned int taint, const char *fmt, ...);

static int through_vprintk(int (*print)(const char *fmt, va_list args),
			   const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = print(fmt, args);
	va_end(args);
	return len;
}

static int through_emit(int level, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vprintk_emit(0, level, NULL, fmt, args);
	va_end(args);
	return len;
}

static void every_level_arrives(void)
{
	pr_emerg("line at 0\n");
	pr_alert("line at 1\n");
	pr_crit("line at 2\n");
	pr_err("line at 3\n");
	pr_warn("line at 4\n");
	pr_notice("line at 5\n");
	pr_info("line at 6\n");
	printk(KERN_DEBUG "line at 7\n");
	printk("line at default\n");
	/* The level that is given goes before that of the text. */
	through_emit(2, "line emitted at 2\n");
	through_emit(LOGLEVEL_DEFAULT, KERN_NOTICE "line emitted at 5\n");
	/* The length is that of the text, without its level. */
	expect_eq(printk(KERN_INFO "line of 11\n"), 11);
	expect_eq(through_vprintk(vprintk, KERN_INFO "line %d\n", 7), 7);
	expect_eq(through_vprintk(vprintk_default, KERN_INFO "line %d\n", 8), 7);
}

static void lines_are_joined_and_split(void)
{
	pr_info("line begins");
	pr_cont(", goes on");
	pr_cont(" and ends\n");
	pr_info("line left open");
	pr_info("line is another\n");
	pr_err("line one\nline two\n");
	printk_deferred(KERN_INFO "line deferred\n");
	printk_deferred_enter();
	pr_info("line in a deferred part\n");
	printk_deferred_exit();
	expect(true);
}

#define formats(text, ...)						\
	({								\
		char made_[128];					\
		int len_ = snprintf(made_, sizeof(made_), __VA_ARGS__);	\
		expect_eq(len_, strlen(text));				\
		expect_str(made_, text);				\
	})

static void formats_are_linux_s(void)
{
	static const u8 bytes[] = { 0xde, 0xad, 0x00, 0x0f };
	static const u8 mac[] = { 0, 0x1b, 0x21, 0xa, 0xb, 0xc };
	struct device_node *node = of_find_node_by_path("/i2c@0");
	phys_addr_t phys = 0x1234;
	guid_t guid = GUID_INIT(0x12345678, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	unsigned long bits[] = { 0x1f1 };

	formats("de ad 00 0f", "%*ph", 4, bytes);
	formats("de:ad:00:0f", "%*phC", 4, bytes);
	formats("dead000f", "%*phN", 4, bytes);
	formats("00:1b:21:0a:0b:0c", "%pM", mac);
	formats("/i2c@0", "%pOF", node);
	formats("i2c", "%pOFn", node);
	formats("linux-compat,i2c", "%pOFc", node);
	formats(IS_ENABLED(CONFIG_SYMBOLIC_ERRNAME) ? "-ENOENT" : "-2", "%pe", ERR_PTR(-ENOENT));
	formats("-12345", "%d", -12345);
	formats("0x0000000000001234", "%pa", &phys);
	formats("12345678-0001-0002-0304-05060708090a", "%pUl", &guid);
	formats("0,4-8", "%*pbl", 9, bits);
	formats("1f1", "%*pb", 9, bits);
	formats("a\\nb", "%*pE", 3, "a\nb");
	formats("abc", "%.3s", "abcdef");
	formats("(null)", "%s", (char *)NULL);
	formats("   7|7   |007", "%4d|%-4d|%03d", 7, 7, 7);
	formats("ff FF 0xff", "%x %X %#x", 255, 255, 255);
	formats("-1 18446744073709551615", "%lld %llu", -1LL, -1LL);
	formats("%", "%%");
	formats("GFP_KERNEL|__GFP_ZERO", "%pGg", &(gfp_t){ GFP_KERNEL | __GFP_ZERO });
	formats("read|write", "%pGv", &(unsigned long){ VM_READ | VM_WRITE });
	of_node_put(node);
}

static void flag_names_come_from_the_tables(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char text[64];

	set_bit(PG_referenced, &page->flags);
	snprintf(text, sizeof(text), "%pGp", &page->flags);
	expect(strstr(text, "referenced"));
	clear_bit(PG_referenced, &page->flags);
	__free_page(page);
}

static void a_pointer_is_not_given_away(void)
{
	char text[32], raw[32];

	snprintf(text, sizeof(text), "%p", formats_are_linux_s);
	snprintf(raw, sizeof(raw), "%px", formats_are_linux_s);
	expect(strcmp(text, raw));
	expect_eq(simple_strtoul(raw, NULL, 16), (unsigned long)formats_are_linux_s);
}

static void ratelimit_lets_some_through(void)
{
	int i, through = 0;

	expect_eq(printk_ratelimit_state.burst, 10);
	for (i = 0; i < 30; i++)
		through += printk_ratelimit() != 0;
	expect_eq(through, 10);

	for (i = 0; i < 100; i++)
		pr_info_ratelimited("line limited\n");
	for (i = 0; i < 3; i++)
		pr_info_once("line once\n");
	expect(true);
}

static void warnings_taint_and_go_on(void)
{
	unsigned long before = get_taint();

	expect(!test_taint(TAINT_WARN));
	expect_eq(WARN_ON(false), 0);
	expect_eq(WARN(before == ~0UL, "never"), 0);
	expect(!test_taint(TAINT_WARN));
	expect_eq(WARN(1, "line of a warning %d\n", 3), 1);
	expect(test_taint(TAINT_WARN));
	expect_eq(get_taint(), before | BIT(TAINT_WARN));
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	expect(test_taint(TAINT_USER));
	warn_slowpath_fmt("file.c", 12, TAINT_WARN, "line of a slow warning\n");
	__warn_printk("line without a place\n");
	expect(print_tainted());
}

static noinline void traced(void)
{
	dump_stack();
	dump_stack_lvl(KERN_INFO);
	show_stack(NULL, NULL, KERN_ERR);
}

static void stacks_can_be_dumped(void)
{
	traced();
	expect(!oops_in_progress);
	expect_eq(panic_timeout, CONFIG_PANIC_TIMEOUT);
	expect_eq(console_loglevel, CONSOLE_LOGLEVEL_DEFAULT);
	expect_eq(default_message_loglevel, MESSAGE_LOGLEVEL_DEFAULT);
	console_verbose();
	expect_eq(console_loglevel, CONSOLE_LOGLEVEL_MOTORMOUTH);
	console_loglevel = CONSOLE_LOGLEVEL_DEFAULT;
	expect(panic_on_oops);
	expect(!panic_on_warn && !panic_on_taint && !printk_delay_msec);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(every_level_arrives),
	KTAP_CASE(lines_are_joined_and_split),
	KTAP_CASE(formats_are_linux_s),
	KTAP_CASE(flag_names_come_from_the_tables),
	KTAP_CASE(a_pointer_is_not_given_away),
	KTAP_CASE(ratelimit_lets_some_through),
	KTAP_CASE(warnings_taint_and_go_on),
	KTAP_CASE(stacks_can_be_dumped),
};
KTAP_MODULE(cases);
