// SPDX-License-Identifier: MIT OR Apache-2.0
//! From [`crate::model`] to Rust text: the body of one module per interface.
//!
//! The text needs `kos_bindings::nk` in scope as `crate::nk`, no allocator and no macro. Decoding is validating:
//! there is one function for both, so they cannot disagree.
//!
//! * `message`: structs, and the forms of messages with `encode` and `decode`.
//! * `ends`: `Client`, `Server` and `dispatch`.
//! * `names`: Rust's spelling of IDL's names.

mod ends;
mod message;
mod names;

use crate::model::{Const, Interface, Method};
use message::Form;
use names::{screaming, snake};

/// Writes the module of one interface.
#[must_use]
pub fn generate(interface: &Interface, riid: u16) -> String {
    let mut out = String::new();
    out.push_str(
        "#[allow(unused_imports, reason = \"which are needed depends on the interface\")]\n",
    );
    out.push_str("use crate::nk::{ArenaReader, ArenaWriter, CallError, Desc, Fault, Handle, HandleDesc, Header, \
                  Interface, Lens, Method, Never, NkErr, Parts, PartsMut, Retcode, Seq, Sizes, Transport, Wire};\n\n");
    for constant in &interface.consts {
        out.push_str(&constant_item(constant));
    }
    for item in &interface.structs {
        out.push_str(&message::structure(item));
    }
    if interface.methods.is_empty() {
        return out;
    }
    out.push_str(&identity(interface, riid));
    for method in &interface.methods {
        for form in Form::all(method) {
            out.push_str(&form.text());
        }
    }
    out.push_str(&ends::client(interface));
    out.push_str(&ends::server(interface));
    out
}

/// Returns the name of an interface's module: the last part of the package's name.
#[must_use]
pub fn module_name(interface: &Interface) -> String {
    snake(interface.name.rsplit('.').next().unwrap_or_default())
}

/// Turns a comment into Rust documentation.
#[must_use]
pub fn doc_lines(doc: &str, indent: &str) -> String {
    doc.lines()
        .map(|line| format!("{indent}/// {line}").trim_end().to_owned() + "\n")
        .collect()
}

fn constant_item(constant: &Const) -> String {
    let doc = doc_lines(&constant.doc, "");
    format!(
        "{doc}pub const {}: {} = {};\n\n",
        screaming(&constant.name),
        constant.ty,
        constant.value
    )
}

/// Numbers and names: what the registry and the headers of messages need.
fn identity(interface: &Interface, riid: u16) -> String {
    let name = &interface.name;
    let mut out = format!(
        "/// The interface's name.\npub const NAME: &str = \"{name}\";\n\n\
         /// The interface's number in message headers.\npub const RIID: u16 = {riid};\n\n\
         /// The methods' numbers in message headers.\npub mod mid {{\n"
    );
    for (mid, method) in interface.methods.iter().enumerate() {
        let name = &method.name;
        out += &format!(
            "    /// `{name}`\n    pub const {}: u16 = {mid};\n",
            screaming(name)
        );
    }
    out += "}\n\n/// What the registry knows of this interface.\npub static INTERFACE: Interface = Interface {\n    \
            name: NAME,\n    riid: RIID,\n    methods: &[\n";
    out.extend(interface.methods.iter().map(method_entry));
    out + "    ],\n};\n\n"
}

fn method_entry(method: &Method) -> String {
    let (name, mid) = (&method.name, screaming(&method.name));
    let error = if method.error.is_some() {
        format!("Some({name}Err::SIZES)")
    } else {
        "None".to_owned()
    };
    let response = if method.error.is_some() {
        format!(
            "|parts| if Header::is_error_form(parts.constant) {{ {name}Err::decode(parts).map(|_| ()) }} else {{ \
             {name}Res::decode(parts).map(|_| ()) }}"
        )
    } else {
        format!("|parts| {name}Res::decode(parts).map(|_| ())")
    };
    format!(
        "        Method {{\n            name: \"{name}\",\n            mid: mid::{mid},\n            \
         validate_request: |parts| {name}Req::decode(parts).map(|_| ()),\n            \
         validate_response: {response},\n            request: {name}Req::SIZES,\n            \
         result: {name}Res::SIZES,\n            error: {error},\n        }},\n"
    )
}
