// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

void message_make(struct message *message, rtl_uint16_t mid, const char *text)
{
	nk_arena arena = NK_ARENA_INITIALIZER(message->text, message->text + ARENA_BYTES);

	memset(message, 0, sizeof(*message));
	nk_message_set_size(&message->header, (rtl_uint32_t)(sizeof(nk_message) + mid * sizeof(nk_handle_desc_t)));
	nk_message_set_ncaps(&message->header, mid);
	nk_message_set_iid(&message->header, RIID);
	nk_message_set_mid(&message->header, mid);
	message->header.self.handle = INVALID_HANDLE;
	message->text_size = strlen(text);
	memcpy(message->text, text, message->text_size);
	arena.current += message->text_size;
	EQUAL(PackOutMsg(&message->frame, &message->header, &arena), NK_EOK);
}

void message_room(struct message *message)
{
	nk_arena arena = NK_ARENA_INITIALIZER(message->text, message->text + ARENA_BYTES);

	memset(message, 0, sizeof(*message));
	nk_message_set_size(&message->header, sizeof(nk_message) + MAX_HANDLES * sizeof(nk_handle_desc_t));
	EQUAL(PackInMsg(&message->frame, &message->header, &arena), NK_EOK);
}

nk_handle_desc_t handle_all(Handle handle)
{
	nk_handle_desc_t desc = { .handle = handle, .rights = UINT32_MAX, .badge = 0 };

	return desc;
}

Retcode say(Handle to, rtl_uint16_t mid, const char *text, struct message *answer)
{
	struct message request;

	message_make(&request, mid, text);
	message_room(answer);
	return Call(to, &request.frame, &answer->frame);
}

Retcode receive(Handle from, struct message *request, rtl_uint32_t msec)
{
	Retcode rc;

	message_room(request);
	rc = RecvEx(from, &request->frame, msec, INVALID_HANDLE);
	request->text_size = request->frame.indirDescs[1].size;
	return rc;
}

Retcode answer(const struct message *request, rtl_uint16_t mid, const char *text)
{
	struct message response;

	message_make(&response, mid, text);
	response.frame.threadId = request->frame.threadId;
	return Reply(request->frame.replyHandle, &response.frame);
}

Handle channel(void)
{
	Handle handle = ServiceLocatorConnect("ch");

	CHECK(handle != INVALID_HANDLE);
	return handle;
}

Handle listener(void)
{
	ServiceId id = 1;
	Handle handle = ServiceLocatorRegister("ch", RTL_NULL, 0, &id);

	CHECK(handle != INVALID_HANDLE);
	return handle;
}
