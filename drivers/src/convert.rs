// SPDX-License-Identifier: GPL-2.0-only
//! From physics to the numbers of a converter.

/// The nearest whole number, limited to a signed number of `bits` bits (at most 16): what a saturating converter gives.
#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to 16 bits first")]
#[inline]
pub fn quantise(value: f64, bits: u32) -> i16 {
    let limit = f64::from(1i32 << (bits.clamp(1, 16) - 1));
    // Rounds half away from zero, as `round`, which is a call into libm on most machines and ten times slower.
    (value + 0.5f64.copysign(value)).clamp(-limit, limit - 1.0) as i16
}

#[cfg(test)]
mod tests {
    use super::quantise;

    #[test]
    fn rounds_and_saturates() {
        assert_eq!([quantise(1.5, 10), quantise(-1.4, 10)], [2, -1]);
        assert_eq!([quantise(1e9, 10), quantise(-1e9, 10)], [511, -512]);
        assert_eq!([quantise(1e9, 16), quantise(f64::NAN, 16)], [i16::MAX, 0]);
    }
}
