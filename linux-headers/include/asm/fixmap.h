/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_FIXMAP_H
#define _ASM_FIXMAP_H
#endif
