/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* services/ocap.h: rights of handles. The names are public, the bits are the hosted back end's. */
#ifndef SERVICES_OCAP_H
#define SERVICES_OCAP_H

#define OCAP_HANDLE_TRANSFER (1u << 0)
#define OCAP_HANDLE_COPY (1u << 1)
#define OCAP_HANDLE_GET_SID (1u << 2)
#define OCAP_HANDLE_SET_EVENT (1u << 3)
#define OCAP_HANDLE_GET_EVENT (1u << 4)
#define OCAP_HANDLE_SPEC(n) (1u << (8 + (n)))
#define OCAP_IPC_CALL OCAP_HANDLE_SPEC(0)
#define OCAP_IPC_LISTENER OCAP_HANDLE_SPEC(1)

#endif
