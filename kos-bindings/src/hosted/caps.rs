// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handle tables, and the tree in which handles descend from each other across processes.
//!
//! ```text
//!   process A            process B          process C
//!   [1] ────── copy ──▶ [2]
//!    └──── message ─────────▶ [7] ── message ──▶ [3]      revoke A's 1: all are dead
//!                              └ closed: C's 3 hangs from A's 1
//! ```
//!
//! A node is one handle. It lives as long as its table has it, or a descendant needs it to be found. What it leads to
//! it lets go of at once when it is closed or revoked. The tree changes under one lock; looking a handle up takes
//! none of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::vec::Vec;

use super::handles::Rights;
use super::notice::{Badge, Token, lock};
use super::object::{Kind, Object};
use super::quota::{Charge, What};
use super::task::Task;
use crate::nk::{Handle, Retcode};

/// What a handle leads to while it is neither closed nor revoked.
#[derive(Debug)]
struct Live {
    object: Arc<Object>,
    token: Option<Arc<Token>>,
}

#[derive(Debug, Default)]
struct Links {
    parent: Option<Arc<Node>>,
    children: Vec<Weak<Node>>,
}

/// One handle.
#[derive(Debug)]
pub(crate) struct Node {
    /// The process in whose table it is.
    pub(crate) owner: u64,
    /// Its value there.
    pub(crate) value: Handle,
    pub(crate) rights: Rights,
    live: Mutex<Option<Live>>,
    links: Mutex<Links>,
    _charge: Charge,
}

/// Guards every change of the tree. Nodes' own locks are taken under it in any order.
static TREE: Mutex<()> = Mutex::new(());

/// The most handles of one table.
const MAX_SLOTS: usize = 0xffff;
/// A handle's value is slot + 1, and above it how often the slot was used before.
const USES_SHIFT: u32 = 16;
/// A slot that was used so often is not used again: a value never comes back.
const MAX_USES: u32 = 0x7ffe;

#[derive(Debug, Default)]
struct Slot {
    uses: u32,
    node: Option<Arc<Node>>,
}

/// The handles of one process.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    /// Oldest first, so that a stale value hits nothing for as long as possible.
    free: VecDeque<u32>,
    is_closed: bool,
}

fn split(handle: Handle) -> Option<(usize, u32)> {
    let slot = (handle.0 & 0xffff).checked_sub(1)?;
    Some((slot as usize, handle.0 >> USES_SHIFT))
}

impl Table {
    fn insert(&mut self, make: impl FnOnce(Handle) -> Arc<Node>) -> Result<Arc<Node>, Retcode> {
        if self.is_closed {
            return Err(Retcode::NOT_CONNECTED);
        }
        let index = match self.free.pop_front() {
            Some(index) => index,
            None if self.slots.len() < MAX_SLOTS => {
                self.slots.push(Slot::default());
                u32::try_from(self.slots.len() - 1).map_err(|_| Retcode::FAIL)?
            }
            None => return Err(Retcode::FAIL),
        };
        let slot = self.slots.get_mut(index as usize).ok_or(Retcode::FAIL)?;
        let node = make(Handle(slot.uses << USES_SHIFT | (index + 1)));
        slot.node = Some(Arc::clone(&node));
        Ok(node)
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&Arc<Node>> {
        let (index, uses) = split(handle)?;
        let slot = self.slots.get(index).filter(|slot| slot.uses == uses)?;
        slot.node.as_ref()
    }

    fn remove(&mut self, handle: Handle) -> Option<Arc<Node>> {
        let (index, uses) = split(handle)?;
        let slot = self.slots.get_mut(index).filter(|slot| slot.uses == uses)?;
        let node = slot.node.take()?;
        slot.uses += 1;
        if slot.uses < MAX_USES {
            self.free.push_back(u32::try_from(index).unwrap_or(0));
        }
        Some(node)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.slots.iter().filter_map(|slot| slot.node.as_ref())
    }
}

impl Node {
    /// Returns what it leads to.
    ///
    /// # Errors
    ///
    /// `rcHandleRevoked`.
    pub(crate) fn object(&self) -> Result<Arc<Object>, Retcode> {
        let live = lock(&self.live);
        let live = live.as_ref().ok_or(Retcode::HANDLE_REVOKED)?;
        Ok(Arc::clone(&live.object))
    }

    /// Finds, on the way to the tree's root, the handle to the same thing that process `owner` has.
    pub(crate) fn ancestor_in(&self, owner: u64) -> Option<Handle> {
        let object = self.object().ok()?;
        let _tree = lock(&TREE);
        let mut next = lock(&self.links).parent.clone();
        while let Some(node) = next {
            if node.owner == owner {
                // Of a part the ancestor is the whole: that is another thing.
                let live = lock(&node.live);
                let is_same = live.as_ref().is_some_and(|live| Arc::ptr_eq(&live.object, &object));
                return is_same.then_some(node.value);
            }
            next = lock(&node.links).parent.clone();
        }
        None
    }

    /// Returns the context that process `owner` gave the handle, by a badge or as what it is.
    pub(crate) fn context_of(&self, owner: u64) -> u64 {
        let live = lock(&self.live);
        let Some(live) = live.as_ref() else {
            return 0;
        };
        let mut token = live.token.as_ref();
        while let Some(one) = token {
            if one.badge.owner == owner {
                return one.badge.context;
            }
            token = one.outer.as_ref();
        }
        match &live.object.kind {
            Kind::User(user) if user.issuer == owner => user.context,
            _ => 0,
        }
    }

    fn has_badge(&self, badge: &Arc<Badge>) -> bool {
        let live = lock(&self.live);
        let token = live.as_ref().and_then(|live| live.token.as_ref());
        token.is_some_and(|token| Arc::ptr_eq(&token.badge, badge))
    }
}

/// Puts the first handle to `object` into `task`'s table.
///
/// # Errors
///
/// `rcFail` if its limit is reached.
pub(crate) fn root(task: &Task, object: Arc<Object>, rights: Rights) -> Result<Handle, Retcode> {
    let charge = task.quota.take(What::Handles, 1)?;
    let node = task.table().insert(|value| {
        Arc::new(Node {
            owner: task.id,
            value,
            rights,
            live: Mutex::new(Some(Live { object, token: None })),
            links: Mutex::default(),
            _charge: charge,
        })
    })?;
    Ok(node.value)
}

/// Makes a descendant of `parent` in `to`'s table, at the cost of `payer`.
///
/// # Errors
///
/// `rcHandleRevoked` if the parent is not good any more, `rcFail` if a limit is reached, `rcNotConnected` if `to` is
/// dead.
pub(crate) fn derive(
    parent: &Arc<Node>,
    to: &Task,
    rights: Rights,
    badge: Option<&Arc<Badge>>,
    payer: &Task,
) -> Result<Handle, Retcode> {
    derive_as(parent, None, to, rights, badge, payer)
}

/// As [`derive()`], but the descendant leads to `part`, a part of what its parent leads to.
///
/// # Errors
///
/// As [`derive()`].
pub(crate) fn derive_as(
    parent: &Arc<Node>,
    part: Option<Arc<Object>>,
    to: &Task,
    rights: Rights,
    badge: Option<&Arc<Badge>>,
    payer: &Task,
) -> Result<Handle, Retcode> {
    let charge = payer.quota.take(What::Handles, 1)?;
    let _tree = lock(&TREE);
    let (object, outer) = {
        let live = lock(&parent.live);
        let live = live.as_ref().ok_or(Retcode::HANDLE_REVOKED)?;
        (part.unwrap_or_else(|| Arc::clone(&live.object)), live.token.clone())
    };
    let token = match badge {
        Some(badge) => Some(Token::new(
            Arc::clone(badge),
            outer,
            payer.quota.take(What::Handles, 1)?,
        )),
        None => outer,
    };
    let node = to.table().insert(|value| {
        Arc::new(Node {
            owner: to.id,
            value,
            rights,
            live: Mutex::new(Some(Live { object, token })),
            links: Mutex::new(Links {
                parent: Some(Arc::clone(parent)),
                children: Vec::new(),
            }),
            _charge: charge,
        })
    })?;
    adopt(parent, Arc::downgrade(&node));
    Ok(node.value)
}

fn adopt(parent: &Node, child: Weak<Node>) {
    let mut links = lock(&parent.links);
    if links.children.len() == links.children.capacity() {
        links.children.retain(|child| child.strong_count() > 0);
    }
    links.children.push(child);
}

/// Takes a node out of the tree; its children become its parent's. What it held is to be dropped without the lock.
fn detach(node: &Node) -> (Option<Live>, Option<Arc<Node>>) {
    let live = lock(&node.live).take();
    let Links { parent, children } = std::mem::take(&mut *lock(&node.links));
    for child in children.iter().filter_map(Weak::upgrade) {
        lock(&child.links).parent.clone_from(&parent);
        if let Some(parent) = &parent {
            adopt(parent, Arc::downgrade(&child));
        }
    }
    (live, parent)
}

/// Closes a handle. Returns whether it was there.
pub(crate) fn close(task: &Task, handle: Handle) -> bool {
    let removed = task.table().remove(handle);
    let Some(node) = removed else {
        return false;
    };
    let tree = lock(&TREE);
    let held = detach(&node);
    drop(tree);
    // Here and not before: whatever the last handle kept alive may end now, and may look at the tree.
    drop(held);
    true
}

/// Closes all handles of a dead process, for good.
pub(crate) fn close_all(task: &Task) {
    let mut table = task.table();
    table.is_closed = true;
    table.free.clear();
    let slots = std::mem::take(&mut table.slots);
    drop(table);
    let nodes: Vec<_> = slots.into_iter().filter_map(|slot| slot.node).collect();
    let tree = lock(&TREE);
    let held: Vec<_> = nodes.iter().map(|node| detach(node)).collect();
    drop(tree);
    drop(held);
}

/// Revokes the descendants of `node`: all, or only those that were made with `badge`, and theirs.
pub(crate) fn revoke(node: &Node, badge: Option<&Arc<Badge>>) {
    let tree = lock(&TREE);
    let mut held = Vec::new();
    let first: Vec<_> = lock(&node.links).children.iter().filter_map(Weak::upgrade).collect();
    let mut todo: Vec<Arc<Node>> = first
        .into_iter()
        .filter(|child| badge.is_none_or(|badge| child.has_badge(badge)))
        .collect();
    while let Some(node) = todo.pop() {
        held.extend(lock(&node.live).take());
        todo.extend(lock(&node.links).children.iter().filter_map(Weak::upgrade));
    }
    drop(tree);
    drop(held);
}
