// SPDX-License-Identifier: GPL-2.0-only
//! The configuration parameters of CORE_SET_CONFIG and CORE_GET_CONFIG: NCI 1.0, 4.3 and table 100.

use super::nci::status;
use std::collections::BTreeMap;

/// Polling and listening period in ms, little-endian.
const TOTAL_DURATION: u16 = 0x00;

/// The parameters of NCI with their values after a reset: identifier, value.
const PARAMETERS: &[(u8, &[u8])] = &[
    (0x00, &[0xe8, 0x03]), // TOTAL_DURATION
    (0x01, &[3]),          // CON_DEVICES_LIMIT
    (0x08, &[0]),          // PA_BAIL_OUT
    (0x10, &[0]),          // PB_AFI
    (0x11, &[0]),          // PB_BAIL_OUT
    (0x12, &[0]),          // PB_ATTRIB_PARAM1
    (0x13, &[0]),          // PB_SENSB_REQ_PARAM
    (0x18, &[1]),          // PF_BIT_RATE
    (0x19, &[0]),          // PF_RC_CODE
    (0x20, &[]),           // PB_H_INFO
    (0x21, &[0]),          // PI_BIT_RATE
    (0x22, &[1]),          // PA_ADV_FEAT
    (0x28, &[1]),          // PN_NFC_DEP_SPEED
    (0x29, &[]),           // PN_ATR_REQ_GEN_BYTES
    (0x2a, &[0x30]),       // PN_ATR_REQ_CONFIG
    (0x30, &[0x04]),       // LA_BIT_FRAME_SDD
    (0x31, &[0x03]),       // LA_PLATFORM_CONFIG
    (0x32, &[0x00]),       // LA_SEL_INFO
    (0x33, &[8, 0, 0, 0]), // LA_NFCID1
    (0x38, &[0x00]),       // LB_SENSB_INFO
    (0x39, &[8, 0, 0, 0]), // LB_NFCID0
    (0x3a, &[0; 4]),       // LB_APPLICATION_DATA
    (0x3b, &[0]),          // LB_SFGI
    (0x3c, &[5]),          // LB_ADC_FO
    (0x50, &[0]),          // LF_PROTOCOL_TYPE
    (0x53, &[0xff; 8]),    // LF_T3T_PMM
    (0x54, &[0xff, 0xff]), // LF_T3T_FLAGS
    (0x58, &[0x00]),       // LI_FWI
    (0x59, &[]),           // LA_HIST_BY
    (0x5a, &[]),           // LB_H_INFO_RESP
    (0x60, &[14]),         // LN_WT
    (0x61, &[]),           // LN_ATR_RES_GEN_BYTES
    (0x62, &[0x30]),       // LN_ATR_RES_CONFIG
    (0x80, &[0]),          // RF_FIELD_INFO
    (0x81, &[1]),          // RF_NFCEE_ACTION
    (0x82, &[0x0e, 0x00]), // NFCDEP_OP
];

/// NXP's own parameters have two bytes of identifier, the first of them this (UM10936, 10.1).
const NXP: u8 = 0xa0;

/// The parameters' values.
pub(super) struct Config(BTreeMap<u16, Vec<u8>>);

impl Default for Config {
    fn default() -> Self {
        Config(
            PARAMETERS
                .iter()
                .map(|&(id, value)| (u16::from(id), value.to_vec()))
                .collect(),
        )
    }
}

/// One identifier and what follows it.
fn identifier(bytes: &[u8]) -> Option<(u16, &[u8])> {
    match *bytes {
        [NXP, low, ref rest @ ..] => Some((u16::from_be_bytes([NXP, low]), rest)),
        [id, ref rest @ ..] => Some((id.into(), rest)),
        [] => None,
    }
}

fn push_identifier(id: u16, out: &mut Vec<u8>) {
    let [high, low] = id.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
}

impl Config {
    /// Period of polling in ns.
    pub(super) fn period_ns(&self) -> u64 {
        let value = self.0.get(&TOTAL_DURATION).and_then(|value| value.first_chunk());
        u64::from(value.map_or(1000, |value| u16::from_le_bytes(*value))).max(1) * 1_000_000
    }

    /// CORE_SET_CONFIG: returns the response's payload.
    pub(super) fn set(&mut self, payload: &[u8]) -> Vec<u8> {
        let Some((&count, mut rest)) = payload.split_first() else {
            return vec![status::SYNTAX_ERROR, 0];
        };
        let (mut wanted, mut invalid, mut invalid_count) = (Vec::new(), Vec::new(), 0u8);
        for _ in 0..count {
            let Some((id, [len, after @ ..])) = identifier(rest) else {
                return vec![status::SYNTAX_ERROR, 0];
            };
            let Some((value, after)) = after.split_at_checked(usize::from(*len)) else {
                return vec![status::SYNTAX_ERROR, 0];
            };
            rest = after;
            if self.0.contains_key(&id) || id >> 8 == u16::from(NXP) {
                wanted.push((id, value));
            } else {
                push_identifier(id, &mut invalid);
                invalid_count = invalid_count.saturating_add(1);
            }
        }
        // The valid ones are taken even if others are not (4.3.2).
        for (id, value) in wanted {
            self.0.insert(id, value.to_vec());
        }
        let status = if invalid_count == 0 {
            status::OK
        } else {
            status::INVALID_PARAM
        };
        [&[status, invalid_count][..], &invalid].concat()
    }

    /// CORE_GET_CONFIG: returns the response's payload.
    pub(super) fn get(&self, payload: &[u8]) -> Vec<u8> {
        let Some((&count, mut rest)) = payload.split_first() else {
            return vec![status::SYNTAX_ERROR, 0];
        };
        let (mut values, mut invalid) = (vec![status::OK, count], vec![status::INVALID_PARAM, 0]);
        for _ in 0..count {
            let Some((id, after)) = identifier(rest) else {
                return vec![status::SYNTAX_ERROR, 0];
            };
            rest = after;
            match self.0.get(&id) {
                Some(value) => {
                    push_identifier(id, &mut values);
                    values.push(u8::try_from(value.len()).unwrap_or(0));
                    values.extend(value);
                }
                None => {
                    push_identifier(id, &mut invalid);
                    invalid.push(0);
                    invalid[1] = invalid[1].saturating_add(1);
                }
            }
        }
        // One unknown is enough: then only the unknown ones are named (4.3.3).
        let answer = if invalid[1] == 0 { values } else { invalid };
        if answer.len() > super::nci::MAX_PAYLOAD {
            vec![status::MESSAGE_SIZE_EXCEEDED, 0]
        } else {
            answer
        }
    }
}
