//! Which recipients are meant: terms that all have to hold, as people type them and as programs send them.
//!
//! ```text
//! campaign:0cq2v7m9hk3xa domain:gmail.com older:2h
//! tenant=shop category=rate-limited state=scheduled
//! job:"spring sale: part 2" domain:gmail.com
//! ```
//! A value with spaces stands between double quotes (or single ones); a quotation mark or a backslash inside of them
//! stands behind a backslash.
//!
//! The words and their check; `core::search` walks. A term is either *lasting* (what the mail is: it can be told again
//! after a restart) or *passing* (where it happens to be now: source, state, attempts, category of the last reply).
//! Orders that stay in force are made of lasting terms alone.

use std::fmt;
use std::str::FromStr;

use model::category::Category;
use model::id::{CampaignId, MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;
use model::units::Span;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most recipients that one filter lists.
pub const LISTED_MAX: usize = 1_000;

model::names! {
    /// Where a recipient is, as a filter asks for it.
    #[derive(ToSchema)]
    Where {
        /// Waiting for its time, a route or room; held ones included.
        Scheduled "scheduled",
        /// Held by a person.
        Held "held",
        /// Waiting for its time alone.
        Waiting "waiting",
        /// Due, and waiting for a route or for room on a path.
        Due "due",
        /// Bound to a path.
        Ready "ready",
        /// Given to a session.
        InFlight "in-flight",
    }
}

/// Recipients for which all terms hold; without a term, everybody. In JSON an object with the terms as keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueueFilter)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// One of these recipients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipient: Vec<RecipientId>,
    /// Recipients of this message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// Recipients with this address. The queue keeps no addresses: the rows of its domain are read from the spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Mail of this campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// Mail of this job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Name>,
    /// Mail of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// Mail of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Name>,
    /// Mail that goes from this pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// Recipients of this domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Name>,
    /// Recipients whose domain is served by this site, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Name>,
    /// Recipients whose domain is served by this provider, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Name>,
    /// Accepted before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Accepted longer ago than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Span>,
    /// Bound to a path of this source, or given to one of its sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// The last reply was called this. Not known of replies before a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Where>,
    /// At least so many attempts were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u16>,
}

/// A text that is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There is no such term.
    #[error("{0:?} is not a term of a filter: write TERM:VALUE with one of {terms}", terms = Filter::TERMS.join(", "))]
    Term(String),
    /// The value does not fit the term.
    #[error("{term}:{value} cannot be read: {reason}")]
    Value {
        /// The term.
        term: &'static str,
        /// What stands behind it.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// A quotation mark has no end.
    #[error("a quotation mark has no second one behind it: {0}")]
    Quotes(String),
    /// The term stands there twice: all terms have to hold, and one recipient has one value.
    #[error("{0} stands there twice; all terms have to hold, so give it once")]
    Twice(&'static str),
    /// More recipients are listed than one filter takes.
    #[error("more than {LISTED_MAX} recipients are listed: use what they have in common")]
    TooMany,
}

impl Filter {
    /// Every term, as it is written.
    pub const TERMS: [&str; 17] = [
        "recipient",
        "message",
        "address",
        "campaign",
        "job",
        "tenant",
        "stream",
        "pool",
        "domain",
        "site",
        "provider",
        "before",
        "older",
        "source",
        "category",
        "state",
        "attempts",
    ];

    /// Reads `term:value` or `term=value` words.
    ///
    /// # Errors
    /// [`FilterError`] points at the word; the person writes it anew.
    pub fn parse<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Result<Self, FilterError> {
        let mut filter = Filter::default();
        for word in words {
            filter.add(word.as_ref())?;
        }
        Ok(filter)
    }

    fn add(&mut self, word: &str) -> Result<(), FilterError> {
        let shown = || word.chars().take(80).collect::<String>();
        let (term, value) = word.split_once([':', '=']).ok_or_else(|| FilterError::Term(shown()))?;
        let value = value.trim();
        let known = Filter::TERMS.into_iter().find(|known| *known == term);
        let term = known.ok_or_else(|| FilterError::Term(shown()))?;
        match term {
            "recipient" => {
                for id in value.split(',') {
                    self.recipient.push(read(term, id.trim())?);
                }
                if self.recipient.len() > LISTED_MAX { Err(FilterError::TooMany) } else { Ok(()) }
            }
            "message" => once(term, &mut self.message, read(term, value)?),
            "campaign" => once(term, &mut self.campaign, read(term, value)?),
            "address" => once(term, &mut self.address, address(value)?),
            "job" => once(term, &mut self.job, name(term, value)?),
            "tenant" => once(term, &mut self.tenant, name(term, value)?),
            "stream" => once(term, &mut self.stream, name(term, value)?),
            "pool" => once(term, &mut self.pool, name(term, value)?),
            "domain" => once(term, &mut self.domain, name(term, &value.to_ascii_lowercase())?),
            "site" => once(term, &mut self.site, name(term, &value.to_ascii_lowercase())?),
            "provider" => once(term, &mut self.provider, name(term, value)?),
            "source" => once(term, &mut self.source, name(term, value)?),
            "before" => once(term, &mut self.before, read_json(term, value, "a time such as 2026-09-21T14:00:00Z")?),
            "older" => once(term, &mut self.older, read(term, value)?),
            "category" => once(term, &mut self.category, one_of(term, value, Category::ALL, Category::as_str)?),
            "state" => once(term, &mut self.state, one_of(term, value, Where::ALL, Where::as_str)?),
            _ => once(term, &mut self.attempts, read(term, value)?),
        }
    }

    /// True when there is no term: everybody is meant.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// The terms that only tell where mail is at the moment; an order that stays in force cannot have them.
    pub fn passing(&self) -> Vec<&'static str> {
        let terms = [
            ("source", self.source.is_some()),
            ("category", self.category.is_some()),
            ("state", self.state.is_some()),
            ("attempts", self.attempts.is_some()),
        ];
        terms.into_iter().filter(|(_, there)| *there).map(|(term, _)| term).collect()
    }

    /// Checks what the form alone cannot.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn validate(&self) -> Result<(), FilterError> {
        if self.recipient.len() > LISTED_MAX {
            return Err(FilterError::TooMany);
        }
        self.address.as_deref().map_or(Ok(()), |text| address(text).map(drop))
    }

    /// The same with `older` as the time it means now, so that it means the same later, and listed recipients in order,
    /// so that each is found quickly.
    #[must_use]
    pub fn fixed(mut self, now: Timestamp) -> Self {
        self.recipient.sort_unstable();
        self.recipient.dedup();
        if let Some(older) = self.older.take() {
            let before = now.minus(older.0);
            self.before = Some(self.before.map_or(before, |other| other.min(before)));
        }
        self
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Words apart, quoted ones whole. One that is no term goes on with the name before it: `job:spring sale
    /// domain:gmail.com`.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        const NAMES: [&str; 6] = ["job:", "tenant:", "stream:", "pool:", "provider:", "source:"];
        // A quoted name is whole, and a quoted word no rest of another.
        let mut words: Vec<(String, bool)> = Vec::new();
        for (word, quoted) in split(text)? {
            match words.last_mut() {
                Some((name, false))
                    if !quoted && !word.contains([':', '=']) && NAMES.iter().any(|term| name.starts_with(term)) =>
                {
                    name.push(' ');
                    name.push_str(&word);
                }
                _ => words.push((word, quoted)),
            }
        }
        Filter::parse(words.into_iter().map(|(word, _)| word))
    }
}

/// The words of a text, each with whether some of it was quoted: quotation marks are gone, what stood between them is whole.
fn split(text: &str) -> Result<Vec<(String, bool)>, FilterError> {
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut letters = text.trim().chars().peekable();
    while letters.peek().is_some() {
        let (mut word, mut quoted) = (String::new(), false);
        while let Some(letter) = letters.next_if(|letter| !letter.is_whitespace()) {
            // Inside of a word it is an apostrophe.
            let opens = letter == '"' || letter == '\'' && (word.is_empty() || word.ends_with([':', '=']));
            if !opens {
                word.push(letter);
                continue;
            }
            quoted = true;
            let missing = || FilterError::Quotes(text.chars().take(80).collect());
            loop {
                match letters.next().ok_or_else(missing)? {
                    end if end == letter => break,
                    '\\' => word.push(letters.next().ok_or_else(missing)?),
                    inside => word.push(inside),
                }
            }
        }
        words.push((word, quoted));
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok(words)
}

/// A value as it is read again: between quotation marks where it would else be taken apart.
fn as_word(value: &str) -> String {
    if !value.contains(char::is_whitespace) && !value.contains(['"', '\'', '\\']) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As its text is read; "everything" without a term. Of many recipients three are shown, with `{:#}` all.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("everything");
        }
        let mut words: Vec<String> = Vec::new();
        if !self.recipient.is_empty() {
            let most = if f.alternate() { LISTED_MAX } else { 3 };
            let shown: Vec<String> = self.recipient.iter().take(most).map(ToString::to_string).collect();
            let more = if self.recipient.len() > most { ",…" } else { "" };
            words.push(format!("recipient:{}{more}", shown.join(",")));
        }
        let mut say = |term: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("{term}:{}", as_word(&value))));
        };
        let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
        say("message", self.message.map(|id| id.to_string()));
        say("address", self.address.clone());
        say("campaign", self.campaign.map(|id| id.to_string()));
        say("job", text(&self.job));
        say("tenant", text(&self.tenant));
        say("stream", text(&self.stream));
        say("pool", text(&self.pool));
        say("domain", text(&self.domain));
        say("site", text(&self.site));
        say("provider", text(&self.provider));
        say("before", self.before.map(|at| at.to_string()));
        say("older", self.older.map(|span| span.to_string()));
        say("source", text(&self.source));
        say("category", self.category.map(|category| category.to_string()));
        say("state", self.state.map(|state| state.to_string()));
        say("attempts", self.attempts.map(|count| count.to_string()));
        f.write_str(&words.join(" "))
    }
}

fn refuse(term: &'static str, value: &str, reason: impl fmt::Display) -> FilterError {
    FilterError::Value { term, value: value.chars().take(80).collect(), reason: reason.to_string() }
}

fn once<T>(term: &'static str, place: &mut Option<T>, value: T) -> Result<(), FilterError> {
    if place.replace(value).is_some() { Err(FilterError::Twice(term)) } else { Ok(()) }
}

fn read<T: FromStr<Err: fmt::Display>>(term: &'static str, value: &str) -> Result<T, FilterError> {
    value.parse().map_err(|error| refuse(term, value, error))
}

fn read_json<T: for<'de> Deserialize<'de>>(term: &'static str, value: &str, expected: &str) -> Result<T, FilterError> {
    serde_json::from_value(serde_json::Value::from(value)).map_err(|_| refuse(term, value, format!("write {expected}")))
}

fn name(term: &'static str, value: &str) -> Result<Name, FilterError> {
    match value.len() {
        0 => Err(refuse(term, value, "a name is missing")),
        1..=Name::LEN_MAX => Ok(Name::from(value)),
        _ => Err(refuse(term, value, format!("longer than {} bytes", Name::LEN_MAX))),
    }
}

fn address(value: &str) -> Result<String, FilterError> {
    let whole = value.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if whole && value.len() <= 320 { Ok(value.to_owned()) } else { Err(refuse("address", value, "write local@domain")) }
}

fn one_of<T: Copy>(
    term: &'static str,
    value: &str,
    all: &'static [T],
    text: fn(T) -> &'static str,
) -> Result<T, FilterError> {
    all.iter().copied().find(|known| text(*known) == value).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|known| text(*known)).collect();
        refuse(term, value, format!("write one of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let found = text.parse::<Filter>();
        let shown = found.as_ref().map(ToString::to_string).map_err(ToString::to_string);
        assert_eq!(shown, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        if let Ok(filter) = found {
            let json = serde_json::to_string(&filter).unwrap();
            assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter, "{json}");
            filter.validate().unwrap();
        }
    }

    fn unknown(word: &str) -> String {
        format!("{word:?} is not a term of a filter: write TERM:VALUE with one of {}", Filter::TERMS.join(", "))
    }

    proptest::proptest! {
        /// What is written is read as the same, whatever the names are made of; no text is too strange to be read.
        #[test]
        fn what_is_written_is_read(job in "\\PC{1,30}", tenant in "[ \"'\\\\:=a]{1,12}", text in "\\PC{0,60}") {
            let name = |text: &str| Some(Name::from(text.trim())).filter(|name| !name.is_empty());
            let filter = Filter { job: name(&job), tenant: name(&tenant), ..Filter::default() };
            if !filter.is_empty() {
                proptest::prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
            }
            let _ = text.parse::<Filter>();
        }
    }

    #[test]
    fn filters_are_read_and_written() {
        check("", Ok("everything"));
        check("domain=GMail.com tenant:shop older:2h", Ok("tenant:shop domain:gmail.com older:2h"));
        check("recipient:0cq2v7m9hk3xa,0cq2v7m9hk3xb", Ok("recipient:0cq2v7m9hk3xa,0cq2v7m9hk3xb"));
        check("category:rate-limited state:held attempts:3", Ok("category:rate-limited state:held attempts:3"));
        check("address:zoe@example.org source:ip-1", Ok("address:zoe@example.org source:ip-1"));
        check("before:2026-09-21T14:00:00Z", Ok("before:2026-09-21T14:00:00.000000Z"));
        check("job:a:b", Ok("job:a:b"));
        check("job:spring sale older:1h", Ok("job:\"spring sale\" older:1h"));
        check(r#"job:"spring sale: part 2" tenant:shop"#, Ok(r#"job:"spring sale: part 2" tenant:shop"#));
        check(r#"tenant='l\'atelier "x"' job:a=b"#, Ok(r#"job:a=b tenant:"l'atelier \"x\"""#));
        check(r#"job:"back\\slash" job2"#, Err(&unknown("job2")));
        check(r#""job:two words""#, Ok(r#"job:"two words""#));
        check("tenant:l'atelier", Ok(r#"tenant:"l'atelier""#));
    }

    #[test]
    fn mistakes_are_pointed_at() {
        check("gmail.com", Err(&unknown("gmail.com")));
        check("mx:a", Err(&unknown("mx:a")));
        check(r#"job:"spring"#, Err(r#"a quotation mark has no second one behind it: job:"spring"#));
        check(r#"job:"\"#, Err(r#"a quotation mark has no second one behind it: job:"\"#));
        let older = "older:2 weeks".replace(' ', "");
        check(
            &older,
            Err("older:2weeks cannot be read: \"2weeks\" is not a length of time such as \"30s\", \"5m\" or \"4d12h\""),
        );
        check("domain:", Err("domain: cannot be read: a name is missing"));
        check("domain:a domain:b", Err("domain stands there twice; all terms have to hold, so give it once"));
        check("address:zoe", Err("address:zoe cannot be read: write local@domain"));
        let states = "scheduled, held, waiting, due, ready, in-flight";
        check("state:lost", Err(&format!("state:lost cannot be read: write one of {states}")));
        check("message:x", Err("message:x cannot be read: not an id (thirteen letters and digits): \"x\""));
    }

    #[test]
    fn passing_terms_are_told() {
        let filter: Filter = "tenant:a source:b state:ready".parse().unwrap();
        assert_eq!(filter.passing(), ["source", "state"]);
    }
}
