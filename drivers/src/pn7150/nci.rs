// SPDX-License-Identifier: GPL-2.0-only
//! NCI's numbers and packets: NFC Forum NCI 1.0; section and table numbers are its.

/// Message types, in the upper three bits of the first byte (3.4).
pub mod mt {
    /// Data.
    pub const DATA: u8 = 0x00;
    /// From the host.
    pub const COMMAND: u8 = 0x20;
    /// To the host, one for each command.
    pub const RESPONSE: u8 = 0x40;
    /// To the host, at any time.
    pub const NOTIFICATION: u8 = 0x60;
}

/// Packet boundary flag: more segments follow (3.4.1).
pub const PBF: u8 = 0x10;
/// Bytes of a packet's head.
pub const HEAD: usize = 3;
/// The most bytes of a packet's payload.
pub const MAX_PAYLOAD: usize = 255;

/// Group and opcode of control messages (table 101).
pub mod op {
    /// Group identifier and opcode identifier.
    pub type Op = (u8, u8);
    pub(crate) const CORE_RESET: Op = (0, 0x00);
    pub(crate) const CORE_INIT: Op = (0, 0x01);
    pub(crate) const CORE_SET_CONFIG: Op = (0, 0x02);
    pub(crate) const CORE_GET_CONFIG: Op = (0, 0x03);
    pub(crate) const CORE_CONN_CREATE: Op = (0, 0x04);
    pub(crate) const CORE_CONN_CLOSE: Op = (0, 0x05);
    pub(crate) const CORE_CONN_CREDITS: Op = (0, 0x06);
    pub(crate) const CORE_GENERIC_ERROR: Op = (0, 0x07);
    pub(crate) const CORE_INTERFACE_ERROR: Op = (0, 0x08);
    pub(crate) const RF_DISCOVER_MAP: Op = (1, 0x00);
    pub(crate) const RF_DISCOVER: Op = (1, 0x03);
    pub(crate) const RF_DISCOVER_SELECT: Op = (1, 0x04);
    pub(crate) const RF_INTF_ACTIVATED: Op = (1, 0x05);
    pub(crate) const RF_DEACTIVATE: Op = (1, 0x06);
    pub(crate) const RF_FIELD_INFO: Op = (1, 0x07);
    pub(crate) const NFCEE_DISCOVER: Op = (2, 0x00);
    /// NXP: low power between commands (UM10936, 10.3.2).
    pub(crate) const SET_POWER_MODE: Op = (0xf, 0x00);
    /// NXP: opens its extensions (UM10936, 5.2).
    pub(crate) const PROPRIETARY_ACT: Op = (0xf, 0x02);
    /// NXP: whether an ISO-DEP card is still there (UM10936, 6.3.3).
    pub(crate) const RF_PRES_CHECK: Op = (0xf, 0x11);
}

/// Status codes (table 94).
pub mod status {
    pub(crate) const OK: u8 = 0x00;
    pub(crate) const REJECTED: u8 = 0x01;
    pub(crate) const NOT_INITIALIZED: u8 = 0x04;
    pub(crate) const SYNTAX_ERROR: u8 = 0x05;
    pub(crate) const SEMANTIC_ERROR: u8 = 0x06;
    pub(crate) const INVALID_PARAM: u8 = 0x09;
    pub(crate) const MESSAGE_SIZE_EXCEEDED: u8 = 0x0a;
    /// Plus the number of bits in the last byte: a frame of no whole bytes (NCI 1.1, which PN7150 follows here).
    pub(crate) const OK_BITS: u8 = 0x10;
    pub(crate) const DISCOVERY_ALREADY_STARTED: u8 = 0xa0;
    pub(crate) const TARGET_ACTIVATION_FAILED: u8 = 0xa1;
    pub(crate) const RF_TRANSMISSION_ERROR: u8 = 0xb0;
    pub(crate) const RF_PROTOCOL_ERROR: u8 = 0xb1;
    pub(crate) const RF_TIMEOUT_ERROR: u8 = 0xb2;
}

/// RF protocols (table 98).
pub mod protocol {
    pub(crate) const T2T: u8 = 0x02;
    pub(crate) const ISO_DEP: u8 = 0x04;
    /// NXP: MIFARE Classic.
    pub(crate) const MIFARE: u8 = 0x80;
}

/// RF interfaces (table 99) and NXP's own.
pub mod interface {
    pub(crate) const FRAME: u8 = 0x01;
    pub(crate) const ISO_DEP: u8 = 0x02;
    /// What CORE_INIT lists: NFCEE direct, Frame, ISO-DEP, NFC-DEP, and NXP's 0x80 to 0x83.
    pub(crate) const ALL: [u8; 8] = [0x00, 0x01, 0x02, 0x03, 0x80, 0x81, 0x82, 0x83];
}

/// RF technology and mode: NFC-A, passive poll (table 96).
pub const NFC_A_POLL: u8 = 0x00;

/// A control message in one packet; its payload is cut to what a packet holds.
pub fn control(mt: u8, (gid, oid): op::Op, payload: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
    [
        &[mt | gid, oid, u8::try_from(payload.len()).unwrap_or(u8::MAX)],
        payload,
    ]
    .concat()
}

/// A data message to the host on the static RF connection, in as many packets as it takes.
pub fn data(payload: &[u8]) -> Vec<Vec<u8>> {
    let mut parts: Vec<&[u8]> = payload.chunks(MAX_PAYLOAD).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let last = parts.len() - 1;
    let packet = |(at, part): (usize, &&[u8])| {
        let pbf = if at == last { 0 } else { PBF };
        [&[mt::DATA | pbf, 0, u8::try_from(part.len()).unwrap_or(u8::MAX)], *part].concat()
    };
    parts.iter().enumerate().map(packet).collect()
}
