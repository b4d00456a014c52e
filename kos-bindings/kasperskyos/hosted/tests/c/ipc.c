// SPDX-License-Identifier: MIT OR Apache-2.0
/* coresrv/syscalls.h, coresrv/ipc/ipc_api.h, coresrv/sl/sl_api.h, services/rtl/nk_msg.h. */
#include "harness.h"

enum { SOON_MS = 10000, SHORT_MS = 30 };

/* Serves requests with echoes until nobody asks for a while, or `count` were answered. */
static void echo(int count)
{
	Handle from = listener();
	struct message request;

	while (count-- > 0 && receive(from, &request, SOON_MS) == rcOk) {
		char text[ARENA_BYTES + 1] = { 0 };

		memcpy(text, request.text, request.text_size);
		/* The answer to method 2 is what the policy refuses; the client has gone on then. */
		if (request.header.nk_mid == 2)
			EQUAL(answer(&request, 2, text), rcSecurityDisallow);
		else
			EQUAL(answer(&request, request.header.nk_mid, text), rcOk);
	}
}

static void echo_once(void)
{
	echo(1);
}

static void round_trip(void)
{
	struct message got;

	EQUAL(say(channel(), 0, "hello", &got), rcOk);
	EQUAL(got.frame.indirDescs[0].size, sizeof(nk_message));
	EQUAL(got.frame.indirDescs[1].size, 5);
	CHECK(!memcmp(got.text, "hello", 5));
	EQUAL(got.header.nk_iid, RIID);
}

static void sees_the_sender(void)
{
	Handle from = listener();
	struct message request;

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(request.frame.replyHandle, from);
	CHECK(request.frame.sender != 0 && request.frame.threadId != 0);
	EQUAL(request.text_size, 5);
	EQUAL(answer(&request, 0, "hello"), rcOk);
}

static void call_without_a_channel(void)
{
	struct message got;

	EQUAL(say(INVALID_HANDLE, 0, "", &got), rcNotConnected);
	EQUAL(say(12345, 0, "", &got), rcNotConnected);
}

static void call_with_bad_structure(void)
{
	struct message request, got;
	Handle to = channel();

	/* No such method, a size that is not the method's, handles that are not there, immediate data, no buffer. */
	message_make(&request, 0, "");
	nk_message_set_mid(&request.header, 9);
	message_room(&got);
	EQUAL(Call(to, &request.frame, &got.frame), rcInvalidArgument);

	message_make(&request, 0, "");
	request.frame.indirDescs[0].size = 32;
	message_room(&got);
	EQUAL(Call(to, &request.frame, &got.frame), rcInvalidArgument);

	message_make(&request, 1, "");
	request.handles[0] = handle_all(4711);
	message_room(&got);
	EQUAL(Call(to, &request.frame, &got.frame), rcInvalidArgument);

	message_make(&request, 0, "");
	request.frame.immSize = 4;
	message_room(&got);
	EQUAL(Call(to, &request.frame, &got.frame), rcInvalidArgument);

	message_make(&request, 0, "text");
	request.frame.indirDescs[1].buf = RTL_NULL;
	message_room(&got);
	EQUAL(Call(to, &request.frame, &got.frame), rcInvalidArgument);
	EQUAL(Call(to, RTL_NULL, &got.frame), rcInvalidArgument);
	EQUAL(Call(to, &request.frame, RTL_NULL), rcInvalidArgument);
}

static void server_sees_nothing(void)
{
	struct message request;

	EQUAL(receive(listener(), &request, 300), rcTimeout);
}

static void request_refused(void)
{
	struct message request, got;

	message_make(&request, 3, "");
	for (int at = 0; at < 3; at++)
		request.handles[at] = handle_all(channel());
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcSecurityDisallow);
}

static void response_refused(void)
{
	struct message request, got;

	message_make(&request, 2, "acts");
	for (int at = 0; at < 2; at++) {
		Handle object;

		EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_TRANSFER, RTL_NULL, &object), rcOk);
		request.handles[at] = handle_all(object);
	}
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcSecurityDisallow);
}

/* The server has acted by the time that its answer is refused. */
static void answers_with_what_is_refused(void)
{
	struct message request, response;

	EQUAL(receive(listener(), &request, SOON_MS), rcOk);
	message_make(&response, 2, "");
	response.handles[0] = handle_all(request.handles[0].handle);
	response.handles[1] = handle_all(request.handles[1].handle);
	response.frame.threadId = request.frame.threadId;
	EQUAL(Reply(request.frame.replyHandle, &response.frame), rcSecurityDisallow);
}

static void nobody_receives(void)
{
	KosThreadSleep(200);
}

static void call_times_out(void)
{
	struct message request, got;
	rtl_size_t begun = KnGetMSecSinceStart();

	message_make(&request, 0, "");
	message_room(&got);
	EQUAL(CallEx(channel(), &request.frame, &got.frame, SHORT_MS, INVALID_HANDLE), rcTimeout);
	CHECK(KnGetMSecSinceStart() - begun >= SHORT_MS - 1);
}

static int interrupt_soon(void *context)
{
	KosThreadSleep(SHORT_MS);
	EQUAL(KnIpcSetInterrupt(*(Handle *)context), rcOk);
	return 0;
}

static void call_is_interrupted(void)
{
	struct message request, got;
	Handle sync;
	Tid tid;

	EQUAL(KnIpcCreateSyncObject(&sync), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, interrupt_soon, &sync, 0), rcOk);
	message_make(&request, 0, "");
	message_room(&got);
	EQUAL(CallEx(channel(), &request.frame, &got.frame, SOON_MS, sync), rcIpcInterrupt);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
	/* It goes on interrupting until it is cleared. */
	EQUAL(CallEx(channel(), &request.frame, &got.frame, SOON_MS, sync), rcIpcInterrupt);
	EQUAL(KnIpcClearInterrupt(sync), rcOk);
	EQUAL(CallEx(channel(), &request.frame, &got.frame, SHORT_MS, sync), rcTimeout);
}

static void answers_late(void)
{
	struct message request;

	EQUAL(receive(listener(), &request, SOON_MS), rcOk);
	KosThreadSleep(5 * SHORT_MS);
	EQUAL(answer(&request, 0, "late"), rcOk);
}

/* What a server has taken is not interrupted any more. */
static void served_call_is_not_interrupted(void)
{
	struct message request, got;
	Handle sync;
	Tid tid;

	EQUAL(KnIpcCreateSyncObject(&sync), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, interrupt_soon, &sync, 0), rcOk);
	message_make(&request, 0, "");
	message_room(&got);
	EQUAL(CallEx(channel(), &request.frame, &got.frame, SOON_MS, sync), rcOk);
	EQUAL(got.frame.indirDescs[1].size, 4);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
}

static void receiving_ends(void)
{
	struct message request;
	Handle from = listener(), sync;
	Tid tid;

	EQUAL(receive(from, &request, SHORT_MS), rcTimeout);
	EQUAL(receive(4711, &request, SHORT_MS), rcNotConnected);
	EQUAL(KnIpcCreateSyncObject(&sync), rcOk);
	/* Nothing that one could receive on. */
	EQUAL(receive(sync, &request, SHORT_MS), rcSecurityDisallow);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, interrupt_soon, &sync, 0), rcOk);
	message_room(&request);
	EQUAL(RecvEx(from, &request.frame, SOON_MS, sync), rcIpcInterrupt);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
	/* It goes on interrupting. */
	message_room(&request);
	EQUAL(RecvEx(from, &request.frame, SOON_MS, sync), rcIpcInterrupt);
	EQUAL(RecvEx(from, RTL_NULL, SOON_MS, sync), rcInvalidArgument);
}

static void looks_for_a_request(void)
{
	struct message request;

	KosThreadSleep(5 * SHORT_MS);
	EQUAL(receive(listener(), &request, 1), rcOk);
	EQUAL(answer(&request, 0, "hello"), rcOk);
}

static void answers_twice(void)
{
	struct message request;
	Handle from = listener();

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(answer(&request, 0, "hello"), rcOk);
	EQUAL(answer(&request, 0, "hello"), rcInvalidArgument);
	request.frame.threadId = 4711;
	EQUAL(answer(&request, 0, "hello"), rcInvalidArgument);
	request.frame.replyHandle = 4711;
	EQUAL(answer(&request, 0, "hello"), rcNotConnected);
}

static void answers_malformed(void)
{
	struct message request, response;

	EQUAL(receive(listener(), &request, SOON_MS), rcOk);
	message_make(&response, 0, "");
	nk_message_set_mid(&response.header, 9);
	response.frame.threadId = request.frame.threadId;
	EQUAL(Reply(request.frame.replyHandle, &response.frame), rcInvalidArgument);
}

static void call_fails_with_a_malformed_answer(void)
{
	struct message got;

	EQUAL(say(channel(), 0, "", &got), rcInvalidArgument);
}

static void closes_with_the_request(void)
{
	struct message request;
	Handle from = listener();

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(KnHandleClose(from), rcOk);
	/* For good: the name leads nowhere any more. */
	ServiceId id;
	EQUAL(ServiceLocatorRegister("ch", RTL_NULL, 0, &id), INVALID_HANDLE);
}

static void call_loses_its_server(void)
{
	struct message got;
	Handle to = channel();

	EQUAL(say(to, 0, "", &got), rcNotConnected);
	EQUAL(say(to, 0, "", &got), rcNotConnected);
}

static void out_of_order(void)
{
	struct message first, second;
	Handle from = listener();

	EQUAL(receive(from, &first, SOON_MS), rcOk);
	EQUAL(receive(from, &second, SOON_MS), rcOk);
	CHECK(first.frame.threadId != second.frame.threadId);
	for (int at = 1; at >= 0; at--) {
		struct message *request = at ? &second : &first;
		char text[2] = { (char)request->text[0], 0 };

		EQUAL(answer(request, 0, text), rcOk);
	}
}

static int calls_with_b(void *context)
{
	struct message got;

	(void)context;
	EQUAL(say(channel(), 0, "b", &got), rcOk);
	EQUAL(got.text[0], 'b');
	return 0;
}

static void two_threads_call(void)
{
	struct message got;
	Tid tid;

	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, calls_with_b, RTL_NULL, 0), rcOk);
	EQUAL(say(channel(), 0, "a", &got), rcOk);
	EQUAL(got.text[0], 'a');
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
}

static void names(void)
{
	Handle to = channel();

	EQUAL(ServiceLocatorConnect("nobody"), INVALID_HANDLE);
	EQUAL(ServiceLocatorConnect(RTL_NULL), INVALID_HANDLE);
	EQUAL(ServiceLocatorGetRiid(to, "send"), RIID);
	EQUAL(ServiceLocatorGetRiid(to, "nothing"), INVALID_RIID);
	EQUAL(ServiceLocatorGetRiid(4711, "send"), INVALID_RIID);
	EQUAL(ServiceLocatorRegister("ch", RTL_NULL, 0, RTL_NULL), INVALID_HANDLE);
}

static void packing(void)
{
	struct message message;
	nk_arena arena = NK_ARENA_INITIALIZER(message.text, message.text + ARENA_BYTES);

	message_make(&message, 0, "");
	EQUAL(PackOutMsg(RTL_NULL, &message.header, &arena), NK_EINVAL);
	EQUAL(PackInMsg(&message.frame, RTL_NULL, &arena), NK_EINVAL);
	EQUAL(PackOutMsg(&message.frame, &message.header, RTL_NULL), NK_EOK);
	EQUAL(message.frame.indirDescs[1].size, 0);
	arena.current += 7;
	EQUAL(nk_arena_allocated_size(&arena), 7);
	EQUAL(PackOutMsg(&message.frame, &message.header, &arena), NK_EOK);
	EQUAL(message.frame.indirDescs[1].size, 7);
	EQUAL(PackInMsg(&message.frame, &message.header, &arena), NK_EOK);
	EQUAL(message.frame.indirDescs[1].size, ARENA_BYTES);
}

const struct scenario ipc_scenarios[] = {
	{ "p01 p02 rcOk: a round trip", echo_once, round_trip },
	{ "p05: Recv tells who asks", sees_the_sender, round_trip },
	{ "rcNotConnected: without a channel", RTL_NULL, call_without_a_channel },
	{ "p03 rcInvalidArgument: nothing reaches the server", server_sees_nothing, call_with_bad_structure },
	{ "p04 rcSecurityDisallow: for a request", server_sees_nothing, request_refused },
	{ "p04 rcSecurityDisallow: for a response", answers_with_what_is_refused, response_refused },
	{ "p10 rcTimeout: of CallEx", nobody_receives, call_times_out },
	{ "p06 rcIpcInterrupt: CallEx is interrupted before it is served", nobody_receives, call_is_interrupted },
	{ "p06: CallEx is not interrupted while it is served", answers_late, served_call_is_not_interrupted },
	{ "p06 rcTimeout rcIpcInterrupt: RecvEx ends by time, an object, a bad handle", receiving_ends, RTL_NULL },
	{ "p01: RecvEx receives what waits", looks_for_a_request, round_trip },
	{ "p03 rcInvalidArgument rcNotConnected: Reply to nobody", answers_twice, round_trip },
	{ "p03 rcInvalidArgument: a malformed answer", answers_malformed, call_fails_with_a_malformed_answer },
	{ "p07 p11 rcNotConnected: a closed channel is gone", closes_with_the_request, call_loses_its_server },
	{ "p05: answers out of order", out_of_order, two_threads_call },
	{ "p11: the service locator's failures", RTL_NULL, names },
	{ "p02 NK_EOK NK_EINVAL: PackOutMsg and PackInMsg", RTL_NULL, packing },
	{ 0 },
};
