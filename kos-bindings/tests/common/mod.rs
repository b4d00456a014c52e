// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests and benchmarks of the hosted kernel share: the test domain's image, and its
//! interface.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use kos_bindings::hosted::{Config, DomainHandle, DomainSpec, Kernel};
use kos_bindings::nk::{Fields, Header, Interface, Lens, Method, NkErr, Parts, PartsMut, Retcode, Sizes, Transport};

/// The test interface's number.
pub const RIID: u16 = 0x7001;

/// What the test domain does, by method.
pub mod mid {
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

fn any(parts: Parts<'_>) -> Result<(), NkErr> {
    Header::read(parts.constant).map(drop)
}

const fn method(mid: u16) -> Method {
    const SIZES: Sizes = Sizes {
        constant: 24,
        arena_max: 65_536,
        handles: 0,
    };
    Method {
        name: "Test",
        mid,
        validate_request: any,
        validate_response: any,
        request: SIZES,
        result: SIZES,
        error: None,
        fields: Fields {
            request: &[],
            result: &[],
            error: &[],
        },
    }
}

static METHODS: [Method; 29] = {
    let mut methods = [const { method(0) }; 29];
    let mut i = 0;
    while i < 29 {
        #[expect(clippy::cast_possible_truncation, reason = "there are few")]
        {
            methods[i] = method(i as u16);
        }
        i += 1;
    }
    methods
};

/// The test interface. It has no results, so a class may ask the policy through it, too.
pub static INTERFACE: Interface = Interface {
    name: "test.Domain",
    riid: RIID,
    methods: &METHODS,
};

/// A registry of the one test interface, whose messages need a header only.
pub fn registry(riid: u16) -> Option<&'static Interface> {
    (riid == RIID).then_some(&INTERFACE)
}

/// Writes a request of method `mid` with `arena` into `room`.
pub fn request(room: PartsMut<'_>, mid: u16, arena: &[u8]) -> Lens {
    let header = Header {
        size: 24,
        handles: 0,
        is_error: false,
        riid: RIID,
        mid,
    };
    header.begin::<24>(room.constant).expect("room for a header");
    room.arena[..arena.len()].copy_from_slice(arena);
    Lens {
        constant: 24,
        arena: arena.len(),
    }
}

/// Calls method `mid` and returns the response's arena.
pub fn call<T: Transport>(
    client: &mut T,
    handle: kos_bindings::nk::Handle,
    mid: u16,
    arena: &[u8],
) -> Result<Vec<u8>, Retcode> {
    let lens = request(client.request(), mid, arena);
    client.call(handle, lens).map(|parts| parts.arena.to_vec())
}

/// Names a test domain that is built already, for tests that run themselves as another user.
pub const IMAGE_VARIABLE: &str = "KOS_TEST_DOMAIN";

/// Builds the test domain once and returns its image.
pub fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| std::env::var_os(IMAGE_VARIABLE).map_or_else(build, PathBuf::from))
}

/// The link arguments of every domain: static, at a fixed low address, no start files.
const LINK: [&str; 8] = [
    "-Crelocation-model=static",
    "-Clink-arg=-static",
    "-Clink-arg=-no-pie",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-Wl,--image-base=0x10000000,--build-id=none,-z,noexecstack",
    "-Cpanic=abort",
    "-Cforce-frame-pointers=yes",
];

fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("test-domain");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--target",
            "x86_64-unknown-linux-gnu",
            "--manifest-path",
        ])
        .arg(here.join("tests/domain/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", LINK.join("\x1f"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the test domain builds");
    target.join("x86_64-unknown-linux-gnu/release/test-domain")
}

/// Makes a kernel with the test interface.
pub fn kernel() -> Kernel {
    kernel_with(Config::default())
}

/// Makes a kernel with the test interface and `config`'s other settings.
pub fn kernel_with(config: Config) -> Kernel {
    Kernel::new(Config { registry, ..config }).expect("this machine permits the sandbox")
}

/// Describes a test domain.
pub fn spec(name: &str) -> DomainSpec {
    DomainSpec::new(name, image())
}

/// Starts a test domain and waits until it listens.
pub fn start(kernel: &Kernel, spec: &DomainSpec) -> DomainHandle {
    let domain = kernel.spawn(spec).expect("the domain starts");
    assert!(domain.wait_ready(SOON), "{:?}", domain.wait_death(SOON));
    domain
}

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);
