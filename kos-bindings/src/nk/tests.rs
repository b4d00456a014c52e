// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arena's and the header's rules, one by one.

use super::*;

const fn desc(offset: u32, size: u32) -> Desc {
    Desc { offset, size }
}

/// Reads up to three `bytes<16>` and then demands that they cover the arena.
fn cover(arena: &[u8], descs: &[Desc]) -> Result<(), NkErr> {
    let mut reader = ArenaReader::<3>::new(arena);
    for desc in descs {
        reader.bytes(*desc, 16)?;
    }
    reader.finish()
}

#[test]
fn segments_in_any_order_cover_the_arena() {
    assert_eq!(cover(&[], &[]), Ok(()));
    assert_eq!(cover(b"abcdef", &[desc(0, 6)]), Ok(()));
    assert_eq!(cover(b"abcdef", &[desc(0, 2), desc(2, 4)]), Ok(()));
    assert_eq!(cover(b"abcdef", &[desc(4, 2), desc(0, 1), desc(1, 3)]), Ok(()));
    assert_eq!(cover(b"ab", &[desc(0, 0), desc(0, 2), desc(2, 0)]), Ok(()));
    assert_eq!(cover(b"ab\0\0\0\0\0\0cd", &[desc(0, 2), desc(8, 2)]), Ok(()));
}

#[test]
fn bytes_that_no_descriptor_or_two_describe_are_refused() {
    let cases: [(&[u8], &[Desc]); 12] = [
        (b"a", &[]),
        (b"abc", &[desc(0, 2)]),
        (b"abc", &[desc(1, 2)]),
        (b"ab\0", &[desc(0, 2)]),
        (b"abc", &[desc(0, 1), desc(2, 1)]),
        (b"a\0\0\0\0\0\0\0\0b", &[desc(0, 1), desc(9, 1)]),
        (b"abc", &[desc(0, 2), desc(1, 2)]),
        (b"abc", &[desc(0, 3), desc(0, 3)]),
        (b"abc", &[desc(0, 3), desc(1, 1)]),
        (b"abc", &[desc(0, 4)]),
        (b"abc", &[desc(4, 0), desc(0, 3)]),
        (b"abc", &[desc(u32::MAX, u32::MAX), desc(0, 3)]),
    ];
    for (arena, descs) in cases {
        assert_eq!(cover(arena, descs), Err(NkErr::BadMsg), "{arena:?} {descs:?}");
    }
}

#[test]
fn strings_end_with_their_only_zero_and_are_text() {
    let string = |arena: &'static [u8], max| {
        let size = u32::try_from(arena.len()).expect("short");
        ArenaReader::<1>::new(arena).string(desc(0, size), max)
    };
    assert_eq!(string(b"\0", 4), Ok(""));
    assert_eq!(string(b"", 4), Ok(""));
    assert_eq!(string(b"four\0", 4), Ok("four"));
    for wrong in [&b"fives\0"[..], b"four", b"a\0b\0", b"\0\0", b"\xff\0", b"\xc3\0"] {
        assert_eq!(string(wrong, 4), Err(NkErr::BadMsg), "{wrong:?}");
    }
}

#[test]
fn sequences_are_aligned_whole_items() {
    let seq = |offset, size| {
        ArenaReader::<1>::new(&[7; 16])
            .seq::<u32>(desc(offset, size), 3)
            .map(|seq| seq.len())
    };
    assert_eq!(seq(4, 8), Ok(2));
    assert_eq!(seq(0, 12), Ok(3));
    assert_eq!(seq(16, 0), Ok(0));
    for (offset, size) in [(0, 16), (2, 4), (0, 6), (1, 0)] {
        assert_eq!(seq(offset, size), Err(NkErr::BadMsg), "{offset} {size}");
    }
}

#[test]
fn sender_learns_of_its_own_excess() {
    let mut room = [0; 8];
    let mut writer = ArenaWriter::new(&mut room);
    assert_eq!(writer.bytes(b"12345", 4), Err(NkErr::Inval));
    assert_eq!(writer.string("12345", 4), Err(NkErr::Inval));
    assert_eq!(writer.string("a\0b", 4), Err(NkErr::Inval));
    assert_eq!(writer.seq(Seq::from(&[1_u16, 2, 3]), 2), Err(NkErr::Inval));
    assert_eq!(writer.string("12345678", 8), Err(NkErr::NoMem));
    assert_eq!(writer.len(), 0);
    assert_eq!(writer.bytes(b"12345678", 8), Ok(desc(0, 8)));
    assert_eq!(writer.bytes(b"9", 8), Err(NkErr::NoMem));
}

#[test]
fn writer_zeroes_padding() {
    let mut room = [0xff; 24];
    let mut writer = ArenaWriter::new(&mut room);
    assert_eq!(writer.bytes(b"a", 1), Ok(desc(0, 1)));
    assert_eq!(writer.seq(Seq::from(&[u64::MAX]), 1), Ok(desc(8, 8)));
    assert_eq!(writer.len(), 16);
    assert_eq!(room[..8], *b"a\0\0\0\0\0\0\0");
}

#[test]
fn header_survives_packing() {
    let header = Header {
        size: 0x7f_fff8,
        handles: 255,
        is_error: true,
        riid: 0xfffe,
        mid: 0xabcd,
    };
    let mut constant = [0xff; 64];
    let small = Header { size: 64, ..header };
    small.begin::<64>(&mut constant).expect("it fits");
    assert_eq!(Header::read(&constant), Ok(small));
    assert!(Header::is_error_form(&constant));
    assert_eq!(Header::self_handle(&constant), Ok(HandleDesc::INVALID));
    assert_eq!(header.pack(), 0xabcd_fffe_ffff_fff8);
}

#[test]
fn retcodes_have_the_known_number_and_names() {
    assert_eq!(Retcode::TIMEOUT.0.cast_unsigned(), 0x9000_0014);
    assert_eq!(Retcode::SECURITY_DISALLOW.name(), Some("rcSecurityDisallow"));
    assert_eq!(Retcode(-5).name(), None);
    assert_eq!(Retcode::OK.ok(), Ok(()));
    assert_eq!(Retcode::BUSY.ok(), Err(Retcode::BUSY));
}
