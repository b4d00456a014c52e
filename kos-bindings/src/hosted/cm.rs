// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection manager: clients that ask for a channel, and servers that accept or drop them.

use std::string::String;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;
use std::vec::Vec;

use super::notice::{lock, until};
use super::task::Task;
use crate::nk::{Handle, Retcode};

/// How far a client's wish is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No server thread saw it.
    Asked,
    /// One did.
    Seen,
    Accepted(Handle, u32),
    Dropped,
}

#[derive(Debug)]
struct Wish {
    id: u64,
    client: Weak<Task>,
    client_name: String,
    server: u64,
    service: String,
    stage: Stage,
}

#[derive(Debug, Default)]
struct State {
    wishes: Vec<Wish>,
    last: u64,
}

/// All wishes for channels. Each is of one waiting thread, so they are no more than threads.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    state: Mutex<State>,
    changed: Condvar,
}

impl Manager {
    /// Waits for `look` to find something, until `end`, while `is_wanted`.
    fn wait<R>(
        &self,
        end: Option<Instant>,
        is_wanted: impl Fn() -> bool,
        mut look: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<R, Retcode> {
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = look(&mut state) {
                return Ok(found);
            }
            if !is_wanted() {
                return Err(Retcode::NOT_CONNECTED);
            }
            let waited = self.changed.wait_timeout(state, until(end)?);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks `server` for `service` and waits for its answer.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if it refuses or dies, `rcTimeout`.
    pub(crate) fn connect(
        &self,
        client: &Arc<Task>,
        server: &Arc<Task>,
        service: &str,
        end: Option<Instant>,
    ) -> Result<(Handle, u32), Retcode> {
        let mut state = lock(&self.state);
        state.last += 1;
        let id = state.last;
        state.wishes.push(Wish {
            id,
            client: Arc::downgrade(client),
            client_name: client.name.clone(),
            server: server.id,
            service: String::from(service),
            stage: Stage::Asked,
        });
        drop(state);
        self.changed.notify_all();
        let is_wanted = || !client.is_dead() && !server.is_dead();
        let outcome = self.wait(end, is_wanted, |state| {
            let wish = state.wishes.iter().find(|wish| wish.id == id)?;
            match wish.stage {
                Stage::Accepted(handle, riid) => Some(Ok((handle, riid))),
                Stage::Dropped => Some(Err(Retcode::NOT_CONNECTED)),
                Stage::Asked | Stage::Seen => None,
            }
        });
        let mut state = lock(&self.state);
        let stage = state.wishes.iter().find(|wish| wish.id == id).map(|wish| wish.stage);
        state.wishes.retain(|wish| wish.id != id);
        drop(state);
        match (outcome, stage) {
            (Ok(answer), _) => answer,
            // The server accepted just when the client's time was up: the client has the channel.
            (Err(_), Some(Stage::Accepted(handle, riid))) => Ok((handle, riid)),
            (Err(code), _) => Err(code),
        }
    }

    /// Waits for a client that asks `server` for `filter`, or for anything if that is empty.
    ///
    /// # Errors
    ///
    /// `rcTimeout`.
    pub(crate) fn listen(
        &self,
        server: &Arc<Task>,
        filter: &str,
        end: Option<Instant>,
    ) -> Result<(String, String), Retcode> {
        self.wait(
            end,
            || !server.is_dead(),
            |state| {
                let is_meant = |wish: &&mut Wish| {
                    let is_service = filter.is_empty() || wish.service == filter;
                    wish.server == server.id && wish.stage == Stage::Asked && is_service
                };
                let wish = state.wishes.iter_mut().find(is_meant)?;
                wish.stage = Stage::Seen;
                Some((wish.client_name.clone(), wish.service.clone()))
            },
        )
    }

    /// Answers a client that asks `server`: `make` gives it its channel, or there is none.
    ///
    /// # Errors
    ///
    /// `rcNotConnected` if no such client waits; `make`'s.
    pub(crate) fn answer<R>(
        &self,
        server: &Task,
        client: &str,
        service: &str,
        make: Option<impl FnOnce(&Arc<Task>) -> Result<(Handle, u32, R), Retcode>>,
    ) -> Result<Option<R>, Retcode> {
        let mut state = lock(&self.state);
        let is_meant = |wish: &&mut Wish| {
            let is_open = matches!(wish.stage, Stage::Asked | Stage::Seen);
            wish.server == server.id && is_open && wish.client_name == client && wish.service == service
        };
        let wish = state.wishes.iter_mut().find(is_meant).ok_or(Retcode::NOT_CONNECTED)?;
        let made = match make {
            None => {
                wish.stage = Stage::Dropped;
                None
            }
            Some(make) => {
                let client = wish.client.upgrade().ok_or(Retcode::NOT_CONNECTED)?;
                let (handle, riid, made) = make(&client)?;
                wish.stage = Stage::Accepted(handle, riid);
                Some(made)
            }
        };
        drop(state);
        self.changed.notify_all();
        Ok(made)
    }
}
