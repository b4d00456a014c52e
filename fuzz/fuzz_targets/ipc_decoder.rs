// SPDX-License-Identifier: GPL-2.0-only
//! The IPC decoder: bytes of a peer as a message, through every interface's validators and decoders.
//!
//! What must hold, whatever the bytes are:
//!
//! * the validator that the kernel runs and the decoder that the receiver runs agree;
//! * what decodes can be encoded again, and decodes to the same;
//! * all that a decoded message holds lies inside the message: it stands in memory of exactly its size, which the
//!   sanitizer guards, and encoding and printing read every byte of it;
//! * packed directory entries end, and survive being packed again.
#![no_main]

use kos_bindings::idl::{
    INTERFACES, chardev, clock, cm, control, entries, epitaph, firmware, gpio, handle, i2c, io, ipc, log, notice,
    socket, spi, sysfs, vmm,
};
use kos_bindings::nk::{HEADER_BYTES, Header, Lens, Method, NkErr, Parts, PartsMut, Wire};
use kos_bindings::port::{ARENA_BYTES, CONSTANT_BYTES};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::fmt::Debug;

/// One form of a message: what its header says, and what is done with bytes that claim to be it.
struct Form {
    header: Header,
    constant: usize,
    check: fn(Parts<'_>) -> bool,
}

struct Room {
    constant: Vec<u8>,
    arena: Vec<u8>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        constant: vec![0xa5; CONSTANT_BYTES],
        arena: vec![0x5a; ARENA_BYTES],
    });
}

/// Encodes into dirty room, as a port's is, and hands the message on.
fn encoded<R>(encode: impl FnOnce(PartsMut<'_>) -> Result<Lens, NkErr>, then: impl FnOnce(Parts<'_>) -> R) -> R {
    ROOM.with_borrow_mut(|room| {
        let mut out = PartsMut {
            constant: &mut room.constant,
            arena: &mut room.arena,
        };
        let lens = encode(out.reborrow()).expect("what was decoded can be encoded");
        then(out.filled(lens).expect("it fits in the room"))
    })
}

/// Reads every byte that a message holds.
fn read_all(message: &impl Debug) {
    std::hint::black_box(format!("{message:?}"));
}

macro_rules! form {
    ($module:ident, $name:ident) => {
        Form {
            header: $module::$name::HEADER,
            constant: $module::$name::SIZES.constant,
            check: |parts| {
                let Ok(message) = $module::$name::decode(parts) else {
                    return false;
                };
                read_all(&message);
                encoded(
                    |out| message.encode(out),
                    |again| {
                        // An empty string may come without its zero, which then pushes what is behind it to the next 8;
                        // no message has more than two strings.
                        assert!(
                            again.arena.len() <= parts.arena.len() + 16,
                            "a canonical arena has no padding to spare"
                        );
                        let again = $module::$name::decode(again).expect("what was encoded can be decoded");
                        assert_eq!(message, again);
                    },
                );
                true
            },
        }
    };
}

/// Every form of every method; [`every_form_is_here`] compares it with the registry.
const FORMS: &[Form] = &[
    form!(i2c, XferReq),
    form!(i2c, XferRes),
    form!(i2c, XferErr),
    form!(i2c, FunctionalityReq),
    form!(i2c, FunctionalityRes),
    form!(spi, TransferReq),
    form!(spi, TransferRes),
    form!(spi, TransferErr),
    form!(gpio, LinesReq),
    form!(gpio, LinesRes),
    form!(gpio, GetReq),
    form!(gpio, GetRes),
    form!(gpio, GetErr),
    form!(gpio, SetReq),
    form!(gpio, SetRes),
    form!(gpio, SetErr),
    form!(gpio, DirectionReq),
    form!(gpio, DirectionRes),
    form!(gpio, DirectionErr),
    form!(gpio, SetDirectionReq),
    form!(gpio, SetDirectionRes),
    form!(gpio, SetDirectionErr),
    form!(firmware, SizeReq),
    form!(firmware, SizeRes),
    form!(firmware, SizeErr),
    form!(firmware, ReadReq),
    form!(firmware, ReadRes),
    form!(firmware, ReadErr),
    form!(log, WriteReq),
    form!(log, WriteRes),
    form!(clock, AdvanceReq),
    form!(clock, AdvanceRes),
    form!(epitaph, ReportReq),
    form!(epitaph, ReportRes),
    form!(sysfs, ListReq),
    form!(sysfs, ListRes),
    form!(sysfs, ListErr),
    form!(sysfs, ReadReq),
    form!(sysfs, ReadRes),
    form!(sysfs, ReadErr),
    form!(sysfs, WriteReq),
    form!(sysfs, WriteRes),
    form!(sysfs, WriteErr),
    form!(sysfs, OpenReq),
    form!(sysfs, OpenRes),
    form!(sysfs, OpenErr),
    form!(sysfs, ReadIdReq),
    form!(sysfs, ReadIdRes),
    form!(sysfs, ReadIdErr),
    form!(sysfs, WriteIdReq),
    form!(sysfs, WriteIdRes),
    form!(sysfs, WriteIdErr),
    form!(sysfs, CloseReq),
    form!(sysfs, CloseRes),
    form!(sysfs, CloseErr),
    form!(sysfs, PollReq),
    form!(sysfs, PollRes),
    form!(sysfs, PollErr),
    form!(chardev, ListReq),
    form!(chardev, ListRes),
    form!(chardev, OpenReq),
    form!(chardev, OpenRes),
    form!(chardev, OpenErr),
    form!(chardev, ReadReq),
    form!(chardev, ReadRes),
    form!(chardev, ReadErr),
    form!(chardev, WriteReq),
    form!(chardev, WriteRes),
    form!(chardev, WriteErr),
    form!(chardev, IoctlReq),
    form!(chardev, IoctlRes),
    form!(chardev, IoctlErr),
    form!(chardev, PollReq),
    form!(chardev, PollRes),
    form!(chardev, PollErr),
    form!(chardev, CloseReq),
    form!(chardev, CloseRes),
    form!(chardev, CloseErr),
    form!(control, StateReq),
    form!(control, StateRes),
    form!(control, StopReq),
    form!(control, StopRes),
    form!(control, AdvanceReq),
    form!(control, AdvanceRes),
    form!(control, AdvanceErr),
    form!(control, UnloadReq),
    form!(control, UnloadRes),
    form!(control, LoadReq),
    form!(control, LoadRes),
    form!(control, LoadErr),
    form!(control, CensusReq),
    form!(control, CensusRes),
    form!(control, SuspendReq),
    form!(control, SuspendRes),
    form!(control, SuspendErr),
    form!(control, ResumeReq),
    form!(control, ResumeRes),
    form!(socket, OpenReq),
    form!(socket, OpenRes),
    form!(socket, OpenErr),
    form!(socket, BindReq),
    form!(socket, BindRes),
    form!(socket, BindErr),
    form!(socket, ConnectReq),
    form!(socket, ConnectRes),
    form!(socket, ConnectErr),
    form!(socket, ListenReq),
    form!(socket, ListenRes),
    form!(socket, ListenErr),
    form!(socket, AcceptReq),
    form!(socket, AcceptRes),
    form!(socket, AcceptErr),
    form!(socket, NameReq),
    form!(socket, NameRes),
    form!(socket, NameErr),
    form!(socket, SendReq),
    form!(socket, SendRes),
    form!(socket, SendErr),
    form!(socket, ReceiveReq),
    form!(socket, ReceiveRes),
    form!(socket, ReceiveErr),
    form!(socket, SetOptionReq),
    form!(socket, SetOptionRes),
    form!(socket, SetOptionErr),
    form!(socket, PollReq),
    form!(socket, PollRes),
    form!(socket, PollErr),
    form!(socket, CloseReq),
    form!(socket, CloseRes),
    form!(socket, CloseErr),
    form!(io, RegisterDmaReq),
    form!(io, RegisterDmaRes),
    form!(io, MapDmaReq),
    form!(io, MapDmaRes),
    form!(io, DmaGetInfoReq),
    form!(io, DmaGetInfoRes),
    form!(io, DmaGetPhysInfoReq),
    form!(io, DmaGetPhysInfoRes),
    form!(io, BeginDmaReq),
    form!(io, BeginDmaRes),
    form!(io, ModifyDmaReq),
    form!(io, ModifyDmaRes),
    form!(vmm, MdlCreateReq),
    form!(vmm, MdlCreateRes),
    form!(vmm, MdlGetSizeReq),
    form!(vmm, MdlGetSizeRes),
    form!(vmm, MdlMapReq),
    form!(vmm, MdlMapRes),
    form!(vmm, MdlCloneReq),
    form!(vmm, MdlCloneRes),
    form!(vmm, FreeReq),
    form!(vmm, FreeRes),
    form!(io, RegisterIrqReq),
    form!(io, RegisterIrqRes),
    form!(io, RevokeResourceReq),
    form!(io, RevokeResourceRes),
    form!(io, AttachIrqReq),
    form!(io, AttachIrqRes),
    form!(io, DetachIrqReq),
    form!(io, DetachIrqRes),
    form!(io, EnableIrqReq),
    form!(io, EnableIrqRes),
    form!(io, DisableIrqReq),
    form!(io, DisableIrqRes),
    form!(handle, CopyReq),
    form!(handle, CopyRes),
    form!(handle, CreateUserObjectReq),
    form!(handle, CreateUserObjectRes),
    form!(handle, CloseReq),
    form!(handle, CloseRes),
    form!(handle, ConnectReq),
    form!(handle, ConnectRes),
    form!(handle, DisconnectReq),
    form!(handle, DisconnectRes),
    form!(handle, GetSidByHandleReq),
    form!(handle, GetSidByHandleRes),
    form!(handle, RevokeReq),
    form!(handle, RevokeRes),
    form!(handle, RevokeSubtreeReq),
    form!(handle, RevokeSubtreeRes),
    form!(handle, CreateBadgeReq),
    form!(handle, CreateBadgeRes),
    form!(handle, SecurityConnectReq),
    form!(handle, SecurityConnectRes),
    form!(cm, ConnectReq),
    form!(cm, ConnectRes),
    form!(cm, ListenReq),
    form!(cm, ListenRes),
    form!(cm, DropReq),
    form!(cm, DropRes),
    form!(cm, AcceptReq),
    form!(cm, AcceptRes),
    form!(notice, CreateReq),
    form!(notice, CreateRes),
    form!(notice, SubscribeToObjectReq),
    form!(notice, SubscribeToObjectRes),
    form!(notice, UnsubscribeFromEventReq),
    form!(notice, UnsubscribeFromEventRes),
    form!(notice, UnsubscribeFromObjectReq),
    form!(notice, UnsubscribeFromObjectRes),
    form!(notice, GetEventReq),
    form!(notice, GetEventRes),
    form!(notice, DropAndWakeReq),
    form!(notice, DropAndWakeRes),
    form!(notice, SetObjectEventReq),
    form!(notice, SetObjectEventRes),
    form!(ipc, CreateSyncObjectReq),
    form!(ipc, CreateSyncObjectRes),
    form!(ipc, SetInterruptReq),
    form!(ipc, SetInterruptRes),
    form!(ipc, ClearInterruptReq),
    form!(ipc, ClearInterruptRes),
];

/// A form that an interface gained and this list lacks would go unfuzzed.
fn every_form_is_here() {
    let of = |method: &Method| 2 + usize::from(method.error.is_some());
    let wanted: usize = INTERFACES.iter().flat_map(|interface| interface.methods).map(of).sum();
    assert_eq!(FORMS.len(), wanted, "FORMS is not the registry's list");
    for form in FORMS {
        let interface = INTERFACES.iter().find(|interface| interface.riid == form.header.riid);
        let method = interface.and_then(|interface| interface.method(form.header.mid));
        assert!(method.is_some(), "{:?} is in no interface", form.header);
    }
}

/// The validators of the registry, with what the decoders said: a request, a result or an error decoded.
fn validate(parts: Parts<'_>, is_decoded: bool, form: &Form) {
    let Some(interface) = INTERFACES.iter().find(|interface| interface.riid == form.header.riid) else {
        return;
    };
    let Some(method) = interface.method(form.header.mid) else {
        return;
    };
    let is_request = interface.validate_request(parts).is_ok();
    let is_response = (method.validate_response)(parts).is_ok();
    assert!(
        is_decoded <= (is_request || is_response),
        "the kernel refuses what a peer would take"
    );
    if is_request || is_response {
        let header = Header::read(parts.constant).expect("what is valid has a header");
        assert_eq!(header.size as usize, parts.constant.len());
        let of_header = |form: &&Form| {
            form.header.riid == header.riid
                && form.header.mid == header.mid
                && form.header.is_error == header.is_error
                && form.constant == parts.constant.len()
        };
        let taken = FORMS.iter().filter(of_header).any(|form| (form.check)(parts));
        assert!(taken, "the kernel lets through what no peer takes");
    }
}

/// Directory entries, which travel as bytes inside a message and are decoded by the client.
fn list(bytes: &[u8]) {
    let mut packed = Vec::new();
    let mut is_whole = true;
    let mut count = 0;
    for entry in entries::iter(bytes) {
        count += 1;
        assert!(count <= bytes.len(), "each entry takes bytes");
        match entry {
            Ok(entry) => {
                let start = packed.len();
                packed.resize(start + bytes.len() + 16, 0);
                let mut at = start;
                entries::push(&mut packed, &mut at, &entry).expect("there is room for it");
                packed.truncate(at);
            }
            Err(_) => is_whole = false,
        }
    }
    if is_whole {
        assert_eq!(packed, bytes, "entries have one form only");
    } else {
        assert!(bytes.starts_with(&packed));
    }
}

/// How an input becomes a message: bytes 0 to 2 are the form, the shape, and the share of the constant part.
fn run(data: &[u8]) {
    let Some(([form, shape, cut], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let form = &FORMS[usize::from(*form) % FORMS.len()];
    let is_shaped = shape & 1 == 0;
    let (mut constant, arena) = if is_shaped {
        // A well-formed header in front lets the fuzzer work on what is behind it.
        let parameters = form.constant.saturating_sub(HEADER_BYTES).min(rest.len());
        let (parameters, arena) = rest.split_at(parameters);
        let mut constant = vec![0; form.constant];
        form.header.pack().put(&mut constant, 0).expect("a header fits");
        constant[HEADER_BYTES..][..parameters.len()].copy_from_slice(parameters);
        (constant, arena.to_vec())
    } else {
        let (constant, arena) = rest.split_at(usize::from(*cut).min(rest.len()));
        (constant.to_vec(), arena.to_vec())
    };
    // Exactly as large as what was sent: one byte further is the sanitizer's.
    constant.shrink_to_fit();
    let parts = Parts {
        constant: &constant,
        arena: &arena,
    };
    let is_decoded = (form.check)(parts);
    validate(parts, is_decoded, form);
    read_all(&Header::self_handle(&constant));
    list(rest);
}

fuzz_target!(
    init: every_form_is_here(),
    |data: &[u8]| run(data)
);
