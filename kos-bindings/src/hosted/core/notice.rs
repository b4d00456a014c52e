// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.Notice` and `kl.core.IPC`.

use std::sync::Arc;

use super::{Core, answer, code, end, right};
use crate::hosted::notice::Notice;
use crate::hosted::object::Kind;
use crate::hosted::quota::What;
use crate::hosted::sync::Sync;
use crate::idl::ipc;
use crate::idl::notice::{
    CreateRes, DropAndWakeReq, DropAndWakeRes, EventDesc, GetEventReq, GetEventRes, MAX_EVENTS, Server,
    SetObjectEventReq, SetObjectEventRes, SubscribeToObjectReq, SubscribeToObjectRes, UnsubscribeFromEventReq,
    UnsubscribeFromEventRes, UnsubscribeFromObjectReq, UnsubscribeFromObjectRes,
};
use crate::kn::event;
use crate::nk::{Fault, HandleDesc, Lens, Never, PartsMut, Retcode, Seq};

type Answer = Result<Lens, Fault<Never>>;

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
    fn create(&mut self, _: crate::idl::notice::CreateReq, response: PartsMut<'_>) -> Answer {
        let (notify, rc) = answer(self.make(Kind::Notice(Arc::new(Notice::default())), NOTICE));
        Ok(CreateRes { notify, rc }.encode(response)?)
    }

    fn subscribe_to_object(&mut self, request: SubscribeToObjectReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.subscribe(&request));
        Ok(SubscribeToObjectRes { rc }.encode(response)?)
    }

    fn unsubscribe_from_event(&mut self, request: UnsubscribeFromEventReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.unsubscribe(request.notify, request.ev_id));
        Ok(UnsubscribeFromEventRes { rc }.encode(response)?)
    }

    fn unsubscribe_from_object(&mut self, request: UnsubscribeFromObjectReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.unsubscribe_object(request.notify, request.object));
        Ok(UnsubscribeFromObjectRes { rc }.encode(response)?)
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

    fn drop_and_wake(&mut self, request: DropAndWakeReq, response: PartsMut<'_>) -> Answer {
        let done = self.object(request.notify, right::GET_EVENT).and_then(|notice| {
            notice.notice()?.drop_and_wake(request.finish != 0);
            Ok(())
        });
        Ok(DropAndWakeRes { rc: code(done) }.encode(response)?)
    }

    fn set_object_event(&mut self, request: SetObjectEventReq, response: PartsMut<'_>) -> Answer {
        let rc = code(Core::set_object_event(self, &request));
        Ok(SetObjectEventRes { rc }.encode(response)?)
    }
}

impl ipc::Server for Core<'_> {
    fn create_sync_object(&mut self, request: ipc::CreateSyncObjectReq, response: PartsMut<'_>) -> Answer {
        let sync = Sync::new(request.is_automatic != 0);
        let (sync_handle, rc) = answer(self.make(Kind::Sync(Arc::new(sync)), right::COMMON & !right::TRANSFER));
        Ok(ipc::CreateSyncObjectRes { sync_handle, rc }.encode(response)?)
    }

    fn set_interrupt(&mut self, request: ipc::SetInterruptReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.sync(request.sync_handle, Sync::set));
        Ok(ipc::SetInterruptRes { rc }.encode(response)?)
    }

    fn clear_interrupt(&mut self, request: ipc::ClearInterruptReq, response: PartsMut<'_>) -> Answer {
        let rc = code(self.sync(request.sync_handle, |sync| sync.clear()));
        Ok(ipc::ClearInterruptRes { rc }.encode(response)?)
    }
}
