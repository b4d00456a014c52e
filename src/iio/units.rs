// SPDX-License-Identifier: GPL-2.0-only
//! What IIO's numbers mean: from `(raw + offset) × scale` to SI.
//!
//! The ABI gives each kind of channel a unit of its own (`Documentation/ABI/testing/sysfs-bus-iio`): accelerations
//! are already in m/s², but temperatures are in millidegrees and voltages in millivolts.

/// A unit and how many of it one unit of the ABI is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// Its symbol; empty for a number without a dimension, or one that the ABI leaves open.
    pub symbol: &'static str,
    /// What a value of the ABI is multiplied by.
    pub factor: f64,
}

const fn unit(symbol: &'static str, factor: f64) -> Unit {
    Unit { symbol, factor }
}

/// By channel type, as it stands in attribute names. Types that are not here have no unit in the ABI.
const UNITS: &[(&str, Unit)] = &[
    ("accel", unit("m/s²", 1.0)),
    ("altvoltage", unit("V", 1e-3)),
    ("angl", unit("rad", 1.0)),
    ("anglvel", unit("rad/s", 1.0)),
    ("capacitance", unit("F", 1e-9)),
    ("cct", unit("K", 1.0)),
    ("colortemp", unit("K", 1.0)),
    ("concentration", unit("%", 1.0)),
    ("current", unit("A", 1e-3)),
    ("deltaangl", unit("rad", 1.0)),
    ("deltavelocity", unit("m/s", 1.0)),
    ("distance", unit("m", 1.0)),
    ("electricalconductivity", unit("S/m", 1.0)),
    ("energy", unit("J", 1.0)),
    ("gravity", unit("m/s²", 1.0)),
    ("humidityrelative", unit("%", 1e-3)),
    ("illuminance", unit("lx", 1.0)),
    ("incli", unit("rad", std::f64::consts::PI / 180.0)),
    ("magn", unit("T", 1e-4)),
    ("massconcentration", unit("kg/m³", 1e-9)),
    ("phase", unit("rad", 1.0)),
    ("power", unit("W", 1e-3)),
    ("pressure", unit("Pa", 1e3)),
    ("proximity", unit("m", 1.0)),
    ("resistance", unit("Ω", 1.0)),
    ("temp", unit("°C", 1e-3)),
    ("timestamp", unit("s", 1e-9)),
    ("velocity", unit("m/s", 1.0)),
    ("voltage", unit("V", 1e-3)),
];

/// The unit of a channel type, such as `accel`.
///
/// # Examples
///
/// ```
/// use linux_compat::iio::unit_of;
///
/// // `in_temp_input` holds 25000: millidegrees.
/// let unit = unit_of("temp");
/// assert_eq!((25_000.0 * unit.factor, unit.symbol), (25.0, "°C"));
/// assert_eq!(unit_of("anglvel").symbol, "rad/s");
/// ```
#[must_use]
pub fn unit_of(channel_type: &str) -> Unit {
    let found = UNITS.iter().find(|(name, _)| *name == channel_type);
    found.map_or(unit("", 1.0), |(_, unit)| *unit)
}
