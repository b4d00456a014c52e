/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Between the Rust of kos-bindings' back end `kasperskyos` and the SDK's C API. Every type here has one size
 * everywhere; what the SDK has as a macro, an inline function or a structure of its own stays in lc_kos.c.
 *
 * Functions return 0 or one of the codes below, which are those of kos_bindings::nk::Retcode.
 */
#ifndef LC_KOS_H
#define LC_KOS_H
#include <stddef.h>
#include <stdint.h>

/* A message: the constant part with its 24-byte header, and the used part of the arena. */
struct lc_message {
	void *constant;
	void *arena;
	/* Bytes that are used, and bytes of room. */
	uint32_t constant_size;
	uint32_t constant_room;
	uint32_t arena_size;
	uint32_t arena_room;
};

/* What the header's eight bytes say, whatever their order. */
struct lc_head {
	uint16_t riid;
	uint16_t mid;
	uint8_t handles;
	uint8_t is_error;
};

/* Whom to answer. */
struct lc_origin {
	uint32_t reply_handle;
	uint32_t thread;
	uint32_t task;
};

/* A timeout that never passes. */
#define LC_FOREVER UINT32_MAX
/* No synchronisation object. */
#define LC_NONE UINT32_MAX

/* Static channels, by the names of init.yaml. */
int32_t lc_connect(const char *channel, uint32_t *handle);
int32_t lc_listen(const char *channel, uint32_t *handle);
/* The number of an endpoint in its server's class. */
int32_t lc_endpoint(uint32_t handle, const char *name, uint16_t *riid);

/* Sends `out` and waits for its response; `head` says what it is, and then what came back. */
int32_t lc_call(uint32_t handle, struct lc_head *head, const struct lc_message *out, struct lc_message *in,
		uint32_t msec);
/* Waits for a request; ends early when `sync` interrupts. */
int32_t lc_recv(uint32_t listener, struct lc_head *head, struct lc_message *in, struct lc_origin *origin,
		uint32_t msec, uint32_t sync);
int32_t lc_reply(const struct lc_origin *origin, const struct lc_head *head, const struct lc_message *out);

int32_t lc_sync_create(uint32_t *sync);
int32_t lc_sync_set(uint32_t sync);
int32_t lc_sync_clear(uint32_t sync);

/* Starts a thread that calls `happened(context)` on each interrupt, which it masks before and lc_irq_unmask lets in
 * again. `registration` is for the latter. */
int32_t lc_irq_start(int32_t irq, uint32_t is_level, void (*happened)(void *context), void *context,
		     uint32_t *registration);
int32_t lc_irq_unmask(uint32_t registration);

/* Nanoseconds since the system's start. */
uint64_t lc_uptime_ns(void);

/* Fills `to` with random bytes. */
int32_t lc_random(void *to, size_t bytes);

/* Address space of whole pages: reserved, or read and written. NULL if there is none. */
void *lc_vm_reserve(size_t bytes);
void *lc_vm_allocate(size_t bytes);
int32_t lc_vm_commit(void *at, size_t bytes);
/* Back to reserved. */
int32_t lc_vm_decommit(void *at, size_t bytes);
int32_t lc_vm_release(void *at, size_t bytes);

/* Writes to the system's diagnostic output. */
void lc_say(const char *text, size_t bytes);
/* Ends the process. */
_Noreturn void lc_exit(int32_t code);

/*
 * What the project that links the driver defines (board.c of its folder): everything that a domain knows when it
 * starts.
 */
struct lc_channel {
	/* The channel's name in the device tree or in the shim, such as `i2c0`. */
	const char *name;
	/* Its name in init.yaml. */
	const char *connection;
	/* The endpoint in the server's class. */
	const char *endpoint;
	/* The interface in kos-bindings' numbers; the server's class has its own. */
	uint16_t riid;
};

/* An endpoint that the driver's class serves: kos-bindings' number, and the one in generated code. */
struct lc_served {
	uint16_t riid;
	uint16_t class_riid;
};

struct lc_irq {
	/* The board's GPIO line. */
	uint32_t line;
	/* The number of its interrupt on this machine. */
	int32_t irq;
	uint32_t is_level;
};

struct lc_board {
	const uint8_t *dtb;
	size_t dtb_bytes;
	const struct lc_channel *channels;
	size_t channel_count;
	const struct lc_served *served;
	size_t served_count;
	const struct lc_irq *irqs;
	size_t irq_count;
	/* `name=value` arguments, each with its terminating zero. */
	const char *args;
	size_t args_bytes;
	uint64_t memory_bytes;
	uint32_t log_level;
	/* The listener's name in init.yaml. */
	const char *listener;
};

/* The driver's library: boots, then serves for ever. To be called once, from a thread that stays. */
_Noreturn void lc_domain_start(const struct lc_board *board);

#endif
