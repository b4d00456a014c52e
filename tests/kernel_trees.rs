// SPDX-License-Identifier: GPL-2.0-only
//! Bad input: kernel trees of other versions, and trees with changed files. What is not upstream's is named, with both
//! hashes, and is built only if the user says so; then every report says so too.

mod common;

use common::{Place, Said};
use linux_headers::{Locate, Series, Tree};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const STEP_FAILED: i32 = 1;
const SOURCE: &str = "drivers/iio/accel/adxl345_core.c";
const HEADER: &str = "include/linux/regmap.h";

/// A copy of the tree in which a source and a header have one more line. All other files are links, so it costs
/// nothing; and it stays where it is, so that the build's index of it is made once.
fn changed_tree() -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let (tree, own) = (upstream(), [SOURCE, HEADER]);
    let trees = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trees");
    let copy = trees.join("changed");
    if !copy.exists() {
        let beside = trees.join(".changed");
        let _ = fs::remove_dir_all(&beside);
        fs::create_dir_all(&trees).expect("a directory");
        mirror(&tree, &beside, &own);
        fs::rename(&beside, &copy).expect("a tree");
    }
    for file in own {
        let text = fs::read_to_string(tree.join(file)).expect("a source") + "\n/* changed */\n";
        let place = copy.join(file);
        if fs::read_to_string(&place).ok().as_ref() != Some(&text) {
            fs::write(place, text).expect("a changed source");
        }
    }
    copy
}

fn upstream() -> PathBuf {
    let wanted = Locate {
        linux: None,
        series: Some(Series::V6_12),
    };
    Tree::locate(&wanted).expect("a tree").dir
}

/// Links all entries of `from` into `to`, but for the directories that lead to `own`, which are made anew.
fn mirror(from: &Path, to: &Path, own: &[&str]) {
    fs::create_dir(to).expect("a directory");
    let mut inner: Vec<(&str, Vec<&str>)> = Vec::new();
    for path in own {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match inner.iter_mut().find(|(name, _)| *name == first) {
            Some((_, rests)) => rests.push(rest),
            None => inner.push((first, vec![rest])),
        }
    }
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match inner.iter().find(|(own, _)| *own == name) {
            None => symlink(entry.path(), to.join(&name)).expect("a link"),
            Some((_, rests)) if rests.iter().all(|rest| !rest.is_empty()) => {
                mirror(&entry.path(), &to.join(&name), rests);
            }
            Some(_) => {}
        }
    }
}

fn hash(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).expect("a file"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hash of a file as the package has it, and as it is in the changed tree.
fn hashes(tree: &Path, file: &str) -> (String, String) {
    (hash(&upstream().join(file)), hash(&tree.join(file)))
}

fn with_tree(place: &Place, words: &[&str], tree: &Path) -> Said {
    let tree = tree.display().to_string();
    let mut words = words.to_vec();
    words.extend(["--linux", &tree]);
    place.run(&words)
}

#[test]
fn a_tree_of_another_version_is_refused() {
    let place = Place::new();
    let old = place.path().join("old");
    fs::create_dir(&old).expect("a directory");
    fs::write(old.join("Makefile"), "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 3\n").expect("a file");
    let expected = "expected a tree of Linux 6.12 or 6.1";
    with_tree(&place, &["run", "adxl345", "--once"], &old).fails(STEP_FAILED, &["Linux 5.10.3", "old: ", expected]);
    with_tree(&place, &["build", "adxl345"], &old).fails(STEP_FAILED, &["Linux 5.10.3", expected]);

    fs::write(old.join("Makefile"), "all:\n\techo 6.12\n").expect("a file");
    with_tree(&place, &["run", "adxl345"], &old).fails(STEP_FAILED, &["no kernel tree", "no VERSION", expected]);
    with_tree(&place, &["run", "adxl345"], place.path()).fails(STEP_FAILED, &["no Makefile", expected]);
    with_tree(&place, &["run", "adxl345"], &place.path().join("nowhere"))
        .fails(STEP_FAILED, &["nowhere: no such directory", expected]);
}

#[test]
fn a_tree_of_the_other_series_is_refused() {
    let place = Place::new();
    let tree = upstream();
    with_tree(&place, &["run", "adxl345", "--kernel", "6.1"], &tree).fails(
        STEP_FAILED,
        &["Linux 6.12.", "expected a tree of Linux 6.1, as --kernel says"],
    );
}

#[test]
fn a_changed_source_is_named_with_both_hashes_and_not_built() {
    let place = Place::new();
    let tree = changed_tree();
    let (expected, found) = hashes(&tree, SOURCE);
    for words in [&["run", "adxl345", "--once"][..], &["build", "adxl345"]] {
        let said = with_tree(&place, words, &tree);
        said.fails(
            STEP_FAILED,
            &[
                &format!("{SOURCE}: changed since Linux 6.12"),
                &format!("expected SHA-256 {expected}"),
                &format!("found {found}"),
                "--allow-modified",
            ],
        );
        assert_eq!(said.out, "");
    }
}

#[test]
fn a_changed_source_that_is_allowed_runs_and_every_report_says_so() {
    let place = Place::new();
    let tree = changed_tree();
    let (expected, found) = hashes(&tree, SOURCE);
    let allowed = "--allow-modified";

    let said = with_tree(&place, &["run", "adxl345", "--once", allowed], &tree).succeeds();
    assert!(
        said.out
            .contains(&format!("MODIFIED: not upstream's: {SOURCE}, {HEADER}")),
        "{said}"
    );
    assert!(said.out.contains("accel_z"), "{said}");

    let said = with_tree(&place, &["run", "adxl345", "--once", "--json", allowed], &tree).succeeds();
    let report = said.json();
    assert_eq!(report["modified"], true);
    assert_eq!(report["changed"], serde_json::json!([SOURCE, HEADER]));
    let sources = report["sources"].as_array().expect("sources");
    let changed: Vec<_> = sources.iter().filter(|source| source["pristine"] != true).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(
        (&changed[0]["path"], &changed[0]["sha256"]),
        (&SOURCE.into(), &found.clone().into())
    );

    // Again, from the build's memory.
    let said = with_tree(&place, &["build", "adxl345", allowed], &tree).succeeds();
    for text in [
        format!("MODIFIED   {SOURCE}"),
        format!("MODIFIED: {SOURCE}, not upstream's"),
        format!("MODIFIED: {HEADER}, not upstream's"),
        expected.clone(),
        found.clone(),
    ] {
        assert!(said.out.contains(&text), "no {text:?} in {said}");
    }
    let report = with_tree(&place, &["build", "adxl345", "--json", allowed], &tree)
        .succeeds()
        .json();
    assert_eq!(report["modified"], true);
    let header = hashes(&tree, HEADER);
    assert_eq!(
        report["changed"],
        serde_json::json!([
            { "path": SOURCE, "expected": expected, "sha256": found },
            { "path": HEADER, "expected": header.0, "sha256": header.1 },
        ])
    );
    // What was allowed once is not allowed for ever.
    with_tree(&place, &["run", "adxl345", "--once"], &tree).fails(STEP_FAILED, &[SOURCE, allowed]);
}

#[test]
fn a_changed_source_and_a_changed_header_are_counted_in_the_figures() {
    let place = Place::new();
    let tree = changed_tree();
    with_tree(&place, &["report"], &tree).fails(STEP_FAILED, &[SOURCE, "--allow-modified"]);
    let found = with_tree(&place, &["report", "--json", "--allow-modified"], &tree)
        .succeeds()
        .json();
    // An empty line and a comment in each of the two.
    assert_eq!(found["changed_lines"], 4);
    assert_eq!(found["hashes"]["modified"], 1);
    assert_eq!(found["hashes"]["modified_headers"], serde_json::json!([HEADER]));
    let files = found["upstream"].as_array().expect("files");
    let source = files.iter().find(|file| file["path"] == SOURCE).expect("the source");
    assert_eq!(
        (&source["changed_lines"], &source["pristine"]),
        (&2.into(), &false.into())
    );
    // What changed is not reused.
    let lines: u64 = files.iter().filter_map(|file| file["lines"].as_u64()).sum();
    assert_eq!(found["reused_lines"], lines - 2);
}

/// Its words are told, the driver has a board all the same, and the status says so.
#[test]
fn an_example_that_dtc_rejects_is_told() {
    const DOCUMENT: &str = "Documentation/devicetree/bindings/iio/accel/adi,adxl372.yaml";
    const REJECTED: i32 = 18;
    let place = Place::new();
    let tree = place.path().join("tree");
    mirror(&upstream(), &tree, &[DOCUMENT]);
    let text = fs::read_to_string(upstream().join(DOCUMENT)).expect("a document");
    let wrong = text.replace("reg = <0x53>;", "reg = <0x53>");
    assert_ne!(wrong, text);
    fs::write(tree.join(DOCUMENT), wrong).expect("a document");
    let said = with_tree(&place, &["port", "adxl372_i2c"], &tree);
    assert_eq!(said.code, Some(REJECTED), "{said}");
    for text in [DOCUMENT, "syntax error", "removed, nothing left"] {
        assert!(said.out.contains(text), "no {text:?}: {said}");
    }
}
