// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a policy speaks about: interfaces, and which class offers which at what endpoint.

use kos_bindings::hosted::judge::CORE;
use kos_bindings::nk::{Field, Interface, Method};

use crate::ast::Event;

/// An endpoint: a named place where an interface is served.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The class that has it; `None`: any class that serves the interface.
    pub class: Option<String>,
    /// The component that it belongs to, by the name in its CDL, if that is known.
    pub component: Option<String>,
    /// Its qualified name.
    pub name: String,
    /// What it serves.
    pub interface: &'static Interface,
}

/// The interfaces and endpoints of a system.
#[derive(Clone, Debug)]
pub struct World {
    /// The interfaces.
    pub interfaces: Vec<&'static Interface>,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// The endpoint name of an interface whose class has one endpoint of it: `linuxcompat.I2c` is at
/// `i2c`.
fn endpoint_name(interface: &str) -> String {
    let last = interface.rsplit('.').next().unwrap_or_default();
    let mut chars = last.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// Interfaces that servers' classes have in a component: its instance there, and its name.
const COMPONENTS: [(&str, &str, &str); 3] = [
    ("linuxcompat.Gpio", "controller", "linuxcompat.GpioController"),
    ("linuxcompat.I2c", "bus", "linuxcompat.I2cBus"),
    ("linuxcompat.Spi", "bus", "linuxcompat.SpiBus"),
];

/// The endpoint of an interface, as the class has it that serves it.
fn served(interface: &'static Interface) -> Endpoint {
    let plain = Endpoint {
        class: None,
        component: None,
        name: endpoint_name(interface.name),
        interface,
    };
    if let Some((_, instance, component)) = COMPONENTS.iter().find(|(known, ..)| *known == interface.name) {
        return Endpoint {
            component: Some((*component).to_owned()),
            name: format!("{instance}.{}", plain.name),
            ..plain
        };
    }
    match interface.name.strip_prefix("kl.core.") {
        // What the kernel's components are called is not public; their instances and endpoints are.
        Some(name) => Endpoint {
            class: Some(CORE.to_owned()),
            name: format!("{}.{name}", name.to_ascii_lowercase()),
            ..plain
        },
        None => plain,
    }
}

impl World {
    /// The world of the hosted kernel: the interfaces of `kos_bindings::idl`, at the endpoints that the classes have
    /// which serve them: `linuxcompat.I2c` at `bus.i2c`, `kl.core.IO` at the kernel's `io.IO`, `linuxcompat.Sysfs` at
    /// `sysfs`. Each class has at most one of an interface.
    #[must_use]
    pub fn hosted() -> Self {
        let interfaces = kos_bindings::idl::INTERFACES;
        Self {
            interfaces: interfaces.to_vec(),
            endpoints: interfaces.into_iter().map(served).collect(),
        }
    }

    /// A world where each class has at most one endpoint of an interface, named like it.
    #[must_use]
    pub fn of(interfaces: &[&'static Interface]) -> Self {
        let endpoint = |interface: &&'static Interface| Endpoint {
            class: None,
            component: None,
            name: endpoint_name(interface.name),
            interface,
        };
        Self {
            interfaces: interfaces.to_vec(),
            endpoints: interfaces.iter().map(endpoint).collect(),
        }
    }

    /// Finds an interface by its name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&'static Interface> {
        self.interfaces.iter().find(|interface| interface.name == name).copied()
    }
}

/// The fields of an event's message; `None` if the method has no such message.
pub(crate) fn fields_of(event: Event, method: &'static Method) -> Option<&'static [Field]> {
    match event {
        Event::Execute => Some(&[]),
        Event::Request | Event::Security => Some(method.fields.request),
        Event::Response => Some(method.fields.result),
        Event::Error => method.error.map(|_| method.fields.error),
    }
}
