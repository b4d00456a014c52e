// SPDX-License-Identifier: GPL-2.0-only
//! Messages of generic netlink, put together so that a kernel reads them; and sockets as the door has them.

use kos_bindings::hosted::inproc::InProc;
use kos_bindings::idl::socket;
use kos_bindings::nk::Transport;

/// `AF_NETLINK`, `AF_NFC`; `SOCK_RAW`, `SOCK_SEQPACKET`; `NETLINK_GENERIC`.
pub const AF_NETLINK: u16 = 16;
/// The family of raw and LLCP sockets.
pub const AF_NFC: u16 = 39;
const SOCK_RAW: u16 = 3;
const SOCK_SEQPACKET: u16 = 5;
const NETLINK_GENERIC: i32 = 16;
/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_NAME`, `CTRL_ATTR_FAMILY_ID`.
const CONTROLLER: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_NAME: u16 = 2;
const FAMILY_ID: u16 = 1;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST: u16 = 5;
/// `struct nlmsghdr` and `struct genlmsghdr`.
const HEADERS: usize = 20;

/// One attribute.
#[must_use]
pub fn attr(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A request of family `family`.
#[must_use]
pub fn request(family: u16, flags: u16, command: u8, attrs: &[u8]) -> Vec<u8> {
    let len = u32::try_from(HEADERS + attrs.len()).unwrap_or(u32::MAX);
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(family.to_ne_bytes());
    bytes.extend((REQUEST | flags).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(attrs);
    bytes
}

/// A client of the door.
pub fn sockets(domain: &mut InProc) -> socket::Client<&mut dyn Transport> {
    let handle = domain.handle();
    socket::Client::new(domain as &mut dyn Transport, handle)
}

/// Makes a socket that does not wait.
pub fn open(domain: &mut InProc, family: u16, kind: u16, protocol: i32) -> Option<u32> {
    let request = socket::OpenReq {
        family,
        r#type: kind,
        protocol,
        flags: socket::FLAG_NONBLOCK,
    };
    sockets(domain).open(&request).ok().map(|opened| opened.id)
}

/// A socket of generic netlink.
pub fn open_generic(domain: &mut InProc) -> Option<u32> {
    open(domain, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)
}

/// A raw socket of NFC.
pub fn open_raw(domain: &mut InProc) -> Option<u32> {
    open(domain, AF_NFC, SOCK_SEQPACKET, 0)
}

/// Sends.
pub fn send(domain: &mut InProc, id: u32, data: &[u8], addr: &[u8]) {
    let flags = socket::MSG_DONTWAIT;
    let _ = sockets(domain).send(&socket::SendReq { id, flags, addr, data });
}

/// Receives what is there.
pub fn receive(domain: &mut InProc, id: u32) -> Vec<u8> {
    let request = socket::ReceiveReq {
        id,
        flags: socket::MSG_DONTWAIT,
        count: 4096,
    };
    let mut client = sockets(domain);
    client
        .receive(&request)
        .map(|answer| answer.data.to_vec())
        .unwrap_or_default()
}

/// The number of the family `nfc`.
///
/// # Panics
///
/// There is none: nothing would be fuzzed.
pub fn family(domain: &mut InProc) -> u16 {
    let id = open_generic(domain).expect("a socket");
    let message = request(CONTROLLER, 0, GET_FAMILY, &attr(FAMILY_NAME, b"nfc\0"));
    send(domain, id, &message, &[]);
    let answer = receive(domain, id);
    let mut rest = answer.get(HEADERS..).expect("an answer");
    while let [low, high, kind_low, kind_high, value @ ..] = rest {
        let len = usize::from(u16::from_ne_bytes([*low, *high])).max(4);
        if u16::from_ne_bytes([*kind_low, *kind_high]) == FAMILY_ID {
            let number = value.first_chunk().expect("a number");
            let _ = sockets(domain).close(&socket::CloseReq { id });
            return u16::from_ne_bytes(*number);
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    panic!("no family in {answer:02x?}");
}
