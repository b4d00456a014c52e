/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* coresrv/io/irq.h: an interrupt is a handle on which a thread of its own Recvs. Edition 1.1's form. */
#ifndef CORESRV_IO_IRQ_H
#define CORESRV_IO_IRQ_H
#include <handle/handletype.h>
#include <rtl/retcode.h>

/* The names are public, the bits are the hosted back end's. */
#define IRQ_LEVEL_LOW (1u << 0)
#define IRQ_LEVEL_HIGH (1u << 1)
#define IRQ_EDGE_RAISE (1u << 2)
#define IRQ_EDGE_FALL (1u << 3)

Retcode KnRegisterIrq(int irq, Handle *outRid);
Retcode KnIoAttachIrq(Handle rid, rtl_uint32_t flags, Handle *handle);
Retcode KnIoDetachIrq(Handle rid);
Retcode KnIoEnableIrq(Handle rid);
Retcode KnIoDisableIrq(Handle rid);
Retcode KnIoClose(Handle rid);

#endif
