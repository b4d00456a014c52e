/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the conformance tests are written with. A scenario is one or two processes, each a function; a check that does
 * not hold is reported with its place, and the test fails.
 */
#ifndef HARNESS_H
#define HARNESS_H
#include <coresrv/handle/handle_api.h>
#include <coresrv/handle/notice_api.h>
#include <coresrv/io/dma.h>
#include <coresrv/io/irq.h>
#include <coresrv/ipc/ipc_api.h>
#include <coresrv/sl/sl_api.h>
#include <coresrv/syscalls.h>
#include <coresrv/time/time_api.h>
#include <coresrv/vmm/vmm_api.h>
#include <kos/random/random_api.h>
#include <kos/thread.h>
#include <services/rtl/nk_msg.h>
#include <string.h>

struct scenario {
	/* The points (`pNN`) and return codes that it shows, as coverage.rs reads them; what it is about. */
	const char *name;
	void (*server)(void);
	void (*client)(void);
};

/* By file, each ended by a null name. */
extern const struct scenario ipc_scenarios[], late_scenarios[], handle_scenarios[], notice_scenarios[],
	machine_scenarios[], boundary_scenarios[], generated_scenarios[];

/* The Rust side: what failed, and the machine. */
void harness_failed(const char *file, int line, const char *what, long long found, long long wanted);
/* Ends the client's process, wherever its threads are. */
void harness_kill_client(void);
/* Whether another process of the class can be started. */
int harness_starts_another(const char *name);
void machine_pulse(int irq);
void machine_level(int irq, int is_high);
int machine_dma_read(unsigned long long at);
int machine_dma_write(unsigned long long at, int byte);

#define CHECK(condition)                                                             \
	do {                                                                         \
		if (!(condition))                                                    \
			harness_failed(__FILE__, __LINE__, #condition, 0, 1);        \
	} while (0)
#define EQUAL(found, wanted)                                                         \
	do {                                                                         \
		long long found_ = (long long)(found), wanted_ = (long long)(wanted); \
		if (found_ != wanted_)                                               \
			harness_failed(__FILE__, __LINE__, #found, found_, wanted_); \
	} while (0)

/*
 * The test interface. Method N carries N handles and any arena. Of 3 the policy refuses requests, of 2 responses.
 * It is the client's security interface, too, where what has no text is granted.
 */
enum { RIID = 0x7001, MAX_HANDLES = 3, ARENA_BYTES = 256 };

struct message {
	nk_message header;
	nk_handle_desc_t handles[MAX_HANDLES];
	rtl_uint8_t text[ARENA_BYTES];
	rtl_size_t text_size;
	/* What the system call filled in or wants. */
	SMsgHdr frame;
};

/* Makes a message of method `mid` with a text, ready to be sent. */
void message_make(struct message *message, rtl_uint16_t mid, const char *text);
/* Makes room, ready to receive. */
void message_room(struct message *message);
nk_handle_desc_t handle_all(Handle handle);

Retcode say(Handle channel, rtl_uint16_t mid, const char *text, struct message *answer);
Retcode receive(Handle listener, struct message *request, rtl_uint32_t msec);
Retcode answer(const struct message *request, rtl_uint16_t mid, const char *text);

Handle channel(void);
Handle listener(void);

#endif
