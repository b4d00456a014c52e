// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts that nobody would write, and texts of several files.

use proptest::prelude::*;

use super::try_program;
use crate::Loaded;

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [
        ("(", ")"),
        ("!", ""),
        ("[", "]"),
        ("{a : ", "}"),
        ("1 + ", "1"),
        ("1 ==> ", "1"),
    ] {
        let text = format!(
            "request {{ assert ({}1{}) }}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let error = try_program(&text).expect_err("too deep");
        assert!(error.message.contains("128 levels are the limit"), "{error}");
    }
    let text = format!(
        "request {}{}",
        "{ match method=Get ".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(try_program(&text).is_err());
}

#[test]
fn included_files_are_found_and_named() {
    let dir = std::env::temp_dir().join(format!("kos-policy-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("parts")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write(
        "top.psl",
        "use nk.base._\nuse parts.one._\nuse parts.one._\nrequest src=A { grant () }\n",
    );
    write("parts/one.psl", "use EDL A\nuse parts.one._\n");
    let loaded = Loaded::open(&dir.join("top.psl")).unwrap();
    assert_eq!(loaded.sources.len(), 2);
    assert!(crate::compile(&loaded, crate::World::hosted()).is_ok());
    write("parts/one.psl", "use EDL A\nuse EDL\n");
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(error.contains("parts/one.psl:3:1: expected a class"), "{error}");
    write("top.psl", "use parts.two._");
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(
        error.contains("top.psl:1:5: ") && error.contains("parts/two.psl: No such file"),
        "{error}"
    );
    std::fs::write(dir.join("parts/two.psl"), b"use EDL A\nuse \xffEDL B").unwrap();
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(error.ends_with("parts/two.psl:2:5: the text is not UTF-8"), "{error}");
    std::fs::remove_dir_all(&dir).unwrap();
    let error = Loaded::open(&dir.join("top.psl")).unwrap_err().to_string();
    assert!(error.contains("top.psl:1:1: No such file"), "{error}");
}

/// Words of the language, put together as they come.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "request",
        "response",
        "error",
        "execute",
        "security",
        "use",
        "EDL",
        "policy",
        "object",
        "audit",
        "profile",
        "default",
        "match",
        "choice",
        "grant",
        "assert",
        "deny",
        "src=",
        "dst=",
        "interface=",
        "method=",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        ",",
        ".",
        "\"",
        "\"a\"",
        "1",
        "0x",
        "==",
        "&&",
        "==>",
        "-",
        "!",
        "message",
        "src_sid",
        "Client",
        "linuxcompat.I2c",
        "Xfer",
        "msgs",
        "_",
        "<-",
        "~>",
        "sequence",
        "setup",
        "\n",
        "//",
        "/*",
        "*/",
        "§",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![soup(), ".{0,200}"]) {
        // Whatever comes of it, it comes.
        let _ = try_program(&text);
        let _ = Loaded::text("t", &text);
    }

    #[test]
    fn no_message_in_words_panics(text in prop_oneof![soup(), ".{0,100}"]) {
        let policy = try_program("request { grant () }").expect("it is right");
        let _ = policy.explain(&text);
    }
}
