// SPDX-License-Identifier: GPL-2.0-only
//! Who called: the return address of the C function that asked, in debug builds.
//!
//! Without the feature `debug` the type has no size and passing it costs nothing.

/// A code address, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    #[cfg(feature = "debug")]
    address: usize,
}

impl Caller {
    /// The shim itself.
    pub const SHIM: Caller = Caller {
        #[cfg(feature = "debug")]
        address: 0,
    };

    /// The C code that continues at `address`.
    #[inline(always)]
    #[must_use]
    pub fn at(address: usize) -> Caller {
        let _ = address;
        Caller {
            #[cfg(feature = "debug")]
            address,
        }
    }

    /// The address, 0 when it is not known.
    #[inline(always)]
    #[must_use]
    pub fn address(self) -> usize {
        #[cfg(feature = "debug")]
        return self.address;
        #[cfg(not(feature = "debug"))]
        0
    }
}
