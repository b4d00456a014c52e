// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unions, types of another package, typed handles, and error forms with an arena.

use proptest::prelude::*;

use super::generated::everything::{self, Choice, Chosen, Inner, MoreErr, MoreReq};
use super::generated::types::{MAX_NAME, Point};
use super::{Message, Vec, vec};
use crate::nk::{Handle, HandleDesc, Header, NkErr, Seq, Wire};

const INNER: Inner = Inner {
    a: 1,
    b: 2,
    c: 3,
    d: -4,
};

fn request(choices: Seq<'_, Choice>) -> MoreReq<'_> {
    MoreReq {
        point: Point { x: -1, y: 2 },
        back: HandleDesc {
            handle: Handle(5),
            rights: 6,
            badge: 7,
        },
        chosen: Chosen {
            first: 9,
            choice: Choice::Small(8),
        },
        choices,
        two: [Choice::Number(10), Choice::InnerOne(INNER)],
        size: 11,
    }
}

fn good() -> Message {
    Message::new(|out| request(Seq::from(&[Choice::Small(1), Choice::InnerOne(INNER)])).encode(out))
}

/// By hand: a union is a `u32` and, at the alignment of its widest member, the body.
#[test]
fn unions_lie_as_a_tag_and_a_body() {
    assert_eq!(MAX_NAME, 32);
    assert_eq!((Choice::BYTES, Choice::ALIGN), (32, 8));
    assert_eq!((Chosen::BYTES, Chosen::ALIGN), (40, 8));
    let message = good();
    let constant = &message.constant;
    assert_eq!(
        Header::read(constant).map(|header| (header.size, header.handles)),
        Ok((168, 1))
    );
    assert_eq!(HandleDesc::get(constant, 24).map(|desc| desc.handle), Ok(Handle(5)));
    assert_eq!(Point::get(constant, 40), Ok(Point { x: -1, y: 2 }));
    assert_eq!(constant[48], 9, "first");
    assert_eq!(u32::get(constant, 56), Ok(2), "the tag of `small`");
    assert_eq!(constant[64], 8, "`small`");
    assert_eq!(<[u32; 2]>::get(constant, 88), Ok([0, 64]), "choices");
    assert_eq!(
        <[u32; 2]>::get(constant, 96),
        Ok([0, 0]),
        "the tag of `number`, and padding"
    );
    assert_eq!(u32::get(constant, 104), Ok(10));
    assert_eq!(u32::get(constant, 128), Ok(1), "the tag of `inner_one`");
    assert_eq!(u64::get(constant, 160), Ok(11));
}

/// A message whose union holds nothing is refused before anybody reads it, wherever the union is.
#[test]
fn tags_that_say_nothing_are_refused() {
    let method = everything::INTERFACE.method(2).expect("More");
    assert_eq!((method.validate_request)(good().parts()), Ok(()));
    let wrong = [
        good().with(|m| m.put(56, 3_u32)),
        good().with(|m| m.put(96, u32::MAX)),
        good().with(|m| m.put(128, 3_u32)),
        good().with(|m| m.arena[0] = 3),
        good().with(|m| m.arena[32 + 3] = 1),
    ];
    for message in wrong {
        assert_eq!(
            (method.validate_request)(message.parts()),
            Err(NkErr::BadMsg),
            "{message:?}"
        );
    }
}

#[test]
fn error_forms_may_have_an_arena() {
    let places = [Point { x: 1, y: 2 }];
    let error = MoreErr {
        reason: "dark",
        places: Seq::from(&places),
    };
    let message = Message::new(|out| error.encode(out));
    assert_eq!(MoreErr::decode(message.parts()), Ok(error));
    let method = everything::INTERFACE.method(2).expect("More");
    assert_eq!((method.validate_response)(message.parts()), Ok(()));
    let cut = message.with(|m| m.arena.truncate(4));
    assert_eq!((method.validate_response)(cut.parts()), Err(NkErr::BadMsg));
}

fn any_choice() -> impl Strategy<Value = Choice> {
    let inner = any::<(u8, u16, u64, i8)>().prop_map(|(a, b, c, d)| Choice::InnerOne(Inner { a, b, c, d }));
    let small = any::<u8>().prop_map(Choice::Small);
    prop_oneof![any::<u32>().prop_map(Choice::Number), inner, small]
}

proptest! {
    #[test]
    fn unions_survive_the_wire(choices in prop::collection::vec(any_choice(), 0..=4)) {
        let request = request(Seq::from(&choices[..]));
        let message = Message::new(|out| request.encode(out));
        prop_assert_eq!(MoreReq::decode(message.parts()), Ok(request));
    }

    /// What a reader takes of changed bytes, it can write again.
    #[test]
    fn changed_unions_are_refused_or_mean_something(at in any::<prop::sample::Index>(), value: u8) {
        let changed = good().with(|m| {
            let at = at.index(m.constant.len() + m.arena.len());
            *m.constant.iter_mut().chain(&mut m.arena).nth(at).expect("inside") = value;
        });
        let mut seen: Vec<Choice> = vec![];
        if let Ok(request) = MoreReq::decode(changed.parts()) {
            seen.extend(request.choices.iter());
            prop_assert_eq!(seen.len(), request.choices.len(), "each item is one");
            let again = Message::new(|out| request.encode(out));
            prop_assert_eq!(MoreReq::decode(again.parts()), Ok(request));
        }
    }
}
