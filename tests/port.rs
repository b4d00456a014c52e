// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: a driver directory that nobody saw before runs with no edit, and one that cannot run says why.

mod common;

use common::{Place, ROOT, Said};

/// A driver of one file; `probe` is the body of its probe function, `more` stands before it.
fn driver(more: &str, probe: &str) -> String {
    format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n#include <linux/i2c.h>\n#include <linux/module.h>\n\
         #include <linux/slab.h>\n{more}\n\
         static int odd_probe(struct i2c_client *client)\n{{\n{probe}\n}}\n\
         static const struct of_device_id odd_match[] = {{ {{ .compatible = \"vendor,odd\" }}, {{ }} }};\n\
         static struct i2c_driver odd_driver = {{\n\
         \t.driver = {{ .name = \"odd\", .of_match_table = odd_match }},\n\t.probe = odd_probe,\n}};\n\
         module_i2c_driver(odd_driver);\nMODULE_LICENSE(\"GPL\");\n"
    )
}

fn port(place: &Place, source: &str) -> Said {
    place.file("odd.c", source);
    place.run(&["port", &place.path().display().to_string()])
}

#[test]
fn a_vendor_folder_runs_with_no_edit() {
    let place = Place::new();
    let board = place.path().join("lumen.dts");
    let said = place
        .run(&[
            "port",
            &format!("{ROOT}/tests/vendor/lumen"),
            "--write-board",
            &board.display().to_string(),
        ])
        .succeeds();
    for part in [
        "lumen for Linux 6.12: unloads clean",
        "lumen_core.c",
        "all zeros: bound",
    ] {
        assert!(said.out.contains(part), "no {part:?} in {said}");
    }
    let board = std::fs::read_to_string(board).expect("the board");
    assert!(board.contains("compatible = \"vendor,lumen\""), "{board}");
}

#[test]
fn what_a_driver_leaves_behind_is_counted() {
    let place = Place::new();
    let said = port(&place, &driver("", "\treturn kmalloc(100, GFP_KERNEL) ? 0 : -ENOMEM;"));
    assert_eq!(said.code, Some(17), "{said}");
    assert!(said.out.contains("left behind by each load: 1 objects"), "{said}");
}

#[test]
fn a_timer_that_outlives_its_driver_is_told() {
    let place = Place::new();
    let more = "static struct timer_list ticker;\n\
                static void tick(struct timer_list *t) { mod_timer(t, jiffies + HZ); }\n";
    let probe = "\ttimer_setup(&ticker, tick, 0);\n\tmod_timer(&ticker, jiffies + HZ);\n\treturn 0;";
    let said = port(&place, &driver(more, probe));
    assert_eq!(said.code, Some(17), "{said}");
    assert!(said.out.contains("a timer"), "{said}");
}

#[test]
fn a_driver_that_dies_is_a_symbolised_reason() {
    let place = Place::new();
    let said = port(&place, &driver("", "\treturn *(volatile int *)8;"));
    // The initcall registers the driver, and that probes the chip: it never returned.
    assert_eq!(said.code, Some(15), "{said}");
    let reason = "invalid memory access at 0x8 in task";
    assert!(
        said.out.contains("odd_probe at ") && said.out.contains(reason),
        "{said}"
    );
}

#[test]
fn a_symbol_of_another_series_is_named() {
    let place = Place::new();
    let probe = "\textern size_t strlcpy(char *, const char *, size_t);\n\tchar name[8];\n\
                 \treturn strlcpy(name, client->name, sizeof(name)) > 100;";
    let said = port(&place, &driver("", probe));
    assert_eq!(said.code, Some(14), "{said}");
    for part in ["missing: strlcpy", "odd_probe", "Linux 6.1 has it in lib/string.c"] {
        assert!(said.out.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn what_does_not_compile_is_told_in_the_compilers_words() {
    let place = Place::new();
    let said = port(&place, &driver("", "\treturn client->no_such_member;"));
    assert_eq!(said.code, Some(13), "{said}");
    assert!(
        said.out.contains("odd.c:8") && said.out.contains("no_such_member"),
        "{said}"
    );
}

#[test]
fn folders_without_a_driver_and_strange_makefiles_have_their_own_status() {
    let place = Place::new();
    let dir = place.path().display().to_string();
    place.run(&["port", &dir]).fails(10, &["no driver"]);
    place.file("tool.c", "int main(void) { return 0; }\n");
    place.run(&["port", &dir]).fails(10, &["no driver"]);
    place.file("Makefile", "all:\n\tcc -o tool tool.c\n");
    place.run(&["port", &dir]).fails(11, &["Makefile", "expected obj-m"]);
    place
        .run(&["port", "no_such_driver_at_all"])
        .fails(10, &["no driver named"]);
}
