// SPDX-License-Identifier: MIT OR Apache-2.0
//! From [`crate::model`] to Rust text: the body of one module per interface.
//!
//! Modules of packages lie beside one another: a package's text refers to those that it imports by
//! `super::name`. The text needs `kos_bindings::nk` in scope as `crate::nk`, no allocator and no macro. Decoding
//! is validating: there is one function for both, so they cannot disagree.
//!
//! * `structs`: structs and unions. `message`: the forms of messages with `encode` and `decode`.
//! * `ends`: `Client`, `Server` and `dispatch`.
//! * `fields`: descriptions of parameters, for the policy and the audit log.
//! * `names`: Rust's spelling of IDL's names.

mod ends;
mod fields;
mod message;
mod names;
mod structs;

use crate::model::{Const, Interface, Message, Method};
use message::Form;
use names::screaming;

/// Writes the module of one interface.
#[must_use]
pub fn generate(interface: &Interface, riid: u16) -> String {
    let mut out = USES.to_owned();
    out.extend(interface.consts.iter().map(constant));
    for item in &interface.structs {
        out += &if item.is_union {
            structs::union(item)
        } else {
            structs::structure(item)
        };
        out += &fields::structure(item);
    }
    if !interface.has_interface {
        return out;
    }
    out += &identity(interface, riid);
    out.extend(interface.methods.iter().flat_map(Form::all).map(|form| form.text()));
    out += &ends::client(interface);
    out += &ends::server(interface);
    out
}

const USES: &str = "
#[allow(unused_imports, reason = \"which are needed depends on the interface\")]
use crate::nk::{
    ArenaReader, ArenaWriter, CallError, Desc, Fault, Handle, HandleDesc, Header, Interface, Lens,
    Method, Never, NkErr, Parts, PartsMut, Seq, Sizes, Transport, Wire,
};
";

/// Returns the name of an interface's module: the last part of the package's name.
#[must_use]
pub fn module_name(interface: &Interface) -> String {
    names::module(&interface.name)
}

/// Turns a comment into Rust documentation.
#[must_use]
pub fn doc_lines(doc: &str) -> String {
    doc.lines()
        .map(|line| format!("/// {line}").trim_end().to_owned() + "\n")
        .collect()
}

fn constant(constant: &Const) -> String {
    let Const { name, ty, value, .. } = constant;
    let (doc, name) = (doc_lines(&constant.doc), screaming(name));
    format!("\n{doc}pub const {name}: {ty} = {value};\n")
}

/// Numbers and names: what the registry and the headers of messages need.
fn identity(interface: &Interface, riid: u16) -> String {
    let name = &interface.name;
    let mid = |(mid, method): (usize, &Method)| {
        let (name, constant) = (&method.name, screaming(&method.name));
        format!("    /// `{name}`\n    pub const {constant}: u16 = {mid};\n")
    };
    let mids: String = interface.methods.iter().enumerate().map(mid).collect();
    let entries: String = interface.methods.iter().map(entry).collect();
    format!(
        "
/// The interface's name.
pub const NAME: &str = \"{name}\";

/// The interface's number in message headers.
pub const RIID: u16 = {riid};

/// The methods' numbers in message headers.
pub mod mid {{
{mids}}}

/// What the registry knows of this interface.
pub static INTERFACE: Interface = Interface {{
    name: NAME,
    riid: RIID,
    methods: &[{entries}],
}};
"
    )
}

fn entry(method: &Method) -> String {
    let (name, mid) = (&method.name, screaming(&method.name));
    let (validate, sizes) = match method.error {
        None => (String::new(), "None".to_owned()),
        Some(_) => (
            format!(
                "if Header::is_error_form(parts.constant) {{
                return {name}Err::decode(parts).map(|_| ());
            }}
            "
            ),
            format!("Some({name}Err::SIZES)"),
        ),
    };
    let fields = |message: &Message| fields::list(&message.fields);
    let (request, result) = (fields(&method.request), fields(&method.result));
    let error = method.error.as_ref().map_or_else(|| "&[]".to_owned(), fields);
    format!(
        "
    Method {{
        name: \"{name}\",
        mid: mid::{mid},
        validate_request: |parts| {name}Req::decode(parts).map(|_| ()),
        validate_response: |parts| {{
            {validate}{name}Res::decode(parts).map(|_| ())
        }},
        request: {name}Req::SIZES,
        result: {name}Res::SIZES,
        error: {sizes},
        #[cfg(feature = \"hosted\")]
        fields: crate::nk::Fields {{
            request: {request},
            result: {result},
            error: {error},
        }},
    }},
"
    )
}
