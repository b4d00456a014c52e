// SPDX-License-Identifier: GPL-2.0-only
//! The questions about sockets that a machine's one process answers (`init/init.c`).

use super::machine::{Failure, Machine, hex};
use anyhow::anyhow;

impl Machine {
    pub(crate) fn socket(&mut self, family: u16, kind: u16, protocol: i32) -> Result<i64, Failure> {
        self.number(&format!("s {family} {kind} {protocol}"))
    }

    pub(crate) fn bind(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        self.ask(&format!("b {socket} {}", hex(addr))).map(drop)
    }

    pub(crate) fn connect(&mut self, socket: i64, addr: &[u8]) -> Result<(), Failure> {
        self.ask(&format!("c {socket} {}", hex(addr))).map(drop)
    }

    pub(crate) fn set_option(&mut self, socket: i64, level: i32, name: i32, value: &[u8]) -> Result<(), Failure> {
        self.ask(&format!("o {socket} {level} {name} {}", hex(value))).map(drop)
    }

    /// What `recv()` returned, and what came.
    pub(crate) fn receive(&mut self, socket: i64, count: usize) -> Result<(i64, Vec<u8>), Failure> {
        let answer = self.ask(&format!("f {socket} {count}"))?;
        let Some((length, data)) = answer.split_first_chunk::<8>() else {
            return Err(Failure::Machine(anyhow!("a message is cut off: {answer:?}")));
        };
        Ok((i64::from_le_bytes(*length), data.to_vec()))
    }
}
