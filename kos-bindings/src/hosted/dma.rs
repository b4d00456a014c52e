// SPDX-License-Identifier: MIT OR Apache-2.0
//! DMA buffers: memory with physical addresses, which a device reaches as long as somebody lets it.
//!
//! The machine's physical addresses are this kernel's to give: a device, or what stands for it, has [`Dma`] and reads
//! and writes by them. What is no buffer, was not begun, or goes another way than the buffer was made for, is a fault,
//! as an IOMMU makes it.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use super::mdl::Mdl;
use super::notice::lock;
use super::quota::{Quota, What};
use crate::idl::io::{
    DMA_CACHE_DISABLE, DMA_FROM_DEVICE, DMA_TO_DEVICE, DMA_WRITE_BACK, DMA_WRITE_COMBINE, DMA_WRITE_THROUGH,
    DMA_ZONE32, DmaFrame, MAX_FRAMES,
};
use crate::idl::vmm::{PROT_READ, PROT_WRITE};
use crate::nk::Retcode;
use crate::port::PAGE;

/// Where buffers lie: beyond 4 GiB, or below.
const HIGH: Range<u64> = 1 << 32..1 << 40;
const LOW: Range<u64> = 1 << 30..1 << 32;
/// The ways to use the cache.
const CACHE: u32 = DMA_WRITE_BACK | DMA_WRITE_THROUGH | DMA_CACHE_DISABLE | DMA_WRITE_COMBINE;
/// The largest order of a block: 256 MiB.
const MAX_ORDER: u32 = 16;

/// An access of a device to memory that it may not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaFault;

/// The machine's memory as devices see it. The hardware, or its simulation, has this.
#[derive(Clone, Debug, Default)]
pub struct Dma(Arc<Mutex<Vec<Weak<Buffer>>>>);

/// A DMA buffer.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) memory: Mdl,
    /// Which ways it goes, where it lies.
    flags: u32,
    /// How the cache is used. Memory is coherent on the machines that this runs on, so it is only kept and told.
    cache: AtomicU32,
    /// The least order that was asked for.
    pub(crate) order: u64,
    pub(crate) frames: Vec<DmaFrame>,
    begun: AtomicU32,
}

/// A device's leave to reach a buffer.
#[derive(Debug)]
pub(crate) struct Access(Arc<Buffer>);

impl Access {
    pub(crate) fn begin(buffer: &Arc<Buffer>) -> Self {
        buffer.begun.fetch_add(1, AcqRel);
        Self(Arc::clone(buffer))
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.0.begun.fetch_sub(1, AcqRel);
    }
}

impl Buffer {
    /// Returns its flags: as it was made, but for the cache's use.
    pub(crate) fn flags(&self) -> u32 {
        self.flags | self.cache.load(Acquire)
    }

    /// Sets how the cache is used.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if `flags` is not one of the four ways.
    pub(crate) fn modify(&self, flags: u32) -> Result<(), Retcode> {
        if flags & !CACHE != 0 || !flags.is_power_of_two() {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        self.cache.store(flags, Release);
        Ok(())
    }
}

fn bytes_of(order: u32) -> u64 {
    (PAGE as u64) << order
}

/// Returns the order and count of the blocks of a buffer.
fn blocks(bytes: u64, order: u64) -> Result<(u32, u64), Retcode> {
    let is_whole = bytes != 0 && bytes.is_multiple_of(PAGE as u64);
    let from = u32::try_from(order)
        .ok()
        .filter(|order| *order <= MAX_ORDER && is_whole);
    let from = from.ok_or(Retcode::INVALID_ARGUMENT)?;
    let fits = |order: &u32| bytes.div_ceil(bytes_of(*order)) <= u64::from(MAX_FRAMES);
    let order = (from..=MAX_ORDER).find(fits).ok_or(Retcode::FAIL)?;
    Ok((order, bytes.div_ceil(bytes_of(order))))
}

impl Dma {
    /// Makes a buffer, on `quota`'s account.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` for impossible sizes or flags, `rcFail` at a limit or where there is no room.
    pub(crate) fn create(
        &self,
        bytes: u64,
        flags: u32,
        order: u64,
        quota: &Arc<Quota>,
    ) -> Result<Arc<Buffer>, Retcode> {
        let ways = DMA_TO_DEVICE | DMA_FROM_DEVICE;
        let (cache, flags) = (flags & CACHE, flags & !CACHE);
        if flags & ways == 0 || flags & !(ways | DMA_ZONE32) != 0 || cache.count_ones() > 1 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let (actual, count) = blocks(bytes, order)?;
        let total = count * bytes_of(actual);
        let memory = Mdl::create(total, PROT_READ | PROT_WRITE, quota.take(What::MemoryBytes, total)?)?;
        let mut buffers = lock(&self.0);
        buffers.retain(|buffer| buffer.strong_count() > 0);
        let zone = if flags & DMA_ZONE32 == 0 { HIGH } else { LOW };
        let frames = place(&buffers, zone, actual, count).ok_or(Retcode::FAIL)?;
        let buffer = Arc::new(Buffer {
            memory,
            flags,
            cache: AtomicU32::new(cache),
            order,
            frames,
            begun: AtomicU32::new(0),
        });
        buffers.push(Arc::downgrade(&buffer));
        Ok(buffer)
    }

    /// Reads at physical address `from`, as a device does. It must lie in one block.
    ///
    /// # Errors
    ///
    /// [`DmaFault`] where the device may not read.
    pub fn read(&self, from: u64, to: &mut [u8]) -> Result<(), DmaFault> {
        let (buffer, offset) = self.find(from, to.len(), DMA_TO_DEVICE)?;
        buffer.memory.read_at(offset, to).map_err(|_| DmaFault)
    }

    /// Writes at physical address `to`, as a device does. It must lie in one block.
    ///
    /// # Errors
    ///
    /// [`DmaFault`] where the device may not write.
    pub fn write(&self, to: u64, from: &[u8]) -> Result<(), DmaFault> {
        let (buffer, offset) = self.find(to, from.len(), DMA_FROM_DEVICE)?;
        buffer.memory.write_at(offset, from).map_err(|_| DmaFault)
    }

    fn find(&self, at: u64, len: usize, way: u32) -> Result<(Arc<Buffer>, u64), DmaFault> {
        let end = at.checked_add(len as u64).ok_or(DmaFault)?;
        let buffers = lock(&self.0);
        for buffer in buffers.iter().filter_map(Weak::upgrade) {
            let mut offset = 0;
            for block in &buffer.frames {
                let bytes = bytes_of(block.order);
                if at >= block.frame && end <= block.frame + bytes {
                    let is_let = buffer.begun.load(Acquire) != 0 && buffer.flags & way != 0;
                    let found = (Arc::clone(&buffer), offset + (at - block.frame));
                    return is_let.then_some(found).ok_or(DmaFault);
                }
                offset += bytes;
            }
        }
        Err(DmaFault)
    }
}

/// Finds room for `count` blocks, each on its own with a page before the next, so that nobody takes two for one.
fn place(buffers: &[Weak<Buffer>], zone: Range<u64>, order: u32, count: u64) -> Option<Vec<DmaFrame>> {
    let mut taken: Vec<_> = buffers
        .iter()
        .filter_map(Weak::upgrade)
        .flat_map(|buffer| buffer.frames.clone())
        .map(|block| (block.frame, block.frame + bytes_of(block.order)))
        .collect();
    taken.sort_unstable();
    let mut taken = taken.into_iter().peekable();
    let (bytes, gap) = (bytes_of(order), PAGE as u64);
    let mut at = zone.start;
    let mut frames = Vec::new();
    while (frames.len() as u64) < count {
        let end = at.checked_add(bytes + gap).filter(|end| *end <= zone.end)?;
        match taken.next_if(|(start, _)| *start < end) {
            Some((_, taken_to)) => at = at.max((taken_to + gap).next_multiple_of(bytes)),
            None => {
                frames.push(DmaFrame { frame: at, order });
                at = end.next_multiple_of(bytes);
            }
        }
    }
    Some(frames)
}
