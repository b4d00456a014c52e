// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages that are not what they claim, to the server and to the kernel.

use kos_bindings::idl;
use kos_bindings::kn::right;
use kos_bindings::nk::{Handle, HandleDesc, Header, Lens, Retcode, Transport, Wire};

use crate::Stage;
use crate::world::*;

#[test]
fn malformed_messages_to_a_server() {
    let mut stage = Stage::new();
    let channel = stage.channel;
    let good = Header {
        size: 24,
        handles: 0,
        is_error: false,
        riid: RIID,
        mid: 0,
    };
    let cases = [
        ("a size that lies", Header { size: 4096, ..good }, 24, 0),
        ("a size of nothing", Header { size: 0, ..good }, 24, 0),
        (
            "the largest size",
            Header {
                size: (1 << 23) - 1,
                ..good
            },
            24,
            0,
        ),
        ("longer than its size", good, 48, 0),
        ("shorter than a header", good, 8, 0),
        ("empty", good, 0, 0),
        ("handles that are not there", Header { handles: 255, ..good }, 24, 0),
        (
            "a handle too many",
            Header {
                handles: 1,
                size: 40,
                ..good
            },
            40,
            0,
        ),
        ("a handle too few", Header { mid: 1, ..good }, 24, 0),
        ("an error form as a request", Header { is_error: true, ..good }, 24, 0),
        ("an unknown interface", Header { riid: 0, ..good }, 24, 0),
        (
            "the kernel's interface at a server",
            Header {
                riid: idl::handle::RIID,
                ..good
            },
            24,
            0,
        ),
        ("an unknown method", Header { mid: 4, ..good }, 24, 0),
        ("the largest method", Header { mid: u16::MAX, ..good }, 24, 0),
    ];
    for (what, header, constant, arena) in cases {
        stage.m.request().constant[..64].fill(0);
        header.pack().put(stage.m.request().constant, 0).expect("room");
        let outcome = stage.m.call(channel, Lens { constant, arena }).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
    // Lengths that no port can hold never become a message: in the audit is who tried.
    for (what, constant, arena) in [
        ("a constant part of all that there is", usize::MAX, 0),
        ("an arena of all that there is", 24, usize::MAX),
        ("a constant part that ends outside of the port", 8193, 0),
        ("an arena that ends outside of the port", 24, (128 << 10) + 1),
    ] {
        let outcome = stage.m.call(channel, Lens { constant, arena }).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
}

#[test]
fn messages_to_what_is_no_endpoint() {
    let mut stage = Stage::new();
    let memory = stage.m.kn().mdl_create(4096, 3).expect("memory");
    let object = stage
        .m
        .kn()
        .handle_create_user_object(Handle::INVALID, 1, right::COMMON | right::CALL, 0, 0)
        .expect("an object");
    let sync = stage.m.kn().ipc_create_sync_object(false).expect("an object");
    for (what, handle) in [
        ("calling memory", memory),
        ("calling an object without a server", object),
    ] {
        let lens = write(stage.m.request(), &[], b"");
        let outcome = stage.m.call(handle, lens).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
    let channel = stage.channel;
    for (what, sync) in [
        ("memory to interrupt a call", memory),
        ("nothing to interrupt a call", Handle(sync.0 + 99)),
    ] {
        let lens = write(stage.m.request(), &[], b"");
        let outcome = stage.m.call_ex(channel, lens, 100, sync).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
}

#[test]
fn malformed_messages_to_the_kernel() {
    let mut stage = Stage::new();
    let core = stage.m.kernel();
    let good = |stage: &mut Stage| {
        let request = idl::cm::ConnectReq {
            server: "server",
            service: "send",
            msecs: 0,
        };
        request.encode(stage.m.request()).expect("room")
    };
    let lens = good(&mut stage);
    let desc_at = idl::cm::INTERFACE.methods[0].fields.request[0].at;
    let second_at = idl::cm::INTERFACE.methods[0].fields.request[1].at;
    let cases: [(&str, usize, u64); 7] = [
        ("an offset outside the arena", desc_at, 0xffff_ff00),
        ("a size outside the arena", desc_at, 0xffff_ff00 << 32),
        ("offset and size that overflow", desc_at, u64::MAX),
        ("a string of no bytes", desc_at, 0),
        ("a string without its end", desc_at, 3 << 32),
        ("overlapping descriptors", second_at, 7 << 32),
        ("bytes that nobody describes", second_at, (1 << 32) | 6),
    ];
    for (what, at, desc) in cases {
        good(&mut stage);
        desc.put(stage.m.request().constant, at).expect("room");
        let outcome = stage.m.call(core, lens).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
    for (what, byte) in [("bad UTF-8", 0xffu8), ("a zero within a string", 0)] {
        good(&mut stage);
        stage.m.request().arena[1] = byte;
        let outcome = stage.m.call(core, lens).map(drop);
        stage.refused(what, outcome, Retcode::INVALID_ARGUMENT);
    }
    let lens = write(stage.m.request(), &[], b"");
    let outcome = stage.m.call(core, lens).map(drop);
    stage.refused("a server's interface at the kernel", outcome, Retcode::INVALID_ARGUMENT);
}

#[test]
fn confused_deputies() {
    let mut stage = Stage::new();
    // A handle of the attacker's that a server uses on its behalf reaches no more than it does in the attacker's hands.
    let deputy = task(&stage.kernel, "deputy");
    stage
        .kernel
        .connect(&stage.mallory, &deputy, "deputy", &[])
        .expect("a channel");
    let mut d = deputy.attach().expect("a thread");
    let own = d.kn().mdl_create(4096, 3).expect("memory");
    let listener = d.service_locator_register("deputy");
    let channel = stage.m.service_locator_connect("deputy");
    let read_only = stage.m.kn().mdl_create(4096, 1).expect("memory");
    std::thread::scope(|scope| {
        let m = &mut stage.m;
        let asks = scope.spawn(move || call(m, channel, &[HandleDesc::all(read_only)], b"write into it").map(drop));
        let got = receive(&mut d, listener, 5000).expect("a request");
        let theirs = got.handles[0].handle;
        assert_ne!(theirs, own, "the value that was sent means nothing here");
        assert_eq!(d.kn().mdl_map(theirs, 0, 4096, 3), Err(Retcode::SECURITY_DISALLOW));
        answer(&mut d, &got, &[], b"").expect("it waits");
        asks.join().expect("no panic").expect("an answer");
    });
    // The value of the deputy's own memory, sent as if it were the attacker's.
    let outcome = call(&mut stage.m, channel, &[HandleDesc::all(Handle(own.0 + 100))], b"");
    stage.refused("a deputy's handle by its value", outcome, Retcode::INVALID_ARGUMENT);
}
