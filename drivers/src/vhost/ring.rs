// SPDX-License-Identifier: GPL-2.0-only
//! One virtqueue of a device: chains of descriptors in the front end's memory, taken and given back.
//!
//! The rings and every address in them are the front end's, and may change under our eyes; `virtio-queue` and
//! `vm-memory` check each access. What a chain holds is copied out once.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use virtio_queue::{DescriptorChain, Queue, QueueT};
use vm_memory::{GuestAddress, GuestMemoryMmap};

pub(crate) type Memory = GuestMemoryMmap<()>;

/// The most descriptors of a queue.
const MAX_SIZE: u16 = 1024;
/// The most bytes of a chain in one direction: an I²C message of any length, and its head.
const MAX_BYTES: usize = (1 << 16) + 64;

/// A request, copied out of the front end's memory, and where its answer goes.
pub struct Chain {
    chain: DescriptorChain<Arc<Memory>>,
    /// What the driver sends.
    pub out: Vec<u8>,
    /// How many bytes the answer may have.
    pub room: usize,
}

/// One queue.
pub struct Ring {
    queue: Queue,
    memory: Option<Arc<Memory>>,
    pub(crate) kick: Option<OwnedFd>,
    pub(crate) call: Option<OwnedFd>,
    pub(crate) is_enabled: bool,
    /// Requests were given back since the driver was last told.
    is_call_due: bool,
}

fn invalid<E: std::fmt::Display>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("virtqueue: {error}"))
}

impl Ring {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Ring {
            queue: Queue::new(MAX_SIZE).map_err(invalid)?,
            memory: None,
            kick: None,
            call: None,
            is_enabled: false,
            is_call_due: false,
        })
    }

    pub(crate) fn set_memory(&mut self, memory: &Arc<Memory>) {
        self.memory = Some(Arc::clone(memory));
    }

    pub(crate) fn set_size(&mut self, size: u32) -> io::Result<()> {
        let size = u16::try_from(size).map_err(invalid)?;
        self.queue.try_set_size(size).map_err(invalid)
    }

    pub(crate) fn set_addresses(&mut self, descriptors: u64, used: u64, available: u64) -> io::Result<()> {
        let queue = &mut self.queue;
        queue
            .try_set_desc_table_address(GuestAddress(descriptors))
            .map_err(invalid)?;
        queue.try_set_used_ring_address(GuestAddress(used)).map_err(invalid)?;
        queue
            .try_set_avail_ring_address(GuestAddress(available))
            .map_err(invalid)
    }

    pub(crate) fn set_base(&mut self, base: u32) -> io::Result<()> {
        self.queue.set_next_avail(u16::try_from(base).map_err(invalid)?);
        self.queue.set_next_used(u16::try_from(base).map_err(invalid)?);
        Ok(())
    }

    pub(crate) fn base(&self) -> u16 {
        self.queue.next_avail()
    }

    /// Takes the next request; `None` if there is none. One that cannot be read is given back unanswered.
    pub fn take(&mut self) -> Option<Chain> {
        if !self.is_enabled {
            return None;
        }
        let memory = Arc::clone(self.memory.as_ref()?);
        self.queue.set_ready(true);
        if !self.queue.is_valid(&*memory) {
            return None;
        }
        while let Some(chain) = self.queue.pop_descriptor_chain(Arc::clone(&memory)) {
            match copy(&chain, &memory) {
                Ok((out, room)) => return Some(Chain { chain, out, room }),
                // The front end's mistake, and its to notice: no byte of an answer is there.
                Err(_) => self.used(&memory, chain.head_index(), 0),
            }
        }
        None
    }

    /// Gives a request back with its answer; what does not fit is cut off.
    pub fn give(&mut self, chain: Chain, answer: &[u8]) {
        let Some(memory) = self.memory.clone() else { return };
        let head = chain.chain.head_index();
        let answer = answer.get(..chain.room).unwrap_or(answer);
        let written = match chain.chain.writer(&memory) {
            Ok(mut writer) => writer.write(answer).unwrap_or(0),
            Err(_) => 0,
        };
        self.used(&memory, head, u32::try_from(written).unwrap_or(0));
    }

    fn used(&mut self, memory: &Arc<Memory>, head: u16, len: u32) {
        if self.queue.add_used(&**memory, head, len).is_err() {
            // The used ring is not memory any more: the front end cannot be answered.
            return;
        }
        self.is_call_due |= self.queue.needs_notification(&**memory).unwrap_or(true);
    }

    /// Whether the driver is to be told that requests came back; it is taken for told.
    pub(crate) fn take_call(&mut self) -> bool {
        std::mem::take(&mut self.is_call_due)
    }
}

fn copy(chain: &DescriptorChain<Arc<Memory>>, memory: &Arc<Memory>) -> io::Result<(Vec<u8>, usize)> {
    let mut reader = chain.clone().reader(memory).map_err(invalid)?;
    let writer = chain.clone().writer(memory).map_err(invalid)?;
    let (len, room) = (reader.available_bytes(), writer.available_bytes());
    if len > MAX_BYTES || room > MAX_BYTES {
        return Err(invalid(format!("{len} bytes out, {room} in")));
    }
    let mut out = vec![0; len];
    reader.read_exact(&mut out)?;
    Ok((out, room))
}
