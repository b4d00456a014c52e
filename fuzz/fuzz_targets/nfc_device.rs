// SPDX-License-Identifier: GPL-2.0-only
//! The device side of two NFC controllers: NCI (PN7150) and the PN532's frames. The first byte says which.
#![no_main]

use harness::{Image, reader::Reader};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

fuzz_target!(
    init: READER.set(Some(Reader::new(Image::parse(env!("IMAGE_NFC"))))),
    |data: &[u8]| READER.with(|reader| {
        if let Some(reader) = reader.borrow_mut().as_mut() {
            reader.run(data);
        }
    })
);
