// SPDX-License-Identifier: GPL-2.0-only
//! The device's side of one connection: negotiation, memory, queues, and the loop that serves them.
//!
//! The crates of rust-vmm do the dangerous half, memory (`vm-memory`) and rings (`virtio-queue`). Their
//! `vhost-user-backend` 0.24 is not used: it refuses User-Mode Linux, whose `SET_MEM_TABLE` has always room for two
//! regions and often names one (`arch/um/drivers/virtio_uml.c`).

use super::ring::{Memory, Ring};
use super::travel::Calendar;
use super::wire::{self, Message};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;
use vm_memory::{FileOffset, GuestAddress, GuestMemoryMmap, GuestRegionMmap, MmapRegion};

/// A virtio device.
pub trait Device: Send {
    /// How many queues it has.
    fn queues(&self) -> usize;

    /// Its own feature bits.
    fn features(&self) -> u64;

    /// Its configuration space.
    fn config(&self) -> Vec<u8> {
        Vec::new()
    }

    /// A queue begins anew, or is stopped: requests that were taken from it and not given back are nobody's any more.
    fn forget(&mut self, index: usize);

    /// Something that becomes readable when [`woken`](Self::woken) has work to do.
    fn wake_fd(&self) -> Option<Arc<OwnedFd>> {
        None
    }

    /// Serves a queue that has new requests.
    fn kicked(&mut self, index: usize, rings: &mut [Ring]);

    /// The wake descriptor became readable.
    fn woken(&mut self, _rings: &mut [Ring]) {}
}

/// A region of the front end's memory: where it says that it is, in its two views.
struct Region {
    user: u64,
    guest: u64,
    size: u64,
}

struct Connection<'a> {
    stream: UnixStream,
    device: &'a mut dyn Device,
    rings: Vec<Ring>,
    regions: Vec<Region>,
    /// Our own way to the front end. Out of time we say nothing there, but Linux takes its end for the device's end.
    channel: Option<UnixStream>,
    /// The clock that front end and device share.
    calendar: Option<Calendar>,
}

/// How long the rest of a message that has begun may take.
const STALL_LIMIT: Duration = Duration::from_secs(5);

const OFFERED: u64 = wire::PROTOCOL_MQ | wire::PROTOCOL_REPLY_ACK | wire::PROTOCOL_BACKEND_REQ | wire::PROTOCOL_CONFIG;

/// Serves one front end until it closes the connection.
///
/// # Errors
///
/// It breaks the protocol, or the system fails us.
pub fn serve(stream: UnixStream, device: &mut dyn Device) -> io::Result<()> {
    connect(stream, device, None)
}

/// Serves a front end whose clock is the calendar's: kicks and calls are messages, and time stands still until each
/// has had its effect. The device must be in time too ([`I2cDevice::in_time`](super::I2cDevice::in_time)).
///
/// # Errors
///
/// Those of [`serve`].
pub fn serve_in_time(stream: UnixStream, device: &mut dyn Device, calendar: &Calendar) -> io::Result<()> {
    connect(stream, device, Some(calendar.clone()))
}

fn connect(stream: UnixStream, device: &mut dyn Device, calendar: Option<Calendar>) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL_LIMIT))?;
    stream.set_write_timeout(Some(STALL_LIMIT))?;
    let rings = (0..device.queues()).map(|_| Ring::new()).collect::<io::Result<_>>()?;
    (0..device.queues()).for_each(|index| device.forget(index));
    let mut connection = Connection {
        stream,
        device,
        rings,
        regions: Vec::new(),
        channel: None,
        calendar,
    };
    while connection.step()? {}
    Ok(())
}

fn invalid<E: std::fmt::Display>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("vhost-user: {error}"))
}

/// What a turn of the loop found.
enum Ready {
    Message,
    Wake,
    Kick(usize),
}

impl Connection<'_> {
    /// Waits for something and does it. Returns false when the front end is gone.
    fn step(&mut self) -> io::Result<bool> {
        for ready in self.wait()? {
            match ready {
                Ready::Message => match wire::receive(&self.stream)? {
                    Some(message) => self.answer(message)?,
                    None => return Ok(false),
                },
                Ready::Wake => {
                    if let Some(fd) = self.device.wake_fd() {
                        // Ours, and it lives as long as the device.
                        drain(&fd);
                    }
                    self.device.woken(&mut self.rings);
                    let called = self.call();
                    // Whoever woke us counts us among those at work.
                    if let Some(calendar) = &self.calendar {
                        calendar.done();
                    }
                    called?;
                }
                Ready::Kick(index) => {
                    if let Some(ring) = self.rings.get_mut(index)
                        && !ring.kick.as_ref().is_some_and(drain)
                    {
                        // Nobody can kick any more: it would be readable for ever.
                        ring.kick = None;
                    }
                    self.device.kicked(index, &mut self.rings);
                    self.call()?;
                }
            }
        }
        Ok(true)
    }

    /// Tells the front end of the requests that it has back.
    fn call(&mut self) -> io::Result<()> {
        for (index, ring) in (0u32..).zip(&mut self.rings) {
            if !ring.take_call() {
                continue;
            }
            match (&self.calendar, &self.channel, &ring.call) {
                (Some(_), Some(channel), _) => {
                    let body = [index.to_ne_bytes(), [0; 4]].concat();
                    wire::request(channel, wire::BACKEND_VRING_CALL, true, &body, &[])?;
                    wire::answer(channel, wire::BACKEND_VRING_CALL)?;
                }
                (_, _, Some(call)) => {
                    // A full socket or counter says already what this would.
                    let _ = rustix::io::write(call, &1u64.to_ne_bytes());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn offered(&self) -> u64 {
        match self.calendar {
            Some(_) => OFFERED | wire::PROTOCOL_INBAND_NOTIFICATIONS,
            None => OFFERED,
        }
    }

    /// A kick as a message: it is confirmed before the device begins, so that the front end can be told of the end.
    fn kick(&mut self, message: &Message, calendar: &Calendar) -> io::Result<()> {
        let index = message.u32(0)?;
        self.ring(index)?;
        calendar.begin();
        let confirmed = match message.needs_reply {
            true => wire::reply(&self.stream, message.code, &0u64.to_ne_bytes()),
            false => Ok(()),
        };
        self.device
            .kicked(usize::try_from(index).unwrap_or(usize::MAX), &mut self.rings);
        let called = self.call();
        calendar.done();
        confirmed.and(called)
    }

    fn wait(&self) -> io::Result<Vec<Ready>> {
        let wake = self.device.wake_fd();
        let mut fds = vec![PollFd::new(&self.stream, PollFlags::IN)];
        let mut means = vec![Ready::Message];
        if let Some(wake) = &wake {
            fds.push(PollFd::new(&**wake, PollFlags::IN));
            means.push(Ready::Wake);
        }
        for (index, ring) in self.rings.iter().enumerate() {
            if let Some(kick) = ring.kick.as_ref().filter(|_| ring.is_enabled) {
                fds.push(PollFd::new(kick, PollFlags::IN));
                means.push(Ready::Kick(index));
            }
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        Ok(fds
            .iter()
            .zip(means)
            .filter_map(|(fd, means)| is_ready(fd).then_some(means))
            .collect())
    }

    fn answer(&mut self, mut message: Message) -> io::Result<()> {
        let (code, needs_reply) = (message.code, message.needs_reply);
        if code == wire::VRING_KICK
            && let Some(calendar) = self.calendar.clone()
        {
            return self.kick(&message, &calendar);
        }
        let body = match code {
            wire::GET_FEATURES => {
                let features = self.device.features() | wire::F_VERSION_1 | wire::F_PROTOCOL_FEATURES;
                Some(features.to_ne_bytes().to_vec())
            }
            wire::GET_PROTOCOL_FEATURES => Some(self.offered().to_ne_bytes().to_vec()),
            wire::GET_QUEUE_NUM => Some((self.rings.len() as u64).to_ne_bytes().to_vec()),
            wire::GET_VRING_BASE => Some(self.stop(&message)?),
            wire::GET_CONFIG => Some(self.config(&message)?),
            _ => None,
        };
        if let Some(body) = body {
            return wire::reply(&self.stream, code, &body);
        }
        let done = self.set(&mut message);
        if needs_reply {
            let status = u64::from(done.is_err());
            wire::reply(&self.stream, code, &status.to_ne_bytes())?;
        }
        done
    }

    /// The requests that set something and have no answer of their own.
    fn set(&mut self, message: &mut Message) -> io::Result<()> {
        match message.code {
            wire::SET_OWNER | wire::RESET_OWNER | wire::SET_CONFIG => Ok(()),
            wire::SET_FEATURES => self.set_features(message.u64_at(0)?),
            wire::SET_PROTOCOL_FEATURES if message.u64_at(0)? & !self.offered() == 0 => Ok(()),
            wire::SET_MEM_TABLE => self.set_memory(message),
            wire::SET_VRING_NUM => {
                let size = message.u32(1)?;
                self.ring(message.u32(0)?)?.set_size(size)
            }
            wire::SET_VRING_BASE => {
                let base = message.u32(1)?;
                self.ring(message.u32(0)?)?.set_base(base)
            }
            wire::SET_VRING_ADDR => {
                let [descriptors, used, available] = [8, 16, 24].map(|at| message.u64_at(at));
                let [descriptors, used, available] = [
                    self.guest_address(descriptors?)?,
                    self.guest_address(used?)?,
                    self.guest_address(available?)?,
                ];
                let index = message.u32(0)?;
                self.ring(index)?.set_addresses(descriptors, used, available)?;
                self.device.forget(usize::try_from(index).unwrap_or(usize::MAX));
                Ok(())
            }
            wire::SET_VRING_ENABLE => self.enable(message.u32(0)?, message.u32(1)? == 1),
            wire::SET_VRING_KICK => {
                let index = message.u32(0)? & 0xff;
                self.ring(index)?.kick = fd_of(message)?;
                self.catch_up(index)
            }
            wire::SET_VRING_CALL => {
                let index = message.u32(0)? & 0xff;
                self.ring(index)?.call = fd_of(message)?;
                Ok(())
            }
            wire::SET_BACKEND_REQ_FD => {
                self.channel = message.fds.pop().map(UnixStream::from);
                if let Some(channel) = &self.channel {
                    channel.set_read_timeout(Some(STALL_LIMIT))?;
                    channel.set_write_timeout(Some(STALL_LIMIT))?;
                }
                Ok(())
            }
            // We have nothing to say there.
            wire::SET_VRING_ERR => Ok(()),
            code => Err(invalid(format!(
                "request {code} is not supported, or asks for what was not offered"
            ))),
        }
    }

    fn set_features(&mut self, wanted: u64) -> io::Result<()> {
        let offered = self.device.features() | wire::F_VERSION_1 | wire::F_PROTOCOL_FEATURES;
        if wanted & !offered != 0 {
            return Err(invalid(format!("features {wanted:#x}, offered were {offered:#x}")));
        }
        // Who does not know of enabling has all rings enabled.
        let is_enabled = wanted & wire::F_PROTOCOL_FEATURES == 0;
        self.rings.iter_mut().for_each(|ring| ring.is_enabled |= is_enabled);
        Ok(())
    }

    /// A ring that is disabled stands still, as in a machine that is suspended: what was taken from it stays taken.
    fn enable(&mut self, index: u32, is_enabled: bool) -> io::Result<()> {
        self.ring(index)?.is_enabled = is_enabled;
        if is_enabled {
            return self.catch_up(index);
        }
        Ok(())
    }

    /// A ring that has just become ready may have requests that nobody will kick for.
    fn catch_up(&mut self, index: u32) -> io::Result<()> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let is_ready = |ring: &Ring| ring.is_enabled && ring.kick.is_some();
        if self.rings.get(index).is_some_and(is_ready) {
            self.device.kicked(index, &mut self.rings);
        }
        self.call()
    }

    fn ring(&mut self, index: u32) -> io::Result<&mut Ring> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.rings
            .get_mut(index)
            .ok_or_else(|| invalid(format!("queue {index} does not exist")))
    }

    fn stop(&mut self, message: &Message) -> io::Result<Vec<u8>> {
        let index = message.u32(0)?;
        let ring = self.ring(index)?;
        (ring.kick, ring.call) = (None, None);
        let base = u32::from(ring.base());
        self.device.forget(usize::try_from(index).unwrap_or(usize::MAX));
        Ok([index.to_ne_bytes(), base.to_ne_bytes()].concat())
    }

    /// Offset, size and flags come back as they were; what lies outside of the configuration reads as zero.
    fn config(&self, message: &Message) -> io::Result<Vec<u8>> {
        const HEAD: usize = 12;
        let (offset, size) = (message.u32(0)?, message.u32(1)?);
        let (offset, size) = (
            usize::try_from(offset).unwrap_or(usize::MAX),
            usize::try_from(size).unwrap_or(usize::MAX),
        );
        if Some(message.body.len()) != size.checked_add(HEAD) {
            return Err(invalid(format!(
                "configuration of {size} bytes in a message of {}",
                message.body.len()
            )));
        }
        let mut body = message.body.get(..HEAD).unwrap_or_default().to_vec();
        body.extend(
            self.device
                .config()
                .into_iter()
                .chain(std::iter::repeat(0))
                .skip(offset)
                .take(size),
        );
        Ok(body)
    }

    fn set_memory(&mut self, message: &mut Message) -> io::Result<()> {
        const REGION: usize = 32;
        let count = usize::try_from(message.u32(0)?).unwrap_or(usize::MAX);
        if count != message.fds.len() {
            return Err(invalid(format!(
                "{count} memory regions, {} descriptors",
                message.fds.len()
            )));
        }
        let fds = std::mem::take(&mut message.fds);
        let (mut regions, mut mapped) = (Vec::new(), Vec::new());
        for (at, fd) in (8..).step_by(REGION).zip(fds) {
            let [guest, size, user, offset] = [0, 8, 16, 24].map(|word| message.u64_at(at + word));
            let (guest, size, user, offset) = (guest?, size?, user?, offset?);
            let file = FileOffset::new(File::from(fd), offset);
            let region = MmapRegion::from_file(file, usize::try_from(size).map_err(invalid)?).map_err(invalid)?;
            let region = GuestRegionMmap::new(region, GuestAddress(guest));
            mapped.push(region.ok_or_else(|| invalid("a memory region wraps around"))?);
            regions.push(Region { user, guest, size });
        }
        let memory: Memory = GuestMemoryMmap::from_regions(mapped).map_err(invalid)?;
        let memory = Arc::new(memory);
        self.rings.iter_mut().for_each(|ring| ring.set_memory(&memory));
        self.regions = regions;
        Ok(())
    }

    fn guest_address(&self, user: u64) -> io::Result<u64> {
        let found = self.regions.iter().find_map(|region| {
            let offset = user.checked_sub(region.user).filter(|offset| *offset < region.size)?;
            region.guest.checked_add(offset)
        });
        found.ok_or_else(|| invalid(format!("address {user:#x} is in no memory region")))
    }
}

/// The message's descriptor; none if its head says that there is none.
fn fd_of(message: &mut Message) -> io::Result<Option<OwnedFd>> {
    const NO_FD: u32 = 1 << 8;
    if message.u32(0)? & NO_FD != 0 {
        return Ok(None);
    }
    let fd = message.fds.pop().ok_or_else(|| invalid("no descriptor for a queue"))?;
    // It is shared with a stranger, who may empty it between our question and our reading.
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(Some(fd))
}

/// Reads a counter, or a part of a stream; returns whether more can come.
fn drain(fd: &OwnedFd) -> bool {
    // What it says is only that there is something to do.
    matches!(
        rustix::io::read(fd, &mut [0; 8]),
        Ok(1..) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
    )
}
