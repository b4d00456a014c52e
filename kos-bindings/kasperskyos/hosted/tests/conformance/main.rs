// SPDX-License-Identifier: MIT OR Apache-2.0
//! KasperskyOS's IPC on the hosted kernel, through C: the scenarios of `tests/c`, each with a kernel of its own.
#![allow(unsafe_code, reason = "C's scenarios call back, and are called")]

mod coverage;
mod log;

use std::ffi::{CStr, c_char, c_int, c_longlong};
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use kos_bindings::hosted::judge::{Kind, Policy, Query, Subject, Verdict};
use kos_bindings::hosted::{Config, Dma, Interrupts, Kernel, Limits, Task, TaskSpec};
use kos_bindings::nk::{Fields, Header, Interface, Method, NkErr, Parts, Sizes};

/// `struct scenario`.
#[repr(C)]
struct Scenario {
    name: *const c_char,
    server: Option<unsafe extern "C" fn()>,
    client: Option<unsafe extern "C" fn()>,
}

unsafe extern "C" {
    static ipc_scenarios: Scenario;
    static late_scenarios: Scenario;
    static handle_scenarios: Scenario;
    static notice_scenarios: Scenario;
    static machine_scenarios: Scenario;
    static boundary_scenarios: Scenario;
    static generated_scenarios: Scenario;
}

static FAILED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static CLIENT: Mutex<Option<Arc<Task>>> = Mutex::new(None);
static KERNEL: Mutex<Option<Arc<Kernel>>> = Mutex::new(None);
static MACHINE: Mutex<Option<(Interrupts, Dma)>> = Mutex::new(None);
/// Failures and the machine are shared: one scenario runs at a time.
static ONE: Mutex<()> = Mutex::new(());

#[unsafe(no_mangle)]
unsafe extern "C" fn harness_failed(
    file: *const c_char,
    line: c_int,
    what: *const c_char,
    found: c_longlong,
    wanted: c_longlong,
) {
    // SAFETY: C passes its own texts.
    let file = unsafe { CStr::from_ptr(file) };
    // SAFETY: as above.
    let what = unsafe { CStr::from_ptr(what) };
    let text = format!(
        "{}:{line}: {}: {found:#x}, not {wanted:#x}",
        file.to_string_lossy(),
        what.to_string_lossy()
    );
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

fn with_machine<T>(change: impl FnOnce(&(Interrupts, Dma)) -> T) -> T {
    change(
        MACHINE
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .expect("a machine"),
    )
}

#[unsafe(no_mangle)]
extern "C" fn harness_kill_client() {
    let client = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    client.as_ref().expect("a client").kill();
}

/// Returns whether a process of that class can be started.
#[unsafe(no_mangle)]
unsafe extern "C" fn harness_starts_another(name: *const c_char) -> c_int {
    // SAFETY: C passes its own texts.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    let kernel = KERNEL.lock().unwrap_or_else(PoisonError::into_inner);
    let kernel = kernel.as_ref().expect("a kernel");
    kernel.task(&TaskSpec::new(&name)).is_ok().into()
}

#[unsafe(no_mangle)]
extern "C" fn machine_pulse(irq: c_int) {
    with_machine(|machine| machine.0.pulse(irq.unsigned_abs()));
}

#[unsafe(no_mangle)]
extern "C" fn machine_level(irq: c_int, is_high: c_int) {
    with_machine(|machine| machine.0.set_level(irq.unsigned_abs(), is_high != 0));
}

/// A byte at a physical address in the device's eyes; negative if it may not read there.
#[unsafe(no_mangle)]
extern "C" fn machine_dma_read(at: u64) -> c_int {
    let mut byte = [0];
    let read = with_machine(|machine| machine.1.read(at, &mut byte));
    read.map_or(-1, |()| byte[0].into())
}

/// Returns whether the device may write there.
#[unsafe(no_mangle)]
extern "C" fn machine_dma_write(at: u64, byte: c_int) -> c_int {
    let byte = byte.to_le_bytes()[0];
    with_machine(|machine| machine.1.write(at, &[byte])).is_ok().into()
}

const RIID: u16 = 0x7001;

fn valid(parts: Parts<'_>) -> Result<(), NkErr> {
    let header = Header::read(parts.constant)?;
    let handles = usize::from(header.handles);
    let is_form = handles == usize::from(header.mid) && !header.is_error;
    if is_form && parts.constant.len() == 24 + 16 * handles {
        Ok(())
    } else {
        Err(NkErr::BadMsg)
    }
}

const fn method(mid: u16) -> Method {
    let sizes = Sizes {
        constant: 24 + 16 * mid as usize,
        arena_max: 4096,
        handles: mid as usize,
    };
    Method {
        name: "Send",
        mid,
        validate_request: valid,
        validate_response: valid,
        request: sizes,
        result: sizes,
        error: None,
        fields: Fields {
            request: &[],
            result: &[],
            error: &[],
        },
    }
}

static METHODS: [Method; 4] = [method(0), method(1), method(2), method(3)];
static INTERFACE: Interface = Interface {
    name: "test.Send",
    riid: RIID,
    methods: &METHODS,
};

/// The kernel's own services go through the same door.
fn registry(riid: u16) -> Option<&'static Interface> {
    if riid == RIID {
        Some(&INTERFACE)
    } else {
        kos_bindings::idl::interface(riid)
    }
}

/// Refuses requests of method 3 and responses of method 2.
struct Refusing;

impl Policy for Refusing {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        let is_request = matches!(subject.kind, Kind::Request);
        let header = Header::read(subject.message.constant).ok();
        let mid = header.filter(|header| header.riid == RIID).map(|header| header.mid);
        match (mid, is_request) {
            (Some(3), true) | (Some(2), false) => Verdict::Deny,
            _ => Verdict::Allow,
        }
    }

    fn security(&self, sender: &str, _: u64, query: Query<'_>) -> Verdict {
        match query.message.arena.is_empty() && sender == "client" {
            true => Verdict::Allow,
            false => Verdict::Deny,
        }
    }
}

fn run(scenario: &Scenario, name: &str) -> Vec<String> {
    let config = Config {
        registry,
        policy: Box::new(Refusing),
        ..Config::default()
    };
    let kernel = Arc::new(Kernel::new(config).expect("this machine permits the sandbox"));
    *KERNEL.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&kernel));
    *MACHINE.lock().unwrap_or_else(PoisonError::into_inner) = Some((kernel.interrupts(), kernel.dma()));
    let task = |spec: TaskSpec| Arc::new(kernel.task(&spec).expect("a process"));
    let server = task(TaskSpec::new("server"));
    // It may have more threads than a listener lets wait.
    let threads = 300;
    let client = task(TaskSpec {
        security: Some(&INTERFACE),
        limits: Limits {
            threads,
            ..Limits::default()
        },
        ..TaskSpec::new("client")
    });
    *CLIENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&client));
    kernel
        .connect(&client, &server, "ch", &[("send", RIID)])
        .expect("a channel");
    std::thread::scope(|scope| {
        let start = |task: &Arc<Task>, body: Option<unsafe extern "C" fn()>| {
            let (task, body) = (Arc::clone(task), body?);
            // SAFETY: the scenario's functions may be called once, each on a thread of its process.
            let run = move || kos_c::enter(&task, || unsafe { body() }).expect("a thread");
            Some(scope.spawn(run))
        };
        let threads = [start(&server, scenario.server), start(&client, scenario.client)];
        assert!(threads.iter().any(Option::is_some), "{name}: nobody does anything");
    });
    *CLIENT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    *KERNEL.lock().unwrap_or_else(PoisonError::into_inner) = None;
    std::mem::take(&mut *FAILED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs a list of scenarios to its end.
fn run_all(first: *const Scenario) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    black_box(kos_c::symbols::all());
    let mut failed = Vec::new();
    for at in 0.. {
        // SAFETY: the list goes on up to an entry without a name.
        let scenario = unsafe { &*first.wrapping_add(at) };
        if scenario.name.is_null() {
            assert!(at > 0, "a list without scenarios");
            break;
        }
        // SAFETY: a name is a string.
        let name = unsafe { CStr::from_ptr(scenario.name) }.to_string_lossy();
        println!("{name}");
        failed.extend(run(scenario, &name).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn calls() {
    run_all(&raw const ipc_scenarios);
}

#[test]
fn late_and_too_much() {
    run_all(&raw const late_scenarios);
}

#[test]
fn handles() {
    run_all(&raw const handle_scenarios);
}

#[test]
fn notices() {
    run_all(&raw const notice_scenarios);
}

#[test]
fn machine() {
    run_all(&raw const machine_scenarios);
}

#[test]
fn generated_code() {
    run_all(&raw const generated_scenarios);
}

#[test]
fn boundary() {
    run_all(&raw const boundary_scenarios);
}
