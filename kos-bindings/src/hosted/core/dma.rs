// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.IO`: DMA buffers.

use std::sync::Arc;

use super::{Core, right};
use crate::hosted::dma::{Access, Buffer};
use crate::hosted::object::Kind;
use crate::idl::io::{BeginDmaReq, MapDmaReq, RegisterDmaReq};
use crate::nk::{Handle, HandleDesc, Retcode};

/// What stays with the process that made it.
const OWN: u32 = right::COMMON & !right::TRANSFER;

impl Core<'_> {
    pub(super) fn dma(&self, resource: HandleDesc, rights: u32) -> Result<Arc<Buffer>, Retcode> {
        self.object(resource, rights)?.dma().map(Arc::clone)
    }

    pub(super) fn register_dma(&self, request: &RegisterDmaReq) -> Result<Handle, Retcode> {
        let RegisterDmaReq { size, flags, order } = *request;
        let buffer = self.kernel.dma.create(size, flags, order, &self.task.quota)?;
        let rights = right::COMMON | right::MAP_READ | right::MAP_WRITE | right::DMA;
        self.make(Kind::Dma(buffer), rights)
    }

    /// Returns the mapping and its address; a sandboxed domain's mapping is its own to make, and has no handle.
    pub(super) fn map_dma(&self, request: &MapDmaReq) -> Result<(Handle, u64), Retcode> {
        let needed = Self::map_rights(request.prot)?;
        let buffer = self.dma(request.resource, needed)?;
        let at = self.map(&buffer.memory, request.offset, request.length, request.prot)?;
        if self.shares() {
            return Ok((Handle::INVALID, at));
        }
        let (from, len) = (usize::try_from(at), usize::try_from(request.length));
        let (Ok(from), Ok(len)) = (from, len) else {
            return Err(Retcode::FAIL);
        };
        let mapping = self.make(Kind::DmaMapping(from, len), OWN);
        if mapping.is_err() {
            self.unmap(at, request.length)?;
        }
        mapping.map(|mapping| (mapping, at))
    }

    pub(super) fn begin_dma(&self, request: &BeginDmaReq) -> Result<Handle, Retcode> {
        if request.domain.handle.is_valid() {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let buffer = self.dma(request.resource, right::DMA)?;
        let access = Access::begin(&buffer);
        self.make(Kind::DmaAccess { _access: access }, OWN)
    }
}
