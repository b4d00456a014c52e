// SPDX-License-Identifier: GPL-2.0-only
//! Which file of one side is which of the other.
//!
//! First those with the same path. Of the rest, those with the same content; then those whose common lines are at
//! least half of the larger one's bytes, the likest first: git's own threshold for a rename.

use super::side::{Entry, Listing, MAX_BYTES, Reader};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// As git's `diff.renameLimit` of 1000: beyond so many comparisons only files with the same name are compared.
const MAX_COMPARISONS: usize = 1_000_000;
/// In hundredths.
const LIKE: u64 = 50;

/// A file of the port, or one that the port left out, and what it is upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) old: Option<PathBuf>,
    pub(super) new: Option<PathBuf>,
    /// How alike the two are, in hundredths; absent for those with one path.
    pub(super) likeness: Option<u8>,
}

/// All pairs, and whether some renamed file may have been overlooked.
pub(super) struct Pairs {
    pub(super) pairs: Vec<Pair>,
    pub(super) is_limited: bool,
}

/// A file as it is compared: its content's hash, and its lines' hashes with their lengths, in order.
struct Print {
    content: [u8; 32],
    lines: Vec<(u64, u32)>,
    size: u64,
    is_text: bool,
}

impl Print {
    fn of(data: &[u8]) -> Self {
        let mut lines: Vec<(u64, u32)> = data
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| {
                let mut hasher = DefaultHasher::new();
                line.hash(&mut hasher);
                (hasher.finish(), u32::try_from(line.len()).unwrap_or(u32::MAX))
            })
            .collect();
        lines.sort_unstable();
        Self {
            content: Sha256::digest(data).into(),
            lines,
            size: data.len() as u64,
            is_text: !is_binary(data),
        }
    }

    /// Bytes in common lines per hundred of the larger file's.
    fn likeness(&self, other: &Self) -> u64 {
        let larger = self.size.max(other.size);
        if larger == 0 || !self.is_text || !other.is_text || self.size.min(other.size) * 100 < larger * LIKE {
            return 0;
        }
        let (mut a, mut b, mut common) = (0, 0, 0);
        while let (Some(left), Some(right)) = (self.lines.get(a), other.lines.get(b)) {
            match left.cmp(right) {
                std::cmp::Ordering::Less => a += 1,
                std::cmp::Ordering::Greater => b += 1,
                std::cmp::Ordering::Equal => {
                    common += u64::from(left.1);
                    a += 1;
                    b += 1;
                }
            }
        }
        common * 100 / larger
    }
}

/// A NUL among the first 8000 bytes: git's rule.
pub(super) fn is_binary(data: &[u8]) -> bool {
    data.iter().take(8000).any(|&byte| byte == 0)
}

/// Finds the pairs.
pub(super) fn pairs(old: &Listing, new: &Listing, readers: (&Reader, &Reader), stop: &AtomicBool) -> Pairs {
    if let (true, true, Some(from), Some(to)) = (
        old.is_file,
        new.is_file,
        old.files.keys().next(),
        new.files.keys().next(),
    ) {
        // Two files were named: they are each other, whatever they are called.
        let pair = Pair {
            old: Some(from.clone()),
            new: Some(to.clone()),
            likeness: None,
        };
        return Pairs {
            pairs: vec![pair],
            is_limited: false,
        };
    }
    let mut pairs = Vec::new();
    let mut gone: BTreeMap<&PathBuf, &Entry> = BTreeMap::new();
    for (path, entry) in &old.files {
        if new.files.contains_key(path) {
            pairs.push(Pair {
                old: Some(path.clone()),
                new: Some(path.clone()),
                likeness: None,
            });
        } else {
            gone.insert(path, entry);
        }
    }
    let came: BTreeMap<&PathBuf, &Entry> = new
        .files
        .iter()
        .filter(|(path, _)| !old.files.contains_key(*path))
        .collect();
    let (moves, is_limited) = moves(&prints(&gone, readers.0, stop), &prints(&came, readers.1, stop));
    for (from, to, likeness) in moves {
        gone.remove(&from);
        pairs.push(Pair {
            old: Some(from),
            new: Some(to),
            likeness: Some(likeness),
        });
    }
    let paired: HashSet<&PathBuf> = pairs.iter().filter_map(|pair| pair.new.as_ref()).collect();
    let added: Vec<PathBuf> = came
        .keys()
        .copied()
        .filter(|path| !paired.contains(path))
        .cloned()
        .collect();
    pairs.extend(gone.keys().map(|path| Pair {
        old: Some((*path).clone()),
        new: None,
        likeness: None,
    }));
    pairs.extend(added.into_iter().map(|path| Pair {
        old: None,
        new: Some(path),
        likeness: None,
    }));
    pairs.sort_by(|a, b| {
        a.new
            .as_ref()
            .or(a.old.as_ref())
            .cmp(&b.new.as_ref().or(b.old.as_ref()))
    });
    Pairs { pairs, is_limited }
}

/// What cannot be read is no candidate; it is told of when it is compared. Whoever sets `stop` wants no pairs.
fn prints(files: &BTreeMap<&PathBuf, &Entry>, reader: &Reader, stop: &AtomicBool) -> Vec<(PathBuf, Print)> {
    let files: Vec<_> = files
        .iter()
        .filter(|(_, entry)| (1..=MAX_BYTES).contains(&entry.size))
        .collect();
    files
        .into_par_iter()
        .filter(|_| !stop.load(Relaxed))
        .filter_map(|(path, entry)| Some(((*path).clone(), Print::of(&reader.read(entry).ok()?))))
        .collect()
}

type Prints = [(PathBuf, Print)];

fn moves(gone: &Prints, came: &Prints) -> (Vec<(PathBuf, PathBuf, u8)>, bool) {
    let mut taken = (vec![false; gone.len()], vec![false; came.len()]);
    let mut found = Vec::new();
    let mut by_content: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
    for (index, (_, print)) in gone.iter().enumerate() {
        by_content.entry(print.content).or_default().push(index);
    }
    // The same content: first those that kept their names, then in order.
    for wants_name in [true, false] {
        for (to, (path, print)) in came.iter().enumerate() {
            let from = by_content
                .get(&print.content)
                .into_iter()
                .flatten()
                .copied()
                .find(|&from| {
                    !taken.0[from] && !taken.1[to] && (!wants_name || gone[from].0.file_name() == path.file_name())
                });
            if let Some(from) = from {
                (taken.0[from], taken.1[to]) = (true, true);
                found.push((gone[from].0.clone(), path.clone(), 100));
            }
        }
    }
    let (left, right) = (free(&taken.0), free(&taken.1));
    let is_limited = left.len().saturating_mul(right.len()) > MAX_COMPARISONS;
    let name = |path: &Path| path.file_name().map(ToOwned::to_owned);
    let mut alike: Vec<(u64, bool, usize, usize)> = left
        .par_iter()
        .flat_map_iter(|&from| {
            right.iter().filter_map(move |&to| {
                let has_name = name(&gone[from].0) == name(&came[to].0);
                let likeness = if is_limited && !has_name {
                    0
                } else {
                    gone[from].1.likeness(&came[to].1)
                };
                (likeness >= LIKE).then_some((likeness, has_name, from, to))
            })
        })
        .collect();
    // The likest first; of equals those that kept their names, then in order of the paths.
    alike.sort_by(|a, b| (b.0, b.1, a.2, a.3).cmp(&(a.0, a.1, b.2, b.3)));
    for (likeness, _, from, to) in alike {
        if !taken.0[from] && !taken.1[to] {
            (taken.0[from], taken.1[to]) = (true, true);
            // Not 100, which says that the two are the same.
            let likeness = u8::try_from(likeness.min(99)).unwrap_or(99);
            found.push((gone[from].0.clone(), came[to].0.clone(), likeness));
        }
    }
    (found, is_limited)
}

fn free(taken: &[bool]) -> Vec<usize> {
    let indices = taken.iter().enumerate();
    indices.filter(|(_, taken)| !**taken).map(|(index, _)| index).collect()
}
