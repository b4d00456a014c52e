// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a domain is made of: its description, and the boot information and blob that follow from it.

use std::boxed::Box;
use std::path::PathBuf;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

use super::error::Error;
use super::handles::{Rights, Target};
use super::lines::Lines;
use super::quota::Limits;
use super::server::{Server, ServerObject};
use crate::nk::Interface;
use crate::port::{BootInfo, Channel, MAX_CHANNELS, NAME_BYTES, Span, boot_flag, clock};

/// Something that can be called: a server object or a domain's listener.
#[derive(Clone, Debug)]
pub struct Endpoint(pub(crate) Target);

impl Endpoint {
    /// Makes `server` callable where there is no [`super::Kernel`]: by a domain inside this process.
    #[must_use]
    pub fn of_server(name: &str, server: impl Server + 'static) -> Self {
        Self(Target::Server(Arc::new(ServerObject::new(
            name.to_string(),
            Box::new(server),
        ))))
    }
}

/// A channel that a domain is born with.
#[derive(Clone, Debug)]
pub struct ChannelSpec {
    /// How the domain finds it, 23 bytes at the most.
    pub name: String,
    /// The one interface that may be called; 0 for any.
    pub riid: u16,
    /// Who answers.
    pub endpoint: Endpoint,
    /// What may be done with it.
    pub rights: Rights,
}

/// A domain to be made.
#[derive(Clone, Debug)]
pub struct DomainSpec {
    /// Its name, unique or not; the driver's.
    pub name: String,
    /// Its class in the policy's eyes.
    pub class: String,
    /// The image: a static ELF that begins with [`crate::domain_start!`].
    pub image: PathBuf,
    /// The flattened device tree.
    pub dtb: Vec<u8>,
    /// `name=value` arguments.
    pub args: Vec<String>,
    /// Whom it may call.
    pub channels: Vec<ChannelSpec>,
    /// Its interrupt lines.
    pub lines: Lines,
    /// How much memory it may write, image and heap together.
    pub memory_bytes: u64,
    /// Its initial stack.
    pub stack_bytes: u64,
    /// What it may take of the kernel.
    pub limits: Limits,
    /// The interface through which its class asks the policy itself, if it has one.
    pub security: Option<&'static Interface>,
    /// Whether clients from outside are turned away ([`super::socket`]).
    pub is_private: bool,
    /// Whether it may map shared memory ([`crate::domain::mem::map_mdl`]). It is a little slower to start then.
    pub shares_memory: bool,
    /// Whether its time is virtual.
    pub is_virtual_time: bool,
    /// When the decision to start it was made, or where its virtual time begins.
    pub start_ns: u64,
    /// Linux console log level.
    pub log_level: u32,
}

/// What this machine's processor can do, as [`boot_flag`] has it.
fn processor_flags() -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return boot_flag::AVX2;
    }
    0
}

impl DomainSpec {
    /// Describes a domain that runs `image` and has nothing else.
    #[must_use]
    pub fn new(name: &str, image: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_string(),
            class: name.to_string(),
            image: image.into(),
            dtb: Vec::new(),
            args: Vec::new(),
            channels: Vec::new(),
            lines: Lines::new(),
            memory_bytes: 16 << 20,
            stack_bytes: 256 << 10,
            limits: Limits::default(),
            security: None,
            is_private: false,
            shares_memory: false,
            is_virtual_time: false,
            start_ns: super::clock_ns(),
            log_level: 7,
        }
    }

    /// Lays out the blob, and the boot information with it. Handles are filled in by `handles`.
    pub(crate) fn layout(&self, filter: &[u8], isolation: u32, handles: &[u32]) -> Result<(BootInfo, Vec<u8>), Error> {
        let mut blob = Vec::with_capacity(self.dtb.len() + filter.len() + 64);
        let mut put = |bytes: &[u8]| {
            // Parts are 8-byte aligned: the device tree wants it, and the first one is on a page.
            blob.resize(blob.len().next_multiple_of(8), 0);
            let offset = u32::try_from(blob.len()).map_err(|_| Error::Blob)?;
            blob.extend_from_slice(bytes);
            let len = u32::try_from(bytes.len()).map_err(|_| Error::Blob)?;
            Ok(Span { offset, len })
        };
        let args = self
            .args
            .iter()
            .flat_map(|arg| arg.bytes().chain([0]))
            .collect::<Vec<u8>>();
        let mut boot = BootInfo {
            isolation,
            clock: if self.is_virtual_time {
                clock::VIRTUAL
            } else {
                clock::REAL
            },
            log_level: self.log_level,
            start_ns: self.start_ns,
            heap_bytes: self.memory_bytes,
            dtb: put(&self.dtb)?,
            seccomp: put(filter)?,
            args: put(&args)?,
            channel_count: u32::try_from(self.channels.len()).unwrap_or(u32::MAX),
            flags: processor_flags(),
            shares: u32::from(self.shares_memory && isolation == crate::port::isolation::PROCESS),
            ..BootInfo::EMPTY
        };
        boot.blob_bytes = blob.len() as u64;
        for (i, channel) in self.channels.iter().enumerate() {
            let too_long = || Error::Channel(channel.name.clone());
            let slot = boot
                .channels
                .get_mut(i)
                .filter(|_| i < MAX_CHANNELS)
                .ok_or_else(too_long)?;
            *slot = Channel {
                handle: handles.get(i).copied().unwrap_or(0),
                riid: channel.riid.into(),
                ..Channel::NONE
            };
            let name = channel.name.as_bytes();
            let room = slot.name.get_mut(..name.len()).filter(|_| name.len() < NAME_BYTES);
            room.ok_or_else(too_long)?.copy_from_slice(name);
        }
        Ok((boot, blob))
    }
}
