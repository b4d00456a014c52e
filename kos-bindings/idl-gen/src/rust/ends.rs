// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both ends of a channel: `Client`, and `Server` with `dispatch`.

use super::message::Form;
use super::names::{screaming, variable};
use super::{doc_lines, snake};
use crate::model::{Interface, Method};

fn error_type(method: &Method) -> String {
    if method.error.is_some() {
        format!("{}Err", method.name)
    } else {
        "Never".to_owned()
    }
}

/// Returns the spelled types of a method's request and result.
fn types(method: &Method) -> (String, String) {
    (
        Form::request(method).type_name(),
        Form::result(method).type_name(),
    )
}

pub(super) fn client(interface: &Interface) -> String {
    let methods: String = interface.methods.iter().map(client_method).collect();
    format!(
        "/// Calls `{}` over a transport.\n#[derive(Debug)]\npub struct Client<T> {{\n    transport: T,\n    \
         handle: Handle,\n}}\n\n\
         impl<T: Transport> Client<T> {{\n    \
         /// Makes a client that calls `handle`.\n    pub const fn new(transport: T, handle: Handle) -> Self {{\n        \
         Self {{ transport, handle }}\n    }}\n\n    \
         /// Returns the transport.\n    pub const fn transport(&mut self) -> &mut T {{\n        \
         &mut self.transport\n    }}\n\n{methods}}}\n\n",
        interface.name
    )
}

fn client_method(method: &Method) -> String {
    let (request, result) = types(method);
    let (name, error) = (&method.name, error_type(method));
    let (parameter, argument) = if method.request.fields.is_empty() {
        (String::new(), format!("{name}Req {{}}"))
    } else {
        (format!(", request: &{request}"), "request".to_owned())
    };
    let error_form = if method.error.is_some() {
        format!(
            "        if Header::is_error_form(response.constant) {{\n            \
             return Err(CallError::Error({error}::decode(response)?));\n        }}\n"
        )
    } else {
        String::new()
    };
    format!(
        "{doc}    ///\n    /// # Errors\n    ///\n    /// The server's error form, or why there is no response.\n    \
         pub fn {function}(&mut self{parameter}) -> Result<{result}, CallError<{error}>> {{\n        \
         let lens = {argument}.encode(self.transport.request())?;\n        \
         let response = self.transport.call(self.handle, lens)?;\n{error_form}        \
         Ok({name}Res::decode(response)?)\n    }}\n\n",
        doc = doc_lines(&method.doc, "    "),
        function = variable(name),
    )
}

pub(super) fn server(interface: &Interface) -> String {
    let methods: String = interface.methods.iter().map(server_method).collect();
    let arms: String = interface.methods.iter().map(dispatch_arm).collect();
    format!(
        "/// Serves `{name}`.\n///\n/// Each method writes its result with `encode` (or `encode_in_place`) and returns \
         the lengths.\npub trait Server {{\n{methods}}}\n\n\
         /// Reads a request, lets `server` answer, and writes the error form if it refuses.\n///\n/// # Errors\n///\n\
         /// [`NkErr::NoEnt`] if there is no such method, [`NkErr::BadMsg`] if the request is not one of it, and what \
         `encode` returned.\n\
         pub fn dispatch<S: Server + ?Sized>(\n    server: &mut S,\n    request: Parts<'_>,\n    \
         mut response: PartsMut<'_>,\n) -> Result<Lens, NkErr> {{\n    \
         match Header::read(request.constant)?.mid {{\n{arms}        _ => Err(NkErr::NoEnt),\n    }}\n}}\n",
        name = interface.name,
    )
}

fn server_method(method: &Method) -> String {
    let (request, _) = types(method);
    format!(
        "{doc}    ///\n    /// # Errors\n    ///\n    /// The error form to answer with, or why no response could be \
         written.\n    fn {function}(\n        &mut self,\n        request: {request},\n        \
         response: PartsMut<'_>,\n    ) -> Result<Lens, Fault<{error}>>;\n\n",
        doc = doc_lines(&method.doc, "    "),
        function = snake(&method.name),
        error = error_type(method),
    )
}

fn dispatch_arm(method: &Method) -> String {
    let (name, mid, function) = (
        &method.name,
        screaming(&method.name),
        variable(&method.name),
    );
    let refused = if method.error.is_some() {
        "error.encode(response)"
    } else {
        "match error {}"
    };
    format!(
        "        mid::{mid} => match server.{function}({name}Req::decode(request)?, response.reborrow()) {{\n            \
         Ok(lens) => Ok(lens),\n            Err(Fault::Nk(error)) => Err(error),\n            \
         Err(Fault::Error(error)) => {refused},\n        }},\n"
    )
}
