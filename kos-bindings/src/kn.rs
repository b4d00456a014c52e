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
//! | [`Kn::handle_copy`], [`Kn::handle_close`], [`Kn::handle_revoke`], [`Kn::handle_revoke_subtree`] | `KnHandleCopy`, `KnHandleClose`, `KnHandleRevoke`, `KnHandleRevokeSubtree` |
//! | [`Kn::handle_create_badge`], [`Kn::handle_create_user_object`], [`Kn::handle_connect`], [`Kn::sid_by_handle`] | `KnHandleCreateBadge`, `KnHandleCreateUserObjectEx`, `KnHandleConnect`, `KnHandleGetSidByHandle` |
//! | [`Kn::notice_create`], [`Kn::notice_subscribe`], [`Kn::notice_get_event`], [`Kn::notice_set_object_event`] | `KnNoticeCreate`, `KnNoticeSubscribeToObject`, `KnNoticeGetEvent`, `KnNoticeSetObjectEvent` |
//! | [`Kn::ipc_create_sync_object`], [`Kn::ipc_set_interrupt`], [`Kn::ipc_clear_interrupt`] | `KnIpcCreateSyncObject(Ex)`, `KnIpcSetInterrupt`, `KnIpcClearInterrupt` |
//! | [`Kn::mdl_create`], [`Kn::mdl_map`], [`Kn::mdl_clone`] | `KnPmmMdlCreate`, `KnPmmMdlMap`, `KnPmmMdlClone` |
//! | [`Kn::register_irq`], [`Kn::attach_irq`], [`Kn::enable_irq`] | `KnRegisterIrq`, `KnIoAttachIrq`, `KnIoEnableIrq` |
//! | [`Kn::cm_connect`], [`Kn::cm_listen`], [`Kn::cm_accept`], [`Kn::cm_drop`] | `KnCmConnect`, `KnCmListen`, `KnCmAccept`, `KnCmDrop` |

use crate::idl::{cm, handle, io, ipc, notice, vmm};
use crate::nk::{CallError, Handle, HandleDesc, NkErr, Retcode, Transport};

pub use crate::idl::notice::EventDesc;

/// A time in milliseconds that never passes (`INFINITE_TIMEOUT`).
pub const INFINITE: u32 = u32::MAX;
/// Most events that one [`Kn::notice_get_event`] returns.
pub const MAX_EVENTS: usize = notice::MAX_EVENTS as usize;

/// Events, one bit each. The lower half is common to all resources, and only the kernel raises it; the upper half is the
/// resource's own.
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

/// Calls a method of a kernel service; evaluates to its result after its return code was looked at.
macro_rules! ask {
    ($self:ident, $interface:ident . $method:ident, $request:expr) => {{
        let mut client = $interface::Client::new(&mut $self.transport, $self.kernel);
        let result = client.$method(&$request).map_err(code)?;
        Retcode(result.rc).ok()?;
        result
    }};
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

    /// Makes a receiver of notices.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn notice_create(&mut self) -> Result<Handle, Retcode> {
        let mut client = notice::Client::new(&mut self.transport, self.kernel);
        let result = client.create().map_err(code)?;
        Retcode(result.rc).ok()?;
        Ok(result.notify.handle)
    }

    /// Lets `notice` hear of those events of `object` that are in `mask`, under `event_id`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn notice_subscribe(
        &mut self,
        notice: Handle,
        object: Handle,
        mask: u32,
        event_id: u64,
    ) -> Result<(), Retcode> {
        let request = notice::SubscribeToObjectReq {
            notify: own(notice),
            object: own(object),
            ev_mask: mask,
            ev_id: event_id,
        };
        ask!(self, notice.subscribe_to_object, request);
        Ok(())
    }

    /// Forgets all subscriptions under `event_id`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn notice_unsubscribe_event(&mut self, notice: Handle, event_id: u64) -> Result<(), Retcode> {
        let request = notice::UnsubscribeFromEventReq {
            notify: own(notice),
            ev_id: event_id,
        };
        ask!(self, notice.unsubscribe_from_event, request);
        Ok(())
    }

    /// Forgets all subscriptions to `object`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn notice_unsubscribe_object(&mut self, notice: Handle, object: Handle) -> Result<(), Retcode> {
        let request = notice::UnsubscribeFromObjectReq {
            notify: own(notice),
            object: own(object),
        };
        ask!(self, notice.unsubscribe_from_object, request);
        Ok(())
    }

    /// Takes events into `to`, the oldest first, and waits up to `mdelay` milliseconds for one. Returns how many: at most
    /// [`MAX_EVENTS`].
    ///
    /// # Errors
    ///
    /// `rcTimeout` if none came, `rcInvalidArgument` if there is no room, `rcFail` if the receiver was dropped.
    pub fn notice_get_event(&mut self, notice: Handle, mdelay: u32, to: &mut [EventDesc]) -> Result<usize, Retcode> {
        let request = notice::GetEventReq {
            notify: own(notice),
            mdelay,
            count_max: u32::try_from(to.len().min(MAX_EVENTS)).unwrap_or(0),
        };
        let mut client = notice::Client::new(&mut self.transport, self.kernel);
        let result = client.get_event(&request).map_err(code)?;
        Retcode(result.rc).ok()?;
        let events = result.events;
        let count = events.len().min(to.len());
        for (slot, event) in to.iter_mut().zip(events.iter()) {
            *slot = event;
        }
        Ok(count)
    }

    /// Drops what waits in `notice` and ends each wait for it; with `finish`, for good.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn notice_drop_and_wake(&mut self, notice: Handle, finish: bool) -> Result<(), Retcode> {
        let request = notice::DropAndWakeReq {
            notify: own(notice),
            finish: u32::from(finish),
        };
        ask!(self, notice.drop_and_wake, request);
        Ok(())
    }

    /// Raises the events `mask` of `object`.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if one of them is the kernel's; the module's others.
    pub fn notice_set_object_event(&mut self, object: Handle, mask: u32) -> Result<(), Retcode> {
        let request = notice::SetObjectEventReq {
            object: own(object),
            ev_mask: mask,
        };
        ask!(self, notice.set_object_event, request);
        Ok(())
    }

    /// Makes an IPC synchronisation object. An automatic one interrupts once and is then as new.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn ipc_create_sync_object(&mut self, is_automatic: bool) -> Result<Handle, Retcode> {
        let request = ipc::CreateSyncObjectReq {
            is_automatic: u8::from(is_automatic),
        };
        Ok(ask!(self, ipc.create_sync_object, request).sync_handle.handle)
    }

    /// Interrupts what waits with `sync`, and what will.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn ipc_set_interrupt(&mut self, sync: Handle) -> Result<(), Retcode> {
        ask!(self, ipc.set_interrupt, ipc::SetInterruptReq { sync_handle: own(sync) });
        Ok(())
    }

    /// Lets `sync` interrupt no more.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn ipc_clear_interrupt(&mut self, sync: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            ipc.clear_interrupt,
            ipc::ClearInterruptReq { sync_handle: own(sync) }
        );
        Ok(())
    }

    /// Makes shared memory of `bytes`, whole pages. `prot` is of [`vmm::PROT_READ`] and [`vmm::PROT_WRITE`].
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_create(&mut self, bytes: u64, prot: u32) -> Result<Handle, Retcode> {
        Ok(ask!(self, vmm.mdl_create, vmm::MdlCreateReq { size: bytes, prot })
            .handle
            .handle)
    }

    /// Returns the bytes of `mdl`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_get_size(&mut self, mdl: Handle) -> Result<u64, Retcode> {
        Ok(ask!(self, vmm.mdl_get_size, vmm::MdlGetSizeReq { handle: own(mdl) }).size)
    }

    /// Maps `length` bytes of `mdl` from `offset`; returns the address. What others do with the memory, they do
    /// meanwhile: copy once, then check.
    ///
    /// # Errors
    ///
    /// `rcSecurityDisallow` without the right, `rcInvalidArgument` outside the memory or off pages, `rcFail` in a
    /// process whose memory this back end cannot change: a sandboxed domain.
    pub fn mdl_map(&mut self, mdl: Handle, offset: u64, length: u64, prot: u32) -> Result<usize, Retcode> {
        let request = vmm::MdlMapReq {
            handle: own(mdl),
            offset,
            length,
            hint: 0,
            prot,
        };
        usize::try_from(ask!(self, vmm.mdl_map, request).address).map_err(|_| Retcode::FAIL)
    }

    /// Makes an MDL of a part of `mdl`.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn mdl_clone(&mut self, mdl: Handle, offset: u64, length: u64) -> Result<Handle, Retcode> {
        let request = vmm::MdlCloneReq {
            origin_handle: own(mdl),
            offset,
            length,
        };
        Ok(ask!(self, vmm.mdl_clone, request).clone_handle.handle)
    }

    /// Unmaps what [`Kn::mdl_map`] mapped at `address`, `bytes` long.
    ///
    /// # Errors
    ///
    /// `rcInvalidArgument` if no mapping is just there.
    pub fn unmap(&mut self, address: usize, bytes: u64) -> Result<(), Retcode> {
        let request = vmm::FreeReq {
            va: address as u64,
            size: bytes,
        };
        ask!(self, vmm.free, request);
        Ok(())
    }

    /// Takes interrupt line `irq`; `flags` is [`io::IRQ_SHARED`] or 0.
    ///
    /// # Errors
    ///
    /// `rcAlreadyExists` if somebody has it and does not share.
    pub fn register_irq(&mut self, irq: u32, flags: u32) -> Result<Handle, Retcode> {
        Ok(ask!(self, io.register_irq, io::RegisterIrqReq { irq, flags })
            .resource
            .handle)
    }

    /// Gives the line `resource` back, also from whom it was passed on to.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn revoke_resource(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.revoke_resource,
            io::RevokeResourceReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Binds the calling thread to a line; returns what it calls `Recv` on for the next interrupt.
    ///
    /// # Errors
    ///
    /// `rcAlreadyExists` if a thread is bound to this registration.
    pub fn attach_irq(&mut self, resource: Handle) -> Result<Handle, Retcode> {
        let request = io::AttachIrqReq {
            resource: own(resource),
            flags: 0,
        };
        Ok(ask!(self, io.attach_irq, request).delivery.handle)
    }

    /// Undoes [`Kn::attach_irq`].
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn detach_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.detach_irq,
            io::DetachIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Lets interrupts of the line come.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn enable_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.enable_irq,
            io::EnableIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Holds interrupts of the line back.
    ///
    /// # Errors
    ///
    /// The module's.
    pub fn disable_irq(&mut self, resource: Handle) -> Result<(), Retcode> {
        ask!(
            self,
            io.disable_irq,
            io::DisableIrqReq {
                resource: own(resource)
            }
        );
        Ok(())
    }

    /// Asks process `server` for a channel to `service`, and waits up to `mdelay` milliseconds. Returns the client's end
    /// and the interface that may be called on it.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if there is no such process or it refused, `rcTimeout`.
    pub fn cm_connect(&mut self, server: &str, service: &str, mdelay: u32) -> Result<(Handle, u32), Retcode> {
        let request = cm::ConnectReq {
            server,
            service,
            msecs: mdelay,
        };
        let channel = ask!(self, cm.connect, request);
        Ok((channel.handle.handle, channel.id))
    }

    /// Waits up to `mdelay` milliseconds for a client that asks for a channel to `filter` (any if empty), and tells `then`
    /// its process and the service that it wants.
    ///
    /// # Errors
    ///
    /// `rcTimeout`.
    pub fn cm_listen<R>(
        &mut self,
        filter: &str,
        mdelay: u32,
        then: impl FnOnce(&str, &str) -> R,
    ) -> Result<R, Retcode> {
        let request = cm::ListenReq { filter, msecs: mdelay };
        let mut client = cm::Client::new(&mut self.transport, self.kernel);
        let asked = client.listen(&request).map_err(code)?;
        Retcode(asked.rc).ok()?;
        Ok(then(asked.client, asked.service))
    }

    /// Gives `client` the channel to `service` that it waits for, served on `listener`; `riid` is the one interface that
    /// may be called, or 0. Returns a second handle to the listener.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client waits no more.
    pub fn cm_accept(&mut self, listener: Handle, client: &str, service: &str, riid: u16) -> Result<Handle, Retcode> {
        let request = cm::AcceptReq {
            listener: own(listener),
            client,
            service,
            id: u32::from(riid),
        };
        Ok(ask!(self, cm.accept, request).handle.handle)
    }

    /// Refuses `client` the channel to `service`.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if the client waits no more.
    pub fn cm_drop(&mut self, client: &str, service: &str) -> Result<(), Retcode> {
        let request = cm::DropReq { client, service };
        ask!(self, cm.drop, request);
        Ok(())
    }
}
