//! Characters to tokens. Places are counted in characters, as people and browsers count them.

use super::{SearchError, Span};

/// A piece of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `-` or `NOT`.
    Not,
    Or,
    And,
    /// A word or quoted text by itself.
    Text(Text),
    /// A field, an operator and a value.
    Field {
        name: Text,
        op: Op,
        values: Vec<Text>,
    },
}

/// A word, or a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    pub quoted: bool,
    pub span: Span,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `:`
    Has,
    /// `=`
    Is,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// The tokens of a search.
pub(super) fn tokens(search: &str) -> Result<Vec<Token>, SearchError> {
    let chars: Vec<char> = search.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    read_small_operators(&mut tokens);
    Ok(tokens)
}

/// `or`, `and`, `not` in small letters join like their capitals where a field or a parenthesis stands beside them. Among
/// plain words they stay words: `does not exist` is what a reply says.
fn read_small_operators(tokens: &mut [Token]) {
    // From the end, so that `or not kind:x` finds its `not` read already.
    for at in (0..tokens.len()).rev() {
        let Kind::Text(Text { text, quoted: false, .. }) = &tokens[at].kind else { continue };
        let operator = match text.to_ascii_lowercase().as_str() {
            "or" => Kind::Or,
            "and" => Kind::And,
            "not" => Kind::Not,
            _ => continue,
        };
        let before = at.checked_sub(1).map(|before| &tokens[before].kind);
        let after = tokens.get(at + 1).map(|after| &after.kind);
        let opens = matches!(after, Some(Kind::Field { .. } | Kind::Open | Kind::Not));
        let closed = matches!(before, Some(Kind::Field { .. } | Kind::Close));
        let word_before = matches!(before, Some(Kind::Text(_)));
        let word_after = matches!(after, Some(Kind::Text(_)));
        let joins =
            if operator == Kind::Not { opens } else { (closed && (opens || word_after)) || (word_before && opens) };
        if joins {
            tokens[at].kind = operator;
        }
    }
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Result<Option<Token>, SearchError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let kind = match first {
            '(' => self.single(Kind::Open),
            ')' => self.single(Kind::Close),
            '-' if self.chars.get(start + 1).is_some_and(|c| !c.is_whitespace()) => self.single(Kind::Not),
            '"' => Kind::Text(self.quoted()?),
            ':' | '=' | '<' | '>' | ',' => {
                let span = Span { start, end: start + 1 };
                return Err(span.error(format!("there is no field in front of {first:?}")));
            }
            _ => self.word_or_field()?,
        };
        Ok(Some(Token { kind, span: Span { start, end: self.at } }))
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// A text in double quotes; `\"` and `\\` stand for themselves.
    fn quoted(&mut self) -> Result<Text, SearchError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    let span = Span { start, end: self.chars.len() };
                    return Err(span.error("this quotation mark is never closed"));
                }
                Some('"') => break,
                Some('\\') if matches!(self.chars.get(self.at + 1), Some('"' | '\\')) => {
                    self.at += 1;
                    text.extend(self.peek());
                }
                Some(c) => text.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(Text { text, quoted: true, span: Span { start, end: self.at } })
    }

    fn bare(&mut self, ends: impl Fn(char) -> bool) -> Text {
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !ends(c)) {
            self.at += 1;
        }
        let text = self.chars[start..self.at].iter().collect();
        Text { text, quoted: false, span: Span { start, end: self.at } }
    }

    fn word_or_field(&mut self) -> Result<Kind, SearchError> {
        let start = self.at;
        let name = self.bare(|c| "()\":=<>,".contains(c));
        let is_name = name.text.chars().next().is_some_and(char::is_alphabetic)
            && name.text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if let (true, Some(op)) = (is_name, self.operator()) {
            let values = self.values(op)?;
            return Ok(Kind::Field { name, op, values });
        }
        // Not a field: everything up to the next blank or parenthesis is one word, such as `2001:db8::1`.
        self.at = start;
        let word = self.bare(|c| "()\"".contains(c));
        Ok(match word.text.as_str() {
            "OR" => Kind::Or,
            "AND" => Kind::And,
            "NOT" => Kind::Not,
            _ => Kind::Text(word),
        })
    }

    fn operator(&mut self) -> Option<Op> {
        let (op, length) = match (self.peek()?, self.chars.get(self.at + 1)) {
            (':', _) => (Op::Has, 1),
            ('=', _) => (Op::Is, 1),
            ('>', Some('=')) => (Op::AtLeast, 2),
            ('<', Some('=')) => (Op::AtMost, 2),
            ('>', _) => (Op::Above, 1),
            ('<', _) => (Op::Below, 1),
            _ => return None,
        };
        self.at += length;
        Some(op)
    }

    /// One value, or several with commas between them.
    fn values(&mut self, op: Op) -> Result<Vec<Text>, SearchError> {
        let mut values = Vec::new();
        loop {
            let value = match self.peek() {
                Some('"') => self.quoted()?,
                _ => self.bare(|c| "()\",".contains(c)),
            };
            if value.text.is_empty() && !value.quoted {
                let span = Span { start: self.at, end: (self.at + 1).min(self.chars.len()).max(self.at) };
                return Err(span.error("a value is missing here"));
            }
            values.push(value);
            if self.peek() != Some(',') {
                break;
            }
            self.at += 1;
        }
        if values.len() > 1 && !matches!(op, Op::Has | Op::Is) {
            return Err(values[1].span.error("a comparison has one value"));
        }
        Ok(values)
    }
}
