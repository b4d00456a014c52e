// SPDX-License-Identifier: GPL-2.0-only
//! Call traces: the chain of frame pointers that the compiler keeps (`-fno-omit-frame-pointer`).

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
    const STACK_REACH: u64 = 64 * 1024;
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
