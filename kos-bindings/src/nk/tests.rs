// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every malformed kind of message, and round trips.
