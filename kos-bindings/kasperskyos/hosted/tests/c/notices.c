// SPDX-License-Identifier: MIT OR Apache-2.0
/* coresrv/handle/notice_api.h. */
#include "harness.h"

enum { SOON_MS = 10000, SHORT_MS = 30, MANY = 200, MOST = 128 };

static Handle object_of(rtl_uint32_t rights)
{
	Handle object;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, rights, RTL_NULL, &object), rcOk);
	return object;
}

static void events_are_counted(void)
{
	Handle object = object_of(OCAP_HANDLE_GET_EVENT | OCAP_HANDLE_SET_EVENT);
	EventDesc events[4];
	rtl_size_t count = 9;
	Notice notice;

	EQUAL(KnNoticeCreate(&notice), rcOk);
	EQUAL(KnNoticeSubscribeToObject(notice, object, OBJECT_EVENT_USER(0) | OBJECT_EVENT_USER(1), 42), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SHORT_MS, 4, events, &count), rcTimeout);
	for (int at = 0; at < 3; at++)
		EQUAL(KnNoticeSetObjectEvent(object, OBJECT_EVENT_USER(0)), rcOk);
	/* Nobody asked for this one. */
	EQUAL(KnNoticeSetObjectEvent(object, OBJECT_EVENT_USER(2)), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, 4, events, &count), rcOk);
	EQUAL(count, 1);
	EQUAL(events[0].eventId, 42);
	EQUAL(events[0].eventMask, OBJECT_EVENT_USER(0));
	EQUAL(events[0].count, 3);
	/* The kernel's bits are the kernel's. */
	EQUAL(KnNoticeSetObjectEvent(object, EVENT_OBJECT_DESTROYED), rcInvalidArgument);
	EQUAL(KnNoticeUnsubscribeFromEvent(notice, 42), rcOk);
	EQUAL(KnNoticeSetObjectEvent(object, OBJECT_EVENT_USER(0)), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SHORT_MS, 4, events, &count), rcTimeout);
}

static void what_is_wrong_is_refused(void)
{
	Handle mute = object_of(OCAP_HANDLE_COPY), object = object_of(OCAP_HANDLE_GET_EVENT | OCAP_HANDLE_SET_EVENT);
	EventDesc events[1];
	rtl_size_t count;
	Notice notice;

	EQUAL(KnNoticeCreate(&notice), rcOk);
	EQUAL(KnNoticeSubscribeToObject(notice, mute, OBJECT_EVENT_USER(0), 1), rcSecurityDisallow);
	EQUAL(KnNoticeSetObjectEvent(mute, OBJECT_EVENT_USER(0)), rcSecurityDisallow);
	EQUAL(KnNoticeSubscribeToObject(object, object, OBJECT_EVENT_USER(0), 1), rcInvalidArgument);
	EQUAL(KnNoticeSubscribeToObject(notice, 4711, OBJECT_EVENT_USER(0), 1), rcInvalidArgument);
	EQUAL(KnNoticeGetEvent(4711, SHORT_MS, 1, events, &count), rcInvalidArgument);
	EQUAL(KnNoticeGetEvent(notice, SHORT_MS, 0, events, &count), rcInvalidArgument);
	EQUAL(KnNoticeGetEvent(notice, SHORT_MS, 1, RTL_NULL, &count), rcInvalidArgument);
	EQUAL(KnNoticeGetEvent(notice, SHORT_MS, 1, events, RTL_NULL), rcInvalidArgument);
	EQUAL(KnNoticeCreate(RTL_NULL), rcInvalidArgument);
}

static void at_most_128_at_once(void)
{
	Handle object = object_of(OCAP_HANDLE_GET_EVENT | OCAP_HANDLE_SET_EVENT);
	static EventDesc events[MANY];
	rtl_size_t count;
	Notice notice;

	EQUAL(KnNoticeCreate(&notice), rcOk);
	for (int id = 0; id < MANY; id++)
		EQUAL(KnNoticeSubscribeToObject(notice, object, OBJECT_EVENT_USER(0), (rtl_uintptr_t)id), rcOk);
	EQUAL(KnNoticeSetObjectEvent(object, OBJECT_EVENT_USER(0)), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, MANY, events, &count), rcOk);
	EQUAL(count, MOST);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, MANY, events, &count), rcOk);
	EQUAL(count, MANY - MOST);
}

static void a_badge_is_heard_of(void)
{
	Handle object = object_of(OCAP_HANDLE_COPY), badge, counted;
	EventDesc events[4];
	rtl_size_t count;
	Notice notice;

	EQUAL(KnNoticeCreate(&notice), rcOk);
	EQUAL(KnHandleCreateBadge(notice, 5, RTL_NULL, &badge), rcOk);
	EQUAL(KnHandleCopy(object, OCAP_HANDLE_COPY, badge, &counted), rcOk);
	EQUAL(KnHandleClose(counted), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, 4, events, &count), rcOk);
	EQUAL(events[0].eventId, 5);
	CHECK(events[0].eventMask & EVENT_BADGE_CLOSED);
	EQUAL(KnHandleClose(badge), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, 4, events, &count), rcOk);
	CHECK(events[0].eventMask & EVENT_OBJECT_DESTROYED);
}

static int drops_soon(void *context)
{
	KosThreadSleep(SHORT_MS);
	EQUAL(KnNoticeDropAndWake(*(Notice *)context, 1), rcOk);
	return 0;
}

static void a_wait_is_ended(void)
{
	Handle object = object_of(OCAP_HANDLE_GET_EVENT | OCAP_HANDLE_SET_EVENT);
	EventDesc events[1];
	rtl_size_t count;
	Notice notice;
	Tid tid;

	EQUAL(KnNoticeCreate(&notice), rcOk);
	EQUAL(KnNoticeSubscribeToObject(notice, object, OBJECT_EVENT_USER(0), 1), rcOk);
	EQUAL(KnNoticeUnsubscribeFromObject(notice, object), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, drops_soon, &notice, 0), rcOk);
	EQUAL(KnNoticeGetEvent(notice, SOON_MS, 1, events, &count), rcFail);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
}

const struct scenario notice_scenarios[] = {
	{ "p08 rcTimeout: masks, identifiers, counters", RTL_NULL, events_are_counted },
	{ "p08 rcInvalidArgument rcSecurityDisallow: what is wrong is refused", RTL_NULL, what_is_wrong_is_refused },
	{ "p08: at most 128 events at once", RTL_NULL, at_most_128_at_once },
	{ "p07 p08: EVENT_BADGE_CLOSED, EVENT_OBJECT_DESTROYED", RTL_NULL, a_badge_is_heard_of },
	{ "p08: KnNoticeDropAndWake ends a wait", RTL_NULL, a_wait_is_ended },
	{ 0 },
};
