// SPDX-License-Identifier: GPL-2.0-only
//! What the descriptions say.

use super::{Domain, FIXED};
use crate::board::ChannelKind;
use crate::policy::{Needs, class_of_channel};
use kos_bindings::idl::INTERFACES;
use kos_idl::{Files, Library};
use kos_init::{Connection, Entity, Init, Rules, System};
use std::collections::{BTreeMap, BTreeSet};

/// Where a class or a package is described, below an include directory.
fn path_of(name: &str, extension: &str) -> String {
    format!("{}.{extension}", name.replace('.', "/"))
}

/// Describes the class of a driver's domain.
///
/// Its doors are its endpoints: they are the same for every image, since the shim serves them all. What it calls is not
/// said here but in [`init_yaml`].
///
/// # Examples
///
/// ```
/// use linux_compat::policy::{Devices, Needs};
///
/// # let board = linux_compat::Board::of_driver("adxl345")?;
/// # let needs = Needs {
/// #     driver: "adxl345".to_owned(), board: "adxl345-i2c.dts".to_owned(), channels: board.channels(),
/// #     parts: board.parts(), lines: board.lines(), firmware: board.firmware(), devices: Devices::Buffers,
/// #     has_sockets: false, is_module: false, is_virtual_time: false,
/// # };
/// let text = linux_compat::solution::class_edl(&needs, "driver.Adxl345");
/// assert!(text.contains("task class driver.Adxl345") && text.contains("sysfs : linuxcompat.Sysfs"));
/// # Ok::<(), linux_compat::board::BoardError>(())
/// ```
#[must_use]
pub fn class_edl(needs: &Needs, class: &str) -> String {
    format!(
        "\
// {} on the board {}.
task class {class}

endpoints {{
    // Its sysfs tree.
    sysfs : linuxcompat.Sysfs
    // Its character devices.
    chardev : linuxcompat.Chardev
    // Its sockets, if Linux's socket layer is in its image.
    socket : linuxcompat.Socket
    // How far it is; it is stopped here.
    control : linuxcompat.Control
}}
",
        needs.driver, needs.board
    )
}

/// Describes the class of a bus server: what the channel `name` leads to.
#[must_use]
pub fn server_edl(kind: ChannelKind, name: &str) -> String {
    let (what, instance, component) = match kind {
        ChannelKind::I2c => ("I2C bus", "bus", "I2cBus"),
        ChannelKind::Spi => ("SPI bus", "bus", "SpiBus"),
        ChannelKind::Gpio => ("GPIO controller", "controller", "GpioController"),
    };
    let class = class_of_channel(name);
    format!(
        "\
// The {what} {name:?}.
task class {class}

components {{
    {instance} : linuxcompat.{component}
}}
"
    )
}

/// All descriptions that these domains need: path below an include directory, and text. Those that do not depend on a
/// driver are [`FIXED`].
#[must_use]
pub fn files(domains: &[Domain<'_>]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for domain in domains {
        for channel in &domain.needs.channels {
            let path = path_of(&class_of_channel(&channel.name), "edl");
            files.insert(path, server_edl(channel.kind, &channel.name));
        }
        files.insert(path_of(domain.class, "edl"), class_edl(domain.needs, domain.class));
    }
    files.extend(FIXED.map(|(path, text)| (path.to_owned(), text.to_owned())));
    files
}

/// The names of the channels that a domain calls.
fn channels(needs: &Needs) -> Vec<&str> {
    let mut names: Vec<&str> = needs.channels.iter().map(|channel| channel.name.as_str()).collect();
    names.push("log");
    if needs.is_virtual_time {
        names.push("clock");
    }
    if !needs.firmware.is_empty() {
        names.push("firmware");
    }
    names
}

/// Lists the processes of these domains, of their servers and of a client, and on the client's side each static
/// channel. Its text, `to_string()`, is an `init.yaml`.
///
/// A domain finds a server by the channel's name, as it does on the hosted back end; the client finds a driver by its
/// class.
#[must_use]
pub fn init_yaml(domains: &[Domain<'_>]) -> Init {
    let mut servers = BTreeSet::new();
    let mut entities = Vec::new();
    for domain in domains {
        let mut entity = Entity::of_class(domain.class);
        for name in channels(domain.needs) {
            let class = class_of_channel(name);
            entity.connections.push(connection(&class, name));
            servers.insert(class);
        }
        entities.push(entity);
    }
    entities.extend(servers.iter().map(|server| Entity::of_class(server)));
    let mut client = Entity::of_class("linuxcompat.Client");
    client.connections = domains
        .iter()
        .map(|domain| connection(domain.class, domain.class))
        .collect();
    entities.push(client);
    Init {
        file: "init.yaml".to_owned(),
        entities,
    }
}

fn connection(target: &str, id: &str) -> Connection {
    Connection {
        target: target.into(),
        id: id.into(),
    }
}

/// Checks the descriptions against one another, and makes the table that the service locator answers from. Endpoints
/// have the numbers of the hosted back end's registry, `kos_bindings::idl`.
///
/// # Errors
///
/// The first mistake, such as two drivers of one class.
pub fn locator(domains: &[Domain<'_>]) -> Result<System, kos_init::Error> {
    let rules = Rules {
        riid: |class, index| {
            let endpoint = class.endpoints.get(index)?;
            let mut interfaces = INTERFACES.iter();
            interfaces
                .find(|known| known.name == endpoint.interface)
                .map(|known| known.riid)
        },
        ..Rules::default()
    };
    let mut library = Library::new(Files::texts(files(domains)));
    System::check(&init_yaml(domains), &mut library, &rules)
}
