// SPDX-License-Identifier: GPL-2.0-only
//! Boards: building, bus rules, every fault, lines, time, and the record.

use super::*;
use crate::chip::Pin;
use crate::{adxl345, bmg160};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const I2C: &str = include_str!("../../boards/adxl345-i2c.dts");
const SPI: &str = include_str!("../../boards/adxl345-spi.dts");
const GYRO: &str = include_str!("../../boards/bmg160.dts");

fn build(dts: &str) -> Result<SimBoard, BoardError> {
    SimBoard::new(&crate::dts::compile_text(dts).unwrap(), BoardOptions::default())
}

fn board(dts: &str) -> (SimBoard, BusId) {
    let board = build(dts).unwrap();
    let bus = board.bus("i2c0").or(board.bus("spi0")).unwrap();
    (board, bus)
}

fn read(board: &mut SimBoard, bus: BusId, addr: u16, reg: u8) -> Result<u8, Errno> {
    let mut byte = [0];
    let out = I2cMsg {
        addr,
        flags: 0,
        data: I2cData::Write(&[reg]),
    };
    let into = I2cMsg {
        addr,
        flags: flags::RD,
        data: I2cData::Read(&mut byte),
    };
    board.i2c_xfer(bus, &mut [out, into])?;
    Ok(byte[0])
}

fn write(board: &mut SimBoard, bus: BusId, addr: u16, bytes: &[u8]) -> Result<usize, Errno> {
    board.i2c_xfer(
        bus,
        &mut [I2cMsg {
            addr,
            flags: 0,
            data: I2cData::Write(bytes),
        }],
    )
}

fn fault(board: &mut SimBoard, text: &str) {
    for fault in crate::Fault::parse(text).unwrap() {
        board.inject(&fault).unwrap();
    }
}

#[test]
fn a_chip_without_a_model_is_named_and_does_not_answer() {
    let dts = I2C.replace(
        "\t\taccelerometer@53",
        "\t\teeprom@50 { compatible = \"nosuch,eeprom\"; reg = <0x50>; };\n\t\taccelerometer@53",
    );
    let (mut board, bus) = board(&dts);
    assert_eq!(
        board.warnings(),
        ["/i2c@0/eeprom@50: no model for \"nosuch,eeprom\": it will not answer"]
    );
    assert_eq!(read(&mut board, bus, 0x50, 0), Err(Errno::ENXIO));
    assert_eq!(read(&mut board, bus, 0x53, 0), Ok(0xe5));
}

#[test]
fn a_disabled_chip_is_not_there() {
    let (mut board, bus) = board(&I2C.replace("reg = <0x53>;", "reg = <0x53>; status = \"disabled\";"));
    assert_eq!(read(&mut board, bus, 0x53, 0), Err(Errno::ENXIO));
}

#[test]
fn errors_name_the_node_and_what_was_expected() {
    for (from, to, node, part) in [
        (
            "linux-compat,channel = \"i2c0\";",
            "",
            Some("i2c@0"),
            "expected a property such as linux-compat,channel",
        ),
        (
            "\"linux-compat,i2c\"",
            "\"other\"",
            None,
            "no bus, expected a node with compatible",
        ),
        ("reg = <0x53>;", "", Some("accelerometer@53"), "no reg, expected"),
        (
            "reg = <0x53>;",
            "reg = <0x80>;",
            Some("accelerometer@53"),
            "expected 0x00 to 0x7f",
        ),
        (
            "interrupts = <0 4>;",
            "interrupts = <9 4>;",
            Some("accelerometer@53"),
            "interrupt line 9, expected less than 4",
        ),
        (
            "interrupts = <0 4>;",
            "interrupts = <0>;",
            Some("accelerometer@53"),
            "too few cells",
        ),
        (
            "interrupt-parent = <&gpio>;",
            "",
            Some("accelerometer@53"),
            "without an interrupt-parent",
        ),
        ("ngpios = <4>;", "ngpios = <65>;", Some("gpio"), "expected at most 64"),
        (
            "clock-frequency = <400000>;",
            "clock-frequency = <0>;",
            Some("i2c@0"),
            "expected Hz",
        ),
    ] {
        let dts = I2C.replace(from, to);
        assert_ne!(dts, I2C, "{from}");
        let err = build(&dts).err().unwrap();
        assert!(err.to_string().contains(part), "{err}");
        assert_eq!(err.node_name(), node);
        if let Some(node) = node {
            assert!(crate::dts::line_of_node(&dts, node).is_some());
        }
    }
}

#[test]
fn interrupts_extended_and_names_choose_line_and_pin() {
    let dts = GYRO.replace("interrupt-parent = <&gpio>;", "interrupt-names = \"INT2\";");
    let dts = dts.replace("interrupts = <0 1>;", "interrupts-extended = <&gpio 3 1>;");
    let (mut board, bus) = board(&dts);
    for bytes in [[bmg160::reg::INT_EN_1, 0x00], [bmg160::reg::BW, 0x05]] {
        write(&mut board, bus, 0x69, &bytes).unwrap();
    }
    // Active low: at rest INT2 is high.
    assert_eq!([board.line(3), board.line(0)], [Ok(true), Ok(false)]);
}

#[test]
fn i2c_flags_follow_linux() {
    let (mut board, bus) = board(I2C);
    // NOSTART joins two messages into one burst.
    let first = I2cMsg {
        addr: 0x53,
        flags: 0,
        data: I2cData::Write(&[adxl345::reg::OFSX, 1]),
    };
    let second = I2cMsg {
        addr: 0x53,
        flags: flags::NOSTART,
        data: I2cData::Write(&[2]),
    };
    assert_eq!(board.i2c_xfer(bus, &mut [first, second]), Ok(2));
    assert_eq!(read(&mut board, bus, 0x53, adxl345::reg::OFSY), Ok(2));
    // IGNORE_NAK goes on without a chip.
    let mut bytes = [0; 2];
    let nobody = I2cMsg {
        addr: 0x10,
        flags: flags::IGNORE_NAK,
        data: I2cData::Read(&mut bytes),
    };
    assert_eq!(board.i2c_xfer(bus, &mut [nobody]), Ok(1));
    assert_eq!(bytes, [0xff, 0xff]);
    for (addr, flags, errno) in [
        (0x53, flags::TEN, Errno::EOPNOTSUPP),
        (0x53, flags::RECV_LEN, Errno::EOPNOTSUPP),
        (0x53, flags::NOSTART, Errno::EOPNOTSUPP),
        (0x80, 0, Errno::EINVAL),
        (0xffff, 0, Errno::EINVAL),
    ] {
        let msg = I2cMsg {
            addr,
            flags,
            data: I2cData::Write(&[0]),
        };
        assert_eq!(board.i2c_xfer(bus, &mut [msg]), Err(errno));
    }
    // After a STOP within a transfer a new START is needed.
    let first = I2cMsg {
        addr: 0x53,
        flags: flags::STOP,
        data: I2cData::Write(&[0]),
    };
    let mut id = [0];
    let second = I2cMsg {
        addr: 0x53,
        flags: flags::RD,
        data: I2cData::Read(&mut id),
    };
    assert_eq!(board.i2c_xfer(bus, &mut [first, second]), Ok(2));
    assert_eq!(id, [0xe5]);
    assert_eq!(board.i2c_xfer(BusId(7), &mut []), Err(Errno::ENODEV));
}

#[test]
fn an_absent_chip_does_not_acknowledge() {
    for target in ["chip@53", "@53", "accelerometer@53", "/i2c@0/accelerometer@53"] {
        let (mut board, bus) = board(I2C);
        fault(&mut board, &format!("{target}=absent"));
        assert_eq!(read(&mut board, bus, 0x53, 0), Err(Errno::ENXIO));
    }
    let (mut board, bus) = board(SPI);
    fault(&mut board, "chip@0=absent");
    let mut rx = [0; 2];
    board
        .spi_transfer(
            bus,
            0,
            3,
            &mut [SpiXfer {
                tx: &[0x80],
                rx: &mut rx,
                ..SpiXfer::default()
            }],
        )
        .unwrap();
    assert_eq!(rx, [0xff, 0xff]);
}

#[test]
fn a_wrong_identification_is_all_that_differs() {
    let (mut board, bus) = board(I2C);
    fault(&mut board, "chip@53=whoami=0x42");
    assert_eq!(read(&mut board, bus, 0x53, 0), Ok(0x42));
    assert_eq!(read(&mut board, bus, 0x53, adxl345::reg::BW_RATE), Ok(0x0a));
    board.power_cycle();
    assert_eq!(read(&mut board, bus, 0x53, 0), Ok(0x42));
}

#[test]
fn a_held_bus_times_out_in_bounded_time_for_everyone() {
    for target in ["chip@53", "i2c0", "i2c@0"] {
        let (mut board, bus) = board(I2C);
        fault(&mut board, &format!("{target}=hold"));
        assert_eq!(read(&mut board, bus, 0x53, 0), Err(Errno::ETIMEDOUT));
        assert!(board.now_ns() > 0 && board.now_ns() < 2_000_000_000);
        assert_eq!(read(&mut board, bus, 0x10, 0), Err(Errno::ETIMEDOUT));
    }
    let (mut board, bus) = board(SPI);
    fault(&mut board, "chip@0=hold");
    assert_eq!(board.spi_transfer(bus, 0, 3, &mut []), Err(Errno::ETIMEDOUT));
}

#[test]
fn the_nth_transfer_fails_and_only_that() {
    let (mut board, bus) = board(I2C);
    fault(&mut board, "chip@53=fail-nth=2:EIO");
    let results: Vec<_> = (0..4).map(|_| read(&mut board, bus, 0x53, 0)).collect();
    assert_eq!(results, [Ok(0xe5), Err(Errno::EIO), Ok(0xe5), Ok(0xe5)]);
    fault(&mut board, "i2c0=fail-from=2:EAGAIN");
    let results: Vec<_> = (0..3).map(|_| read(&mut board, bus, 0x53, 0)).collect();
    assert_eq!(results, [Ok(0xe5), Err(Errno::EAGAIN), Err(Errno::EAGAIN)]);
}

#[test]
fn stuck_data_reads_the_same_everywhere() {
    let (mut board, bus) = board(I2C);
    fault(&mut board, "chip@53=stuck=0x5a");
    assert_eq!([0x00, 0x2c].map(|reg| read(&mut board, bus, 0x53, reg)), [Ok(0x5a); 2]);
}

#[test]
fn without_its_interrupt_a_chip_still_has_data() {
    let (mut board, bus) = board(I2C);
    fault(&mut board, "chip@53=no-irq");
    write(&mut board, bus, 0x53, &[adxl345::reg::INT_ENABLE, 0x80]).unwrap();
    write(&mut board, bus, 0x53, &[adxl345::reg::POWER_CTL, 0x08]).unwrap();
    board.advance(50_000_000);
    assert_eq!(board.line(0), Ok(false));
    assert_eq!(
        read(&mut board, bus, 0x53, adxl345::reg::INT_SOURCE).unwrap() & 0x80,
        0x80
    );
}

#[test]
fn a_fault_without_a_target_lists_the_targets() {
    let (mut board, _) = board(I2C);
    let fault = &crate::Fault::parse("chip@54=absent").unwrap()[0];
    let message = board.inject(fault).unwrap_err().to_string();
    assert!(
        message.contains("expected one of /i2c@0/accelerometer@53, i2c0"),
        "{message}"
    );
}

#[test]
fn a_liar_changes_what_is_read() {
    for dts in [I2C, SPI] {
        let (mut board, bus) = board(dts);
        let mut count = 0;
        board.set_liar(Box::new(move |bytes| {
            count += 1;
            bytes.fill(0xa0 + count);
            if count < 3 { Ok(()) } else { Err(Errno::EIO) }
        }));
        let read: Vec<_> = (0..3)
            .map(|_| {
                if dts == I2C {
                    return read(&mut board, bus, 0x53, 0);
                }
                let mut rx = [0];
                board.spi_transfer(
                    bus,
                    0,
                    3,
                    &mut [SpiXfer {
                        rx: &mut rx,
                        ..SpiXfer::default()
                    }],
                )?;
                Ok(rx[0])
            })
            .collect();
        assert_eq!(read, [Ok(0xa1), Ok(0xa2), Err(Errno::EIO)]);
    }
}

#[test]
fn lines_have_directions_and_several_drivers() {
    let (mut board, _) = board(I2C);
    assert_eq!(board.line_count(), 4);
    assert_eq!(board.line(4), Err(Errno::EINVAL));
    assert_eq!(board.set_line(1, true), Err(Errno::EPERM));
    board.set_line_direction(1, true, true).unwrap();
    assert_eq!((board.line(1), board.line_is_output(1)), (Ok(true), Ok(true)));
    board.set_line(1, false).unwrap();
    assert_eq!(board.line(1), Ok(false));
    // The chip drives line 0.
    assert_eq!(board.set_line_direction(0, true, true), Err(Errno::EBUSY));
    // A button on line 2.
    board.drive_line(2, Some(Pin::High)).unwrap();
    assert_eq!(board.line(2), Ok(true));
    board.drive_line(2, None).unwrap();
    assert_eq!(board.line(2), Ok(false));
    // Low wins against the chip, which rests low; high does not.
    board.drive_line(0, Some(Pin::High)).unwrap();
    assert_eq!(board.line(0), Ok(false));
}

#[test]
fn a_transfer_takes_its_bits() {
    let (mut board, bus) = board(I2C);
    read(&mut board, bus, 0x53, 0).unwrap();
    // START, address, register, repeated START, address, data, STOP at 2.5 µs a bit.
    assert_eq!(board.now_ns(), (1 + 9 + 9 + 1 + 9 + 9 + 1) * 2_500);
    let (mut board, bus) = self::board(SPI);
    let xfer = SpiXfer {
        tx: &[0x80, 0],
        speed_hz: 5_000_000,
        delay_ns: 100,
        ..SpiXfer::default()
    };
    board.spi_transfer(bus, 0, 3, &mut [xfer]).unwrap();
    assert_eq!(board.now_ns(), 16 * 200 + 100);
}

/// A run with interrupts, recorded with its times and edges.
fn recorded_run(seed: u64) -> String {
    let (mut board, bus) = board(GYRO);
    let world = Stimulus {
        rate_noise: 0.5,
        seed,
        ..Stimulus::default()
    };
    board.set_stimulus(world);
    board.record();
    let edges = Arc::new(Mutex::new(Vec::new()));
    let log = edges.clone();
    board.set_line_sink(Box::new(move |line, level| log.lock().unwrap().push((line, level))));
    use bmg160::reg;
    for bytes in [
        [reg::BW, 7],
        [reg::INT_EN_1, 5],
        [reg::INT_MAP_1, 1],
        [reg::INT_EN_0, 0x80],
    ] {
        write(&mut board, bus, 0x69, &bytes).unwrap();
    }
    for _ in 0..40 {
        board.advance(u64::MAX);
        for reg in reg::RATE_X_LSB..=reg::RATE_Z_MSB {
            read(&mut board, bus, 0x69, reg).unwrap();
        }
    }
    let lines: Vec<String> = board
        .transcript()
        .unwrap()
        .transfers()
        .iter()
        .map(ToString::to_string)
        .collect();
    format!("{}\n{:?}", lines.join("\n"), edges.lock().unwrap())
}

#[test]
fn virtual_time_gives_the_same_run_twice() {
    assert_eq!(recorded_run(1), recorded_run(1));
    assert_ne!(recorded_run(1), recorded_run(2));
}

#[test]
fn the_record_has_one_line_per_transfer() {
    let (mut board, bus) = board(I2C);
    read(&mut board, bus, 0x53, 0).unwrap();
    board.record();
    read(&mut board, bus, 0x53, 0).unwrap();
    write(&mut board, bus, 0x53, &[0x2d, 0x08]).unwrap();
    let _ = read(&mut board, bus, 0x1d, 0);
    let record = board.transcript().unwrap();
    assert_eq!(
        record.text(),
        "i2c0 53 w:00 r:e5 = 2\ni2c0 53 w:2d08 = 1\ni2c0 1d = ENXIO\n"
    );
    assert_eq!(
        record.transfers()[0].to_string(),
        "     0.000097500 i2c0 53 w:00 r:e5 = 2"
    );
}

#[test]
fn real_time_events_reach_the_lines_without_a_caller() {
    let start = std::time::Instant::now();
    let clock = Clock::Real(Box::new(move || u64::try_from(start.elapsed().as_nanos()).unwrap()));
    let dtb = crate::dts::compile_text(GYRO).unwrap();
    let mut board = SimBoard::new(
        &dtb,
        BoardOptions {
            clock,
            ..BoardOptions::default()
        },
    )
    .unwrap();
    let rises = Arc::new(AtomicU64::new(0));
    let count = rises.clone();
    board.set_line_sink(Box::new(move |_, level| {
        count.fetch_add(u64::from(level), Ordering::Relaxed);
    }));
    let shared = SharedBoard::new(board);
    let events = shared.run_events().unwrap();
    let bus = shared.with(|board| board.bus("i2c0")).unwrap();
    for bytes in [
        [bmg160::reg::INT_EN_1, 5],
        [bmg160::reg::INT_MAP_1, 1],
        [bmg160::reg::INT_EN_0, 0x80],
    ] {
        shared.with(|board| write(board, bus, 0x69, &bytes)).unwrap();
    }
    let deadline = start + std::time::Duration::from_secs(20);
    while rises.load(Ordering::Relaxed) < 20 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(rises.load(Ordering::Relaxed) >= 20);
    drop(events);
    // A transfer takes no simulated time.
    let before = start.elapsed();
    shared.with(|board| read(board, bus, 0x69, 0)).unwrap();
    assert!(start.elapsed() - before < std::time::Duration::from_secs(1));
}

#[test]
fn a_clock_that_jumps_ahead_costs_little() {
    let time = Arc::new(AtomicU64::new(0));
    let source = time.clone();
    let clock = Clock::Real(Box::new(move || source.load(Ordering::Relaxed)));
    let dtb = crate::dts::compile_text(GYRO).unwrap();
    let mut board = SimBoard::new(
        &dtb,
        BoardOptions {
            clock,
            ..BoardOptions::default()
        },
    )
    .unwrap();
    let bus = board.bus("i2c0").unwrap();
    for bytes in [[bmg160::reg::INT_MAP_1, 1], [bmg160::reg::INT_EN_0, 0x80]] {
        write(&mut board, bus, 0x69, &bytes).unwrap();
    }
    time.store(1_000_000_000_000_000, Ordering::Relaxed);
    let start = std::time::Instant::now();
    assert_eq!(read(&mut board, bus, 0x69, 0), Ok(0x0f));
    assert!(start.elapsed() < std::time::Duration::from_millis(200));
    // Backwards is standing still.
    time.store(5, Ordering::Relaxed);
    assert_eq!(board.now_ns(), 1_000_000_000_000_000);
}
