// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel, the judge and the log know of an interface: data, generated from its IDL.

use super::{Header, NkErr, Parts};

/// One interface of the registry.
#[derive(Debug)]
pub struct Interface {
    /// The package name in the IDL, such as `linuxcompat.I2c`.
    pub name: &'static str,
    /// The interface's number in message headers.
    pub riid: u16,
    /// The methods; a method's place is its MID.
    pub methods: &'static [Method],
}

impl Interface {
    /// Finds a method by its number.
    #[must_use]
    pub fn method(&self, mid: u16) -> Option<&'static Method> {
        self.methods.get(usize::from(mid))
    }

    /// Checks a request, and says of which method it is.
    ///
    /// # Errors
    ///
    /// [`NkErr::NoEnt`] if there is no such method, [`NkErr::BadMsg`] if the request is not one of
    /// it.
    pub fn validate_request(&self, request: Parts<'_>) -> Result<&'static Method, NkErr> {
        let method = self.method(Header::read(request.constant)?.mid).ok_or(NkErr::NoEnt)?;
        (method.validate_request)(request)?;
        Ok(method)
    }
}

/// One method of an [`Interface`].
#[derive(Debug)]
pub struct Method {
    /// The method's name in the IDL.
    pub name: &'static str,
    /// The method's number in message headers.
    pub mid: u16,
    /// Checks a request of this method.
    pub validate_request: fn(Parts<'_>) -> Result<(), NkErr>,
    /// Checks a response of this method, be it the result or the error form.
    pub validate_response: fn(Parts<'_>) -> Result<(), NkErr>,
    /// Size of the request.
    pub request: Sizes,
    /// Size of the result.
    pub result: Sizes,
    /// Size of the error form, if the method declares `error` parameters.
    pub error: Option<Sizes>,
    /// The parameters, for those who look into messages: the policy and the audit log. A domain has
    /// no use for them, and its image does without.
    #[cfg(feature = "hosted")]
    pub fields: Fields,
}

/// The parameters of a method's messages, in declaration order.
#[cfg(feature = "hosted")]
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// Of the request.
    pub request: &'static [Field],
    /// Of the result.
    pub result: &'static [Field],
    /// Of the error form; empty if there is none.
    pub error: &'static [Field],
}

/// A parameter of a message, or a field of a struct.
#[cfg(feature = "hosted")]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the IDL.
    pub name: &'static str,
    /// Where it starts in the constant part or in the struct.
    pub at: usize,
    /// What it is.
    pub ty: FieldType,
}

/// The type of a [`Field`].
#[cfg(feature = "hosted")]
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// An integer.
    Int {
        /// Its bytes: 1, 2, 4 or 8.
        bytes: usize,
        /// Whether it has a sign.
        is_signed: bool,
    },
    /// A handle descriptor.
    Handle,
    /// Bytes in the arena, so many at the most.
    Bytes(usize),
    /// Text in the arena, so many bytes at the most.
    String(usize),
    /// A struct.
    Struct {
        /// Its name in the IDL.
        name: &'static str,
        /// Its bytes, padding included.
        bytes: usize,
        /// Its alignment.
        align: usize,
        /// Its fields.
        fields: &'static [Field],
    },
    /// So many items, inline.
    Array(&'static FieldType, usize),
    /// Items in the arena, so many at the most.
    Sequence(&'static FieldType, usize),
}

#[cfg(feature = "hosted")]
impl FieldType {
    /// Returns size and alignment in a constant part or struct.
    #[must_use]
    pub const fn layout(&self) -> (usize, usize) {
        match self {
            Self::Int { bytes, .. } => (*bytes, *bytes),
            Self::Handle => (16, 8),
            Self::Bytes(_) | Self::String(_) | Self::Sequence(..) => (8, 4),
            Self::Struct { bytes, align, .. } => (*bytes, *align),
            Self::Array(item, count) => {
                let (bytes, align) = item.layout();
                (bytes.saturating_mul(*count), align)
            }
        }
    }
}

/// How large one form of a message is, and how much it carries at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Exact bytes of the constant part.
    pub constant: usize,
    /// Bytes that the arena can reach.
    pub arena_max: usize,
    /// Exact count of handle descriptors.
    pub handles: usize,
}
