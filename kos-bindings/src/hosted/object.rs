// SPDX-License-Identifier: MIT OR Apache-2.0
//! What handles lead to. An object lives as long as one handle to it is neither closed nor revoked.

use std::boxed::Box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use super::dma::{Access, Buffer};
use super::handles::Target;
use super::irq::Registration;
use super::listener::Listener;
use super::mdl::Mdl;
use super::notice::{Badge, Events, Notice};
use super::numbers::Numbers;
use super::quota::Charge;
use super::sync::Sync;
use crate::kn::event;
use crate::nk::Retcode;

/// The kinds of objects.
#[derive(Debug)]
pub(crate) enum Kind {
    /// What a process was born to call: a server object or a domain; one interface or any (0).
    Born {
        target: Target,
        riid: u16,
    },
    /// The kernel's own services.
    Kernel,
    /// The policy, to be asked by its process through the security interface of its class.
    Security,
    /// The client's end of a channel.
    Channel(Channel),
    /// The server's end of channels.
    Listener(Box<Listener>),
    /// Something that a process provides.
    User(User),
    Notice(Arc<Notice>),
    Badge(Arc<Badge>),
    Sync(Arc<Sync>),
    Mdl(Mdl),
    /// An interrupt line.
    Irq(Arc<Registration>),
    Dma(Arc<Buffer>),
    /// Address and bytes of a mapping of a DMA buffer; it stays until it is undone or its process is gone.
    DmaMapping(usize, usize),
    /// A device's leave to reach a DMA buffer, which ends with it.
    DmaAccess {
        _access: Access,
    },
    /// Where the thread of this number waits for a line.
    Delivery(Arc<Registration>, u64),
}

/// The client's end of a channel. It does not keep its server's end alive.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) listener: Weak<Object>,
    pub(crate) riid: u16,
    /// Its server's own numbers of what answers there.
    pub(crate) numbers: Numbers,
    pub(crate) is_disconnected: AtomicBool,
}

/// Something that a process provides: what it is, only its issuer knows.
#[derive(Debug)]
pub(crate) struct User {
    /// The process that made it.
    pub(crate) issuer: u64,
    pub(crate) context: u64,
    /// Where calls of it arrive, if it can be called.
    pub(crate) listener: Option<Weak<Object>>,
    pub(crate) riid: u16,
}

/// An object and who wants to hear of it.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its security identifier.
    pub(crate) sid: u32,
    pub(crate) kind: Kind,
    pub(crate) events: Events,
    _charge: Option<Charge>,
}

static SIDS: AtomicU32 = AtomicU32::new(1);

impl Object {
    pub(crate) fn new(kind: Kind, charge: Option<Charge>) -> Arc<Self> {
        Arc::new(Self {
            sid: SIDS.fetch_add(1, Relaxed),
            kind,
            events: Events::default(),
            _charge: charge,
        })
    }
}

/// Each returns the object as what it is called, if it is that.
macro_rules! as_what_it_is {
    ($($name:ident: $kind:ident -> $what:ty,)*) => {
        impl Object {
            $(pub(crate) fn $name(&self) -> Result<&$what, Retcode> {
                match &self.kind {
                    Kind::$kind(found) => Ok(found),
                    _ => Err(Retcode::INVALID_ARGUMENT),
                }
            })*
        }
    };
}

as_what_it_is! {
    listener: Listener -> Listener,
    notice: Notice -> Arc<Notice>,
    badge: Badge -> Arc<Badge>,
    sync: Sync -> Arc<Sync>,
    mdl: Mdl -> Mdl,
    dma: Dma -> Arc<Buffer>,
    irq: Irq -> Arc<Registration>,
}

impl Drop for Object {
    fn drop(&mut self) {
        match &self.kind {
            Kind::Listener(listener) => listener.close(),
            Kind::Notice(notice) => notice.drop_and_wake(true),
            Kind::Irq(line) | Kind::Delivery(line, _) => {
                line.detach();
            }
            _ => {}
        }
        self.events.raise(event::OBJECT_DESTROYED);
    }
}
