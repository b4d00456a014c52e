// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's services, as functions: KasperskyOS's `Kn…` calls.
//!
//! Each is a message to the kernel on the handle that a process has for it, judged by the policy like any other. The
//! policy's refusal is `rcSecurityDisallow`, as is a right that a handle lacks; a handle that was taken back is
//! `rcHandleRevoked`, one that is not there `rcInvalidArgument`, and a limit that is reached `rcFail` (what KasperskyOS
//! says then is not published).
//!
//! | here | there |
//! |---|---|
//! | [`Kn::handle_copy`], `handle_close`, `handle_revoke`, … | `KnHandleCopy`, `KnHandleClose`, `KnHandleRevoke`, … |
//! | [`Kn::handle_create_badge`], [`Kn::handle_connect`] | `KnHandleCreateBadge`, `KnHandleConnect` |
//! | [`Kn::handle_security_connect`] | the kernel's method `SecurityConnect` |
//! | [`Kn::handle_create_user_object`] | `KnHandleCreateUserObjectEx` |
//! | [`Kn::notice_create`], `notice_get_event`, … | `KnNoticeCreate`, `KnNoticeGetEvent`, … |
//! | [`Kn::notice_subscribe`] | `KnNoticeSubscribeToObject` |
//! | [`Kn::ipc_create_sync_object`] | `KnIpcCreateSyncObject`, `KnIpcCreateSyncObjectEx` |
//! | [`Kn::ipc_set_interrupt`], [`Kn::ipc_clear_interrupt`] | `KnIpcSetInterrupt`, `KnIpcClearInterrupt` |
//! | [`Kn::mdl_create`], [`Kn::mdl_map`], [`Kn::mdl_clone`] | `KnPmmMdlCreate`, `KnPmmMdlMap`, `KnPmmMdlClone` |
//! | [`Kn::register_irq`], [`Kn::attach_irq`], `enable_irq`, … | `KnRegisterIrq`, `KnIoAttachIrq`, `KnIoEnableIrq`, … |
//! | [`Kn::register_dma`], [`Kn::map_dma`], [`Kn::modify_dma`], … | `KnIoDmaCreate`, `KnIoDmaMap`, … |
//! | [`Kn::cm_connect`], `cm_listen`, `cm_accept`, `cm_drop` | `KnCmConnect`, `KnCmListen`, `KnCmAccept`, `KnCmDrop` |

/// Calls a method of a kernel service; evaluates to its result after its return code was looked at.
macro_rules! ask {
    ($self:ident, $interface:ident . $method:ident, $request:expr) => {{
        let mut client = $interface::Client::new(&mut $self.transport, $self.kernel);
        let result = client.$method(&$request).map_err(code)?;
        Retcode(result.rc).ok()?;
        result
    }};
}

mod hardware;
mod notice;

use crate::idl::handle;
use crate::nk::{CallError, Handle, HandleDesc, NkErr, Retcode, Transport};

pub use crate::idl::io::DmaFrame;
pub use crate::idl::notice::EventDesc;
pub use hardware::DmaInfo;

/// A time in milliseconds that never passes (`INFINITE_TIMEOUT`).
pub const INFINITE: u32 = u32::MAX;
/// Most events that one [`Kn::notice_get_event`] returns.
pub const MAX_EVENTS: usize = crate::idl::notice::MAX_EVENTS as usize;

/// Events, one bit each. The lower half is common to all resources, and only the kernel raises it; the upper half is
/// the resource's own.
pub mod event {
    /// The resource is gone (`EVENT_OBJECT_DESTROYED`).
    pub const OBJECT_DESTROYED: u32 = 1;
    /// The last handle that was passed on with a badge is closed or revoked (`EVENT_BADGE_CLOSED`).
    pub const BADGE_CLOSED: u32 = 2;
    /// The bits that only the kernel raises.
    pub const KERNEL: u32 = 0xffff;

    /// The `n`th event of a user's resource (`OBJECT_EVENT_USER`); 16 there are, later ones are none.
    #[must_use]
    pub const fn user(n: u32) -> u32 {
        if n < 16 { 1 << (16 + n) } else { 0 }
    }
}

/// Numbers of the rights that a mask holds; see [`crate::nk::HandleDesc`].
pub mod right {
    /// To pass the handle on in messages (`OCAP_HANDLE_TRANSFER`).
    pub const TRANSFER: u32 = 1;
    /// To copy it within its table.
    pub const COPY: u32 = 1 << 1;
    /// To ask for its security identifier (`OCAP_HANDLE_GET_SID`).
    pub const GET_SID: u32 = 1 << 2;
    /// To raise events (`OCAP_HANDLE_SET_EVENT`).
    pub const SET_EVENT: u32 = 1 << 3;
    /// To be told of events (`OCAP_HANDLE_GET_EVENT`).
    pub const GET_EVENT: u32 = 1 << 4;
    /// All common rights.
    pub const COMMON: u32 = 0xff;

    /// The `n`th right of a resource's own (`OCAP_HANDLE_SPEC`); 23 there are, later ones are none.
    #[must_use]
    pub const fn spec(n: u32) -> u32 {
        if n < 23 { 1 << (8 + n) } else { 0 }
    }

    /// To call (`OCAP_IPC_CALL`): a channel's client end, or a user's object with an endpoint.
    pub const CALL: u32 = spec(0);
    /// To receive and answer, and to add channels (`OCAP_IPC_LISTENER`).
    pub const LISTEN: u32 = spec(1);
    /// To map for reading: an MDL.
    pub const MAP_READ: u32 = spec(0);
    /// To map for writing: an MDL.
    pub const MAP_WRITE: u32 = spec(1);
    /// To attach a thread and to let interrupts come: a line.
    pub const IRQ: u32 = spec(0);
    /// To let the device at it: a DMA buffer.
    pub const DMA: u32 = spec(2);
}

/// The kernel's services over a transport.
#[derive(Debug)]
pub struct Kn<T> {
    transport: T,
    kernel: Handle,
}

fn code<E>(error: CallError<E>) -> Retcode {
    match error {
        CallError::Retcode(code) => code,
        CallError::Nk(NkErr::Perm) => Retcode::SECURITY_DISALLOW,
        CallError::Nk(NkErr::Inval | NkErr::NoEnt | NkErr::BadMsg | NkErr::NoMem) => Retcode::INVALID_ARGUMENT,
        CallError::Error(_) => Retcode::FAIL,
    }
}

const fn own(handle: Handle) -> HandleDesc {
    HandleDesc::all(handle)
}

impl<T: Transport> Kn<T> {
    /// Speaks to the kernel on handle `kernel` of the process that `transport` belongs to.
    pub const fn new(transport: T, kernel: Handle) -> Self {
        Self { transport, kernel }
    }

    /// Returns the transport.
    pub const fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Copies `handle`; `rights` is a part of its rights, or [`HandleDesc::SAME_RIGHTS`].
    ///
    /// # Errors
    ///
    /// `rcSecurityDisallow` if rights would grow or the handle may not be copied; the module's others.
    pub fn handle_copy(&mut self, handle: Handle, rights: u32, badge: Handle) -> Result<Handle, Retcode> {
        let request = handle::CopyReq {
            in_handle: own(handle),
            new_rights_mask: rights,
            copy_badge: own(badge),
        };
        Ok(ask!(self, handle.copy, request).out_handle.handle)
    }

    /// Closes `handle`. A channel's last one ends the channel, a static one for good.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_close(&mut self, handle: Handle) -> Result<(), Retcode> {
        ask!(self, handle.close, handle::CloseReq { handle: own(handle) });
        Ok(())
    }

    /// Closes `handle` and revokes all descendants.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_revoke(&mut self, handle: Handle) -> Result<(), Retcode> {
        ask!(self, handle.revoke, handle::RevokeReq { handle: own(handle) });
        Ok(())
    }

    /// Revokes those descendants of `handle` that were made with `badge`, and theirs.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_revoke_subtree(&mut self, handle: Handle, badge: Handle) -> Result<(), Retcode> {
        let request = handle::RevokeSubtreeReq {
            handle: own(handle),
            badge: own(badge),
        };
        ask!(self, handle.revoke_subtree, request);
        Ok(())
    }

    /// Makes a badge with `context`. `notice` hears of it under `event_id`: [`event::BADGE_CLOSED`] each time that a
    /// handle which was passed on with it is gone with all its descendants, [`event::OBJECT_DESTROYED`] when the badge
    /// itself is.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_create_badge(&mut self, notice: Handle, event_id: u64, context: u64) -> Result<Handle, Retcode> {
        let request = handle::CreateBadgeReq {
            notify: own(notice),
            notify_context: event_id,
            badge_context: context,
        };
        Ok(ask!(self, handle.create_badge, request).badge.handle)
    }

    /// Makes a handle to an object of the caller's own. With a `listener`, it can be called: requests of interface
    /// `riid` arrive there with `context` as their own handle's badge.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_create_user_object(
        &mut self,
        listener: Handle,
        kind: u32,
        rights: u32,
        context: u64,
        riid: u16,
    ) -> Result<Handle, Retcode> {
        let request = handle::CreateUserObjectReq {
            ipc_channel: own(listener),
            r#type: kind,
            rights,
            context,
            riid,
        };
        Ok(ask!(self, handle.create_user_object, request).handle.handle)
    }

    /// Makes a channel in the caller's own table; returns listener, server's end, client's end. With
    /// [`Handle::INVALID`] the listener is new.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_connect(&mut self, listener: Handle) -> Result<(Handle, Handle, Handle), Retcode> {
        let request = handle::ConnectReq {
            sr_listener: own(listener),
        };
        let ends = ask!(self, handle.connect, request);
        Ok((
            ends.out_sr_listener.handle,
            ends.out_sr_endpoint.handle,
            ends.out_cl_endpoint.handle,
        ))
    }

    /// Ends the channel behind the client's end `client`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn handle_disconnect(&mut self, client: Handle) -> Result<(), Retcode> {
        ask!(self, handle.disconnect, handle::DisconnectReq { client: own(client) });
        Ok(())
    }

    /// Makes a handle to ask the security policy with: [`Transport::call`] on it, with a request of the security
    /// interface of the caller's class, says whether the policy grants.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the class has no security interface; the module's.
    pub fn handle_security_connect(&mut self) -> Result<Handle, Retcode> {
        let mut client = handle::Client::new(&mut self.transport, self.kernel);
        let result = client.security_connect().map_err(code)?;
        Retcode(result.rc).ok()?;
        Ok(result.client.handle)
    }

    /// Returns the security identifier of what `handle` leads to.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn sid_by_handle(&mut self, handle: Handle) -> Result<u32, Retcode> {
        Ok(ask!(
            self,
            handle.get_sid_by_handle,
            handle::GetSidByHandleReq { handle: own(handle) }
        )
        .sid)
    }
}
