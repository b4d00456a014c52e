// SPDX-License-Identifier: GPL-2.0-only
//! Examples in, boards out.

use super::bindings::examples;
use super::example::Example;
use super::source::{Buses, Drives, compatibles, names, trigger, trigger_beside, with_macros};
use super::{Asks, write};
use crate::board::Board;
use linux_headers::{Locate, Series, Tree};
use std::path::Path;

const DOCUMENT: &str = "\
title: A chip
examples:
  - |
    i2c {
        #address-cells = <1>;
        #size-cells = <0>;
        chip@2a {
            compatible = \"maker,chip\";
            reg = <0x2a>;
            interrupt-parent = <&gpio1>;
            interrupts = <9 2>, <10 8>;
            interrupt-names = \"a\", \"b\";
            vdd-supply = <&vdd>;
            clocks = <&clk 3>;
            reset-gpios = <&gpio 5 0 1>;
            pwms = <&pwm 1 2>;
            sub: part {
                maker,bytes = [01 02 03];
                maker,peer = <&sub>;
            };
        };
    };

  - |
    spi {
    };
additionalProperties: false
";

fn drives() -> Drives {
    Drives {
        buses: Buses::I2c,
        compatibles: vec!["maker,chip".to_owned()],
        names: vec!["chip".to_owned()],
        trigger: None,
    }
}

fn tree() -> Tree {
    let locate = Locate {
        linux: None,
        series: Some(Series::V6_12),
    };
    Tree::locate(&locate).unwrap()
}

#[test]
fn examples_are_found_by_their_indentation() {
    let found = examples(DOCUMENT);
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("maker,chip") && !found[1].contains("additional"));
}

#[test]
fn a_board_gives_the_chip_what_it_names() {
    let example = Example::compile(&tree(), &examples(DOCUMENT)[0]).unwrap();
    let (text, asks) = write::from_example(&example, &drives(), "chip", "doc.yaml").unwrap();
    for line in [
        "chip@2a {",
        "interrupts-extended = <&gpio 0 2>, <&gpio 1 8>;",
        "vdd-supply = <&vdd>;",
        "clocks = <&clock>;",
        "reset-gpios = <&gpio 2 1>;",
        "maker,bytes = [01 02 03];",
        "maker,peer = < &node",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    assert_eq!(
        asks,
        Asks {
            bus: "i2c".to_owned(),
            interrupts: 2,
            lines: vec!["reset-gpios".to_owned()],
            supplies: vec!["vdd".to_owned()],
            clocks: 1,
            left_out: vec!["pwms".to_owned()],
        }
    );
    let board = Board::of_source(Path::new("chip.dts"), text).unwrap();
    board.check().unwrap();
    assert_eq!(board.chips(), ["maker,chip"]);
}

#[test]
fn a_board_without_an_example_has_an_address_and_an_interrupt() {
    for buses in [Buses::I2c, Buses::Spi] {
        let (text, _) = write::made(&Drives { buses, ..drives() }, "chip");
        let board = Board::of_source(Path::new("chip.dts"), text).unwrap();
        board.check().unwrap();
    }
}

#[test]
fn a_board_s_interrupt_is_of_the_kind_that_the_driver_requests() {
    let source = "request_irq(irq, handler, IRQF_TRIGGER_NONE | IRQF_TRIGGER_LOW | IRQF_ONESHOT, name, chip);";
    assert_eq!(trigger(source), Some(8));
    let drives = Drives {
        trigger: trigger(source),
        ..drives()
    };
    assert!(write::made(&drives, "chip").0.contains("interrupts = <0 8>;"));
    assert_eq!(trigger("request_irq(irq, handler, 0, name, chip);"), None);
}

#[test]
fn names_stand_in_device_tables() {
    let source = "static const struct i2c_device_id chip_ids[] = {\n\
                  \t{ \"lm1\", 0 },\n\t{ .name = \"lm2\" },\n\t{ }\n};\n\
                  static const struct i2c_device_id *one(struct i2c_client *c) { return \"no\"; }\n";
    assert_eq!(names(source), ["lm1", "lm2"]);
}

#[test]
fn a_macro_may_make_the_entries_of_a_table() {
    let source = "static const struct of_device_id chip_of_match[] = {\n\
                  \tCHIP(\"maker,lm1\", LM1, \"text\"),\n\
                  \t{ .compatible = \"maker,lm2\", .data = \"no\" },\n\t{ }\n};\n\
                  static const struct spi_device_id chip_ids[] = {\n\
                  \tCHIP_ID(\"lm1\"),\n\t{ CHIP_NAME, LM3 },\n\t{ }\n};\n\
                  #define CHIP_NAME \"lm3\"\n";
    assert_eq!(compatibles(source), ["maker,lm1", "maker,lm2"]);
    assert_eq!(names(source), ["lm1", "lm3"]);
}

#[test]
fn an_spi_driver_without_a_table_is_matched_by_its_name() {
    let source = "static struct spi_driver chip_driver = {\n\t.driver = {\n\t\t.name\t= \"lm1\",\n\t},\n};\n";
    assert_eq!(names(source), ["lm1"]);
}

#[test]
fn a_name_that_a_header_defines_is_found() {
    let dir = std::env::temp_dir().join(format!("names-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        linux_headers::cache::write_atomic(&dir.join(path), text.as_bytes()).expect("writes");
    };
    write("include/linux/shared.h", "#define SHARED_NAME \"shared\"\n");
    write("drivers/own.h", "#define OWN_NAME\t\"own\"\n");
    let source = "#include <linux/shared.h>\n#include \"own.h\"\n#include <linux/nowhere.h>\n\
                  static const struct i2c_device_id ids[] = {\n\t{ SHARED_NAME },\n\t{ OWN_NAME },\n\t{}\n};\n";
    let text = with_macros(source.to_owned(), &dir.join("drivers/driver.c"), &dir);
    let _ = std::fs::remove_dir_all(&dir);
    assert_eq!(names(&text), ["shared", "own"]);
}

#[test]
fn the_trigger_may_stand_in_what_drivers_of_several_buses_share() {
    let dir = std::env::temp_dir().join(format!("beside-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        linux_headers::cache::write_atomic(&dir.join(path), text.as_bytes()).expect("writes");
    };
    write(
        "one-irq.c",
        "request_irq(irq, handler, IRQF_TRIGGER_FALLING, name, chip);",
    );
    write("core.c", "request_irq(irq, handler, IRQF_TRIGGER_RISING, name, chip);");
    write("other.c", "request_irq(irq, handler, IRQF_TRIGGER_LOW, name, chip);");
    write("one-i2c.c", "#include <linux/i2c.h>\n");
    write("two_spi.c", "#include \"core.h\"\n");
    write("three.c", "#include <other.h>\n");
    let found = ["one-i2c.c", "two_spi.c", "three.c"].map(|name| trigger_beside(&dir.join(name)));
    let _ = std::fs::remove_dir_all(&dir);
    assert_eq!(found, [Some(2), Some(1), None]);
}
