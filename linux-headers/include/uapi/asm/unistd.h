/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _UAPI_ASM_UNISTD_H
#define _UAPI_ASM_UNISTD_H
#include <asm-generic/unistd.h>
#endif
