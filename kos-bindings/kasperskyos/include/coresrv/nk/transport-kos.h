/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/nk/transport-kos.h: the transport over the three system calls. */
#ifndef CORESRV_NK_TRANSPORT_KOS_H
#define CORESRV_NK_TRANSPORT_KOS_H
#include <ipc/if_rend.h>
#include <nk/transport.h>

/* The fields' order is not public; of the time-outs and synchronisation objects none can be set here. */
typedef struct NkKosTransport {
	struct nk_transport base;
	Handle handle;
	/* What nk_transport_recv received last, for nk_transport_reply. */
	Handle reply_handle;
	Tid thread;
} NkKosTransport;

/* The last two are a table of connections and its length, which editions since 1.2 do without. */
void NkKosTransport_Init(NkKosTransport *transport, Handle handle, void *unused, rtl_size_t none);

#endif
