//! What the DNS is asked and what it answered, as values: so that code without IO can name the look-ups it needs.
//!
//! Such code is called with the [`Answers`] that are known; it returns its result, or the [`Question`] it cannot go on
//! without. Whoever owns a resolver asks, adds the answer and calls again (`dns::Resolver::settle`). Nothing is asked here.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::name::Name;

/// One look-up. Names are A-labels in lower case, without the final dot ([`Question::name`] makes them so).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// The TXT records of a name.
    Txt(Name),
    /// The mail hosts of a domain, as its MX records say; a domain without MX records has none.
    Mx(Name),
    /// The IPv4 addresses of a host.
    A(Name),
    /// The IPv6 addresses of a host.
    Aaaa(Name),
    /// The names of an address.
    Ptr(IpAddr),
}

impl Question {
    /// A name in the form in which questions carry it.
    pub fn name(text: &str) -> Name {
        Name::from(text.trim_end_matches('.').to_ascii_lowercase())
    }

    /// The addresses of a host, of the family of `like`.
    pub fn addresses(host: &str, like: IpAddr) -> Question {
        let host = Question::name(host);
        if like.is_ipv4() { Question::A(host) } else { Question::Aaaa(host) }
    }
}

/// A TLSA record (RFC 6698 2.1): which certificate a service may show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// 0 and 1: bound to public authorities; 2: an authority of the domain's own; 3: the certificate itself.
    pub usage: u8,
    /// 0: the whole certificate, 1: its public key.
    pub selector: u8,
    /// 0: as it is, 1: SHA-256, 2: SHA-512.
    pub matching: u8,
    /// What it is compared with.
    pub data: Vec<u8>,
}

/// What the DNS said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Texts of TXT records, the strings of each joined.
    Texts(Vec<String>),
    /// Hosts (best preference first) or the names of an address.
    Names(Vec<Name>),
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// There is no such name, or no record of this type.
    Nothing,
    /// It could not be found out now, and why.
    Failed(String),
}

/// The answers known so far.
#[derive(Clone, Debug, Default)]
pub struct Answers(HashMap<Question, Answer>);

impl Answers {
    /// The answer to a question.
    ///
    /// # Errors
    /// The question itself, when it was not asked yet.
    pub fn to(&self, question: Question) -> Result<&Answer, Question> {
        self.0.get(&question).ok_or(question)
    }

    /// Adds an answer.
    pub fn insert(&mut self, question: Question, answer: Answer) {
        self.0.insert(question, answer);
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing was asked yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
