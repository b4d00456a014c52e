// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both ends of a channel: `Client`, and `Server` with `dispatch`.

use super::doc_lines;
use super::message::Form;
use super::names::{screaming, variable};
use crate::model::{Interface, Method};

fn error_type(method: &Method) -> String {
    let form = Form::all(method).nth(2);
    form.map_or_else(|| "Never".to_owned(), |form| form.type_name())
}

pub(super) fn client(interface: &Interface) -> String {
    let name = &interface.name;
    let methods: String = interface.methods.iter().map(client_method).collect();
    format!(
        "
/// Calls `{name}` over a transport.
#[derive(Debug)]
pub struct Client<T> {{
    transport: T,
    handle: Handle,
}}

impl<T: Transport> Client<T> {{
    /// Makes a client that calls `handle`.
    pub const fn new(transport: T, handle: Handle) -> Self {{
        Self {{ transport, handle }}
    }}

    /// Returns the transport.
    pub const fn transport(&mut self) -> &mut T {{
        &mut self.transport
    }}
{methods}}}
"
    )
}

fn client_method(method: &Method) -> String {
    let (name, function, doc) = (&method.name, variable(&method.name), doc_lines(&method.doc));
    let (request, result) = (Form::request(method).type_name(), Form::result(method).type_name());
    let error = error_type(method);
    let (parameter, argument) = if method.request.fields.is_empty() {
        (String::new(), format!("{request} {{}}"))
    } else {
        (format!(", request: &{request}"), "request".to_owned())
    };
    let refusal = format!(
        "if Header::is_error_form(response.constant) {{
            return Err(CallError::Error({name}Err::decode(response)?));
        }}
        "
    );
    let refusal = if method.error.is_some() { refusal } else { String::new() };
    format!(
        "
{doc}    ///
    /// # Errors
    ///
    /// The server's error form, or why there is no response.
    pub fn {function}(&mut self{parameter}) -> Result<{result}, CallError<{error}>> {{
        let lens = {argument}.encode(self.transport.request())?;
        let response = self.transport.call(self.handle, lens)?;
        {refusal}Ok({name}Res::decode(response)?)
    }}
"
    )
}

pub(super) fn server(interface: &Interface) -> String {
    let name = &interface.name;
    let methods: String = interface.methods.iter().map(server_method).collect();
    let arms: String = interface.methods.iter().map(dispatch_arm).collect();
    format!(
        "
/// Serves `{name}`.
///
/// Each method writes its result with `encode` (or `encode_in_place`) and returns the lengths.
pub trait Server {{{methods}}}

/// Reads a request, lets `server` answer, and writes the error form if it refuses.
///
/// # Errors
///
/// [`NkErr::NoEnt`] if there is no such method, [`NkErr::BadMsg`] if the request is not one of it,
/// and what `encode` returned.
pub fn dispatch<S: Server + ?Sized>(
    server: &mut S,
    request: Parts<'_>,
    mut response: PartsMut<'_>,
) -> Result<Lens, NkErr> {{
    match Header::read(request.constant)?.mid {{
{arms}        _ => Err(NkErr::NoEnt),
    }}
}}
"
    )
}

fn server_method(method: &Method) -> String {
    let (function, doc) = (variable(&method.name), doc_lines(&method.doc));
    let (request, error) = (Form::request(method).type_name(), error_type(method));
    format!(
        "
{doc}    ///
    /// # Errors
    ///
    /// The error form to answer with, or why no response could be written.
    fn {function}(
        &mut self,
        request: {request},
        response: PartsMut<'_>,
    ) -> Result<Lens, Fault<{error}>>;
"
    )
}

fn dispatch_arm(method: &Method) -> String {
    let (name, mid) = (&method.name, screaming(&method.name));
    let function = variable(name);
    let refusal = if method.error.is_some() {
        "error.encode(response)"
    } else {
        "match error {}"
    };
    format!(
        "        mid::{mid} => {{
            match server.{function}({name}Req::decode(request)?, response.reborrow()) {{
                Ok(lens) => Ok(lens),
                Err(Fault::Nk(error)) => Err(error),
                Err(Fault::Error(error)) => {refusal},
            }}
        }}
"
    )
}
