// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generated messages: round trips, every malformed kind, and both ends of a channel.

extern crate std;

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::entries::{self, Entry};
use super::{INTERFACES, gpio, i2c, interface, sysfs};
use crate::nk::{
    CallError, Fault, Handle, HandleDesc, Header, Lens, Never, NkErr, Parts, PartsMut, Retcode,
    Seq, Transport, Wire,
};

mod generated {
    #![expect(
        dead_code,
        unreachable_pub,
        reason = "the tests use only a part of this interface"
    )]
    include!(concat!(env!("OUT_DIR"), "/everything.rs"));
}
use generated::everything::{self, AllErr, AllReq, AllRes, Inner, Outer};

/// A message with its own memory.
#[derive(Clone, Debug)]
struct Message {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

impl Message {
    /// Encodes into room that is full of other bytes.
    fn new(encode: impl FnOnce(PartsMut<'_>) -> Result<Lens, NkErr>) -> Self {
        let (mut constant, mut arena) = (vec![0xa5; 512], vec![0x5a; 1 << 17]);
        let lens = encode(PartsMut {
            constant: &mut constant,
            arena: &mut arena,
        })
        .expect("encodes");
        constant.truncate(lens.constant);
        arena.truncate(lens.arena);
        Self { constant, arena }
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            constant: &self.constant,
            arena: &self.arena,
        }
    }

    /// Changes a copy with `edit`.
    fn with(&self, edit: impl FnOnce(&mut Self)) -> Self {
        let mut copy = self.clone();
        edit(&mut copy);
        copy
    }

    fn put<T: Wire>(&mut self, at: usize, value: T) {
        value
            .put(&mut self.constant, at)
            .expect("inside the constant part");
    }
}

const HANDLE: HandleDesc = HandleDesc {
    handle: Handle(7),
    rights: 0x8000_0001,
    badge: u64::MAX - 1,
};
const INNER: Inner = Inner {
    a: 1,
    b: 0x0203,
    c: 0x0405_0607_0809_0a0b,
    d: -1,
};

fn all_req<'a>(text: &'a str, items: Seq<'a, Inner>, data: &'a [u8]) -> AllReq<'a> {
    let right = HandleDesc {
        handle: Handle(9),
        ..HANDLE
    };
    let outer = Outer {
        inner: [INNER, Inner { a: 9, ..INNER }],
        number: -5,
    };
    AllReq {
        first: 3,
        left: HANDLE,
        outer,
        text,
        right,
        items,
        three: [1, 2, 3],
        data,
    }
}

#[test]
fn constants_are_evaluated() {
    assert_eq!(everything::SMALL, 72);
    assert_eq!(everything::LARGE, 2 << 40);
}

/// The layout by hand: header 24, two handles, then declaration order with natural alignment.
#[test]
fn layout_is_that_of_generated_c() {
    let message = Message::new(|out| all_req("hi", Seq::from(&[INNER]), b"xyz").encode(out));
    let constant = &message.constant;
    assert_eq!(constant.len(), 152);
    assert_eq!(HandleDesc::get(constant, 24), Ok(HANDLE));
    assert_eq!(
        HandleDesc::get(constant, 40).map(|desc| desc.handle),
        Ok(Handle(9))
    );
    assert_eq!(constant[56], 3);
    assert_eq!(Inner::get(constant, 64), Ok(INNER));
    assert_eq!(i32::get(constant, 112), Ok(-5));
    assert_eq!(<[u32; 2]>::get(constant, 120), Ok([0, 3]), "text");
    assert_eq!(<[u32; 2]>::get(constant, 128), Ok([8, 24]), "items");
    assert_eq!(<[u16; 3]>::get(constant, 136), Ok([1, 2, 3]));
    assert_eq!(<[u32; 2]>::get(constant, 144), Ok([32, 3]), "data");
    assert_eq!(Inner::BYTES, 24);
    assert_eq!(message.arena, *b"hi\0\0\0\0\0\0\x01\0\x03\x02\0\0\0\0\x0b\x0a\x09\x08\x07\x06\x05\x04\xff\0\0\0\0\0\0\0xyz");
    let header = Header::read(constant).expect("a header");
    assert_eq!((header.handles, header.riid, header.mid), (2, u16::MAX, 0));
}

#[test]
fn error_form_is_its_own_message() {
    let error = Message::new(|out| {
        AllErr {
            errno: 5,
            evidence: HANDLE,
        }
        .encode(out)
    });
    assert_eq!(
        AllErr::decode(error.parts()),
        Ok(AllErr {
            errno: 5,
            evidence: HANDLE
        })
    );
    let method = everything::INTERFACE.method(0).expect("All");
    assert_eq!((method.validate_response)(error.parts()), Ok(()));
    let wrong = [
        error.with(|m| m.constant[3] &= 0x7f),
        error.with(|m| m.constant.truncate(40)),
        error.with(|m| m.constant.extend([0; 8])),
        error.with(|m| m.arena.push(0)),
        error.with(|m| m.put(0, 48_u32 | 1 << 31)),
        error.with(|m| m.put(6, 1_u16)),
    ];
    for message in wrong {
        assert_eq!(
            (method.validate_response)(message.parts()),
            Err(NkErr::BadMsg),
            "{message:?}"
        );
    }
    // A method without error parameters has no error form.
    let nothing = Message::new(|out| everything::NothingRes {}.encode(out));
    let method = everything::INTERFACE.method(1).expect("Nothing");
    assert_eq!((method.validate_response)(nothing.parts()), Ok(()));
    let flagged = nothing.with(|m| m.constant[3] |= 0x80);
    assert_eq!(
        (method.validate_response)(flagged.parts()),
        Err(NkErr::BadMsg)
    );
}

/// What is wrong, and how to make it so from a good transfer of one message and five bytes.
type Case = (&'static str, fn(&mut Message));

#[test]
fn every_malformed_kind_of_request_is_refused() {
    let msg = i2c::Msg {
        addr: 0x53,
        flags: 0,
        len: 5,
        reserved: 0,
    };
    let msgs = [msg; 64];
    let request = i2c::XferReq {
        msgs: Seq::from(&msgs[..1]),
        wdata: b"hello",
    };
    let good = Message::new(|out| request.encode(out));
    assert_eq!((good.constant.len(), good.arena.len()), (40, 13));
    assert_eq!(i2c::XferReq::decode(good.parts()), Ok(request));
    let cases: [Case; 26] = [
        ("empty", |m| m.constant.clear()),
        ("shorter than a header", |m| m.constant.truncate(23)),
        ("header only", |m| m.constant.truncate(24)),
        ("a byte short", |m| m.constant.truncate(39)),
        ("eight bytes long", |m| m.constant.extend([0; 8])),
        ("claims another size", |m| m.put(0, 48_u32)),
        ("claims a handle", |m| m.put(0, 40_u32 | 1 << 23)),
        ("claims to be an error", |m| m.put(0, 40_u32 | 1 << 31)),
        ("of another interface", |m| m.put(4, 2_u16)),
        ("of another method", |m| m.put(6, 1_u16)),
        ("of no method", |m| m.put(6, u16::MAX)),
        ("sequence starts outside", |m| m.put(24, 16_u32)),
        ("sequence ends outside", |m| m.put(28, 16_u32)),
        ("offset and size overflow", |m| m.put(24, [!7_u32, 16])),
        ("offset misaligned", |m| m.put(24, [1_u32, 8])),
        ("not whole items", |m| m.put(28, 7_u32)),
        ("segments overlap", |m| m.put(32, [7_u32, 6])),
        ("one inside the other", |m| m.put(32, [2_u32, 3])),
        ("both the same", |m| m.put(32, [0_u32, 8])),
        ("a gap that is not zero", |m| m.put(32, [9_u32, 4])),
        ("a tail that nobody reads", |m| m.put(36, 4_u32)),
        ("a longer arena", |m| m.arena.push(0)),
        ("a shorter arena", |m| m.arena.truncate(12)),
        ("no arena", |m| m.arena.clear()),
        ("too many items", |m| {
            m.arena.splice(0..0, vec![0; 64 * 8]);
            m.put(24, [0_u32, 65 * 8, 65 * 8, 5]);
        }),
        ("too many bytes", |m| {
            m.arena.resize(8 + (1 << 16) + 1, 0);
            m.put(36, (1_u32 << 16) + 1);
        }),
    ];
    for (what, edit) in cases {
        let message = good.with(edit);
        assert!(
            i2c::INTERFACE.validate_request(message.parts()).is_err(),
            "{what}"
        );
        assert_eq!(
            i2c::XferReq::decode(message.parts()),
            Err(NkErr::BadMsg),
            "{what}"
        );
    }
    // The limits themselves, and segments in the other order, are fine.
    let reordered = good.with(|m| {
        m.arena = b"hello\0\0\0\x53\0\0\0\x05\0\0\0".to_vec();
        m.put(24, [8_u32, 8, 0, 5]);
    });
    assert_eq!(i2c::XferReq::decode(reordered.parts()), Ok(request));
    let most = i2c::XferReq {
        msgs: Seq::from(&msgs),
        wdata: &[7; 1 << 16],
    };
    assert_eq!(
        i2c::XferReq::decode(Message::new(|out| most.encode(out)).parts()),
        Ok(most)
    );
}

#[test]
fn paths_are_text() {
    let good = Message::new(|out| {
        sysfs::ReadReq {
            path: "a/ß",
            offset: 0,
        }
        .encode(out)
    });
    let path = |bytes: &[u8]| {
        let message = good.with(|m| {
            m.arena = bytes.to_vec();
            m.put(28, u32::try_from(bytes.len()).expect("short"));
        });
        sysfs::ReadReq::decode(message.parts()).map(|request| request.path.len())
    };
    assert_eq!(path("a/ß\0".as_bytes()), Ok(4));
    assert_eq!(path(&[vec![b'x'; 1024], vec![0]].concat()), Ok(1024));
    for wrong in [
        &b""[..],
        b"abc",
        b"a\0c\0",
        b"\xff\0",
        &[vec![b'x'; 1025], vec![0]].concat(),
    ] {
        assert_eq!(path(wrong), Err(NkErr::BadMsg), "{wrong:?}");
    }
}

#[test]
fn registry_knows_every_message() {
    for entry in INTERFACES {
        assert_eq!(
            interface(entry.riid).map(|found| found.name),
            Some(entry.name)
        );
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
        let lens = gpio::dispatch(&mut self.server, request, room.reborrow())
            .map_err(|_| Retcode::FAIL)?;
        Ok(Parts {
            constant: &response[..lens.constant],
            arena: &response_arena[..lens.arena],
        })
    }
}

impl gpio::Server for Lamp {
    fn lines(&mut self, _: gpio::LinesReq, response: PartsMut<'_>) -> Result<Lens, Fault<Never>> {
        Ok(gpio::LinesRes { count: 1 }.encode(response)?)
    }

    fn get(
        &mut self,
        request: gpio::GetReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::GetErr>> {
        if request.line > 0 {
            return Err(gpio::GetErr { errno: 22 }.into());
        }
        Ok(gpio::GetRes { value: self.is_on }.encode(response)?)
    }

    fn set(
        &mut self,
        request: gpio::SetReq,
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::SetErr>> {
        self.is_on = request.value;
        Ok(gpio::SetRes {}.encode(response)?)
    }

    fn direction(
        &mut self,
        _: gpio::DirectionReq,
        _: PartsMut<'_>,
    ) -> Result<Lens, Fault<gpio::DirectionErr>> {
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
    assert_eq!(client.lines(), Ok(gpio::LinesRes { count: 1 }));
    assert_eq!(
        client.set(&gpio::SetReq { line: 0, value: 1 }),
        Ok(gpio::SetRes {})
    );
    assert_eq!(
        client.get(&gpio::GetReq { line: 0 }),
        Ok(gpio::GetRes { value: 1 })
    );
    let refused = client.get(&gpio::GetReq { line: 1 });
    assert_eq!(refused, Err(CallError::Error(gpio::GetErr { errno: 22 })));
    let failed = client.direction(&gpio::DirectionReq { line: 0 });
    assert_eq!(failed, Err(CallError::Retcode(Retcode::FAIL)));
    let mut nobody = gpio::Client::new(client.transport(), Handle(4));
    assert_eq!(
        nobody.lines(),
        Err(CallError::Retcode(Retcode::NOT_CONNECTED))
    );
}

#[test]
fn result_written_in_place_is_the_same_message() {
    let copied = Message::new(|out| sysfs::ReadIdRes { data: b"42\n" }.encode(out));
    let in_place = Message::new(|mut out| {
        let room = sysfs::ReadIdRes::data_room(&mut out);
        assert_eq!(room.len(), 4096);
        room[..3].copy_from_slice(b"42\n");
        sysfs::ReadIdRes::encode_in_place(out, 3)
    });
    assert_eq!(in_place.parts(), copied.parts());
    let too_long = Message {
        constant: vec![0; 64],
        arena: vec![0; 8192],
    }
    .with(|m| {
        let out = PartsMut {
            constant: &mut m.constant,
            arena: &mut m.arena,
        };
        assert_eq!(
            sysfs::ReadIdRes::encode_in_place(out, 4097),
            Err(NkErr::Inval)
        );
    });
    assert_eq!(too_long.arena.len(), 8192);
}

fn any_inner() -> impl Strategy<Value = Inner> {
    any::<(u8, u16, u64, i8)>().prop_map(|(a, b, c, d)| Inner { a, b, c, d })
}

proptest! {
    #[test]
    fn requests_survive_the_wire(
        text in "[^\0]{0,4}",
        items in prop::collection::vec(any_inner(), 0..=4),
        data in prop::collection::vec(any::<u8>(), 0..=32),
    ) {
        let request = all_req(&text, Seq::from(&items[..]), &data);
        let message = Message::new(|out| request.encode(out));
        prop_assert_eq!(AllReq::decode(message.parts()), Ok(request));
    }

    #[test]
    fn results_survive_the_wire(
        number: i64,
        text in "[a-z]{0,8}",
        words in prop::collection::vec(any::<u64>(), 0..=8),
    ) {
        let words = Seq::from(&words[..]);
        let result = AllRes { r#type: number, back: HANDLE, camel_case: &text, words };
        let message = Message::new(|out| result.encode(out));
        prop_assert_eq!(AllRes::decode(message.parts()), Ok(result));
    }

    /// Whatever a peer changes, the reader refuses it or reads what it can write again.
    #[test]
    fn changed_messages_are_refused_or_mean_something(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in 0..4_usize,
    ) {
        let good = Message::new(|out| all_req("text", Seq::from(&[INNER; 2]), b"data").encode(out));
        let changed = good.with(|m| {
            for (index, value) in edits {
                let at = index.index(m.constant.len() + m.arena.len());
                let byte = m.constant.iter_mut().chain(&mut m.arena).nth(at);
                *byte.expect("inside") = value;
            }
            m.arena.truncate(m.arena.len() - cut);
        });
        if let Ok(request) = AllReq::decode(changed.parts()) {
            let again = Message::new(|out| request.encode(out));
            prop_assert_eq!(AllReq::decode(again.parts()), Ok(request));
        }
    }

    /// No bytes make a validator panic.
    #[test]
    fn any_bytes_are_judged(
        head in any::<(u16, u16, bool)>(),
        mut constant in prop::collection::vec(any::<u8>(), 0..200),
        arena in prop::collection::vec(0..3_u8, 0..64),
    ) {
        let (riid, mid, is_error) = head;
        if let Ok(size) = u32::try_from(constant.len()) {
            let header = Header { size, handles: 0, is_error, riid: riid % 20, mid: mid % 9 };
            let _ = header.pack().put(&mut constant, 0);
        }
        let parts = Parts { constant: &constant, arena: &arena };
        for method in INTERFACES.iter().flat_map(|interface| interface.methods) {
            let _ = (method.validate_request)(parts);
            let _ = (method.validate_response)(parts);
        }
        entries::iter(&constant).for_each(drop);
    }
}

#[test]
fn entries_survive_packing() {
    let listed = [
        Entry {
            kind: b'd',
            mode: 0o755,
            name: "iio:device0",
            target: "",
        },
        Entry {
            kind: b'l',
            mode: 0o777,
            name: "of_node",
            target: "../../firmware/devicetree",
        },
    ];
    let (mut room, mut at) = ([0xff; 64], 0);
    for entry in &listed {
        entries::push(&mut room, &mut at, entry).expect("it fits");
    }
    assert_eq!(
        entries::push(&mut room, &mut at, &listed[0]),
        Err(NkErr::NoMem)
    );
    let read: Result<Vec<_>, _> = entries::iter(&room[..at]).collect();
    assert_eq!(read.as_deref(), Ok(&listed[..]));
    for cut in 1..at {
        let last = entries::iter(&room[..cut]).last();
        assert!(cut == 18 || last == Some(Err(NkErr::BadMsg)), "{cut}");
    }
}
