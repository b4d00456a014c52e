// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples in `docs/policy.md` are policies, and their tests pass.

use crate::{Loaded, World, compile};

#[test]
fn the_examples_of_the_documentation_are_right() {
    let text = include_str!("../../../../docs/policy.md");
    let examples: Vec<_> = text
        .split("```psl\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 3, "there are examples");
    for example in examples {
        let loaded = Loaded::text("docs/policy.md", example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        let policy = compile(&loaded, World::hosted()).unwrap_or_else(|error| panic!("{error}\n{example}"));
        for result in policy.run_tests().unwrap_or_else(|error| panic!("{error}")) {
            let failures: Vec<_> = result.failures.iter().map(|failure| failure.record.text()).collect();
            assert!(failures.is_empty(), "{failures:?}");
        }
    }
}
