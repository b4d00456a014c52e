/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * coresrv/io/dma.h and io/io_dma.h: DMA buffers. Edition 1.1's form; KnIoDmaCreateContinuous is 1.2's, and its
 * parameters are by analogy.
 */
#ifndef CORESRV_IO_DMA_H
#define CORESRV_IO_DMA_H
#include <handle/handletype.h>
#include <rtl/retcode.h>

/* The names are public, the bits are the hosted back end's. */
typedef enum {
	DMA_DIR_TO_DEVICE = 1 << 0,
	DMA_DIR_FROM_DEVICE = 1 << 1,
	DMA_DIR_BIDIR = DMA_DIR_TO_DEVICE | DMA_DIR_FROM_DEVICE,
	DMA_ZONE_DMA32 = 1 << 2,
	DMA_ATTR_WRITE_BACK = 1 << 3,
	DMA_ATTR_WRITE_THROUGH = 1 << 4,
	DMA_ATTR_CACHE_DISABLE = 1 << 5,
	DMA_ATTR_WRITE_COMBINE = 1 << 6,
} DmaAttr;

typedef rtl_uint64_t DmaAddr;

/* How many there may be is public for the kernel's interface; the widths are the hosted back end's. */
#define DMA_FRAMES_COUNT_MAX 32
#define DMA_FRAME_ORDER_BITS 5
#define DMA_FRAME_BASE_BITS 59

typedef union {
	struct {
		/* It has two to the power of this pages. */
		DmaAddr order : DMA_FRAME_ORDER_BITS;
		/* Its address. */
		DmaAddr frame : DMA_FRAME_BASE_BITS;
	};
	DmaAddr raw;
} DmaFrameDescriptor;

typedef struct {
	DmaAttr flags;
	rtl_size_t orderMin;
	rtl_size_t size;
	rtl_size_t count;
	/* `count` of them. */
	DmaFrameDescriptor descriptors[1];
} DmaInfo;

/* `order` is the least one that a block may have. */
Retcode KnIoDmaCreate(rtl_uint32_t order, rtl_size_t size, DmaAttr flags, Handle *outRid);
/* One block. */
Retcode KnIoDmaCreateContinuous(rtl_size_t size, DmaAttr flags, Handle *outRid);
Retcode KnIoDmaMap(Handle rid, rtl_size_t offset, rtl_size_t length, void *hint, int vmflags, void **addr,
		   Handle *handle);
/* With what the information is given back is not public; here it is free(). */
Retcode KnIoDmaGetInfo(Handle rid, DmaInfo **outInfo);
Retcode KnIoDmaGetPhysInfo(Handle rid, DmaInfo **outInfo);
Retcode KnIoDmaBegin(Handle rid, Handle *handle);
/*
 * UNCONFIRMED: the kernel's method ModifyDma is public, what libkos calls it is not. Sets how the cache is used: one
 * of DMA_ATTR_*.
 */
Retcode KnIoDmaModify(Handle rid, DmaAttr flags);
/* Buffers, mappings and accesses end with KnIoClose, of coresrv/io/irq.h. */

#endif
