// SPDX-License-Identifier: GPL-2.0-only
//! `unsafe-rooms`: `unsafe` stands only where pointers from C or from the system are handled.

use super::Findings;
use super::source::{Source, code_only};

/// What opens a room: a module of this name, a folder of this name, or one of these places.
const MODULES: [&str; 3] = ["ffi", "raw", "bindings"];
const PLACES: [(&str, &str); 19] = [
    ("kos-bindings/src/sys", "system calls"),
    ("kos-bindings/src/domain/", "the domain's own system layer"),
    ("kos-bindings/src/hosted/", "processes, shared memory and the sandbox"),
    ("kos-bindings/src/connection.rs", "a client's end of a port"),
    (
        "kos-bindings/src/inproc/",
        "a domain inside its client's process: its image, stack and kept memory",
    ),
    (
        "kos-bindings/src/kasperskyos/",
        "the domain's system layer on KasperskyOS",
    ),
    (
        "kos-bindings/kasperskyos/hosted/",
        "KasperskyOS's C API, and its tests in C",
    ),
    ("examples/kasperskyos_solution", "calls a driver's library"),
    ("kos-bindings/src/port", "memory shared between processes"),
    ("shim/src/bindings", "generated declarations"),
    ("kos-bindings/benches/", "the floor: shared memory and bare futexes"),
    (
        "kos-bindings/tests/domain/",
        "a domain that misbehaves, with its own memcpy",
    ),
    ("kos-bindings/src/turn", "a model of shared memory, checked by loom"),
    (
        "kos-bindings/tests/conformance/dma",
        "memory that processes and devices share",
    ),
    ("kos-bindings/tests/conformance/hardware", "memory that processes share"),
    ("kos-bindings/tests/adversary/port", "a port mapped a second time"),
    ("shim/src/mm/tests", "calls the C symbols"),
    ("shim/examples/", "calls the C symbols"),
    ("fuzz/", "calls the C code under test"),
];

/// Names each line with `unsafe` outside the rooms.
pub(super) fn check(sources: &[Source]) -> Findings {
    let mut broken = Vec::new();
    let mut inside = 0;
    for source in sources.iter().filter(|source| source.is_rust()) {
        let is_room = is_room(&source.path);
        for (index, line) in code_only(&source.text)
            .lines()
            .enumerate()
            .filter(|(_, line)| says_unsafe(line))
        {
            if is_room {
                inside += 1;
            } else {
                broken.push(format!(
                    "{}:{}: unsafe outside its rooms: {}",
                    source.path,
                    index + 1,
                    line.trim()
                ));
            }
        }
    }
    Findings {
        broken,
        summary: format!("{inside} lines with unsafe, inside its rooms"),
    }
}

fn is_room(path: &str) -> bool {
    let is_named = path
        .trim_end_matches(".rs")
        .split('/')
        .any(|part| MODULES.contains(&part));
    is_named || PLACES.iter().any(|(place, _)| path.starts_with(place))
}

/// Finds the keyword; an attribute such as `#[unsafe(no_mangle)]` and `unsafe_code` in a lint's name are other words.
fn says_unsafe(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("unsafe").any(|(at, word)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(|c| is_word(c) || c == '(')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> usize {
        check(&[Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
        .broken
        .len()
    }

    #[test]
    fn only_the_keyword_outside_a_room_counts() {
        assert_eq!(broken("shim/src/mm/mod.rs", "let x = unsafe { *p };"), 1);
        assert_eq!(
            broken(
                "shim/src/mm/mod.rs",
                "#[expect(unsafe_code)] // unsafe\n#[unsafe(no_mangle)]"
            ),
            0
        );
        for room in [
            "shim/src/mm/ffi.rs",
            "shim/src/mm/raw/list.rs",
            "shim/src/mm/ffi/slab.rs",
            "kos-bindings/src/sys.rs",
        ] {
            assert_eq!(broken(room, "unsafe {}"), 0, "{room}");
        }
    }
}
