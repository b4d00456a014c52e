// SPDX-License-Identifier: GPL-2.0-only
//! `asm/page.h`, `asm-generic/memory_model.h`, `linux/mm.h`: the variables that say where memory lies.
//!
//! C reads them; only [`crate::mm::init`] writes them.

use crate::mm::raw::OneThread;
use core::cell::Cell;

/// A word that C sees under its name.
type Word = OneThread<Cell<usize>>;

/// Implements `memory_start` (`asm/page.h`): the heap's first byte.
#[unsafe(no_mangle)]
pub static memory_start: Word = OneThread(Cell::new(0));
/// Implements `memory_end` (`asm/page.h`): the first byte behind the heap.
#[unsafe(no_mangle)]
pub static memory_end: Word = OneThread(Cell::new(0));
/// Implements `mem_map` (`linux/mmzone.h`): the page descriptors.
#[unsafe(no_mangle)]
pub static mem_map: Word = OneThread(Cell::new(0));
/// Implements `max_mapnr` (`linux/mm.h`): how many page descriptors there are.
#[unsafe(no_mangle)]
pub static max_mapnr: Word = OneThread(Cell::new(0));
/// Implements `high_memory` (`linux/mm.h`): the first byte behind directly mapped memory.
#[unsafe(no_mangle)]
pub static high_memory: Word = OneThread(Cell::new(0));
/// Implements `_totalram_pages` (`linux/mm.h`): pages that may be allocated; an `atomic_long_t`.
#[unsafe(no_mangle)]
pub static _totalram_pages: Word = OneThread(Cell::new(0));
