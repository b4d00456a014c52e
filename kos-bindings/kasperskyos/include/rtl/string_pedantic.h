/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* rtl/string_pedantic.h: copies whose every access is aligned, for what lies in a device's memory. */
#ifndef RTL_STRING_PEDANTIC_H
#define RTL_STRING_PEDANTIC_H
#include <rtl/stdint.h>

static inline void *RtlPedanticMemcpy(void *to, const void *from, rtl_size_t bytes)
{
	volatile rtl_uint8_t *out = to;
	const volatile rtl_uint8_t *in = from;

	while (bytes--)
		*out++ = *in++;
	return to;
}

#endif
