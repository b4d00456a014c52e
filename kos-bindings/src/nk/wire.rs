// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of fixed size, as they lie in a constant part or in a sequence: little-endian, naturally
//! aligned.

use super::NkErr;

/// A type of fixed size on the wire. Generated structs implement it; so do integers, arrays and
/// handles.
pub trait Wire: Copy {
    /// Bytes of one value, padding included: a multiple of [`Wire::ALIGN`].
    const BYTES: usize;
    /// Natural alignment in bytes.
    const ALIGN: usize;
    /// A value to be overwritten: all zero, or a union's first member that is.
    const ZERO: Self;
    /// Whether any bytes are a value. Those of a union are none if its tag says nothing.
    const IS_TOTAL: bool = true;

    /// Reads the value that starts at byte `at`.
    ///
    /// # Errors
    ///
    /// [`NkErr::BadMsg`] if `bytes` ends before the value does, or is none.
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr>;

    /// Writes the value so that it starts at byte `at`, padding as zeros.
    ///
    /// # Errors
    ///
    /// [`NkErr::NoMem`] if `bytes` ends before the value does.
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr>;
}

/// Borrows the `N` bytes from `at` on; for generated structs.
#[inline]
pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<&[u8; N], NkErr> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(NkErr::BadMsg)
}

/// Borrows the `N` bytes from `at` on, to write them; for generated structs.
#[inline]
pub(crate) fn part_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Result<&mut [u8; N], NkErr> {
    bytes
        .get_mut(at..)
        .and_then(<[u8]>::first_chunk_mut)
        .ok_or(NkErr::NoMem)
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            const BYTES: usize = size_of::<$int>();
            const ALIGN: usize = size_of::<$int>();
            const ZERO: Self = 0;

            #[inline]
            fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {
                part(bytes, at).map(|part| Self::from_le_bytes(*part))
            }

            #[inline]
            fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {
                *part_mut(bytes, at)? = self.to_le_bytes();
                Ok(())
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl<T: Wire, const N: usize> Wire for [T; N] {
    const BYTES: usize = T::BYTES * N;
    const ALIGN: usize = T::ALIGN;
    const ZERO: Self = [T::ZERO; N];
    const IS_TOTAL: bool = T::IS_TOTAL;

    #[inline]
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {
        let mut items = Self::ZERO;
        let mut item_at = at;
        for item in &mut items {
            *item = T::get(bytes, item_at)?;
            item_at = item_at.checked_add(T::BYTES).ok_or(NkErr::BadMsg)?;
        }
        Ok(items)
    }

    #[inline]
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {
        let mut item_at = at;
        for item in self {
            item.put(bytes, item_at)?;
            item_at = item_at.checked_add(T::BYTES).ok_or(NkErr::NoMem)?;
        }
        Ok(())
    }
}

/// A handle value: what names a kernel resource, in one process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Handle(pub u32);

impl Handle {
    /// `INVALID_HANDLE`: names nothing. The number is this back end's own.
    pub const INVALID: Self = Self(u32::MAX);

    /// Tells whether this may name a resource.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.0 != Self::INVALID.0
    }
}

/// A handle inside a message (`nk_handle_desc_t`): 16 bytes, aligned to 8.
///
/// That it holds a value, a rights mask and a badge is public; their order is inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleDesc {
    /// The handle, valid in the process that reads or writes this message.
    pub handle: Handle,
    /// The rights that travel with it; they can only shrink.
    pub rights: u32,
    /// The resource transfer context, for the process that issued the handle.
    pub badge: u64,
}

impl HandleDesc {
    /// The descriptor of no handle at all.
    pub const INVALID: Self = Self {
        handle: Handle::INVALID,
        rights: 0,
        badge: 0,
    };

    /// In `rights`, when a message is sent: all rights that the sender has.
    pub const SAME_RIGHTS: u32 = u32::MAX;
    /// In `rights`, when a message arrives: the handle came home, and no new one was made. It is no right.
    pub const DEREFERENCED: u32 = 1 << 31;

    /// Describes `handle` with all rights that the sender has (`nk_handle_desc`).
    #[must_use]
    pub const fn all(handle: Handle) -> Self {
        Self::with(handle, Self::SAME_RIGHTS)
    }

    /// Describes `handle` with these rights, which must be some that the sender has.
    #[must_use]
    pub const fn with(handle: Handle, rights: u32) -> Self {
        Self {
            handle,
            rights,
            badge: 0,
        }
    }

    /// Describes `handle`, to be counted by the sender's badge `badge`.
    #[must_use]
    pub const fn with_badge(handle: Handle, rights: u32, badge: Handle) -> Self {
        Self {
            handle,
            rights,
            badge: badge.0 as u64,
        }
    }

    /// Tells whether the handle came home (`nk_is_handle_dereferenced`): then [`HandleDesc::handle`] is the receiver's
    /// own, and [`HandleDesc::badge`] the context that it gave.
    #[must_use]
    pub const fn is_dereferenced(&self) -> bool {
        self.rights & Self::DEREFERENCED != 0
    }
}

impl Wire for HandleDesc {
    const BYTES: usize = 16;
    const ALIGN: usize = 8;
    const ZERO: Self = Self {
        handle: Handle(0),
        rights: 0,
        badge: 0,
    };

    #[inline]
    fn get(bytes: &[u8], at: usize) -> Result<Self, NkErr> {
        let both = u64::get(bytes, at)?;
        let badge = u64::get(bytes, at.checked_add(8).ok_or(NkErr::BadMsg)?)?;
        let [h0, h1, h2, h3, r0, r1, r2, r3] = both.to_le_bytes();
        Ok(Self {
            handle: Handle(u32::from_le_bytes([h0, h1, h2, h3])),
            rights: u32::from_le_bytes([r0, r1, r2, r3]),
            badge,
        })
    }

    #[inline]
    fn put(&self, bytes: &mut [u8], at: usize) -> Result<(), NkErr> {
        let both = u64::from(self.handle.0) | u64::from(self.rights) << 32;
        both.put(bytes, at)?;
        self.badge.put(bytes, at.checked_add(8).ok_or(NkErr::NoMem)?)
    }
}
