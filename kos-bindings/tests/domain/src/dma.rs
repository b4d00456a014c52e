// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain with a DMA buffer: it writes what a device reads, and reads what a device writes.

use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed};

use kos_bindings::domain::{Boot, Caller, mem};
use kos_bindings::idl::io::{DMA_CACHE_DISABLE, DMA_FROM_DEVICE, DMA_TO_DEVICE};
use kos_bindings::kn::Kn;
use kos_bindings::nk::{Handle, Retcode};

use crate::escape::syscall;

const PAGE: usize = 4096;
const MMAP: usize = 9;
const EPERM: isize = -1;

/// The buffer's mapping, and its device's access; a domain has one thread.
static AT: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static ACCESS: AtomicU32 = AtomicU32::new(0);

/// The first time it makes a buffer of two pages, writes `words` to the first, lets the device at it, and answers with
/// its physical address. Then it answers with what the device wrote to the second one. With `end` it ends the device's
/// access.
pub fn dma(caller: &mut Caller, boot: Boot, words: &[u8], text: &mut [u8]) -> usize {
    let mut kn = Kn::new(caller, Handle(boot.kernel));
    let answer: Result<u64, Retcode> = if AT.load(Relaxed).is_null() {
        make(&mut kn, words)
    } else if words == b"end" {
        kn.revoke_resource(Handle(ACCESS.load(Relaxed))).map(|()| 0)
    } else {
        let at = AT.load(Relaxed);
        for (place, to) in text.iter_mut().enumerate() {
            // SAFETY: the second page of a mapping that stays.
            *to = unsafe { at.wrapping_add(PAGE + place).read_volatile() };
        }
        return text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    };
    let word = answer.unwrap_or_else(|code| u64::from(code.0 as u32));
    text[..8].copy_from_slice(&word.to_le_bytes());
    8
}

fn make(kn: &mut Kn<&mut Caller>, words: &[u8]) -> Result<u64, Retcode> {
    let buffer = kn.register_dma(2 * PAGE as u64, DMA_TO_DEVICE | DMA_FROM_DEVICE, 1)?;
    kn.modify_dma(buffer, DMA_CACHE_DISABLE)?;
    // Another mapping than the one that is granted.
    let (_, place) = kn.map_dma(buffer, 0, PAGE as u64, 1)?;
    if syscall(MMAP, [0, 2 * PAGE, 3, 1, 0, place]) != EPERM {
        return Err(Retcode::BUSY);
    }
    let at = mem::map_dma(kn, buffer, 0, 2 * PAGE, 3)?;
    AT.store(at, Relaxed);
    for (place, byte) in words.iter().chain([&0]).enumerate() {
        // SAFETY: the first page of a mapping that stays.
        unsafe { at.wrapping_add(place).write_volatile(*byte) };
    }
    ACCESS.store(kn.begin_dma(buffer)?.0, Relaxed);
    Ok(kn.dma_info(buffer)?.frames[0].frame)
}
