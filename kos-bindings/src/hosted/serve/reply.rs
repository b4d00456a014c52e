// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Reply`: of a domain to a caller, and of any thread on a listener.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Thread, set_self};
use crate::hosted::handles::Rights;
use crate::hosted::judge::Between;
use crate::hosted::process::{Process, Request};
use crate::hosted::transfer::transfer;
use crate::kn::right;
use crate::nk::{Handle, HandleDesc, Lens, Retcode};
use crate::port::Area;

impl Thread {
    /// `Reply`. Whatever goes wrong with the response, the client's call ends. Returns the client
    /// that is to be woken.
    pub(super) fn reply(&mut self) -> (Retcode, Option<Arc<Process>>) {
        let port = self.me.shared.port();
        let lens = port.serve_response.load();
        let request = match self.me.take(port.caller.load(Relaxed)) {
            Ok(request) => request,
            Err(Retcode::NOT_CONNECTED) => return (Retcode::NOT_CONNECTED, None),
            Err(code) => return (self.audit(Lens::default(), code), None),
        };
        self.answer_request(request, lens)
    }

    /// `Reply` on a handle.
    pub(super) fn reply_on(&mut self) -> (Retcode, Option<Arc<Process>>) {
        let port = self.me.shared.port();
        let lens = port.serve_response.load();
        let handle = Handle(port.handle.load(Relaxed));
        let client = u64::from(port.thread.load(Relaxed));
        let call = port.caller.load(Relaxed);
        let object = self
            .me
            .task
            .object(handle, Rights(right::LISTEN), Retcode::NOT_CONNECTED);
        let object = match object {
            Ok(object) => object,
            Err(code) => return (self.audit(Lens::default(), code), None),
        };
        let taken = object
            .listener()
            .and_then(|listener| listener.take(client, call, self.me.id));
        match taken {
            Ok(request) => self.answer_request(request, lens),
            Err(Retcode::NOT_CONNECTED) => (self.told(Retcode::NOT_CONNECTED), None),
            Err(code) => (self.audit(Lens::default(), code), None),
        }
    }

    /// Returns what `Reply` says where its outcome is `code`.
    fn told(&self, code: Retcode) -> Retcode {
        match code {
            Retcode::NOT_CONNECTED if !self.kernel.config.unknowns.reply_waits => Retcode::OK,
            code => code,
        }
    }

    fn answer_request(&mut self, request: Request, lens: Lens) -> (Retcode, Option<Arc<Process>>) {
        let judged = self.judge_reply(&request, lens);
        let granted = judged.and_then(|()| {
            let passed = transfer(&self.me.task, &request.client.task, self.message.constant(lens));
            let between = Between::new(self.me.task.party(), request.client.task.party());
            let granted = passed.map_err(|code| self.refused(between, lens, code))?;
            // The handle that was called is the kernel's to name, and an answer has none.
            set_self(&mut self.message, HandleDesc::INVALID)?;
            if let Some(number) = request.number {
                number.leave(self.message.constant(lens))?;
            }
            Ok(granted)
        });
        let answer = granted.as_ref().map(|_| self.message.parts(lens)).map_err(|code| *code);
        let code = match answer {
            // The server chose to give no answer; that is no error of its own.
            Err(Retcode::FAIL) | Ok(_) => Retcode::OK,
            Err(code) => code,
        };
        if request.client.complete_silently(request.id, answer) {
            (code, Some(request.client))
        } else {
            if let Ok(granted) = granted {
                granted.take_back();
            }
            (self.told(Retcode::NOT_CONNECTED), None)
        }
    }

    fn judge_reply(&mut self, request: &Request, lens: Lens) -> Result<(), Retcode> {
        if lens == Lens::default() {
            return Err(Retcode::FAIL);
        }
        let copied = self.me.shared.copy_in(Area::ServeResponse, lens, &mut self.message);
        copied.ok_or_else(|| self.audit(Lens::default(), Retcode::INVALID_ARGUMENT))?;
        let is_too_long = lens.constant.saturating_add(lens.arena) > self.kernel.config.message_bytes;
        if is_too_long || !request.client.shared.room_bytes().holds(self.message.parts(lens)) {
            let between = Between::new(self.me.task.party(), request.client.task.party());
            return Err(self.refused(between, lens, Retcode::INVALID_ARGUMENT));
        }
        let between = Between::new(request.client.task.party(), self.me.task.party());
        if let Some(number) = request.number {
            let entered = number.enter(self.message.constant(lens));
            entered.map_err(|code| {
                let between = Between::new(self.me.task.party(), request.client.task.party());
                self.refused(between, lens, code)
            })?;
        }
        self.kernel
            .judge
            .response(between, request.known, self.message.parts(lens))
    }
}
