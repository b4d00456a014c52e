// SPDX-License-Identifier: GPL-2.0-only
//! An `init.yaml` of drivers: which run, and over which static channels each finds its servers and is found.
//!
//! Processes of classes `driver.…` are our domains. Those of `server.…` are the board's and the supervisor's servers,
//! and `linuxcompat.Client` is whoever uses a driver's files. Nothing of ours can play another class.

use super::{Domain, files};
use crate::board::{Board, BoardError};
use crate::policy::{Devices, Needs, class_of_channel, class_of_driver};
use kos_bindings::hosted::ChannelSpec;
use kos_idl::{Files, Library};
use kos_init::{Entity, Init, Rules, System};

/// The class of who uses a driver's files.
const CLIENT: &str = "linuxcompat.Client";

/// The static channels of one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticChannels {
    /// What it calls: how it finds the channel, and the class of the server.
    pub servers: Vec<(String, String)>,
    /// Whether clients may call it.
    pub has_client: bool,
}

impl StaticChannels {
    /// Of all channels that there are to be had those that the domain has, under the names that it has them by.
    ///
    /// # Errors
    ///
    /// The class of a server that this machine does not have.
    pub(crate) fn of(&self, all: &[ChannelSpec]) -> Result<Vec<ChannelSpec>, String> {
        let find = |(id, class): &(String, String)| {
            let found = all.iter().find(|channel| class_of_channel(&channel.name) == *class);
            let found = found.ok_or_else(|| class.clone())?;
            Ok(ChannelSpec {
                name: id.clone(),
                ..found.clone()
            })
        };
        self.servers.iter().map(find).collect()
    }
}

/// A driver that is to run.
#[derive(Debug)]
pub struct Planned {
    /// The driver, for [`System::build`](crate::System::build).
    pub driver: String,
    /// Its board.
    pub board: Board,
    /// Its channels.
    pub channels: StaticChannels,
}

/// Why an `init.yaml` cannot be run here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It is none, or it and the classes do not fit together.
    #[error(transparent)]
    Init(#[from] kos_init::Error),
    /// No driver has this class.
    #[error("{place}: class `{class}`: {error}; `path:` names a driver")]
    Driver {
        /// Where it stands.
        place: String,
        /// The class.
        class: String,
        /// Why none has.
        error: BoardError,
    },
    /// The driver that `path` names has another class.
    #[error("{place}: the class of the driver {driver:?} is `{is}`, not `{class}`")]
    Class {
        /// Where it stands.
        place: String,
        /// The driver.
        driver: String,
        /// Its class.
        is: String,
        /// What stands there.
        class: String,
    },
    /// Nothing here plays this class.
    #[error("{place}: class `{class}`: only drivers, their servers and {CLIENT} run here")]
    Stranger {
        /// Where it stands.
        place: String,
        /// The class.
        class: String,
    },
    /// A process is to be given what no process gets here.
    #[error("{place}: `{what}`: the processes that run here take none")]
    Unused {
        /// Where it stands.
        place: String,
        /// What is given.
        what: &'static str,
    },
    /// There is nothing to run.
    #[error("{0}: no process is a driver")]
    Empty(String),
}

/// The names that the driver of a class may have: `Adxl345Spi` is that of `adxl345_spi` and of `adxl345-spi`.
fn names(short: &str) -> [String; 2] {
    ['_', '-'].map(|between| {
        let mut name = String::new();
        for c in short.chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push(between);
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    })
}

fn place(file: &str, text: &kos_init::Text) -> String {
    format!("{file}:{}:{}", text.place.line, text.place.column)
}

/// Refuses what would be passed over: our processes have no arguments, no environment and no way to a dynamic
/// connection manager.
fn takes_nothing(file: &str, entity: &Entity) -> Result<(), PlanError> {
    let given = [
        ("args", entity.args.first()),
        ("env", entity.env.first().map(|(name, _)| name)),
        ("dynamic_connection_manager", entity.is_dynamic.then_some(&entity.name)),
    ];
    match given.into_iter().find_map(|(what, text)| Some((what, text?))) {
        Some((what, text)) => Err(PlanError::Unused {
            place: place(file, text),
            what,
        }),
        None => Ok(()),
    }
}

/// Finds the driver of an entity, and its board.
fn driver(file: &str, entity: &Entity) -> Result<(String, Board), PlanError> {
    let class = &entity.name.text;
    let short = class.rsplit('.').next().unwrap_or_default();
    let is_given = entity.path.text != short;
    let candidates = match is_given {
        true => vec![entity.path.text.clone()],
        false => names(short).to_vec(),
    };
    let mut failed = None;
    for driver in candidates {
        let is = class_of_driver(&driver);
        match Board::of_driver(&driver) {
            Ok(board) if is == *class => return Ok((driver, board)),
            Ok(_) => {
                return Err(PlanError::Class {
                    place: place(file, &entity.path),
                    driver,
                    is,
                    class: class.clone(),
                });
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) => Err(PlanError::Driver {
            place: place(file, &entity.name),
            class: class.clone(),
            error,
        }),
        None => Err(PlanError::Stranger {
            place: place(file, &entity.name),
            class: class.clone(),
        }),
    }
}

/// What describes the driver's class; only a board is needed for that.
fn needs(driver: &str, board: &Board) -> Needs {
    Needs {
        driver: driver.to_owned(),
        board: board.path().display().to_string(),
        channels: board.channels(),
        parts: board.parts(),
        lines: board.lines(),
        firmware: board.firmware(),
        devices: Devices::Any,
        has_sockets: true,
        is_module: false,
        is_virtual_time: true,
    }
}

/// Reads an `init.yaml`, `file` being its name, and checks it against the classes of the drivers that it names and of
/// their boards' servers.
///
/// # Errors
///
/// The first mistake, with its place.
///
/// # Examples
///
/// ```
/// let text = "
/// entities:
/// - name: driver.Adxl345
///   connections: [{target: server.I2c0, id: i2c0}, {target: server.Log, id: log}]
/// - name: server.I2c0
/// - name: server.Log
/// ";
/// let planned = linux_compat::solution::plan("init.yaml", text)?;
/// assert_eq!(planned[0].driver, "adxl345");
/// assert_eq!(planned[0].channels.servers.len(), 2);
/// assert!(!planned[0].channels.has_client, "nobody is connected with it");
/// # Ok::<(), linux_compat::solution::PlanError>(())
/// ```
pub fn plan(file: &str, text: &str) -> Result<Vec<Planned>, PlanError> {
    let init = Init::parse(file, text)?;
    let mut found = Vec::new();
    for entity in &init.entities {
        takes_nothing(file, entity)?;
        let class = entity.name.text.as_str();
        match class.split_once('.') {
            Some(("driver", _)) => found.push((class, driver(file, entity)?)),
            Some(("server", _)) => {}
            _ if class == CLIENT => {}
            _ => {
                return Err(PlanError::Stranger {
                    place: place(file, &entity.name),
                    class: class.to_owned(),
                });
            }
        }
    }
    if found.is_empty() {
        return Err(PlanError::Empty(file.to_owned()));
    }
    let needs: Vec<_> = found.iter().map(|(_, (driver, board))| needs(driver, board)).collect();
    let domains: Vec<_> = found
        .iter()
        .zip(&needs)
        .map(|((class, _), needs)| Domain { needs, class })
        .collect();
    let mut library = Library::new(Files::texts(files(&domains)));
    let system = System::check(&init, &mut library, &Rules::default())?;
    let channels: Vec<_> = found.iter().map(|(class, _)| channels(&system, class)).collect();
    let boards = found.into_iter().map(|(_, found)| found);
    Ok(boards
        .zip(channels)
        .map(|((driver, board), channels)| Planned {
            driver,
            board,
            channels,
        })
        .collect())
}

/// The channels of the process of a class, of which there is one.
fn channels(system: &System, class: &str) -> StaticChannels {
    let of = |class: &str| system.processes.iter().position(|process| process.class == class);
    let (me, client) = (of(class), of(CLIENT));
    let process = |at: Option<usize>| at.and_then(|at| system.processes.get(at));
    let servers = process(me).into_iter().flat_map(|process| &process.channels);
    StaticChannels {
        servers: servers
            .filter_map(|channel| {
                let server = system.processes.get(channel.server)?;
                Some((channel.id.clone(), server.class.clone()))
            })
            .collect(),
        has_client: process(client).is_some_and(|client| client.channels.iter().any(|to| Some(to.server) == me)),
    }
}
