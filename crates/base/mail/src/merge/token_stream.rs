//! The words of what stands inside `{{ }}` and `{% %}`.

use super::TemplateError;
use super::lexer::Place;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name; may hold `-` and end with `?`.
    Name(String),
    /// A text in quotes.
    Text(String),
    Int(i64),
    Float(f64),
    /// A sign or operator.
    Sign(&'static str),
}

impl Word {
    /// As the author wrote it, nearly.
    pub(super) fn shown(&self) -> String {
        match self {
            Word::Name(name) => format!("`{name}`"),
            Word::Text(_) => "a text".to_owned(),
            Word::Int(number) => format!("`{number}`"),
            Word::Float(number) => format!("`{number}`"),
            Word::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 19] =
    ["==", "!=", "<>", "<=", ">=", "..", "<", ">", "=", "|", ":", ",", ".", "[", "]", "(", ")", "-", "?"];

/// The words in order, with one to look ahead.
pub(super) struct Words<'t> {
    inner: &'t str,
    start: Place,
    words: Vec<(usize, Word)>,
    next: usize,
}

impl<'t> Words<'t> {
    /// Splits `inner`, which begins at `start`; the first `skip` bytes (the name of a tag) are left out.
    pub(super) fn split(inner: &'t str, skip: usize, start: Place) -> Result<Self, TemplateError> {
        let mut words = Words { inner, start, words: Vec::new(), next: 0 };
        let mut at = skip;
        while let Some(letter) = inner[at..].chars().next() {
            if letter.is_whitespace() {
                at += letter.len_utf8();
                continue;
            }
            let (word, len) = words.read(at, letter)?;
            words.words.push((at, word));
            at += len;
        }
        Ok(words)
    }

    fn read(&self, at: usize, first: char) -> Result<(Word, usize), TemplateError> {
        let rest = &self.inner[at..];
        if first == '"' || first == '\'' {
            let Some(len) = rest[1..].find(first) else {
                return Err(self.place(at).error("a text without its closing quote"));
            };
            return Ok((Word::Text(rest[1..=len].to_owned()), len + 2));
        }
        let negative = first == '-' && rest[1..].starts_with(|next: char| next.is_ascii_digit());
        if first.is_ascii_digit() || negative {
            return self.number(at);
        }
        if first.is_alphabetic() || first == '_' {
            let len = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'));
            let mut len = len.unwrap_or(rest.len());
            if rest[len..].starts_with('?') {
                len += 1;
            }
            return Ok((Word::Name(rest[..len].to_owned()), len));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => Ok((Word::Sign(sign), sign.len())),
            None => Err(self.place(at).error(format!("unexpected `{first}`"))),
        }
    }

    fn number(&self, at: usize) -> Result<(Word, usize), TemplateError> {
        let rest = &self.inner[at..];
        let digits = |from: usize| {
            rest[from..].find(|letter: char| !letter.is_ascii_digit()).map_or(rest.len(), |len| from + len)
        };
        let whole = digits(1);
        // `1..3` is a range, `1.` is not a number.
        let fraction = rest[whole..].starts_with('.') && rest[whole + 1..].starts_with(|l: char| l.is_ascii_digit());
        if fraction {
            let end = digits(whole + 1);
            let number = rest[..end].parse().map_err(|_| self.place(at).error("not a number"))?;
            return Ok((Word::Float(number), end));
        }
        let number = rest[..whole].parse().map_err(|_| self.place(at).error("a number out of range"))?;
        Ok((Word::Int(number), whole))
    }

    fn place(&self, at: usize) -> Place {
        self.start.after(&self.inner[..at])
    }

    /// The place of the next word, or of the end.
    pub(super) fn here(&self) -> Place {
        self.place(self.words.get(self.next).map_or(self.inner.trim_end().len(), |(at, _)| *at))
    }

    /// An error at the next word.
    pub(super) fn error(&self, message: impl Into<String>) -> TemplateError {
        self.here().error(message)
    }

    /// "expected …, found …" at the next word.
    pub(super) fn expected(&self, what: &str) -> TemplateError {
        match self.peek() {
            Some(word) => self.error(format!("expected {what}, found {}", word.shown())),
            None => self.error(format!("expected {what}")),
        }
    }

    pub(super) fn peek(&self) -> Option<&Word> {
        self.words.get(self.next).map(|(_, word)| word)
    }

    pub(super) fn take(&mut self) -> Option<Word> {
        let word = self.peek().cloned();
        self.next += 1;
        word
    }

    /// Takes the next word when it is this sign.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    /// Takes the next word when it is this name.
    pub(super) fn word(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Name(next)) if next == name);
        self.next += usize::from(found);
        found
    }

    /// Takes a name.
    pub(super) fn name(&mut self, what: &str) -> Result<String, TemplateError> {
        match self.peek() {
            Some(Word::Name(name)) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.expected(what)),
        }
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), TemplateError> {
        if self.sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), TemplateError> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(self.error(format!("unexpected {}", word.shown()))),
        }
    }
}
