// SPDX-License-Identifier: GPL-2.0-only
/*
 * AddressSanitizer and coverage inside a domain's image: what clang's instrumented code calls.
 *
 * The image shares the fuzzer's process and so its shadow memory, which the fuzzer's own AddressSanitizer has mapped;
 * everything else of that runtime stays out of the image. So there is no ABI between clang's instrumentation and
 * rustc's runtime but the shadow's place and scale (compiler-rt's asan_mapping.h), and the two may be of any version.
 * A report is a domain's last words: it ends the domain, and the shim writes the call trace.
 *
 * Comparisons are handed to libFuzzer, by a table that the fuzzer fills in.
 */
#include <linux/linkage.h>
#include <linux/string.h>
#include <linux/types.h>

#define UNSEEN __attribute__((no_sanitize("address", "coverage"), used))

#define SHADOW_AT 0x7fff8000UL
#define SCALE 3
#define GRAIN (1UL << SCALE)

extern void machine_fatal(const char *text, size_t len)
	__attribute__((noreturn));

static UNSEEN s8 *shadow(unsigned long at)
{
	return (s8 *)((at >> SCALE) + SHADOW_AT);
}

static UNSEEN void fill(s8 *to, u8 value, unsigned long count)
{
	asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

/* mm/raw/shadow.rs: 0 opens the bytes, any other value closes them. */
UNSEEN void machine_shadow(unsigned long at, unsigned long len, u8 value)
{
	unsigned long end = at + len;

	if (value) {
		/* A grain that is partly open says so itself. */
		at = (at + GRAIN - 1) & ~(GRAIN - 1);
		if (end > at)
			fill(shadow(at), value, (end - at) >> SCALE);
		return;
	}
	fill(shadow(at), 0, len >> SCALE);
	if (len % GRAIN)
		*shadow(end) = len % GRAIN;
}

static UNSEEN char *text(char *to, const char *from)
{
	while (*from)
		*to++ = *from++;
	return to;
}

static UNSEEN char *number(char *to, unsigned long value, unsigned int base)
{
	char digits[20];
	int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (count)
		*to++ = digits[--count];
	return to;
}

static UNSEEN const char *kind(unsigned long at)
{
	u8 value = *shadow(at);

	/* A grain that is open in part: what follows it says what was overrun. */
	if (value < GRAIN)
		value = *shadow(at + GRAIN);
	switch (value) {
	case 0xfa:
		return "heap-buffer-overflow";
	case 0xfd:
		return "heap-use-after-free";
	case 0xf1:
	case 0xf2:
	case 0xf3:
		return "stack-buffer-overflow";
	case 0xf8:
		return "stack-use-after-scope";
	case 0xf9:
		return "global-buffer-overflow";
	case 0xca:
	case 0xcb:
		return "dynamic-stack-buffer-overflow";
	}
	return "bad-access";
}

static UNSEEN noinline void report(unsigned long at, unsigned long len, bool is_write)
{
	static char line[160];
	char *to = line;

	to = text(to, "sanitizer: ");
	to = text(to, kind(at));
	to = text(to, is_write ? ": write of " : ": read of ");
	to = number(to, len, 10);
	to = text(to, " bytes at 0x");
	to = number(to, at, 16);
	machine_fatal(line, to - line);
}

/* The first byte of a range that may not be touched, or 0. */
static UNSEEN unsigned long first_closed(unsigned long at, unsigned long len)
{
	unsigned long end = at + len;

	while (at < end) {
		s8 value = *shadow(at);

		if (value && (s8)(at % GRAIN) >= value)
			return at;
		at++;
		if (!value)
			at = (at + GRAIN - 1) & ~(GRAIN - 1);
	}
	return 0;
}

static UNSEEN void check(unsigned long at, unsigned long len, bool is_write)
{
	unsigned long bad = first_closed(at, len);

	if (bad)
		report(bad, len, is_write);
}

/* mm/raw/shadow.rs: the shim is about to copy from or to a driver's buffer. */
UNSEEN void machine_shadow_check(unsigned long at, unsigned long len, bool is_write)
{
	check(at, len, is_write);
}

#define ACCESS(size)                                                       \
	UNSEEN void __asan_report_load##size(unsigned long at)             \
	{                                                                  \
		report(at, size, false);                                   \
	}                                                                  \
	UNSEEN void __asan_report_store##size(unsigned long at)            \
	{                                                                  \
		report(at, size, true);                                    \
	}                                                                  \
	UNSEEN void __asan_load##size(unsigned long at)                    \
	{                                                                  \
		check(at, size, false);                                    \
	}                                                                  \
	UNSEEN void __asan_store##size(unsigned long at)                   \
	{                                                                  \
		check(at, size, true);                                     \
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

UNSEEN void __asan_report_load_n(unsigned long at, unsigned long len)
{
	report(at, len, false);
}

UNSEEN void __asan_report_store_n(unsigned long at, unsigned long len)
{
	report(at, len, true);
}

UNSEEN void __asan_loadN(unsigned long at, unsigned long len)
{
	check(at, len, false);
}

UNSEEN void __asan_storeN(unsigned long at, unsigned long len)
{
	check(at, len, true);
}

UNSEEN void *__asan_memcpy(void *to, const void *from, unsigned long len)
{
	check((unsigned long)from, len, false);
	check((unsigned long)to, len, true);
	return memcpy(to, from, len);
}

UNSEEN void *__asan_memmove(void *to, const void *from, unsigned long len)
{
	check((unsigned long)from, len, false);
	check((unsigned long)to, len, true);
	return memmove(to, from, len);
}

UNSEEN void *__asan_memset(void *to, int value, unsigned long len)
{
	check((unsigned long)to, len, true);
	return memset(to, value, len);
}

/*
 * Frames that are left without a return: a task that ends. The shim opens a stack when it is handed out again, and the
 * fuzzer puts the shadow back after each input.
 */
UNSEEN void __asan_handle_no_return(void)
{
}

#define SET_SHADOW(value)                                                  \
	UNSEEN void __asan_set_shadow_##value(unsigned long at,            \
					      unsigned long count)         \
	{                                                                  \
		fill((s8 *)at, 0x##value, count);                          \
	}

SET_SHADOW(00)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)

UNSEEN void __asan_poison_stack_memory(unsigned long at, unsigned long len)
{
	machine_shadow(at, len, 0xf8);
}

UNSEEN void __asan_unpoison_stack_memory(unsigned long at, unsigned long len)
{
	machine_shadow(at, len, 0);
}

/* A variable length array stands between two zones of this many bytes (compiler-rt, asan_poisoning.cpp). */
#define ALLOCA_ZONE 32UL

UNSEEN void __asan_alloca_poison(unsigned long at, unsigned long len)
{
	unsigned long end = (at + len + ALLOCA_ZONE - 1) & ~(ALLOCA_ZONE - 1);

	fill(shadow(at - ALLOCA_ZONE), 0xca, ALLOCA_ZONE >> SCALE);
	machine_shadow(at, len, 0);
	machine_shadow(at + len, end - at - len, 0xcb);
	fill(shadow(end), 0xcb, ALLOCA_ZONE >> SCALE);
}

UNSEEN void __asan_allocas_unpoison(unsigned long top, unsigned long bottom)
{
	if (top && top <= bottom)
		fill(shadow(top), 0, (bottom - top) >> SCALE);
}

/*
 * One entry per global: what clang writes into the section asan_globals, or
 * into an array (LLVM, AddressSanitizer.cpp).
 */
struct global {
	unsigned long at, size, size_with_zone, name, module, has_init, place, odr;
};

/*
 * What the constructors call. They stand in .init_array, which a domain does not run; the fuzzer does, before the
 * driver is bound.
 */
UNSEEN void __asan_init(void)
{
}

UNSEEN void __asan_version_mismatch_check_v8(void)
{
}

UNSEEN void __asan_register_globals(const struct global *first, unsigned long count)
{
	const struct global *global;

	for (global = first; global < first + count; global++) {
		unsigned long open = (global->size + GRAIN - 1) & ~(GRAIN - 1);

		machine_shadow(global->at, global->size, 0);
		machine_shadow(global->at + open, global->size_with_zone - open, 0xf9);
	}
}

UNSEEN void __asan_register_elf_globals(unsigned long *is_done, const struct global *start, const struct global *stop)
{
	if (!*is_done)
		__asan_register_globals(start, stop - start);
	*is_done = 1;
}

UNSEEN void __asan_unregister_globals(const struct global *first, unsigned long count)
{
}

UNSEEN void __asan_unregister_elf_globals(unsigned long *is_done, const struct global *start, const struct global *stop)
{
}

/* The fuzzer finds these by their sections. */
UNSEEN void __sanitizer_cov_8bit_counters_init(void *start, void *stop)
{
}

UNSEEN void __sanitizer_cov_pcs_init(void *start, void *stop)
{
}

/*
 * libFuzzer's functions, by the order of sanitizer_hooks in src/hooks.rs. They take the place of the comparison from
 * their return address, so that they are jumped to.
 */
void *sanitizer_hooks[9] __attribute__((used));

#define HOOK(name, slot)                                                   \
	asm(".pushsection .text." #name ", \"ax\"\n"                       \
	    ".globl " #name "\n"                                           \
	    ".type " #name ", @function\n" #name ":\n"                     \
	    "\tmovq sanitizer_hooks+8*" #slot "(%rip), %rax\n"             \
	    "\ttestq %rax, %rax\n"                                         \
	    "\tjz 1f\n"                                                    \
	    "\tjmp *%rax\n"                                                \
	    "1:\tret\n"                                                    \
	    ".size " #name ", .-" #name "\n"                               \
	    ".popsection\n")

HOOK(__sanitizer_cov_trace_cmp1, 0);
HOOK(__sanitizer_cov_trace_cmp2, 1);
HOOK(__sanitizer_cov_trace_cmp4, 2);
HOOK(__sanitizer_cov_trace_cmp8, 3);
HOOK(__sanitizer_cov_trace_const_cmp1, 4);
HOOK(__sanitizer_cov_trace_const_cmp2, 5);
HOOK(__sanitizer_cov_trace_const_cmp4, 6);
HOOK(__sanitizer_cov_trace_const_cmp8, 7);
HOOK(__sanitizer_cov_trace_switch, 8);
