// SPDX-License-Identifier: GPL-2.0-only
//! The header check: what the shim exports has the type that the kernel's header declares.

/// Fails to compile when the function here and its declaration in the header differ.
///
/// Both arms of an `if` must have one type, so the two function items are turned into one pointer
/// type, which only works when parameters, return type and safety agree.
#[macro_export]
macro_rules! same_as_header {
    // bindgen adds an underscore to a name that is a word of Rust's.
    ($name:ident = $binding:ident) => {
        const _: () = {
            let _ = if true { $crate::bindings::$binding } else { $name };
        };
    };
    ($($name:ident),+ $(,)?) => {
        $(const _: () = {
            let _ = if true { $crate::bindings::$name } else { $name };
        };)+
    };
}
