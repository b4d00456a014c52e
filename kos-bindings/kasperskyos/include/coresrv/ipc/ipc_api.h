/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/ipc/ipc_api.h: interrupting CallEx before the server takes the request, RecvEx while none is there. */
#ifndef CORESRV_IPC_IPC_API_H
#define CORESRV_IPC_IPC_API_H
#include <handle/handletype.h>
#include <rtl/retcode.h>

Retcode KnIpcCreateSyncObject(Handle *syncHandle);
Retcode KnIpcSetInterrupt(Handle syncHandle);
Retcode KnIpcClearInterrupt(Handle syncHandle);

#endif
