// SPDX-License-Identifier: GPL-2.0-only
//! The door of sockets, and the family `nfc` behind it: any client, with the two devices of `nfcsim`, and controllers
//! of `virtual_ncidev` that it plays itself.
#![no_main]

use harness::netlink::{self, AF_NETLINK, AF_NFC};
use harness::{Image, reader::Reader};
use kos_bindings::idl::{chardev, socket};
use kos_bindings::nk::Transport;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

const STEPS: usize = 64;
/// Families, types and protocols that a client may name, and some that it may not.
const SOCKETS: [(u16, u16, i32); 8] = [
    (AF_NETLINK, 3, 16),
    (AF_NETLINK, 2, 16),
    (AF_NFC, 5, 0),
    (AF_NFC, 3, 0),
    (AF_NFC, 1, 1),
    (AF_NFC, 2, 1),
    (AF_NFC, 3, 1),
    (AF_NFC, 5, 7),
];

struct Script<'a> {
    reader: &'a mut Reader,
    sockets: Vec<u32>,
    files: Vec<u32>,
}

impl Script<'_> {
    fn byte(&self) -> Option<u8> {
        self.reader.machine.input.user()
    }

    fn bytes(&self) -> Vec<u8> {
        let len = self.byte().unwrap_or(0);
        (0..len & 0x7f).map_while(|_| self.byte()).collect()
    }

    /// A message of the family with attributes of the fuzzer's, or any bytes.
    fn message(&self) -> Vec<u8> {
        let Some(kind) = self.byte() else {
            return Vec::new();
        };
        if kind & 0x0f == 0 {
            return self.bytes();
        }
        let command = self.byte().unwrap_or(0) % 36;
        let mut attrs = Vec::new();
        for _ in 0..kind & 3 {
            let number = u16::from(self.byte().unwrap_or(0) % 34);
            // Most attributes are numbers of 32 bits, and most numbers are small.
            let value = match self.byte() {
                Some(byte) if byte < 0xc0 => u32::from(byte & 0x3f).to_ne_bytes().to_vec(),
                _ => self.bytes(),
            };
            attrs.extend(netlink::attr(number, &value));
        }
        let family = if kind & 0x0c == 0x0c { 16 } else { self.reader.family };
        netlink::request(family, if kind & 0x80 != 0 { 0x300 } else { 0 }, command, &attrs)
    }

    fn socket(&self) -> Option<u32> {
        let choice = usize::from(self.byte()?);
        self.sockets.get(choice % self.sockets.len().max(1)).copied()
    }

    fn address(&self) -> Vec<u8> {
        let mut addr = match self.byte() {
            Some(byte) if byte & 1 != 0 => AF_NFC.to_ne_bytes().to_vec(),
            Some(_) => AF_NETLINK.to_ne_bytes().to_vec(),
            None => Vec::new(),
        };
        addr.extend([0; 2]);
        for _ in 0..3 {
            addr.extend(u32::from(self.byte().unwrap_or(0) & 0x0f).to_ne_bytes());
        }
        addr.extend(self.bytes());
        addr.truncate(socket::MAX_ADDR as usize);
        addr
    }

    fn device(&mut self, choice: u8) -> Option<()> {
        let data = self.bytes();
        let handle = self.reader.machine.domain.handle();
        let mut client = chardev::Client::new(&mut self.reader.machine.domain as &mut dyn Transport, handle);
        let file = self.files.last().copied();
        match (choice % 4, file) {
            (0, _) => {
                let name = "virtual_nci";
                let opened = client.open(&chardev::OpenReq { name, flags: 2 });
                self.files.extend(opened.ok().map(|opened| opened.id));
            }
            (1, Some(id)) => drop(client.write(&chardev::WriteReq { id, data: &data })),
            (2, Some(id)) => drop(client.read(&chardev::ReadReq { id, count: 258 })),
            (_, Some(id)) => {
                self.files.pop();
                let _ = client.close(&chardev::CloseReq { id });
            }
            _ => {}
        }
        Some(())
    }

    fn step(&mut self) -> Option<()> {
        let choice = self.byte()?;
        if choice % 12 == 0 {
            let (family, kind, protocol) = SOCKETS[usize::from(choice >> 4) % SOCKETS.len()];
            let opened = netlink::open(&mut self.reader.machine.domain, family, kind, protocol);
            self.sockets.extend(opened);
            return Some(());
        }
        if choice % 12 == 1 {
            return self.device(choice >> 4);
        }
        if choice % 12 == 2 {
            let exponent = self.byte()?;
            self.reader.advance(1 << (exponent % 34));
            return Some(());
        }
        let id = self.socket().unwrap_or(u32::from(choice));
        let (message, addr) = (
            self.message(),
            if choice & 0x40 != 0 { self.address() } else { Vec::new() },
        );
        let domain = &mut self.reader.machine.domain;
        let mut client = netlink::sockets(domain);
        match choice % 12 {
            3 => {
                let _ = client.bind(&socket::BindReq { id, addr: &addr });
            }
            4 => {
                let _ = client.connect(&socket::ConnectReq { id, addr: &addr });
            }
            5 => {
                let _ = client.listen(&socket::ListenReq { id, backlog: 1 });
            }
            6 => {
                let accepted = client.accept(&socket::AcceptReq {
                    id,
                    flags: socket::FLAG_NONBLOCK,
                });
                self.sockets.extend(accepted.ok().map(|accepted| accepted.peer));
            }
            7 => {
                let value = message.get(..4).unwrap_or_default();
                let (level, name) = if choice & 0x80 == 0 {
                    (270, 1)
                } else {
                    (280, i32::from(choice >> 5 & 1))
                };
                let _ = client.set_option(&socket::SetOptionReq { id, level, name, value });
            }
            8 => {
                let _ = client.close(&socket::CloseReq { id });
            }
            9 => drop(netlink::receive(domain, id)),
            _ => netlink::send(domain, id, &message, &addr),
        }
        Some(())
    }
}

fn run(reader: &mut Reader, data: &[u8]) {
    reader.reset(data);
    let mut script = Script {
        sockets: netlink::open_generic(&mut reader.machine.domain).into_iter().collect(),
        reader,
        files: Vec::new(),
    };
    for _ in 0..STEPS {
        if script.reader.machine.domain.exit_status().is_some() || script.step().is_none() {
            break;
        }
    }
    if let Some(finding) = script.reader.machine.finding() {
        finding.judge();
    }
}

/// Boots, and sees that the door opens: a target that reaches nothing would find nothing.
fn boot() {
    let mut reader = Reader::new(Image::parse(env!("IMAGE_NFC")));
    reader.reset(&[]);
    let domain = &mut reader.machine.domain;
    let open = SOCKETS.map(|(family, kind, protocol)| netlink::open(domain, family, kind, protocol).is_some());
    let mut script = Script {
        reader: &mut reader,
        sockets: Vec::new(),
        files: Vec::new(),
    };
    script.device(0);
    assert!(!script.files.is_empty(), "virtual_nci does not open");
    assert_eq!(open, [true, true, true, true, true, true, true, false], "{SOCKETS:?}");
    READER.set(Some(reader));
}

fuzz_target!(
    init: boot(),
    |data: &[u8]| READER.with(|reader| {
        if let Some(reader) = reader.borrow_mut().as_mut() {
            run(reader, data);
        }
    })
);
