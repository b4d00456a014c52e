// SPDX-License-Identifier: GPL-2.0-only
//! A fast reader of C that finds what a file defines, and nothing else.
//!
//! It does not preprocess: both branches of an `#if` are read, and a macro that defines something is known
//! by its name. What it finds are candidates; the compiled object's symbol table has the last word.

/// What a file seems to define.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Functions and variables with external linkage, and exported names.
    pub(super) strong: Vec<String>,
    /// The same, marked `__weak`.
    pub(super) weak: Vec<String>,
    /// Values of `.compatible = "…"`.
    pub(super) compatible: Vec<String>,
    /// C files that it includes, as written: what they define is defined here.
    pub(super) includes: Vec<String>,
    /// Names of `struct kunit_suite`s that it defines.
    pub(super) suites: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a [u8]),
    Punct(u8),
    Text(&'a [u8]),
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// Brace depth, and what it was at each open `#if`.
    depth: usize,
    ifs: Vec<usize>,
    line_start: bool,
    includes: Vec<String>,
}

/// Reads one file.
#[must_use]
pub(super) fn scan(text: &[u8]) -> Found {
    let mut lexer = Lexer {
        text,
        at: 0,
        depth: 0,
        ifs: Vec::new(),
        line_start: true,
        includes: Vec::new(),
    };
    let mut found = Found::default();
    let mut declaration = Declaration::default();
    let mut last_word: &[u8] = b"";
    let mut in_suite = false;
    while let Some(token) = lexer.next() {
        match token {
            Token::Word(word) => {
                in_suite |= word == b"kunit_suite";
                last_word = word;
            }
            // A mention of the type that is no definition.
            Token::Punct(b';' | b')') => in_suite = false,
            Token::Text(text) if in_suite && last_word == b"name" => {
                push(&mut found.suites, text);
                in_suite = false;
            }
            Token::Text(text) if last_word == b"compatible" => {
                push(&mut found.compatible, text);
                last_word = b"";
            }
            _ => {}
        }
        let before = lexer.depth;
        match token {
            Token::Punct(b'{') => lexer.depth += 1,
            Token::Punct(b'}') => lexer.depth = lexer.depth.saturating_sub(1),
            _ => {}
        }
        if before == 0 || lexer.depth == 0 {
            declaration.feed(token, &mut found);
        }
    }
    found.includes = lexer.includes;
    found
}

fn push(list: &mut Vec<String>, name: &[u8]) {
    let name = String::from_utf8_lossy(name);
    if !name.is_empty() {
        list.push(name.into_owned());
    }
}

impl<'a> Lexer<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let byte = *self.text.get(self.at)?;
            match byte {
                b'\n' => {
                    self.line_start = true;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'/' if self.peek(1) == b'*' => self.skip_comment(),
                b'/' if self.peek(1) == b'/' => self.skip_line(),
                b'#' if self.line_start => self.directive(),
                b'"' | b'\'' => return Some(self.literal(byte)),
                _ if is_word(byte) => {
                    let start = self.at;
                    while is_word(self.peek(0)) {
                        self.at += 1;
                    }
                    self.line_start = false;
                    return Some(Token::Word(&self.text[start..self.at]));
                }
                _ => {
                    // A brace in the first column ends a definition, whatever the preprocessor did to the others.
                    if byte == b'}' && (self.at == 0 || self.text.get(self.at - 1) == Some(&b'\n')) {
                        self.depth = 1;
                    }
                    self.line_start = false;
                    self.at += 1;
                    return Some(Token::Punct(byte));
                }
            }
        }
    }

    fn skip_comment(&mut self) {
        self.at += 2;
        while self.at < self.text.len() && !(self.peek(0) == b'*' && self.peek(1) == b'/') {
            self.at += 1;
        }
        self.at += 2;
    }

    fn skip_line(&mut self) {
        while self.at < self.text.len() {
            match self.peek(0) {
                b'\n' => return,
                b'\\' => self.at += 2,
                b'/' if self.peek(1) == b'*' => self.skip_comment(),
                _ => self.at += 1,
            }
        }
    }

    fn directive(&mut self) {
        self.at += 1;
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(b"if") {
            self.ifs.push(self.depth);
        } else if rest.starts_with(b"el") {
            // The other branch starts where this one did.
            self.depth = self.ifs.last().copied().unwrap_or(self.depth);
        } else if rest.starts_with(b"endif") {
            self.ifs.pop();
        } else if let Some(path) = rest.strip_prefix(b"include") {
            let mut quotes = path.split(|byte| matches!(byte, b'"' | b'\n')).skip(1);
            if let Some(path) = quotes.next().filter(|path| path.ends_with(b".c")) {
                push(&mut self.includes, path);
            }
        }
        self.skip_line();
    }

    fn literal(&mut self, quote: u8) -> Token<'a> {
        let start = self.at + 1;
        self.at += 1;
        while self.at < self.text.len() && self.peek(0) != quote && self.peek(0) != b'\n' {
            self.at += if self.peek(0) == b'\\' { 2 } else { 1 };
        }
        let end = self.at.min(self.text.len());
        self.at = end + usize::from(self.peek(0) == quote);
        self.line_start = false;
        let text = self.text.get(start..end).unwrap_or_default();
        if quote == b'"' {
            Token::Text(text)
        } else {
            Token::Punct(b'0')
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// One declaration at the top level, as far as it has been read.
#[derive(Default)]
struct Declaration<'a> {
    parens: usize,
    /// The first word: a macro's name if a parenthesis follows at once.
    first: &'a [u8],
    words: usize,
    /// The last word outside parentheses.
    last: &'a [u8],
    /// The word before the first parenthesis: a function's name, or a macro's.
    called: &'a [u8],
    /// The first two words inside that parenthesis.
    arguments: [&'a [u8]; 2],
    is_static: bool,
    is_extern: bool,
    is_type: bool,
    is_weak: bool,
    after_value: bool,
}

const NO_NAMES: [&[u8]; 12] = [
    b"__attribute__",
    b"__aligned",
    b"__section",
    b"__printf",
    b"__scanf",
    b"__acquires",
    b"__releases",
    b"__must_hold",
    b"__alias",
    b"__assume_aligned",
    b"__malloc",
    b"__alloc_size",
];

impl<'a> Declaration<'a> {
    fn feed(&mut self, token: Token<'a>, found: &mut Found) {
        match token {
            Token::Punct(b'(') => {
                if self.parens == 0 && self.called.is_empty() && !NO_NAMES.contains(&self.last) {
                    self.called = self.last;
                }
                self.parens += 1;
            }
            Token::Punct(b')') => self.parens = self.parens.saturating_sub(1),
            Token::Word(word) if self.parens > 0 => self.argument(word),
            _ if self.parens > 0 => {}
            Token::Word(word) => self.word(word),
            Token::Punct(b'{') => self.body(found),
            Token::Punct(b'}') => {
                let in_declarator = self.is_type || self.after_value;
                if !in_declarator {
                    *self = Self::default();
                }
            }
            Token::Punct(b'=' | b'[') => {
                if !self.after_value {
                    self.variable(found);
                }
                self.after_value = true;
            }
            Token::Punct(b',') => {
                self.variable(found);
                self.after_value = false;
            }
            Token::Punct(b';') => {
                if self.called.is_empty() {
                    self.variable(found);
                } else {
                    self.invocation(found);
                }
                *self = Self::default();
            }
            _ => {}
        }
    }

    fn argument(&mut self, word: &'a [u8]) {
        if let Some(slot) = self.arguments.iter_mut().find(|slot| slot.is_empty()) {
            *slot = word;
        }
    }

    fn word(&mut self, word: &'a [u8]) {
        // A macro call without a semicolon (`EXPORT_SYMBOL(x)` always has one, `DEFINE_X(y)` may not).
        match word {
            b"static" => self.is_static = true,
            b"extern" => self.is_extern = true,
            b"typedef" => self.is_type = true,
            b"struct" | b"union" | b"enum" => {}
            b"__weak" => self.is_weak = true,
            _ => {}
        }
        if self.words == 0 {
            self.first = word;
        }
        self.words += 1;
        if !self.after_value && !NO_NAMES.contains(&word) {
            let annotation = word.starts_with(b"__") && (ANNOTATIONS.contains(&word));
            if !annotation {
                self.last = word;
            }
        }
    }

    fn body(&mut self, found: &mut Found) {
        if self.called.is_empty() {
            // A type, or an initialiser.
            self.is_type |= !self.after_value;
            return;
        }
        if self.after_value {
            return;
        }
        if is_upper(self.called) || self.called.starts_with(b"__") && self.words == 1 {
            self.invocation(found);
        } else if !self.is_static && self.words > 1 {
            self.name(self.called, found);
        }
        // `static DEFINE_X(y) = {` is seen at `=`.
    }

    fn variable(&mut self, found: &mut Found) {
        if self.is_static || self.is_extern || self.called_is_function() || self.words < 2 {
            return;
        }
        if !self.is_type || self.words > 2 {
            self.name(self.last, found);
        }
    }

    fn called_is_function(&self) -> bool {
        !self.called.is_empty()
    }

    /// A macro at the top level: its arguments are names that it may define.
    fn invocation(&mut self, found: &mut Found) {
        if self.is_static || self.is_extern {
            return;
        }
        let called = self.called;
        if called.starts_with(b"EXPORT_SYMBOL") || called.starts_with(b"EXPORT_") || is_upper(called) {
            for argument in self.arguments {
                if !argument.is_empty() {
                    self.name(argument, found);
                }
            }
        }
    }

    fn name(&self, name: &[u8], found: &mut Found) {
        if name.first().is_some_and(u8::is_ascii_digit) {
            return;
        }
        push(
            if self.is_weak {
                &mut found.weak
            } else {
                &mut found.strong
            },
            name,
        );
    }
}

const ANNOTATIONS: [&[u8]; 16] = [
    b"__init",
    b"__exit",
    b"__read_mostly",
    b"__ro_after_init",
    b"__initdata",
    b"__initconst",
    b"__cacheline_aligned",
    b"__cacheline_aligned_in_smp",
    b"__sched",
    b"__visible",
    b"__weak",
    b"__cpuidle",
    b"__used",
    b"__refdata",
    b"__meminit",
    b"__latent_entropy",
];

fn is_upper(name: &[u8]) -> bool {
    name.len() > 3 && !name.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn definitions_are_found_and_declarations_are_not() {
        let text = br#"
            /* int comment(void) {} */
            #include <x.h>
            # include "part.c"
            #define MACRO(x) int x(void) { }
            extern int other;
            int proto(int a, char (*b)(void));
            static int hidden(void) { return 0; }
            int variable = 3, second;
            const struct ops table __ro_after_init = { .call = "}{", };
            struct bus_type bus_type_x = {
                .name = "x",
            };
            struct only_type { int member; };
            void __init function(struct foo *foo)
            {
            #ifdef A
                if (a) {
            #else
                if (b) {
            #endif
                }
            }
            int __weak soft(void) { return 1; }
            EXPORT_SYMBOL_GPL(function);
            DEFINE_MUTEX(lock);
            static DEFINE_MUTEX(hidden_lock);
            struct foo *pointer(int x) __acquires(lock)
            { return 0; }
            static const struct of_device_id ids[] = { { .compatible = "adi,adxl345" }, { } };
            int array[4];
        "#;
        let found = scan(text);
        let mut strong = found.strong;
        strong.sort();
        strong.dedup();
        assert_eq!(
            strong,
            [
                "array",
                "bus_type_x",
                "function",
                "lock",
                "pointer",
                "second",
                "table",
                "variable"
            ]
        );
        assert_eq!(found.weak, ["soft"]);
        assert_eq!(found.compatible, ["adi,adxl345"]);
        assert_eq!(found.includes, ["part.c"]);
    }
}
