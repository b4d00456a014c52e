// SPDX-License-Identifier: GPL-2.0-only
//! Allocation flags (`include/linux/gfp_types.h`), as far as this machine looks at them.

use crate::bindings;

/// A `gfp_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Gfp(pub u32);

impl Gfp {
    /// The memory reads as zero.
    pub const ZERO: Gfp = Gfp(bindings::MM_GFP_ZERO);
    /// No log line when the allocation fails.
    pub const NOWARN: Gfp = Gfp(bindings::MM_GFP_NOWARN);
    /// The caller has no plan for failure.
    pub const NOFAIL: Gfp = Gfp(bindings::MM_GFP_NOFAIL);
    /// The pages form one compound page.
    pub const COMP: Gfp = Gfp(bindings::MM_GFP_COMP);
    /// The allocation may sleep.
    pub const DIRECT_RECLAIM: Gfp = Gfp(bindings::MM_GFP_DIRECT_RECLAIM);
    /// `GFP_KERNEL`.
    pub const KERNEL: Gfp = Gfp(bindings::MM_GFP_KERNEL);
    /// `GFP_ATOMIC`.
    pub const ATOMIC: Gfp = Gfp(bindings::MM_GFP_ATOMIC);

    /// Whether all bits of `other` are set.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, other: Gfp) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union of both.
    #[inline(always)]
    #[must_use]
    pub const fn with(self, other: Gfp) -> Gfp {
        Gfp(self.0 | other.0)
    }
}
