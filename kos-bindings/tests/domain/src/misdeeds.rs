// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a broken or hostile driver might do.

use core::fmt::Write;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use kos_bindings::domain::{Boot, Caller, CallerId, Crash, Domain, Event, die};
use kos_bindings::nk::{Handle, HandleDesc, Lens, Parts, Retcode, Transport, Wire};
use kos_bindings::port::{Area, op, turn};

/// Recurses until the stack ends.
#[inline(never)]
#[expect(unconditional_recursion, reason = "the stack is to end")]
pub fn overflow(depth: u64) -> u64 {
    let mut room = [depth; 64];
    core::hint::black_box(&mut room);
    overflow(depth + 1) + room[63]
}

/// Writes to each page.
pub fn touch(at: *mut u8, bytes: usize) {
    for offset in (0..bytes).step_by(4096) {
        unsafe { at.add(offset).write_volatile(1) };
    }
}

/// Reads an address that is not mapped.
pub fn segfault() -> ! {
    let value = unsafe { (0xdead_0000 as *const u8).read_volatile() };
    die(
        Crash {
            cause: b"an unmapped address was readable",
            signal: value.into(),
            ..Crash::default()
        },
        3,
    )
}

static SECOND: AtomicU32 = AtomicU32::new(0);

/// Keeps what two replies to one request said.
pub fn note(first: Result<(), Retcode>, second: Result<(), Retcode>) {
    let bits = |result: Result<(), Retcode>| result.err().map_or(0, |code| code.0 as u32 & 0xff);
    SECOND.store(bits(first) << 8 | bits(second), Relaxed);
}

/// Answers the request after this one first, then this one with what the other contained.
pub fn serve_one_before(domain: &mut Domain, caller: CallerId, mine: &[u8]) {
    loop {
        if let Ok(Event::Request(incoming)) = domain.listener.recv(u64::MAX) {
            let other = incoming.caller;
            let lens = super::answer(incoming.request, incoming.response, b"other");
            let _ = domain.listener.reply(other, lens);
            break;
        }
    }
    let mine = Parts {
        constant: mine,
        arena: &[],
    };
    let lens = super::answer(mine, domain.listener.response(), b"mine");
    let _ = domain.listener.reply(caller, lens);
}

/// Receives with short timeouts, many times.
pub fn timeouts(domain: &mut Domain) -> u32 {
    let mut count = 0;
    for round in 0..2000u64 {
        if let Ok(Event::Timeout) = domain.listener.recv(round % 3 * 1000) {
            count += 1;
        }
    }
    count
}

/// Writes into its own port against the rules: posts again and again while the kernel has the turn.
pub fn break_protocol(domain: &mut Domain) -> ! {
    // The response room is the fourth area of the port; the words are at its start.
    let room = domain.listener.response().constant.as_mut_ptr();
    let port = room.wrapping_sub(Area::ServeResponse.constant_at());
    // All words but the turn and the lines, then the turn, over and over.
    for round in 0u32.. {
        for word in 1..18 {
            unsafe {
                port.cast::<u32>()
                    .add(word)
                    .write_volatile(round.wrapping_mul(0x9e37_79b9) ^ word as u32)
            };
        }
        for op in [op::RECV, 99, op::REPLY_RECV] {
            unsafe { port.cast::<u32>().add(1).write_volatile(op) };
            unsafe { port.cast::<u32>().write_volatile(turn::KERNEL) };
            wake(port);
        }
    }
    die(Crash::default(), 4)
}

/// Fills the words of its own port with random values and posts them, as often as the kernel lets it.
pub fn scribble(domain: &mut Domain, seed: u64) -> ! {
    let room = domain.listener.response().constant.as_mut_ptr();
    let port = room.wrapping_sub(Area::ServeResponse.constant_at()).cast::<u32>();
    let mut state = seed | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let write = |word: usize, value: u32| unsafe { port.add(word).write_volatile(value) };
    for _ in 0..64 {
        for word in 2..48 {
            // Small values are handles and lengths that nearly make sense.
            let value = random();
            let value = if value & 1 == 0 { value >> 32 } else { value >> 56 };
            write(word, value as u32);
        }
        write(1, (random() % 6) as u32);
        // Short timeouts, so that a `Recv` that is accepted ends.
        write(8, 1000);
        write(9, 0);
        write(0, turn::KERNEL);
        wake(port.cast());
        for _ in 0..random() % 4096 {
            core::hint::spin_loop();
        }
    }
    die(
        Crash {
            cause: b"scribbled enough",
            ..Crash::default()
        },
        5,
    )
}

fn wake(word: *mut u8) {
    const FUTEX: usize = 202;
    const WAKE_BITSET: usize = 10;
    super::escape::syscall(FUTEX, [word as usize, WAKE_BITSET, 1, 0, 0, turn::KERNEL_BIT as usize]);
}

/// Says what the boot information says.
pub fn describe(boot: Boot, text: &mut [u8]) -> usize {
    let mut out = Text { text, used: 0 };
    let _ = write!(
        out,
        "dtb={} clock={} log={} second={:#x}",
        boot.dtb().len(),
        boot.clock,
        boot.log_level,
        SECOND.load(Relaxed)
    );
    for arg in boot.args() {
        let _ = write!(out, " {arg}");
    }
    for channel in boot.channels() {
        let _ = write!(out, " {}={}:{}", channel.name(), channel.handle, channel.riid);
    }
    out.used
}

pub struct Text<'a> {
    pub text: &'a mut [u8],
    pub used: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        let room = self
            .text
            .get_mut(self.used..self.used + s.len())
            .ok_or(core::fmt::Error)?;
        room.copy_from_slice(s.as_bytes());
        self.used += s.len();
        Ok(())
    }
}

/// Asks the kernel for services: some that it gives, some that it refuses.
pub fn services(caller: &mut Caller, boot: Boot) -> [Result<(), Retcode>; 6] {
    use kos_bindings::kn::{Kn, right};
    let mut kn = Kn::new(caller, Handle(boot.kernel));
    let memory = kn.mdl_create(4096, 3).unwrap_or(Handle::INVALID);
    [
        kn.mdl_get_size(memory).map(drop),
        kn.handle_copy(memory, right::MAP_READ, Handle::INVALID).map(drop),
        // Its memory cannot be changed from outside.
        kn.mdl_map(memory, 0, 4096, 1).map(drop),
        kn.handle_copy(memory, u32::MAX >> 1, Handle::INVALID).map(drop),
        kn.handle_close(Handle(4711)),
        kn.handle_close(memory),
    ]
}

/// Asks the policy itself whether it grants the request: through its class's security interface, whose messages are
/// those of the tests' interface.
pub fn ask_policy(caller: &mut Caller, boot: Boot, request: Parts<'_>) -> Retcode {
    use kos_bindings::kn::Kn;
    let module = match Kn::new(&mut *caller, Handle(boot.kernel)).handle_security_connect() {
        Ok(module) => module,
        Err(code) => return code,
    };
    let room = caller.request();
    room.constant[..request.constant.len()].copy_from_slice(request.constant);
    room.arena[..request.arena.len()].copy_from_slice(request.arena);
    let lens = Lens {
        constant: request.constant.len(),
        arena: request.arena.len(),
    };
    // Whose request it was is not for the policy to know.
    if HandleDesc::INVALID.put(room.constant, 8).is_err() {
        return Retcode::FAIL;
    }
    let asked = caller.call(module, lens);
    let code = match asked {
        Ok(answer) if answer.arena.is_empty() && answer.constant.len() == 24 => Retcode::OK,
        Ok(_) => Retcode::FAIL,
        Err(code) => code,
    };
    match Kn::new(caller, Handle(boot.kernel)).handle_close(module) {
        Ok(()) => code,
        Err(closing) => closing,
    }
}
