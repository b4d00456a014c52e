// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the parser and the checks refuse, and where they say it is.
