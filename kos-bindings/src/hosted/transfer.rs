// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handles in messages: each becomes a descendant in the receiver's table, or, where it came from there, comes home.

use std::sync::{Arc, Weak};
use std::vec::Vec;

use super::caps;
use super::handles::Rights;
use super::task::Task;
use crate::nk::{HEADER_BYTES, Handle, HandleDesc, Header, Retcode, Wire};

/// What a message put into its receiver's table.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    to: Weak<Task>,
    handles: Vec<Handle>,
}

impl Granted {
    /// Closes the handles again: the message was not received.
    pub(crate) fn take_back(self) {
        if let Some(to) = self.to.upgrade() {
            for handle in self.handles {
                caps::close(&to, handle);
            }
        }
    }
}

/// Replaces the handles in a valid message of `from` by those that `to` gets.
///
/// # Errors
///
/// `rcInvalidArgument` for a handle that is not there, `rcHandleRevoked`, `rcSecurityDisallow` for one that may not be
/// passed on or whose rights would grow, `rcFail` if `from` has passed on as many as it may. Then nothing was.
pub(crate) fn transfer(from: &Task, to: &Arc<Task>, constant: &mut [u8]) -> Result<Granted, Retcode> {
    let invalid = |_| Retcode::INVALID_ARGUMENT;
    let count = usize::from(Header::read(constant).map_err(invalid)?.handles);
    let mut granted = Granted::default();
    if count == 0 {
        return Ok(granted);
    }
    granted.to = Arc::downgrade(to);
    for at in (0..count).map(|index| HEADER_BYTES + index * HandleDesc::BYTES) {
        let sent = HandleDesc::get(constant, at).map_err(invalid);
        let outcome = sent.and_then(|sent| pass(from, to, sent, &mut granted.handles));
        let put = outcome.and_then(|desc| desc.put(constant, at).map_err(invalid));
        if let Err(code) = put {
            granted.take_back();
            return Err(code);
        }
    }
    Ok(granted)
}

fn pass(from: &Task, to: &Task, sent: HandleDesc, granted: &mut Vec<Handle>) -> Result<HandleDesc, Retcode> {
    if !sent.handle.is_valid() {
        return Ok(HandleDesc::INVALID);
    }
    let node = from.node(sent.handle, Retcode::INVALID_ARGUMENT)?;
    node.object()?;
    let rights = shrunk(node.rights, sent.rights)?;
    if !node.rights.contains(Rights::TRANSFER) {
        return Err(Retcode::SECURITY_DISALLOW);
    }
    if let Some(own) = node.ancestor_in(to.id) {
        return Ok(HandleDesc {
            handle: own,
            rights: rights.bits() | HandleDesc::DEREFERENCED,
            badge: node.context_of(to.id),
        });
    }
    let badge = badge_of(from, sent.badge)?;
    let badge = badge.as_ref().map(|object| object.badge()).transpose()?;
    let handle = caps::derive(&node, to, rights, badge, from)?;
    granted.push(handle);
    Ok(HandleDesc::with(handle, rights.bits()))
}

/// Finds the badge that a descriptor names; 0 and the invalid handle name none.
fn badge_of(from: &Task, badge: u64) -> Result<Option<Arc<super::object::Object>>, Retcode> {
    let value = u32::try_from(badge).map_err(|_| Retcode::INVALID_ARGUMENT)?;
    if value == 0 || !Handle(value).is_valid() {
        return Ok(None);
    }
    from.object(Handle(value), Rights::NONE, Retcode::INVALID_ARGUMENT)
        .map(Some)
}

/// Returns the rights that `asked` leaves of `has`.
///
/// # Errors
///
/// `rcSecurityDisallow` if they would grow.
pub(crate) fn shrunk(has: Rights, asked: u32) -> Result<Rights, Retcode> {
    match asked {
        HandleDesc::SAME_RIGHTS => Ok(has),
        _ if has.contains(Rights(asked)) => Ok(Rights(asked)),
        _ => Err(Retcode::SECURITY_DISALLOW),
    }
}
