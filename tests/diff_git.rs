// SPDX-License-Identifier: GPL-2.0-only
//! `linux-compat diff` counts as git does: folders, revisions, files edited at random, and Linux itself.

mod common;
mod ports;

use common::{Place, Said};
use ports::{file, measured, ported, tree, upstream};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

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
    // One that only moved, and two of one content, of which each keeps its name.
    let same = "int same;\nint twice;\n";
    tree(
        &place,
        "upstream",
        &[
            ("lib/moved.c", "int moved;\n"),
            ("lib/one.c", same),
            ("lib/two.c", same),
        ],
    );
    tree(
        &place,
        "ported",
        &[
            ("misc/moved.c", "int moved;\n"),
            ("misc/two.c", same),
            ("misc/one.c", same),
        ],
    );
    let git = numstat(
        place.path(),
        &["--no-index", "-M", "upstream", "ported"],
        ["upstream/", "ported/"],
    );
    let found = measured(&place, &[&old, &new]);
    assert_eq!(ours(&found), git);
    for name in ["moved", "one", "two"] {
        let file = file(&found, &format!("misc/{name}.c"));
        assert_eq!(
            (&file["from"], &file["likeness"]),
            (&format!("lib/{name}.c").into(), &100.into())
        );
    }
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
