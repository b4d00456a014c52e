// SPDX-License-Identifier: GPL-2.0-only
//! `linuxcompat.Sysfs`: the domain's `/sys`.
//!
//! Files are opened, read and written through upstream's `fs/kernfs/file.c`, as a process would through the VFS, so
//! permissions, page limit, offsets and errors are Linux's. A path request opens, acts and closes; `Open` spares
//! that for those who read one file often.

use super::{
    Request, answer, context, decoded,
    files::{self, Kind},
    page::{Page, zeroed},
};
use crate::{
    errno::Errno,
    raw::{
        cell::Global,
        file::flags,
        node::{Entry, Node, Watch},
    },
};
use alloc::{collections::VecDeque, rc::Rc, vec::Vec};
use kos_bindings::{
    idl::{entries, sysfs},
    nk::{Header, NkErr},
};

/// Answers one request.
pub fn serve(request: &Request) {
    match Header::read(request.parts().constant).map(|h| h.mid) {
        Ok(sysfs::mid::READ_ID) => read_id(request),
        Ok(sysfs::mid::READ) => read(request),
        Ok(sysfs::mid::WRITE) => write(request),
        Ok(sysfs::mid::WRITE_ID) => write_id(request),
        Ok(sysfs::mid::LIST) => list(request),
        Ok(sysfs::mid::OPEN) => open(request),
        Ok(sysfs::mid::CLOSE) => close(request),
        Ok(sysfs::mid::POLL) => poll(request),
        _ => super::unknown(request),
    }
}

/// Writes the answer: `$ok`, made of the value, or the method's error form.
macro_rules! respond {
    ($request:expr, $result:expr, $err:ident, $value:pat => $ok:expr) => {{
        let result = $result;
        answer($request, |out| match &result {
            Ok($value) => $ok.encode(out),
            Err(e) => sysfs::$err {
                errno: Errno::to_wire(*e),
            }
            .encode(out),
        })
    }};
}

fn read(request: &Request) {
    let req = decoded(sysfs::ReadReq::decode(request.parts()));
    let read = || {
        let file = Node::walk(req.path)?.open(flags::READ)?;
        let mut page = Page::take()?;
        let len = file.pread(&mut page, req.offset)?;
        Ok((page, len))
    };
    respond!(request, read(), ReadErr, (page, len) => sysfs::ReadRes {
        data: page.get(..*len).unwrap_or_default()
    });
}

fn read_id(request: &Request) {
    let req = decoded(sysfs::ReadIdReq::decode(request.parts()));
    let read = || {
        let file = files::get(req.id, Kind::Sysfs)?;
        if !file.is_readable() {
            return Err(Errno::EACCES);
        }
        let mut page = Page::take()?;
        let len = file.pread(&mut page, req.offset)?;
        Ok((page, len))
    };
    respond!(request, read(), ReadIdErr, (page, len) => sysfs::ReadIdRes {
        data: page.get(..*len).unwrap_or_default()
    });
}

fn to_written(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn write(request: &Request) {
    let req = decoded(sysfs::WriteReq::decode(request.parts()));
    let write = || Node::walk(req.path)?.open(flags::WRITE)?.pwrite(req.data, req.offset);
    respond!(request, write(), WriteErr, len => sysfs::WriteRes { written: to_written(*len) });
}

fn write_id(request: &Request) {
    let req = decoded(sysfs::WriteIdReq::decode(request.parts()));
    let write = || {
        let file = files::get(req.id, Kind::Sysfs)?;
        if !file.is_writable() {
            return Err(Errno::EACCES);
        }
        file.pwrite(req.data, req.offset)
    };
    respond!(request, write(), WriteIdErr, len => sysfs::WriteIdRes { written: to_written(*len) });
}

fn open(request: &Request) {
    let req = decoded(sysfs::OpenReq::decode(request.parts()));
    let open = || {
        let node = Node::walk(req.path)?;
        let id = files::add(node.open_any()?, Kind::Sysfs)?;
        Ok((id, node.mode()))
    };
    respond!(request, open(), OpenErr, (id, mode) => sysfs::OpenRes { id: *id, mode: *mode });
}

fn close(request: &Request) {
    let req = decoded(sysfs::CloseReq::decode(request.parts()));
    respond!(request, files::close(req.id, Kind::Sysfs), CloseErr, () => sysfs::CloseRes {});
}

/// A directory's entries fit into this as a rule; the room for the largest listing is 16 pages, each of which would be
/// touched, and private from then on.
const FIRST_ROOM: usize = 2048;

/// A piece of a listing that is being packed.
pub(super) struct Piece {
    room: Vec<u8>,
    used: usize,
    skip: u32,
    seen: u32,
    is_full: bool,
}

impl Piece {
    /// Room for one piece, which begins after `skip` entries.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(skip: u32) -> Result<Piece, Errno> {
        let room = zeroed(FIRST_ROOM)?;
        Ok(Piece {
            room,
            used: 0,
            skip,
            seen: 0,
            is_full: false,
        })
    }

    /// Packs one more; says whether to go on.
    pub(super) fn push(&mut self, entry: &Entry<'_>) -> bool {
        if self.seen < self.skip {
            self.seen += 1;
            return true;
        }
        // The wire has UTF-8 names only; a driver's other name could not be asked for either.
        if let (Ok(name), Ok(target)) = (entry.name.to_str(), entry.target.to_str()) {
            let entry = entries::Entry {
                kind: entry.kind,
                mode: entry.mode,
                name,
                target,
            };
            while entries::push(&mut self.room, &mut self.used, &entry) == Err(NkErr::NoMem) {
                if !self.grow() {
                    self.is_full = true;
                    return false;
                }
            }
        }
        self.seen += 1;
        true
    }

    /// Doubles the room, up to what a message holds; `false` if it holds that already, or memory is short.
    fn grow(&mut self) -> bool {
        let wanted = (self.room.len() * 2).min(sysfs::MAX_ENTRIES as usize);
        let more = wanted - self.room.len();
        if more == 0 || self.room.try_reserve_exact(more).is_err() {
            return false;
        }
        self.room.resize(wanted, 0);
        true
    }

    /// What was packed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or_default()
    }

    /// What to ask for next.
    fn next(&self) -> u32 {
        if self.is_full { self.seen } else { 0 }
    }
}

fn list(request: &Request) {
    let req = decoded(sysfs::ListReq::decode(request.parts()));
    let list = || {
        let node = Node::walk(req.path)?;
        if !node.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        let mut piece = Piece::new(req.from)?;
        node.each(|entry| piece.push(entry));
        Ok(piece)
    };
    respond!(request, list(), ListErr, piece => sysfs::ListRes {
        next: piece.next(),
        entries: piece.bytes()
    });
}

/// Files that somebody asked about with `Poll`; announcements are counted from the first question on. The least
/// recently asked one goes when there are too many, and all new counts then start behind it: a count that a client
/// knows from before is never taken for news that it has seen.
struct Watches {
    list: VecDeque<Rc<Watch>>,
    first_count: u32,
}

const MAX_WATCHES: usize = 256;

static WATCHES: Global<Watches> = Global::new(Watches {
    list: VecDeque::new(),
    first_count: 0,
});

fn watch(node: &Node) -> Result<Rc<Watch>, Errno> {
    let find = || {
        WATCHES.with(|w| {
            let at = w.list.iter().position(|watch| watch.is_of(node))?;
            let found = w.list.remove(at)?;
            w.list.push_front(Rc::clone(&found));
            Some(found)
        })
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    let watch = Rc::new(Watch::new(node, WATCHES.with(|w| w.first_count))?);
    // Opening may have slept, and another task may have been quicker.
    if let Some(found) = find() {
        return Ok(found);
    }
    let dropped = WATCHES.with(|w| {
        w.list.push_front(Rc::clone(&watch));
        let dropped = if w.list.len() > MAX_WATCHES {
            w.list.pop_back()
        } else {
            None
        };
        if let Some(old) = &dropped {
            w.first_count = w.first_count.max(old.count()).wrapping_add(1);
        }
        dropped
    });
    drop(dropped);
    Ok(watch)
}

fn poll(request: &Request) {
    let req = decoded(sysfs::PollReq::decode(request.parts()));
    let poll = || {
        let node = Node::walk(req.path)?;
        if node.is_dir() {
            return Err(Errno::EISDIR);
        }
        let watch = watch(&node)?;
        watch.wait(req.event, super::timeout_ns(req.timeout_ms));
        if watch.count() == req.event && context::is_signalled() {
            // As poll() has it.
            return Err(Errno::ERESTARTNOHAND);
        }
        if node.is_live() {
            Ok(watch.count())
        } else {
            Err(Errno::ENODEV)
        }
    };
    respond!(request, poll(), PollErr, current => sysfs::PollRes { current: *current });
}
