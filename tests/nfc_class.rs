// SPDX-License-Identifier: GPL-2.0-only
//! Acceptance: every I2C and SPI NFC driver of both kernels builds unchanged, loads, meets a controller that never
//! answers, and is unloaded again.
//!
//! Nothing is on the bus: an I2C address is not acknowledged, an SPI read brings ones. Time is virtual, so that a
//! driver's own patience costs nothing.

use linux_compat::Board;
use linux_compat::board::BoardPart;
use linux_compat::nfc::{Nfc, NfcError};
use linux_compat::system::{ClockKind, DriverSpec, System, SystemOptions};
use linux_headers::Series;
use std::path::PathBuf;
use std::time::Duration;

/// What happens to a driver whose controller is silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    /// Its probe fails: there is no adapter.
    Refuses,
    /// It only notices when it is powered up.
    FailsToPowerUp,
    /// It asks nothing of its controller that would be missed: no tag is ever there.
    FindsNothing,
}
use Silence::{FailsToPowerUp, FindsNothing, Refuses};

/// A driver, its bus, where it is there, the properties of its node beside the interrupt, and what it makes of silence.
const DRIVERS: [(&str, &str, &str, &str, Silence); 13] = [
    (
        "nxp-nci_i2c",
        "i2c",
        "28",
        "compatible = \"nxp,nxp-nci-i2c\"; enable-gpios = <&gpio 1 0>;",
        FailsToPowerUp,
    ),
    ("pn533_i2c", "i2c", "24", "compatible = \"nxp,pn532\";", Refuses),
    (
        "pn544_i2c",
        "i2c",
        "28",
        "compatible = \"nxp,pn544-i2c\"; enable-gpios = <&gpio 1 0>; firmware-gpios = <&gpio 2 0>;",
        FailsToPowerUp,
    ),
    // It has no compatible: its device is named as Linux's id table names it.
    (
        "microread_i2c",
        "i2c",
        "6e",
        "compatible = \"inside,microread\";",
        FailsToPowerUp,
    ),
    (
        "st21nfca_i2c",
        "i2c",
        "1",
        "compatible = \"st,st21nfca-i2c\"; enable-gpios = <&gpio 1 0>;",
        Refuses,
    ),
    (
        "st-nci_i2c",
        "i2c",
        "8",
        "compatible = \"st,st21nfcb-i2c\"; reset-gpios = <&gpio 1 0>;",
        FailsToPowerUp,
    ),
    (
        "st-nci_spi",
        "spi",
        "0",
        "compatible = \"st,st21nfcb-spi\"; spi-max-frequency = <4000000>; reset-gpios = <&gpio 1 0>;",
        FailsToPowerUp,
    ),
    (
        "s3fwrn5_i2c",
        "i2c",
        "27",
        "compatible = \"samsung,s3fwrn5-i2c\"; en-gpios = <&gpio 1 0>; wake-gpios = <&gpio 2 0>;",
        FailsToPowerUp,
    ),
    ("fdp_i2c", "i2c", "40", "compatible = \"intel,fdp\";", Refuses),
    (
        "nfcmrvl_i2c",
        "i2c",
        "8",
        "compatible = \"marvell,nfc-i2c\"; i2c-int-rising; reset-n-io = <&gpio 1 0>;",
        FailsToPowerUp,
    ),
    (
        "nfcmrvl_spi",
        "spi",
        "0",
        "compatible = \"marvell,nfc-spi\"; spi-max-frequency = <3000000>; reset-n-io = <&gpio 1 0>;",
        FailsToPowerUp,
    ),
    (
        "trf7970a",
        "spi",
        "0",
        "compatible = \"ti,trf7970a\"; spi-max-frequency = <2000000>; ti,enable-gpios = <&gpio 1 0>, <&gpio 2 0>; \
         vin-supply = <&vdd>; vdd-io-supply = <&vdd>;",
        FindsNothing,
    ),
    (
        "st95hf",
        "spi",
        "0",
        "compatible = \"st,st95hf\"; spi-max-frequency = <2000000>; enable-gpio = <&gpio 1 0>; \
         st95hfvin-supply = <&vdd>;",
        Refuses,
    ),
];

/// The tests of two kernels run at once, and each writes boards of its own.
fn board(series: Series, driver: &str, bus: &str, reg: &str, properties: &str) -> Board {
    let text = format!(
        "// SPDX-License-Identifier: GPL-2.0-only
/dts-v1/;
/ {{
	compatible = \"linux-compat,board\";
	#address-cells = <1>;
	#size-cells = <0>;
	vdd: regulator-3v3 {{
		compatible = \"regulator-fixed\";
		regulator-name = \"3v3\";
		regulator-min-microvolt = <3300000>;
		regulator-max-microvolt = <3300000>;
	}};
	gpio: gpio {{
		compatible = \"linux-compat,gpio\";
		gpio-controller;
		#gpio-cells = <2>;
		interrupt-controller;
		#interrupt-cells = <2>;
		ngpios = <4>;
	}};
	{bus}@0 {{
		compatible = \"linux-compat,{bus}\";
		reg = <0>;
		linux-compat,channel = \"{bus}0\";
		#address-cells = <1>;
		#size-cells = <0>;
		nfc@{reg} {{
			reg = <0x{reg}>;
			interrupt-parent = <&gpio>;
			interrupts = <0 1>;
			{properties}
		}};
	}};
}};
"
    );
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{driver}-{series}-silent.dts"));
    std::fs::write(&path, text).expect("a file");
    Board::open(&path).expect("a board")
}

/// Those of which there is a model; it is taken off the board.
const WITH_MODEL: [&str; 3] = ["nxp-nci_i2c", "pn533_i2c", "st95hf"];

fn meets_silence(series: Series, driver: &str, board: Board, silence: Silence) -> Option<String> {
    let system = System::new(SystemOptions {
        series: Some(series),
        clock: ClockKind::Virtual,
        ..SystemOptions::default()
    })
    .expect("a system");
    let parts = board.parts();
    let spec = DriverSpec {
        stand_in: None,
        name: driver.to_owned(),
        board,
        stimulus: ::board::Stimulus::default(),
        faults: if WITH_MODEL.contains(&driver) {
            let absent = |node: BoardPart| ::board::Fault::parse(&format!("{}=absent", node.name)).expect("a fault");
            parts.into_iter().flat_map(absent).collect()
        } else {
            Vec::new()
        },
    };
    let built = system
        .build(driver, &spec.board)
        .unwrap_or_else(|e| panic!("{driver}: {e}"));
    let not_ours = |path: &str| !path.contains("shim/glue");
    let changed = built
        .report
        .sources
        .iter()
        .find(|source| not_ours(&source.path) && !source.pristine);
    assert!(changed.is_none(), "{driver}: {changed:?}");
    let domain = system.start(&spec, &built).unwrap_or_else(|e| panic!("{driver}: {e}"));
    let mut nfc = Nfc::open(domain.client().expect("a client")).unwrap_or_else(|e| panic!("{driver}: {e}"));
    let seen = match nfc.first() {
        Err(NfcError::NoAdapter) => Refuses,
        Err(error) => panic!("{driver}: {error}"),
        Ok(adapter) => {
            let seen = match nfc.up(adapter.index) {
                Ok(()) => {
                    let found = nfc.poll(adapter.index, adapter.protocols, Duration::from_secs(1));
                    assert_eq!(found.unwrap_or_else(|e| panic!("{driver}: {e}")), [], "{driver}");
                    FindsNothing
                }
                Err(error) => {
                    assert!(error.errno().is_some(), "{driver}: {error}");
                    FailsToPowerUp
                }
            };
            assert_eq!(
                nfc.adapters().expect("adapters").len(),
                1,
                "{driver}: it is still there"
            );
            seen
        }
    };
    let log = domain.log();
    domain.stop();
    let death = domain.wait_death(Duration::from_secs(10)).expect("the domain ends");
    assert!(death.is_orderly, "{driver} on {series}: {death}");
    (seen != silence).then(|| format!("{driver} on {series}: {seen:?}, expected {silence:?}: {log:?}"))
}

fn all(series: Series) {
    let wrong: Vec<String> = DRIVERS
        .into_iter()
        .filter_map(|(driver, bus, reg, properties, silence)| {
            meets_silence(series, driver, board(series, driver, bus, reg, properties), silence)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_driver_of_6_12_stands_a_silent_controller() {
    all(Series::V6_12);
}

#[test]
fn every_driver_of_6_1_stands_a_silent_controller() {
    all(Series::V6_1);
}
