// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain that behaves, and misbehaves, as its clients ask: the method's number says how.
#![no_std]
#![no_main]

mod dma;
mod escape;
mod libc;
mod misdeeds;
mod shared;

use kos_bindings::domain::{Crash, Domain, Event, Incoming, IrqEdges, die, mem};
use kos_bindings::domain_start;
use kos_bindings::nk::{Header, Lens, Parts, PartsMut, Transport};
use kos_bindings::port::FOREVER;

domain_start!(run);

/// What the methods do; the tests have the same table.
mod mid {
    pub const ECHO: u16 = 0;
    pub const EXIT: u16 = 1;
    pub const SPIN: u16 = 2;
    pub const OVERFLOW: u16 = 3;
    pub const ESCAPE: u16 = 4;
    pub const EXHAUST: u16 = 5;
    pub const UPCALL: u16 = 6;
    pub const SEGFAULT: u16 = 7;
    pub const LATE: u16 = 8;
    pub const TWICE: u16 = 9;
    pub const GARBAGE: u16 = 10;
    pub const TIMEOUTS: u16 = 11;
    pub const WRONG_HANDLE: u16 = 12;
    pub const BREAK_PROTOCOL: u16 = 13;
    pub const NEVER: u16 = 14;
    pub const IRQS: u16 = 15;
    pub const NO_ANSWER: u16 = 16;
    pub const BOOT: u16 = 17;
    pub const CLOCK: u16 = 18;
    pub const PANIC: u16 = 19;
    pub const SCRIBBLE: u16 = 20;
    pub const NOTICES: u16 = 21;
    pub const SERVICES: u16 = 22;
    pub const SHARE: u16 = 23;
    pub const SHARED: u16 = 24;
    pub const RECV_EX: u16 = 25;
    pub const CALL_OWN: u16 = 26;
    pub const DMA: u16 = 27;
    pub const ASK: u16 = 28;
}

/// Answers with the request's header and `arena`.
fn answer(request: Parts<'_>, response: PartsMut<'_>, arena: &[u8]) -> Lens {
    let constant = request.constant.len();
    response.constant[..constant].copy_from_slice(request.constant);
    response.arena[..arena.len()].copy_from_slice(arena);
    Lens {
        constant,
        arena: arena.len(),
    }
}

fn run(mut domain: Domain) -> ! {
    let mut pending = None;
    let back = domain.boot.channel("back").map_or(0, |channel| channel.handle);
    let mut edges = IrqEdges::default();
    // Clients gone, the badge of the last one, requests abandoned.
    let mut notices = [0u64; 3];
    let mut held = 0u64;
    loop {
        let event = match pending.take() {
            Some((caller, lens)) => domain.listener.reply_recv(caller, lens, FOREVER).1,
            None => match domain.listener.recv(FOREVER) {
                Ok(event) => event,
                Err(_) => die(Crash::default(), 1),
            },
        };
        let Incoming {
            caller,
            request,
            response,
        } = match event {
            Event::Request(incoming)
                if Header::read(incoming.request.constant).is_ok_and(|header| header.mid == mid::RECV_EX) =>
            {
                let asked = incoming.caller;
                let mut constant = [0u8; 24];
                constant.copy_from_slice(&incoming.request.constant[..24]);
                let mut text = [0u8; 64];
                let used = shared::recv_ex(&mut domain, back, &mut text);
                let request = Parts {
                    constant: &constant,
                    arena: &[],
                };
                pending = Some((asked, answer(request, domain.listener.response(), &text[..used])));
                continue;
            }
            Event::Request(incoming) => incoming,
            Event::Irq => {
                let new = domain.irq.take();
                edges.rise |= new.rise;
                edges.fall |= new.fall;
                continue;
            }
            Event::Timeout => continue,
            Event::ClientGone(badge) => {
                notices = [notices[0] + 1, badge, notices[2]];
                continue;
            }
            Event::Abandoned(_) => {
                notices[2] += 1;
                continue;
            }
        };
        let Ok(header) = Header::read(request.constant) else {
            die(
                Crash {
                    cause: b"a message without a header",
                    ..Crash::default()
                },
                2,
            );
        };
        let lens = match header.mid {
            mid::ECHO => answer(request, response, request.arena),
            mid::EXIT => die(
                Crash {
                    cause: b"as asked",
                    ..Crash::default()
                },
                7,
            ),
            mid::SPIN => loop {
                core::hint::spin_loop();
            },
            mid::OVERFLOW => {
                let deep = misdeeds::overflow(1);
                answer(request, response, &deep.to_le_bytes())
            }
            mid::ESCAPE => {
                let mut text = [0u8; 8192];
                let used = escape::try_all(&mut text);
                answer(request, response, &text[..used])
            }
            mid::EXHAUST => {
                while let Some(page) = mem::allocate(1 << 20) {
                    misdeeds::touch(page, 1 << 20);
                }
                die(
                    Crash {
                        cause: b"out of memory",
                        ..Crash::default()
                    },
                    12,
                )
            }
            mid::UPCALL => {
                let room = domain.caller.request();
                let lens = answer(request, room, request.arena);
                match domain.caller.call(kos_bindings::nk::Handle(back), lens) {
                    Ok(parts) => answer(parts, response, parts.arena),
                    Err(code) => answer(request, response, &code.0.to_le_bytes()),
                }
            }
            mid::SEGFAULT => misdeeds::segfault(),
            mid::LATE => {
                // Others are served meanwhile: the caller of this one is answered after the next
                // request.
                let mut mine = [0u8; 64];
                let mine = &mut mine[..request.constant.len().min(64)];
                mine.copy_from_slice(&request.constant[..mine.len()]);
                misdeeds::serve_one_before(&mut domain, caller, mine);
                continue;
            }
            mid::TWICE => {
                let lens = answer(request, response, b"once");
                let first = domain.listener.reply(caller, lens);
                let second = domain.listener.reply(caller, lens);
                misdeeds::note(first, second);
                continue;
            }
            mid::GARBAGE => Lens {
                constant: usize::MAX,
                arena: usize::MAX,
            },
            mid::TIMEOUTS => {
                let lens = answer(request, response, &[]);
                let count = misdeeds::timeouts(&mut domain);
                let room = domain.listener.response();
                room.arena[..4].copy_from_slice(&count.to_le_bytes());
                Lens {
                    constant: lens.constant,
                    arena: 4,
                }
            }
            mid::WRONG_HANDLE => {
                let mut codes = [0u8; 12];
                for (code, handle) in codes.chunks_exact_mut(4).zip([0, 77, u32::MAX]) {
                    let lens = answer(request, domain.caller.request(), &[]);
                    let result = domain.caller.call(kos_bindings::nk::Handle(handle), lens);
                    code.copy_from_slice(&result.err().map_or(0, |code| code.0).to_le_bytes());
                }
                answer(request, response, &codes)
            }
            mid::BREAK_PROTOCOL => misdeeds::break_protocol(&mut domain),
            mid::NEVER => {
                held += 1;
                continue;
            }
            mid::IRQS => {
                let new = domain.irq.take();
                let edges = core::mem::take(&mut edges);
                let edges = IrqEdges {
                    level: new.level,
                    rise: edges.rise | new.rise,
                    fall: edges.fall | new.fall,
                };
                let mut text = [0u8; 24];
                text[..8].copy_from_slice(&edges.level.to_le_bytes());
                text[8..16].copy_from_slice(&edges.rise.to_le_bytes());
                text[16..24].copy_from_slice(&edges.fall.to_le_bytes());
                answer(request, response, &text)
            }
            mid::NOTICES => {
                let mut text = [0u8; 40];
                let me = Header::self_handle(request.constant).map_or(0, |me| me.badge);
                for (word, value) in text.chunks_exact_mut(8).zip(notices.into_iter().chain([me, held])) {
                    word.copy_from_slice(&value.to_le_bytes());
                }
                answer(request, response, &text)
            }
            mid::SERVICES => {
                let mut codes = [0u8; 24];
                let outcomes = misdeeds::services(&mut domain.caller, domain.boot);
                for (code, outcome) in codes.chunks_exact_mut(4).zip(outcomes) {
                    code.copy_from_slice(&outcome.err().map_or(0, |code| code.0).to_le_bytes());
                }
                answer(request, response, &codes)
            }
            mid::SHARE => {
                let mut text = [0u8; 64];
                let used = shared::share(&mut domain.caller, domain.boot, request, &mut text);
                answer(request, response, &text[..used])
            }
            mid::SHARED => {
                let mut text = [0u8; 64];
                let used = shared::shared(&mut domain.caller, domain.boot, request, &mut text);
                shared::answer(request, response, &text[..used])
            }
            mid::DMA => {
                let mut text = [0u8; 64];
                let used = dma::dma(&mut domain.caller, domain.boot, request.arena, &mut text);
                answer(request, response, &text[..used])
            }
            mid::ASK => {
                let code = misdeeds::ask_policy(&mut domain.caller, domain.boot, request);
                answer(request, response, &code.0.to_le_bytes())
            }
            mid::CALL_OWN => shared::call_own(&mut domain.caller, request, response),
            mid::NO_ANSWER => Lens::default(),
            mid::BOOT => {
                let mut text = [0u8; 2048];
                let used = misdeeds::describe(domain.boot, &mut text);
                answer(request, response, &text[..used])
            }
            mid::CLOCK => answer(request, response, &kos_bindings::domain::clock_ns().to_le_bytes()),
            mid::SCRIBBLE => {
                let seed = request.arena.first_chunk().map_or(1, |seed| u64::from_le_bytes(*seed));
                misdeeds::scribble(&mut domain, seed)
            }
            mid::PANIC => panic!("as asked"),
            _ => Lens::default(),
        };
        pending = Some((caller, lens));
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let cause = info.message().as_str().unwrap_or("panic");
    die(
        Crash {
            cause: cause.as_bytes(),
            ..Crash::default()
        },
        101,
    )
}
