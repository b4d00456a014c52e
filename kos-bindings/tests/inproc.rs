// SPDX-License-Identifier: MIT OR Apache-2.0
//! A domain inside its client's process. One at a time fits, so this is one test.

mod common;

use std::time::Duration;

use common::{call, mid, registry, spec};
use kos_bindings::hosted::inproc::{InProc, Options};
use kos_bindings::hosted::{ChannelSpec, Config, Kernel, Lines, Rights};
use kos_bindings::nk::{Lens, Parts, PartsMut, Retcode};

fn options() -> Options {
    Options {
        registry,
        ..Options::default()
    }
}

fn upper(_: u16, request: Parts<'_>, response: PartsMut<'_>) -> Result<Lens, Retcode> {
    response.constant[..request.constant.len()].copy_from_slice(request.constant);
    for (to, from) in response.arena.iter_mut().zip(request.arena) {
        *to = from.to_ascii_uppercase();
    }
    Ok(Lens {
        constant: request.constant.len(),
        arena: request.arena.len(),
    })
}

#[test]
fn a_domain_runs_inside() {
    let kernel = Kernel::new(Config {
        registry,
        ..Config::default()
    })
    .expect("a kernel, for its server objects");
    let mut spec = spec("inside");
    let endpoint = kernel.register("upper", upper);
    spec.channels.push(ChannelSpec {
        name: "back".into(),
        riid: 0,
        endpoint,
        rights: Rights::CALL,
    });
    spec.dtb = vec![1; 100];
    let lines = Lines::new();
    spec.lines = lines.clone();
    let mut domain = InProc::start(&spec, options()).expect("it starts");
    let handle = domain.handle();

    for size in [0, 5, 65_536] {
        let bytes = vec![9; size];
        assert_eq!(call(&mut domain, handle, mid::ECHO, &bytes), Ok(bytes));
    }
    assert_eq!(
        call(&mut domain, handle, mid::UPCALL, b"shout").as_deref(),
        Ok(&b"SHOUT"[..])
    );
    assert_eq!(
        call(&mut domain, handle, mid::GARBAGE, &[]),
        Err(Retcode::INVALID_ARGUMENT)
    );
    assert_eq!(call(&mut domain, handle, mid::NO_ANSWER, &[]), Err(Retcode::FAIL));
    assert_eq!(call(&mut domain, handle, mid::TWICE, &[]).as_deref(), Ok(&b"once"[..]));
    assert_eq!(call(&mut domain, handle, 99, &[]), Err(Retcode::INVALID_ARGUMENT));
    let count = call(&mut domain, handle, mid::TIMEOUTS, &[]).expect("an answer");
    assert_eq!(u32::from_le_bytes(count.try_into().expect("a count")), 2000);

    lines.set(3, true);
    domain.run(Duration::from_millis(1));
    let edges = call(&mut domain, handle, mid::IRQS, &[]).expect("an answer");
    assert_eq!(edges[..8], (1u64 << 3).to_le_bytes());
    lines.set(3, false);
    let _ = call(&mut domain, handle, mid::IRQS, &[]);

    assert!(InProc::start(&spec, options()).is_err(), "its addresses are taken");
    // A snapshot is a domain's whole state: where it stands, what it said last, and that it lives.
    let mut snapshot = domain.snapshot(&[]).expect("it listens");
    for _ in 0..3 {
        assert_eq!(call(&mut domain, handle, mid::EXIT, &[]), Err(Retcode::NOT_CONNECTED));
        let (code, words) = domain.exit_status().expect("it exited");
        assert_eq!((code, words.is_some()), (7, true));
        domain.restore(&mut snapshot).expect("the snapshot is its own");
        assert_eq!(domain.exit_status(), None, "it lives again");
        assert_eq!(
            call(&mut domain, handle, mid::ECHO, b"back").as_deref(),
            Ok(&b"back"[..])
        );
    }
    assert_eq!(call(&mut domain, handle, mid::EXIT, &[]), Err(Retcode::NOT_CONNECTED));
    let (code, words) = domain.exit_status().expect("it exited");
    assert_eq!((code, words.expect("last words").cause.as_str()), (7, "as asked"));
    assert_eq!(call(&mut domain, handle, mid::ECHO, &[]), Err(Retcode::NOT_CONNECTED));
    drop(domain);

    let mut again = InProc::start(&spec, options()).expect("it starts again");
    assert_eq!(
        call(&mut again, handle, mid::ECHO, b"again").as_deref(),
        Ok(&b"again"[..])
    );
}
