// SPDX-License-Identifier: MIT OR Apache-2.0
/* What comes too late or too often for Call and Reply, and what a process asks the security module itself. */
#include "harness.h"

enum { SOON_MS = 10000, SHORT_MS = 30, CROWD = 270, CROWD_MS = 4000 };

/* The client gave up while its request was served: the answer is nobody's, and no answer to its next call. */
static void answers_after_the_time(void)
{
	struct message first, second;
	Handle from = listener();

	EQUAL(receive(from, &first, SOON_MS), rcOk);
	EQUAL(receive(from, &second, SOON_MS), rcOk);
	EQUAL(second.frame.threadId, first.frame.threadId);
	CHECK(!memcmp(second.text, "second", 6));
	/* In the order of the calls: the late one first. */
	EQUAL(answer(&first, 0, "late"), rcNotConnected);
	EQUAL(answer(&second, 0, "in time"), rcOk);
	EQUAL(answer(&first, 0, "later"), rcInvalidArgument);
}

static void gives_up_and_calls_again(void)
{
	struct message request, got;

	message_make(&request, 0, "first");
	message_room(&got);
	EQUAL(CallEx(channel(), &request.frame, &got.frame, 5 * SHORT_MS, INVALID_HANDLE), rcTimeout);
	EQUAL(say(channel(), 0, "second", &got), rcOk);
	EQUAL(got.frame.indirDescs[1].size, 7);
	CHECK(!memcmp(got.text, "in time", 7));
}

/* An answer that names its call by what Recv filled in is to that call, in whatever order they are given. */
static void answers_by_call(void)
{
	struct message first, second, response;
	Handle from = listener();

	EQUAL(receive(from, &first, SOON_MS), rcOk);
	EQUAL(receive(from, &second, SOON_MS), rcOk);
	message_make(&response, 0, "in time");
	response.frame.threadId = second.frame.threadId;
	response.frame.traceId = second.frame.traceId;
	response.frame.spanId = second.frame.spanId;
	EQUAL(Reply(second.frame.replyHandle, &response.frame), rcOk);
	message_make(&response, 0, "late");
	response.frame.threadId = first.frame.threadId;
	response.frame.traceId = first.frame.traceId;
	response.frame.spanId = first.frame.spanId;
	EQUAL(Reply(first.frame.replyHandle, &response.frame), rcNotConnected);
}

/* The client's process ends while its request is served. */
static void answers_the_dead(void)
{
	struct message request;
	Handle from = listener();

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	harness_kill_client();
	EQUAL(answer(&request, 0, "too late"), rcNotConnected);
	EQUAL(answer(&request, 0, "too late"), rcInvalidArgument);
	/* And nothing of it is left. */
	EQUAL(receive(from, &request, SHORT_MS), rcTimeout);
}

static void dies_calling(void)
{
	struct message got;

	EQUAL(say(channel(), 0, "last words", &got), rcNotConnected);
}

static void receives_nothing(void)
{
	KosThreadSleep(CROWD_MS + 1000);
}

static int crowd_calls(void *context)
{
	struct message request, got;

	message_make(&request, 0, "");
	message_room(&got);
	*(Retcode *)context = CallEx(channel(), &request.frame, &got.frame, CROWD_MS, INVALID_HANDLE);
	return 0;
}

static void too_many_call(void)
{
	static Retcode codes[CROWD];
	static Tid tids[CROWD];
	int busy = 0, late = 0;

	for (int at = 0; at < CROWD; at++)
		EQUAL(KosThreadCreate(&tids[at], ThreadPriorityNormal, 65536, crowd_calls, &codes[at], 0), rcOk);
	for (int at = 0; at < CROWD; at++) {
		EQUAL(KosThreadWait(tids[at], SOON_MS), rcOk);
		busy += codes[at] == rcBusy;
		late += codes[at] == rcTimeout;
	}
	/* As many wait as may, the others are told at once. */
	EQUAL(busy + late, CROWD);
	CHECK(busy > 0 && late > 0);
}

/* What a process may have has an end. */
static void makes_without_end(void)
{
	Handle object;
	Retcode rc = rcOk;
	int made = 0;

	while (rc == rcOk && made < 10000) {
		rc = KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_TRANSFER, RTL_NULL, &object);
		made += rc == rcOk;
	}
	EQUAL(rc, rcFail);
	CHECK(made > 10);
}

static void asks_the_security_module(void)
{
	struct message request, got;
	Handle module, copy;

	EQUAL(KnHandleSecurityConnect(&module), rcOk);
	EQUAL(say(module, 0, "", &got), rcOk);
	EQUAL(got.frame.indirDescs[0].size, sizeof(nk_message));
	EQUAL(got.frame.indirDescs[1].size, 0);
	EQUAL(say(module, 0, "refuse this", &got), rcSecurityDisallow);
	/* What is no message of the interface is none here either. */
	message_make(&request, 0, "");
	nk_message_set_mid(&request.header, 9);
	message_room(&got);
	EQUAL(Call(module, &request.frame, &got.frame), rcInvalidArgument);
	EQUAL(receive(module, &got, SHORT_MS), rcSecurityDisallow);
	/* It stays with the process. */
	EQUAL(KnHandleCopy(module, OCAP_HANDLE_TRANSFER, INVALID_HANDLE, &copy), rcSecurityDisallow);
	message_make(&request, 1, "");
	request.handles[0] = handle_all(module);
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcSecurityDisallow);
	EQUAL(KnHandleClose(module), rcOk);
	EQUAL(say(module, 0, "", &got), rcNotConnected);
	EQUAL(KnHandleSecurityConnect(RTL_NULL), rcInvalidArgument);
}

/* The server's class has no security interface. */
static void has_nobody_to_ask(void)
{
	Handle module;

	EQUAL(KnHandleSecurityConnect(&module), rcNotConnected);
}

const struct scenario late_scenarios[] = {
	{ "p06 rcTimeout: a late answer is nobody's", answers_after_the_time, gives_up_and_calls_again },
	{ "p05: an answer to a call by its number", answers_by_call, gives_up_and_calls_again },
	{ "p13 rcNotConnected: an answer to the dead", answers_the_dead, dies_calling },
	{ "rcBusy rcTimeout: when too many wait", receives_nothing, too_many_call },
	{ "rcFail: at a limit", RTL_NULL, makes_without_end },
	{ "p04 rcSecurityDisallow rcNotConnected: the policy asked", has_nobody_to_ask, asks_the_security_module },
	{ 0 },
};
