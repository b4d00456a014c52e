// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.Notice` and `kl.core.IPC`.

use std::sync::Arc;

use super::{Answer, Core, end, right};
use crate::hosted::object::Kind;
use crate::hosted::quota::What;
use crate::hosted::sync::Sync;
use crate::idl::ipc;
use crate::idl::notice::{
    CreateReq, CreateRes, DropAndWakeReq, DropAndWakeRes, EventDesc, GetEventReq, GetEventRes, MAX_EVENTS, Server,
    SetObjectEventReq, SetObjectEventRes, SubscribeToObjectReq, SubscribeToObjectRes, UnsubscribeFromEventReq,
    UnsubscribeFromEventRes, UnsubscribeFromObjectReq, UnsubscribeFromObjectRes,
};
use crate::kn::event;
use crate::nk::{HandleDesc, PartsMut, Retcode, Seq};

/// A receiver of notices is its process's own.
const NOTICE: u32 = right::COMMON & !right::TRANSFER;

impl Core<'_> {
    fn subscribe(&self, request: &SubscribeToObjectReq) -> Result<(), Retcode> {
        let notice = self.object(request.notify, right::GET_EVENT)?;
        let object = self.object(request.object, right::GET_EVENT)?;
        let notice = notice.notice()?;
        let charge = self.task.quota.take(What::Events, 1)?;
        notice.note(&object);
        object.events.subscribe(notice, request.ev_mask, request.ev_id, charge);
        Ok(())
    }

    fn unsubscribe(&self, notify: HandleDesc, id: u64) -> Result<(), Retcode> {
        let notice = self.object(notify, right::GET_EVENT)?;
        let notice = notice.notice()?;
        for object in notice.objects() {
            object.events.unsubscribe(notice, Some(id));
        }
        notice.forget(id);
        Ok(())
    }

    fn unsubscribe_object(&self, notify: HandleDesc, object: HandleDesc) -> Result<(), Retcode> {
        let notice = self.object(notify, right::GET_EVENT)?;
        let notice = notice.notice()?;
        let object = self.object(object, 0)?;
        for id in object.events.unsubscribe(notice, None) {
            notice.forget(id);
        }
        Ok(())
    }

    fn get_event(&self, request: &GetEventReq) -> Result<std::vec::Vec<EventDesc>, Retcode> {
        let notice = self.object(request.notify, right::GET_EVENT)?;
        let max = request.count_max.min(MAX_EVENTS) as usize;
        if max == 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        // The object itself is let go of: closing its handle meanwhile ends the wait.
        let waits = Arc::clone(notice.notice()?);
        drop(notice);
        waits.get(end(request.mdelay), max, || !self.thread.is_dead())
    }

    fn set_object_event(&self, request: &SetObjectEventReq) -> Result<(), Retcode> {
        let object = self.object(request.object, right::SET_EVENT)?;
        let is_users = matches!(object.kind, Kind::User(_));
        if request.ev_mask & event::KERNEL != 0 || request.ev_mask == 0 || !is_users {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        object.events.raise(request.ev_mask);
        Ok(())
    }

    fn sync(&self, desc: HandleDesc, then: impl FnOnce(&Arc<Sync>)) -> Result<(), Retcode> {
        let object = self.object(desc, 0)?;
        then(object.sync()?);
        Ok(())
    }
}

impl Server for Core<'_> {
    methods! {
        create(me, _request: CreateReq) -> CreateRes { notify } =
            me.make(Kind::Notice(Arc::default()), NOTICE);
        subscribe_to_object(me, request: SubscribeToObjectReq) -> SubscribeToObjectRes {} =
            me.subscribe(&request);
        unsubscribe_from_event(me, request: UnsubscribeFromEventReq) -> UnsubscribeFromEventRes {} =
            me.unsubscribe(request.notify, request.ev_id);
        unsubscribe_from_object(me, request: UnsubscribeFromObjectReq) -> UnsubscribeFromObjectRes {} =
            me.unsubscribe_object(request.notify, request.object);
        drop_and_wake(me, request: DropAndWakeReq) -> DropAndWakeRes {} =
            me.object(request.notify, right::GET_EVENT).and_then(|notice| {
                notice.notice()?.drop_and_wake(request.finish != 0);
                Ok(())
            });
        set_object_event(me, request: SetObjectEventReq) -> SetObjectEventRes {} =
            Core::set_object_event(me, &request);
    }

    fn get_event(&mut self, request: GetEventReq, response: PartsMut<'_>) -> Answer {
        let got = Core::get_event(self, &request);
        let rc = got.as_ref().err().copied().unwrap_or(Retcode::OK).0;
        let events = got.unwrap_or_default();
        Ok(GetEventRes {
            events: Seq::from(&events[..]),
            rc,
        }
        .encode(response)?)
    }
}

impl ipc::Server for Core<'_> {
    methods! {
        create_sync_object(me, request: ipc::CreateSyncObjectReq) -> ipc::CreateSyncObjectRes { sync_handle } = {
            let sync = Kind::Sync(Arc::new(Sync::new(request.is_automatic != 0)));
            me.make(sync, right::COMMON & !right::TRANSFER)
        };
        set_interrupt(me, request: ipc::SetInterruptReq) -> ipc::SetInterruptRes {} =
            me.sync(request.sync_handle, Sync::set);
        clear_interrupt(me, request: ipc::ClearInterruptReq) -> ipc::ClearInterruptRes {} =
            me.sync(request.sync_handle, |sync| sync.clear());
    }
}
