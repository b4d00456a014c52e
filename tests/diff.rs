// SPDX-License-Identifier: GPL-2.0-only
//! `linux-compat diff`: worked examples whose every count is known by hand, and git's own counts.

mod common;

use common::{Place, Said};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Writes a tree below the place.
fn tree(place: &Place, name: &str, files: &[(&str, &str)]) -> String {
    for (path, text) in files {
        let path = place.path().join(name).join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    place.path().join(name).display().to_string()
}

fn measured(place: &Place, args: &[&str]) -> Value {
    let mut words = vec!["diff", "--json", "-"];
    words.extend(args);
    place.run(&words).succeeds().json()
}

fn file<'a>(measured: &'a Value, path: &str) -> &'a Value {
    let files = measured["files"].as_array().expect("files");
    let found = files.iter().find(|file| file["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {measured:#}"))
}

/// Added, removed, modified.
fn change(of: &Value) -> [u64; 3] {
    ["added", "removed", "modified"].map(|key| of[key].as_u64().expect("a count"))
}

/// Lines, of which code, comment, blank.
fn lines(of: &Value) -> [u64; 4] {
    ["lines", "code", "comments", "blanks"].map(|key| of[key].as_u64().expect("a count"))
}

const CORE: &str = "\
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
const CORE_PORTED: &str = "\
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

const BUS: &str = "\
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

fn upstream(place: &Place) -> String {
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

fn ported(place: &Place) -> String {
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

#[test]
fn a_port_worked_by_hand_gives_every_count() {
    let place = Place::new();
    let found = measured(&place, &[&upstream(&place), &ported(&place)]);

    let core = file(&found, "sensor/foo_core.c");
    assert_eq!(core["status"], "changed");
    assert_eq!(lines(&core["upstream"]), [15, 9, 4, 2]);
    assert_eq!(lines(&core["ported"]), [16, 10, 4, 2]);
    assert_eq!(change(&core["total"]), [1, 0, 4]);
    assert_eq!(change(&core["code"]), [1, 0, 1]);
    assert_eq!(change(&core["comments"]), [0, 0, 2]);
    assert_eq!(change(&core["whitespace"]), [0, 0, 1]);
    assert_eq!(
        (core["insertions"].as_u64(), core["deletions"].as_u64()),
        (Some(5), Some(4))
    );
    assert!((core["percent"].as_f64().expect("a number") - 100.0 * 5.0 / 15.0).abs() < 1e-9);
    assert!((core["code_percent"].as_f64().expect("a number") - 100.0 * 2.0 / 9.0).abs() < 1e-9);

    let bus = file(&found, "sensor/foo_bus.c");
    assert_eq!(
        (&bus["status"], &bus["from"]),
        (&"renamed".into(), &"sensor/foo_i2c.c".into())
    );
    assert_eq!((change(&bus["total"]), change(&bus["code"])), ([0, 1, 0], [0, 1, 0]));
    assert_eq!(file(&found, "sensor/foo.h")["status"], "same");
    assert_eq!(file(&found, "sensor/foo_spi.c")["status"], "removed");
    assert_eq!(file(&found, "port/port.c")["status"], "added");

    let all = &found["all"];
    let statuses: BTreeMap<&str, u64> = [
        ("added", 2),
        ("changed", 2),
        ("removed", 1),
        ("renamed", 1),
        ("same", 1),
    ]
    .into();
    assert_eq!(all["files"], serde_json::to_value(statuses).expect("JSON"));
    // Makefile 1 of 1, core 15, bus 8, header 2.
    assert_eq!(lines(&all["upstream"]), [26, 17, 6, 3]);
    assert_eq!((change(&all["total"]), change(&all["code"])), ([1, 1, 5], [1, 1, 2]));
    assert_eq!(
        (lines(&all["new"]), lines(&all["left_out"])),
        ([8, 6, 2, 0], [3, 1, 1, 1])
    );
    // Over all files: Makefile 1/1, core 5/4, bus 0/1, port.c 5/0, table.h 3/0, foo_spi.c 0/3.
    assert_eq!(
        (all["insertions"].as_u64(), all["deletions"].as_u64()),
        (Some(14), Some(9))
    );
    let cost = &found["cost"];
    assert_eq!(
        ["generated", "by_hand", "changed", "reused"].map(|key| cost[key].as_u64()),
        [Some(2), Some(4), Some(4), Some(14)]
    );
    assert_eq!(found["problems"], serde_json::json!([]));
}

#[test]
fn a_driver_is_its_core_its_buses_and_its_headers() {
    let place = Place::new();
    let found = measured(&place, &[&upstream(&place), &ported(&place)]);
    let driver = |path: &str| file(&found, path)["driver"].as_str().expect("a driver").to_owned();
    for path in ["sensor/foo_core.c", "sensor/foo_spi.c", "sensor/foo.h"] {
        assert_eq!(driver(path), "sensor/foo", "{path}");
    }
    assert_eq!(driver("sensor/Makefile"), "sensor/");
    assert_eq!(driver("port/port.c"), "port/port");
    let drivers = found["drivers"].as_array().expect("drivers");
    let foo = drivers
        .iter()
        .find(|driver| driver["driver"] == "sensor/foo")
        .expect("foo");
    assert_eq!(change(&foo["code"]), [1, 0, 1]);
    assert_eq!(foo["files"]["removed"], 1);
}

#[test]
fn glue_is_counted_beside_and_compared_with_nothing() {
    let place = Place::new();
    let (old, new) = (upstream(&place), ported(&place));
    let glue = format!("{new}/port");
    let found = measured(&place, &[&old, &new, "--glue", &glue]);
    assert_eq!(found["all"]["files"].get("added"), None);
    assert_eq!(found["glue"]["files"], 2);
    assert_eq!(lines(&found["glue"]["by_hand"]), [5, 4, 1, 0]);
    assert_eq!(lines(&found["glue"]["generated"]), [3, 2, 1, 0]);
    assert_eq!(
        (&found["cost"]["by_hand"], &found["cost"]["generated"]),
        (&4.into(), &2.into())
    );
    let said = place.run(&["diff", &old, &new, "--glue", &glue]).succeeds();
    assert!(
        said.out
            .contains("4 lines of code by hand, 2 generated; glue ÷ reused 28.57 %"),
        "{said}"
    );
}

#[test]
fn the_table_tells_the_same() {
    let place = Place::new();
    let said = place.run(&["diff", &upstream(&place), &ported(&place)]).succeeds();
    let row = |name: &str| -> Vec<String> {
        let line = said.out.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {said}"));
        line.strip_prefix(name)
            .expect("the name")
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(
        row("sensor/foo_core.c"),
        ["15", "1", "0", "4", "33.33", "9", "1", "0", "1", "22.22", "2", "1"]
    );
    assert_eq!(
        row("in all"),
        ["26", "1", "1", "5", "26.92", "17", "1", "1", "2", "23.53", "2", "1"]
    );
    assert!(said.out.contains("sensor/foo_i2c.c → sensor/foo_bus.c"), "{said}");
    assert!(said.out.contains("numstat     +14 -9 over all files"), "{said}");
    assert!(
        said.out
            .contains("generated 2 · by hand 4 · changed 4 lines of code; 14 reused"),
        "{said}"
    );
}

#[test]
fn the_same_twice_differs_in_nothing() {
    let place = Place::new();
    let old = upstream(&place);
    let found = measured(&place, &[&old, &old]);
    assert_eq!(change(&found["all"]["total"]), [0, 0, 0]);
    assert_eq!(found["all"]["files"], serde_json::json!({"same": 5}));
    assert_eq!(found["cost"]["changed"], 0);
}

#[test]
fn two_files_are_each_other_whatever_they_are_called() {
    let place = Place::new();
    let (old, new) = (place.file("a.c", CORE), place.file("b.c", CORE_PORTED));
    let found = measured(&place, &[&old, &new]);
    assert_eq!(change(&file(&found, "b.c")["total"]), [1, 0, 4]);
}

/// By path: git's insertions and deletions, `None` for a binary file.
type Numstat = BTreeMap<String, Option<(u64, u64)>>;

fn numstat(dir: &Path, args: &[&str], prefixes: [&str; 2]) -> Numstat {
    let mut git = Command::new("git");
    git.current_dir(dir)
        .args(["-c", "core.quotePath=false", "diff", "--numstat", "-z"])
        .args(args);
    let out = git.output().expect("git");
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let strip = |path: &str| {
        let stripped = prefixes.iter().find_map(|prefix| path.strip_prefix(prefix));
        stripped.unwrap_or(path).to_owned()
    };
    let mut fields = text.split('\0').filter(|field| !field.is_empty());
    let mut found = Numstat::new();
    while let Some(field) = fields.next() {
        let parts: Vec<&str> = field.splitn(3, '\t').collect();
        let [insertions, deletions, path] = parts[..] else {
            panic!("{field:?}")
        };
        let mut path = path.to_owned();
        if path.is_empty() {
            // Between folders every pair has two names, and a missing one is /dev/null.
            let (old, new) = (fields.next().expect("a name"), fields.next().expect("a name"));
            path = if new == "/dev/null" { old } else { new }.to_owned();
        }
        let counts = insertions.parse().ok().zip(deletions.parse().ok());
        found.insert(strip(&path), counts);
    }
    found
}

fn ours(measured: &Value) -> Numstat {
    let files = measured["files"].as_array().expect("files").iter();
    let changed = files.filter(|file| {
        let is_moved = file["status"] == "renamed";
        file["status"] != "same" && (is_moved || file["is_binary"] == true || file["hunks"] != serde_json::json!([]))
    });
    changed
        .map(|file| {
            let counts = (file["is_binary"] != true).then(|| {
                let count = |key: &str| file[key].as_u64().expect("a count");
                (count("insertions"), count("deletions"))
            });
            (file["path"].as_str().expect("a path").to_owned(), counts)
        })
        .collect()
}

#[test]
fn folders_are_counted_as_git_counts_them() {
    let place = Place::new();
    let (old, new) = (upstream(&place), ported(&place));
    std::fs::write(format!("{old}/blob"), b"a\0b").expect("a file");
    std::fs::write(format!("{new}/blob"), b"a\0c").expect("a file");
    let git = numstat(
        place.path(),
        &["--no-index", "-M", "upstream", "ported"],
        ["upstream/", "ported/"],
    );
    assert_eq!(ours(&measured(&place, &[&old, &new])), git);
}

fn git(dir: &Path, args: &[&str]) {
    let identity = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "init.defaultBranch=main",
    ];
    let out = Command::new("git")
        .current_dir(dir)
        .args(identity)
        .args(args)
        .output()
        .expect("git");
    assert!(
        out.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn a_range_of_revisions_is_counted_as_git_counts_it() {
    let place = Place::new();
    let repo = upstream(&place);
    let dir = Path::new(&repo);
    git(dir, &["init", "-q"]);
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-qm", "upstream"]);
    git(dir, &["tag", "v1"]);
    let new = ported(&place);
    git(dir, &["rm", "-rq", "."]);
    let copied = Command::new("cp")
        .args(["-r", &format!("{new}/."), &repo])
        .status()
        .expect("cp");
    assert!(copied.success());
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-qm", "port"]);

    let expected = numstat(dir, &["-M", "v1", "HEAD"], ["", ""]);
    let range = measured(&place, &["v1..HEAD", "--git", &repo]);
    assert_eq!(ours(&range), expected);
    assert_eq!(ours(&measured(&place, &["v1", "main", "--git", &repo])), expected);
    assert_eq!(ours(&measured(&place, &["v1...", "--git", &repo])), expected);
    let part = measured(&place, &["v1..HEAD", "--git", &repo, "--path", "sensor"]);
    assert_eq!(part["all"]["files"].get("added"), None);
    // Out of folders the same comes.
    let folders = measured(&place, &[&tree_of(dir, &place), &new]);
    assert_eq!(range["all"], folders["all"]);

    // In the repository a range alone is enough.
    let mut command = place.command(&["diff", "v1..", "--json", "-"]);
    command.current_dir(dir);
    let said: Said = common::Running::start(command).end().succeeds();
    assert_eq!(ours(&said.json()), expected);
}

/// Upstream's tree once more, beside.
fn tree_of(repo: &Path, place: &Place) -> String {
    let to = place.path().join("again");
    git(repo, &["worktree", "add", "-q", &to.display().to_string(), "v1"]);
    std::fs::remove_file(to.join(".git")).expect("the link to the repository");
    to.display().to_string()
}

/// Files of few different lines, edited at random: where a diff can be made in many ways.
#[test]
fn random_edits_are_counted_as_git_counts_them() {
    const LINES: [&str; 8] = ["a;", "b;", "", "}", "\tif (x)", "// c", "/*", "*/"];
    let place = Place::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).expect("small")
    };
    for dir in ["old", "new"] {
        std::fs::create_dir(place.path().join(dir)).expect("a folder");
    }
    for serial in 0..300 {
        let length = random(60);
        let mut lines: Vec<&str> = (0..length).map(|_| LINES[random(LINES.len())]).collect();
        let write = |dir: &str, lines: &[&str]| {
            let path = place.path().join(dir).join(format!("{serial}.c"));
            std::fs::write(path, lines.join("\n")).expect("a file");
        };
        write("old", &lines);
        for _ in 0..random(20) {
            let at = random(lines.len() + 1);
            if random(2) == 0 || at == lines.len() {
                lines.insert(at, LINES[random(LINES.len())]);
            } else {
                lines.remove(at);
            }
        }
        write("new", &lines);
    }
    let git = numstat(
        place.path(),
        &["--no-index", "--minimal", "--no-renames", "old", "new"],
        ["old/", "new/"],
    );
    let (old, new) = (place.path().join("old"), place.path().join("new"));
    let found = measured(&place, &[&old.display().to_string(), &new.display().to_string()]);
    assert_eq!(ours(&found), git);
    assert!(git.len() > 200, "{}", git.len());
}

#[test]
fn two_series_of_linux_are_counted_as_git_counts_them() {
    use linux_headers::{Locate, Series, Tree};
    let dir = |series| {
        let series = Some(series);
        let tree = Tree::locate(&Locate { linux: None, series }).expect("a kernel tree");
        tree.dir.display().to_string()
    };
    let (old, new) = (dir(Series::V6_1), dir(Series::V6_12));
    let place = Place::new();
    let found = measured(&place, &[&old, &new, "--path", "drivers/iio/accel"]);
    let prefixes = [format!("{old}/"), format!("{new}/")];
    let parts = prefixes.each_ref().map(|prefix| format!("{prefix}drivers/iio/accel"));
    let args = ["--no-index", "--minimal", "-M", parts[0].as_str(), parts[1].as_str()];
    let git = numstat(place.path(), &args, prefixes.each_ref().map(String::as_str));
    let git: Numstat = git
        .into_iter()
        .map(|(path, counts)| (path.trim_start_matches('/').to_owned(), counts))
        .collect();
    let bare = prefixes.each_ref().map(|prefix| prefix.trim_start_matches('/'));
    let git: Numstat = git
        .into_iter()
        .map(|(path, counts)| {
            let short = bare
                .iter()
                .find_map(|prefix| path.strip_prefix(prefix))
                .unwrap_or(&path);
            (short.to_owned(), counts)
        })
        .collect();
    assert_eq!(ours(&found), git);
    assert!(git.len() > 20, "{}", git.len());
}
