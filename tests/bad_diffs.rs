// SPDX-License-Identifier: GPL-2.0-only
//! `linux-compat diff` with input that is wrong, hostile or too much: a clear message, an exit status of its own, and
//! no half-written file.

mod common;

use common::{LIMIT, Place, Running};
use rustix::process::Signal;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

const STEP_FAILED: i32 = 1;
const USAGE: i32 = 2;
const NO_SIDE: i32 = 4;
const DISJOINT: i32 = 5;
const INCOMPLETE: i32 = 6;
const INTERRUPTED: i32 = 130;

/// Two folders with one file of one path.
fn two(place: &Place) -> [PathBuf; 2] {
    ["old", "new"].map(|name| {
        let dir = place.path().join(name);
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::write(dir.join("a.c"), format!("int {name};\n")).expect("a file");
        dir
    })
}

fn words<'a>(dirs: &'a [PathBuf; 2], more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["diff"];
    words.extend(dirs.iter().map(|dir| dir.to_str().expect("UTF-8")));
    words.extend(more);
    words
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a folder").flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn trees_with_nothing_in_common_are_refused() {
    let place = Place::new();
    let dirs = two(&place);
    std::fs::rename(dirs[1].join("a.c"), dirs[1].join("b.c")).expect("renamed");
    let page = place.path().join("page.html").display().to_string();
    let said = place.run(&words(&dirs, &["--html", &page]));
    said.fails(
        DISJOINT,
        &[
            "have nothing in common: of 1 and 1 files",
            "name the folders that correspond",
        ],
    );
    assert_eq!(said.out, "");
    assert_eq!(names(place.path()), ["new", "old"]);
}

#[test]
fn a_side_that_is_missing_or_of_another_kind_is_named() {
    let place = Place::new();
    let dirs = two(&place);
    let [old, new] = dirs.each_ref().map(|dir| dir.to_str().expect("UTF-8"));
    let file = format!("{old}/a.c");
    place
        .run(&["diff", old, "/nowhere"])
        .fails(NO_SIDE, &["/nowhere: No such file or directory"]);
    place.run(&["diff", "/nowhere", new]).fails(NO_SIDE, &["/nowhere: "]);
    place
        .run(&["diff", &file, new])
        .fails(NO_SIDE, &["a.c is a file and", "name two files or two folders"]);
    place
        .run(&["diff", "/dev/null", new])
        .fails(NO_SIDE, &["/dev/null: neither a file nor a folder"]);
    place
        .run(&["diff", old, new, "--glue", "/nowhere"])
        .fails(NO_SIDE, &["/nowhere: "]);
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    place
        .run(&["diff", old, empty.to_str().expect("UTF-8")])
        .fails(NO_SIDE, &["empty: no files"]);
    place
        .run(&["diff", old, new, "--path", "b"])
        .fails(NO_SIDE, &["no files below what --path names"]);
    place.run(&["diff"]).fails(USAGE, &["UPSTREAM"]);
    place
        .run(&["diff", old])
        .fails(STEP_FAILED, &["expected a second folder or file"]);
}

#[test]
fn a_revision_that_is_not_there_is_git_s_to_tell() {
    let place = Place::new();
    let [old, _] = two(&place);
    let old = old.to_str().expect("UTF-8");
    place
        .run(&["diff", "v1..v2", "--git", old])
        .fails(STEP_FAILED, &["git rev-parse: ", "not a git repository"]);
    place
        .run(&["diff", "v1", "--git", old])
        .fails(STEP_FAILED, &["\"v1\": expected a range such as A..B"]);
    place
        .run(&["diff", "--git", "/nowhere", "a..b"])
        .fails(STEP_FAILED, &["git rev-parse: "]);
    // No word of the command line becomes an option of git's.
    place
        .run(&["diff", "--git", old, "--", "--output=x..HEAD"])
        .fails(STEP_FAILED, &["git rev-parse: "]);
}

#[test]
fn binary_text_and_what_is_neither_are_told_apart() {
    let place = Place::new();
    let dirs = two(&place);
    std::fs::write(dirs[0].join("blob"), b"\0\x01").expect("a file");
    std::fs::write(dirs[1].join("blob"), b"\0\x02").expect("a file");
    std::fs::write(dirs[0].join("latin.c"), b"/* caf\xe9 */\nint a;\n").expect("a file");
    std::fs::write(dirs[1].join("latin.c"), b"/* caf\xe9 */\nint b;\n").expect("a file");
    let page = place.path().join("page.html").display().to_string();
    let found = place
        .run(&words(&dirs, &["--json", "-", "--html", &page]))
        .succeeds()
        .json();
    let file = |path: &str| {
        let files = found["files"].as_array().expect("files");
        files
            .iter()
            .find(|file| file["path"] == path)
            .expect("the file")
            .clone()
    };
    assert_eq!(
        (&file("blob")["is_binary"], &file("blob")["status"]),
        (&true.into(), &"changed".into())
    );
    assert_eq!(file("blob")["insertions"], 0);
    assert_eq!(
        (&file("latin.c")["is_utf8"], &file("latin.c")["code"]["modified"]),
        (&false.into(), &1.into())
    );
    let html = std::fs::read_to_string(page).expect("UTF-8");
    assert!(html.contains("-int a;") && html.contains("not UTF-8"), "{html}");
}

#[test]
fn what_could_not_be_compared_is_named_and_the_rest_is_measured() {
    let place = Place::new();
    let dirs = two(&place);
    // Of a size over which lines are not counted, but holes: no disk is filled.
    for (dir, name) in [(0, "huge.c"), (1, "huge.c"), (0, "same.c"), (1, "same.c")] {
        let file = std::fs::File::create(dirs[dir].join(name)).expect("a file");
        file.set_len((64 << 20) + 1 + if name == "huge.c" { dir as u64 } else { 0 })
            .expect("its length");
    }
    let status = std::process::Command::new("mkfifo").arg(dirs[1].join("pipe")).status();
    assert!(status.expect("mkfifo").success());
    let said = place.run(&words(&dirs, &["--json", "-"]));
    said.fails(
        INCOMPLETE,
        &[
            "huge.c: over 64 MiB, its lines are not counted; it differs",
            "same.c: over 64 MiB, its lines are not counted; the same on both sides",
            "pipe: neither a file nor a folder",
        ],
    );
    assert_eq!(said.json()["all"]["code"]["modified"], 1);
}

#[test]
fn an_unreadable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let dirs = two(&place);
    let secret = dirs[1].join("a.c");
    let locked = dirs[1].join("locked");
    std::fs::create_dir(&locked).expect("a folder");
    for path in [&secret, &locked] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("its mode");
    }
    let mut command = place.command(&words(&dirs, &[]));
    if rustix::process::geteuid().is_root() {
        // Root reads everything; nobody does not, if it gets as far as the command itself.
        command.uid(65534).gid(65534).current_dir("/");
        if std::process::Command::new("test")
            .arg("-x")
            .arg(env!("CARGO_BIN_EXE_linux-compat"))
            .uid(65534)
            .status()
            .is_ok_and(|status| !status.success())
        {
            eprintln!("skipped: nobody may not start {}", env!("CARGO_BIN_EXE_linux-compat"));
            return;
        }
    }
    let said = Running::start(command).end();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    said.fails(INCOMPLETE, &["a.c: Permission denied", "locked: Permission denied"]);
    assert!(said.out.contains("a.c (NOT COMPARED)"), "{said}");
}

#[test]
fn links_are_compared_as_links_and_lead_nowhere() {
    let place = Place::new();
    let dirs = two(&place);
    for dir in &dirs {
        symlink(".", dir.join("circle")).expect("a link");
        symlink("self", dir.join("self")).expect("a link");
    }
    symlink("/etc/passwd", dirs[0].join("way")).expect("a link");
    symlink("/etc/shadow", dirs[1].join("way")).expect("a link");
    let found = place.run(&words(&dirs, &["--json", "-"])).succeeds().json();
    let files = found["files"].as_array().expect("files");
    let names: Vec<&str> = files.iter().filter_map(|file| file["path"].as_str()).collect();
    assert_eq!(names, ["a.c", "circle", "self", "way"]);
    assert_eq!(
        (&files[3]["insertions"], &files[3]["upstream"]["lines"]),
        (&1.into(), &1.into())
    );
    // A side that is itself a link is where it leads; one that leads in circles is none.
    let link = place.path().join("link");
    symlink("old", &link).expect("a link");
    place
        .run(&["diff", link.to_str().expect("UTF-8"), dirs[1].to_str().expect("UTF-8")])
        .succeeds();
    let round = dirs[0].join("self").display().to_string();
    place.run(&["diff", &round, &round]).fails(NO_SIDE, &["self: "]);
}

#[test]
fn names_and_lines_of_a_hostile_tree_stay_text() {
    let place = Place::new();
    let dirs = two(&place);
    for (dir, text) in [(0, "x"), (1, "</pre><script>alert(1)</script>")] {
        std::fs::write(dirs[dir].join("<img src=x>\u{1b}[2J.c"), text).expect("a file");
    }
    let page = place.path().join("page.html").display().to_string();
    let said = place.run(&words(&dirs, &["--html", &page])).succeeds();
    assert!(!said.out.contains('\u{1b}'), "{said}");
    let html = std::fs::read_to_string(page).expect("a page");
    assert!(!html.contains("<img") && !html.contains("<script>alert"), "{html}");
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing() {
    let place = Place::new();
    let dirs = two(&place);
    let nowhere = place.path().join("no/page.html").display().to_string();
    place
        .run(&words(&dirs, &["--html", &nowhere]))
        .fails(STEP_FAILED, &["no/page.html: No such file or directory"]);
    let folder = dirs[0].display().to_string();
    place
        .run(&words(&dirs, &["--json", &folder]))
        .fails(STEP_FAILED, &["old: is a directory"]);
    assert_eq!(names(place.path()), ["new", "old"]);
    assert_eq!(names(&dirs[0]), ["a.c"]);
}

#[test]
fn ctrl_c_ends_it_and_leaves_nothing() {
    use linux_headers::{Locate, Series, Tree};
    let tree = |series| {
        let series = Some(series);
        Tree::locate(&Locate { linux: None, series })
            .expect("a kernel tree")
            .dir
    };
    let dirs = [tree(Series::V6_1), tree(Series::V6_12)];
    let place = Place::new();
    let page = place.path().join("page.html").display().to_string();
    let running = place.start(&words(&dirs, &["--html", &page, "--json", &page]));
    std::thread::sleep(std::time::Duration::from_millis(700));
    let begun = Instant::now();
    running.signal(Signal::INT);
    let said = running.end();
    said.fails(INTERRUPTED, &["interrupted"]);
    assert_eq!(said.out, "");
    assert!(begun.elapsed() < LIMIT / 4, "{:?}", begun.elapsed());
    assert_eq!(names(place.path()), Vec::<String>::new());
}
