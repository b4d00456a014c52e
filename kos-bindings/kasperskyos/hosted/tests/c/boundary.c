// SPDX-License-Identifier: MIT OR Apache-2.0
/* lc_kos.c, as the Rust back end uses it. */
#include "harness.h"
#include "lc_kos.h"

enum { SOON_MS = 10000, SHORT_MS = 50, PAGE = 4096 };

static struct lc_message room_of(struct message *message)
{
	struct lc_message room = {
		.constant = &message->header,
		.arena = message->text,
		.constant_room = sizeof(nk_message) + MAX_HANDLES * sizeof(nk_handle_desc_t),
		.arena_room = ARENA_BYTES,
	};

	return room;
}

static void serves(void)
{
	struct message buffer;
	struct lc_message room = room_of(&buffer);
	struct lc_origin origin = { 0 };
	struct lc_head head = { 0 };
	uint32_t from, sync;

	EQUAL(lc_listen("nobody", &from), rcNotConnected);
	EQUAL(lc_listen("ch", &from), rcOk);
	EQUAL(lc_sync_create(&sync), rcOk);
	/* Nothing is there yet: time, then an interruption, which stays until it is cleared. */
	EQUAL(lc_sync_set(sync), rcOk);
	CHECK(lc_recv(from, &head, &room, &origin, SOON_MS, sync) != rcOk);
	EQUAL(lc_sync_clear(sync), rcOk);
	EQUAL(lc_recv(from, &head, &room, &origin, LC_FOREVER, sync), rcOk);
	EQUAL(head.riid, RIID);
	EQUAL(head.mid, 0);
	EQUAL(head.handles, 0);
	EQUAL(head.is_error, 0);
	EQUAL(room.constant_size, sizeof(nk_message));
	EQUAL(room.arena_size, 4);
	CHECK(origin.task != 0 && origin.thread != 0);
	memcpy(buffer.text, "pong", 4);
	EQUAL(lc_reply(&origin, &head, &room), rcOk);
	/* The form's bit is the one that the validator looks at: there is no error form here. */
	EQUAL(lc_recv(from, &head, &room, &origin, SOON_MS, LC_NONE), rcOk);
	head.is_error = 1;
	EQUAL(lc_reply(&origin, &head, &room), rcInvalidArgument);
}

static void calls(void)
{
	struct message buffer, answer;
	struct lc_message out = room_of(&buffer), in = room_of(&answer);
	struct lc_head head = { .riid = RIID, .mid = 0 };
	uint32_t to;
	uint16_t riid;

	EQUAL(lc_connect("nobody", &to), rcNotConnected);
	EQUAL(lc_connect("ch", &to), rcOk);
	EQUAL(lc_endpoint(to, "nothing", &riid), rcNotConnected);
	EQUAL(lc_endpoint(to, "send", &riid), rcOk);
	EQUAL(riid, RIID);
	KosThreadSleep(SHORT_MS);
	memset(&buffer, 0, sizeof(buffer));
	memcpy(buffer.text, "ping", 4);
	out.constant_size = sizeof(nk_message);
	out.arena_size = 4;
	EQUAL(lc_call(to, &head, &out, &in, LC_FOREVER), rcOk);
	EQUAL(head.riid, RIID);
	EQUAL(in.arena_size, 4);
	CHECK(!memcmp(answer.text, "pong", 4));
	EQUAL(lc_call(to, &head, &out, &in, SOON_MS), rcInvalidArgument);
	head.mid = 9;
	EQUAL(lc_call(to, &head, &out, &in, SOON_MS), rcInvalidArgument);
	head.mid = 0;
	EQUAL(lc_call(to, &head, &out, &in, SHORT_MS), rcTimeout);
	EQUAL(lc_call(LC_NONE, &head, &out, &in, SHORT_MS), rcNotConnected);
}

static void happened(void *context)
{
	__atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST);
}

static int count_of(int *counter, int wanted)
{
	for (int waited = 0; waited < SOON_MS && __atomic_load_n(counter, __ATOMIC_SEQ_CST) < wanted; waited++)
		KosThreadSleep(1);
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void an_interrupt_masks_itself(void)
{
	static int counter;
	uint32_t registration, other;

	counter = 0;
	EQUAL(lc_irq_start(9, 1, happened, &counter, &registration), rcOk);
	EQUAL(lc_irq_start(9, 1, happened, &counter, &other), rcAlreadyExists);
	/* The thread attaches itself in its own time. */
	KosThreadSleep(SHORT_MS);
	machine_level(9, 1);
	EQUAL(count_of(&counter, 1), 1);
	KosThreadSleep(SHORT_MS);
	EQUAL(count_of(&counter, 1), 1);
	/* Let in again, it comes again, since the level is still high. */
	EQUAL(lc_irq_unmask(registration), rcOk);
	EQUAL(count_of(&counter, 2), 2);
	machine_level(9, 0);
	EQUAL(lc_irq_unmask(4711), rcInvalidArgument);
	/* Ends the thread. */
	EQUAL(KnIoClose(registration), rcOk);
}

static void memory_time_and_numbers(void)
{
	uint8_t *at = lc_vm_reserve(2 * PAGE), *other = lc_vm_allocate(PAGE);
	uint64_t before = lc_uptime_ns(), number = 0;

	CHECK(at && other && !other[0]);
	EQUAL(lc_vm_commit(at, PAGE), rcOk);
	at[0] = 1;
	EQUAL(lc_vm_decommit(at, PAGE), rcOk);
	EQUAL(lc_vm_commit(at, PAGE), rcOk);
	EQUAL(at[0], 0);
	EQUAL(lc_vm_commit(at + 1, PAGE), rcInvalidArgument);
	EQUAL(lc_vm_release(at, 2 * PAGE), rcOk);
	EQUAL(lc_random(&number, sizeof(number)), rcOk);
	CHECK(number != 0);
	KosThreadSleep(SHORT_MS);
	CHECK(lc_uptime_ns() - before >= SHORT_MS * 1000000u);
}

const struct scenario boundary_scenarios[] = {
	{ "p01: lc_call, lc_recv, lc_reply", serves, calls },
	{ "p09 rcAlreadyExists: lc_irq_start, lc_irq_unmask", RTL_NULL, an_interrupt_masks_itself },
	{ "p10: lc_vm, lc_uptime_ns, lc_random", RTL_NULL, memory_time_and_numbers },
	{ 0 },
};
