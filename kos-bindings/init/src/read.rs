// SPDX-License-Identifier: MIT OR Apache-2.0
//! From nodes to entities: which keys there are, and what may stand behind each.

use crate::error::{Error, Mistake, Place, wrong};
use crate::yaml::{self, Key, Node, Value};

/// A text, and where it stands.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            place: Place::default(),
        }
    }
}

/// An `init.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Init {
    /// The file's name, for messages.
    pub file: String,
    /// The processes to start, in order.
    pub entities: Vec<Entity>,
}

/// A process to start.
#[derive(Clone, Debug, Default)]
pub struct Entity {
    /// Its class.
    pub name: Text,
    /// Its own name; the class's, if none is given.
    pub task: Text,
    /// Its executable in the image; the last part of the class's name, if none is given.
    pub path: Text,
    /// Whom it may call.
    pub connections: Vec<Connection>,
    /// What its program is started with.
    pub args: Vec<Text>,
    /// Its environment.
    pub env: Vec<(Text, Text)>,
    /// Whether it is connected to the dynamic connection manager.
    pub is_dynamic: bool,
}

impl Entity {
    /// A process of a class, with all else as it is by default.
    #[must_use]
    pub fn of_class(class: &str) -> Self {
        Self {
            name: class.into(),
            task: class.into(),
            path: class.rsplit('.').next().unwrap_or_default().into(),
            ..Self::default()
        }
    }
}

/// A static channel, on the client's side.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The server's task.
    pub target: Text,
    /// How both ends find the channel.
    pub id: Text,
}

const FILE_KEYS: [&str; 1] = ["entities"];
const ENTITY_KEYS: [&str; 7] = [
    "name",
    "task",
    "path",
    "connections",
    "args",
    "env",
    "dynamic_connection_manager",
];
const CONNECTION_KEYS: [&str; 2] = ["target", "id"];

impl Init {
    /// Reads a file. `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// The first place where it is no YAML, or no `init.yaml`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let init = yaml::parse(text).and_then(|node| read(file, node));
        init.map_err(|mistake| Error::new(file, mistake))
    }
}

fn read(file: &str, node: Node) -> Result<Init, Mistake> {
    let mut keys = Keys::of(node, "the file", &FILE_KEYS)?;
    let entities = keys.required("entities")?;
    Ok(Init {
        file: file.to_owned(),
        entities: list(entities, "entities")?
            .into_iter()
            .map(entity)
            .collect::<Result<_, _>>()?,
    })
}

fn entity(node: Node) -> Result<Entity, Mistake> {
    let mut keys = Keys::of(node, "an entity", &ENTITY_KEYS)?;
    let name = text(keys.required("name")?, "name")?;
    let by_default = Entity::of_class(&name.text);
    if !is_class(&name.text) {
        let message = format!("{:?} is no class: expected a name such as `a.b.Name`", name.text);
        return wrong(name.place, message);
    }
    let mut or = |key, default: Text| match keys.take(key) {
        Some(node) => text(node, key),
        None => Ok(Text {
            place: name.place,
            ..default
        }),
    };
    let (task, path) = (or("task", by_default.task)?, or("path", by_default.path)?);
    let connections = keys.list("connections")?.into_iter().map(connection);
    Ok(Entity {
        connections: connections.collect::<Result<_, _>>()?,
        args: keys
            .list("args")?
            .into_iter()
            .map(|node| text_or_empty(node, "args"))
            .collect::<Result<_, _>>()?,
        env: env(keys.take("env"))?,
        is_dynamic: truth(keys.take("dynamic_connection_manager"))?,
        name,
        task,
        path,
    })
}

fn connection(node: Node) -> Result<Connection, Mistake> {
    let mut keys = Keys::of(node, "a connection", &CONNECTION_KEYS)?;
    Ok(Connection {
        target: text(keys.required("target")?, "target")?,
        id: text(keys.required("id")?, "id")?,
    })
}

fn env(node: Option<Node>) -> Result<Vec<(Text, Text)>, Mistake> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let (what, place) = (node.what(), node.place);
    let Value::Map(entries) = node.value else {
        return wrong(place, format!("`env`: expected a mapping, found {what}"));
    };
    let variable = |(key, value): (Key, Node)| {
        if !is_variable(&key.text) {
            let message = "a variable's name has letters, digits and underscores, 255 at the most";
            return wrong(key.place, format!("{:?}: {message}", key.text));
        }
        let name = Text {
            text: key.text,
            place: key.place,
        };
        Ok((name, text_or_empty(value, "env")?))
    };
    entries.into_iter().map(variable).collect()
}

/// YAML itself would end a key after 1024 characters.
fn is_variable(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 255
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(is_word)
}

fn truth(node: Option<Node>) -> Result<bool, Mistake> {
    let Some(node) = node else { return Ok(false) };
    match &node.value {
        Value::Scalar { text, is_plain: true } if text == "true" => Ok(true),
        Value::Scalar { text, is_plain: true } if text == "false" => Ok(false),
        _ => wrong(node.place, "`dynamic_connection_manager`: expected `true` or `false`"),
    }
}

/// `a.b.Name`: letters and digits, and a capital first in the last part.
fn is_class(name: &str) -> bool {
    let is_word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.split('.').all(is_word) && last.starts_with(|c: char| c.is_ascii_uppercase()) && !last.contains('_')
}

fn list(node: Node, key: &str) -> Result<Vec<Node>, Mistake> {
    let what = node.what();
    match node.value {
        Value::List(items) => Ok(items),
        _ => wrong(node.place, format!("`{key}`: expected a list, found {what}")),
    }
}

fn text(node: Node, key: &str) -> Result<Text, Mistake> {
    let text = text_or_empty(node, key)?;
    if text.text.is_empty() {
        return wrong(text.place, format!("`{key}`: expected a text, found an empty one"));
    }
    Ok(text)
}

fn text_or_empty(node: Node, key: &str) -> Result<Text, Mistake> {
    let (place, what) = (node.place, node.what());
    let Value::Scalar { text, .. } = node.value else {
        return wrong(place, format!("`{key}`: expected a text, found {what}"));
    };
    if text.contains('\0') {
        return wrong(place, format!("`{key}`: a text has no zero byte"));
    }
    if text.len() > 2 && text.starts_with('@') && text.ends_with('@') {
        return wrong(place, format!("`{text}` is to be filled in by the SDK's build system"));
    }
    Ok(Text { text, place })
}

/// The entries of a mapping, each to be taken once.
struct Keys {
    place: Place,
    what: &'static str,
    entries: Vec<(Key, Node)>,
}

impl Keys {
    /// Takes a mapping that has no other keys than `known`.
    fn of(node: Node, what: &'static str, known: &[&str]) -> Result<Self, Mistake> {
        let (found, place) = (node.what(), node.place);
        let all = || {
            known
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Value::Map(entries) = node.value else {
            return wrong(
                place,
                format!("{what}: expected a mapping with {}, found {found}", all()),
            );
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            return wrong(key.place, format!("unknown key {:?}: {what} has {}", key.text, all()));
        }
        Ok(Self { place, what, entries })
    }

    fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(other, _)| other.text == key)?;
        Some(self.entries.remove(at).1)
    }

    fn required(&mut self, key: &str) -> Result<Node, Mistake> {
        match self.take(key) {
            Some(node) => Ok(node),
            None => wrong(self.place, format!("{} has no `{key}`", self.what)),
        }
    }

    /// A list that may be absent.
    fn list(&mut self, key: &str) -> Result<Vec<Node>, Mistake> {
        self.take(key).map_or_else(|| Ok(Vec::new()), |node| list(node, key))
    }
}
