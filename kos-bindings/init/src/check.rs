// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an [`Init`] and its classes to the service locator's table.

use std::collections::BTreeMap;

use kos_idl::Library;
use kos_idl::model::{Component, Endpoint};

use crate::error::{Error, Mistake, wrong};
use crate::read::{Connection, Entity, Init};

/// What depends on where the solution runs.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether two processes of one class are refused. KasperskyOS Community Edition cannot run
    /// them.
    pub one_process_per_class: bool,
    /// The number that endpoint `index` of a class has in the headers of messages; `None`: it has
    /// none.
    pub riid: fn(&Component, usize) -> Option<u16>,
}

impl Default for Rules {
    /// As on KasperskyOS, with endpoints numbered in the order of [`Component::endpoints`]: the SDK's
    /// own numbers are in the code that it generates, and differ between editions.
    fn default() -> Self {
        Self {
            one_process_per_class: true,
            riid: |_, index| u16::try_from(index).ok(),
        }
    }
}

/// A solution: its processes and all static channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// The processes, in the order in which they are started.
    pub processes: Vec<Process>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its name.
    pub task: String,
    /// Its class.
    pub class: String,
    /// Its executable in the image.
    pub path: String,
    /// What its program is started with.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Whether it is connected to the dynamic connection manager.
    pub is_dynamic: bool,
    /// What it serves.
    pub endpoints: Vec<Served>,
    /// The interface through which it asks the security module itself.
    pub security: Option<String>,
    /// Whom it may call.
    pub channels: Vec<Channel>,
}

/// An endpoint of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its qualified name, such as `bus.i2c`.
    pub name: String,
    /// The interface's package.
    pub interface: String,
    /// Its number in the headers of messages.
    pub riid: u16,
}

/// A static channel, from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// How both ends find it: `ServiceLocatorConnect` and `ServiceLocatorRegister`.
    pub id: String,
    /// The server's place in [`System::processes`].
    pub server: usize,
}

impl System {
    /// Checks an `init.yaml` against the classes that it names.
    ///
    /// # Errors
    ///
    /// The first process or channel that cannot be.
    pub fn check(init: &Init, library: &mut Library, rules: &Rules) -> Result<Self, Error> {
        solution(init, library, rules).map_err(|mistake| Error::new(&init.file, mistake))
    }

    /// Finds a process.
    #[must_use]
    pub fn process(&self, task: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.task == task)
    }

    /// Finds the server at the other end of a client's channel: `ServiceLocatorConnect`.
    #[must_use]
    pub fn server(&self, client: &str, id: &str) -> Option<&Process> {
        let channel = self.process(client)?.channels.iter().find(|channel| channel.id == id)?;
        self.processes.get(channel.server)
    }

    /// Finds the number of an endpoint behind a client's channel: `ServiceLocatorGetRiid`.
    #[must_use]
    pub fn riid(&self, client: &str, id: &str, endpoint: &str) -> Option<u16> {
        self.server(client, id)?.endpoint(endpoint).map(|served| served.riid)
    }

    /// The names under which a server's channels are registered, each with the clients that have
    /// one: `ServiceLocatorRegister`.
    #[must_use]
    pub fn listeners(&self, server: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for client in &self.processes {
            let here = |channel: &&Channel| {
                self.processes
                    .get(channel.server)
                    .is_some_and(|other| other.task == server)
            };
            for channel in client.channels.iter().filter(here) {
                found.entry(&channel.id).or_default().push(&client.task);
            }
        }
        found
    }
}

impl Process {
    /// Finds an endpoint by its qualified name. One that is declared in the class itself also has
    /// the class's name before its own.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<&Served> {
        let own = name.strip_prefix(&self.class).and_then(|rest| rest.strip_prefix('.'));
        let own = own.filter(|own| !own.contains('.'));
        self.endpoints
            .iter()
            .find(|served| served.name == name || Some(served.name.as_str()) == own)
    }
}

fn solution(init: &Init, library: &mut Library, rules: &Rules) -> Result<System, Mistake> {
    let mut tasks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut classes: BTreeMap<&str, &Entity> = BTreeMap::new();
    let mut processes = Vec::new();
    for (index, entity) in init.entities.iter().enumerate() {
        let Entity { name, task, .. } = entity;
        if let Some(other) = tasks
            .insert(&task.text, index)
            .and_then(|other| init.entities.get(other))
        {
            let message = format!(
                "task `{}` is already there, at line {}",
                task.text, other.task.place.line
            );
            return wrong(task.place, message);
        }
        if let Some(other) = classes
            .insert(&name.text, entity)
            .filter(|_| rules.one_process_per_class)
        {
            let line = other.name.place.line;
            let message = format!(
                "class `{}` already has a process, at line {line}: one is the most",
                name.text
            );
            return wrong(name.place, message);
        }
        processes.push(process(entity, library, rules)?);
    }
    for (index, entity) in init.entities.iter().enumerate() {
        let mut channels: Vec<Channel> = Vec::new();
        for connection in &entity.connections {
            let server = server(entity, connection, &tasks, init)?;
            if processes
                .get(server)
                .is_some_and(|process: &Process| process.endpoints.is_empty())
            {
                let message = format!(
                    "`{}` has no endpoints: nothing can be asked there",
                    connection.target.text
                );
                return wrong(connection.target.place, message);
            }
            let id = &connection.id;
            if channels.iter().any(|channel| channel.id == id.text) {
                let message = format!("`{}` has a channel `{}` already", entity.task.text, id.text);
                return wrong(id.place, message);
            }
            channels.push(Channel {
                id: id.text.clone(),
                server,
            });
        }
        if let Some(process) = processes.get_mut(index) {
            process.channels = channels;
        }
    }
    Ok(System { processes })
}

fn process(entity: &Entity, library: &mut Library, rules: &Rules) -> Result<Process, Mistake> {
    let Entity { name, .. } = entity;
    let class = library.class(&name.text).map_err(|error| Mistake {
        place: name.place,
        message: format!("class `{}`: {error}", name.text),
    })?;
    let served = |(index, endpoint): (usize, &Endpoint)| {
        let Some(riid) = (rules.riid)(&class, index) else {
            let message = format!("class `{}`: its endpoint `{}` has no number", name.text, endpoint.name);
            return wrong(name.place, message);
        };
        Ok(Served {
            name: endpoint.name.clone(),
            interface: endpoint.interface.clone(),
            riid,
        })
    };
    let pair = |(name, value): &(crate::Text, crate::Text)| (name.text.clone(), value.text.clone());
    Ok(Process {
        task: entity.task.text.clone(),
        class: name.text.clone(),
        path: entity.path.text.clone(),
        args: entity.args.iter().map(|arg| arg.text.clone()).collect(),
        env: entity.env.iter().map(pair).collect(),
        is_dynamic: entity.is_dynamic,
        endpoints: class
            .endpoints
            .iter()
            .enumerate()
            .map(served)
            .collect::<Result<_, _>>()?,
        security: class.security.clone(),
        channels: Vec::new(),
    })
}

/// Finds the server of a connection.
fn server(
    client: &Entity,
    connection: &Connection,
    tasks: &BTreeMap<&str, usize>,
    init: &Init,
) -> Result<usize, Mistake> {
    let target = &connection.target;
    if target.text == client.task.text {
        return wrong(target.place, format!("`{}` is connected to itself", target.text));
    }
    if let Some(index) = tasks.get(target.text.as_str()) {
        return Ok(*index);
    }
    let mut message = format!("there is no task `{}`", target.text);
    if let Some(other) = init.entities.iter().find(|other| other.name.text == target.text) {
        message += &format!("; that of this class is `{}`", other.task.text);
    }
    wrong(target.place, message)
}
