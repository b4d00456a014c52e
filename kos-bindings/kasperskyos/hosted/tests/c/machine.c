// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * coresrv/io/dma.h, coresrv/io/irq.h, coresrv/vmm/vmm_api.h, coresrv/time/time_api.h, kos/thread.h,
 * kos/random/random_api.h.
 */
#include "harness.h"
#include <stdlib.h>

enum { SOON_MS = 10000, SHORT_MS = 30, PAGE = 4096 };

static Retcode wait_irq(Handle source, rtl_uint32_t msec)
{
	struct message nothing;

	return receive(source, &nothing, msec);
}

static void interrupts(void)
{
	Handle rid, again, source, second;

	EQUAL(KnRegisterIrq(5, &rid), rcOk);
	EQUAL(KnRegisterIrq(5, &again), rcAlreadyExists);
	EQUAL(KnRegisterIrq(-1, &again), rcInvalidArgument);
	EQUAL(KnRegisterIrq(1 << 30, &again), rcInvalidArgument);
	EQUAL(KnRegisterIrq(6, RTL_NULL), rcInvalidArgument);
	EQUAL(KnIoAttachIrq(rid, IRQ_EDGE_RAISE, &source), rcOk);
	EQUAL(KnIoAttachIrq(rid, IRQ_EDGE_RAISE, &second), rcAlreadyExists);
	EQUAL(wait_irq(source, SHORT_MS), rcTimeout);
	machine_pulse(5);
	/* What came while nobody waited is there, once. */
	machine_pulse(5);
	EQUAL(wait_irq(source, SOON_MS), rcOk);
	EQUAL(wait_irq(source, SHORT_MS), rcTimeout);
	EQUAL(KnIoDisableIrq(rid), rcOk);
	machine_pulse(5);
	EQUAL(wait_irq(source, SHORT_MS), rcTimeout);
	EQUAL(KnIoEnableIrq(rid), rcOk);
	EQUAL(wait_irq(source, SOON_MS), rcOk);
	EQUAL(KnIoDetachIrq(rid), rcOk);
	EQUAL(wait_irq(source, SHORT_MS), rcNotConnected);
	EQUAL(KnIoClose(rid), rcOk);
	EQUAL(KnRegisterIrq(5, &again), rcOk);
}

static void levels_come_again(void)
{
	Handle rid, source;

	EQUAL(KnRegisterIrq(7, &rid), rcOk);
	EQUAL(KnIoAttachIrq(rid, IRQ_LEVEL_HIGH, &source), rcOk);
	machine_level(7, 1);
	EQUAL(wait_irq(source, SOON_MS), rcOk);
	EQUAL(wait_irq(source, SOON_MS), rcOk);
	machine_level(7, 0);
	/* One may have been on its way. */
	if (wait_irq(source, SHORT_MS) == rcOk)
		EQUAL(wait_irq(source, SHORT_MS), rcTimeout);
}

static int another_waits(void *context)
{
	EQUAL(wait_irq(*(Handle *)context, SHORT_MS), rcInvalidArgument);
	return 0;
}

/* The thread that attached is the one that waits. */
static void an_interrupt_has_one_thread(void)
{
	Handle rid, source;
	Tid tid;

	EQUAL(KnRegisterIrq(8, &rid), rcOk);
	EQUAL(KnIoAttachIrq(rid, IRQ_EDGE_RAISE, &source), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, another_waits, &source, 0), rcOk);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
}

static void shared_memory(void)
{
	Handle mdl, part;
	void *whole, *half, *read_only;
	rtl_size_t size;

	EQUAL(KnPmmMdlCreate(2 * PAGE, VMM_FLAG_READ | VMM_FLAG_WRITE, &mdl), rcOk);
	EQUAL(KnPmmMdlGetSize(mdl, &size), rcOk);
	EQUAL(size, 2 * PAGE);
	EQUAL(KnPmmMdlMap(mdl, 0, 2 * PAGE, RTL_NULL, VMM_FLAG_READ | VMM_FLAG_WRITE, &whole), rcOk);
	EQUAL(KnPmmMdlClone(mdl, PAGE, PAGE, &part), rcOk);
	EQUAL(KnPmmMdlMap(part, 0, PAGE, RTL_NULL, VMM_FLAG_READ, &half), rcOk);
	memset((rtl_uint8_t *)whole + PAGE, 7, PAGE);
	EQUAL(*(rtl_uint8_t *)half, 7);
	EQUAL(KnPmmMdlMap(mdl, 0, 3 * PAGE, RTL_NULL, VMM_FLAG_READ, &half), rcInvalidArgument);
	EQUAL(KnPmmMdlMap(mdl, 1, PAGE, RTL_NULL, VMM_FLAG_READ, &half), rcInvalidArgument);
	EQUAL(KnPmmMdlMap(mdl, 0, PAGE, RTL_NULL, 0, &half), rcInvalidArgument);
	EQUAL(KnPmmMdlClone(mdl, PAGE, 2 * PAGE, &part), rcInvalidArgument);
	EQUAL(KnPmmMdlCreate(PAGE + 1, VMM_FLAG_READ, &part), rcInvalidArgument);
	EQUAL(KnPmmMdlCreate(0, VMM_FLAG_READ, &part), rcInvalidArgument);
	EQUAL(KnPmmMdlCreate(PAGE, VMM_FLAG_READ, &part), rcOk);
	EQUAL(KnPmmMdlMap(part, 0, PAGE, RTL_NULL, VMM_FLAG_READ | VMM_FLAG_WRITE, &read_only), rcSecurityDisallow);
}

static void dma(void)
{
	const int prot = VMM_FLAG_READ | VMM_FLAG_WRITE;
	Handle buffer, access, mapping, other;
	DmaInfo *info, *physical;
	rtl_uint64_t at;
	void *memory;

	EQUAL(KnIoDmaCreateContinuous(3 * PAGE, DMA_DIR_BIDIR, &buffer), rcOk);
	EQUAL(KnIoDmaMap(buffer, 0, 3 * PAGE, RTL_NULL, prot, &memory, &mapping), rcOk);
	EQUAL(KnIoDmaGetInfo(buffer, &info), rcOk);
	EQUAL(KnIoDmaGetPhysInfo(buffer, &physical), rcOk);
	EQUAL(info->flags, DMA_DIR_BIDIR);
	EQUAL(info->orderMin, 2);
	EQUAL(info->size, 4 * PAGE);
	EQUAL(info->count, 1);
	EQUAL(info->descriptors[0].order, 2);
	EQUAL(info->descriptors[0].raw, physical->descriptors[0].raw);
	at = info->descriptors[0].frame;
	EQUAL(at % (4 * PAGE), 0);
	EQUAL(machine_dma_read(at), -1);
	EQUAL(KnIoDmaBegin(buffer, &access), rcOk);
	((rtl_uint8_t *)memory)[PAGE] = 5;
	EQUAL(machine_dma_read(at + PAGE), 5);
	EQUAL(machine_dma_write(at + 2 * PAGE, 6), 1);
	EQUAL(((rtl_uint8_t *)memory)[2 * PAGE], 6);
	EQUAL(machine_dma_write(at + 4 * PAGE, 6), 0);
	EQUAL(KnIoClose(access), rcOk);
	EQUAL(machine_dma_write(at, 6), 0);
	EQUAL(KnIoClose(mapping), rcOk);
	EQUAL(KnIoClose(mapping), rcInvalidArgument);
	EQUAL(KnIoClose(buffer), rcOk);
	EQUAL(KnIoDmaBegin(buffer, &access), rcInvalidArgument);
	free(info);
	free(physical);
	EQUAL(KnIoDmaCreate(0, 2 * PAGE, DMA_DIR_TO_DEVICE | DMA_ZONE_DMA32, &other), rcOk);
	EQUAL(KnIoDmaGetInfo(other, &info), rcOk);
	EQUAL(info->count, 2);
	CHECK(info->descriptors[1].frame < 1ull << 32);
	EQUAL(KnIoDmaBegin(other, &access), rcOk);
	EQUAL(machine_dma_read(info->descriptors[1].frame), 0);
	EQUAL(machine_dma_write(info->descriptors[1].frame, 1), 0);
	free(info);
	EQUAL(KnIoDmaCreate(0, PAGE, DMA_ZONE_DMA32, &other), rcInvalidArgument);
	EQUAL(KnIoDmaCreate(0, PAGE - 1, DMA_DIR_BIDIR, &other), rcInvalidArgument);
	EQUAL(KnIoDmaCreate(0, PAGE, DMA_DIR_BIDIR, RTL_NULL), rcInvalidArgument);
	EQUAL(KnIoDmaCreateContinuous(0, DMA_DIR_BIDIR, &other), rcInvalidArgument);
	EQUAL(KnIoDmaMap(other, 0, PAGE, RTL_NULL, prot, &memory, RTL_NULL), rcInvalidArgument);
	EQUAL(KnIoDmaGetInfo(other, RTL_NULL), rcInvalidArgument);
}

static void dma_cache(void)
{
	const DmaAttr cache[] = { DMA_ATTR_WRITE_BACK, DMA_ATTR_WRITE_THROUGH, DMA_ATTR_CACHE_DISABLE,
				  DMA_ATTR_WRITE_COMBINE };
	Handle buffer, weak;
	DmaInfo *info;

	EQUAL(KnIoDmaCreate(0, PAGE, DMA_DIR_TO_DEVICE | DMA_ATTR_WRITE_BACK, &buffer), rcOk);
	for (rtl_size_t at = 0; at < 4; at++) {
		EQUAL(KnIoDmaModify(buffer, cache[at]), rcOk);
		EQUAL(KnIoDmaGetInfo(buffer, &info), rcOk);
		EQUAL(info->flags, DMA_DIR_TO_DEVICE | cache[at]);
		free(info);
	}
	EQUAL(KnIoDmaModify(buffer, 0), rcInvalidArgument);
	EQUAL(KnIoDmaModify(buffer, DMA_DIR_BIDIR), rcInvalidArgument);
	EQUAL(KnIoDmaModify(buffer, DMA_ATTR_WRITE_BACK | DMA_ATTR_CACHE_DISABLE), rcInvalidArgument);
	EQUAL(KnIoDmaModify(4711, DMA_ATTR_WRITE_BACK), rcInvalidArgument);
	EQUAL(KnHandleCopy(buffer, OCAP_HANDLE_TRANSFER, INVALID_HANDLE, &weak), rcOk);
	EQUAL(KnIoDmaModify(weak, DMA_ATTR_WRITE_BACK), rcSecurityDisallow);
}

static void pages(void)
{
	const int all = VMM_FLAG_RESERVE | VMM_FLAG_READ | VMM_FLAG_WRITE;
	rtl_uint8_t *reserved = KnVmAllocate(RTL_NULL, 4 * PAGE, all);
	rtl_uint8_t *committed = KnVmAllocate(RTL_NULL, PAGE, all | VMM_FLAG_COMMIT);

	CHECK(reserved && committed);
	committed[0] = 1;
	EQUAL(KnVmCommit(reserved + PAGE, PAGE, VMM_FLAG_LOCKED), rcOk);
	reserved[PAGE] = 9;
	EQUAL(KnVmProtect(reserved + PAGE, PAGE, VMM_FLAG_READ), rcOk);
	EQUAL(reserved[PAGE], 9);
	EQUAL(KnVmDecommit(reserved + PAGE, PAGE), rcOk);
	EQUAL(KnVmCommit(reserved + PAGE, PAGE, VMM_FLAG_LOCKED), rcOk);
	EQUAL(reserved[PAGE], 0);
	EQUAL(KnVmCommit(reserved + 1, PAGE, VMM_FLAG_LOCKED), rcInvalidArgument);
	EQUAL(KnVmCommit(reserved + PAGE, 4 * PAGE, VMM_FLAG_LOCKED), rcInvalidArgument);
	EQUAL(KnVmDecommit(&reserved, PAGE), rcInvalidArgument);
	EQUAL(KnVmProtect(reserved, PAGE, 7), rcInvalidArgument);
	CHECK(!KnVmAllocate(RTL_NULL, PAGE, VMM_FLAG_READ));
	CHECK(!KnVmAllocate(RTL_NULL, PAGE - 1, all));
	EQUAL(KnVmUnmap(reserved, PAGE), rcInvalidArgument);
	EQUAL(KnVmUnmap(reserved, 4 * PAGE), rcOk);
	EQUAL(KnVmUnmap(reserved, 4 * PAGE), rcInvalidArgument);
	EQUAL(KnVmUnmap(committed, PAGE), rcOk);
}

static int sleeps(void *context)
{
	KosThreadSleep(5 * SHORT_MS);
	*(int *)context = 1;
	return 0;
}

static void threads_and_time(void)
{
	rtl_uint8_t random[600] = { 0 };
	RtlTimeSpec before, after;
	int is_done = 0, sum = 0;
	Tid tid;

	EQUAL(KnGetUpTime(&before), rcOk);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, sleeps, &is_done, 0), rcOk);
	EQUAL(KosThreadWait(tid, SHORT_MS), rcTimeout);
	EQUAL(KosThreadWait(tid, SOON_MS), rcOk);
	EQUAL(is_done, 1);
	EQUAL(KosThreadWait(tid, SOON_MS), rcInvalidArgument);
	EQUAL(KosThreadCreate(&tid, ThreadPriorityNormal, 65536, RTL_NULL, RTL_NULL, 0), rcInvalidArgument);
	EQUAL(KnGetUpTime(&after), rcOk);
	CHECK(after.nsec < 1000000000u);
	CHECK((after.sec - before.sec) * 1000000000u + after.nsec - before.nsec >= 5 * SHORT_MS * 1000000u);
	EQUAL(KnGetUpTime(RTL_NULL), rcInvalidArgument);
	EQUAL(KosRandomGenerate(sizeof(random), random), rcOk);
	for (rtl_size_t at = 0; at < sizeof(random); at++)
		sum += random[at] != 0;
	CHECK(sum > 500);
	EQUAL(KosRandomGenerate(1, RTL_NULL), rcInvalidArgument);
}

const struct scenario machine_scenarios[] = {
	{ "p09 rcAlreadyExists: KnRegisterIrq, KnIoAttachIrq: Recv waits for an interrupt", RTL_NULL, interrupts },
	{ "p09: a level comes again", RTL_NULL, levels_come_again },
	{ "p09: an interrupt has one thread", RTL_NULL, an_interrupt_has_one_thread },
	{ "p12: MDL: create, map, clone", RTL_NULL, shared_memory },
	{ "p12: DMA: create, map, begin, physical addresses", RTL_NULL, dma },
	{ "p12: DMA: how the cache is used", RTL_NULL, dma_cache },
	{ "p10: KnVm: reserve, commit, protect, decommit", RTL_NULL, pages },
	{ "p10: threads, time, random numbers", RTL_NULL, threads_and_time },
	{ 0 },
};
