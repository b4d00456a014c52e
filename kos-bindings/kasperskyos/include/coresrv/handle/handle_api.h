/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/handle/handle_api.h: channels, copies, callable objects, badges, and taking all of it back. */
#ifndef CORESRV_HANDLE_HANDLE_API_H
#define CORESRV_HANDLE_HANDLE_API_H
#include <handle/handletype.h>
#include <nk/types.h>
#include <rtl/retcode.h>
#include <services/ocap.h>

typedef Handle Notice;
#define HANDLE_TYPE_USER_FIRST 0x100u
#define HANDLE_TYPE_USER_LAST 0x1ffu

Retcode KnHandleConnect(Handle known, Handle *listener, Handle *server, Handle *client);
Retcode KnHandleClose(Handle handle);
Retcode KnHandleCopy(Handle in, rtl_uint32_t newRights, Handle copyBadge, Handle *out);
Retcode KnHandleRevoke(Handle handle);
Retcode KnHandleRevokeSubtree(Handle handle, Handle badge);
Retcode KnHandleCreateBadge(Notice notice, rtl_uintptr_t eventId, void *context, Handle *badge);
Retcode KnHandleCreateUserObject(rtl_uint32_t type, rtl_uint32_t rights, void *context, Handle *handle);
Retcode KnHandleCreateUserObjectEx(rtl_uint32_t type, rtl_uint32_t rights, void *context, Handle listener,
				   nk_iid_t riid, Handle *handle);
/*
 * UNCONFIRMED: the kernel's method SecurityConnect is public, what libkos calls it is not;
 * NkKosSecurityTransport_Init() stands above it. A handle to ask the security module with, by Call, through the class's
 * security interface.
 */
Retcode KnHandleSecurityConnect(Handle *client);
Retcode KnHandleGetSidByHandle(Handle handle, rtl_uint32_t *sid);

#endif
