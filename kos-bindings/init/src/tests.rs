// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an `init.yaml` may say, and every way in which it can be wrong, with the whole message.

use kos_idl::{Files, Library};
use proptest::prelude::*;

use crate::{Connection, Entity, Init, Rules, System};

fn library() -> Library {
    Library::new(Files::texts([
        ("a/Lamp.idl", "package a.Lamp interface { Set(in UInt8 level); }"),
        ("a/Guard.idl", "package a.Guard interface { Ask(in UInt8 what); }"),
        (
            "a/Chain.cdl",
            "component a.Chain endpoints { first : a.Lamp second : a.Lamp }",
        ),
        (
            "a/House.edl",
            "task class a.House security a.Guard components { hall : a.Chain } endpoints { door : a.Lamp }",
        ),
        ("a/Shed.edl", "task class a.Shed endpoints { light : a.Lamp }"),
        ("a/Hand.edl", "task class a.Hand"),
        ("a/Bad.edl", "task class a.Bad endpoints { light : a.None }"),
    ]))
}

fn check(text: &str, rules: &Rules) -> Result<System, crate::Error> {
    System::check(&Init::parse("init.yaml", text)?, &mut library(), rules)
}

/// The message without the file's name.
fn refusal(text: &str) -> String {
    let error = check(text, &Rules::default()).expect_err(text).to_string();
    error
        .strip_prefix("init.yaml:")
        .expect("the file's name comes first")
        .to_owned()
}

const WHOLE: &str = "\
entities:
- name: a.House
- name: a.Shed
  task: shed
  path: bin/shed
- name: a.Hand
  dynamic_connection_manager: true
  connections:
  - target: a.House
    id: lamps
  - target: shed
    id: shed
  args:
  - --verbose
  - 3
  - ''
  env:
    HOME: /
    LEVEL: 0x10
";

#[test]
fn the_locator_knows_channels_and_endpoints() {
    let system = check(WHOLE, &Rules::default()).expect("it is right");
    let server = |id| system.server("a.Hand", id).map(|process| process.task.as_str());
    assert_eq!(
        (server("lamps"), server("shed"), server("none")),
        (Some("a.House"), Some("shed"), None)
    );
    assert_eq!(system.server("shed", "lamps"), None, "a channel has one client");
    for (endpoint, riid) in [
        ("hall.first", Some(0)),
        ("hall.second", Some(1)),
        ("door", Some(2)),
        ("a.House.door", Some(2)),
        ("a.House.hall.first", None),
        ("first", None),
        ("", None),
    ] {
        assert_eq!(system.riid("a.Hand", "lamps", endpoint), riid, "{endpoint}");
    }
    let listeners = system.listeners("a.House");
    assert_eq!(listeners.into_iter().collect::<Vec<_>>(), [("lamps", vec!["a.Hand"])]);
    let house = system.process("a.House").expect("it is there");
    assert_eq!(
        (house.security.as_deref(), house.path.as_str()),
        (Some("a.Guard"), "House")
    );
    let hand = system.process("a.Hand").expect("it is there");
    assert_eq!(hand.args, ["--verbose", "3", ""]);
    assert_eq!(
        hand.env,
        [
            ("HOME".to_owned(), "/".to_owned()),
            ("LEVEL".to_owned(), "0x10".to_owned())
        ]
    );
    assert!(hand.is_dynamic && !house.is_dynamic);
}

#[test]
fn numbers_come_from_whoever_knows_them() {
    let rules = Rules {
        riid: |class, index| u16::try_from(index + 40).ok().filter(|_| class.name == "a.House"),
        ..Rules::default()
    };
    let house = check("entities: [{name: a.House}]", &rules).expect("it is right");
    assert_eq!(house.processes[0].endpoint("door").map(|served| served.riid), Some(42));
    let error = check("entities: [{name: a.Shed}]", &rules).expect_err("it has no numbers");
    assert_eq!(
        error.to_string(),
        "init.yaml:1:19: class `a.Shed`: its endpoint `light` has no number"
    );
}

#[test]
fn text_that_is_not_yaml_says_where() {
    let cases = [
        (
            "entities: [",
            "1:12: not YAML: while parsing a node, did not find expected node content",
        ),
        (
            "entities:\n- name: \"a",
            "2:9: not YAML: while scanning a quoted scalar, found unexpected end of stream",
        ),
        (
            "entities:\n\t- name: a",
            "2:2: not YAML: tabs disallowed within this context (block indentation)",
        ),
        (
            "a: b: c",
            "1:5: not YAML: mapping values are not allowed in this context",
        ),
        (
            "entities: *a",
            "1:11: not YAML: while parsing node, found unknown anchor",
        ),
        ("entities: &a []", "1:11: anchors are not supported"),
        ("- &a b\n- *a", "1:3: anchors are not supported"),
        ("entities: !!seq []", "1:11: tags are not supported"),
        (
            "--- {}\n--- {}",
            "2:1: expected the end of the file, found another document",
        ),
        ("? [a]\n: b", "1:3: expected a key, found a list"),
        ("a: 1\nb: 2\na: 3", "3:1: `a` is already there, at line 1"),
        ("[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", "1:17: nested more than 16 deep"),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(text), message, "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let error = crate::text_of("init.yaml", b"entities:\n- name: \xc3\xa9\xff").expect_err("no text");
    assert_eq!(error.to_string(), "init.yaml:2:10: the text is not UTF-8");
    assert_eq!(crate::text_of("init.yaml", "é".as_bytes()), Ok("é"));
}

#[test]
fn wrong_keys_and_types_say_what_was_expected() {
    const ENTITY: &str = "`name`, `task`, `path`, `connections`, `args`, `env`, `dynamic_connection_manager`";
    let cases = [
        (
            "",
            "1:1: the file: expected a mapping with `entities`, found nothing".to_owned(),
        ),
        (
            "- a",
            "1:1: the file: expected a mapping with `entities`, found a list".to_owned(),
        ),
        (
            "entity: []",
            "1:1: unknown key \"entity\": the file has `entities`".to_owned(),
        ),
        ("{}", "1:1: the file has no `entities`".to_owned()),
        (
            "entities:",
            "1:9: `entities`: expected a list, found nothing".to_owned(),
        ),
        (
            "entities: {}",
            "1:11: `entities`: expected a list, found a mapping".to_owned(),
        ),
        (
            "entities:\n- a.Hand",
            format!("2:3: an entity: expected a mapping with {ENTITY}, found a text"),
        ),
        (
            "entities:\n- name: a.Hand\n  tasks: x",
            format!("3:3: unknown key \"tasks\": an entity has {ENTITY}"),
        ),
        ("entities:\n- task: x", "2:3: an entity has no `name`".to_owned()),
        (
            "entities:\n- name:",
            "2:7: `name`: expected a text, found nothing".to_owned(),
        ),
        (
            "entities:\n- name: ''",
            "2:9: `name`: expected a text, found an empty one".to_owned(),
        ),
        (
            "entities:\n- name: [a]",
            "2:9: `name`: expected a text, found a list".to_owned(),
        ),
        (
            "entities:\n- name: a.hand",
            "2:9: \"a.hand\" is no class: expected a name such as `a.b.Name`".to_owned(),
        ),
        (
            "entities:\n- name: 1.Hand",
            "2:9: \"1.Hand\" is no class: expected a name such as `a.b.Name`".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  task: {}",
            "3:9: `task`: expected a text, found a mapping".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  path: ''",
            "3:9: `path`: expected a text, found an empty one".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections: x",
            "3:16: `connections`: expected a list, found a text".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections: [x]",
            "3:17: a connection: expected a mapping with `target`, `id`, found a text".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections:\n  - target: x",
            "4:5: a connection has no `id`".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections:\n  - id: x",
            "4:5: a connection has no `target`".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections:\n  - {target: x, id: }",
            "4:19: `id`: expected a text, found nothing".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  connections:\n  - {target: x, id: y, name: z}",
            "4:24: unknown key \"name\": a connection has `target`, `id`".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  args: x",
            "3:9: `args`: expected a list, found a text".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  args: [a, [b]]",
            "3:13: `args`: expected a text, found a list".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  args: [\"a\\0\"]",
            "3:10: `args`: a text has no zero byte".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  env: [a]",
            "3:8: `env`: expected a mapping, found a list".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  env: {a=b: c}",
            "3:9: \"a=b\": a variable's name has letters, digits and underscores, 255 at the most".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  env: {A: [b]}",
            "3:12: `env`: expected a text, found a list".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  dynamic_connection_manager: yes",
            "3:31: `dynamic_connection_manager`: expected `true` or `false`".to_owned(),
        ),
        (
            "entities:\n- name: a.Hand\n  args: [\"@INIT_Hand_ENTITY_ARGS@\"]",
            "3:10: `@INIT_Hand_ENTITY_ARGS@` is to be filled in by the SDK's build system".to_owned(),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(text), message, "{text}");
    }
}

#[test]
fn processes_and_channels_must_be_possible() {
    let connected = |target: &str| {
        format!("entities:\n- name: a.House\n- name: a.Shed\n  task: shed\n- name: a.Hand\n  connections: {target}")
    };
    let cases = [
        (
            "entities:\n- name: a.None".to_owned(),
            "2:9: class `a.None`: a/None.edl:1:1: there is no file `a/None.edl`",
        ),
        (
            "entities:\n- name: a.Bad".to_owned(),
            "2:9: class `a.Bad`: a/Bad.edl:1:38: there is no file `a/None.idl`",
        ),
        (
            "entities:\n- name: a.House\n- name: a.Shed\n  task: a.House".to_owned(),
            "4:9: task `a.House` is already there, at line 2",
        ),
        (
            "entities:\n- name: a.Shed\n- name: a.Shed\n  task: other".to_owned(),
            "3:9: class `a.Shed` already has a process, at line 2: one is the most",
        ),
        (
            connected("[{target: a.Hand, id: x}]"),
            "6:26: `a.Hand` is connected to itself",
        ),
        (
            connected("[{target: a.Home, id: x}]"),
            "6:26: there is no task `a.Home`",
        ),
        (
            connected("[{target: a.Shed, id: x}]"),
            "6:26: there is no task `a.Shed`; that of this class is `shed`",
        ),
        (
            connected("[{target: shed, id: x}, {target: a.House, id: x}]"),
            "6:62: `a.Hand` has a channel `x` already",
        ),
        (
            "entities:\n- name: a.Hand\n- name: a.Shed\n  connections: [{target: a.Hand, id: x}]".to_owned(),
            "4:26: `a.Hand` has no endpoints: nothing can be asked there",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(refusal(&text), message, "{text}");
    }
    let rules = Rules {
        one_process_per_class: false,
        ..Rules::default()
    };
    let two = check("entities:\n- name: a.Shed\n- name: a.Shed\n  task: other", &rules);
    assert_eq!(two.map(|system| system.processes.len()), Ok(2));
}

#[test]
fn what_is_printed_is_what_was_read() {
    let init = Init::parse("init.yaml", WHOLE).expect("it is right");
    let printed = WHOLE
        .replace("- --verbose", "- \"--verbose\"")
        .replace("- 3", "- \"3\"")
        .replace("''", "\"\"")
        .replace("HOME: /", "HOME: \"/\"")
        .replace("0x10", "\"0x10\"");
    assert_eq!(init.to_string(), printed);
    assert_eq!(Init::default().to_string(), "entities: []\n");
}

proptest! {
    /// No text is another one after it was printed and read.
    #[test]
    fn texts_survive_printing(
        texts in prop::collection::vec("[^\0]{1,12}", 5),
        words in prop::collection::vec("true|no|Null|~|1e3|-|\\?|: |#|'|\"|\\\\|@x|\u{85}|\u{feff}|\r\n|a: b|- a", 5),
    ) {
        let mut entity = Entity::of_class("a.Hand");
        entity.task = texts[0].as_str().into();
        entity.path = words[0].as_str().into();
        for (target, id) in texts.iter().zip(&words) {
            entity.connections.push(Connection { target: target.as_str().into(), id: id.as_str().into() });
            entity.args.push(target.as_str().into());
            entity.args.push(id.as_str().into());
            entity.env.push((format!("V{}", entity.env.len()).as_str().into(), id.as_str().into()));
        }
        let init = Init { file: "init.yaml".to_owned(), entities: vec![entity] };
        let again = Init::parse("init.yaml", &init.to_string()).expect("it can be read");
        let before = &init.entities[0];
        let after = &again.entities[0];
        prop_assert_eq!(&before.task.text, &after.task.text);
        prop_assert_eq!(&before.path.text, &after.path.text);
        let texts = |entity: &Entity| -> Vec<String> {
            let args = entity.args.iter().map(|arg| arg.text.clone());
            let env = entity.env.iter().flat_map(|(name, value)| [name.text.clone(), value.text.clone()]);
            let ends = entity.connections.iter().flat_map(|c| [c.target.text.clone(), c.id.text.clone()]);
            args.chain(env).chain(ends).collect()
        };
        prop_assert_eq!(texts(before), texts(after));
    }
}
