// SPDX-License-Identifier: MIT OR Apache-2.0
/* coresrv/nk/transport-kos.h, nk/transport.h, and a dispatcher: nk_err_t, as generated code and its users see it. */
#include "generated.h"
#include "harness.h"
#include <coresrv/nk/transport-kos.h>
#include <rtl/string_pedantic.h>
#include <stdlib.h>

enum { PAGE = 4096 };

struct send_req {
	nk_message base_;
};

/* What nk-gen-c writes for a method without handles: the header, then the transport. */
static nk_err_t send_proxy(NkKosTransport *transport, nk_iid_t iid, nk_mid_t mid, struct send_req *res, nk_arena *arena)
{
	struct send_req req;

	nk_req_reset(&req);
	nk_msg_set_method_id(&req, iid, mid);
	nk_msg_set_ncaps(&req, 0);
	nk_req_reset(res);
	return nk_transport_call(&transport->base, &req.base_, arena, &res->base_, arena);
}

static NkKosTransport transport_of(Handle handle)
{
	NkKosTransport transport;

	NkKosTransport_Init(&transport, handle, NK_NULL, 0);
	return transport;
}

/* Answers one request with its own arena. */
static void answers_one(void)
{
	NkKosTransport transport = transport_of(listener());
	rtl_uint8_t text[ARENA_BYTES];
	nk_arena arena = NK_ARENA_INITIALIZER(text, text + ARENA_BYTES);
	struct message_room {
		nk_message base_;
		nk_handle_desc_t handles[MAX_HANDLES];
	} req;
	struct send_req res;

	nk_req_reset(&req);
	EQUAL(nk_transport_recv(&transport.base, &req.base_, &arena), NK_EOK);
	EQUAL(req.base_.nk_iid, RIID);
	nk_req_reset(&res);
	nk_msg_set_method_id(&res, RIID, 0);
	EQUAL(nk_transport_reply(&transport.base, &res.base_, &arena), NK_EOK);
	/* It is answered. */
	EQUAL(nk_transport_reply(&transport.base, &res.base_, &arena), NK_EINVAL);
	EQUAL(nk_transport_recv(&transport.base, RTL_NULL, &arena), NK_EINVAL);
}

static void calls_by_a_proxy(void)
{
	NkKosTransport transport = transport_of(channel());
	rtl_uint8_t text[ARENA_BYTES] = "text";
	nk_arena arena = NK_ARENA_INITIALIZER(text, text + ARENA_BYTES);
	struct send_req res;

	arena.current += 4;
	EQUAL(send_proxy(&transport, RIID, 0, &res, &arena), NK_EOK);
	EQUAL(res.base_.nk_iid, RIID);
	EQUAL(nk_arena_allocated_size(&arena), 4);
	CHECK(!memcmp(text, "text", 4));
}

/* The policy refuses the client's question: its security interface grants what has no text. */
static void is_refused(void)
{
	Handle module;
	NkKosTransport transport;
	rtl_uint8_t text[ARENA_BYTES] = "refuse this";
	nk_arena arena = NK_ARENA_INITIALIZER(text, text + ARENA_BYTES);
	struct send_req res;

	EQUAL(KnHandleSecurityConnect(&module), rcOk);
	transport = transport_of(module);
	EQUAL(send_proxy(&transport, RIID, 0, &res, &arena), NK_EOK);
	arena.current = text + 11;
	EQUAL(send_proxy(&transport, RIID, 0, &res, &arena), NK_EPERM);
	/* What else is wrong has another code. */
	EQUAL(send_proxy(&transport, RIID, 9, &res, &arena), NK_EINVAL);
	EQUAL(nk_transport_call(&transport.base, RTL_NULL, &arena, &res.base_, &arena), NK_EINVAL);
}

static struct log_message logged;

static nk_err_t dispatch(struct log_message *request, rtl_size_t text_size)
{
	nk_message response = { 0 };
	nk_arena arena = NK_ARENA_INITIALIZER(logged.text, logged.text + sizeof(logged.text));
	nk_arena req_arena = NK_ARENA_INITIALIZER(request->text, request->text + sizeof(request->text));

	req_arena.current += text_size;
	return log_dispatch(&request->base_, &req_arena, &response, &arena);
}

static void dispatches(void)
{
	struct log_message good = log_message_of("text"), bad;

	EQUAL(dispatch(&good, 5), NK_EOK);
	bad = good;
	nk_message_set_mid(&bad.base_, 9);
	EQUAL(dispatch(&bad, 5), NK_ENOENT);
	/* Another size, another number of handles, a text without its end, one that reaches out of the arena. */
	bad = good;
	nk_message_set_size(&bad.base_, sizeof(nk_message));
	EQUAL(dispatch(&bad, 5), NK_EBADMSG);
	bad = good;
	nk_message_set_ncaps(&bad.base_, 1);
	EQUAL(dispatch(&bad, 5), NK_EBADMSG);
	EQUAL(dispatch(&good, 4), NK_EBADMSG);
	bad = good;
	bad.text[4] = 'e';
	EQUAL(dispatch(&bad, 5), NK_EBADMSG);
	EQUAL(dispatch(&good, 5), NK_EOK);
}

/* The number of an endpoint is what the channel says, and no constant of the client's. */
static void asks_for_its_endpoint(void)
{
	NkKosTransport transport = transport_of(channel());
	nk_iid_t iid = ServiceLocatorGetRiid(transport.handle, "send");
	rtl_uint8_t text[ARENA_BYTES];
	nk_arena arena = NK_ARENA_INITIALIZER(text, text + ARENA_BYTES);
	struct send_req res;

	EQUAL(send_proxy(&transport, iid, 0, &res, &arena), NK_EOK);
	EQUAL(res.base_.nk_iid, iid);
	EQUAL(send_proxy(&transport, iid + 1, 0, &res, &arena), NK_EINVAL);
}

static void has_its_class_alone(void)
{
	EQUAL(harness_starts_another("client"), 0);
	EQUAL(harness_starts_another("third"), 1);
}

/* What a device wrote is copied into ordinary memory before any function of the kernel's sees it. */
static void sends_what_a_device_wrote(void)
{
	const int prot = VMM_FLAG_READ | VMM_FLAG_WRITE;
	Handle buffer, access, mapping;
	DmaInfo *info;
	struct message request, got;
	void *memory;

	EQUAL(KnIoDmaCreateContinuous(PAGE, DMA_DIR_BIDIR, &buffer), rcOk);
	EQUAL(KnIoDmaMap(buffer, 0, PAGE, RTL_NULL, prot, &memory, &mapping), rcOk);
	EQUAL(KnIoDmaGetInfo(buffer, &info), rcOk);
	EQUAL(KnIoDmaBegin(buffer, &access), rcOk);
	EQUAL(machine_dma_write(info->descriptors[0].frame, 'd'), 1);
	free(info);
	message_make(&request, 0, "?");
	RtlPedanticMemcpy(request.text, memory, 1);
	/* The device goes on meanwhile. */
	memset(memory, 'x', PAGE);
	message_room(&got);
	EQUAL(Call(channel(), &request.frame, &got.frame), rcOk);
	EQUAL(got.text[0], 'd');
}

const struct scenario generated_scenarios[] = {
	{ "NK_EOK: a proxy and a server through their transports", answers_one, calls_by_a_proxy },
	{ "NK_EPERM: what a proxy says of a refusal", RTL_NULL, is_refused },
	{ "NK_ENOENT NK_EBADMSG: what a dispatcher says", RTL_NULL, dispatches },
	{ "p14: one class for each process", RTL_NULL, has_its_class_alone },
	{ "p15: the number of an endpoint is data", answers_one, asks_for_its_endpoint },
	{ "p16: buffers are ordinary memory", answers_one, sends_what_a_device_wrote },
	{ 0 },
};
