// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.IO`: interrupt lines; DMA buffers are in `dma`.

use std::sync::Arc;

use super::{Core, answer, caps, code, right};
use crate::hosted::irq::Registration;
use crate::hosted::object::Kind;
use crate::idl::io::{
    AttachIrqReq, AttachIrqRes, BeginDmaReq, BeginDmaRes, DetachIrqReq, DetachIrqRes, DisableIrqReq, DisableIrqRes,
    DmaGetInfoReq, DmaGetInfoRes, DmaGetPhysInfoReq, DmaGetPhysInfoRes, EnableIrqReq, EnableIrqRes, IRQ_SHARED,
    MapDmaReq, MapDmaRes, ModifyDmaReq, ModifyDmaRes, RegisterDmaReq, RegisterDmaRes, RegisterIrqReq, RegisterIrqRes,
    RevokeResourceReq, RevokeResourceRes, Server,
};
use crate::nk::{Fault, Handle, HandleDesc, Lens, Never, PartsMut, Retcode, Seq};

type Answer = Result<Lens, Fault<Never>>;

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
}

impl Core<'_> {
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
        match caps::close(self.task, resource.handle) {
            true => Ok(()),
            false => Err(Retcode::INVALID_ARGUMENT),
        }
    }
}

impl Server for Core<'_> {
    fn register_dma(&mut self, request: RegisterDmaReq, response: PartsMut<'_>) -> Answer {
        let (resource, rc) = answer(Core::register_dma(self, &request));
        Ok(RegisterDmaRes { resource, rc }.encode(response)?)
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

    fn modify_dma(&mut self, request: ModifyDmaReq, response: PartsMut<'_>) -> Answer {
        let buffer = self.dma(request.resource, right::DMA);
        let rc = code(buffer.and_then(|buffer| buffer.modify(request.flags)));
        Ok(ModifyDmaRes { rc }.encode(response)?)
    }

    fn begin_dma(&mut self, request: BeginDmaReq, response: PartsMut<'_>) -> Answer {
        let (iomapping, rc) = answer(Core::begin_dma(self, &request));
        Ok(BeginDmaRes { iomapping, rc }.encode(response)?)
    }

    fn register_irq(&mut self, request: RegisterIrqReq, response: PartsMut<'_>) -> Answer {
        let (resource, rc) = answer(self.register(&request));
        Ok(RegisterIrqRes { resource, rc }.encode(response)?)
    }

    fn revoke_resource(&mut self, request: RevokeResourceReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.give_back(request.resource));
        Ok(RevokeResourceRes { rc }.encode(response)?)
    }

    fn attach_irq(&mut self, request: AttachIrqReq, response: PartsMut<'_>) -> Answer {
        let (delivery, rc) = answer(self.attach(&request));
        Ok(AttachIrqRes { delivery, rc }.encode(response)?)
    }

    fn detach_irq(&mut self, request: DetachIrqReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.line(request.resource, |line| match line.detach() {
            true => Ok(()),
            false => Err(Retcode::INVALID_ARGUMENT),
        }));
        Ok(DetachIrqRes { rc }.encode(response)?)
    }

    fn enable_irq(&mut self, request: EnableIrqReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.line(request.resource, |line| line.enable(true)));
        Ok(EnableIrqRes { rc }.encode(response)?)
    }

    fn disable_irq(&mut self, request: DisableIrqReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.line(request.resource, |line| line.enable(false)));
        Ok(DisableIrqRes { rc }.encode(response)?)
    }
}
