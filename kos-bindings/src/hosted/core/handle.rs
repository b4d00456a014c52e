// SPDX-License-Identifier: MIT OR Apache-2.0
//! `kl.core.Handle`, and channels: `kl.core.CM`.

use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Release};

use super::{Answer, Core, answer, caps, code, end, right, transfer};
use crate::hosted::handles::Rights;
use crate::hosted::listener::Listener;
use crate::hosted::notice::Badge;
use crate::hosted::numbers::Numbers;
use crate::hosted::object::{Channel, Kind, Object, User};
use crate::hosted::quota::What;
use crate::hosted::task::Task;
use crate::idl::cm;
use crate::idl::handle::{
    CloseReq, CloseRes, ConnectReq, ConnectRes, CopyReq, CopyRes, CreateBadgeReq, CreateBadgeRes, CreateUserObjectReq,
    CreateUserObjectRes, DisconnectReq, DisconnectRes, GetSidByHandleReq, GetSidByHandleRes, RevokeReq, RevokeRes,
    RevokeSubtreeReq, RevokeSubtreeRes, SecurityConnectReq, SecurityConnectRes, Server,
};
use crate::nk::{Handle, HandleDesc, PartsMut, Retcode};

/// What may be done with a channel's client end.
const CLIENT: u32 = right::COMMON | right::CALL;
/// What may be done with its server's end.
const SERVER: u32 = right::COMMON | right::LISTEN;

/// Makes the client's end of a channel to `listener`, to be put into any table.
pub(crate) fn channel(
    payer: &Task,
    listener: &Arc<Object>,
    riid: u16,
    numbers: Numbers,
) -> Result<Arc<Object>, Retcode> {
    listener.listener()?;
    let charge = payer.quota.take(What::Objects, 1)?;
    let channel = Channel {
        listener: Arc::downgrade(listener),
        riid,
        numbers,
        is_disconnected: AtomicBool::new(false),
    };
    Ok(Object::new(Kind::Channel(channel), Some(charge)))
}

/// Puts the client's end of a new channel to `listener` into `client`'s table.
pub(crate) fn connect(
    payer: &Task,
    client: &Task,
    listener: &Arc<Object>,
    riid: u16,
    numbers: Numbers,
) -> Result<Handle, Retcode> {
    caps::root(client, channel(payer, listener, riid, numbers)?, Rights(CLIENT))
}

/// Makes a listener in `task`'s table.
pub(crate) fn listener(task: &Arc<Task>) -> Result<Handle, Retcode> {
    let charge = task.quota.take(What::Objects, 1)?;
    let kind = Kind::Listener(Box::new(Listener::new(task, task.death)));
    caps::root(task, Object::new(kind, Some(charge)), Rights(SERVER))
}

impl Core<'_> {
    fn copy(&self, request: &CopyReq) -> Result<Handle, Retcode> {
        let node = self.task.node(request.in_handle.handle, Retcode::INVALID_ARGUMENT)?;
        node.object()?;
        if !node.rights.contains(Rights(right::COPY)) {
            return Err(Retcode::SECURITY_DISALLOW);
        }
        let rights = transfer::shrunk(node.rights, request.new_rights_mask)?;
        let badge = self.optional(request.copy_badge)?;
        let badge = badge.as_ref().map(|object| object.badge()).transpose()?;
        caps::derive(&node, self.task, rights, badge, self.task)
    }

    /// Finds what a handle leads to that may be none.
    fn optional(&self, desc: HandleDesc) -> Result<Option<Arc<Object>>, Retcode> {
        desc.handle.is_valid().then(|| self.object(desc, 0)).transpose()
    }

    fn create_user_object(&self, request: &CreateUserObjectReq) -> Result<Handle, Retcode> {
        if !request.ipc_channel.handle.is_valid() && request.rights & right::CALL != 0 && request.riid != 0 {
            // It says that it can be called, but not where calls would arrive.
            return Err(Retcode::INVALID_ARGUMENT);
        }
        if request.rights & HandleDesc::DEREFERENCED != 0 {
            return Err(Retcode::INVALID_ARGUMENT);
        }
        let listener = match request.ipc_channel.handle.is_valid() {
            true => {
                let object = self.object(request.ipc_channel, right::LISTEN)?;
                object.listener()?;
                Some(Arc::downgrade(&object))
            }
            false => None,
        };
        let user = User {
            issuer: self.task.id,
            context: request.context,
            listener,
            riid: request.riid,
        };
        self.make(Kind::User(user), request.rights)
    }

    fn connect(&self, request: &ConnectReq) -> Result<(Handle, Handle, Handle), Retcode> {
        let handle = match request.sr_listener.handle {
            given if given.is_valid() => given,
            _ => listener(self.task)?,
        };
        let is_new = handle != request.sr_listener.handle;
        let made = self.ends(handle);
        if made.is_err() && is_new {
            caps::close(self.task, handle);
        }
        made
    }

    fn ends(&self, listener: Handle) -> Result<(Handle, Handle, Handle), Retcode> {
        let node = self.task.node(listener, Retcode::INVALID_ARGUMENT)?;
        let object = self.object(HandleDesc::all(listener), right::LISTEN)?;
        object.listener()?;
        let server = caps::derive(&node, self.task, node.rights, None, self.task)?;
        match connect(self.task, self.task, &object, 0, Numbers::default()) {
            Ok(client) => Ok((listener, server, client)),
            Err(code) => {
                caps::close(self.task, server);
                Err(code)
            }
        }
    }

    fn disconnect(&self, client: HandleDesc) -> Result<(), Retcode> {
        match &self.object(client, right::CALL)?.kind {
            Kind::Channel(channel) => {
                channel.is_disconnected.store(true, Release);
                Ok(())
            }
            _ => Err(Retcode::INVALID_ARGUMENT),
        }
    }

    fn create_badge(&self, request: &CreateBadgeReq) -> Result<Handle, Retcode> {
        let notice = self.object(request.notify, right::GET_EVENT)?;
        let charge = self.task.quota.take(What::Events, 1)?;
        let (id, context) = (request.notify_context, request.badge_context);
        let badge = Badge::new(self.task.id, context, notice.notice()?, id, charge);
        self.make(Kind::Badge(Arc::new(badge)), right::COMMON & !right::TRANSFER)
    }

    fn revoke(&self, handle: Handle, badge: Option<HandleDesc>) -> Result<(), Retcode> {
        let node = self.task.node(handle, Retcode::INVALID_ARGUMENT)?;
        node.object()?;
        let Some(badge) = badge else {
            caps::revoke(&node, None);
            caps::close(self.task, handle);
            return Ok(());
        };
        caps::revoke(&node, Some(self.object(badge, 0)?.badge()?));
        Ok(())
    }

    pub(super) fn close_handle(&self, desc: HandleDesc) -> Result<(), Retcode> {
        match caps::close(self.task, desc.handle) {
            true => Ok(()),
            false => Err(Retcode::INVALID_ARGUMENT),
        }
    }

    /// A handle to ask the policy with. It stays with the process: who it was passed to has another class.
    fn security_connect(&self) -> Result<Handle, Retcode> {
        self.task.security.ok_or(Retcode::NOT_CONNECTED)?;
        self.make(Kind::Security, (right::COMMON & !right::TRANSFER) | right::CALL)
    }
}

impl Server for Core<'_> {
    methods! {
        copy(me, request: CopyReq) -> CopyRes { out_handle } = Core::copy(me, &request);
        create_user_object(me, request: CreateUserObjectReq) -> CreateUserObjectRes { handle } =
            Core::create_user_object(me, &request);
        close(me, request: CloseReq) -> CloseRes {} = me.close_handle(request.handle);
        disconnect(me, request: DisconnectReq) -> DisconnectRes {} = Core::disconnect(me, request.client);
        revoke(me, request: RevokeReq) -> RevokeRes {} = Core::revoke(me, request.handle.handle, None);
        revoke_subtree(me, request: RevokeSubtreeReq) -> RevokeSubtreeRes {} =
            Core::revoke(me, request.handle.handle, Some(request.badge));
        security_connect(me, _request: SecurityConnectReq) -> SecurityConnectRes { client } =
            Core::security_connect(me);
        create_badge(me, request: CreateBadgeReq) -> CreateBadgeRes { badge } =
            Core::create_badge(me, &request);
    }

    fn connect(&mut self, request: ConnectReq, response: PartsMut<'_>) -> Answer {
        let made = Core::connect(self, &request);
        let desc = |handle: Result<Handle, Retcode>| answer(handle).0;
        let answer = ConnectRes {
            out_sr_listener: desc(made.map(|ends| ends.0)),
            out_sr_endpoint: desc(made.map(|ends| ends.1)),
            out_cl_endpoint: desc(made.map(|ends| ends.2)),
            rc: code(made.map(drop)),
        };
        Ok(answer.encode(response)?)
    }

    fn get_sid_by_handle(&mut self, request: GetSidByHandleReq, response: PartsMut<'_>) -> Answer {
        let found = self.object(request.handle, right::GET_SID);
        let sid = found.as_ref().map_or(0, |object| object.sid);
        let rc = code(found.map(drop));
        Ok(GetSidByHandleRes { sid, rc }.encode(response)?)
    }
}

impl cm::Server for Core<'_> {
    fn connect(&mut self, request: cm::ConnectReq<'_>, response: PartsMut<'_>) -> Answer {
        let server = self.kernel.task_called(request.server).ok_or(Retcode::NOT_CONNECTED);
        let made = server.and_then(|server| {
            let manager = &self.kernel.manager;
            manager.connect(self.task, &server, request.service, end(request.msecs))
        });
        let (handle, rc) = answer(made.map(|made| made.0));
        let id = made.map_or(0, |made| made.1);
        Ok(cm::ConnectRes { handle, id, rc }.encode(response)?)
    }

    fn listen(&mut self, request: cm::ListenReq<'_>, response: PartsMut<'_>) -> Answer {
        let asked = self
            .kernel
            .manager
            .listen(self.task, request.filter, end(request.msecs));
        let rc = code(asked.as_ref().map(drop).map_err(|code| *code));
        let (client, service) = asked.unwrap_or_default();
        let answer = cm::ListenRes {
            client: &client,
            service: &service,
            rc,
        };
        Ok(answer.encode(response)?)
    }

    fn drop(&mut self, request: cm::DropReq<'_>, response: PartsMut<'_>) -> Answer {
        let refuse = None::<fn(&Arc<Task>) -> Result<(Handle, u32, ()), Retcode>>;
        let done = self
            .kernel
            .manager
            .answer(self.task, request.client, request.service, refuse);
        let rc = code(done.map(std::mem::drop));
        Ok(cm::DropRes { rc }.encode(response)?)
    }

    fn accept(&mut self, request: cm::AcceptReq<'_>, response: PartsMut<'_>) -> Answer {
        let make = |client: &Arc<Task>| {
            let riid = u16::try_from(request.id).map_err(|_| Retcode::INVALID_ARGUMENT)?;
            let node = self.task.node(request.listener.handle, Retcode::INVALID_ARGUMENT)?;
            let object = self.object(request.listener, right::LISTEN)?;
            object.listener()?;
            let server = caps::derive(&node, self.task, node.rights, None, self.task)?;
            let made = connect(self.task, client, &object, riid, Numbers::default());
            if made.is_err() {
                caps::close(self.task, server);
            }
            Ok((made?, request.id, server))
        };
        let manager = &self.kernel.manager;
        let made = manager.answer(self.task, request.client, request.service, Some(make));
        let (handle, rc) = answer(made.and_then(|made| made.ok_or(Retcode::FAIL)));
        Ok(cm::AcceptRes { handle, rc }.encode(response)?)
    }
}
