// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig expressions: parsing and evaluation.

/// A dependency expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A symbol, or a constant (`y`, `n`, `m`, a number, a quoted string).
    Atom(String),
    /// `!e`
    Not(Box<Expr>),
    /// `a && b`
    And(Box<Expr>, Box<Expr>),
    /// `a || b`
    Or(Box<Expr>, Box<Expr>),
    /// `a = b`, `a != b`, `a < b` and friends, by operator.
    Cmp(&'static str, String, String),
}

const OPERATORS: [&str; 10] = ["&&", "||", "!=", "<=", ">=", "<", ">", "=", "(", ")"];

/// Splits a line into words, operators and quoted strings; a string keeps its opening quote as a mark.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &text[at..];
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if byte == b'#' {
            break;
        } else if byte == b'"' || byte == b'\'' {
            let (token, used) = quoted(rest);
            out.push(token);
            at += used;
        } else if rest.starts_with("$(") {
            let used = macro_len(rest);
            out.push(rest[..used].to_owned());
            at += used;
        } else if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(**op)) {
            out.push((*op).to_owned());
            at += op.len();
        } else if byte == b'!' {
            out.push("!".to_owned());
            at += 1;
        } else {
            let used = rest
                .find(|c: char| c.is_whitespace() || "&|!=<>()\"'".contains(c))
                .filter(|used| *used > 0)
                .unwrap_or(rest.len());
            out.push(rest[..used].to_owned());
            at += used;
        }
    }
    out
}

fn quoted(text: &str) -> (String, usize) {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else {
        return (String::new(), 0);
    };
    let mut token = String::from("\"");
    let mut escaped = false;
    for (at, c) in chars {
        if escaped {
            token.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return (token, at + c.len_utf8());
        } else {
            token.push(c);
        }
    }
    (token, text.len())
}

fn macro_len(text: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

impl Expr {
    /// Parses the tokens of an expression; `None` if they are not one.
    pub(super) fn parse(tokens: &[String]) -> Option<Self> {
        let mut at = 0;
        let expr = Self::or(tokens, &mut at)?;
        (at == tokens.len()).then_some(expr)
    }

    fn or(tokens: &[String], at: &mut usize) -> Option<Self> {
        let mut left = Self::and(tokens, at)?;
        while tokens.get(*at).is_some_and(|t| t == "||") {
            *at += 1;
            left = Self::Or(Box::new(left), Box::new(Self::and(tokens, at)?));
        }
        Some(left)
    }

    fn and(tokens: &[String], at: &mut usize) -> Option<Self> {
        let mut left = Self::unary(tokens, at)?;
        while tokens.get(*at).is_some_and(|t| t == "&&") {
            *at += 1;
            left = Self::And(Box::new(left), Box::new(Self::unary(tokens, at)?));
        }
        Some(left)
    }

    fn unary(tokens: &[String], at: &mut usize) -> Option<Self> {
        let token = tokens.get(*at)?;
        *at += 1;
        match token.as_str() {
            "!" => Some(Self::Not(Box::new(Self::unary(tokens, at)?))),
            "(" => {
                let inner = Self::or(tokens, at)?;
                (tokens.get(*at)? == ")").then_some(())?;
                *at += 1;
                Some(inner)
            }
            word => {
                let op = tokens.get(*at).and_then(|t| OPERATORS[2..8].iter().find(|op| t == *op));
                let Some(op) = op else {
                    return Some(Self::Atom(word.to_owned()));
                };
                let right = tokens.get(*at + 1)?.clone();
                *at += 2;
                Some(Self::Cmp(op, word.to_owned(), right))
            }
        }
    }

    /// Joins two optional conditions: both must hold.
    pub(super) fn both(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(Self::And(Box::new(a), Box::new(b))),
            (a, b) => a.or(b),
        }
    }

    /// Evaluates under `value`, which gives a symbol's value ("" when it is n or unset).
    pub(super) fn eval<'v>(&self, value: &dyn Fn(&str) -> &'v str) -> bool {
        match self {
            Self::Atom(name) => matches!(text_of(name, value), "y" | "m"),
            Self::Not(inner) => !inner.eval(value),
            Self::And(a, b) => a.eval(value) && b.eval(value),
            Self::Or(a, b) => a.eval(value) || b.eval(value),
            Self::Cmp(op, a, b) => compare(op, text_of(a, value), text_of(b, value)),
        }
    }
}

/// The text of an operand: a quoted string or a constant stands for itself, an unset symbol is `n`.
pub(super) fn text_of<'a, 'v: 'a>(operand: &'a str, value: &dyn Fn(&str) -> &'v str) -> &'a str {
    if let Some(text) = operand.strip_prefix('"') {
        // `depends on "$(X)" = "y"` compares texts, and "y" is also how a symbol's value reads.
        return text;
    }
    let constant = matches!(operand, "y" | "n" | "m") || operand.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if constant {
        return if operand == "m" { "y" } else { operand };
    }
    let text = value(operand);
    if text.is_empty() { "n" } else { text }
}

fn compare(op: &str, a: &str, b: &str) -> bool {
    let order = match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    };
    match op {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn number(text: &str) -> Option<i128> {
    match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
