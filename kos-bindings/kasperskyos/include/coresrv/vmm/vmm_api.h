/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/vmm/vmm_api.h: pages are reserved, then committed; and shared memory as MDL handles. */
#ifndef CORESRV_VMM_VMM_API_H
#define CORESRV_VMM_VMM_API_H
#include <handle/handletype.h>
#include <rtl/retcode.h>

/* vmm/flags.h. The names are public, the bits are the hosted back end's. */
#define VMM_FLAG_READ (1 << 0)
#define VMM_FLAG_WRITE (1 << 1)
#define VMM_FLAG_RESERVE (1 << 4)
#define VMM_FLAG_COMMIT (1 << 5)
#define VMM_FLAG_LOCKED (1 << 6)

void *KnVmAllocate(void *addr, rtl_size_t size, int flags);
Retcode KnVmCommit(void *addr, rtl_size_t size, int flags);
Retcode KnVmDecommit(void *addr, rtl_size_t size);
Retcode KnVmProtect(void *addr, rtl_size_t size, int newFlags);
Retcode KnVmUnmap(void *addr, rtl_size_t size);

Retcode KnPmmMdlCreate(rtl_size_t size, int prot, Handle *handle);
Retcode KnPmmMdlGetSize(Handle handle, rtl_size_t *size);
Retcode KnPmmMdlClone(Handle origin, rtl_size_t offset, rtl_size_t length, Handle *clone);
Retcode KnPmmMdlMap(Handle handle, rtl_size_t offset, rtl_size_t length, void *hint, int prot, void **addr);

#endif
