// SPDX-License-Identifier: GPL-2.0-only
//! The servers through their messages: good ones, and those that lie about sizes.

use super::*;
use crate::{BoardOptions, adxl345};
use kos_bindings::nk::Seq;

fn shared(dts: &str) -> SharedBoard {
    let dtb = crate::dts::compile_text(dts).unwrap();
    SharedBoard::new(SimBoard::new(&dtb, BoardOptions::default()).unwrap())
}

/// Room for one message.
struct Room(Vec<u8>, Vec<u8>);

impl Room {
    fn new() -> Self {
        Room(vec![0; 512], vec![0; 1 << 17])
    }

    fn parts_mut(&mut self) -> PartsMut<'_> {
        PartsMut {
            constant: &mut self.0,
            arena: &mut self.1,
        }
    }

    fn parts(&self, lens: Lens) -> Parts<'_> {
        Parts {
            constant: &self.0[..lens.constant],
            arena: &self.1[..lens.arena],
        }
    }
}

fn i2c_call(server: &mut I2cServer, msgs: &[i2c::Msg], wdata: &[u8]) -> Result<(u32, Vec<u8>), i32> {
    let (mut request, mut response) = (Room::new(), Room::new());
    let sent = i2c::XferReq {
        msgs: Seq::from(msgs),
        wdata,
    }
    .encode(request.parts_mut())
    .unwrap();
    let lens = server
        .answer(i2c::RIID, request.parts(sent), response.parts_mut())
        .unwrap();
    match i2c::XferRes::decode(response.parts(lens)) {
        Ok(res) => Ok((res.done, res.rdata.to_vec())),
        Err(_) => Err(i2c::XferErr::decode(response.parts(lens)).unwrap().errno),
    }
}

const fn msg(flags: u16, len: u16) -> i2c::Msg {
    i2c::Msg {
        addr: 0x53,
        flags,
        len,
        reserved: 0,
    }
}

#[test]
fn i2c_reads_a_register_and_refuses_lengths_that_lie() {
    let shared = shared(include_str!("../../boards/adxl345-i2c.dts"));
    assert!(SpiServer::new(&shared, "i2c0").is_none() && I2cServer::new(&shared, "i2c9").is_none());
    let mut server = I2cServer::new(&shared, "i2c0").unwrap();
    let read = [msg(0, 1), msg(i2c::FLAG_READ, 1)];
    assert_eq!(i2c_call(&mut server, &read, &[0]), Ok((2, vec![0xe5])));
    assert_eq!(i2c_call(&mut server, &read, &[]), Err(Errno::EINVAL.0));
    assert_eq!(i2c_call(&mut server, &read, &[0, 0]), Err(Errno::EINVAL.0));
    let reserved = i2c::Msg {
        reserved: 1,
        ..msg(0, 0)
    };
    assert_eq!(i2c_call(&mut server, &[reserved], &[]), Err(Errno::EINVAL.0));
    let huge = [msg(i2c::FLAG_READ, u16::MAX); 64];
    assert_eq!(i2c_call(&mut server, &huge, &[]), Err(Errno::EMSGSIZE.0));
    let nobody = i2c::Msg {
        addr: 0x10,
        ..msg(0, 0)
    };
    assert_eq!(i2c_call(&mut server, &[nobody], &[]), Err(Errno::ENXIO.0));
    assert_eq!(i2c_call(&mut server, &[], &[]), Ok((0, vec![])));
}

fn spi_call(server: &mut SpiServer, xfers: &[spi::Xfer], tx: &[u8]) -> Result<Vec<u8>, i32> {
    let (mut request, mut response) = (Room::new(), Room::new());
    let req = spi::TransferReq {
        cs: 0,
        mode: 3,
        xfers: Seq::from(xfers),
        tx,
    };
    let sent = req.encode(request.parts_mut()).unwrap();
    let lens = server
        .answer(spi::RIID, request.parts(sent), response.parts_mut())
        .unwrap();
    match spi::TransferRes::decode(response.parts(lens)) {
        Ok(res) => Ok(res.rx.to_vec()),
        Err(_) => Err(spi::TransferErr::decode(response.parts(lens)).unwrap().errno),
    }
}

#[test]
fn spi_reads_a_register_and_refuses_lengths_that_lie() {
    let shared = shared(include_str!("../../boards/adxl345-spi.dts"));
    let mut server = SpiServer::new(&shared, "spi0").unwrap();
    let piece = |flags, len| spi::Xfer {
        len,
        speed_hz: 0,
        flags,
        delay_ns: 0,
        bits_per_word: 0,
        reserved: [0; 3],
    };
    let read = [piece(spi::FLAG_TX, 1), piece(spi::FLAG_RX, 1)];
    assert_eq!(spi_call(&mut server, &read, &[0x80]), Ok(vec![0xe5]));
    assert_eq!(
        spi_call(&mut server, &[piece(spi::FLAG_TX | spi::FLAG_RX, 2)], &[0x80, 0]),
        Ok(vec![0, 0xe5])
    );
    assert_eq!(spi_call(&mut server, &read, &[]), Err(Errno::EINVAL.0));
    assert_eq!(spi_call(&mut server, &[piece(0, u32::MAX)], &[]), Err(Errno::EINVAL.0));
    assert_eq!(spi_call(&mut server, &[piece(8, 1)], &[]), Err(Errno::EINVAL.0));
    let nine_bits = spi::Xfer {
        bits_per_word: 9,
        ..piece(0, 1)
    };
    assert_eq!(spi_call(&mut server, &[nine_bits], &[]), Err(Errno::EINVAL.0));
}

#[test]
fn a_message_of_another_interface_is_refused() {
    let shared = shared(include_str!("../../boards/adxl345-i2c.dts"));
    let server = GpioServer::new(&shared);
    let (mut request, mut response) = (Room::new(), Room::new());
    let sent = gpio::LinesReq {}.encode(request.parts_mut()).unwrap();
    let refused = server.answer(i2c::RIID, request.parts(sent), response.parts_mut());
    assert_eq!(refused, Err(Retcode::INVALID_ARGUMENT));
    let lens = server
        .answer(gpio::RIID, request.parts(sent), response.parts_mut())
        .unwrap();
    let lines = gpio::LinesRes::decode(response.parts(lens)).unwrap();
    assert_eq!((lines.count, lines.outputs), (4, 0));
    shared.with(|board| board.set_line_direction(1, true, true)).unwrap();
    let lens = server
        .answer(gpio::RIID, request.parts(sent), response.parts_mut())
        .unwrap();
    assert_eq!(gpio::LinesRes::decode(response.parts(lens)).unwrap().outputs, 2);
}

#[test]
fn the_clock_stops_at_the_hardware_event() {
    let shared = shared(include_str!("../../boards/adxl345-i2c.dts"));
    let mut i2c = I2cServer::new(&shared, "i2c0").unwrap();
    for data in [[adxl345::reg::INT_ENABLE, 0x80], [adxl345::reg::POWER_CTL, 0x08]] {
        i2c_call(&mut i2c, &[msg(0, 2)], &data).unwrap();
    }
    let server = ClockServer::new(&shared).unwrap();
    let advance = |until_ns| {
        let (mut request, mut response) = (Room::new(), Room::new());
        let sent = clock::AdvanceReq { until_ns }.encode(request.parts_mut()).unwrap();
        let lens = server
            .answer(clock::RIID, request.parts(sent), response.parts_mut())
            .unwrap();
        clock::AdvanceRes::decode(response.parts(lens)).unwrap().now_ns
    };
    // The sample is there and nobody reads it: there is nothing to wait for.
    let now = shared.with(|board| board.now_ns());
    assert_eq!(shared.with(|board| board.line(0)), Ok(true));
    assert_eq!(advance(u64::MAX), now);
    i2c_call(&mut i2c, &[msg(0, 1), msg(i2c::FLAG_READ, 6)], &[adxl345::reg::DATAX0]).unwrap();
    assert_eq!(shared.with(|board| board.line(0)), Ok(false));
    let event = advance(u64::MAX);
    assert!(event > now && event < now + 11_000_000, "{now} {event}");
    assert_eq!(shared.with(|board| board.line(0)), Ok(true));
    // However far a domain wants to go, the board stays sound.
    assert!(advance(u64::MAX - 1) < u64::MAX / 2);
    i2c_call(&mut i2c, &[msg(0, 1), msg(i2c::FLAG_READ, 6)], &[adxl345::reg::DATAX0]).unwrap();
}
