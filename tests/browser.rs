// SPDX-License-Identifier: GPL-2.0-only
//! The pages in a real browser: they render, sort, filter and print, on a telephone's width too, and run no script but
//! their own. Skipped by name where there is no Chromium.

mod common;

use common::Place;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// What every look at a page can use: `doc` and `view` are the page's, and what `look()` returns comes back as JSON.
const HARNESS: &str = r#"<!DOCTYPE html><meta charset=utf-8>
<iframe id=frame src=page.html width=1200 height=800></iframe><pre id=result></pre>
<script>
const frame = document.getElementById("frame");
const tick = () => new Promise((done) => setTimeout(done, 50));
const table = (doc, caption) => [...doc.querySelectorAll("table")].find((t) => t.caption.textContent === caption);
const header = (table, title) => [...table.tHead.rows[0].cells].find((c) => c.textContent === title);
const shown = (table) => [...table.tBodies[0].rows].filter((r) => r.offsetParent !== null && r.offsetHeight > 0);
const first = (table) => shown(table).map((r) => r.cells[0].firstChild.textContent);
const set = (input, value) => { input.value = value; input.dispatchEvent(new Event("input", {bubbles: true}));
                                input.dispatchEvent(new Event("change", {bubbles: true})); };
async function look(doc, view) { LOOK }
frame.addEventListener("load", async () => {
  let out;
  try { out = await look(frame.contentDocument, frame.contentWindow); } catch (e) { out = {error: String(e)}; }
  document.getElementById("result").textContent = JSON.stringify(out);
}, {once: true});
</script>"#;

fn chromium() -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    let Some(program) = found.find(|program| program.is_file()) else {
        eprintln!("skipped: no Chromium here; on Debian: apt-get install chromium");
        return None;
    };
    let mut command = Command::new(program);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args(["--allow-file-access-from-files", "--virtual-time-budget=20000"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    Some(command)
}

/// Opens `page.html` of the place in a browser, runs `look` beside it, and returns what that returns.
fn look(place: &Place, look: &str) -> Option<Value> {
    let mut browser = chromium()?;
    let harness = place.file("harness.html", &HARNESS.replace("LOOK", look));
    let profile = place.path().join("profile");
    browser.arg(format!("--user-data-dir={}", profile.display()));
    let out = browser
        .args(["--dump-dom", &format!("file://{harness}")])
        .output()
        .expect("Chromium starts");
    let dom = String::from_utf8_lossy(&out.stdout).into_owned();
    let result = dom
        .split("<pre id=\"result\">")
        .nth(1)
        .and_then(|rest| rest.split("</pre>").next());
    let result = result.unwrap_or_else(|| panic!("no result in {dom}"));
    let text = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let found: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    assert_eq!(found.get("error"), None, "{found}");
    Some(found)
}

/// Prints the place's page, and returns how many sheets it takes.
fn sheets(place: &Place) -> Option<usize> {
    let mut browser = chromium()?;
    let (page, pdf) = (place.path().join("page.html"), place.path().join("page.pdf"));
    browser
        .arg(format!("--user-data-dir={}", place.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()));
    assert!(
        browser
            .stdout(Stdio::null())
            .status()
            .expect("Chromium starts")
            .success()
    );
    let data = std::fs::read(pdf).expect("a PDF");
    let text = String::from_utf8_lossy(&data);
    Some(
        text.matches("/Type /Page\n").count()
            + text.matches("/Type /Page ").count()
            + text.matches("/Type/Page/").count(),
    )
}

/// A page of `diff`: eight files, of which each has one more line changed than the one before.
fn diff_page(place: &Place) {
    for (dir, word) in [("old", "int"), ("new", "long")] {
        let dir = place.path().join(dir);
        std::fs::create_dir(&dir).expect("a folder");
        for serial in 0..8 {
            let line = |nth: usize| format!("{} v{nth};\n", if nth < serial { word } else { "char" });
            let text: String = (0..20).map(line).collect();
            std::fs::write(dir.join(format!("part{serial}.c")), text).expect("a file");
        }
        std::fs::write(dir.join("Makefile"), format!("obj-m += part0.o # {word}\n")).expect("a file");
    }
    let [old, new, page] = ["old", "new", "page.html"].map(|name| place.path().join(name).display().to_string());
    place.run(&["diff", &old, &new, "--html", &page]).succeeds();
}

#[test]
fn the_page_of_a_diff_sorts_filters_and_unfolds() {
    let place = Place::new();
    diff_page(&place);
    let Some(found) = look(
        &place,
        r#"
        const files = table(doc, "Files"), out = {};
        out.tables = doc.querySelectorAll("table").length;
        out.flex = view.getComputedStyle(doc.querySelector("dl.facts")).display;
        out.before = first(files);
        header(files, "modified").querySelector("button").click();
        out.descending = [header(files, "modified").getAttribute("aria-sort"), ...first(files)];
        header(files, "modified").querySelector("button").click();
        out.ascending = [header(files, "modified").getAttribute("aria-sort"), ...first(files)];
        header(files, "file").querySelector("button").click();
        out.byName = [header(files, "modified").getAttribute("aria-sort"), ...first(files)];
        const controls = files.closest("section").querySelector(".controls");
        const sum = () => files.tFoot.rows[0].cells[header(files, "modified").cellIndex].textContent;
        out.sumAll = sum();
        set(controls.querySelector("input"), "PART7");
        out.filtered = [controls.querySelector("output").textContent, sum(), ...first(files)];
        set(controls.querySelector("input"), "");
        const languages = controls.querySelector("select[aria-label=language]");
        out.languages = [...languages.options].map((o) => o.value);
        set(languages, "Makefile");
        out.chosen = first(files);
        set(languages, "");
        out.again = shown(files).length;
        const link = [...files.querySelectorAll("a")].find((a) => a.textContent === "part7.c");
        const part = doc.getElementById(link.hash.slice(1));
        out.folded = part.open;
        link.click();
        await tick();
        out.unfolded = part.open;
        out.lines = ["add", "del"].map((c) => part.querySelectorAll("." + c).length);
        const script = doc.createElement("script");
        script.textContent = "window.hostile = 1";
        doc.body.append(script);
        out.hostile = view.hostile === undefined;
        return out;"#,
    ) else {
        return;
    };
    let parts =
        |order: &mut dyn Iterator<Item = usize>| -> Vec<String> { order.map(|n| format!("part{n}.c")).collect() };
    let mut by_name = vec!["Makefile".to_owned()];
    by_name.extend(parts(&mut (0..8)));
    assert_eq!(found["tables"], 2);
    assert_eq!(found["flex"], "flex");
    assert_eq!(found["before"], serde_json::json!(by_name));
    // The Makefile has one changed line, as part1.c has; part0.c has none.
    let descending = parts(&mut (2..8).rev());
    assert_eq!(found["descending"][0], "descending");
    assert_eq!(
        found["descending"].as_array().expect("rows")[1..7],
        serde_json::json!(descending).as_array().expect("rows")[..]
    );
    assert_eq!(
        (&found["ascending"][0], &found["ascending"][1]),
        (&"ascending".into(), &"part0.c".into())
    );
    assert_eq!(found["ascending"][9], "part7.c");
    assert_eq!(found["byName"][0], Value::Null);
    assert_eq!(
        found["byName"].as_array().expect("rows")[1..],
        serde_json::json!(by_name).as_array().expect("rows")[..]
    );
    assert_eq!(found["sumAll"], "29");
    assert_eq!(found["filtered"], serde_json::json!(["1 of 9", "7", "part7.c"]));
    assert_eq!(found["languages"], serde_json::json!(["", "C", "Makefile"]));
    assert_eq!(
        (&found["chosen"], &found["again"]),
        (&serde_json::json!(["Makefile"]), &9.into())
    );
    assert_eq!((&found["folded"], &found["unfolded"]), (&false.into(), &true.into()));
    assert_eq!(found["lines"], serde_json::json!([7, 7]));
    assert_eq!(found["hostile"], true);
}

#[test]
fn the_page_of_a_diff_fits_a_telephone_and_paper() {
    let place = Place::new();
    diff_page(&place);
    let Some(found) = look(
        &place,
        r#"
        frame.width = 360;
        await tick();
        const files = table(doc, "Files"), scroll = files.closest(".scroll");
        header(files, "modified").querySelector("button").click();
        const boxes = [...doc.querySelectorAll("h1, p, input, select, .facts div, .scroll, details")];
        return {
          width: view.innerWidth,
          page: doc.documentElement.scrollWidth,
          outside: boxes.filter((b) => b.getBoundingClientRect().right > 360.5).map((b) => b.outerHTML.slice(0, 80)),
          tableScrolls: scroll.scrollWidth > scroll.clientWidth,
          sorted: first(files)[0],
        };"#,
    ) else {
        return;
    };
    assert_eq!(found["width"], 360);
    assert!(found["page"].as_u64().expect("a width") <= 360, "{found}");
    assert_eq!(found["outside"], serde_json::json!([]));
    assert_eq!(found["tableScrolls"], true);
    assert_eq!(found["sorted"], "part7.c");
    let sheets = sheets(&place).expect("a browser, as before");
    assert!((1..=6).contains(&sheets), "{sheets}");
}

#[test]
fn the_page_of_the_figures_renders_and_sorts() {
    let place = Place::new();
    let page = place.path().join("page.html");
    if chromium().is_none() {
        return;
    }
    place.run(&["report", "--html", &page.display().to_string()]).succeeds();
    assert!(Path::new(&page).is_file());
    let found = look(
        &place,
        r#"
        const linux = table(doc, "Linux in the images");
        header(linux, "lines").querySelector("button").click();
        const lines = shown(linux).map((r) => Number(r.cells[header(linux, "lines").cellIndex].dataset.key));
        frame.width = 360;
        await tick();
        return {
          captions: [...doc.querySelectorAll("caption")].map((c) => c.textContent),
          files: lines.length,
          sorted: lines.every((n, i) => i === 0 || lines[i - 1] >= n),
          page: doc.documentElement.scrollWidth,
        };"#,
    );
    let found = found.expect("a browser, as before");
    assert_eq!(
        found["captions"],
        serde_json::json!(["Drivers", "Modules", "Our lines", "Linux in the images"])
    );
    assert!(found["files"].as_u64().expect("a count") > 100, "{found}");
    assert_eq!(found["sorted"], true);
    assert!(found["page"].as_u64().expect("a width") <= 360, "{found}");
}

#[test]
fn the_page_of_a_matrix_sorts_filters_and_fits_a_telephone_and_paper() {
    let place = Place::new();
    let page = place.path().join("page.html").display().to_string();
    if chromium().is_none() {
        return;
    }
    // The last has no exit function: it stays where it met its chips.
    let modules = ["adxl345_i2c", "bma180", "lm75", "tps65910"];
    let mut args = vec!["matrix", "--html", &page];
    args.extend(modules);
    place.run(&args).succeeds();
    let found = look(
        &place,
        r#"
        const modules = table(doc, "Modules"), subsystems = table(doc, "Subsystems"), out = {};
        out.facts = [...doc.querySelectorAll("dl.facts dd")].map((d) => d.textContent);
        out.subsystems = first(subsystems).sort();
        header(modules, "level").querySelector("button").click();
        out.worst = first(modules)[0];
        header(modules, "level").querySelector("button").click();
        out.best = shown(modules).map((r) => r.cells[header(modules, "level").cellIndex].firstChild.textContent);
        const controls = modules.closest("section").querySelector(".controls");
        const sum = () => modules.tFoot.rows[0].cells[header(modules, "lines").cellIndex].textContent;
        out.all = sum();
        set(controls.querySelector("select[aria-label=subsystem]"), "iio/accel");
        out.accelerometers = first(modules).sort();
        out.fewer = sum();
        set(controls.querySelector("select[aria-label=subsystem]"), "");
        set(controls.querySelector("select[aria-label=level]"), "meets hardware");
        out.short = first(modules);
        set(controls.querySelector("select[aria-label=level]"), "");
        set(controls.querySelector("input"), "LM75");
        out.named = first(modules);
        frame.width = 360;
        await tick();
        out.page = doc.documentElement.scrollWidth;
        return out;"#,
    )
    .expect("a browser, as before");
    assert_eq!(
        (&found["facts"][0], &found["facts"][1]),
        (&"4".into(), &"3".into()),
        "{found}"
    );
    assert_eq!(found["subsystems"], serde_json::json!(["hwmon", "iio/accel", "mfd"]));
    let clean = "unloads clean";
    assert_eq!(
        found["best"],
        serde_json::json!([clean, clean, clean, "meets hardware"])
    );
    assert_eq!(found["worst"], "tps65910");
    assert_eq!(found["accelerometers"], serde_json::json!(["adxl345_i2c", "bma180"]));
    assert_ne!(found["all"], found["fewer"]);
    assert_eq!(found["short"], serde_json::json!(["tps65910"]));
    assert_eq!(found["named"], serde_json::json!(["lm75"]));
    assert!(found["page"].as_u64().expect("a width") <= 360, "{found}");
    let sheets = sheets(&place).expect("a browser, as before");
    assert!((1..=3).contains(&sheets), "{sheets}");
}
