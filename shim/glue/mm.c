// SPDX-License-Identifier: GPL-2.0-only
/*
 * include/trace/events/mmflags.h: names of page, allocation and mapping flags.
 * The header keeps them as macros that make initialisers, so the tables can
 * only be C. lib/vsprintf.c prints %pGp, %pGg and %pGv from them.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/page-flags.h>
#include <linux/tracepoint-defs.h>
/* Without tracing the header still speaks of it; gcc alone takes what is left for declarations. */
#define TRACE_DEFINE_ENUM(name)
#include <trace/events/mmflags.h>

extern const struct trace_print_flags pageflag_names[];
extern const struct trace_print_flags gfpflag_names[];
extern const struct trace_print_flags vmaflag_names[];

const struct trace_print_flags pageflag_names[] = {
	__def_pageflag_names, { 0, NULL }
};

const struct trace_print_flags gfpflag_names[] = {
	__def_gfpflag_names, { 0, NULL }
};

const struct trace_print_flags vmaflag_names[] = {
	__def_vmaflag_names, { 0, NULL }
};
