/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nk/types.h: the message layer. What is a macro in the SDK is an inline function here. */
#ifndef NK_TYPES_H
#define NK_TYPES_H
#include <handle/handletype.h>

typedef enum { NK_EOK, NK_EPERM, NK_EINVAL, NK_ENOENT, NK_EBADMSG, NK_ENOMEM } nk_err_t;
typedef rtl_uint16_t nk_iid_t;
typedef rtl_uint16_t nk_mid_t;
#define INVALID_RIID ((nk_iid_t)UINT16_MAX)
#define NK_NULL RTL_NULL

/* 16 bytes, aligned to 8; the order of the fields is not public. */
typedef struct nk_handle_desc {
	rtl_uint32_t handle;
	rtl_uint32_t rights;
	rtl_uint64_t badge;
} nk_handle_desc_t;

/* 24 bytes. Bits 0 to 22 of the first word: bytes; 23 to 30: handles; 31: the error form. Their order is not public. */
typedef struct nk_message {
	rtl_uint32_t nk_word;
	nk_iid_t nk_iid;
	nk_mid_t nk_mid;
	nk_handle_desc_t self;
} nk_message;

typedef struct nk_arena {
	rtl_uint8_t *start;
	rtl_uint8_t *current;
	rtl_uint8_t *end;
} nk_arena;

static inline void nk_message_set_size(nk_message *message, rtl_uint32_t size)
{
	message->nk_word = (message->nk_word & ~0x7fffffu) | (size & 0x7fffffu);
}

static inline void nk_message_set_ncaps(nk_message *message, rtl_uint32_t ncaps)
{
	message->nk_word = (message->nk_word & ~(0xffu << 23)) | (ncaps & 0xff) << 23;
}

static inline void nk_message_set_iid(nk_message *message, nk_iid_t iid)
{
	message->nk_iid = iid;
}

static inline void nk_message_set_mid(nk_message *message, nk_mid_t mid)
{
	message->nk_mid = mid;
}

static inline rtl_uint32_t nk_msg_ncaps(const nk_message *message)
{
	return message->nk_word >> 23 & 0xff;
}

/* Begins a message in the form of a request or result, and in the error form. Where the size comes from is not
 * public. */
#define nk_req_reset(message) (*(nk_message *)(message) = (nk_message){ .nk_word = sizeof(*(message)) })
#define nk_err_reset(message) (*(nk_message *)(message) = (nk_message){ .nk_word = sizeof(*(message)) | 1u << 31 })

/* `message` begins with its `base_`, as generated structures do. */
#define nk_msg_set_ncaps(message, ncaps) nk_message_set_ncaps(&(message)->base_, ncaps)
#define nk_msg_set_method_id(message, iid, mid) \
	(nk_message_set_iid(&(message)->base_, iid), nk_message_set_mid(&(message)->base_, mid))

#define NK_ARENA_INITIALIZER(from, to) { .start = (rtl_uint8_t *)(from), .current = (rtl_uint8_t *)(from), \
					 .end = (rtl_uint8_t *)(to) }

static inline rtl_size_t nk_arena_allocated_size(const nk_arena *arena)
{
	return (rtl_size_t)(arena->current - arena->start);
}

#endif
