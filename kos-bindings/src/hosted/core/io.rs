// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.IO`: interrupt lines.

use std::sync::Arc;

use super::{Core, answer, code, right};
use crate::hosted::irq::Registration;
use crate::hosted::object::Kind;
use crate::idl::io::{
    AttachIrqReq, AttachIrqRes, DetachIrqReq, DetachIrqRes, DisableIrqReq, DisableIrqRes, EnableIrqReq, EnableIrqRes,
    IRQ_SHARED, RegisterIrqReq, RegisterIrqRes, RevokeResourceReq, RevokeResourceRes, Server,
};
use crate::nk::{Fault, Handle, HandleDesc, Lens, Never, PartsMut, Retcode};

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

impl Server for Core<'_> {
    fn register_irq(&mut self, request: RegisterIrqReq, response: PartsMut<'_>) -> Answer {
        let (resource, rc) = answer(self.register(&request));
        Ok(RegisterIrqRes { resource, rc }.encode(response)?)
    }

    fn revoke_resource(&mut self, request: RevokeResourceReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.line(request.resource, |line| {
            line.revoke();
            Ok(())
        }));
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
