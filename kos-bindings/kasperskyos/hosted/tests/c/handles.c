// SPDX-License-Identifier: MIT OR Apache-2.0
/* coresrv/handle/handle_api.h. */
#include "harness.h"

enum { SOON_MS = 10000 };

static void copies(void)
{
	Handle object, less, more;
	rtl_uint32_t rights = OCAP_HANDLE_TRANSFER | OCAP_HANDLE_COPY | OCAP_HANDLE_GET_SID, sid, other;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, rights, RTL_NULL, &object), rcOk);
	EQUAL(KnHandleCopy(object, OCAP_HANDLE_COPY | OCAP_HANDLE_GET_SID, INVALID_HANDLE, &less), rcOk);
	EQUAL(KnHandleCopy(less, rights, INVALID_HANDLE, &more), rcSecurityDisallow);
	EQUAL(KnHandleGetSidByHandle(object, &sid), rcOk);
	EQUAL(KnHandleGetSidByHandle(less, &other), rcOk);
	EQUAL(sid, other);
	EQUAL(KnHandleCopy(object, rights, INVALID_HANDLE, RTL_NULL), rcInvalidArgument);
	EQUAL(KnHandleClose(less), rcOk);
	EQUAL(KnHandleClose(less), rcInvalidArgument);
	EQUAL(KnHandleGetSidByHandle(less, &sid), rcInvalidArgument);
	EQUAL(KnHandleClose(INVALID_HANDLE), rcInvalidArgument);
}

static void revokes(void)
{
	Handle object, child, grandchild, badge, counted;
	Notice notice;
	rtl_uint32_t rights = OCAP_HANDLE_COPY | OCAP_HANDLE_GET_SID, sid;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, rights, RTL_NULL, &object), rcOk);
	EQUAL(KnHandleCopy(object, rights, INVALID_HANDLE, &child), rcOk);
	EQUAL(KnHandleCopy(child, rights, INVALID_HANDLE, &grandchild), rcOk);
	EQUAL(KnNoticeCreate(&notice), rcOk);
	EQUAL(KnHandleCreateBadge(notice, 7, RTL_NULL, &badge), rcOk);
	EQUAL(KnHandleCopy(object, rights, badge, &counted), rcOk);
	EQUAL(KnHandleRevokeSubtree(object, badge), rcOk);
	EQUAL(KnHandleGetSidByHandle(counted, &sid), rcHandleRevoked);
	EQUAL(KnHandleGetSidByHandle(child, &sid), rcOk);
	EQUAL(KnHandleRevoke(object), rcOk);
	EQUAL(KnHandleGetSidByHandle(child, &sid), rcHandleRevoked);
	EQUAL(KnHandleGetSidByHandle(grandchild, &sid), rcHandleRevoked);
	/* It stays allocated until it is closed. */
	EQUAL(KnHandleClose(child), rcOk);
	EQUAL(KnHandleGetSidByHandle(child, &sid), rcInvalidArgument);
	EQUAL(KnHandleRevoke(object), rcInvalidArgument);
}

static int serves_itself(void *context)
{
	struct message request;

	EQUAL(receive(*(Handle *)context, &request, SOON_MS), rcOk);
	EQUAL(answer(&request, 0, "me"), rcOk);
	return 0;
}

static void connects_itself(void)
{
	Handle own, server, client, again, second_server, second_client;
	struct message got;
	Tid tid;

	EQUAL(KnHandleConnect(INVALID_HANDLE, &own, &server, &client), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, serves_itself, &own, 0), rcOk);
	EQUAL(say(client, 0, "", &got), rcOk);
	EQUAL(got.text[0], 'm');
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
	/* A second channel of the same listener. */
	EQUAL(KnHandleConnect(own, &again, &second_server, &second_client), rcOk);
	CHECK(second_client != client);
	EQUAL(KnHandleConnect(INVALID_HANDLE, RTL_NULL, &server, &client), rcInvalidArgument);
	EQUAL(KnHandleConnect(4711, &again, &server, &client), rcInvalidArgument);
}

/* Gives the client a handle to an object of its own, and gets it back. */
static void lends_an_object(void)
{
	struct message request, response;
	Handle from = listener(), object;
	int context;

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_TRANSFER | OCAP_HANDLE_COPY, &context,
				       &object),
	      rcOk);
	EQUAL(request.header.nk_mid, 1);
	message_make(&response, 1, "");
	response.handles[0] = handle_all(object);
	response.frame.threadId = request.frame.threadId;
	EQUAL(Reply(request.frame.replyHandle, &response.frame), rcOk);

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	/* It came home: no new handle, but ours, and our context. */
	EQUAL(request.handles[0].handle, object);
	EQUAL(request.handles[0].badge, (rtl_uintptr_t)&context);
	CHECK(request.handles[0].rights >> 31);
	message_make(&response, 1, "");
	response.handles[0] = handle_all(object);
	response.frame.threadId = request.frame.threadId;
	EQUAL(Reply(request.frame.replyHandle, &response.frame), rcOk);
}

static void borrows_an_object(void)
{
	struct message request, got;
	Handle own, lent;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_TRANSFER, RTL_NULL, &own), rcOk);
	for (int at = 0; at < 2; at++) {
		message_make(&request, 1, "");
		request.handles[0] = handle_all(at ? lent : own);
		message_room(&got);
		EQUAL(Call(channel(), &request.frame, &got.frame), rcOk);
		if (!at)
			lent = got.handles[0].handle;
	}
}

static void may_not_pass_it_on(void)
{
	struct message request, got;
	Handle own, sync;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_COPY, RTL_NULL, &own), rcOk);
	message_make(&request, 1, "");
	request.handles[0] = handle_all(own);
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcSecurityDisallow);
	/* A synchronisation object is nobody else's. */
	EQUAL(KnIpcCreateSyncObject(&sync), rcOk);
	message_make(&request, 1, "");
	request.handles[0] = handle_all(sync);
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcSecurityDisallow);
}

static void sees_nothing(void)
{
	struct message request;

	EQUAL(receive(listener(), &request, 300), rcTimeout);
}

/* Gives the client a handle to call: requests arrive with the context. */
static void lends_an_endpoint(void)
{
	struct message request, response;
	Handle from = listener(), callable;
	int context;

	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(KnHandleCreateUserObjectEx(HANDLE_TYPE_USER_FIRST, OCAP_IPC_CALL | OCAP_HANDLE_TRANSFER, &context, from,
					 RIID, &callable),
	      rcOk);
	message_make(&response, 1, "");
	response.handles[0] = handle_all(callable);
	response.frame.threadId = request.frame.threadId;
	EQUAL(Reply(request.frame.replyHandle, &response.frame), rcOk);
	EQUAL(receive(from, &request, SOON_MS), rcOk);
	EQUAL(request.header.self.badge, (rtl_uintptr_t)&context);
	EQUAL(answer(&request, 0, "called"), rcOk);
}

static void calls_an_endpoint(void)
{
	struct message request, got;
	Handle own;

	EQUAL(KnHandleCreateUserObject(HANDLE_TYPE_USER_FIRST, OCAP_HANDLE_TRANSFER, RTL_NULL, &own), rcOk);
	message_make(&request, 1, "");
	request.handles[0] = handle_all(own);
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcOk);
	EQUAL(say(got.handles[0].handle, 0, "", &got), rcOk);
	EQUAL(got.frame.indirDescs[1].size, 6);
}

const struct scenario handle_scenarios[] = {
	{ "p07: KnHandleCopy: rights only shrink", RTL_NULL, copies },
	{ "p07 rcHandleRevoked: KnHandleRevoke, KnHandleRevokeSubtree", RTL_NULL, revokes },
	{ "p11: KnHandleConnect: a channel within a process", RTL_NULL, connects_itself },
	{ "p07: a handle that goes home is dereferenced", lends_an_object, borrows_an_object },
	{ "p07: a handle without the right is not passed on", sees_nothing, may_not_pass_it_on },
	{ "p07: a callable handle brings its context", lends_an_endpoint, calls_an_endpoint },
	{ 0 },
};
