// SPDX-License-Identifier: MIT OR Apache-2.0
//! Point 12, its other half: DMA buffers.
#![expect(unsafe_code, reason = "looks into memory that a device writes")]

use kos_bindings::hosted::{DmaFault, Kernel, Limits, Task, TaskSpec, Thread};
use kos_bindings::idl::io::{
    DMA_CACHE_DISABLE, DMA_FROM_DEVICE, DMA_TO_DEVICE, DMA_WRITE_BACK, DMA_WRITE_COMBINE, DMA_WRITE_THROUGH,
    DMA_ZONE32, MAX_FRAMES,
};
use kos_bindings::kn::{DmaFrame, right};
use kos_bindings::nk::{Handle, HandleDesc, Retcode};

use crate::world::*;

const PAGE: u64 = 4096;
const BOTH: u32 = DMA_TO_DEVICE | DMA_FROM_DEVICE;

fn driver(kernel: &Kernel) -> (Task, Thread) {
    let driver = task(kernel, "driver");
    let thread = driver.attach().expect("a thread");
    (driver, thread)
}

fn byte(at: usize, offset: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut::<u8>(at).wrapping_add(offset)
}

#[test]
fn p12_a_device_reaches_a_buffer_by_its_physical_address_once_it_is_let() {
    let (kernel, _) = world();
    let (_driver, mut thread) = driver(&kernel);
    let device = kernel.dma();
    let buffer = thread.kn().register_dma(2 * PAGE, BOTH, 1).expect("a buffer");
    let (mapping, at) = thread.kn().map_dma(buffer, 0, 2 * PAGE, 3).expect("mapped");
    let info = thread.kn().dma_info(buffer).expect("its form");
    assert_eq!((info.flags, info.order, info.bytes, info.count), (BOTH, 1, 2 * PAGE, 1));
    let block = info.frames[0];
    assert_eq!(block.order, 1);
    assert!(block.frame.is_multiple_of(2 * PAGE), "a block is aligned to its size");
    let mut got = [0u8; 4];
    assert_eq!(device.read(block.frame, &mut got), Err(DmaFault), "not yet");
    let access = thread.kn().begin_dma(buffer).expect("let");
    // SAFETY: inside the mapping.
    unsafe { byte(at, 4097).write_volatile(7) };
    device.read(block.frame + 4096, &mut got).expect("let");
    assert_eq!(got, [0, 7, 0, 0]);
    device.write(block.frame + 10, b"data").expect("let");
    for (offset, wanted) in (10..).zip(b"data") {
        // SAFETY: inside the mapping.
        assert_eq!(unsafe { byte(at, offset).read_volatile() }, *wanted);
    }
    let outside = [
        (block.frame.wrapping_sub(1), 4),
        (block.frame + 2 * PAGE - 3, 4),
        (block.frame + 2 * PAGE, 1),
        (0, 1),
        (u64::MAX, 2),
    ];
    for (at, len) in outside {
        assert_eq!(device.write(at, &[1; 4][..len]), Err(DmaFault), "{at:#x}");
    }
    // Both ends of its life.
    thread.kn().revoke_resource(access).expect("ended");
    assert_eq!(device.read(block.frame, &mut got), Err(DmaFault), "no longer");
    thread.kn().revoke_resource(mapping).expect("unmapped");
    assert_eq!(thread.kn().revoke_resource(mapping), Err(Retcode::INVALID_ARGUMENT));
    thread.kn().begin_dma(buffer).expect("let again");
    assert_eq!(device.read(block.frame, &mut got), Ok(()));
    thread.kn().revoke_resource(buffer).expect("closed");
    assert_eq!(thread.kn().dma_info(buffer).map(drop), Err(Retcode::INVALID_ARGUMENT));
    drop(thread);
    drop(_driver);
    assert_eq!(device.read(block.frame, &mut got), Err(DmaFault), "its process is gone");
}

#[test]
fn p12_a_device_goes_only_the_ways_that_the_buffer_was_made_for() {
    let (kernel, _) = world();
    let (_driver, mut thread) = driver(&kernel);
    let device = kernel.dma();
    for (flags, reads, writes) in [
        (DMA_TO_DEVICE, Ok(()), Err(DmaFault)),
        (DMA_FROM_DEVICE, Err(DmaFault), Ok(())),
        (BOTH | DMA_ZONE32, Ok(()), Ok(())),
    ] {
        let buffer = thread.kn().register_dma(PAGE, flags, 0).expect("a buffer");
        thread.kn().begin_dma(buffer).expect("let");
        let at = thread.kn().dma_info(buffer).expect("its form").frames[0].frame;
        assert_eq!(at < 1 << 32, flags & DMA_ZONE32 != 0, "{at:#x}");
        assert_eq!(device.read(at, &mut [0; 8]), reads);
        assert_eq!(device.write(at, &[0; 8]), writes);
    }
}

#[test]
fn p12_blocks_are_apart_and_few() {
    let (kernel, _) = world();
    let (_driver, mut thread) = driver(&kernel);
    let mut ends = Vec::new();
    for (pages, order, wanted) in [
        (5, 0, (0, 5)),
        (5, 1, (1, 3)),
        (32, 0, (0, 32)),
        (33, 0, (1, 17)),
        (1, 4, (4, 1)),
    ] {
        let buffer = thread.kn().register_dma(pages * PAGE, BOTH, order).expect("a buffer");
        let info = thread.kn().dma_info(buffer).expect("its form");
        assert_eq!((info.frames[0].order, info.count), wanted);
        assert_eq!(info.bytes, (info.count as u64) * (PAGE << info.frames[0].order));
        let mut frames = [DmaFrame { frame: 0, order: 0 }; MAX_FRAMES as usize];
        assert_eq!(thread.kn().dma_phys_info(buffer, &mut frames), Ok(info.count));
        assert_eq!(frames, info.frames);
        ends.extend(
            frames[..info.count]
                .iter()
                .map(|block| (block.frame, block.frame + (PAGE << block.order))),
        );
    }
    ends.sort_unstable();
    assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ends:x?}");
    // What was given back is given out again.
    let zone = DMA_TO_DEVICE | DMA_ZONE32;
    let mut places = Vec::new();
    for _ in 0..3 {
        let buffer = thread.kn().register_dma(16 << 20, zone, 12).expect("a buffer");
        places.push(thread.kn().dma_info(buffer).expect("its form").frames[0].frame);
        thread.kn().handle_close(buffer).expect("closed");
    }
    assert_eq!(places, [places[0]; 3]);
}

#[test]
fn p12_what_cannot_be_a_buffer_is_refused() {
    let (kernel, _) = world();
    let limits = Limits {
        memory_bytes: 8 * PAGE,
        ..Limits::default()
    };
    let spec = TaskSpec {
        limits,
        ..TaskSpec::new("driver")
    };
    let driver = kernel.task(&spec).expect("a process");
    let mut thread = driver.attach().expect("a thread");
    let mut kn = thread.kn();
    let invalid = Retcode::INVALID_ARGUMENT;
    for (bytes, flags, order, code) in [
        (0, BOTH, 0, invalid),
        (PAGE - 1, BOTH, 0, invalid),
        (PAGE, 0, 0, invalid),
        (PAGE, DMA_ZONE32, 0, invalid),
        (PAGE, BOTH | 128, 0, invalid),
        (PAGE, BOTH, 17, invalid),
        (PAGE, BOTH, u64::MAX, invalid),
        (u64::MAX / PAGE * PAGE, BOTH, 0, Retcode::FAIL),
        // A block is paid for whole.
        (PAGE, BOTH, 4, Retcode::FAIL),
        (9 * PAGE, BOTH, 0, Retcode::FAIL),
    ] {
        assert_eq!(
            kn.register_dma(bytes, flags, order),
            Err(code),
            "{bytes} {flags} {order}"
        );
    }
    let buffer = kn.register_dma(8 * PAGE, BOTH, 0).expect("as much as it may");
    for (offset, length, prot) in [
        (0, 9 * PAGE, 3),
        (8 * PAGE, PAGE, 3),
        (1, PAGE, 3),
        (0, 0, 3),
        (0, PAGE, 4),
        (0, PAGE, 0),
    ] {
        assert_eq!(kn.map_dma(buffer, offset, length, prot).map(drop), Err(invalid));
    }
    let reader = right::MAP_READ | right::COPY;
    let reader = kn.handle_copy(buffer, reader, Handle::INVALID).expect("a copy");
    assert_eq!(
        kn.map_dma(reader, 0, PAGE, 3).map(drop),
        Err(Retcode::SECURITY_DISALLOW)
    );
    assert_eq!(kn.begin_dma(reader), Err(Retcode::SECURITY_DISALLOW));
    assert!(kn.map_dma(reader, 0, PAGE, 1).is_ok());
    let line = kn.register_irq(1, 0).expect("a line");
    assert_eq!(kn.dma_info(line).map(drop), Err(invalid), "a line is no buffer");
    assert_eq!(kn.attach_irq(buffer), Err(invalid), "a buffer is no line");
    assert_eq!(kn.mdl_map(buffer, 0, PAGE, 1), Err(invalid), "nor an MDL");
}

#[test]
fn p12_a_buffer_may_be_passed_on_but_neither_its_mapping_nor_the_devices_leave() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let buffer = pair.c.kn().register_dma(PAGE, BOTH, 0).expect("a buffer");
    let (mapping, _) = pair.c.kn().map_dma(buffer, 0, PAGE, 3).expect("mapped");
    let access = pair.c.kn().begin_dma(buffer).expect("let");
    for own in [mapping, access] {
        let outcome = call(&mut pair.c, pair.channel, &[HandleDesc::all(own)], b"");
        assert_eq!(outcome.map(drop), Err(Retcode::SECURITY_DISALLOW));
    }
    std::thread::scope(|scope| {
        let (c, channel) = (&mut pair.c, pair.channel);
        let asks = scope.spawn(move || call(c, channel, &[HandleDesc::all(buffer)], b""));
        let got = receive(&mut pair.s, pair.listener, 5000).expect("a request");
        let theirs = got.handles[0].handle;
        let info = pair.s.kn().dma_info(theirs).expect("it is the same");
        kernel
            .dma()
            .write(info.frames[0].frame, b"x")
            .expect("the client let it");
        let (_, at) = pair.s.kn().map_dma(theirs, 0, PAGE, 1).expect("mapped");
        // SAFETY: inside the mapping.
        assert_eq!(unsafe { byte(at, 0).read_volatile() }, b'x');
        answer(&mut pair.s, &got, &[], b"").expect("it waits");
        assert!(asks.join().expect("no panic").is_ok());
    });
}

#[test]
fn p12_only_the_use_of_the_cache_can_be_modified() {
    let (kernel, _) = world();
    let (_driver, mut thread) = driver(&kernel);
    let made = BOTH | DMA_ZONE32 | DMA_WRITE_THROUGH;
    let buffer = thread.kn().register_dma(PAGE, made, 0).expect("a buffer");
    assert_eq!(thread.kn().dma_info(buffer).map(|info| info.flags), Ok(made));
    for cache in [DMA_WRITE_BACK, DMA_WRITE_THROUGH, DMA_CACHE_DISABLE, DMA_WRITE_COMBINE] {
        thread.kn().modify_dma(buffer, cache).expect("modified");
        let flags = thread.kn().dma_info(buffer).expect("its form").flags;
        assert_eq!(flags, BOTH | DMA_ZONE32 | cache);
    }
    for flags in [
        0,
        DMA_WRITE_BACK | DMA_CACHE_DISABLE,
        BOTH,
        DMA_CACHE_DISABLE | BOTH,
        1 << 20,
    ] {
        assert_eq!(
            thread.kn().modify_dma(buffer, flags),
            Err(Retcode::INVALID_ARGUMENT),
            "{flags:#x}"
        );
    }
    let two = BOTH | DMA_WRITE_BACK | DMA_WRITE_COMBINE;
    assert_eq!(thread.kn().register_dma(PAGE, two, 0), Err(Retcode::INVALID_ARGUMENT));
    let mapped_only = right::COMMON | right::MAP_READ | right::MAP_WRITE;
    let weak = thread
        .kn()
        .handle_copy(buffer, mapped_only, Handle::INVALID)
        .expect("a copy");
    assert_eq!(
        thread.kn().modify_dma(weak, DMA_WRITE_BACK),
        Err(Retcode::SECURITY_DISALLOW)
    );
    let line = thread.kn().register_irq(3, 0).expect("a line");
    assert!(thread.kn().modify_dma(line, DMA_WRITE_BACK).is_err(), "it is no buffer");
    assert_eq!(
        thread.kn().modify_dma(Handle(4711), DMA_WRITE_BACK),
        Err(Retcode::INVALID_ARGUMENT)
    );
    assert_eq!(
        thread.kn().dma_info(buffer).map(|info| info.flags),
        Ok(BOTH | DMA_ZONE32 | DMA_WRITE_COMBINE),
        "what was refused changed nothing"
    );
}
