// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig files of the kinds that the tree has, in small.

use super::{Answers, Config, Kconfig};
use std::fs;

const TEXT: &str = r#"
mainmenu "Test"
config MODULES
	bool "modules"
menu "Buses"
	depends on HAS_BUS
config I2C
	tristate "I2C"
	help
	  A help text
	    with config WORDS in it
	  default y
config SPI
	bool "SPI"
endmenu
config HAS_BUS
	def_bool y
config REGMAP
	bool
	default y if REGMAP_I2C
config REGMAP_I2C
	tristate
if I2C
config CHIP
	tristate "Chip" if !OTHER
	depends on SENSORS = y || OTHER
	select CHIP_I2C if I2C
	select CHIP_SPI if SPI
config CHIP_I2C
	tristate
	select REGMAP_I2C
config CHIP_SPI
	tristate
endif
config SENSORS
	bool "Sensors"
config DEPTH
	int "depth"
	default 7 if CHIP
	default 3
config LABEL
	string
	default "a b"
choice
	prompt "speed"
	default FAST
config SLOW
	bool "slow"
config FAST
	bool "fast"
endchoice
config IMPOSSIBLE
	bool "cannot be"
	depends on NOWHERE && I2C
config OTHER
	bool "other"
"#;

fn kconfig(name: &str) -> Kconfig {
    let root = std::env::temp_dir().join(format!("kconfig-{name}-{}", std::process::id()));
    fs::create_dir_all(&root).expect("makes a directory");
    fs::write(root.join("Kconfig"), TEXT).expect("writes");
    let kconfig = Kconfig::read(&root);
    fs::remove_dir_all(root).expect("removes");
    assert!(kconfig.warnings.is_empty(), "{:?}", kconfig.warnings);
    kconfig
}

fn resolve(name: &str, answers: &str, wishes: &[&str]) -> (Kconfig, Config) {
    let kconfig = kconfig(name);
    let wishes: Vec<String> = wishes.iter().map(|wish| (*wish).to_owned()).collect();
    let config = Config::resolve(&kconfig, &Answers::parse(answers).expect("answers"), &wishes);
    (kconfig, config)
}

#[test]
fn unanswered_questions_are_no_and_the_rest_is_computed() {
    let (kconfig, config) = resolve("base", "CONFIG_I2C=y\n", &[]);
    assert!(config.is_on("I2C") && config.is_on("HAS_BUS") && config.is_on("FAST"));
    assert!(!config.is_on("SPI") && !config.is_on("REGMAP") && !config.is_on("SLOW"));
    assert_eq!(config.get("DEPTH"), "3");
    let text = config.autoconf(&kconfig);
    assert!(
        text.contains("#define CONFIG_LABEL \"a b\"\n") && text.contains("#define CONFIG_DEPTH 3\n"),
        "{text}"
    );
    assert!(text.contains("#define CONFIG_I2C 1\n"), "{text}");
}

#[test]
fn a_wish_brings_what_it_selects_and_depends_on() {
    let (_, config) = resolve("wish", "CONFIG_I2C=y\n", &["CHIP"]);
    for symbol in ["CHIP", "CHIP_I2C", "REGMAP_I2C", "REGMAP", "SENSORS"] {
        assert!(config.is_on(symbol), "{symbol}");
    }
    assert!(!config.is_on("CHIP_SPI"));
    assert_eq!(config.get("DEPTH"), "7");
    assert_eq!(config.turned_on, ["SENSORS"]);
    assert!(config.unmet.is_empty(), "{:?}", config.unmet);
}

#[test]
fn a_wish_without_a_question_turns_on_the_one_that_selects_it() {
    let (_, config) = resolve("selector", "CONFIG_I2C=y\nCONFIG_SENSORS=y\n", &["CHIP_I2C"]);
    assert!(config.is_on("CHIP") && config.is_on("CHIP_I2C"));
}

#[test]
fn a_firm_no_stands_against_selects_and_wishes_report_what_is_unmet() {
    let (_, config) = resolve(
        "no",
        "CONFIG_I2C=y\n# CONFIG_REGMAP_I2C is not set\n",
        &["CHIP", "IMPOSSIBLE"],
    );
    assert!(!config.is_on("REGMAP_I2C"));
    assert!(
        config
            .refused
            .iter()
            .any(|refused| refused.by == "CHIP_I2C" && refused.symbol == "REGMAP_I2C")
    );
    assert_eq!(config.unmet.len(), 1);
    assert_eq!(config.unmet[0].depends, "NOWHERE");
}

#[test]
fn a_line_that_is_no_answer_is_named() {
    assert_eq!(
        Answers::parse("CONFIG_A=y\nnonsense\n").expect_err("is refused"),
        (2, "nonsense".to_owned())
    );
}
