// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shared memory, interrupts, and channels that are made at run time.

use super::{Kn, code, own};
use crate::idl::{cm, io, vmm};
use crate::nk::{Handle, HandleDesc, Retcode, Transport};

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

/// A DMA buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaInfo {
    /// [`io::DMA_TO_DEVICE`] and the like.
    pub flags: u32,
    /// The least order of its blocks.
    pub order: u64,
    /// Bytes.
    pub bytes: u64,
    /// Blocks; the first so many of `frames` are used.
    pub count: usize,
    /// The blocks, in order.
    pub frames: [io::DmaFrame; io::MAX_FRAMES as usize],
}

impl<T: Transport> Kn<T> {
    /// Makes a DMA buffer of `bytes`, whole pages, in blocks of two to the power of `order` pages or larger ones;
    /// `flags` are of [`io::DMA_TO_DEVICE`], [`io::DMA_FROM_DEVICE`], [`io::DMA_ZONE32`], and one that
    /// [`Kn::modify_dma`] can set.
    ///
    /// # Errors
    ///
    /// The module's; `rcFail` if there is no such block.
    pub fn register_dma(&mut self, bytes: u64, flags: u32, order: u64) -> Result<Handle, Retcode> {
        let request = io::RegisterDmaReq {
            size: bytes,
            flags,
            order,
        };
        Ok(ask!(self, io.register_dma, request).resource.handle)
    }

    /// Maps `length` bytes of DMA buffer `buffer` from `offset`; returns the mapping, for [`Kn::revoke_resource`], and
    /// the address. To a sandboxed domain that shares memory the mapping is only granted: the handle is the invalid
    /// one, and instead of the address comes the place in the file.
    ///
    /// # Errors
    ///
    /// Those of [`Kn::mdl_map`].
    pub fn map_dma(&mut self, buffer: Handle, offset: u64, length: u64, prot: u32) -> Result<(Handle, usize), Retcode> {
        let request = io::MapDmaReq {
            resource: own(buffer),
            offset,
            length,
            hint: 0,
            prot,
        };
        let result = ask!(self, io.map_dma, request);
        let at = usize::try_from(result.address).map_err(|_| Retcode::FAIL)?;
        Ok((result.mapping.handle, at))
    }

    /// Returns what DMA buffer `buffer` is.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn dma_info(&mut self, buffer: Handle) -> Result<DmaInfo, Retcode> {
        let request = io::DmaGetInfoReq { resource: own(buffer) };
        let mut client = io::Client::new(&mut self.transport, self.kernel);
        let result = client.dma_get_info(&request).map_err(code)?;
        Retcode(result.rc).ok()?;
        let mut info = DmaInfo {
            flags: result.flags,
            order: result.order,
            bytes: result.size,
            count: usize::try_from(result.count).map_err(|_| Retcode::FAIL)?,
            frames: [io::DmaFrame { frame: 0, order: 0 }; io::MAX_FRAMES as usize],
        };
        for (to, from) in info.frames.iter_mut().zip(result.frames.iter()) {
            *to = from;
        }
        Ok(info)
    }

    /// Returns the count of `buffer`'s blocks, and writes their physical addresses to `to` as far as there is room.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn dma_phys_info(&mut self, buffer: Handle, to: &mut [io::DmaFrame]) -> Result<usize, Retcode> {
        let request = io::DmaGetPhysInfoReq { handle: own(buffer) };
        let mut client = io::Client::new(&mut self.transport, self.kernel);
        let result = client.dma_get_phys_info(&request).map_err(code)?;
        Retcode(result.rc).ok()?;
        for (to, from) in to.iter_mut().zip(result.frames.iter()) {
            *to = from;
        }
        usize::try_from(result.count).map_err(|_| Retcode::FAIL)
    }

    /// Sets how the processor's cache is used for `buffer`: [`io::DMA_WRITE_BACK`], [`io::DMA_WRITE_THROUGH`],
    /// [`io::DMA_CACHE_DISABLE`] or [`io::DMA_WRITE_COMBINE`]. Here memory is coherent, and [`Kn::dma_info`] tells what
    /// was set.
    ///
    /// # Errors
    ///
    /// The module's; `rcInvalidArgument` for other flags, `rcSecurityDisallow` without the right to let a device at it.
    pub fn modify_dma(&mut self, buffer: Handle, flags: u32) -> Result<(), Retcode> {
        let request = io::ModifyDmaReq {
            resource: own(buffer),
            flags,
        };
        ask!(self, io.modify_dma, request);
        Ok(())
    }

    /// Lets the device at `buffer` until the returned handle is closed.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn begin_dma(&mut self, buffer: Handle) -> Result<Handle, Retcode> {
        let request = io::BeginDmaReq {
            resource: own(buffer),
            domain: HandleDesc::INVALID,
        };
        Ok(ask!(self, io.begin_dma, request).iomapping.handle)
    }
}
