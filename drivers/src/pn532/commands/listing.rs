// SPDX-License-Identifier: GPL-2.0-only
//! Commands that wait for a tag: InListPassiveTarget and InAutoPoll (UM0701-02, 7.3.5 and 7.3.13).
//!
//! Each tag that comes or goes, and the end of the tries, is looked at in [`Commands::look`]. With
//! [`StartUp::Instant`](crate::chip::StartUp::Instant) what the tries take on the air does not count.

use super::{Commands, FOR_EVER, code, error};
use crate::chip::NEVER;
use crate::nfc::pcd::Found;

/// One try of passive activation without an answer in ns: the carrier's guard time of 5 ms, and the request.
pub(super) const TRY_NS: u64 = 6_000_000;
/// InAutoPoll's unit of time in ns (7.3.13).
pub(super) const AUTO_POLL_NS: u64 = 150_000_000;

/// What a waiting command waits for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// InListPassiveTarget: so many, perhaps one certain.
    List { max: usize, uid: Vec<u8> },
    /// InAutoPoll: of these types.
    AutoPoll(Vec<u8>),
    /// Something that is never there.
    Nothing,
}

pub(super) struct Waiting {
    pub(super) code: u8,
    pub(super) wanted: Wanted,
    /// When it gives up, in ns, or [`NEVER`].
    pub(super) deadline: u64,
    pub(super) generation: Option<u64>,
}

impl Commands {
    /// Begins to wait for a tag, `tries` and one times.
    pub(super) fn wait(&mut self, now: u64, code: u8, wanted: Wanted, tries: u8, each_ns: u64) {
        self.targets.clear();
        self.current = None;
        let count = if code == code::IN_AUTO_POLL {
            u64::from(tries)
        } else {
            u64::from(tries) + 1
        };
        let deadline = if tries == FOR_EVER {
            NEVER
        } else {
            now.saturating_add(count * each_ns)
        };
        self.waiting = Some(Waiting {
            code,
            wanted,
            deadline,
            generation: None,
        });
        self.look(now);
    }

    /// Whether what is waited for has come, or the time is up.
    pub(super) fn look(&mut self, now: u64) {
        let Some(mut waiting) = self.waiting.take() else {
            return;
        };
        let generation = self.pcd.field.generation();
        if waiting.generation != Some(generation) {
            waiting.generation = Some(generation);
            if let Some(data) = self.try_for(&waiting.wanted) {
                if self.is_instant {
                    // As if tries took no time.
                    self.pcd.elapsed();
                }
                return self.done(waiting.code, &data);
            }
            self.pcd.elapsed();
        }
        if now >= waiting.deadline {
            // Of a list, that there is none; of an activation, that nobody answered.
            let nothing = match waiting.code {
                code::IN_JUMP_FOR_DEP | code::IN_JUMP_FOR_PSL => error::TIMEOUT,
                _ => 0,
            };
            return self.done(waiting.code, &[nothing]);
        }
        self.waiting = Some(waiting);
    }

    /// One try. Returns the answer's data if it has found something.
    fn try_for(&mut self, wanted: &Wanted) -> Option<Vec<u8>> {
        let (max, uid) = match wanted {
            Wanted::Nothing => return None,
            Wanted::List { max, uid } => (*max, &uid[..]),
            Wanted::AutoPoll(_) => (1, &[][..]),
        };
        // A second one is only kept if it was asked for; more than the chip can hold are not looked for.
        let found = self.pcd.poll(if uid.is_empty() { max } else { 8 });
        for tag in found
            .into_iter()
            .filter(|tag| uid.is_empty() || tag.uid == uid)
            .take(max)
        {
            let is_wanted = match wanted {
                Wanted::AutoPoll(types) => types.contains(&0x00) || types.contains(&type_of(&tag)),
                _ => true,
            };
            let selected = is_wanted && self.pcd.select(&tag).is_ok();
            let ats = match selected && tag.is_iso_dep() && self.has_automatic_rats {
                true => self.pcd.rats().ok(),
                false => Some(Vec::new()),
            };
            if let (true, Some(ats)) = (selected, ats) {
                self.targets.push((tag, ats));
            }
        }
        self.current = self.targets.len().checked_sub(1);
        let count = u8::try_from(self.targets.len()).ok().filter(|&count| count > 0)?;
        let mut data = vec![count];
        for (tg, (tag, ats)) in (1..).zip(&self.targets) {
            let described = target_data(tg, tag, ats);
            if let Wanted::AutoPoll(_) = wanted {
                data.extend([type_of(tag), u8::try_from(described.len()).unwrap_or(0)]);
            }
            data.extend(described);
        }
        Some(data)
    }
}

/// InAutoPoll's type: ISO/IEC 14443-4A, or MIFARE, which is what it calls all others.
fn type_of(tag: &Found) -> u8 {
    if tag.is_iso_dep() { 0x20 } else { 0x10 }
}

/// A UID without its cascade tags, as the host gives it (7.3.5).
pub(super) fn plain_uid(data: &[u8]) -> Vec<u8> {
    match data {
        [0x88, one @ ..] if data.len() == 8 => one.to_vec(),
        [0x88, a, b, c, 0x88, rest @ ..] if data.len() == 12 => [&[*a, *b, *c], rest].concat(),
        _ => data.to_vec(),
    }
}

/// Number, SENS_RES with its upper byte first, SEL_RES, NFCID1 and the answer to select (7.3.5).
fn target_data(tg: u8, tag: &Found, ats: &[u8]) -> Vec<u8> {
    let mut data = vec![
        tg,
        tag.atqa[1],
        tag.atqa[0],
        tag.sak,
        u8::try_from(tag.uid.len()).unwrap_or(0),
    ];
    data.extend(&tag.uid);
    data.extend(ats);
    data
}
