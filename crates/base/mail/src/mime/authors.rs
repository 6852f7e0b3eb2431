//! In whose name a mail is: the one reading of `From`, for whoever decides who may write it and for whoever signs it.
//!
//! Readers differ in what they make of a crooked `From`, so what two readers could take for two domains is refused: there
//! is exactly one such field (RFC 5322 3.6), a list of mailboxes (3.4), and every one has an address whose domain is one
//! of the open internet. Beyond the grammar is taken what leaves no doubt about the domain: dots and letters of all
//! languages in names (4.1, RFC 6532), dots anywhere before the `@`, and an address in the place of the name when it is of
//! the same domain. Refused though allowed: groups (RFC 6854), address literals, routes.
//!
//! Must not: repair anything.   Limits: [`AUTHORS_MAX`].

use super::header::{Field, each_field};
use crate::address::ascii_domain;

/// Most authors of one mail.
pub const AUTHORS_MAX: usize = 100;

/// Why nobody can say in whose name a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorsFault {
    /// There is no `From`.
    #[error("there is no From header")]
    Missing,
    /// There is more than one.
    #[error("there is more than one From header (RFC 5322 3.6)")]
    Repeated,
    /// More than [`AUTHORS_MAX`].
    #[error("From names more than {AUTHORS_MAX} authors")]
    TooMany,
    /// It is no list of mailboxes.
    #[error("From is not a list of addresses, or can be read in more than one way (RFC 5322 3.4)")]
    Unclear,
}

/// The domains of the authors, in A-labels and lower case, in order and each once; at least one.
///
/// # Errors
/// See [`AuthorsFault`]: nothing may be done in the name of any of them then.
pub fn author_domains(raw: &[u8]) -> Result<Vec<String>, AuthorsFault> {
    let mut found: Result<Field<'_>, AuthorsFault> = Err(AuthorsFault::Missing);
    each_field(raw, |field| {
        if field.name.eq_ignore_ascii_case(b"from") {
            found = if found == Err(AuthorsFault::Missing) { Ok(field) } else { Err(AuthorsFault::Repeated) };
        }
    });
    let value = String::from_utf8_lossy(found?.value);
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n');
    if value.replace("\r\n", "").contains(is_odd) {
        return Err(AuthorsFault::Unclear);
    }
    let tokens = tokens(&value).ok_or(AuthorsFault::Unclear)?;
    let mut domains = Vec::new();
    for (count, mailbox) in tokens.split(|token| *token == Token::Special(',')).enumerate() {
        if count >= AUTHORS_MAX {
            return Err(AuthorsFault::TooMany);
        }
        let domain = domain_of_mailbox(mailbox).ok_or(AuthorsFault::Unclear)?;
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    Ok(domains)
}

/// What a value consists of; comments and white space go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'x> {
    /// Letters, signs and dots.
    Word(&'x str),
    /// A quoted string.
    Quoted,
    /// `@`, `<`, `>` or `,`.
    Special(char),
}

/// None for a character that stands in no mailbox, and for quotes and comments without an end.
fn tokens(value: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            ' ' | '\t' | '\r' | '\n' => first.len_utf8(),
            '(' => end_of_comment(rest)?,
            '"' => {
                tokens.push(Token::Quoted);
                end_of_quotes(rest)?
            }
            '@' | '<' | '>' | ',' => {
                tokens.push(Token::Special(first));
                1
            }
            _ => {
                let len = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
                let word = &rest[..len];
                // Else it is a character that is nothing of all this.
                tokens.push((!word.is_empty()).then_some(Token::Word(word))?);
                len
            }
        };
        rest = &rest[len..];
    }
    Some(tokens)
}

/// `atext` and dots (RFC 5322 3.2.3, RFC 6532 3.2).
fn is_of_word(letter: char) -> bool {
    match letter.is_ascii() {
        true => letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter),
        false => !letter.is_control() && !letter.is_whitespace(),
    }
}

/// Behind the quotation mark that ends it.
fn end_of_quotes(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// Behind the bracket that ends it; comments may hold comments.
fn end_of_comment(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' if depth == 1 => return Some(place + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `name <address>` or an address alone.
fn domain_of_mailbox(mailbox: &[Token<'_>]) -> Option<String> {
    let Some(open) = mailbox.iter().position(|token| *token == Token::Special('<')) else {
        return domain_of_address(mailbox);
    };
    let (name, [_, address @ .., Token::Special('>')]) = mailbox.split_at(open) else { return None };
    let domain = domain_of_address(address)?;
    let is_name = name.iter().all(|token| !matches!(token, Token::Special(_)));
    (is_name || domain_of_address(name).as_ref() == Some(&domain)).then_some(domain)
}

fn domain_of_address(address: &[Token<'_>]) -> Option<String> {
    match address {
        [Token::Word(_) | Token::Quoted, Token::Special('@'), Token::Word(domain)] => ascii_domain(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Result<&[&str], AuthorsFault>) {
        let expected = expected.map(|domains| domains.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(author_domains(header.as_bytes()), expected, "{header:?}");
    }

    #[test]
    fn the_domains_of_authors() {
        for (header, expected) in [
            ("From: a@Example.org\r\n\r\nFrom: b@other.test", &["example.org"][..]),
            ("From: a@example.org", &["example.org"]),
            (
                "from :\r\n \"x @ y.test\" (c@d.test (e))\r\n <a@news.example.org>\r\nTo: b@x.test\r\n",
                &["news.example.org"],
            ),
            ("From: a@one.test, Bo B. <b@two.test> (x), c@ONE.test\r\n", &["one.test", "two.test"]),
            ("From: \"a\\\"@q.test\" <a@one.test>\r\n", &["one.test"]),
            ("From: \"a@q.test\"@one.test\r\n", &["one.test"]),
            ("From: ceo..x.@bank.test\r\n", &["bank.test"]),
            ("From: =?utf-8?Q?ceo=40bank.test?= Zoé <a@bücher.test>\r\n", &["xn--bcher-kva.test"]),
            ("From: <a @ one.test (there)>\r\n", &["one.test"]),
            ("From: a@One.test <noreply@one.test>\r\n", &["one.test"]),
            ("X-From: a@two.test\r\nFrom: a@one.test\r\nno field\r\n", &["one.test"]),
        ] {
            check(header, Ok(expected));
        }
        // Names in Latin-1.
        assert_eq!(author_domains(b"From: Zo\xe9 <a@one.test>\r\n"), Ok(vec!["one.test".to_owned()]));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for value in [
            "ceo@bank.test <a@one.test>",
            "ceo@bank.test a@one.test",
            "<ceo@bank.test> <a@one.test>",
            "<ceo@bank.test> a@one.test",
            "a@one.test <>",
            "<@bank.test:a@one.test>",
            "<@bank.test,@x.test:a@one.test>",
            "a@one.test@bank.test",
            "\"a\"@bank.test\"@one.test",
            "\"a@one.test",
            "(a@one.test",
            "a@one.test)",
            "a@one.test\\",
            "x: a@one.test;",
            "a@one.test; b@two.test",
            "a@one.test,",
            ", a@one.test",
            "a@one.test,,b@one.test",
            "a@one.test <b@one.test> c",
            "a@[192.0.2.1]",
            "a@localhost",
            "a@one .test",
            "a@one.test\u{a0}",
            "a@one.test\0",
            "a\r@one.test",
            "\"x\rFrom: ceo@bank.test\" <a@one.test>",
            "b <a@one.test",
            "b a@one.test>",
            "@one.test",
            "a@",
            "nobody",
            "",
        ] {
            check(&format!("From: {value}\r\n"), Err(AuthorsFault::Unclear));
        }
        check("From: a@one.test\r\nFROM : b@one.test\r\n", Err(AuthorsFault::Repeated));
        check("From:\r\nFrom:\r\nFrom: a@one.test\r\n", Err(AuthorsFault::Repeated));
        check("Sender: a@one.test\r\n\r\nFrom: b@two.test", Err(AuthorsFault::Missing));
        check("", Err(AuthorsFault::Missing));
        let many = vec!["a@one.test"; AUTHORS_MAX + 1].join(", ");
        check(&format!("From: {many}\r\n"), Err(AuthorsFault::TooMany));
    }

    /// Behind more fields than others look at.
    #[test]
    fn no_second_author_hides_behind_many_fields() {
        let hidden =
            format!("From: a@one.test\r\n{}From: ceo@bank.test\r\n\r\n", "X: y\r\n".repeat(super::super::FIELDS_MAX));
        check(&hidden, Err(AuthorsFault::Repeated));
    }
}
