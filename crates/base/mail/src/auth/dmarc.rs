//! DMARC (RFC 9989): does somebody who speaks for the domain in `From` stand behind this message, and what if not.
//!
//! The policy and the organisational domain are found by the walk up the tree of RFC 9989 4.10, not by a list of
//! public suffixes.

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::dmarc::{Alignment, Dmarc, Policy, Psd};
use model::dns::{Answer, Answers, Question};
use serde::Serialize;

use super::{DkimResult, DkimVerdict, Letter, SpfResult, SpfVerdict};

/// Most names asked for in one walk (RFC 9989 4.10).
const WALK_MAX: usize = 8;

/// The results of RFC 9989 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcResult {
    /// The domain has no policy.
    None,
    /// SPF or DKIM passed for a domain that is aligned.
    Pass,
    /// Neither did.
    Fail,
    /// The DNS could not be asked now.
    TempError,
    /// There is no one author domain, or its policy cannot be understood.
    PermError,
}

/// What DMARC says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DmarcVerdict {
    /// The result.
    pub result: DmarcResult,
    /// What the domain asks receivers to do with what fails: `none`, `quarantine` or `reject`.
    pub policy: Option<&'static str>,
    /// `dkim`, `spf` or `dkim,spf`.
    pub aligned_by: Option<&'static str>,
    /// The domain in `From`.
    pub domain: String,
    /// Where its policy stands.
    pub policy_domain: Option<String>,
    /// Its organisational domain.
    pub organisation: Option<String>,
    /// Why it did not pass.
    pub reason: Option<String>,
}

impl DmarcVerdict {
    fn new(domain: String, result: DmarcResult, reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        DmarcVerdict { result, policy: None, aligned_by: None, domain, policy_domain: None, organisation: None, reason }
    }
}

/// Judges a message by the verdicts on its sender and its signatures.
///
/// # Errors
/// The question that has to be asked first.
pub fn dmarc(
    letter: &Letter<'_>,
    spf: &SpfVerdict,
    dkim: &[DkimVerdict],
    answers: &Answers,
) -> Result<DmarcVerdict, Question> {
    let mut authors = letter.author_domains();
    let domain = match (authors.pop(), authors.is_empty()) {
        (Some(domain), true) => domain,
        (None, _) => return Ok(DmarcVerdict::new(String::new(), DmarcResult::PermError, "there is no author in From")),
        (Some(_), false) => {
            let reason = "the authors in From are of several domains";
            return Ok(DmarcVerdict::new(String::new(), DmarcResult::PermError, reason));
        }
    };
    match judge(&domain, spf, dkim, answers) {
        Ok(verdict) => Ok(verdict),
        Err(Stop::Ask(question)) => Err(question),
        Err(Stop::Temporary(reason)) => Ok(DmarcVerdict::new(domain, DmarcResult::TempError, reason)),
    }
}

/// Whether a domain is of the same organisation as the one author domain of a message (relaxed alignment). None: the
/// message has none, or the DNS could not be asked.
///
/// # Errors
/// The question that has to be asked first.
pub fn is_aligned(letter: &Letter<'_>, domain: &str, answers: &Answers) -> Result<Option<bool>, Question> {
    let [author] = letter.author_domains().try_into().unwrap_or_else(|_| [String::new()]);
    if author.is_empty() {
        return Ok(None);
    }
    let aligned = Walk::up(&author, answers).and_then(|walk| {
        let author = Author { domain: &author, organisation: &walk.organisation(&author) };
        author.is_aligned(domain, Alignment::Relaxed, answers)
    });
    match aligned {
        Ok(aligned) => Ok(Some(aligned)),
        Err(Stop::Ask(question)) => Err(question),
        Err(Stop::Temporary(_)) => Ok(None),
    }
}

enum Stop {
    Ask(Question),
    Temporary(String),
}

impl From<Question> for Stop {
    fn from(question: Question) -> Self {
        Stop::Ask(question)
    }
}

fn judge(domain: &str, spf: &SpfVerdict, dkim: &[DkimVerdict], answers: &Answers) -> Result<DmarcVerdict, Stop> {
    let walk = Walk::up(domain, answers)?;
    let organisation = walk.organisation(domain);
    let Some((policy_domain, policy)) = walk.policy(domain, &organisation) else {
        return Ok(DmarcVerdict::new(domain.to_owned(), DmarcResult::None, "the domain has no policy"));
    };
    let Some(wanted) = wanted(policy, policy_domain == domain, exists(domain, answers)?) else {
        let reason = format!("the policy of {policy_domain} has neither p= nor rua=");
        return Ok(DmarcVerdict::new(domain.to_owned(), DmarcResult::None, reason));
    };
    let author = Author { domain, organisation: &organisation };
    let by_dkim = author.dkim(dkim, policy.adkim, answers)?;
    let by_spf = author.spf(spf, policy.aspf, answers)?;
    let (result, aligned_by) = match (by_dkim, by_spf) {
        (Aligned::Yes, Aligned::Yes) => (DmarcResult::Pass, Some("dkim,spf")),
        (Aligned::Yes, _) => (DmarcResult::Pass, Some("dkim")),
        (_, Aligned::Yes) => (DmarcResult::Pass, Some("spf")),
        (Aligned::Unknown, _) | (_, Aligned::Unknown) => (DmarcResult::TempError, None),
        (Aligned::No, Aligned::No) => (DmarcResult::Fail, None),
    };
    let reason = match result {
        DmarcResult::Pass => None,
        DmarcResult::TempError => Some("an aligned check could not be made now".to_owned()),
        _ => Some(format!("neither SPF nor DKIM passed for a domain aligned with {domain}")),
    };
    let (domain, policy_domain) = (domain.to_owned(), Some(policy_domain.to_owned()));
    let policy = Some(wanted);
    Ok(DmarcVerdict { result, policy, aligned_by, domain, policy_domain, organisation: Some(organisation), reason })
}

/// The policy records on the way from a domain to the root, the longest name first (RFC 9989 4.10).
struct Walk(Vec<(String, Dmarc)>);

impl Walk {
    fn up(domain: &str, answers: &Answers) -> Result<Walk, Stop> {
        let labels: Vec<&str> = domain.split('.').collect();
        let mut found = Vec::new();
        // Of a long name the full one is asked for, then only the last labels.
        let starts = std::iter::once(0).chain(labels.len().saturating_sub(WALK_MAX - 1).max(1)..labels.len());
        for start in starts {
            let name = labels[start..].join(".");
            let Some(record) = policy_of(&name, answers)? else { continue };
            let ends = matches!(record.psd, Psd::Yes | Psd::No);
            found.push((name, record));
            if ends {
                break;
            }
        }
        Ok(Walk(found))
    }

    /// RFC 9989 4.10.2.
    fn organisation(&self, domain: &str) -> String {
        for (name, record) in &self.0 {
            match record.psd {
                Psd::No => return name.clone(),
                Psd::Yes if name != domain => {
                    let rest = domain.strip_suffix(name.as_str()).unwrap_or_default().trim_end_matches('.');
                    let label = rest.rsplit('.').next().unwrap_or_default();
                    return format!("{label}.{name}");
                }
                _ => {}
            }
        }
        self.0.last().map_or_else(|| domain.to_owned(), |(name, _)| name.clone())
    }

    /// The record that applies: the domain's own, its organisation's, or that of the public suffix (RFC 9989 4.10.1).
    fn policy(&self, domain: &str, organisation: &str) -> Option<(&str, &Dmarc)> {
        let of = |wanted: &str| self.0.iter().find(|(name, _)| name == wanted);
        let (name, record) = of(domain).or_else(|| of(organisation)).or_else(|| self.0.last())?;
        Some((name, record))
    }
}

/// The one policy record at `_dmarc.NAME`; several are none (RFC 9989 4.10).
fn policy_of(name: &str, answers: &Answers) -> Result<Option<Dmarc>, Stop> {
    let asked = format!("_dmarc.{name}");
    match answers.to(Question::Txt(Question::name(&asked)))? {
        Answer::Texts(texts) => {
            let mut records = texts.iter().filter_map(|text| Dmarc::parse(text.as_bytes()).ok());
            let first = records.next();
            Ok(if records.next().is_some() { None } else { first })
        }
        Answer::Failed(reason) => Err(Stop::Temporary(format!("{asked}: {reason}"))),
        _ => Ok(None),
    }
}

/// Whether there is anything at the domain itself. Only a refusal of addresses and mail hosts counts as "nothing".
fn exists(domain: &str, answers: &Answers) -> Result<bool, Question> {
    let name = Question::name(domain);
    for question in [Question::A(name.clone()), Question::Aaaa(name.clone()), Question::Mx(name)] {
        if *answers.to(question)? != Answer::Nothing {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the record asks for (RFC 9989 4.7): `p`, or `sp`, or `np` for a domain that is not there. None: nothing.
fn wanted(record: &Dmarc, is_own: bool, exists: bool) -> Option<&'static str> {
    if record.p == Policy::Unspecified {
        return (!record.rua.is_empty()).then_some("none");
    }
    let policy = match (is_own, exists) {
        (true, _) => record.p,
        (false, true) => record.sp,
        (false, false) => record.np,
    };
    Some(match policy {
        Policy::Reject if record.t => "quarantine",
        Policy::Reject => "reject",
        Policy::Quarantine if !record.t => "quarantine",
        _ => "none",
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Aligned {
    Yes,
    No,
    /// The DNS could not be asked.
    Unknown,
}

/// The domain in `From`.
struct Author<'a> {
    domain: &'a str,
    organisation: &'a str,
}

impl Author<'_> {
    fn dkim(&self, verdicts: &[DkimVerdict], mode: Alignment, answers: &Answers) -> Result<Aligned, Stop> {
        let mut best = Aligned::No;
        for verdict in verdicts {
            let if_aligned = match verdict.result {
                DkimResult::Pass => Aligned::Yes,
                DkimResult::TempError => Aligned::Unknown,
                _ => continue,
            };
            if self.is_aligned(&verdict.domain, mode, answers)? {
                if if_aligned == Aligned::Yes {
                    return Ok(Aligned::Yes);
                }
                best = Aligned::Unknown;
            }
        }
        Ok(best)
    }

    fn spf(&self, verdict: &SpfVerdict, mode: Alignment, answers: &Answers) -> Result<Aligned, Stop> {
        let if_aligned = match verdict.result {
            SpfResult::Pass => Aligned::Yes,
            SpfResult::TempError => Aligned::Unknown,
            _ => return Ok(Aligned::No),
        };
        Ok(if self.is_aligned(&verdict.domain, mode, answers)? { if_aligned } else { Aligned::No })
    }

    /// RFC 9989 4.4: the same domain, or, where that is enough, the same organisation.
    fn is_aligned(&self, domain: &str, mode: Alignment, answers: &Answers) -> Result<bool, Stop> {
        let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_ascii_lowercase());
        if domain == self.domain {
            return Ok(true);
        }
        let below = domain == self.organisation
            || domain.strip_suffix(self.organisation).is_some_and(|rest| rest.ends_with('.'));
        if mode == Alignment::Strict || !below {
            return Ok(false);
        }
        Ok(Walk::up(&domain, answers)?.organisation(&domain) == self.organisation)
    }
}
