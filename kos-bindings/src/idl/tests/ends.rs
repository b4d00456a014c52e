// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client and a server that meet, and the registry between them.

use super::{Message, Vec, vec};
use crate::idl::{INTERFACES, gpio, interface, sysfs};
use crate::nk::{CallError, Fault, Handle, Lens, Never, NkErr, Parts, PartsMut, Retcode, Transport};

#[test]
fn registry_knows_every_message() {
    for entry in INTERFACES {
        assert_eq!(interface(entry.riid).map(|found| found.name), Some(entry.name));
        for (mid, method) in entry.methods.iter().enumerate() {
            assert_eq!(usize::from(method.mid), mid);
            assert!(method.request.constant % 8 == 0 && method.result.constant % 8 == 0);
        }
    }
    assert!(interface(0).is_none() && interface(u16::MAX).is_none());
    let request = Message::new(|out| sysfs::CloseReq { id: 1 }.encode(out));
    let method = sysfs::INTERFACE.validate_request(request.parts());
    assert_eq!(method.map(|method| method.name), Ok("Close"));
}

/// A transport whose server answers at once.
struct Direct {
    server: Lamp,
    buffers: [Vec<u8>; 4],
}

struct Lamp {
    is_on: u8,
}

impl Direct {
    fn new() -> Self {
        Self {
            server: Lamp { is_on: 0 },
            buffers: [(); 4].map(|()| vec![0xff; 256]),
        }
    }
}

impl Transport for Direct {
    fn request(&mut self) -> PartsMut<'_> {
        let [constant, arena, ..] = &mut self.buffers;
        PartsMut { constant, arena }
    }

    fn call(&mut self, handle: Handle, lens: Lens) -> Result<Parts<'_>, Retcode> {
        if handle != Handle(3) {
            return Err(Retcode::NOT_CONNECTED);
        }
        let [request, request_arena, response, response_arena] = &mut self.buffers;
        let request = PartsMut {
            constant: request,
            arena: request_arena,
        };
        let request = request.filled(lens).ok_or(Retcode::INVALID_ARGUMENT)?;
        let mut room = PartsMut {
            constant: response,
            arena: response_arena,
        };
        let lens = gpio::dispatch(&mut self.server, request, room.reborrow()).map_err(|_| Retcode::FAIL)?;
        Ok(Parts {
            constant: &response[..lens.constant],
            arena: &response_arena[..lens.arena],
        })
    }
}

impl gpio::Server for Lamp {
    fn lines(&mut self, _: gpio::LinesReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        Ok(gpio::LinesRes { count: 1, outputs: 1 }.encode(response)?)
    }

    fn get(&mut self, request: gpio::GetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::GetErr>> {
        if request.line > 0 {
            return Err(gpio::GetErr { errno: 22 }.into());
        }
        Ok(gpio::GetRes { value: self.is_on }.encode(response)?)
    }

    fn set(&mut self, request: gpio::SetReq, response: PartsMut<'_>) -> Result<Lens, Fault<gpio::SetErr>> {
        self.is_on = request.value;
        Ok(gpio::SetRes {}.encode(response)?)
    }

    fn direction(&mut self, _: gpio::DirectionReq, _: PartsMut<'_>) -> Result<Lens, Fault<gpio::DirectionErr>> {
        Err(Fault::Nk(NkErr::NoMem))
    }

    fn set_direction(
        &mut self,
        _: gpio::SetDirectionReq,
        _: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::SetDirectionErr>> {
        Err(gpio::SetDirectionErr { errno: 16 }.into())
    }
}

#[test]
fn client_and_server_meet() {
    let mut client = gpio::Client::new(Direct::new(), Handle(3));
    assert_eq!(client.lines(), Ok(gpio::LinesRes { count: 1, outputs: 1 }));
    assert_eq!(client.set(&gpio::SetReq { line: 0, value: 1 }), Ok(gpio::SetRes {}));
    assert_eq!(client.get(&gpio::GetReq { line: 0 }), Ok(gpio::GetRes { value: 1 }));
    let refused = client.get(&gpio::GetReq { line: 1 });
    assert_eq!(refused, Err(CallError::Error(gpio::GetErr { errno: 22 })));
    let failed = client.direction(&gpio::DirectionReq { line: 0 });
    assert_eq!(failed, Err(CallError::Retcode(Retcode::FAIL)));
    let mut nobody = gpio::Client::new(client.transport(), Handle(4));
    assert_eq!(nobody.lines(), Err(CallError::Retcode(Retcode::NOT_CONNECTED)));
}
