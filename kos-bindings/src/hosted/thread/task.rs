// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processes: how they are made, connected and ended.

use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::Thread;
use crate::hosted::core::{connect, listener};
use crate::hosted::dma::Dma;
use crate::hosted::error::Error;
use crate::hosted::handles::Rights;
use crate::hosted::irq::Interrupts;
use crate::hosted::kernel::{Inner, Kernel, born_with_kernel};
use crate::hosted::notice::lock;
use crate::hosted::numbers::{Numbers, Served};
use crate::hosted::process::Process;
use crate::hosted::quota::{Limits, What};
use crate::hosted::shared::{Room, Shared};
use crate::hosted::task::{self, Born, Named};
use crate::kn::right;
use crate::nk::{Handle, Interface, Retcode};

/// A process to be made.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Its name: no two living processes have the same.
    pub name: String,
    /// Its class in the policy's eyes.
    pub class: String,
    /// What it may take of the kernel.
    pub limits: Limits,
    /// The interface through which its class asks the policy itself, if it has one.
    pub security: Option<&'static Interface>,
    /// Room for a message of each kind in the ports of its threads.
    pub room: Room,
    /// Whether another process maps the ports too ([`Thread::port_file`]), and posts there. A hand-over then costs a
    /// tenth more.
    pub is_mapped_elsewhere: bool,
}

impl TaskSpec {
    /// Describes a process whose class is called like it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            class: name.to_string(),
            limits: Limits::default(),
            security: None,
            room: Room::DEFAULT,
            is_mapped_elsewhere: false,
        }
    }
}

/// A process. It ends when this is dropped: its threads' calls fail, its handles are closed, those who wait for an
/// answer of it get [`crate::hosted::Unknowns::server_death`].
#[derive(Debug)]
pub struct Task {
    kernel: Arc<Inner>,
    task: Arc<task::Task>,
    core: Handle,
}

impl Kernel {
    /// Makes a process whose threads are threads of this program. The policy is asked.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`], or [`Error::Task`] with `rcAlreadyExists` if a process of this name runs.
    pub fn task(&self, spec: &TaskSpec) -> Result<Task, Error> {
        let inner = self.inner();
        let born = Born {
            limits: spec.limits,
            security: spec.security,
            ..inner.born(&spec.name, &spec.class)
        };
        inner.judge.execute(&spec.class, born.id)?;
        let failed = |code| Error::Task(spec.name.clone(), code);
        let task = task::Task::here(born, spec.room.in_pages(), spec.is_mapped_elsewhere);
        let begin = || {
            inner.add_task(&task)?;
            born_with_kernel(&task)
        };
        match begin() {
            Ok(core) => Ok(Task {
                kernel: Arc::clone(inner),
                task,
                core,
            }),
            Err(code) => {
                task.end();
                Err(failed(code))
            }
        }
    }

    /// Makes a static channel before `client` and `server` begin: `client` finds it as `name`, and so does `server`,
    /// whose channels of one name share a listener. `endpoints` are what the server has there: `component.endpoint`
    /// (or just `endpoint`) and its number.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] with `rcAlreadyExists` if the client has a channel of this name, `rcFail` at a limit.
    pub fn connect(&self, client: &Task, server: &Task, name: &str, endpoints: &[(&str, u16)]) -> Result<(), Error> {
        let failed = |code| Error::Task(client.task.name.clone(), code);
        let endpoints = endpoints.iter().map(|(name, riid)| (name.to_string(), *riid)).collect();
        connect_static(&client.task, &server.task, name, endpoints, Numbers::default()).map_err(failed)
    }

    /// As [`Kernel::connect`], but the numbers in messages are those that the server's class gives its endpoints, as on
    /// KasperskyOS: only `served` can be called on the channel.
    ///
    /// # Errors
    ///
    /// As there; `rcAlreadyExists` too if two endpoints have one number.
    pub fn connect_served(&self, client: &Task, server: &Task, name: &str, served: &[Served]) -> Result<(), Error> {
        let failed = |code| Error::Task(client.task.name.clone(), code);
        let endpoints = served.iter().map(|one| (one.name.clone(), one.riid)).collect();
        let numbers = Numbers::of(served).map_err(failed)?;
        connect_static(&client.task, &server.task, name, endpoints, numbers).map_err(failed)
    }

    /// Returns the machine's interrupt lines, for the hardware or what stands for it.
    #[must_use]
    pub fn interrupts(&self) -> Interrupts {
        self.inner().interrupts.clone()
    }

    /// Returns the machine's memory as devices see it, for the hardware or what stands for it.
    #[must_use]
    pub fn dma(&self) -> Dma {
        self.inner().dma.clone()
    }
}

fn connect_static(
    client: &Arc<task::Task>,
    server: &Arc<task::Task>,
    name: &str,
    endpoints: Vec<(String, u16)>,
    numbers: Numbers,
) -> Result<(), Retcode> {
    if lock(&client.clients).contains_key(name) {
        return Err(Retcode::ALREADY_EXISTS);
    }
    let known = lock(&server.servers).get(name).cloned();
    let served = match known {
        Some(served) => served.handle,
        None => {
            let handle = listener(server)?;
            let named = Named {
                handle,
                endpoints: endpoints.clone(),
            };
            task::Task::set_name(&server.servers, name, named);
            handle
        }
    };
    let object = server.object(served, Rights(right::LISTEN), Retcode::NOT_CONNECTED)?;
    let handle = connect(client, client, &object, 0, numbers)?;
    task::Task::set_name(&client.clients, name, Named { handle, endpoints });
    Ok(())
}

impl Task {
    /// Returns its number in this kernel: `TaskId`.
    #[must_use]
    pub fn id(&self) -> u32 {
        u32::try_from(self.task.id).unwrap_or(u32::MAX)
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.task.name
    }

    /// Makes a thread of it, for one thread of this program at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] with `rcFail` if it has as many as it may, `rcNotConnected` if it has ended; [`Error::Port`] or
    /// [`Error::Thread`] without memory.
    pub fn attach(&self) -> Result<Thread, Error> {
        let failed = |code| Error::Task(self.task.name.clone(), code);
        let charge = self.task.charge_thread().map_err(failed)?;
        let shared = Shared::with_room(self.task.room).map_err(|error| Error::Port(error.into()))?;
        let shared = if self.task.is_mapped_elsewhere {
            shared
        } else {
            shared.private()
        };
        let id = self.kernel.next_id();
        let process = Arc::new(Process::of_task(id, Arc::clone(&self.task), shared, None));
        self.task.add_thread(&process, charge).map_err(failed)?;
        self.kernel.start_thread(&process)?;
        Ok(Thread {
            process,
            core: self.core,
            cpu: self.kernel.cpu,
        })
    }

    /// Ends it.
    pub fn kill(&self) {
        self.task.end();
    }

    /// Tells how many handles it pays for: its own, and those that it passed on.
    #[must_use]
    pub fn handles(&self) -> u64 {
        self.task.quota.used(What::Handles)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.task.end();
    }
}
