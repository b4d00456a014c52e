/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/syscalls.h: the three system calls. */
#ifndef CORESRV_SYSCALLS_H
#define CORESRV_SYSCALLS_H
#include <ipc/if_rend.h>
#include <rtl/retcode.h>

Retcode Call(Handle handle, const SMsgHdr *msgOut, SMsgHdr *msgIn);
Retcode CallEx(Handle handle, const SMsgHdr *msgOut, SMsgHdr *msgIn, rtl_uint32_t mdelay, Handle syncHandle);
Retcode Recv(Handle handle, SMsgHdr *msgIn);
/* The order of the last two is that of CallEx; it is not public. */
Retcode RecvEx(Handle handle, SMsgHdr *msgIn, rtl_uint32_t mdelay, Handle syncHandle);
Retcode Reply(Handle handle, const SMsgHdr *msgOut);

#endif
