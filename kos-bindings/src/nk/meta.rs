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
