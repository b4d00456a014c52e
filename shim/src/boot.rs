// SPDX-License-Identifier: GPL-2.0-only
//! From the image's first instruction to the loop that serves requests.

use crate::{
    bus, door, fatal, irq, mm, random,
    raw::{cell::Word, task::Task},
    sched, time,
};
use kos_bindings::{
    domain::{Boot, Domain},
    port::{FOREVER, clock},
};

/// Whether all initcalls have run, how many there were, and how long everything up to here took.
static BOOTED: Word<Option<Booted>> = Word::new(None);

/// The heap is a whole number of these.
const HEAP_UNIT_BYTES: usize = 64 * 1024;

/// What a client may ask of the start.
#[derive(Clone, Copy)]
pub struct Booted {
    /// Initcalls that ran.
    pub initcalls: u32,
    /// Those of them that returned an error.
    pub failed: u32,
    /// Nanoseconds from the entry point to the last initcall's end.
    pub boot_ns: u64,
}

/// The state of the start; `None` until it is over.
pub fn booted() -> Option<Booted> {
    BOOTED.get()
}

/// Runs the domain. Called once, on the initial stack, inside the sandbox.
pub fn main(domain: Domain) -> ! {
    let started_ns = kos_bindings::domain::clock_ns();
    fatal::init();
    let boot = domain.boot;
    #[cfg(feature = "domain")]
    crate::mm::ffi::bytes::init(boot.flags);
    // What the domain may write is its heap, and beside it the image's data and the tasks' stacks: a quarter is theirs.
    let memory_bytes = usize::try_from(boot.heap_bytes).unwrap_or(0);
    let heap_bytes = (memory_bytes - memory_bytes / 4) & !(HEAP_UNIT_BYTES - 1);
    if !mm::raw::boot::claim(heap_bytes) {
        fatal::fatal(format_args!("boot: no memory for a heap of {heap_bytes} bytes"))
    }
    let dtb = boot.dtb();
    let wall_ns = argument(&boot, "wall_ns").and_then(|v| v.parse().ok()).unwrap_or(0);
    random::init(argument(&boot, "seed"));
    time::init(boot.clock == clock::VIRTUAL, wall_ns);
    bus::init(domain.caller, boot);
    if argument(&boot, "trace") == Some("bus") {
        bus::trace();
    }
    irq::ffi::init(domain.irq);
    door::init(domain.listener);
    Task::init_idle();
    // As in Linux, until upstream's timers and softirqs are there to serve them (glue/start.c).
    irq::ffi::set_off(true);
    let first = sched::spawn(c"init", 0, move || {
        let door::ffi::Started { initcalls, failed } = door::ffi::start_kernel(dtb);
        let boot_ns = kos_bindings::domain::clock_ns().saturating_sub(started_ns);
        BOOTED.set(Some(Booted {
            initcalls,
            failed,
            boot_ns,
        }));
        door::serve_requests();
    });
    match first {
        Ok(task) => sched::wake_new(task),
        Err(e) => fatal::fatal(format_args!("boot: the first task cannot start: {}", e.to_ret())),
    }
    sched::run(door::control::is_stopping, idle);
    door::finish()
}

fn argument(boot: &Boot, name: &str) -> Option<&'static str> {
    boot.args().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='))
}

/// Nobody can run: waits for news. As in Linux's idle loop no interrupt is taken between the look at the timers and the
/// wait, though Linux's code opens them on the way: what it made ready would wait, too. It ends the wait instead.
fn idle() {
    let was_off = irq::close();
    wait_for_news();
    irq::restore(was_off);
}

/// Virtual time jumps if somebody waits for it, else the microkernel is asked.
fn wait_for_news() {
    if time::is_virtual() {
        if !door::is_anyone_waiting() || door::has_request() {
            door::wait(FOREVER);
        } else {
            let next = time::next_timer_ns();
            door::flush();
            if !time::jump(next) {
                door::wait(FOREVER);
            }
        }
        return;
    }
    let timeout = match time::next_timer_ns() {
        time::NEVER => FOREVER,
        next => next.saturating_sub(time::uptime_ns()),
    };
    if timeout > 0 {
        door::wait(timeout);
    }
}
