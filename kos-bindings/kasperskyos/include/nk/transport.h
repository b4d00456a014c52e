/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nk/transport.h: how a generated proxy sends a request, and a server receives and answers. */
#ifndef NK_TRANSPORT_H
#define NK_TRANSPORT_H
#include <nk/types.h>

struct nk_transport;

struct nk_transport_ops {
	nk_err_t (*call)(struct nk_transport *transport, nk_message *req, const nk_arena *req_arena, nk_message *res,
			 nk_arena *res_arena);
	nk_err_t (*recv)(struct nk_transport *transport, nk_message *req, nk_arena *req_arena);
	nk_err_t (*reply)(struct nk_transport *transport, nk_message *res, const nk_arena *res_arena);
};

struct nk_transport {
	const struct nk_transport_ops *ops;
};

/* The room for what arrives: the size in the message's header, as nk_req_reset sets it, and all of the arena. */
static inline nk_err_t nk_transport_call(struct nk_transport *transport, nk_message *req, const nk_arena *req_arena,
					 nk_message *res, nk_arena *res_arena)
{
	return transport->ops->call(transport, req, req_arena, res, res_arena);
}

static inline nk_err_t nk_transport_recv(struct nk_transport *transport, nk_message *req, nk_arena *req_arena)
{
	return transport->ops->recv(transport, req, req_arena);
}

static inline nk_err_t nk_transport_reply(struct nk_transport *transport, nk_message *res, const nk_arena *res_arena)
{
	return transport->ops->reply(transport, res, res_arena);
}

#endif
