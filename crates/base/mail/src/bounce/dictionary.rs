//! The compiled dictionary and the look-up.

use model::category::{Category, Scope};
use model::name::Name;
use model::reply::{EnhancedStatus, Reply};
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::memo::{Memo, Question};
use super::rule::{CodePattern, EnhancedPattern, File, RawRule};
use super::{Failure, ReplyClass, TEXT_MAX, hint};

const BUILTIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../data/replies.toml"));

/// Memory that one set of expressions may use for the states of its automaton, in bytes.
const DFA_BYTES_MAX: usize = 8 << 20;

/// The compiled rules; made once at start, shared by reference.
///
/// Replies of one kind come by the thousand, so answers are remembered (see `memo`).
#[derive(Debug)]
pub struct Dictionary {
    entries: Vec<Entry>,
    expressions: RegexSet,
    /// Index of the entry behind each expression.
    expression_entries: Vec<usize>,
    blocklists: RegexSet,
    blocklist_names: Vec<Name>,
    memo: Memo,
}

/// One rule: its conditions, its meaning, its words.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name; stands in [`ReplyClass::template`].
    pub id: Name,
    /// The providers it belongs to; empty = all.
    pub provider: Vec<Name>,
    /// Counts only when the reply is known to come from one of these providers.
    pub strict: bool,
    /// Counts only when no rule by enhanced code fits.
    pub weak: bool,
    /// Bounce category.
    pub category: Category,
    /// Whom it concerns.
    pub scope: Scope,
    /// The same message will never be accepted for this recipient.
    pub hard: bool,
    /// The address itself is bad.
    pub suppress: bool,
    /// Wait before the next attempt, in seconds, when the reply names no time.
    pub wait_s: Option<u32>,
    /// The blocklist that this rule speaks of.
    pub blocklist: Option<Name>,
    /// What it means, in one English line.
    pub en: String,
    /// What it means, in one French line.
    pub fr: String,
    /// What to do, in English; may be empty.
    pub cure_en: String,
    /// What to do, in French; may be empty.
    pub cure_fr: String,
    /// Where this knowledge comes from.
    pub source: String,
    /// Reply lines that this rule must match (used by the linter).
    pub sample: Vec<String>,
    failure: Option<Failure>,
    codes: Vec<CodePattern>,
    enhanced: Vec<EnhancedPattern>,
    has_text: bool,
}

/// A dictionary file that cannot be used; names the entry.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// Not TOML, an unknown field or a value out of range.
    #[error("reply dictionary: {0}")]
    Syntax(#[from] toml::de::Error),
    /// An entry that contradicts itself.
    #[error("reply dictionary: entry {id:?} {problem}")]
    Entry {
        /// The entry's id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A regular expression that does not compile.
    #[error("reply dictionary: {0}")]
    Expression(#[from] regex::Error),
}

impl Dictionary {
    /// The dictionary that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads the same file.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).unwrap_or_else(|error| panic!("invariant: the built-in dictionary is tested: {error}"))
    }

    /// Reads a dictionary in the form of `data/replies.toml`.
    ///
    /// # Errors
    /// [`DictionaryError`] names the entry; the operator mends the file.
    pub fn parse(text: &str) -> Result<Self, DictionaryError> {
        let file: File = toml::from_str(text)?;
        let (mut entries, mut expressions, mut expression_entries) = (Vec::new(), Vec::new(), Vec::new());
        for raw in file.reply {
            let problem = |problem| DictionaryError::Entry { id: raw.id.clone(), problem };
            raw.check().map_err(problem)?;
            if let Some(expression) = raw.expression().map_err(problem)? {
                expressions.push(expression);
                expression_entries.push(entries.len());
            }
            if entries.iter().any(|known: &Entry| known.id == raw.id.as_str()) {
                return Err(problem("occurs twice".to_owned()));
            }
            entries.push(Entry::compile(raw)?);
        }
        Ok(Dictionary {
            entries,
            expressions: compile(&expressions)?,
            expression_entries,
            blocklists: compile(&file.blocklist.iter().map(|list| list.pattern.clone()).collect::<Vec<_>>())?,
            memo: Memo::default(),
            blocklist_names: file.blocklist.iter().map(|list| Name::from(list.name.as_str())).collect(),
        })
    }

    /// What a reply means; `provider` is the name of the provider it came from, where that is known.
    pub fn classify(&self, reply: &Reply, provider: Option<&str>) -> ReplyClass {
        let text = one_line(&reply.text);
        // A code in front is repeated now and then behind it ("550 5.7.1 550 5.1.1 …"): the text is searched as well.
        let status = reply.enhanced.or_else(|| hint::embedded_status(&text));
        let status = status.filter(|_| reply.code == 0 || reply.code >= 400);
        let question = Question::new(reply.code, status, provider, &text);
        let (place, blocklist) = self.memo.answer(question, || {
            let place = self.find(reply.code, status, &text, provider);
            let listed = || self.blocklists_in(&text).into_iter().next();
            (place, if reply.is_positive() { None } else { self.entries[place].blocklist.clone().or_else(listed) })
        });
        let entry = &self.entries[place];
        let permanent = reply.is_permanent() || (reply.code == 0 && status.is_none_or(|status| status.class == 5));
        let hard = entry.hard && permanent;
        ReplyClass {
            category: entry.category,
            family: entry.category.family(),
            scope: entry.scope,
            hard,
            suppress: hard && entry.suppress && blocklist.is_none(),
            wait_s: hint::wait_s(&text).or(entry.wait_s).filter(|_| !reply.is_positive() && !hard),
            blocklist,
            template: entry.id.clone(),
        }
    }

    /// What a line means that stands for a reply: `550 5.1.1 …`, `550-5.1.1 …`, or words without any code.
    pub fn classify_line(&self, line: &str, provider: Option<&str>) -> ReplyClass {
        self.classify(&hint::read_line(line), provider)
    }

    /// What a failure without a reply means.
    pub fn classify_failure(&self, failure: Failure) -> ReplyClass {
        let entry = self.entries.iter().find(|entry| entry.failure == Some(failure));
        let entry = entry.or(self.entries.last()).expect("invariant: a dictionary has a last rule");
        ReplyClass {
            category: entry.category,
            family: entry.category.family(),
            scope: entry.scope,
            hard: entry.hard,
            suppress: entry.suppress,
            wait_s: entry.wait_s,
            blocklist: None,
            template: entry.id.clone(),
        }
    }

    /// The entry of this id, for its explanation.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == *id)
    }

    /// All entries in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every blocklist that a text names, the most particular first.
    pub fn blocklists_in(&self, text: &str) -> Vec<Name> {
        let found = self.blocklists.matches(text.as_bytes());
        found.into_iter().map(|place| self.blocklist_names[place].clone()).collect()
    }

    /// Index of the first entry that fits, see the order in the module's documentation.
    fn find(&self, code: u16, status: Option<EnhancedStatus>, text: &str, provider: Option<&str>) -> usize {
        let found = self.expressions.matches(text.as_bytes());
        let texts: Vec<usize> = found.into_iter().map(|place| self.expression_entries[place]).collect();
        let native = |entry: &Entry| provider.is_some_and(|name| entry.provider.iter().any(|known| known == name));
        let general = |entry: &Entry| entry.provider.is_empty() || (provider.is_none() && !entry.strict);
        let foreign = |entry: &Entry| !entry.strict;
        let first = |weak: bool, wanted: &dyn Fn(&Entry) -> bool| {
            let fits = |entry: &Entry| entry.weak == weak && entry.codes_fit(code, status) && wanted(entry);
            texts.iter().copied().find(|&place| fits(&self.entries[place]))
        };
        let by_code = |with_status: bool| {
            self.entries.iter().position(|entry| {
                !entry.has_text
                    && entry.failure.is_none()
                    && entry.enhanced.is_empty() != with_status
                    && entry.codes_fit(code, status)
            })
        };
        first(false, &native)
            .or_else(|| first(false, &general))
            .or_else(|| first(false, &foreign))
            .or_else(|| by_code(true))
            .or_else(|| first(true, &|_| true))
            .or_else(|| by_code(false))
            .unwrap_or(self.entries.len() - 1)
    }
}

impl Entry {
    fn compile(raw: RawRule) -> Result<Self, DictionaryError> {
        let problem = |problem: String| DictionaryError::Entry { id: raw.id.clone(), problem };
        let mut codes = Vec::new();
        for code in &raw.code {
            codes.push(CodePattern::parse(code).ok_or_else(|| problem(format!("has a code {code:?}")))?);
        }
        let mut enhanced = Vec::new();
        for code in &raw.enhanced {
            enhanced
                .push(EnhancedPattern::parse(code).ok_or_else(|| problem(format!("has an enhanced code {code:?}")))?);
        }
        let wait_s = raw.wait.map(|wait| u32::try_from(wait.0.as_secs()).unwrap_or(u32::MAX));
        Ok(Entry {
            id: Name::from(raw.id.as_str()),
            provider: raw.provider.iter().map(|name| Name::from(name.as_str())).collect(),
            strict: raw.strict,
            weak: raw.weak,
            category: raw.category,
            scope: raw.scope,
            hard: raw.hard,
            suppress: raw.suppress,
            wait_s,
            blocklist: raw.blocklist.as_deref().map(Name::from),
            has_text: raw.pattern.is_some() || !raw.phrase.is_empty(),
            en: raw.en,
            fr: raw.fr,
            cure_en: raw.cure_en,
            cure_fr: raw.cure_fr,
            source: raw.source,
            sample: raw.sample,
            failure: raw.failure,
            codes,
            enhanced,
        })
    }

    /// Whether the conditions on the codes are met; none = always.
    fn codes_fit(&self, code: u16, status: Option<EnhancedStatus>) -> bool {
        let code_fits = self.codes.is_empty() || self.codes.iter().any(|pattern| pattern.fits(code));
        let status_fits = self.enhanced.is_empty()
            || status.is_some_and(|status| self.enhanced.iter().any(|pattern| pattern.fits(status)));
        code_fits && status_fits
    }
}

/// Bytes, not characters, and ASCII case folding: replies are seldom anything else, and the set stays small.
fn compile(expressions: &[String]) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(expressions).case_insensitive(true).unicode(false).dfa_size_limit(DFA_BYTES_MAX).build()
}

/// Lines joined, control characters and runs of spaces as one space, cut at [`TEXT_MAX`] bytes.
///
/// The enhanced code that servers repeat at the start of each further line is left out.
fn one_line(text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for (number, line) in text[..text.floor_char_boundary(TEXT_MAX)].split(['\n', '\r']).enumerate() {
        let mut of_line =
            line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).peekable();
        if number > 0 {
            of_line.next_if(|word| word.parse::<EnhancedStatus>().is_ok());
        }
        words.extend(of_line);
    }
    words.join(" ")
}
