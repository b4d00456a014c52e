/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/handle/notice_api.h: events of resources. */
#ifndef CORESRV_HANDLE_NOTICE_API_H
#define CORESRV_HANDLE_NOTICE_API_H
#include <coresrv/handle/handle_api.h>

/* handle/event_descr.h. The names are public, the bits are the hosted back end's. */
#define EVENT_OBJECT_DESTROYED (1u << 0)
#define EVENT_BADGE_CLOSED (1u << 1)
#define OBJECT_EVENT_USER(n) (1u << (16 + (n)))

typedef struct EventDesc {
	rtl_uint64_t eventId;
	rtl_uint32_t eventMask;
	/* How often it was raised since it was last read. */
	rtl_uint32_t count;
} EventDesc;

Retcode KnNoticeCreate(Notice *notice);
Retcode KnNoticeSubscribeToObject(Notice notice, Handle object, rtl_uint32_t evMask, rtl_uintptr_t evId);
Retcode KnNoticeUnsubscribeFromEvent(Notice notice, rtl_uintptr_t evId);
Retcode KnNoticeUnsubscribeFromObject(Notice notice, Handle object);
Retcode KnNoticeGetEvent(Notice notice, rtl_uint64_t msec, rtl_size_t countMax, EventDesc *events, rtl_size_t *count);
Retcode KnNoticeSetObjectEvent(Handle object, rtl_uint32_t evMask);
Retcode KnNoticeDropAndWake(Notice notice, rtl_uint32_t finish);

#endif
