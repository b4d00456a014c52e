// SPDX-License-Identifier: GPL-2.0-only
//! The data status of NXP's and ST's sensors: which axes have data that nobody has read, and which have lost some.

/// Bits 0 to 2: x, y and z have new data. Bit 3: there is new data. Bits 4 to 7: the same of data that was lost.
#[derive(Clone, Copy, Default)]
pub(crate) struct DataStatus(u8);

const ANY_NEW: u8 = 0x08;
const ANY_LOST: u8 = 0x80;

impl DataStatus {
    /// A sample of these axes: what was not read before it is lost.
    pub(crate) fn sampled(&mut self, axes: u8) {
        self.0 = (self.0 & 0x0f) << 4 | ANY_NEW | axes;
    }

    /// An axis was read: its flags go, and with the last of them the common ones.
    pub(crate) fn read(&mut self, axis: u8) {
        self.0 &= !(0x11 << axis);
        for (axes, common) in [(0x07, ANY_NEW), (0x70, ANY_LOST)] {
            if self.0 & axes == 0 {
                self.0 &= !common;
            }
        }
    }

    /// Whether there is new data.
    pub(crate) fn is_new(self) -> bool {
        self.0 & ANY_NEW != 0
    }

    /// As the register shows it.
    pub(crate) fn byte(self) -> u8 {
        self.0
    }
}
