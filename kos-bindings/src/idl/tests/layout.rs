// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the bytes of messages lie, and that they survive the way.

use proptest::prelude::*;

use super::generated::everything::{self, AllReq, AllRes, Inner, Outer};
use super::{Message, Vec, vec};
use crate::idl::entries::{self, Entry};
use crate::idl::{INTERFACES, sysfs};
use crate::nk::{Handle, HandleDesc, Header, NkErr, Parts, PartsMut, Seq, Wire};

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
    assert_eq!(HandleDesc::get(constant, 40).map(|desc| desc.handle), Ok(Handle(9)));
    assert_eq!(constant[56], 3);
    assert_eq!(Inner::get(constant, 64), Ok(INNER));
    assert_eq!(i32::get(constant, 112), Ok(-5));
    assert_eq!(<[u32; 2]>::get(constant, 120), Ok([0, 3]), "text");
    assert_eq!(<[u32; 2]>::get(constant, 128), Ok([8, 24]), "items");
    assert_eq!(<[u16; 3]>::get(constant, 136), Ok([1, 2, 3]));
    assert_eq!(<[u32; 2]>::get(constant, 144), Ok([32, 3]), "data");
    assert_eq!(Inner::BYTES, 24);
    let items = *b"\x01\0\x03\x02\0\0\0\0\x0b\x0a\x09\x08\x07\x06\x05\x04\xff\0\0\0\0\0\0\0";
    assert_eq!(message.arena, [&b"hi\0\0\0\0\0\0"[..], &items, b"xyz"].concat());
    let header = Header::read(constant).expect("a header");
    assert_eq!((header.handles, header.riid, header.mid), (2, u16::MAX, 0));
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
        assert_eq!(sysfs::ReadIdRes::encode_in_place(out, 4097), Err(NkErr::Inval));
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
    assert_eq!(entries::push(&mut room, &mut at, &listed[0]), Err(NkErr::NoMem));
    let read: Result<Vec<_>, _> = entries::iter(&room[..at]).collect();
    assert_eq!(read.as_deref(), Ok(&listed[..]));
    for cut in 1..at {
        let last = entries::iter(&room[..cut]).last();
        assert!(cut == 18 || last == Some(Err(NkErr::BadMsg)), "{cut}");
    }
}
