// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.IO`: interrupt lines; DMA buffers are in `dma`.

use std::sync::Arc;

use super::{Answer, Core, answer, code, right};
use crate::hosted::irq::Registration;
use crate::hosted::object::Kind;
use crate::idl::io::{
    AttachIrqReq, AttachIrqRes, BeginDmaReq, BeginDmaRes, DetachIrqReq, DetachIrqRes, DisableIrqReq, DisableIrqRes,
    DmaGetInfoReq, DmaGetInfoRes, DmaGetPhysInfoReq, DmaGetPhysInfoRes, EnableIrqReq, EnableIrqRes, IRQ_SHARED,
    MapDmaReq, MapDmaRes, ModifyDmaReq, ModifyDmaRes, RegisterDmaReq, RegisterDmaRes, RegisterIrqReq, RegisterIrqRes,
    RevokeResourceReq, RevokeResourceRes, Server,
};
use crate::nk::{Handle, HandleDesc, PartsMut, Retcode, Seq};

impl Core<'_> {
    fn line(
        &self,
        resource: HandleDesc,
        then: impl FnOnce(&Arc<Registration>) -> Result<(), Retcode>,
    ) -> Result<(), Retcode> {
        let object = self.object(resource, right::IRQ)?;
        then(object.irq()?)
    }

    fn register(&self, request: &RegisterIrqReq) -> Result<Handle, Retcode> {
        if request.flags & !IRQ_SHARED != 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let is_shared = request.flags & IRQ_SHARED != 0;
        let registration = self.kernel.interrupts.register(request.irq, is_shared)?;
        self.make(Kind::Irq(registration), right::COMMON | right::IRQ)
    }

    fn attach(&self, request: &AttachIrqReq) -> Result<Handle, Retcode> {
        if request.flags != 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let object = self.object(request.resource, right::IRQ)?;
        let line = object.irq()?;
        line.attach(self.thread.id)?;
        // It is bound to the thread, and of no use to another process.
        let rights = (right::COMMON & !right::TRANSFER) | right::LISTEN;
        let made = self.make(Kind::Delivery(Arc::clone(line), self.thread.id), rights);
        if made.is_err() {
            line.detach();
        }
        made
    }

    fn give_back(&self, resource: HandleDesc) -> Result<(), Retcode> {
        let object = self.object(resource, 0)?;
        match &object.kind {
            Kind::Dma(_) | Kind::DmaAccess { .. } => {}
            Kind::DmaMapping(at, len) => self.unmap(*at as u64, *len as u64)?,
            _ => {
                return self.line(resource, |line| {
                    line.revoke();
                    Ok(())
                });
            }
        }
        self.close_handle(resource)
    }
}

impl Server for Core<'_> {
    methods! {
        register_dma(me, request: RegisterDmaReq) -> RegisterDmaRes { resource } =
            Core::register_dma(me, &request);
        begin_dma(me, request: BeginDmaReq) -> BeginDmaRes { iomapping } = Core::begin_dma(me, &request);
        modify_dma(me, request: ModifyDmaReq) -> ModifyDmaRes {} =
            me.dma(request.resource, right::DMA).and_then(|buffer| buffer.modify(request.flags));
        register_irq(me, request: RegisterIrqReq) -> RegisterIrqRes { resource } = me.register(&request);
        revoke_resource(me, request: RevokeResourceReq) -> RevokeResourceRes {} =
            me.give_back(request.resource);
        attach_irq(me, request: AttachIrqReq) -> AttachIrqRes { delivery } = me.attach(&request);
        detach_irq(me, request: DetachIrqReq) -> DetachIrqRes {} =
            me.line(request.resource, |line| {
            line.detach().then_some(()).ok_or(Retcode::INVALID_ARGUMENT)
        });
        enable_irq(me, request: EnableIrqReq) -> EnableIrqRes {} =
            me.line(request.resource, |line| line.enable(true));
        disable_irq(me, request: DisableIrqReq) -> DisableIrqRes {} =
            me.line(request.resource, |line| line.enable(false));
    }

    fn map_dma(&mut self, request: MapDmaReq, response: PartsMut<'_>) -> Answer {
        let mapped = Core::map_dma(self, &request);
        let address = mapped.map_or(0, |(_, at)| at);
        let (mapping, rc) = answer(mapped.map(|(mapping, _)| mapping));
        Ok(MapDmaRes { mapping, address, rc }.encode(response)?)
    }

    fn dma_get_info(&mut self, request: DmaGetInfoReq, response: PartsMut<'_>) -> Answer {
        let found = self.dma(request.resource, 0);
        let rc = code(found.as_ref().map(drop).map_err(|code| *code));
        let frames = found.as_ref().map_or(&[][..], |buffer| &buffer.frames);
        let buffer = found.as_ref().ok();
        Ok(DmaGetInfoRes {
            flags: buffer.map_or(0, |buffer| buffer.flags()),
            order: buffer.map_or(0, |buffer| buffer.order),
            size: buffer.map_or(0, |buffer| buffer.memory.bytes),
            count: frames.len() as u64,
            frames: Seq::from(frames),
            rc,
        }
        .encode(response)?)
    }

    fn dma_get_phys_info(&mut self, request: DmaGetPhysInfoReq, response: PartsMut<'_>) -> Answer {
        let found = self.dma(request.handle, 0);
        let rc = code(found.as_ref().map(drop).map_err(|code| *code));
        // Devices see physical addresses here.
        let frames = found.as_ref().map_or(&[][..], |buffer| &buffer.frames);
        Ok(DmaGetPhysInfoRes {
            count: frames.len() as u64,
            frames: Seq::from(frames),
            rc,
        }
        .encode(response)?)
    }
}
