/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ipc/if_rend.h: what Call, Recv and Reply are handed. The fields and their order are those of edition 1.3; the widths
 * of TaskId and Tid are not public.
 */
#ifndef IPC_IF_REND_H
#define IPC_IF_REND_H
#include <handle/handletype.h>

typedef rtl_uint32_t TaskId;
typedef rtl_uint32_t Tid;

#define MAX_INDIR_DESCS 2

typedef struct {
	void *buf;
	rtl_uint32_t size;
} IndirDesc;

typedef struct {
	rtl_uint32_t imm;
} SMsgImm;

typedef struct SSMsgHdr {
	/* Recv: the handle to reply on. */
	Handle replyHandle;
	/* Recv: who asks. */
	TaskId sender;
	/* Recv: which of its threads. Reply: whom to answer, 0 for the first. */
	Tid threadId;
	rtl_uint64_t traceId;
	rtl_uint64_t spanId;
	/* Not zero: bytes of immediate data instead of the descriptors. */
	rtl_uint32_t immSize;
	union {
		SMsgImm imm;
		/* Constant part, arena. */
		IndirDesc indirDescs[MAX_INDIR_DESCS];
	};
} SMsgHdr;

#endif
