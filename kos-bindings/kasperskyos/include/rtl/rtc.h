/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* rtl/rtc.h: a time. */
#ifndef RTL_RTC_H
#define RTL_RTC_H
#include <rtl/stdint.h>

typedef struct RtlTimeSpec {
	/* The documentation names the fields, not their widths. */
	rtl_uint64_t sec;
	rtl_uint64_t nsec;
} RtlTimeSpec;

#endif
