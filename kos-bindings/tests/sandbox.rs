// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sandbox, tried from inside and looked at from outside.

mod common;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, path::Path};

use common::{IMAGE_VARIABLE, SOON, call, image, kernel, mid, spec, start};

#[test]
fn forbidden_actions_are_refused() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("escape"));
    let mut client = kernel.client("tester", &domain).expect("a client");
    let handle = client.handle();
    let report = String::from_utf8(call(&mut client, handle, mid::ESCAPE, &[]).expect("an answer")).expect("text");
    let refused = format!(": {}", -libc::EPERM);
    let wrong: Vec<&str> = report.lines().filter(|line| !line.ends_with(&refused)).collect();
    assert!(wrong.is_empty(), "not refused: {wrong:?}");
    assert!(report.lines().count() >= 50, "{report}");
    assert_eq!(
        call(&mut client, handle, mid::ECHO, b"alive").as_deref(),
        Ok(&b"alive"[..])
    );
}

#[test]
fn the_list_is_short() {
    assert!(kos_bindings::hosted::ALLOWED.len() <= 12);
}

#[test]
fn a_domain_has_namespaces_and_nothing_else() {
    let kernel = kernel();
    let domain = start(&kernel, &spec("outside"));
    let other = start(&kernel, &spec("other"));
    let proc = format!("/proc/{}", domain.pid());
    for kind in ["user", "mnt", "pid", "ipc", "uts", "net"] {
        let of = |who: &str| fs::read_link(format!("{who}/ns/{kind}")).expect("a link");
        assert_ne!(of(&proc), of("/proc/self"), "{kind}");
        if kind != "net" {
            assert_ne!(
                of(&proc),
                of(&format!("/proc/{}", other.pid())),
                "{kind} between domains"
            );
        }
    }
    let status = fs::read_to_string(format!("{proc}/status")).expect("the status");
    let field = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect("the field")
            .trim()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(field(set), 16), Ok(0), "{set}");
    }
    assert_eq!(
        (field("NoNewPrivs:"), field("Seccomp:"), field("Threads:")),
        ("1", "2", "1")
    );
    assert!(!field("Uid:").split('\t').any(|id| id == "0"), "{}", field("Uid:"));
    assert_eq!(fs::read_dir(format!("{proc}/fd")).expect("descriptors").count(), 0);
    assert_eq!(fs::read_dir(format!("{proc}/root")).expect("the root").count(), 0);
    let mounts = fs::read_to_string(format!("{proc}/mounts")).expect("mounts");
    assert_eq!(mounts.lines().count(), 1, "{mounts}");
    assert!(mounts.contains(" / tmpfs ro,"), "{mounts}");
    assert!(
        fs::read_to_string(format!("{proc}/net/dev"))
            .expect("devices")
            .lines()
            .count()
            <= 3
    );
    let limits = fs::read_to_string(format!("{proc}/limits")).expect("limits");
    let none = |what: &str| {
        limits
            .lines()
            .any(|line| line.starts_with(what) && line.split_whitespace().rev().nth(1) == Some("0"))
    };
    assert!(none("Max open files"), "{limits}");
    assert!(
        limits
            .lines()
            .any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")),
        "{limits}"
    );
    let maps = fs::read_to_string(format!("{proc}/maps")).expect("maps");
    assert!(!maps.lines().any(|line| line.contains("wx")), "{maps}");
    let memory = domain.memory().expect("it lives");
    assert!(memory.private_kib <= 64, "{memory:?}");
}

/// Set in the process that a test starts to be killed.
const VICTIM: &str = "KOS_TEST_VICTIM";

#[test]
fn domains_die_with_their_kernel() {
    if std::env::var_os(VICTIM).is_some() {
        let kernel = kernel();
        let domain = start(&kernel, &spec("orphan"));
        println!("domain {}", domain.pid());
        std::thread::sleep(SOON);
        return;
    }
    let mut victim = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "domains_die_with_their_kernel", "--nocapture"])
        .env(VICTIM, "1")
        .env(IMAGE_VARIABLE, image())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let pid = {
        use std::io::{BufRead, BufReader};
        let lines = BufReader::new(victim.stdout.take().expect("its output")).lines();
        let mut pids = lines
            .map_while(Result::ok)
            .filter_map(|line| line.split("domain ").nth(1)?.trim().parse::<i32>().ok());
        pids.next().expect("the domain's pid")
    };
    let path = format!("/proc/{pid}");
    assert!(Path::new(&path).exists());
    victim.kill().expect("it was alive");
    victim.wait().expect("it ended");
    let begun = Instant::now();
    let is_gone = || fs::read_to_string(format!("{path}/stat")).map_or(true, |stat| stat.contains(") Z "));
    while !is_gone() {
        assert!(begun.elapsed() < SOON, "the domain outlived its kernel");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_ordinary_user_gets_the_same_sandbox() {
    // SAFETY of the environment: nothing is changed in this process.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let exe = std::env::temp_dir().join(format!("kos-sandbox-{}", std::process::id()));
    fs::copy(std::env::current_exe().expect("a path"), &exe).expect("a copy");
    let image_copy = exe.with_extension("image");
    fs::copy(image(), &image_copy).expect("a copy");
    let output = Command::new("setpriv")
        .args(["--reuid", "12345", "--regid", "12345", "--clear-groups"])
        .arg(&exe)
        .args([
            "--exact",
            "a_domain_has_namespaces_and_nothing_else",
            "forbidden_actions_are_refused",
        ])
        .env(IMAGE_VARIABLE, &image_copy)
        .output()
        .expect("setpriv");
    let _ = fs::remove_file(&exe);
    let _ = fs::remove_file(&image_copy);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("2 passed"), "{text}");
}
