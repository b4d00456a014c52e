// SPDX-License-Identifier: GPL-2.0-only
//! The servers that a board's domain calls: buses, lines, the clock and firmware, each behind a channel.

use super::servers::Firmware;
use super::{Adapter, SystemError, SystemOptions};
use crate::board::{Board, ChannelKind};
use crate::policy::class_of_channel;
use ::board::SharedBoard;
use ::board::server::{ClockServer, GpioServer, I2cServer, RemoteI2cServer, SpiServer};
use ::board::vhost::I2cFrontend;
use kos_bindings::hosted::{ChannelSpec, Endpoint, Kernel, Rights};
use kos_bindings::idl::{clock, firmware, gpio, i2c, spi};
use kos_bindings::nk::{Lens, Parts, PartsMut, Retcode};
use std::time::Duration;

type Answer = Result<Lens, Retcode>;

/// A channel called `name` to `server`.
pub(super) fn channel(
    kernel: &Kernel,
    name: &str,
    riid: u16,
    server: impl Fn(u16, Parts<'_>, PartsMut<'_>) -> Answer + Send + Sync + 'static,
) -> ChannelSpec {
    let endpoint: Endpoint = kernel.register(&class_of_channel(name), server);
    ChannelSpec {
        name: name.to_owned(),
        riid,
        endpoint,
        rights: Rights::CALL,
    }
}

/// The channels that a board's domain needs, but for the log.
pub(super) fn channels(
    kernel: &Kernel,
    board: &Board,
    sim: &SharedBoard,
    options: &SystemOptions,
) -> Result<Vec<ChannelSpec>, SystemError> {
    let mut found = Vec::new();
    for wanted in board.channels() {
        let name = wanted.name.as_str();
        found.extend(match wanted.kind {
            ChannelKind::Gpio => {
                let server = GpioServer::new(sim);
                Some(channel(kernel, name, gpio::RIID, move |riid, request, response| {
                    server.answer(riid, request, response)
                }))
            }
            ChannelKind::I2c => i2c_channel(kernel, name, sim, &options.adapter)?,
            ChannelKind::Spi => SpiServer::new(sim, name).map(|server| {
                channel(kernel, name, spi::RIID, move |riid, request, response| {
                    server.answer(riid, request, response)
                })
            }),
        });
    }
    found.extend(ClockServer::new(sim).map(|server| {
        channel(kernel, "clock", clock::RIID, move |riid, request, response| {
            server.answer(riid, request, response)
        })
    }));
    let server = Firmware::new(options.firmware.clone());
    found.push(channel(
        kernel,
        "firmware",
        firmware::RIID,
        move |riid, request, response| server.answer(riid, request, response),
    ));
    Ok(found)
}

/// How long a device that plays a bus may take: a Linux adapter's usual time limit.
const BUS_LIMIT: Duration = Duration::from_secs(1);

fn i2c_channel(
    kernel: &Kernel,
    name: &str,
    sim: &SharedBoard,
    adapter: &Adapter,
) -> Result<Option<ChannelSpec>, SystemError> {
    if let Adapter::VhostUser(socket) = adapter {
        let connected = I2cFrontend::connect(socket, BUS_LIMIT);
        let frontend = connected.map_err(|error| SystemError::Bus {
            socket: socket.clone(),
            error,
        })?;
        let server = RemoteI2cServer::new(frontend);
        return Ok(Some(channel(
            kernel,
            name,
            i2c::RIID,
            move |riid, request, response| server.answer(riid, request, response),
        )));
    }
    Ok(I2cServer::new(sim, name).map(|server| {
        let server = if *adapter == Adapter::Virtio {
            server.as_virtio()
        } else {
            server
        };
        channel(kernel, name, i2c::RIID, move |riid, request, response| {
            server.answer(riid, request, response)
        })
    }))
}
