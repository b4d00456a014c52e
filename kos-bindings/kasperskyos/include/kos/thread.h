/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* kos/thread.h: threads of the process. Edition 1.1's form. */
#ifndef KOS_THREAD_H
#define KOS_THREAD_H
#include <ipc/if_rend.h>
#include <rtl/retcode.h>

typedef int (*ThreadRoutine)(void *context);

#define ThreadPriorityNormal 15u

Retcode KosThreadCreate(Tid *tid, rtl_uint32_t priority, rtl_uint32_t stackSize, ThreadRoutine routine, void *context,
			int suspended);
Retcode KosThreadWait(Tid tid, rtl_uint32_t msec);
Retcode KosThreadSleep(rtl_uint32_t msec);

#endif
