/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* rtl/stdint.h: integers by their width. */
#ifndef RTL_STDINT_H
#define RTL_STDINT_H
#include <stddef.h>
#include <stdint.h>

typedef uint8_t rtl_uint8_t;
typedef uint16_t rtl_uint16_t;
typedef uint32_t rtl_uint32_t;
typedef uint64_t rtl_uint64_t;
typedef int32_t rtl_int32_t;
typedef size_t rtl_size_t;
typedef uintptr_t rtl_uintptr_t;
#define RTL_NULL ((void *)0)
#define INFINITE_TIMEOUT UINT32_MAX

#endif
