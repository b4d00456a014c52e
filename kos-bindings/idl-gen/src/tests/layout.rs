// SPDX-License-Identifier: MIT OR Apache-2.0
//! The field-order rule of generated KasperskyOS code, against packages that nobody wrote: handles
//! directly after the header, the others in declaration order at their natural alignment, the whole
//! rounded up to 8.

use proptest::prelude::*;

use super::good;
use crate::model::Message;
use crate::{parse, rust};

/// Types as they are written, with size, alignment, and whether they are handles.
const TYPES: [(&str, usize, usize, bool); 14] = [
    ("UInt8", 1, 1, false),
    ("SInt16", 2, 2, false),
    ("UInt32", 4, 4, false),
    ("UInt64", 8, 8, false),
    ("UIntSize", 8, 8, false),
    ("Handle", 16, 8, true),
    ("handle<demo.Lamp>", 16, 8, true),
    ("bytes<7>", 8, 4, false),
    ("string<3>", 8, 4, false),
    ("sequence<UInt64, 5>", 8, 4, false),
    ("array<UInt16, 3>", 6, 2, false),
    ("array<array<UInt8, 3>, 3>", 9, 1, false),
    ("Odd", 6, 2, false),
    ("Either", 16, 8, false),
];

const DECLARED: &str = "package demo.Lamp\n\
                        struct Odd { UInt8 a; UInt16 b; UInt8 c; }\nunion Either { UInt8 a; UInt64 b; }\n";

/// The rule, as plainly as it can be said.
fn expected(params: &[usize]) -> (Vec<usize>, usize, usize) {
    let handles = params.iter().filter(|param| TYPES[**param].3).count();
    let (mut handle_at, mut at) = (24, 24 + 16 * handles);
    let mut places = Vec::new();
    for param in params {
        let (_, bytes, align, is_handle) = TYPES[*param];
        if is_handle {
            places.push(handle_at);
            handle_at += 16;
        } else {
            while at % align != 0 {
                at += 1;
            }
            places.push(at);
            at += bytes;
        }
    }
    while at % 8 != 0 {
        at += 1;
    }
    (places, handles, at)
}

fn written(params: &[usize], direction: &str, from: usize) -> Vec<String> {
    let param = |(i, param): (usize, &usize)| format!("{direction} {} p{}", TYPES[*param].0, from + i);
    params.iter().enumerate().map(param).collect()
}

fn places(message: &Message) -> (Vec<usize>, usize, usize) {
    let at = message.fields.iter().map(|field| field.at).collect();
    (at, message.handles, message.constant)
}

/// Where the `decode` of one generated form reads each parameter.
fn read_from<'a>(text: &'a str, form: &str) -> Vec<(&'a str, usize)> {
    let start = text
        .find(&format!("impl {form} "))
        .or_else(|| text.find(&format!("impl<'a> {form}<'a> ")));
    let text = &text[start.expect("the form is there")..];
    let text = &text[text.find("pub fn decode").expect("it decodes")..];
    let body = &text[..text.find("\n    }\n").expect("it ends")];
    let field = |line: &'a str| {
        let (name, rest) = line.trim().split_once(": ")?;
        let (_, rest) = rest.split_once("get(constant, ")?;
        let digits = rest.split(')').next()?;
        Some((name.rsplit(' ').next()?, digits.parse().ok()?))
    };
    body.lines().filter_map(field).collect()
}

proptest! {
    #[test]
    fn parameters_lie_as_in_generated_c(
        inputs in prop::collection::vec(0..TYPES.len(), 0..12),
        outputs in prop::collection::vec(0..TYPES.len(), 0..12),
        errors in prop::collection::vec(0..TYPES.len(), 1..12),
    ) {
        let all = [
            written(&inputs, "in", 0),
            written(&outputs, "out", 100),
            written(&errors, "error", 200),
        ];
        let package = good(&format!("{DECLARED}interface {{ M({}); }}", all.concat().join(", ")));
        let method = &package.methods[0];
        prop_assert_eq!(places(&method.request), expected(&inputs));
        prop_assert_eq!(places(&method.result), expected(&outputs));
        let error = method.error.as_ref().expect("it has parameters");
        prop_assert_eq!(places(error), expected(&errors));

        let text = rust::generate(&package, 1);
        for (form, params, from) in [("MReq", &inputs, 0), ("MRes", &outputs, 100), ("MErr", &errors, 200)] {
            let (at, handles, constant) = expected(params);
            let names: Vec<_> = (from..).take(at.len()).map(|i| format!("p{i}")).collect();
            let wanted: Vec<_> = names.iter().map(String::as_str).zip(at).collect();
            prop_assert_eq!(read_from(&text, form), wanted, "{}", form);
            let header = format!("size: {constant}, handles: {handles}, ");
            prop_assert!(text.contains(&header), "{}", header);
        }
    }

    /// Whatever is printed is read as what it was.
    #[test]
    fn packages_survive_printing(
        inputs in prop::collection::vec((0..TYPES.len(), "[ -~]{0,20}"), 0..6),
        numbers in prop::collection::vec((0..4_usize, 0..3_u64), 1..20),
    ) {
        let expr: String = numbers
            .iter()
            .map(|(op, number)| format!("{number} {} ", ["+", "*", "**", "<<"][*op]))
            .collect();
        let params: Vec<_> = inputs
            .iter()
            .enumerate()
            .map(|(i, (ty, doc))| format!("\n// {doc}\nin {} p{i}", TYPES[*ty].0))
            .collect();
        let text = format!("{DECLARED}const UInt64 C = {expr}1;\ninterface {{ M({}\n); }}", params.join(","));
        let first = parse::package(&text).expect("it is right").to_string();
        let second = parse::package(&first).expect("it is still right").to_string();
        prop_assert_eq!(&first, &second);
        let load = |text: &str| crate::load("demo/Lamp.idl", text).map(|package| rust::generate(&package, 1));
        match (load(&text), load(&first)) {
            (Ok(before), Ok(after)) => prop_assert_eq!(before, after),
            (Err(before), Err(after)) => prop_assert_eq!(before.message, after.message),
            (before, after) => prop_assert!(false, "{:?} {:?}", before, after),
        }
    }
}
