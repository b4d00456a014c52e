// SPDX-License-Identifier: GPL-2.0-only
//! An `init.yaml` on the hosted kernel: its processes, and the static channels between them.

use std::collections::BTreeMap;

use kos_bindings::hosted::{Error, Kernel, Served, Task, TaskSpec};
use kos_bindings::idl::INTERFACES;
use kos_bindings::nk::Interface;
use kos_init::{Process, System};

/// Why a solution could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A class answers, or asks the policy by, an interface that the kernel does not know, so nothing could be checked.
    #[error("{process}: {endpoint}: the kernel has no interface `{interface}`")]
    Interface {
        /// The process that has it.
        process: String,
        /// The endpoint, or `security`.
        endpoint: String,
        /// Its interface.
        interface: String,
    },
    /// The kernel refused a process or a channel.
    #[error(transparent)]
    Kernel(#[from] Error),
}

/// Makes each process of `system` and each static channel, and nothing else: whom `init.yaml` does not connect has no
/// handle to the other. Messages have the numbers that the server's class gives its endpoints. The processes are empty;
/// what runs in one, by its [`Process::path`], is the caller's to attach.
///
/// # Errors
///
/// The first process or channel that cannot be; none is left then.
pub fn start(kernel: &Kernel, system: &System) -> Result<BTreeMap<String, Task>, StartError> {
    let mut tasks = BTreeMap::new();
    for process in &system.processes {
        let security = process.security.as_deref();
        let spec = TaskSpec {
            class: process.class.clone(),
            security: security.map(|name| known(process, "security", name)).transpose()?,
            ..TaskSpec::new(&process.task)
        };
        tasks.insert(process.task.clone(), kernel.task(&spec)?);
    }
    for client in &system.processes {
        for channel in &client.channels {
            let server = system.processes.get(channel.server);
            let ends = server.and_then(|server| Some((server, tasks.get(&client.task)?, tasks.get(&server.task)?)));
            // `System::check` let no channel through that leads nowhere.
            let Some((server, client, task)) = ends else {
                continue;
            };
            kernel.connect_served(client, task, &channel.id, &served(server)?)?;
        }
    }
    Ok(tasks)
}

fn known(process: &Process, endpoint: &str, name: &str) -> Result<&'static Interface, StartError> {
    let found = INTERFACES.iter().find(|interface| interface.name == name).copied();
    found.ok_or_else(|| StartError::Interface {
        process: process.task.clone(),
        endpoint: endpoint.to_owned(),
        interface: name.to_owned(),
    })
}

fn served(process: &Process) -> Result<Vec<Served>, StartError> {
    let endpoints = process.endpoints.iter().map(|endpoint| {
        Ok(Served {
            name: endpoint.name.clone(),
            riid: endpoint.riid,
            interface: known(process, &format!("endpoint {}", endpoint.name), &endpoint.interface)?,
        })
    });
    endpoints.collect()
}
