/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a generator writes of linuxcompat.Log; the dispatcher is ours, which is generated in Rust. */
#ifndef TESTS_GENERATED_H
#define TESTS_GENERATED_H
#include <nk/types.h>

struct log_message {
	nk_message base_;
	rtl_uint8_t fields[24];
	rtl_uint8_t text[64];
};

/* A request of the one method. */
struct log_message log_message_of(const char *text);
nk_err_t log_dispatch(const nk_message *req, const nk_arena *req_arena, nk_message *res, nk_arena *res_arena);

#endif
