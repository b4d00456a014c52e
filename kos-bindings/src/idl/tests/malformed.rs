// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of wrong message.

use super::generated::everything::{self, AllErr};
use super::{Message, vec};
use crate::idl::{i2c, sysfs};
use crate::nk::{HandleDesc, NkErr, Seq};

#[test]
fn error_form_is_its_own_message() {
    let error = Message::new(|out| {
        AllErr {
            errno: 5,
            evidence: HandleDesc::INVALID,
        }
        .encode(out)
    });
    assert_eq!(
        AllErr::decode(error.parts()),
        Ok(AllErr {
            errno: 5,
            evidence: HandleDesc::INVALID
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
    assert_eq!((method.validate_response)(flagged.parts()), Err(NkErr::BadMsg));
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
        assert!(i2c::INTERFACE.validate_request(message.parts()).is_err(), "{what}");
        assert_eq!(i2c::XferReq::decode(message.parts()), Err(NkErr::BadMsg), "{what}");
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
            path: "a/ß", offset: 0
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
    assert_eq!(path(b""), Ok(0), "an empty string needs no zero");
    assert_eq!(path(b"\0"), Ok(0));
    for wrong in [&b"abc"[..], b"a\0c\0", b"\xff\0", &[vec![b'x'; 1025], vec![0]].concat()] {
        assert_eq!(path(wrong), Err(NkErr::BadMsg), "{wrong:?}");
    }
}
