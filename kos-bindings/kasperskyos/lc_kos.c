// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * lc_kos.h over the SDK. What the public documents do not confirm is marked UNCONFIRMED and stands in a function of
 * its own, to be looked at first when something does not work on KasperskyOS.
 */
#include "lc_kos.h"

#include <coresrv/io/irq.h>
#include <coresrv/ipc/ipc_api.h>
#include <coresrv/sl/sl_api.h>
#include <coresrv/syscalls.h>
#include <coresrv/time/time_api.h>
#include <coresrv/vmm/vmm_api.h>
#include <kos/random/random_api.h>
#include <kos/thread.h>
#include <nk/types.h>
#include <rtl/retcode.h>
#include <services/rtl/nk_msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* kos_bindings::nk::Retcode's numbers. The SDK's own differ, but for the timeout's. */
enum {
	LC_OK = 0,
	LC_FAIL = (int32_t)0x90000001,
	LC_INVALID_ARGUMENT = (int32_t)0x90000002,
	LC_SECURITY_DISALLOW = (int32_t)0x90000003,
	LC_NOT_CONNECTED = (int32_t)0x90000004,
	LC_BUSY = (int32_t)0x90000005,
	LC_ALREADY_EXISTS = (int32_t)0x90000006,
	LC_HANDLE_REVOKED = (int32_t)0x90000007,
	LC_TIMEOUT = (int32_t)0x90000014,
};

static int32_t lc_code(Retcode rc)
{
	/* No switch: the SDK's names may be expressions. */
	if (rc == rcOk)
		return LC_OK;
	if (rc == rcInvalidArgument)
		return LC_INVALID_ARGUMENT;
	if (rc == rcSecurityDisallow)
		return LC_SECURITY_DISALLOW;
	if (rc == rcNotConnected)
		return LC_NOT_CONNECTED;
	if (rc == rcBusy)
		return LC_BUSY;
	if (rc == rcAlreadyExists)
		return LC_ALREADY_EXISTS;
	if (rc == rcHandleRevoked)
		return LC_HANDLE_REVOKED;
	if (rc == rcTimeout)
		return LC_TIMEOUT;
	return LC_FAIL;
}

static int32_t lc_nk_code(nk_err_t error)
{
	if (error == NK_EOK)
		return LC_OK;
	return error == NK_EPERM ? LC_SECURITY_DISALLOW : LC_INVALID_ARGUMENT;
}

/* The first word of a header: sizes and forms, whose bits only the SDK's macros know. */
static uint32_t word_of(const void *constant)
{
	uint32_t word;

	memcpy(&word, constant, sizeof(word));
	return word;
}

/* UNCONFIRMED: that the two macros differ in the form's bit and nothing else. */
static uint32_t error_bit(void)
{
	union {
		nk_message base_;
		uint64_t words[4];
	} plain = { 0 }, error = { 0 };

	nk_req_reset(&plain);
	nk_err_reset(&error);
	return word_of(&plain) ^ word_of(&error);
}

/* Gives a constant part the header that the SDK's layer wants. */
static void seal(const struct lc_message *message, const struct lc_head *head)
{
	nk_message *header = message->constant;

	memset(header, 0, sizeof(*header));
	nk_message_set_size(header, message->constant_size);
	nk_message_set_ncaps(header, head->handles);
	nk_message_set_iid(header, head->riid);
	nk_message_set_mid(header, head->mid);
	if (head->is_error) {
		uint32_t word = word_of(header) | error_bit();

		memcpy(header, &word, sizeof(word));
	}
}

/* Reads a received header; `iid` and `mid` lie behind the first word, as two 16-bit numbers. */
static int32_t open_header(const struct lc_message *message, struct lc_head *head)
{
	const uint8_t *bytes = message->constant;

	if (message->constant_size < sizeof(nk_message))
		return LC_INVALID_ARGUMENT;
	memcpy(&head->riid, bytes + 4, sizeof(head->riid));
	memcpy(&head->mid, bytes + 6, sizeof(head->mid));
	head->handles = (uint8_t)nk_msg_ncaps(message->constant);
	head->is_error = (word_of(bytes) & error_bit()) != 0;
	return LC_OK;
}

static int32_t pack_out(SMsgHdr *header, const struct lc_message *message)
{
	uint8_t *arena = message->arena;
	nk_arena used = NK_ARENA_INITIALIZER(arena, arena + message->arena_room);

	used.current = arena + message->arena_size;
	memset(header, 0, sizeof(*header));
	return lc_nk_code(PackOutMsg(header, message->constant, &used));
}

static int32_t pack_in(SMsgHdr *header, const struct lc_message *message)
{
	uint8_t *arena = message->arena;
	nk_arena room = NK_ARENA_INITIALIZER(arena, arena + message->arena_room);

	memset(header, 0, sizeof(*header));
	/* What PackInMsg takes as the constant part's room is what the header says. */
	memset(message->constant, 0, sizeof(nk_message));
	nk_message_set_size(message->constant, message->constant_room);
	return lc_nk_code(PackInMsg(header, message->constant, &room));
}

/* UNCONFIRMED: that the kernel puts the received sizes into the descriptors. */
static void received(const SMsgHdr *header, struct lc_message *message)
{
	message->constant_size = header->indirDescs[0].size;
	message->arena_size = header->indirDescs[1].size;
}

int32_t lc_connect(const char *channel, uint32_t *handle)
{
	*handle = ServiceLocatorConnect(channel);
	return *handle == INVALID_HANDLE ? LC_NOT_CONNECTED : LC_OK;
}

int32_t lc_listen(const char *channel, uint32_t *handle)
{
	ServiceId id;

	*handle = ServiceLocatorRegister(channel, RTL_NULL, 0, &id);
	return *handle == INVALID_HANDLE ? LC_NOT_CONNECTED : LC_OK;
}

int32_t lc_endpoint(uint32_t handle, const char *name, uint16_t *riid)
{
	*riid = ServiceLocatorGetRiid(handle, name);
	return *riid == INVALID_RIID ? LC_NOT_CONNECTED : LC_OK;
}

int32_t lc_call(uint32_t handle, struct lc_head *head, const struct lc_message *out, struct lc_message *in,
		uint32_t msec)
{
	SMsgHdr request, response;
	int32_t code;

	seal(out, head);
	code = pack_out(&request, out);
	if (code == LC_OK)
		code = pack_in(&response, in);
	if (code != LC_OK)
		return code;
	if (msec == LC_FOREVER)
		code = lc_code(Call(handle, &request, &response));
	else
		code = lc_code(CallEx(handle, &request, &response, msec, INVALID_HANDLE));
	if (code != LC_OK)
		return code;
	received(&response, in);
	return open_header(in, head);
}

int32_t lc_recv(uint32_t listener, struct lc_head *head, struct lc_message *in, struct lc_origin *origin,
		uint32_t msec, uint32_t sync)
{
	SMsgHdr request;
	int32_t code = pack_in(&request, in);

	if (code != LC_OK)
		return code;
	code = lc_code(RecvEx(listener, &request, msec == LC_FOREVER ? INFINITE_TIMEOUT : msec,
			      sync == LC_NONE ? INVALID_HANDLE : sync));
	if (code != LC_OK)
		return code;
	received(&request, in);
	origin->reply_handle = request.replyHandle;
	origin->thread = request.threadId;
	origin->task = request.sender;
	return open_header(in, head);
}

int32_t lc_reply(const struct lc_origin *origin, const struct lc_head *head, const struct lc_message *out)
{
	SMsgHdr response;
	int32_t code;

	seal(out, head);
	code = pack_out(&response, out);
	if (code != LC_OK)
		return code;
	response.replyHandle = origin->reply_handle;
	response.threadId = origin->thread;
	return lc_code(Reply(origin->reply_handle, &response));
}

int32_t lc_sync_create(uint32_t *sync)
{
	return lc_code(KnIpcCreateSyncObject(sync));
}

int32_t lc_sync_set(uint32_t sync)
{
	return lc_code(KnIpcSetInterrupt(sync));
}

int32_t lc_sync_clear(uint32_t sync)
{
	return lc_code(KnIpcClearInterrupt(sync));
}

struct irq_thread {
	Handle registration;
	rtl_uint32_t flags;
	void (*happened)(void *context);
	void *context;
};

/* The thread of one interrupt. It attaches itself, because it is the attached thread that receives. */
static int irq_loop(void *context)
{
	struct irq_thread *me = context;
	Handle source;

	if (KnIoAttachIrq(me->registration, me->flags, &source) != rcOk) {
		static const char text[] = "lc_kos: an interrupt cannot be attached\n";

		lc_say(text, sizeof(text) - 1);
		return 1;
	}
	for (;;) {
		SMsgHdr message;

		memset(&message, 0, sizeof(message));
		if (Recv(source, &message) != rcOk)
			return 1;
		/* A level stays until the driver was at the chip: who takes the interrupt lets it in again. */
		KnIoDisableIrq(me->registration);
		me->happened(me->context);
	}
}

int32_t lc_irq_start(int32_t irq, uint32_t is_level, void (*happened)(void *context), void *context,
		     uint32_t *registration)
{
	const rtl_uint32_t stack_bytes = 64 * 1024;
	struct irq_thread *thread = malloc(sizeof(*thread));
	int32_t code;
	Tid tid;

	if (!thread)
		return LC_FAIL;
	thread->flags = is_level ? IRQ_LEVEL_HIGH : IRQ_EDGE_RAISE;
	thread->happened = happened;
	thread->context = context;
	code = lc_code(KnRegisterIrq(irq, &thread->registration));
	if (code == LC_OK) {
		*registration = thread->registration;
		code = lc_code(KosThreadCreate(&tid, ThreadPriorityNormal, stack_bytes, irq_loop, thread, 0));
	}
	if (code != LC_OK)
		free(thread);
	return code;
}

int32_t lc_irq_unmask(uint32_t registration)
{
	return lc_code(KnIoEnableIrq(registration));
}

uint64_t lc_uptime_ns(void)
{
	RtlTimeSpec time = { 0 };

	/* It takes no argument that could be wrong; a clock that does not run is seen by whoever waits. */
	(void)KnGetUpTime(&time);
	return (uint64_t)time.sec * 1000000000u + (uint64_t)time.nsec;
}

int32_t lc_random(void *to, size_t bytes)
{
	return lc_code(KosRandomGenerate(bytes, to));
}

void *lc_vm_reserve(size_t bytes)
{
	return KnVmAllocate(RTL_NULL, bytes, VMM_FLAG_RESERVE | VMM_FLAG_READ | VMM_FLAG_WRITE);
}

void *lc_vm_allocate(size_t bytes)
{
	return KnVmAllocate(RTL_NULL, bytes, VMM_FLAG_RESERVE | VMM_FLAG_COMMIT | VMM_FLAG_READ | VMM_FLAG_WRITE);
}

int32_t lc_vm_commit(void *at, size_t bytes)
{
	return lc_code(KnVmCommit(at, bytes, VMM_FLAG_LOCKED));
}

int32_t lc_vm_decommit(void *at, size_t bytes)
{
	return lc_code(KnVmDecommit(at, bytes));
}

int32_t lc_vm_release(void *at, size_t bytes)
{
	return lc_code(KnVmUnmap(at, bytes));
}

void lc_say(const char *text, size_t bytes)
{
	/* Standard error needs no file system program, standard output does. */
	fwrite(text, 1, bytes, stderr);
}

_Noreturn void lc_exit(int32_t code)
{
	exit(code);
}
