// SPDX-License-Identifier: MIT OR Apache-2.0
//! A class's own numbers of its endpoints.
//!
//! In KasperskyOS a message's RIID says which endpoint of the server's class it is for: two endpoints of one interface
//! have different numbers, and one number means different interfaces in different classes. Here interfaces have one
//! number each, in the registry, and that is what validators and policy know. On a channel whose endpoints are
//! numbered by their class the kernel puts one number for the other in its own copy of each message: before it is
//! looked at, and back before it is delivered.

use std::sync::Arc;
use std::vec::Vec;

use crate::nk::{Header, Interface, Retcode, Wire};

/// An endpoint of a server, as its clients on one channel see it.
#[derive(Clone, Debug)]
pub struct Served {
    /// How it is found: `component.endpoint`, or just `endpoint`.
    pub name: std::string::String,
    /// Its number in the class.
    pub riid: u16,
    /// What answers there; the kernel's registry must know it.
    pub interface: &'static Interface,
}

/// Number in the class, number in the registry. Empty: the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(Arc<[(u16, u16)]>);

/// A message's number in the class and in the registry, where these differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    class: u16,
    registry: u16,
}

/// Where `riid` lies in a constant part.
const RIID_AT: usize = 4;

fn put(constant: &mut [u8], riid: u16) -> Result<(), Retcode> {
    riid.put(constant, RIID_AT).map_err(|_| Retcode::INVALID_ARGUMENT)
}

impl Numbers {
    /// # Errors
    ///
    /// `rcAlreadyExists` if two endpoints have one number.
    pub(crate) fn of(served: &[Served]) -> Result<Self, Retcode> {
        let mut numbers: Vec<_> = served.iter().map(|one| (one.riid, one.interface.riid)).collect();
        numbers.sort_unstable();
        match numbers.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            true => Err(Retcode::ALREADY_EXISTS),
            false => Ok(Self(numbers.into())),
        }
    }

    /// Puts the registry's number into a request. `None` if the channel has no numbers of its own.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if no endpoint has its number.
    pub(crate) fn enter(&self, constant: &mut [u8]) -> Result<Option<Number>, Retcode> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let class = Header::read(constant).map_err(|_| Retcode::INVALID_ARGUMENT)?.riid;
        let found = self.0.iter().find(|(number, _)| *number == class);
        let (_, registry) = *found.ok_or(Retcode::INVALID_ARGUMENT)?;
        put(constant, registry)?;
        Ok(Some(Number { class, registry }))
    }
}

impl Number {
    /// Puts the registry's number into a response, which must have the request's.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if it has another.
    pub(crate) fn enter(self, constant: &mut [u8]) -> Result<(), Retcode> {
        match Header::read(constant) {
            Ok(header) if header.riid == self.class => put(constant, self.registry),
            _ => Err(Retcode::INVALID_ARGUMENT),
        }
    }

    /// Puts the class's number back.
    pub(crate) fn leave(self, constant: &mut [u8]) -> Result<(), Retcode> {
        put(constant, self.class)
    }
}
