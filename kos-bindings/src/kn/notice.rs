// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices, and IPC synchronisation objects.

use super::{EventDesc, Kn, MAX_EVENTS, code, own};
use crate::idl::{ipc, notice};
use crate::nk::{Handle, Retcode, Transport};

impl<T: Transport> Kn<T> {
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

    /// Takes events into `to`, the oldest first, and waits up to `mdelay` milliseconds for one. Returns how many: at
    /// most [`MAX_EVENTS`].
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
}
