/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/time/time_api.h: monotonic time since the start of the system. */
#ifndef CORESRV_TIME_TIME_API_H
#define CORESRV_TIME_TIME_API_H
#include <rtl/retcode.h>
#include <rtl/rtc.h>

Retcode KnGetUpTime(RtlTimeSpec *time);
rtl_size_t KnGetMSecSinceStart(void);

#endif
