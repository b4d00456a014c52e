// SPDX-License-Identifier: GPL-2.0-only
//! Call traces: the chain of frame pointers that the compiler keeps (`-fno-omit-frame-pointer`).

/// A frame that is further up is none of this stack.
const STACK_REACH: u64 = 64 * 1024;

/// The frame pointer of the caller.
#[inline(always)]
pub fn here() -> u64 {
    let fp: u64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies a register.
    unsafe {
        core::arch::asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: copies a register.
    unsafe {
        core::arch::asm!("mov {}, x29", out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    fp
}

/// Collects return addresses, beginning with the frame at `fp`, into `frames`; stops at anything that is not further
/// up the same stack.
///
/// # Returns
///
/// How many there are.
pub fn walk(mut fp: u64, frames: &mut [u64]) -> usize {
    let mut count = 0;
    for slot in frames.iter_mut() {
        if fp == 0 || !fp.is_multiple_of(8) {
            break;
        }
        let at = core::ptr::with_exposed_provenance::<[u64; 2]>(usize::try_from(fp).unwrap_or(0));
        // SAFETY: the first frame is ours, and each next one lies on the same stack at most `STACK_REACH` above. A
        // frame that was overwritten faults at the worst, and the fault handler ends the domain with what there is.
        let [next, ret] = unsafe { at.read() };
        if ret == 0 {
            break;
        }
        *slot = ret;
        count += 1;
        if next <= fp || next - fp > STACK_REACH {
            break;
        }
        fp = next;
    }
    count
}

/// Where a function that has no frame would return to, if the stack pointer `sp` and the frame pointer `bp` are of one
/// stack: the word at `sp`, or the one behind a saved `bp`, which may be anything else; or 0. Compilers leave the
/// frame out where a function calls nothing, and before it is needed.
#[cfg(target_arch = "x86_64")]
pub fn top(sp: u64, bp: u64) -> u64 {
    if sp == 0 || !sp.is_multiple_of(8) || bp < sp || bp - sp > STACK_REACH {
        return 0;
    }
    let word = |at: u64| {
        let at = core::ptr::with_exposed_provenance::<u64>(usize::try_from(at).unwrap_or(0));
        // SAFETY: it lies on the stack that `bp` is of, as above; there is a frame at `bp`, so two words do.
        unsafe { at.read() }
    };
    match word(sp) {
        // The caller's frame pointer is saved already, and the function's own not yet set.
        saved if saved == bp => word(sp + 8),
        top => top,
    }
}

/// There the return address is in a register, and the runtime has read it.
#[cfg(not(target_arch = "x86_64"))]
pub fn top(_sp: u64, _bp: u64) -> u64 {
    0
}
