// SPDX-License-Identifier: GPL-2.0-only
//! Firmware files over `linuxcompat.Firmware`; `glue/firmware.c` makes `request_firmware` and its kin of it.

pub mod ffi;

use crate::{bus, errno::Errno};
use kos_bindings::{
    domain::Caller,
    idl::firmware,
    nk::{CallError, Handle, Retcode},
};

/// Longest name that the interface carries.
const MAX_NAME: usize = 256;

/// Without a server there are no files: as in Linux with an empty `/lib/firmware`.
fn channel(name: &str) -> Result<Handle, Errno> {
    if name.len() >= MAX_NAME {
        return Err(Errno::ENAMETOOLONG);
    }
    bus::channel("firmware").map_err(|_| Errno::ENOENT)
}

/// A file that the policy does not let this driver have is not there.
fn refused(code: Retcode) -> Errno {
    if code == Retcode::SECURITY_DISALLOW {
        Errno::ENOENT
    } else {
        bus::broken(code)
    }
}

fn ask<R>(f: impl FnOnce(&mut Caller) -> R) -> R {
    bus::with_caller(f)
}

/// The size of a file in bytes.
///
/// # Errors
///
/// `ENOENT`: no such file, or not for this driver; `ENAMETOOLONG`; `EIO`: the server is gone.
pub fn size(name: &str) -> Result<u64, Errno> {
    let handle = channel(name)?;
    ask(
        |caller| match firmware::Client::new(caller, handle).size(&firmware::SizeReq { name }) {
            Ok(answer) => Ok(answer.size),
            Err(CallError::Error(refusal)) => Err(Errno::from_wire(refusal.errno)),
            Err(CallError::Retcode(code)) => Err(refused(code)),
            Err(CallError::Nk(_)) => Err(Errno::EPROTO),
        },
    )
}

/// Reads from `offset` on; returns how many bytes, 0 at the end.
///
/// # Errors
///
/// As for [`size`].
pub fn read(name: &str, offset: u64, to: &mut [u8]) -> Result<usize, Errno> {
    let handle = channel(name)?;
    ask(
        |caller| match firmware::Client::new(caller, handle).read(&firmware::ReadReq { name, offset }) {
            Ok(answer) => {
                let len = answer.data.len().min(to.len());
                for (to, from) in to.iter_mut().zip(answer.data) {
                    *to = *from;
                }
                Ok(len)
            }
            Err(CallError::Error(refusal)) => Err(Errno::from_wire(refusal.errno)),
            Err(CallError::Retcode(code)) => Err(refused(code)),
            Err(CallError::Nk(_)) => Err(Errno::EPROTO),
        },
    )
}
