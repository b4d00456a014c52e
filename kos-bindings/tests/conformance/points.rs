// SPDX-License-Identifier: MIT OR Apache-2.0
//! The points.

use crate::world::*;

#[test]
fn p01_call_recv_and_reply_are_all_there_is_and_they_block() {
    let (kernel, _) = world();
    let mut pair = pair(&kernel);
    let channel = pair.channel;
    std::thread::scope(|scope| {
        let client = scope.spawn(|| say(&mut pair.c, channel, b"hello"));
        let got = receive(&mut pair.s, pair.listener, 2000);
        let got = got.expect("a request");
        assert_eq!(got.text, b"hello");
        assert_eq!(got.sender, pair.client.id());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!client.is_finished(), "the client waits for its answer");
        answer(&mut pair.s, &got, &[], b"world").expect("it waits");
        assert_eq!(client.join().expect("no panic").as_deref(), Ok(&b"world"[..]));
    });
}
