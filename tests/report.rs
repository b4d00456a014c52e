// SPDX-License-Identifier: GPL-2.0-only
//! `linux-compat report`: the figures are computed, prove themselves, and are those of the README.

mod common;

use common::{Place, Said};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

fn report(place: &Place, args: &[&str]) -> Said {
    let mut words = vec!["report"];
    words.extend(args);
    place.run(&words)
}

fn count(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or_else(|| panic!("no {key} in {of:#}"))
}

#[test]
fn the_readme_has_the_computed_figures() {
    report(&Place::new(), &["--check", "README.md"]).succeeds();
}

#[test]
fn another_figure_in_a_readme_fails() {
    let place = Place::new();
    let readme = std::fs::read_to_string(Path::new(common::ROOT).join("README.md")).expect("the README");
    let wrong = readme.replace(" lines; ", " more lines; ");
    assert_ne!(readme, wrong);
    let path = place.file("README.md", &wrong);
    report(&place, &["--check", &path]).fails(
        1,
        &[
            "the figures differ",
            "--readme FILE",
            "- | of it changed | 0 more lines",
        ],
    );
    report(&place, &["--readme", &path]).succeeds();
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), readme);
    let path = place.file("OTHER.md", "# nothing\n");
    report(&place, &["--check", &path]).fails(1, &["no block of figures"]);
}

#[test]
fn figures_add_up_and_prove_themselves() {
    let place = Place::new();
    let found = report(&place, &["--json"]).succeeds().json();
    let files = found["upstream"].as_array().expect("files");
    let lines: u64 = files.iter().map(|file| count(file, "lines")).sum();
    assert_eq!(
        (count(&found, "reused_lines"), count(&found, "reused_files")),
        (lines, files.len() as u64)
    );
    assert_eq!(count(&found, "changed_lines"), 0);
    assert_eq!(
        (count(&found["hashes"], "pristine"), count(&found["hashes"], "modified")),
        (files.len() as u64, 0)
    );

    // The hash over all hashes is what anybody can compute again.
    let mut all = Sha256::new();
    for file in files {
        let (hash, path) = (
            file["sha256"].as_str().expect("a hash"),
            file["path"].as_str().expect("a path"),
        );
        all.update(format!("{hash}  {path}\n"));
    }
    let all: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found["hashes"]["sha256"], all);

    let rooms = found["rooms"].as_array().expect("rooms");
    let glue = |key: &str| -> u64 {
        let glue = rooms.iter().filter(|room| room["is_glue"] == true);
        glue.map(|room| count(room, key)).sum()
    };
    assert_eq!(
        (count(&found, "glue_lines"), count(&found, "glue_code_lines")),
        (glue("lines"), glue("code"))
    );
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let quotient = glue("lines") as f64 / lines as f64;
    assert!((found["glue_over_reused"].as_f64().expect("a number") - quotient).abs() < 1e-12);
    for room in rooms {
        assert!(count(room, "files") > 0, "{room}");
        assert_eq!(
            count(room, "lines"),
            count(room, "code") + count(room, "comments") + count(room, "blanks"),
            "{room}"
        );
    }
    for driver in ["adxl345_i2c", "adxl345_spi", "bmg160"] {
        assert!(found["hand_lines_per_driver"][driver].is_u64(), "{driver}: {found:#}");
    }
    // The README says that these run; here they did.
    let measures = found["modules"]["measures"].as_u64().unwrap_or(0);
    assert!(measures >= 3, "{}", found["module_levels"]);
}

#[test]
fn an_image_s_files_are_its_build_s() {
    let place = Place::new();
    let found = report(&place, &["--json"]).succeeds().json();
    let built = place.run(&["build", "bmg160", "--json"]).succeeds().json();
    let sources = built["sources"].as_array().expect("sources");
    let lines: u64 = sources.iter().map(|source| count(source, "lines")).sum();
    let drivers = found["drivers"].as_array().expect("drivers");
    let driver = drivers
        .iter()
        .find(|driver| driver["driver"] == "bmg160")
        .expect("bmg160");
    assert_eq!(
        (count(driver, "files"), count(driver, "lines")),
        (sources.len() as u64, lines)
    );
    for source in sources {
        let has = |file: &Value| file["path"] == source["path"] && file["sha256"] == source["sha256"];
        assert!(found["upstream"].as_array().expect("files").iter().any(has), "{source}");
    }
}

#[test]
fn a_matrix_adds_modules_and_their_files() {
    let place = Place::new();
    let row = |module: &str, level: &str, file: &str| {
        format!(r#"{{"module":"{module}","kernel":"6.12","level":"{level}","files":["{file}"],"reason":null}}"#)
    };
    let rows = [
        row("adxl372", "unloads-clean", "drivers/iio/accel/adxl372.c"),
        row("bma180", "compiles", "drivers/iio/accel/bma180.c"),
    ];
    let matrix = place.file(
        "matrix.json",
        &format!(
            r#"[{{"kernel":"6.12","clean_files":{{"drivers/iio/accel/adxl372.c":1}},"rows":[{}]}}]"#,
            rows.join(",")
        ),
    );
    let (alone, found) = (
        report(&place, &["--json", "--boards"]).succeeds().json(),
        report(&place, &["--json", "--matrix", &matrix]).succeeds().json(),
    );
    assert_eq!(count(&found["modules"], "unloads-clean"), 1);
    assert_eq!(count(&found["modules"], "compiles"), 1);
    // The one that made no image adds no line.
    assert_eq!(count(&found, "reused_files"), count(&alone, "reused_files") + 1);
    assert!(found["levels_from"].as_str().expect("a text").contains("matrix.json"));

    let wrong = place.file("wrong.json", "[]");
    report(&place, &["--matrix", &wrong])
        .fails(1, &["wrong.json: no matrix as `linux-compat matrix --json` writes it"]);
    report(&place, &["--matrix", "/nowhere"]).fails(1, &["/nowhere: No such file or directory"]);

    // What is recorded of it says the same.
    let record = place.file("record.json", "");
    report(&place, &["--matrix", &matrix, "--record", &record]).succeeds();
    let mut again = report(&place, &["--json", "--matrix", &record]).succeeds().json();
    again["levels_from"] = found["levels_from"].clone();
    assert_eq!(again, found);
    report(&place, &["--record", &record]).fails(2, &["--matrix <FILE>"]);
    report(&place, &["--boards", "--matrix", &matrix]).fails(2, &["cannot be used with"]);
}

/// What the project promises of the whole tree, by the last run through it.
#[test]
fn the_recorded_matrix_keeps_what_is_promised() {
    for series in ["6.12", "6.1"] {
        let found = report(&Place::new(), &["--json", "--kernel", series]).succeeds().json();
        let from = found["levels_from"].as_str().expect("a text");
        assert!(
            from.contains(&format!("the recorded matrix of Linux {series}")),
            "{from}"
        );
        assert!(count(&found["modules"], "unloads-clean") >= 800, "{}", found["modules"]);
        assert!(count(&found, "module_lines") >= 700_000, "{series}");
        assert_eq!(count(&found, "changed_lines"), 0);
        let share = found["glue_over_reused"].as_f64().expect("a number");
        assert!(share <= 0.02, "{series}: {share}");
    }
}

#[test]
fn what_matrix_writes_is_what_report_reads() {
    let place = Place::new();
    let matrix = place.file("matrix.json", "");
    place
        .run(&["matrix", "bma220_spi", "--limit", "60", "--json", &matrix])
        .succeeds();
    let found = report(&place, &["--json", "--matrix", &matrix]).succeeds().json();
    assert_eq!(count(&found["modules"], "unloads-clean"), 1, "{}", found["modules"]);
    let upstream = found["upstream"].as_array().expect("files");
    let own = "drivers/iio/accel/bma220_spi.c";
    assert!(upstream.iter().any(|file| file["path"] == own), "no {own}");
}
