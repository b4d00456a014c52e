// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.VMM`: shared memory.

use super::{Answer, Core, caps, code, right};
use crate::hosted::mdl::{Mdl, check_prot};
use crate::hosted::notice::lock;
use crate::hosted::object::{Kind, Object};
use crate::hosted::quota::What;
use crate::idl::vmm::{
    FreeReq, FreeRes, MdlCloneReq, MdlCloneRes, MdlCreateReq, MdlCreateRes, MdlGetSizeReq, MdlGetSizeRes, MdlMapReq,
    MdlMapRes, PROT_READ, PROT_WRITE, Server,
};
use crate::nk::{Handle, PartsMut, Retcode};

/// What may be done with memory that was made for `prot`.
fn rights(prot: u32) -> u32 {
    let mut rights = right::COMMON;
    if prot & PROT_READ != 0 {
        rights |= right::MAP_READ;
    }
    if prot & PROT_WRITE != 0 {
        rights |= right::MAP_WRITE;
    }
    rights
}

impl Core<'_> {
    fn mdl_create(&self, request: &MdlCreateReq) -> Result<Handle, Retcode> {
        let charge = self.task.quota.take(What::MemoryBytes, request.size)?;
        let mdl = Mdl::create(request.size, request.prot, charge)?;
        self.make(Kind::Mdl(mdl), rights(request.prot))
    }

    fn mdl_map(&self, request: &MdlMapReq) -> Result<u64, Retcode> {
        let needed = Self::map_rights(request.prot)?;
        let object = self.object(request.handle, needed)?;
        self.map(object.mdl()?, request.offset, request.length, request.prot)
    }

    /// Returns the rights that it takes to map for `prot`.
    pub(super) fn map_rights(prot: u32) -> Result<u32, Retcode> {
        check_prot(prot)?;
        Ok(rights(prot) & !right::COMMON)
    }

    /// Tells whether the caller is a sandboxed domain that maps by itself what it is granted.
    pub(super) fn shares(&self) -> bool {
        self.thread.life.as_ref().is_some_and(|life| life.share.is_some())
    }

    /// Maps a part of `mdl` into the caller, or lets it: a domain is told the place in the file.
    pub(super) fn map(&self, mdl: &Mdl, offset: u64, length: u64, prot: u32) -> Result<u64, Retcode> {
        let charge = self.task.quota.take(What::Objects, 1)?;
        if let Some(share) = self.thread.life.as_ref().and_then(|life| life.share.as_ref()) {
            return share.grant(mdl.grant(offset, length, prot, charge)?);
        }
        let mut mappings = lock(&self.task.mappings);
        let mappings = mappings.as_mut().ok_or(Retcode::FAIL)?;
        let mapping = mdl.map(offset, length, prot, charge)?;
        let at = mapping.at as u64;
        mappings.push(mapping);
        Ok(at)
    }

    fn mdl_clone(&self, request: &MdlCloneReq) -> Result<Handle, Retcode> {
        let node = self
            .task
            .node(request.origin_handle.handle, Retcode::INVALID_ARGUMENT)?;
        let object = node.object()?;
        let part = object.mdl()?.part(request.offset, request.length)?;
        // A copy by another name: it needs the same right, and gets no more rights than its origin has.
        if node.rights.bits() & right::COPY == 0 {
            return Err(Retcode::SECURITY_DISALLOW);
        }
        let charge = self.task.quota.take(What::Objects, 1)?;
        let part = Object::new(Kind::Mdl(part), Some(charge));
        // A descendant: who takes the whole back takes its parts back.
        caps::derive_as(&node, Some(part), self.task, node.rights, None, self.task)
    }

    pub(super) fn unmap(&self, va: u64, size: u64) -> Result<(), Retcode> {
        let mut mappings = lock(&self.task.mappings);
        let mappings = mappings.as_mut().ok_or(Retcode::FAIL)?;
        let at = mappings
            .iter()
            .position(|mapping| mapping.at as u64 == va && mapping.len as u64 == size);
        mappings.swap_remove(at.ok_or(Retcode::INVALID_ARGUMENT)?);
        Ok(())
    }
}

impl Server for Core<'_> {
    methods! {
        mdl_create(me, request: MdlCreateReq) -> MdlCreateRes { handle } = Core::mdl_create(me, &request);
        mdl_clone(me, request: MdlCloneReq) -> MdlCloneRes { clone_handle } = Core::mdl_clone(me, &request);
        free(me, request: FreeReq) -> FreeRes {} = me.unmap(request.va, request.size);
    }

    fn mdl_get_size(&mut self, request: MdlGetSizeReq, response: PartsMut<'_>) -> Answer {
        let found = self.object(request.handle, 0);
        let size = found.and_then(|object| object.mdl().map(|mdl| mdl.bytes));
        let rc = code(size.map(drop));
        let size = size.unwrap_or(0);
        Ok(MdlGetSizeRes { size, rc }.encode(response)?)
    }

    fn mdl_map(&mut self, request: MdlMapReq, response: PartsMut<'_>) -> Answer {
        let mapped = Core::mdl_map(self, &request);
        let rc = code(mapped.map(drop));
        let address = mapped.unwrap_or(0);
        Ok(MdlMapRes { address, rc }.encode(response)?)
    }
}
