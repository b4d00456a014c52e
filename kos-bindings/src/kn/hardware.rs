// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shared memory, interrupts, and channels that are made at run time.

use super::{Kn, code, own};
use crate::idl::{cm, io, vmm};
use crate::nk::{Handle, Retcode, Transport};

impl<T: Transport> Kn<T> {
    /// Makes shared memory of `bytes`, whole pages. `prot` is of [`vmm::PROT_READ`] and [`vmm::PROT_WRITE`].
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_create(&mut self, bytes: u64, prot: u32) -> Result<Handle, Retcode> {
        Ok(ask!(self, vmm.mdl_create, vmm::MdlCreateReq { size: bytes, prot })
            .handle
            .handle)
    }

    /// Returns the bytes of `mdl`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_get_size(&mut self, mdl: Handle) -> Result<u64, Retcode> {
        Ok(ask!(self, vmm.mdl_get_size, vmm::MdlGetSizeReq { handle: own(mdl) }).size)
    }

    /// Maps `length` bytes of `mdl` from `offset`; returns the address. What others do with the memory, they do
    /// meanwhile: copy once, then check. In a sandboxed domain this is half of it: [`crate::domain::mem::map_mdl`].
    ///
    /// # Errors
    ///
    /// `rcSecurityDisallow` without the right, `rcInvalidArgument` outside the memory or off pages, `rcFail` in a
    /// sandboxed domain that was not made to share memory.
    pub fn mdl_map(&mut self, mdl: Handle, offset: u64, length: u64, prot: u32) -> Result<usize, Retcode> {
        let request = vmm::MdlMapReq {
            handle: own(mdl),
            offset,
            length,
            hint: 0,
            prot,
        };
        usize::try_from(ask!(self, vmm.mdl_map, request).address).map_err(|_| Retcode::FAIL)
    }

    /// Makes an MDL of a part of `mdl`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_clone(&mut self, mdl: Handle, offset: u64, length: u64) -> Result<Handle, Retcode> {
        let request = vmm::MdlCloneReq {
            origin_handle: own(mdl),
            offset,
            length,
        };
        Ok(ask!(self, vmm.mdl_clone, request).clone_handle.handle)
    }

    /// Unmaps what [`Kn::mdl_map`] mapped at `address`, `bytes` long.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if no mapping is just there.
    pub fn unmap(&mut self, address: usize, bytes: u64) -> Result<(), Retcode> {
        let request = vmm::FreeReq {
            va: address as u64,
            size: bytes,
        };
        ask!(self, vmm.free, request);
        Ok(())
    }

    /// Takes interrupt line `irq`; `flags` is [`io::IRQ_SHARED`] or 0.
    ///
    /// # Errors
    ///
    /// `rcAlreadyExists` if somebody has it and does not share.
    pub fn register_irq(&mut self, irq: u32, flags: u32) -> Result<Handle, Retcode> {
        Ok(ask!(self, io.register_irq, io::RegisterIrqReq { irq, flags })
            .resource
            .handle)
    }

    /// Gives the line `resource` back, also from whom it was passed on to.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn revoke_resource(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.revoke_resource,
            io::RevokeResourceReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Binds the calling thread to a line; returns what it calls `Recv` on for the next interrupt.
    ///
    /// # Errors
    ///
    /// `rcAlreadyExists` if a thread is bound to this registration.
    pub fn attach_irq(&mut self, resource: Handle) -> Result<Handle, Retcode> {
        let request = io::AttachIrqReq {
            resource: own(resource),
            flags: 0,
        };
        Ok(ask!(self, io.attach_irq, request).delivery.handle)
    }

    /// Undoes [`Kn::attach_irq`].
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn detach_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.detach_irq,
            io::DetachIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Lets interrupts of the line come.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn enable_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.enable_irq,
            io::EnableIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Holds interrupts of the line back.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn disable_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.disable_irq,
            io::DisableIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Asks process `server` for a channel to `service`, and waits up to `mdelay` milliseconds. Returns the client's
    /// end and the interface that may be called on it.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if there is no such process or it refused, `rcTimeout`.
    pub fn cm_connect(&mut self, server: &str, service: &str, mdelay: u32) -> Result<(Handle, u32), Retcode> {
        let request = cm::ConnectReq {
            server,
            service,
            msecs: mdelay,
        };
        let channel = ask!(self, cm.connect, request);
        Ok((channel.handle.handle, channel.id))
    }

    /// Waits up to `mdelay` milliseconds for a client that asks for a channel to `filter` (any if empty), and tells
    /// `then` its process and the service that it wants.
    ///
    /// # Errors
    ///
    /// `rcTimeout`.
    pub fn cm_listen<R>(
        &mut self,
        filter: &str,
        mdelay: u32,
        then: impl FnOnce(&str, &str) -> R,
    ) -> Result<R, Retcode> {
        let request = cm::ListenReq { filter, msecs: mdelay };
        let mut client = cm::Client::new(&mut self.transport, self.kernel);
        let asked = client.listen(&request).map_err(code)?;
        Retcode(asked.rc).ok()?;
        Ok(then(asked.client, asked.service))
    }

    /// Gives `client` the channel to `service` that it waits for, served on `listener`; `riid` is the one interface
    /// that may be called, or 0. Returns a second handle to the listener.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client waits no more.
    pub fn cm_accept(&mut self, listener: Handle, client: &str, service: &str, riid: u16) -> Result<Handle, Retcode> {
        let request = cm::AcceptReq {
            listener: own(listener),
            client,
            service,
            id: u32::from(riid),
        };
        Ok(ask!(self, cm.accept, request).handle.handle)
    }

    /// Refuses `client` the channel to `service`.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client waits no more.
    pub fn cm_drop(&mut self, client: &str, service: &str) -> Result<(), Retcode> {
        let request = cm::DropReq { client, service };
        ask!(self, cm.drop, request);
        Ok(())
    }
}
