//! Tokens to a filter: `OR` of `AND`s of terms. Recursive, with a limit on the depth.

use store::Filter;

use super::lexer::{Kind, Token};
use super::{DEPTH_MAX, SearchError, Span, terms};

/// Reads one search.
pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    end: usize,
}

impl<'a> Parser<'a> {
    /// Over the tokens of a search of `end` characters.
    pub fn new(tokens: &'a [Token], end: usize) -> Self {
        Parser { tokens, at: 0, end }
    }

    /// The filter of the whole search.
    pub fn parse(mut self) -> Result<Filter, SearchError> {
        if self.tokens.is_empty() {
            return Ok(Filter::all());
        }
        let filter = self.any(0)?;
        match self.peek() {
            None => Ok(filter),
            Some(token) => Err(token.span.error("this parenthesis was never opened")),
        }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Filter, SearchError> {
        let mut parts = vec![self.all(depth)?];
        while self.take(&Kind::Or) {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or { of: parts } })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, SearchError> {
        let mut parts = vec![self.one(depth)?];
        loop {
            let joined = self.take(&Kind::And);
            match self.peek().map(|token| &token.kind) {
                None | Some(Kind::Or | Kind::Close) if !joined => break,
                _ => parts.push(self.one(depth)?),
            }
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And { of: parts } })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, SearchError> {
        let Some(token) = self.peek() else {
            let span = Span { start: self.end, end: self.end };
            return Err(span.error("something is missing at the end"));
        };
        if depth > DEPTH_MAX {
            return Err(token.span.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        self.at += 1;
        match &token.kind {
            Kind::Not => Ok(self.one(depth + 1)?.not()),
            Kind::Open => {
                if self.peek().is_some_and(|next| next.kind == Kind::Close) {
                    return Err(token.span.error("there is nothing between these parentheses"));
                }
                let inner = self.any(depth + 1)?;
                if self.take(&Kind::Close) {
                    Ok(inner)
                } else {
                    Err(token.span.error("this parenthesis is never closed"))
                }
            }
            Kind::Close => Err(token.span.error("this parenthesis was never opened")),
            Kind::Or | Kind::And => Err(token.span.error("there is nothing in front of this word to join")),
            Kind::Text(text) => Ok(terms::free_text(text)),
            Kind::Field { name, op, values } => terms::field_term(name, *op, values),
        }
    }
}
