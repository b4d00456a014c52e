// SPDX-License-Identifier: GPL-2.0-only
//! Lines and places, one rule each; whole trees are in `tests/diff.rs`.

use super::count::{Change, Counts, Lines};
use super::hunks::{Class, compare};
use super::lines::{Kind, Text};
use super::syntax::Syntax;
use super::{glue, text};
use std::path::Path;

fn code_of(name: &str, line: &str) -> String {
    let text = Text::new(line.as_bytes(), &Syntax::of_path(Path::new(name)));
    String::from_utf8_lossy(text.code(text.len() - 1)).into_owned()
}

fn kinds(name: &str, lines: &str) -> String {
    let text = Text::new(lines.as_bytes(), &Syntax::of_path(Path::new(name)));
    let letter = |line| match text.kind(line) {
        Kind::Blank => 'b',
        Kind::Comment => 'c',
        Kind::Code => 'x',
    };
    (0..text.len()).map(letter).collect()
}

fn counts(name: &str, old: &str, new: &str) -> Counts {
    let syntax = Syntax::of_path(Path::new(name));
    compare(&Text::new(old.as_bytes(), &syntax), &Text::new(new.as_bytes(), &syntax)).counts
}

fn change(added: u64, removed: u64, modified: u64) -> Change {
    Change {
        added,
        removed,
        modified,
    }
}

#[test]
fn each_line_is_blank_comment_or_code() {
    assert_eq!(
        kinds("a.c", "// a\n\n/* b\n\n c */ int x;\nint y; /* d\n*/\n"),
        "cbccxxc"
    );
    assert_eq!(
        kinds("a.c", "char *s = \"/* no\";\nint x;\nchar q = '\"'; // \"\n/* \" */\n"),
        "xxxc"
    );
    assert_eq!(kinds("a.c", "#error don't\n/* c */\n"), "xc");
    assert_eq!(kinds("a.c", "char *s = \"a\\\n/* still */\";\n"), "xx");
    assert_eq!(
        kinds("a.rs", "/* a /* b */\nc */ fn f<'a>() {}\nlet s = r#\"/*\"#;\n//! d\n"),
        "cxxc"
    );
    assert_eq!(kinds("Makefile", "# a\nobj-y += a.o # b\n\n"), "cxb");
    assert_eq!(kinds("a.md", "text\n\n"), "cb");
}

#[test]
fn layout_is_gone_from_code_and_meaning_is_not() {
    assert_eq!(code_of("a.c", "\tif ( a  &&b ) {  // c"), "if(a&&b){");
    assert_eq!(code_of("a.c", "a = b - -c;"), "a=b- -c;");
    assert_eq!(code_of("a.c", "unsigned  int x;"), "unsigned int x;");
    assert_eq!(code_of("a.c", "f(\"a  b\");"), "f(\"a  b\");");
    assert_eq!(code_of("a.c", "int/* */x;"), "int x;");
    assert_ne!(code_of("a.c", "#define F (x)"), code_of("a.c", "#define F(x)"));
    assert_eq!(code_of("Makefile", "\tcc  -c"), "\tcc -c");
}

#[test]
fn lines_that_go_and_come_in_one_place_are_modified() {
    let found = counts("a.c", "a;\nb;\nc;\nd;\n", "a;\nB;\nC;\nC2;\nd;\n");
    assert_eq!(found.total, change(1, 0, 2));
    assert_eq!(found.code, change(1, 0, 2));
    assert_eq!((found.total.insertions(), found.total.deletions()), (3, 2));
    assert_eq!(counts("a.c", "a;\nb;\nc;\n", "a;\nc;\n").total, change(0, 1, 0));
}

#[test]
fn a_comment_beside_code_is_no_change_of_code() {
    let found = counts("a.c", "a; /* x */\n", "a; /* y */\n");
    assert_eq!((found.total, found.code), (change(0, 0, 1), Change::default()));
    assert_eq!(found.comments, change(0, 0, 1));
}

#[test]
fn what_is_only_laid_out_anew_is_no_change_of_code() {
    let found = counts("a.c", "f(a, b);\n", "f(a,\n  b);\n\n");
    assert_eq!((found.code, found.comments), (Change::default(), Change::default()));
    assert_eq!((found.total, found.whitespace), (change(2, 0, 1), change(2, 0, 1)));
    // A preprocessor's line ends where it ends.
    assert_eq!(
        counts("a.c", "#define A b\nc;\n", "#define A\nb c;\n").code,
        change(0, 0, 2)
    );
    assert_eq!(
        counts("a.c", "#define A b c\n", "#define A \\\n\tb c\n").code,
        Change::default()
    );
    assert_eq!(counts("a.c", "a;\r\nb;\r\n", "a;\nb;\n").whitespace, change(0, 0, 2));
    // To Make a tab is not blanks.
    assert_eq!(counts("Makefile", "\tcc\n", "  cc\n").code, change(0, 0, 1));
}

#[test]
fn code_that_a_comment_swallows_counts_as_removed_code() {
    let found = counts("a.c", "a;\nb;\nc;\n", "a;\n/*\nb;\n*/\nc;\n");
    assert_eq!(found.total, change(2, 0, 0));
    assert_eq!((found.code, found.masked), (change(0, 1, 0), 1));
    assert_eq!(found.comments, change(2, 0, 0));
}

#[test]
fn a_missing_line_break_at_the_end_is_a_change_of_layout() {
    let found = counts("a.c", "a;\nb;", "a;\nb;\n");
    assert_eq!((found.total, found.whitespace), (change(0, 0, 1), change(0, 0, 1)));
    assert_eq!(counts("a.c", "", "").total, Change::default());
}

#[test]
fn a_place_says_where_it_is_and_what_changed() {
    let syntax = Syntax::of_path(Path::new("a.c"));
    let (old, new) = (b"a;\n// x\nb;\nc;\n", b"a;\n// y\nb;\nn;\nc;\n");
    let found = compare(&Text::new(old, &syntax), &Text::new(new, &syntax));
    let places: Vec<_> = found
        .hunks
        .iter()
        .map(|hunk| {
            (
                hunk.old_start,
                hunk.old_lines,
                hunk.new_start,
                hunk.new_lines,
                hunk.class,
            )
        })
        .collect();
    assert_eq!(places, [(2, 1, 2, 1, Class::Comments), (3, 0, 4, 1, Class::Code)]);
}

/// This lexer and tokei agree on every C file, header and board of this repository.
#[test]
fn lines_are_counted_as_tokei_counts_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let side = super::Side::Disk(root.to_owned());
    let within = [
        "shim/glue",
        "tests/c",
        "linux-headers/include",
        "drivers/boards",
        "kos-bindings/kasperskyos",
    ];
    let within: Vec<_> = within.iter().map(Into::into).collect();
    let listing = side.list(&within, &[root.join("target")]).expect("the sources");
    let mut files = 0;
    for path in listing.files.keys() {
        if !path
            .extension()
            .is_some_and(|extension| ["c", "h", "dts"].iter().any(|known| extension == *known))
        {
            continue;
        }
        let data = std::fs::read(root.join(path)).expect("a source");
        let counted = Text::new(&data, &Syntax::of_path(path)).counts();
        assert_eq!(counted, glue::count(path, &data), "{}", path.display());
        files += 1;
    }
    assert!(files > 60, "{files}");
}

#[test]
fn generated_files_say_so_near_their_beginning() {
    assert!(glue::is_generated(
        b"/* Automatically generated: DO NOT EDIT */\nint x;\n"
    ));
    assert!(!glue::is_generated(b"/* Interrupts generated by the chip */\n"));
    let late = [b"x\n".repeat(11).as_slice(), b"@generated"].concat();
    assert!(!glue::is_generated(&late));
    let expected = Lines {
        lines: 3,
        code: 1,
        comments: 1,
        blanks: 1,
    };
    assert_eq!(glue::count(Path::new("a.c"), b"// a\n\nb;\n"), expected);
}

#[test]
fn names_cannot_command_a_terminal() {
    assert_eq!(text::clean("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
}

/// Whatever the texts: the places lead from one to the other, each changed line has one class, each line one kind.
#[test]
fn random_texts_keep_the_sums() {
    const PIECES: [&str; 20] = [
        "a",
        "b",
        " ",
        "\t",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "/*",
        "*/",
        "//",
        "\"",
        "'",
        "\\",
        "#",
        "#define X",
        "r#\"",
        "\"#",
        "(",
        "\u{e9}",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for round in 0..4000 {
        let syntax = Syntax::of_path(Path::new(["a.c", "a.rs", "Makefile", "a.py", "a.S", "a"][round % 6]));
        let mut old: Vec<&str> = (0..random(80)).map(|_| PIECES[random(PIECES.len())]).collect();
        let before = old.concat();
        for _ in 0..random(8) {
            let at = random(old.len() + 1);
            if at == old.len() || random(2) == 0 {
                old.insert(at, PIECES[random(PIECES.len())]);
            } else {
                old.remove(at);
            }
        }
        let after = old.concat();
        let (old, new) = (
            Text::new(before.as_bytes(), &syntax),
            Text::new(after.as_bytes(), &syntax),
        );
        let found = compare(&old, &new);
        let counts = &found.counts;
        let classes = [counts.code, counts.comments, counts.whitespace];
        let insertions: u64 = classes.iter().map(Change::insertions).sum();
        let deletions: u64 = classes.iter().map(Change::deletions).sum();
        let context = format!("{before:?} {after:?} {found:?}");
        assert!(
            (counts.total.insertions()..=counts.total.insertions() + counts.masked).contains(&insertions),
            "{context}"
        );
        assert!(
            (counts.total.deletions()..=counts.total.deletions() + counts.masked).contains(&deletions),
            "{context}"
        );
        assert_eq!(
            counts.ported.lines + counts.total.deletions(),
            counts.upstream.lines + counts.total.insertions(),
            "{context}"
        );
        for lines in [counts.upstream, counts.ported] {
            assert_eq!(lines.lines, lines.code + lines.comments + lines.blanks, "{context}");
        }
        assert_eq!(patched(&old, &new, &found.hunks), after.as_bytes(), "{context}");
    }
}

/// The old text with the new one's lines in the places where they differ.
fn patched(old: &Text<'_>, new: &Text<'_>, hunks: &[super::hunks::Hunk]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    let first = |start: u32, count: u32| (start - u32::from(count > 0)) as usize;
    for hunk in hunks {
        let start = first(hunk.old_start, hunk.old_lines);
        (at..start).for_each(|line| out.extend_from_slice(old.raw(line)));
        let from = first(hunk.new_start, hunk.new_lines);
        (from..from + hunk.new_lines as usize).for_each(|line| out.extend_from_slice(new.raw(line)));
        at = start + hunk.old_lines as usize;
    }
    (at..old.len()).for_each(|line| out.extend_from_slice(old.raw(line)));
    out
}
