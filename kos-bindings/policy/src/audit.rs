// SPDX-License-Identifier: MIT OR Apache-2.0
//! Audit records: who asked whom for what, what was decided, and by which rule.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// One decision.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub time: SystemTime,
    /// The event's word: `request`, and so on.
    pub event: &'static str,
    /// Class of the sender.
    pub src: String,
    /// Class of the receiver.
    pub dst: String,
    /// The interface; empty if the event has none.
    pub interface: String,
    /// The method; empty if the event has none.
    pub method: String,
    /// The message's fields.
    pub fields: Value,
    /// Whether it was granted.
    pub granted: bool,
    /// The deciding rule's place, file and line; none if no rule decided.
    pub rule: Option<String>,
    /// The deciding rule's text: several may stand on one line.
    pub text: Option<String>,
    /// Why it was denied.
    pub reason: Option<String>,
}

impl Record {
    /// The record as one line of JSON, without its end.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = Map::new();
        let since = self.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        out.insert("time".to_owned(), json!(since.as_secs_f64()));
        out.insert("event".to_owned(), json!(self.event));
        out.insert("src".to_owned(), json!(self.src));
        out.insert("dst".to_owned(), json!(self.dst));
        for (name, text) in [("interface", &self.interface), ("method", &self.method)] {
            if !text.is_empty() {
                out.insert(name.to_owned(), json!(text));
            }
        }
        if !self.fields.is_null() {
            out.insert("fields".to_owned(), self.fields.clone());
        }
        let verdict = if self.granted { "granted" } else { "denied" };
        out.insert("verdict".to_owned(), json!(verdict));
        out.insert("rule".to_owned(), json!(self.rule));
        if let Some(reason) = &self.reason {
            out.insert("reason".to_owned(), json!(reason));
        }
        Value::Object(out).to_string()
    }

    /// The record in words, for a log.
    #[must_use]
    pub fn text(&self) -> String {
        let verdict = if self.granted { "granted" } else { "denied" };
        let what = match (self.interface.as_str(), self.method.as_str()) {
            ("", "") => String::new(),
            (interface, "") => format!(" {interface}"),
            (interface, method) => format!(" {interface}.{method}"),
        };
        let mut text = format!("policy: {verdict} {} {} → {}{what}", self.event, self.src, self.dst);
        if !self.fields.is_null() {
            text += &format!(" {}", self.fields);
        }
        if let Some(reason) = &self.reason {
            text += &format!(": {reason}");
        }
        if let Some(rule) = &self.rule {
            text += &format!(" ({rule})");
        }
        text
    }
}

/// Where records go. Called on the sender's kernel thread: it must be quick and must not block.
pub type Sink = Box<dyn Fn(&Record) + Send + Sync>;
