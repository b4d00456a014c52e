// SPDX-License-Identifier: GPL-2.0-only
//! A driver of our own and a port of it, whose every count is known by hand.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use super::common::Place;
use serde_json::Value;

/// Writes a tree below the place.
pub fn tree(place: &Place, name: &str, files: &[(&str, &str)]) -> String {
    for (path, text) in files {
        let path = place.path().join(name).join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    place.path().join(name).display().to_string()
}

pub fn measured(place: &Place, args: &[&str]) -> Value {
    let mut words = vec!["diff", "--json", "-"];
    words.extend(args);
    place.run(&words).succeeds().json()
}

pub fn file<'a>(measured: &'a Value, path: &str) -> &'a Value {
    let files = measured["files"].as_array().expect("files");
    let found = files.iter().find(|file| file["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {measured:#}"))
}

/// Added, removed, modified.
pub fn change(of: &Value) -> [u64; 3] {
    ["added", "removed", "modified"].map(|key| of[key].as_u64().expect("a count"))
}

/// Lines, of which code, comment, blank.
pub fn lines(of: &Value) -> [u64; 4] {
    ["lines", "code", "comments", "blanks"].map(|key| of[key].as_u64().expect("a count"))
}

pub const CORE: &str = "\
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foo, a sensor.
 */
#include \"foo.h\"

int foo_probe(struct foo *foo)
{
\tint id = foo_read(foo, 0);

\tif (id != 0x42)
\t\treturn -1; /* wrong chip */
\tfoo->ready = 1;
\treturn 0;
}
";

/// Line 3: a comment. After line 5: a line of code. Line 9: code. Line 12: a comment beside code. Line 13: layout.
pub const CORE_PORTED: &str = "\
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Foo, a sensor, elsewhere.
 */
#include \"foo.h\"
#include \"port.h\"

int foo_probe(struct foo *foo)
{
\tint id = port_read(foo, 0);

\tif (id != 0x42)
\t\treturn -1; /* another chip */
    foo->ready = 1;
\treturn 0;
}
";

pub const BUS: &str = "\
// SPDX-License-Identifier: GPL-2.0-only
#include \"foo.h\"

int foo_read(struct foo *foo, int reg)
{
\ttrace(foo);
\treturn i2c_read(foo->bus, reg);
}
";

const SPI: &str = "// SPDX-License-Identifier: GPL-2.0-only\nint foo_spi;\n\n";
const HEADER: &str = "/* SPDX-License-Identifier: GPL-2.0-only */\nstruct foo { int bus, ready; };\n";
const MAKEFILE: &str = "obj-m += foo_core.o foo_i2c.o foo_spi.o\n";

pub fn upstream(place: &Place) -> String {
    tree(
        place,
        "upstream",
        &[
            ("sensor/Makefile", MAKEFILE),
            ("sensor/foo_core.c", CORE),
            ("sensor/foo_i2c.c", BUS),
            ("sensor/foo_spi.c", SPI),
            ("sensor/foo.h", HEADER),
        ],
    )
}

pub fn ported(place: &Place) -> String {
    tree(
        place,
        "ported",
        &[
            ("sensor/Makefile", "obj-m += foo_core.o foo_bus.o\n"),
            ("sensor/foo_core.c", CORE_PORTED),
            ("sensor/foo_bus.c", &BUS.replace("\ttrace(foo);\n", "")),
            ("sensor/foo.h", HEADER),
            (
                "port/port.c",
                "/* By hand. */\nint port_read(void)\n{\n\treturn 0;\n}\n",
            ),
            (
                "port/table.h",
                "/* Automatically generated, do not edit. */\n#define A 1\n#define B 2\n",
            ),
        ],
    )
}
